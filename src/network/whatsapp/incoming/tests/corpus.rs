//! Messages as they come over the wire, each with what it becomes: `tests/corpus/whatsapp`.
//!
//! A file holds the message as bytes and in readable form, what stands around it, the action, and the events that a room
//! shows of that. What is said there is written anew where the events are made (`bridge/incoming/corpus.rs`).

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{kinds, *};

/// What the message of a file becomes.
///
/// Around it may stand: `group`, it was said in one; `owner`, the owner said it elsewhere; `by_admin`, the server vouches
/// for an administrator; `sealed`, it waits for the secret of another message; `opened`, what was sealed in it.
pub(crate) fn becomes(file: &Value) -> Option<Action> {
    let is = |what: &str| file[what] == json!(true);
    let opened = match &file["opened"] {
        Value::Null => None,
        opened => Some(if let Some(options) = opened.get("vote") {
            Opened::Vote(serde_json::from_value(options.clone()).unwrap())
        } else {
            let guests = serde_json::from_value(opened["guests"].clone()).unwrap();
            Opened::Answer(serde_json::from_value(opened["answer"].clone()).unwrap(), guests)
        }),
    };
    let around = if is("group") { in_group() } else { by_ana() };
    let scene = Scene {
        actor: if is("owner") { Sender::Owner } else { ana() },
        by_admin: is("by_admin"),
        sealed: is("sealed").then_some("…"),
        opened,
        ..around
    };
    read(&message_of(file), &scene)
}

fn message_of(file: &Value) -> wa::Message {
    let bytes = STANDARD.decode(file["protobuf"].as_str().unwrap()).unwrap();
    wa::Message::decode_from_slice(&bytes).unwrap()
}

/// The files by their names; none while they are written anew.
fn files() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/whatsapp");
    if std::env::var_os("WHARF_BLESS").is_some() {
        return Vec::new();
    }
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect();
    assert!(files.len() >= 100, "the corpus is there");
    files
}

/// What is set in a message and in what it wraps: its fields, and the types of words between clients.
fn kinds_in(message: &Value, kinds: &mut BTreeSet<String>) {
    let Value::Object(fields) = message else { return };
    for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        kinds.insert(kinds::plain(field));
        kinds_in(&value["message"], kinds);
        if field == "protocol_message" {
            kinds.extend(value["type"].as_str().map(str::to_owned));
            kinds_in(&value["edited_message"], kinds);
        }
    }
}

#[test]
fn every_message_of_the_corpus_becomes_what_it_became() {
    for (name, file) in files() {
        let becomes = serde_json::to_value(becomes(&file)).unwrap();
        assert_eq!(becomes, file["becomes"], "{name}");
    }
}

#[test]
fn every_kind_that_people_see_is_in_the_corpus() {
    let mut there = BTreeSet::new();
    for (_, file) in files() {
        kinds_in(&serde_json::to_value(message_of(&file)).unwrap(), &mut there);
    }
    let fields = kinds::rows(4)
        .into_iter()
        .map(|(name, becomes)| (kinds::plain(&name), becomes));
    let missing: Vec<String> = fields
        .chain(kinds::rows(3))
        .filter(|(name, becomes)| !becomes.starts_with("nothing") && !there.contains(name))
        .map(|(name, _)| name)
        .collect();
    assert!(there.is_empty() || missing.is_empty(), "{missing:?}");
}
