//! The tables of all kinds are whole, and what they say is so: a message of each kind is read and becomes what its row says.

use whatsapp_rust::{buffa::Enumeration, waproto::whatsapp::message::protocol_message::Type};

use super::*;
use crate::model::{Attendance, SealedKind};

const TABLES: &str = include_str!("../../../../../docs/message-kinds.md");

/// A row of the first table.
struct Row {
    number: u32,
    field: String,
    becomes: String,
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

fn fields() -> Vec<Row> {
    TABLES
        .lines()
        .filter_map(|line| match cells(line)[..] {
            [number, field, becomes, _] => Some(Row {
                number: number.parse().ok()?,
                field: field.trim_matches('`').to_owned(),
                becomes: becomes.to_owned(),
            }),
            _ => None,
        })
        .collect()
}

/// The rows of the second table: a word between clients and what it becomes.
fn words() -> Vec<(String, String)> {
    TABLES
        .lines()
        .filter_map(|line| match cells(line)[..] {
            [name, becomes, _] => {
                let name = name.strip_prefix('`')?.strip_suffix('`')?;
                Some((name.to_owned(), becomes.to_owned()))
            }
            _ => None,
        })
        .collect()
}

/// The rows of a table with so many columns: a name and what it becomes.
pub(super) fn rows(columns: usize) -> Vec<(String, String)> {
    match columns {
        4 => fields().into_iter().map(|row| (row.field, row.becomes)).collect(),
        _ => words(),
    }
}

/// A field name without what differs between its spellings.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

fn in_json(message: &wa::Message) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(message).unwrap() {
        serde_json::Value::Object(fields) => fields,
        other => panic!("{other} is no message"),
    }
}

/// A field on the wire that holds these bytes.
fn wire(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    varint(number << 3 | 2, &mut encoded);
    varint(u32::try_from(bytes.len()).unwrap(), &mut encoded);
    encoded.extend(bytes);
    encoded
}

fn message_with(number: u32, bytes: &[u8]) -> wa::Message {
    wa::Message::decode_from_slice(&wire(number, bytes)).unwrap()
}

/// What a message of a kind must hold to be more than its name. Numbers are those of `whatsapp.proto`.
fn inside(row: &Row) -> Vec<u8> {
    let words = || wire(1, b"words");
    let target = || wire(1, &key(true, None).encode_to_vec());
    let path = || Some("/v/1".to_owned());
    match row.field.as_str() {
        "conversation" => b"words".to_vec(),
        "extendedTextMessage" | "listMessage" | "listResponseMessage" => words(),
        "deviceSentMessage" | "interactiveMessage" => wire(2, &words()),
        "editedMessage" => wire(1, &an_edit().encode_to_vec()),
        _ if row.becomes.starts_with("wrapper") => wire(1, &words()),
        "imageMessage" => encoded(&message::ImageMessage {
            direct_path: path(),
            ..Default::default()
        }),
        "documentMessage" => encoded(&message::DocumentMessage {
            direct_path: path(),
            ..Default::default()
        }),
        "audioMessage" => encoded(&message::AudioMessage {
            direct_path: path(),
            ..Default::default()
        }),
        "stickerMessage" => encoded(&message::StickerMessage {
            direct_path: path(),
            ..Default::default()
        }),
        "videoMessage" | "ptvMessage" => encoded(&message::VideoMessage {
            direct_path: path(),
            ..Default::default()
        }),
        "highlyStructuredMessage" => wire(3, b"words"),
        "templateMessage" => wire(4, &wire(6, b"words")),
        "buttonsMessage" => wire(6, b"words"),
        "templateButtonReplyMessage" => encoded(&message::TemplateButtonReplyMessage {
            selected_display_text: Some("words".into()),
            ..Default::default()
        }),
        "buttonsResponseMessage" => wire(2, b"words"),
        "interactiveResponseMessage" => wire(1, &words()),
        "richResponseMessage" => wire(2, &wire(3, b"words")),
        "reactionMessage" => [target(), wire(2, "👍".as_bytes())].concat(),
        "pinInChatMessage" => target(),
        // The second field says that it is kept.
        "keepInChatMessage" => [target(), vec![2 << 3, 1]].concat(),
        "pollUpdateMessage" => [target(), wire(2, &[wire(1, b"sealed"), wire(2, &[7; 12])].concat())].concat(),
        "encEventResponseMessage" | "encReactionMessage" | "encCommentMessage" => sealed(target()),
        // The fourth field says that it is an edit.
        "secretEncryptedMessage" => [sealed(target()), vec![4 << 3, 2]].concat(),
        _ => Vec::new(),
    }
}

