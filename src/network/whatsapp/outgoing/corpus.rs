//! What clients of Matrix write, as it goes over the wire: each content of `tests/corpus/matrix/read` with the message that
//! phones get, in `tests/corpus/sent`. With `WHARF_BLESS` set, the messages are written anew; whoever does that reads the
//! difference.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::{tests, *};
use crate::model::{Content, MediaSource};

/// What somebody says by an event, with files where WhatsApp has them.
fn said(case: &Map<String, Value>) -> Option<Action> {
    let becomes = &case["becomes"];
    let (content, target) = match (&becomes["say"]["content"], &becomes["edit"]["content"]) {
        (Value::Object(content), _) => (content, false),
        (_, Value::Object(content)) => (content, true),
        _ => return None,
    };
    let mut content: Content = serde_json::from_value(Value::Object(content.clone()))
        .unwrap_or_else(|error| panic!("{}: {error}: {content:?}", case["about"]));
    if let Content::Media(media) = &mut content {
        media.source = MediaSource::Network(tests::stored(media.kind).into_ref());
    }
    Some(if target {
        Action::Edit {
            target: tests::target(Sender::Owner),
            content,
        }
    } else {
        Action::Say(Say::new(content))
    })
}

/// Of a message only what is set.
fn set(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| (name, set(value))).collect()
        }
        other => other,
    }
}

#[test]
fn what_clients_of_matrix_write_becomes_the_messages_of_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let anew = std::env::var_os("WHARF_BLESS").is_some();
    let mut count = 0;
    for file in fs::read_dir(corpus.join("matrix/read")).unwrap() {
        let path = file.unwrap().path();
        let cases: Vec<Map<String, Value>> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut sent = Vec::new();
        for case in &cases {
            let Some(action) = said(case) else { continue };
            let becomes = match write(&action, &tests::direct()) {
                Ok(message) => set(serde_json::to_value(message).unwrap()),
                Err(error) => json!({ "refused": error.to_string() }),
            };
            sent.push(json!({ "about": case["about"], "becomes": becomes }));
        }
        count += sent.len();
        let golden = corpus.join("sent").join(path.file_name().unwrap());
        if anew {
            fs::write(&golden, format!("{}\n", serde_json::to_string_pretty(&sent).unwrap())).unwrap();
        } else {
            let kept: Vec<Value> = serde_json::from_str(&fs::read_to_string(&golden).unwrap()).unwrap();
            assert_eq!(sent, kept, "{}", golden.display());
        }
    }
    assert!(count > 30, "{count} cases");
}
