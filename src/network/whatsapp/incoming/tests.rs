//! What is read from messages of every kind.

use proptest::prelude::*;
use whatsapp_rust::{buffa::Message as _, wacore::proto_helpers::MessageBuilderExt as _, waproto::whatsapp::message};

use super::*;

fn wrapped(inner: wa::Message) -> MessageField<message::FutureProofMessage> {
    MessageField::some(message::FutureProofMessage {
        message: MessageField::some(inner),
    })
}

fn says(message: &wa::Message) -> Option<Content> {
    read(message).map(|said| said.content)
}

fn kind_of(message: &wa::Message) -> String {
    match says(message) {
        Some(Content::Unsupported(kind)) => kind,
        other => panic!("{other:?} is shown"),
    }
}

fn image() -> wa::Message {
    wa::Message {
        image_message: MessageField::some(message::ImageMessage {
            caption: Some("look".into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn text_is_read_in_both_shapes_and_through_wrappers() {
    let plain = wa::Message::text("hello");
    let extended = wa::Message::text_with_context("hello", wa::ContextInfo::default());
    let ephemeral = wa::Message {
        ephemeral_message: wrapped(extended.clone()),
        ..Default::default()
    };
    let sent = wa::Message {
        device_sent_message: MessageField::some(message::DeviceSentMessage {
            message: MessageField::some(ephemeral.clone()),
            ..Default::default()
        }),
        ..Default::default()
    };
    for message in [plain, extended, ephemeral, sent] {
        assert_eq!(says(&message), Some(Content::words("hello")));
    }
}

#[test]
fn what_cannot_be_shown_is_named() {
    let view_once = wa::Message {
        view_once_message_v2: wrapped(image()),
        ..Default::default()
    };
    let captioned = wa::Message {
        document_with_caption_message: wrapped(wa::Message {
            document_message: MessageField::some(message::DocumentMessage::default()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let voice = wa::Message {
        audio_message: MessageField::some(message::AudioMessage {
            ptt: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let poll = wa::Message {
        poll_creation_message_v3: MessageField::some(message::PollCreationMessage::default()),
        ..Default::default()
    };
    let edit = wa::Message {
        edited_message: wrapped(wa::Message::text("better")),
        ..Default::default()
    };
    assert_eq!(kind_of(&image()), "image");
    assert_eq!(kind_of(&view_once), "view-once image");
    assert_eq!(kind_of(&captioned), "document");
    assert_eq!(kind_of(&voice), "voice message");
    assert_eq!(kind_of(&poll), "poll");
    assert_eq!(kind_of(&edit), "edited message");
    assert_eq!(kind_of(&protocol(Type::REVOKE)), "deletion of a message");
    assert_eq!(kind_of(&wa::Message::default()), "message of an unknown kind");
}

fn protocol(r#type: Type) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message::ProtocolMessage {
            r#type: Some(r#type),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn what_nobody_would_miss_is_nothing() {
    let reaction = wa::Message {
        reaction_message: MessageField::some(message::ReactionMessage::default()),
        ..Default::default()
    };
    let keys = wa::Message {
        sender_key_distribution_message: MessageField::some(message::SenderKeyDistributionMessage::default()),
        ..Default::default()
    };
    for message in [
        reaction,
        keys,
        protocol(Type::APP_STATE_SYNC_KEY_SHARE),
        protocol(Type::EPHEMERAL_SETTING),
    ] {
        assert_eq!(read(&message), None);
    }
}

#[test]
fn a_reply_tells_what_it_answers() {
    let quoting = |quoted: wa::Message| {
        read(&wa::Message::text_with_context(
            "yes",
            wa::ContextInfo {
                stanza_id: Some("3EB0AA".into()),
                participant: Some("15550001111@s.whatsapp.net".into()),
                quoted_message: MessageField::some(quoted),
                ..Default::default()
            },
        ))
        .and_then(|said| said.quoted)
        .unwrap()
    };
    let quoted = quoting(wa::Message::text("coming?"));
    assert_eq!(quoted.id.as_str(), "3EB0AA");
    assert_eq!(quoted.author.unwrap().user_base(), "15550001111");
    assert_eq!(quoted.text.as_deref(), Some("coming?"));
    assert_eq!(quoting(image()).text.as_deref(), Some("look"));
    assert_eq!(quoting(wa::Message::default()).text, None);
}

proptest! {
    #[test]
    fn any_text_comes_through_unchanged(text in ".+") {
        prop_assert_eq!(says(&wa::Message::text(text.clone())), Some(Content::words(text)));
    }

    #[test]
    fn no_bytes_from_outside_make_us_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = wa::Message::decode_from_slice(&bytes) {
            let _ = read(&message);
        }
    }

    #[test]
    fn wrappers_end_however_deep_they_are(depth in 0usize..20) {
        let mut message = wa::Message::text("deep");
        for _ in 0..depth {
            message = wa::Message { ephemeral_message: wrapped(message), ..Default::default() };
        }
        prop_assert!(read(&message).is_some());
    }
}