fn encoded(message: &impl whatsapp_rust::buffa::Message) -> Vec<u8> {
    message.encode_to_vec()
}

fn sealed(target: Vec<u8>) -> Vec<u8> {
    [target, wire(2, b"sealed"), wire(3, &[7; 12])].concat()
}

fn an_edit() -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message::ProtocolMessage {
            r#type: Some(Type::MESSAGE_EDIT),
            key: key(true, None),
            edited_message: MessageField::some(wa::Message::text("better")),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What stands around a message of a kind, as far as what it becomes depends on it.
fn scene_of(field: &str) -> Scene<'static> {
    let (opened, sealed) = match field {
        "pollUpdateMessage" => (Some(Opened::Vote(vec!["tea".into()])), None),
        "encEventResponseMessage" => (Some(Opened::Answer(Attendance::Yes, None)), None),
        // `delivery` opens these where it can; what is read is that they wait to be.
        "encReactionMessage" | "encCommentMessage" | "secretEncryptedMessage" => (None, Some("kept")),
        _ => (None, None),
    };
    Scene {
        opened,
        sealed,
        ..by_ana()
    }
}

/// The words that a row may begin with when this is what its message becomes.
fn first_words(action: Option<&Action>) -> &'static [&'static str] {
    let said = match action {
        None => return &["nothing"],
        Some(Action::Say(said)) => &said.content,
        Some(
            Action::Edit { .. }
            | Action::Sealed {
                kind: SealedKind::Edit, ..
            },
        ) => {
            return &["edit", "`m.replace`", "wrapper: edit"];
        }
        Some(
            Action::React { .. }
            | Action::Sealed {
                kind: SealedKind::Mark, ..
            },
        ) => return &["`m.reaction`"],
        Some(Action::Sealed {
            kind: SealedKind::Comment,
            ..
        }) => return &["message in a thread"],
        Some(Action::Delete { .. }) => return &["redaction"],
        Some(Action::Timer(_)) => return &["timer"],
        Some(Action::Pin { .. }) => return &["pinned"],
        Some(Action::Keep { .. }) => return &["kept"],
        Some(Action::Vote { .. }) => return &["vote"],
        Some(Action::Attend { .. }) => return &["answer to a date"],
        Some(other) => panic!("{other:?} stands in no table"),
    };
    match said {
        Content::Text(_) => &["text", "wrapper", "around a message"],
        Content::Told(_) => &["told"],
        Content::Unsupported(_) => &["notice"],
        Content::Location(location) if location.is_live => &["live location"],
        Content::Contacts(_) => &["vCard"],
        Content::Poll(_) => &["poll"],
        Content::Appointment(_) => &["date"],
        Content::Invitation(_) => &["invitation"],
        Content::Album { .. } => &["album"],
        Content::Media(_) | Content::Location(_) => match said.event_kind() {
            "m.image" => &["`m.image`"],
            "m.video" => &["`m.video`"],
            "m.audio" => &["`m.audio`"],
            "m.sticker" => &["`m.sticker`"],
            "m.file" => &["`m.file`"],
            "m.location" => &["`m.location`"],
            other => panic!("{other} is no kind of media"),
        },
        Content::Call(_) | Content::Awaited => panic!("{said:?} comes from no message"),
    }
}

fn assert_becomes(name: &str, becomes: &str, action: Option<&Action>) {
    let expected = first_words(action);
    assert!(
        expected.iter().any(|words| becomes.starts_with(words)),
        "{name} becomes {action:?}, but its row says: {becomes}"
    );
}

#[test]
fn every_field_that_the_library_knows_stands_in_the_table_and_no_other() {
    let mut known: Vec<String> = in_json(&wa::Message::default())
        .keys()
        .map(|name| plain(name))
        .collect();
    let mut told: Vec<String> = fields().iter().map(|row| plain(&row.field)).collect();
    known.sort();
    told.sort();
    assert_eq!(told, known);
}

