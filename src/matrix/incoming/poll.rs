//! Polls, votes and their end (MSC3381), under the unstable names that clients use and the stable ones.

use serde_json::Value;

use super::{
    Answer, Incoming, Said,
    fields::{Fields, Relation, clean, first, small},
};
use crate::model::{Content, Poll};

/// A poll has at most so many answers (MSC3381).
const MOST_ANSWERS: usize = 20;

/// Reads a poll.
pub(super) fn start(content: &Fields) -> Said {
    let names = ["org.matrix.msc3381.poll.start", "m.poll.start", "m.poll"];
    let found = first(content, &names).and_then(Value::as_object).and_then(poll);
    let Some((poll, answers)) = found else {
        return Said::new(Content::Unsupported("poll without a question".into()));
    };
    Said {
        answers,
        ..Said::new(Content::Poll(poll))
    }
}

fn poll(start: &Fields) -> Option<(Poll, Vec<Answer>)> {
    let question = shown(start.get("question")?)?;
    let given = start.get("answers")?.as_array()?.iter().take(MOST_ANSWERS);
    let mut answers: Vec<Answer> = Vec::new();
    for answer in given.filter_map(Value::as_object) {
        let id = first(answer, &["id", "m.id"]).and_then(Value::as_str);
        let (Some(id), Some(option)) = (id, shown_in(answer)) else {
            continue;
        };
        if answers.iter().all(|known| known.id != id) {
            let option = unlike(&answers, option);
            answers.push(Answer { id: clean(id), option });
        }
    }
    let options: Vec<_> = answers.iter().map(|answer| answer.option.clone()).collect();
    let most = small(start, "max_selections").unwrap_or(1).max(1);
    let all = usize::try_from(most).is_ok_and(|most| most > 1 && most >= options.len());
    let poll = Poll {
        question,
        options,
        choices: if all { 0 } else { most },
        answers: Vec::new(),
        ends_at: None,
    };
    (!poll.options.is_empty()).then_some((poll, answers))
}

/// The option, or if there is one like it, with a number.
fn unlike(answers: &[Answer], option: String) -> String {
    let is_free = |option: &String| answers.iter().all(|answer| &answer.option != option);
    if is_free(&option) {
        return option;
    }
    let mut numbered = (2..).map(|number| format!("{option} ({number})"));
    numbered.find(is_free).unwrap_or(option)
}

/// Text in any of the shapes that extensible events had.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(clean(text)).filter(|text| !text.trim().is_empty()),
        // Several representations of the same: the plain one, where one is.
        Value::Array(all) => {
            let kind = |it: &&Value| it.get("mimetype").and_then(Value::as_str).unwrap_or("text/plain") == "text/plain";
            shown(all.iter().find(kind).or(all.first())?.get("body")?)
        }
        Value::Object(fields) => shown_in(fields),
        _ => None,
    }
}

fn shown_in(fields: &Fields) -> Option<String> {
    let names = [
        "m.text",
        "org.matrix.msc1767.text",
        "m.message",
        "org.matrix.msc1767.message",
        "body",
    ];
    names.iter().find_map(|name| match fields.get(*name)? {
        Value::Object(_) => None,
        value => shown(value),
    })
}

/// Reads a vote.
pub(super) fn vote(content: &Fields) -> Incoming {
    let Some(poll) = Relation::of(content).to("m.reference").cloned() else {
        return Incoming::Ignored("vote in no poll");
    };
    let names = ["org.matrix.msc3381.poll.response", "m.poll.response"];
    let chosen = first(content, &names)
        .and_then(|it| it.get("answers"))
        .or_else(|| content.get("m.selections"));
    let chosen = chosen.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut answers: Vec<String> = Vec::new();
    for id in chosen.iter().take(MOST_ANSWERS).filter_map(Value::as_str).map(clean) {
        if !answers.contains(&id) {
            answers.push(id);
        }
    }
    Incoming::Vote { poll, answers }
}

/// Reads the end of a poll.
pub(super) fn end(content: &Fields) -> Incoming {
    match Relation::of(content).to("m.reference") {
        Some(poll) => Incoming::EndPoll {
            poll: poll.clone(),
            words: shown_in(content),
        },
        None => Incoming::Ignored("end of no poll"),
    }
}
