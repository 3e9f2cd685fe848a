//! The table of all kinds is whole, and what it says of silence is so.

use whatsapp_rust::{buffa::Enumeration, waproto::whatsapp::message::protocol_message::Type};

use super::*;

const TABLES: &str = include_str!("../../../../../docs/message-kinds.md");

/// The rows of a table whose first columns match: its name and what it becomes.
fn rows(columns: usize) -> Vec<(String, String)> {
    TABLES
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let name = cells.get(columns - 3)?.strip_prefix('`')?.strip_suffix('`')?;
            (cells.len() == columns).then(|| (name.to_owned(), cells.get(columns - 2).copied().unwrap().to_owned()))
        })
        .collect()
}

fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_uppercase() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
        text
    })
}

#[test]
fn every_field_that_the_library_knows_stands_in_the_table_and_no_other() {
    let serde_json::Value::Object(known) = serde_json::to_value(wa::Message::default()).unwrap() else {
        panic!("a message is an object")
    };
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let mut known: Vec<String> = known.keys().map(|name| plain(name)).collect();
    let mut told: Vec<String> = rows(4).iter().map(|(name, _)| plain(&snake_case(name))).collect();
    known.sort();
    told.sort();
    assert_eq!(told, known);
}

#[test]
fn every_word_between_clients_stands_in_the_table_and_no_other() {
    let mut known: Vec<&str> = Type::values().iter().map(Enumeration::proto_name).collect();
    let rows = rows(3);
    let mut told: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    known.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, known);
}

#[test]
fn only_what_the_table_says_is_nothing() {
    for line in TABLES.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let (Some(Ok(number)), Some(becomes)) = (cells.first().map(|cell| cell.parse::<u32>()), cells.get(2)) else {
            continue;
        };
        // An empty message of this kind; a text of no letters for the only field that is text.
        let mut encoded = Vec::new();
        varint(number << 3 | 2, &mut encoded);
        encoded.push(0);
        let message = wa::Message::decode_from_slice(&encoded).unwrap();
        let named = named_in(&message, None).is_some();
        let acts = ["protocolMessage", "reactionMessage", "pinInChatMessage"];
        if acts.iter().any(|kind| line.contains(&format!("`{kind}`"))) {
            continue;
        }
        assert_eq!(named, !becomes.starts_with("nothing"), "{line}");
        let unknown = || kind_of(&message) == "message of an unknown kind";
        let inner = ["wrapper", "text", "around"]
            .iter()
            .any(|start| becomes.starts_with(start));
        assert!(
            !named || inner || !matches!(content(&message), Content::Unsupported(_)) || !unknown(),
            "{line}"
        );
    }
}

#[test]
fn only_words_the_table_says_are_nothing() {
    for (name, becomes) in rows(3) {
        let kind = Type::from_proto_name(&name).unwrap();
        let message = wa::Message {
            protocol_message: MessageField::some(message::ProtocolMessage {
                r#type: Some(kind),
                key: key(true, None),
                edited_message: MessageField::some(wa::Message::text("better")),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            read(&message, &by_ana()).is_some(),
            !becomes.starts_with("nothing"),
            "{name}"
        );
    }
}