#[test]
fn every_number_is_that_of_its_field() {
    let nothing = in_json(&wa::Message::default());
    for row in fields() {
        let set = in_json(&message_with(row.number, &[]));
        let changed: Vec<String> = set
            .iter()
            .filter(|(name, value)| nothing.get(*name) != Some(value))
            .map(|(name, _)| plain(name))
            .collect();
        assert_eq!(changed, [plain(&row.field)], "{}", row.number);
    }
}

#[test]
fn every_kind_becomes_what_its_row_says() {
    for row in fields() {
        let mut message = message_with(row.number, &inside(&row));
        match row.field.as_str() {
            "protocolMessage" => continue,
            "messageContextInfo" => message.conversation = Some("words".into()),
            _ => {}
        }
        let action = read(&message, &scene_of(&row.field));
        assert_becomes(&row.field, &row.becomes, action.as_ref());
        let is_nothing = row.becomes.starts_with("nothing");
        assert_eq!(named_in(&message, None).is_none(), is_nothing, "{}", row.field);
        if let Some(Action::Say(said)) = &action {
            assert_ne!(said.content.kind(), UNKNOWN, "{}", row.field);
        }
        if row.becomes.starts_with("wrapper") && row.field != "editedMessage" {
            assert_eq!(content(&message), Content::words("words"), "{}", row.field);
        }
    }
}

#[test]
fn a_kind_that_holds_nothing_is_still_no_silence() {
    // What they are about is missing: there is nothing to mark or to hold.
    let about_nothing = ["reactionMessage", "pinInChatMessage"];
    for row in fields() {
        let message = message_with(row.number, &[]);
        let is_silent = row.becomes.starts_with("nothing") || about_nothing.contains(&row.field.as_str());
        let action = read(&message, &by_ana());
        assert_eq!(action.is_none(), is_silent, "{}", row.field);
        assert_eq!(named_in(&message, None).is_none(), is_silent, "{}", row.field);
        if row.becomes.contains("notice") {
            assert_eq!(first_words(action.as_ref()), ["notice"], "{}", row.field);
        }
    }
}

#[test]
fn beside_keys_everything_else_is_told() {
    let silent = fields().into_iter().filter(|row| row.becomes.starts_with("nothing"));
    let silent: Vec<Row> = silent.collect();
    assert!(silent.len() >= 7);
    for keys in &silent {
        for other in fields() {
            let both = [wire(keys.number, &[]), wire(other.number, &inside(&other))].concat();
            let both = wa::Message::decode_from_slice(&both).unwrap();
            let alone = read(&message_with(other.number, &inside(&other)), &scene_of(&other.field));
            if other.field == "messageContextInfo" {
                assert_eq!(read(&both, &by_ana()), None, "what stands around a message is none");
            } else {
                let read = read(&both, &scene_of(&other.field));
                assert_eq!(read, alone, "{} beside {}", other.field, keys.field);
            }
        }
        // A wrapper whose inside is newer than the library.
        let both = [wire(keys.number, &[]), wire(40, &[])].concat();
        let both = wa::Message::decode_from_slice(&both).unwrap();
        assert_eq!(kind_of(&both), UNKNOWN, "beside {}", keys.field);
    }
}

#[test]
fn every_word_between_clients_stands_in_the_table_and_no_other() {
    let mut known: Vec<&str> = Type::values().iter().map(Enumeration::proto_name).collect();
    let rows = words();
    let mut told: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    known.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, known);
}

#[test]
fn every_word_between_clients_becomes_what_its_row_says() {
    for (name, becomes) in words() {
        let mut message = an_edit();
        message
            .protocol_message
            .modify(|protocol| protocol.r#type = Type::from_proto_name(&name));
        assert!(message.protocol_message.r#type.is_some(), "{name}");
        assert_becomes(&name, &becomes, read(&message, &by_ana()).as_ref());
    }
}

#[test]
fn a_word_between_clients_that_is_newer_than_the_library_is_told() {
    // The second field is the type.
    let mut newer = vec![2 << 3];
    varint(9_999, &mut newer);
    let with_words = [newer.clone(), wire(1, &key(true, None).encode_to_vec())].concat();
    for protocol in [newer, with_words, Vec::new()] {
        let message = message_with(12, &protocol);
        assert_eq!(message.protocol_message.r#type, None);
        assert!(named_in(&message, None).is_some());
        assert_eq!(kind_of(&message), UNKNOWN);
    }
}
