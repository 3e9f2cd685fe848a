//! What people do, as it goes over the wire: the messages that phones get, in `tests/corpus/sent`. One file for each client
//! of Matrix, from what its events become (`tests/corpus/matrix/read`), and `acts.json`, which holds the actions itself.
//! With `WHARF_BLESS` set, the messages are written anew; whoever does that reads the difference.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};
use whatsapp_rust::{
    buffa::Message as _,
    wacore::{
        comment, event, poll, reaction,
        secret_enc_addon::{AddonContext, ModificationType, decrypt_addon},
    },
};

use super::{tests, *};
use crate::model::{Content, MediaSource};

/// Who asked what is answered, and who answers.
const ASKED: &str = "42@lid";
const ANSWERS: &str = "15550009999@s.whatsapp.net";
/// What answers are sealed with.
const SECRET: [u8; 32] = [7; 32];

/// What somebody does by an event, with files where WhatsApp has them.
fn done(case: &Map<String, Value>) -> Vec<Action> {
    let becomes = &case["becomes"];
    let theirs = || tests::target(Sender::Contact(ContactId::from_adapter("15550001111")));
    let content = |content: &Value| {
        let mut content: Content = serde_json::from_value(content.clone())
            .unwrap_or_else(|error| panic!("{}: {error}: {content:?}", case["about"]));
        if let Content::Media(media) = &mut content {
            media.source = MediaSource::Network(tests::stored(media.kind).into_ref());
        }
        content
    };
    let there = |field: &str| becomes.get(field).filter(|value| !value.is_null());
    if let Some(said) = there("say").and_then(|said| said.get("content")) {
        return vec![Action::Say(Say::new(content(said)))];
    }
    if let Some(said) = there("edit").and_then(|said| said.get("content")) {
        let target = tests::target(Sender::Owner);
        let content = content(said);
        return vec![Action::Edit { target, content }];
    }
    if let Some(mark) = there("react") {
        let emoji = mark.as_str().map(str::to_owned);
        return vec![Action::React {
            target: theirs(),
            emoji,
        }];
    }
    if there("redact").is_some() {
        let target = tests::target(Sender::Owner);
        return vec![Action::Delete { target }];
    }
    if let Some(answers) = there("vote") {
        let options = serde_json::from_value(answers.clone()).unwrap();
        return vec![Action::Vote {
            poll: theirs(),
            options,
        }];
    }
    if there("end").is_some() {
        return vec![Action::EndPoll { poll: theirs() }];
    }
    let pins = [("pinned", true), ("unpinned", false)]
        .into_iter()
        .flat_map(|(field, pinned)| {
            let several = becomes.get(field).and_then(Value::as_array).into_iter().flatten();
            several.map(move |_| pinned)
        });
    pins.map(|pinned| Action::Pin {
        target: theirs(),
        pinned,
        seconds: pinned.then_some(604_800),
    })
    .collect()
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

/// The message of an action. What is sealed in it looks different each time: what its reader finds stands there instead.
fn written(action: &Action, desk: &Desk) -> Value {
    let mut message = match write(action, desk) {
        Ok(message) => message,
        Err(error) => return json!({ "refused": error.to_string() }),
    };
    let sealed = opened(&mut message);
    let mut becomes = set(serde_json::to_value(message).unwrap());
    if let Some(sealed) = sealed {
        becomes["sealed"] = sealed;
    }
    becomes
}

/// Opens what is sealed in a message, and takes it out.
fn opened(message: &mut wa::Message) -> Option<Value> {
    const ID: &str = "3EB0AA";
    let taken = |payload: &mut Option<Vec<u8>>, iv: &mut Option<Vec<u8>>| (payload.take().unwrap(), iv.take().unwrap());
    if let Some(vote) = message
        .poll_update_message
        .as_option_mut()
        .map(|update| &mut update.vote)
    {
        let vote = vote.as_option_mut().unwrap();
        let (enc_payload, enc_iv) = taken(&mut vote.enc_payload, &mut vote.enc_iv);
        let sealed = poll::PollVoteCiphertext {
            enc_payload: &enc_payload,
            enc_iv: &enc_iv,
        };
        let options = poll::decrypt_poll_vote_with_secret(sealed, &SECRET, ID, ASKED, ANSWERS).unwrap();
        return Some(options.iter().map(hex::encode).collect());
    }
    if let Some(answer) = message.enc_event_response_message.as_option_mut() {
        let (payload, iv) = taken(&mut answer.enc_payload, &mut answer.enc_iv);
        let answer = event::decrypt_event_response_with_secret(&payload, &iv, &SECRET, ID, ASKED, ANSWERS);
        return Some(set(serde_json::to_value(answer.unwrap()).unwrap()));
    }
    if let Some(mark) = message.enc_reaction_message.as_option_mut() {
        let (payload, iv) = taken(&mut mark.enc_payload, &mut mark.enc_iv);
        let mark = reaction::decrypt_reaction_with_secret(&payload, &iv, &SECRET, ID, ASKED, ANSWERS);
        return Some(set(serde_json::to_value(mark.unwrap()).unwrap()));
    }
    if let Some(edit) = message.secret_encrypted_message.as_option_mut() {
        let (payload, iv) = taken(&mut edit.enc_payload, &mut edit.enc_iv);
        let around = AddonContext {
            stanza_id: ID,
            parent_msg_original_sender: ASKED,
            modification_sender: ANSWERS,
            modification_type: ModificationType::PollEdit,
        };
        let edited = decrypt_addon(&payload, &iv, &SECRET, &around).unwrap();
        let edited = wa::Message::decode_from_slice(&edited).unwrap();
        return Some(set(serde_json::to_value(edited).unwrap()));
    }
    let comment = message.enc_comment_message.as_option_mut()?;
    let (payload, iv) = taken(&mut comment.enc_payload, &mut comment.enc_iv);
    let comment = comment::decrypt_comment_with_secret(&payload, &iv, &SECRET, ID, ASKED, ANSWERS);
    Some(set(serde_json::to_value(comment.unwrap()).unwrap()))
}

/// Where the owner answers a question of Ana's that has these options.
fn answering(desk: Desk, options: Vec<String>) -> Desk {
    Desk {
        question: Some(Question {
            secret: SECRET,
            author: ASKED.into(),
            options,
            former: Vec::new(),
        }),
        answerer: Some(ANSWERS.parse().unwrap()),
        ..desk
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Compares cases with those in a file, or writes them there.
fn holds(golden: &Path, cases: &[Value]) {
    if std::env::var_os("WHARF_BLESS").is_some() {
        fs::write(golden, format!("{}\n", serde_json::to_string_pretty(cases).unwrap())).unwrap();
    } else {
        let kept: Vec<Value> = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
        assert_eq!(cases, kept, "{}", golden.display());
    }
}

#[test]
fn what_clients_of_matrix_write_becomes_the_messages_of_the_corpus() {
    let mut count = 0;
    for file in fs::read_dir(corpus().join("matrix/read")).unwrap() {
        let path = file.unwrap().path();
        let cases: Vec<Map<String, Value>> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut sent = Vec::new();
        for case in &cases {
            for action in done(case) {
                let desk = match &action {
                    Action::Vote { options, .. } => answering(tests::direct(), options.clone()),
                    _ => tests::direct(),
                };
                sent.push(json!({ "about": case["about"], "becomes": written(&action, &desk) }));
            }
        }
        count += sent.len();
        holds(&corpus().join("sent").join(path.file_name().unwrap()), &sent);
    }
    assert!(count > 40, "{count} cases");
}

/// The actions stand in the file: in a `group` or not, about a question with `options` or not.
#[test]
fn what_people_do_becomes_the_messages_of_the_corpus() {
    let golden = corpus().join("sent/acts.json");
    let mut cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(&golden).unwrap()).unwrap();
    assert!(cases.len() > 40, "{} cases", cases.len());
    for case in &mut cases {
        let desk = if case["group"] == json!(true) {
            tests::group()
        } else {
            tests::direct()
        };
        let desk = match &case["options"] {
            Value::Null => desk,
            options => answering(desk, serde_json::from_value(options.clone()).unwrap()),
        };
        let action: Action =
            serde_json::from_value(case["does"].clone()).unwrap_or_else(|error| panic!("{}: {error}", case["about"]));
        let becomes = written(&action, &desk);
        if std::env::var_os("WHARF_BLESS").is_none() {
            assert_eq!(becomes, case["becomes"], "{}", case["about"]);
        }
        case["becomes"] = becomes;
    }
    holds(&golden, &cases);
}
