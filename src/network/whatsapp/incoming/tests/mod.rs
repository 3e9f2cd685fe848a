//! What is read from messages of every kind.

mod acts;
mod corpus;
mod kinds;
mod offers;
mod said;

pub(crate) use corpus::becomes;
use proptest::prelude::*;
use whatsapp_rust::{
    buffa::{Message as _, MessageField},
    wacore::proto_helpers::MessageBuilderExt as _,
    waproto::whatsapp::message,
};

use super::*;
use crate::model::{ContactId, MessageRef, Text};

/// The owner's number.
const OWNER: &str = "15550009999";
/// The contact's number.
const ANA: &str = "15550001111";

/// Knows everybody: the owner by the number, the LID 42 as Ana, whoever else by the number.
pub(in super::super) struct Everybody;

impl Directory for Everybody {
    fn find(&self, jid: &Jid) -> Option<Known> {
        let known = |who: Sender, name: &str| Known {
            who,
            name: name.to_owned(),
        };
        Some(match jid.user_base() {
            OWNER => known(Sender::Owner, OWNER),
            "42" => known(contact(ANA), ANA),
            user if jid.server.is_lid_family() => known(contact(&format!("lid_{user}")), &format!("lid_{user}")),
            user if jid.server.is_pn_family() => known(contact(user), user),
            _ => return None,
        })
    }
}

fn contact(name: &str) -> Sender {
    Sender::Contact(ContactId::from_adapter(name))
}

fn ana() -> Sender {
    contact(ANA)
}

/// Ana says it, in a chat of two.
pub(in super::super) fn by_ana() -> Scene<'static> {
    Scene {
        actor: ana(),
        peer: Some(ana()),
        by_admin: false,
        thread: None,
        opened: None,
        sealed: None,
        people: &Everybody,
    }
}

/// Ana says it, in a group.
fn in_group() -> Scene<'static> {
    Scene { peer: None, ..by_ana() }
}

fn wrapped(inner: wa::Message) -> MessageField<message::FutureProofMessage> {
    MessageField::some(message::FutureProofMessage {
        message: MessageField::some(inner),
    })
}

fn say(message: &wa::Message) -> Say {
    match read(message, &by_ana()) {
        Some(Action::Say(say)) => say,
        other => panic!("{other:?} says nothing"),
    }
}

fn content(message: &wa::Message) -> Content {
    say(message).content
}

fn kind_of(message: &wa::Message) -> String {
    match content(message) {
        Content::Unsupported(kind) => kind,
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

fn key(from_me: bool, participant: Option<&str>) -> MessageField<wa::MessageKey> {
    MessageField::some(wa::MessageKey {
        remote_jid: Some("15550001111@s.whatsapp.net".into()),
        from_me: Some(from_me),
        id: Some("3EB0AA".into()),
        participant: participant.map(ToOwned::to_owned),
    })
}

fn target(sender: Sender) -> MessageRef {
    MessageRef {
        id: MessageId::from_adapter("3EB0AA"),
        sender,
    }
}

proptest! {
    #[test]
    fn any_text_comes_through_unchanged(text in ".+") {
        prop_assert_eq!(content(&wa::Message::text(text.clone())), Content::words(text));
    }

    #[test]
    fn no_bytes_from_outside_make_us_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = wa::Message::decode_from_slice(&bytes) {
            let _ = (named_in(&message, None), read(&message, &by_ana()), read(&message, &in_group()));
        }
    }

    #[test]
    fn no_field_with_anything_in_it_makes_us_panic(field in 1u32..130, bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut encoded = Vec::new();
        varint(field << 3 | 2, &mut encoded);
        varint(u32::try_from(bytes.len()).unwrap(), &mut encoded);
        encoded.extend(bytes);
        if let Ok(message) = wa::Message::decode_from_slice(&encoded) {
            let _ = (named_in(&message, None), read(&message, &by_ana()), read(&message, &in_group()));
        }
    }

    #[test]
    fn wrappers_end_however_deep_they_are(depth in 0usize..20) {
        let mut message = wa::Message::text("deep");
        for _ in 0..depth {
            message = wa::Message { ephemeral_message: wrapped(message), ..Default::default() };
        }
        prop_assert!(read(&message, &by_ana()).is_some());
    }
}

fn varint(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
}
