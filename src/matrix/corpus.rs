//! The golden corpus in `tests/corpus/matrix`: events in the shapes that clients of today write and what they become, and values
//! of ours and the events they become. With `WHARF_WRITE_CORPUS=1` what is said there is written anew, to be read
//! before it is kept.

use std::{fs, path::Path};

use ruma::{OwnedEventId, OwnedMxcUri};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::to_raw_value};

use super::{
    html::Pill,
    incoming::{self, Incoming, Said},
    outgoing::{self, Around, Thread},
};
use crate::model::{Content, Say, Sender};

/// Compares what each case of a folder becomes with what stands there.
fn holds(folder: &str, becomes: impl Fn(&Map<String, Value>) -> Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus/matrix")
        .join(folder);
    let anew = std::env::var_os("WHARF_WRITE_CORPUS").is_some();
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let mut cases: Vec<Map<String, Value>> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for case in &mut cases {
            count += 1;
            let found = becomes(case);
            if anew {
                case.insert("becomes".into(), found);
            } else {
                assert_eq!(
                    Some(&found),
                    case.get("becomes"),
                    "{}: {}",
                    path.display(),
                    case["about"]
                );
            }
        }
        if anew {
            fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&cases).unwrap())).unwrap();
        }
    }
    assert!(count > 30, "{count} cases");
}

/// Without what is empty: that is how the corpus is read by people.
fn tidy(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, tidy(value)));
            let said = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]);
            fields.filter(|(_, value)| said(value)).collect()
        }
        Value::Array(values) => values.into_iter().map(tidy).collect(),
        other => other,
    }
}

fn shown(said: &Said) -> Value {
    let called = said
        .called
        .iter()
        .map(|it| json!({"token": it.token, "user": it.user, "name": it.name}));
    let answers = said.answers.iter().map(|it| json!({"id": it.id, "option": it.option}));
    let picture = said.picture.as_ref();
    let picture =
        picture.map(|it| json!({"source": it.source, "mime": it.mime, "width": it.width, "height": it.height}));
    tidy(json!({
        "content": said.content,
        "called": called.collect::<Vec<_>>(),
        "reply_to": said.reply_to,
        "thread": said.thread,
        "forwarded": said.forwarded,
        "picture": picture,
        "answers": answers.collect::<Vec<_>>(),
    }))
}

#[test]
fn events_of_real_clients_become_what_the_corpus_says() {
    holds("read", |case| {
        match incoming::read(&to_raw_value(&case["event"]).unwrap()).unwrap() {
            Incoming::Say(said) => json!({"say": shown(&said)}),
            Incoming::Notice(said) => json!({"notice": shown(&said)}),
            Incoming::Edit { target, said, .. } => json!({"edit": shown(&said), "target": target}),
            Incoming::React { target, key } => json!({"react": key, "target": target}),
            Incoming::Redact { target } => json!({"redact": target}),
            Incoming::Vote { poll, answers } => json!({"vote": answers, "poll": poll}),
            Incoming::Moved { share, said } => json!({"moved": shown(&said), "share": share}),
            Incoming::EndPoll { poll, words } => json!({"end": poll, "words": words}),
            Incoming::Pins { pinned, unpinned } => json!({"pinned": pinned, "unpinned": unpinned}),
            other => json!(format!("{other:?}")),
        }
    });
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Surroundings {
    reply_to: Option<OwnedEventId>,
    quote: Option<String>,
    thread: Option<OwnedEventId>,
    picture: Option<OwnedMxcUri>,
    cards: Option<OwnedMxcUri>,
    accept: Option<String>,
}

fn ghost(who: &Sender) -> Option<Pill> {
    let Sender::Contact(contact) = who else { return None };
    let digits = contact.as_str().split('@').next()?;
    Some(Pill {
        user: format!("@whatsapp_{digits}:hs.test").try_into().ok()?,
        name: "Ana".into(),
    })
}

#[test]
fn values_become_the_events_that_the_corpus_says() {
    holds("write", |case| {
        let around = case.get("around").cloned().unwrap_or_else(|| json!({}));
        let around: Surroundings = serde_json::from_value(around).unwrap();
        let around = Around {
            reply_to: around.reply_to.as_deref(),
            quote: around.quote.as_deref(),
            thread: around.thread.as_deref().map(|root| Thread { root, latest: None }),
            pill: &ghost,
            picture: around.picture.as_deref(),
            cards: around.cards.as_deref(),
            accept: around.accept.as_deref(),
        };
        let messages = if let Some(content) = case.get("edit") {
            let content: Content = serde_json::from_value(content.clone()).unwrap();
            let target: OwnedEventId = serde_json::from_value(case["target"].clone()).unwrap();
            outgoing::edit(&[&*target], content.event_kind(), &Say::new(content.clone()), &around)
        } else {
            let say: Say = serde_json::from_value(case["say"].clone()).unwrap();
            outgoing::say(&say, &around)
        };
        let events = messages
            .into_iter()
            .map(|it| json!({"type": it.event_type, "content": it.content}));
        events.collect()
    });
}
