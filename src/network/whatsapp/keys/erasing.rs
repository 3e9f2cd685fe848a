//! Erasing what is remembered of messages: what the library keeps to send again, what polls were asked with, the secrets
//! that later words are sealed with. That a message came stays: it must not come again.
//!
//! The library spells one chat in more than one way; the caller names them all.

use whatsapp_rust::{
    buffa::Message as _,
    waproto::whatsapp::{self as wa, message::protocol_message},
};

use super::{Keys, joined, kind};
use crate::{
    model::MessageId,
    store::keyring::{self, Change},
};

/// Kinds of rows that are named by a chat and a message, perhaps with a sender between them.
const OF_MESSAGES: [&str; 5] = [
    kind::SENT,
    kind::QUESTION,
    kind::SECRET,
    kind::PENDING_INBOUND,
    kind::LOST_INBOUND,
];

impl Keys {
    /// Erases what is remembered of a message in a chat, and of whatever names it: edits of it hold its words under ids
    /// of their own, and answers quote it. A device that still asks for such an answer is not answered.
    ///
    /// # Errors
    /// The store could not be asked.
    pub(in super::super) async fn erase_message(&self, chats: &[String], id: &MessageId) -> Result<(), keyring::Error> {
        let mut changes = Vec::new();
        let mut forget = |kind: &str, key: String| {
            changes.push(Change::Remove { kind: kind.into(), key });
        };
        // The part of a key that a message is named by.
        let ending = format!("\n{}", joined(&[id.as_str()]));
        for chat in chats {
            let prefix = format!("{}\n", joined(&[chat]));
            for kind in OF_MESSAGES.into_iter().filter(|kind| *kind != kind::SENT) {
                let keys = self.keyring.names(self.device, kind, Some(&prefix)).await?;
                let of_it = keys.into_iter().filter(|key| key.ends_with(&ending));
                of_it.for_each(|key| forget(kind, key));
            }
            for (name, message) in self.keyring.list(self.device, kind::SENT, Some(&prefix)).await? {
                let names_it = || contains(&message, id.as_str().as_bytes()) && !takes_back(&message);
                if name.ends_with(&ending) || names_it() {
                    forget(kind::SENT, name);
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.keyring.batch(self.device, changes).await
    }

    /// Erases what is remembered of all messages of a chat.
    ///
    /// # Errors
    /// The store could not be asked.
    pub(in super::super) async fn erase_chat(&self, chats: &[String]) -> Result<(), keyring::Error> {
        for chat in chats {
            let prefix = format!("{}\n", joined(&[chat]));
            // What is being taken over at this moment goes by itself, and a crash before that must find it again.
            for kind in OF_MESSAGES.into_iter().filter(|kind| *kind != kind::PENDING_INBOUND) {
                self.keyring.remove_prefix(self.device, kind, &prefix).await?;
            }
        }
        Ok(())
    }
}

/// Whether it only takes a message back: it holds no words, and who asks for it again must get it.
fn takes_back(bytes: &[u8]) -> bool {
    let message = wa::Message::decode_from_slice(bytes);
    message.is_ok_and(|message| {
        message
            .protocol_message
            .as_option()
            .is_some_and(|protocol| protocol.r#type == Some(protocol_message::Type::REVOKE))
    })
}

/// Ids of messages are long and by chance: what contains one names it.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.len() >= SHORTEST_ID && bytes.windows(part.len()).any(|window| window == part)
}

/// Shorter ids, which only tests and strangers choose, may stand in words by accident.
const SHORTEST_ID: usize = 12;

#[cfg(test)]
mod tests {
    use whatsapp_rust::buffa::MessageField;
    use whatsapp_rust::waproto::whatsapp::message::ProtocolMessage;

    use super::*;
    use crate::{model::DeviceId, store::testing::World};

    async fn left(keys: &Keys) -> Vec<String> {
        let mut left = Vec::new();
        for kind in OF_MESSAGES {
            let names = keys.keyring.names(keys.device, kind, None).await.unwrap();
            left.extend(
                names
                    .into_iter()
                    .map(|name| format!("{kind} {}", name.replace('\n', " "))),
            );
        }
        left
    }

    async fn erases(world: World) {
        let keys = Keys::new(world.store.keyring(), DeviceId::generate(), world.clock.clone());
        let (chat, other, id) = (
            "15550001111@s.whatsapp.net",
            "15550002222@s.whatsapp.net",
            "3EB0AAAAAAAAAAAAAAAA",
        );
        let quotes = format!("a letter that quotes {id}");
        let taken_back = wa::Message {
            protocol_message: MessageField::some(ProtocolMessage {
                key: MessageField::some(wa::MessageKey {
                    id: Some(id.to_owned()),
                    ..wa::MessageKey::default()
                }),
                r#type: Some(protocol_message::Type::REVOKE),
                ..ProtocolMessage::default()
            }),
            ..wa::Message::default()
        };
        let taken_back = taken_back.encode_to_vec();
        let revoke = [(joined(&[chat, "3EB0REVOKE"]), &*taken_back, None)];
        keys.keyring.put(keys.device, kind::SENT, &revoke).await.unwrap();
        for (kind, name, content) in [
            (kind::SENT, joined(&[chat, id]), "words"),
            (kind::SENT, joined(&[chat, "3EB0EDIT"]), quotes.as_str()),
            (kind::SENT, joined(&[chat, "3EB0OTHER"]), "others"),
            (kind::SENT, joined(&[other, id]), "in another chat"),
            (kind::QUESTION, joined(&[chat, id]), "{}"),
            (kind::SECRET, joined(&[chat, "5@lid", id]), "secret"),
            (kind::SECRET, joined(&[chat, "5@lid", "3EB0OTHER"]), "secret"),
            (kind::PENDING_INBOUND, joined(&["7@lid", "5@lid", id]), "words"),
        ] {
            keys.keyring
                .put(keys.device, kind, &[(name, content, None)])
                .await
                .unwrap();
        }
        let chats = [chat.to_owned(), "7@lid".to_owned()];
        keys.erase_message(&chats, &MessageId::from_adapter(id)).await.unwrap();
        let other_one = format!("sent {other} {id}");
        let secret = format!("secret {chat} 5@lid 3EB0OTHER");
        assert_eq!(
            left(&keys).await,
            [
                format!("sent {chat} 3EB0OTHER"),
                format!("sent {chat} 3EB0REVOKE"),
                other_one.clone(),
                secret
            ],
            "who asks again for what takes it back gets that"
        );
        let pending = [(joined(&["7@lid", "5@lid", "3EB0NEXT"]), "words", None)];
        keys.keyring
            .put(keys.device, kind::PENDING_INBOUND, &pending)
            .await
            .unwrap();
        keys.erase_chat(&chats).await.unwrap();
        let next = format!("{} 7@lid 5@lid 3EB0NEXT", kind::PENDING_INBOUND);
        assert_eq!(left(&keys).await, [other_one, next], "what is being taken over stays");
    }

    #[tokio::test]
    async fn what_is_remembered_of_a_message_is_erased_on_sqlite() {
        erases(World::sqlite().await).await;
    }

    #[tokio::test]
    async fn what_is_remembered_of_a_message_is_erased_on_postgres() {
        erases(World::postgres().await).await;
    }
}
