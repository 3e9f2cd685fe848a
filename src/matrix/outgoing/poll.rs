//! Polls, votes and their end (MSC3381), with words for clients that show none.

use std::fmt::Write;

use ruma::EventId;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Message, told::moment, words::clipped};
use crate::model::Poll;

/// The type of a poll, and the name of what is asked in its content.
pub(super) const START: &str = "org.matrix.msc3381.poll.start";
/// A vote.
pub(super) const RESPONSE: &str = "org.matrix.msc3381.poll.response";
/// The words for clients that know no polls.
pub(super) const WORDS: &str = "org.matrix.msc1767.text";
/// A poll has at most so many answers (MSC3381); others stand in the words only.
const MOST_ANSWERS: usize = 20;
/// A question or option longer than this is cut.
const LONGEST: usize = 512;

/// What votes call an option of ours.
pub(crate) fn answer_id(option: &str) -> String {
    hex::encode(&Sha256::digest(option.as_bytes())[..16])
}

/// The event of a poll; what it answers stands over the question.
pub(super) fn start(poll: &Poll, quote: Option<&str>) -> Message {
    let mut question = clipped(&poll.question, LONGEST);
    let mut words = format!("📊 {question}");
    if let Some(quote) = quote {
        question = format!("{quote}\n{question}");
        words = format!("{quote}\n{words}");
    }
    for (number, option) in (1..).zip(&poll.options) {
        if write!(words, "\n{number}. {}", clipped(option, LONGEST)).is_err() || words.len() > 8 * LONGEST {
            break;
        }
    }
    if let Some(end) = poll.ends_at {
        // Writing to a string cannot fail.
        let _ = write!(words, "\nVotes count until {}.", moment(end));
    }
    let answer = |(place, option): (usize, &String)| {
        let id = poll.answers.get(place).cloned().unwrap_or_else(|| answer_id(option));
        json!({"id": id, "org.matrix.msc1767.text": clipped(option, LONGEST)})
    };
    let answers: Vec<Value> = poll.options.iter().take(MOST_ANSWERS).enumerate().map(answer).collect();
    let most = match usize::try_from(poll.choices) {
        Ok(0) | Err(_) => answers.len(),
        Ok(some) => some.min(answers.len()),
    };
    Message {
        event_type: START,
        content: json!({
            "body": words,
            "m.mentions": {},
            WORDS: words,
            START: {
                "kind": "org.matrix.msc3381.poll.disclosed",
                "max_selections": most.max(1),
                "question": {"msgtype": "m.text", "body": question, "org.matrix.msc1767.text": question},
                "answers": answers,
            },
        }),
    }
}

/// A vote in a poll, by the ids of its answers. It replaces the voter's one before.
pub(crate) fn vote(poll: &EventId, answers: &[String]) -> Message {
    Message {
        event_type: RESPONSE,
        content: json!({
            "m.relates_to": {"rel_type": "m.reference", "event_id": poll},
            RESPONSE: {"answers": answers},
        }),
    }
}

/// The end of a poll; `results` is what it says to people.
pub(crate) fn poll_end(poll: &EventId, results: &str) -> Message {
    let results = clipped(results, 8 * LONGEST);
    Message {
        event_type: "org.matrix.msc3381.poll.end",
        content: json!({
            "m.relates_to": {"rel_type": "m.reference", "event_id": poll},
            "body": results,
            "m.mentions": {},
            "org.matrix.msc1767.text": results,
            "org.matrix.msc3381.poll.end": {},
        }),
    }
}

/// The result of a poll in words: every option with its votes, the most first.
pub(crate) fn poll_results(question: &str, votes: &[(&str, usize)]) -> String {
    let mut votes = votes.to_vec();
    votes.sort_by_key(|(_, votes)| std::cmp::Reverse(*votes));
    let lines = votes.iter().map(|(option, votes)| {
        let word = if *votes == 1 { "vote" } else { "votes" };
        format!("{}: {votes} {word}", clipped(option, LONGEST))
    });
    let first = format!("The poll “{}” is over.", clipped(question, LONGEST));
    [first].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}
