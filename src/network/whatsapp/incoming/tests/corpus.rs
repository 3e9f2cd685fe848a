//! Messages as they come over the wire, each with what it becomes: `tests/corpus/whatsapp`.
//!
//! A file holds the message as bytes and in readable form, and the action. With `WHARF_BLESS` set, the actions are
//! written anew; whoever does that reads the difference.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::*;

#[test]
fn every_message_of_the_corpus_becomes_what_it_became() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/whatsapp");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is there");
    for path in files {
        let mut file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let bytes = STANDARD.decode(file["protobuf"].as_str().unwrap()).unwrap();
        let message = wa::Message::decode_from_slice(&bytes).unwrap();
        let scene = if file["group"] == json!(true) {
            in_group()
        } else {
            by_ana()
        };
        let becomes = serde_json::to_value(read(&message, &scene)).unwrap();
        if std::env::var_os("WHARF_BLESS").is_some() {
            file["becomes"] = becomes;
            std::fs::write(&path, format!("{file:#}\n")).unwrap();
        } else {
            assert_eq!(becomes, file["becomes"], "{}", path.display());
        }
    }
}
