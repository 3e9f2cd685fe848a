//! Envelopes: what is sealed with the secret of a poll or an event and is about it. Edits, new options, marks, comments.
//!
//! The library opens such envelopes when it finds the secret, and hands over what is in them. Of an edit of a poll or an
//! event nothing then says any more which one it is about (`whatsapp-rust` 0.7.0, `message/msg_secret.rs`: only a
//! `MESSAGE_EDIT` is wrapped again). An envelope whose secret it does not find it hands over as it came, with the key of
//! its target. So the library is told to keep no secrets of polls and events (`client`, `keys::secrets`), and what it
//! leaves is opened here with what `keys::questions` keeps. Where it still opens an edit itself, because the secret came
//! a moment ago, the edit shows as a new message.
//!
//! Called by `delivery`; deliberately not here: votes and answers, which the library never opens (`answers`).

use whatsapp_rust::{
    Client, Jid,
    buffa::MessageField,
    features::{
        SecretEncKind,
        message_edit::{decrypt_secret_encrypted, extract_secret_encrypted},
    },
    waproto::whatsapp::{
        self as wa,
        message::{ProtocolMessage, protocol_message::Type},
    },
};

use super::{
    answers::names_of,
    incoming,
    keys::{Keys, Question},
    people::People,
};
use crate::{
    model::{ChatId, MessageId},
    store::keyring,
};

/// What was in an envelope.
pub(super) struct Unsealed {
    /// The message, as if it had come without an envelope.
    pub(super) message: wa::Message,
    /// The message it comments on.
    pub(super) thread: Option<wa::MessageKey>,
}

/// Where something was said, and by whom, as the wire spells them.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The chat.
    pub(super) chat: &'a Jid,
    /// Who said it.
    pub(super) sender: &'a Jid,
}

/// Whether a message is one.
pub(super) fn is_one(message: &wa::Message) -> bool {
    extract_secret_encrypted(incoming::innermost(message)).is_some()
}

/// Opens an envelope; `None` when it is none, or nobody here can open it.
///
/// # Errors
/// The store could not be asked.
pub(super) async fn open(
    keys: &Keys,
    people: &People,
    client: &Client,
    (chat, around, message): (&ChatId, Around<'_>, &wa::Message),
) -> Result<Option<Unsealed>, keyring::Error> {
    let Some(envelope) = extract_secret_encrypted(incoming::innermost(message)) else {
        return Ok(None);
    };
    let Some(target) = envelope
        .target_id()
        .filter(|id| (1..=incoming::LONGEST_ID).contains(&id.len()))
    else {
        return Ok(None);
    };
    let id = MessageId::from_adapter(target);
    let Some(question) = secret_of(keys, people, client, (chat, around, envelope.target_message_key)).await? else {
        return Ok(None);
    };
    let Ok(author) = question.author.parse::<Jid>() else {
        return Ok(None);
    };
    let authors = jids(names_of(people, client, &author).await?);
    let senders = jids(names_of(people, client, around.sender).await?);
    let opened = authors
        .iter()
        .flat_map(|author| senders.iter().map(move |sender| (author, sender)))
        .flat_map(|between| question.secrets().map(move |secret| (between, secret)))
        .find_map(|((author, sender), secret)| {
            let (payload, iv) = (envelope.enc_payload, envelope.enc_iv);
            decrypt_secret_encrypted(payload, iv, secret, envelope.kind, target, author, sender).ok()
        });
    let Some(inner) = opened else {
        tracing::warn!("what is sealed with the secret of a poll or an event could not be opened");
        return Ok(None);
    };
    let key = envelope.target_message_key.clone();
    Ok(match envelope.kind {
        SecretEncKind::EventEdit | SecretEncKind::PollEdit | SecretEncKind::MessageEdit => {
            if !senders.iter().any(|sender| authors.contains(sender)) {
                tracing::warn!("a poll or an event would be edited by somebody else than its author");
                return Ok(None);
            }
            let edited = edited_in(inner);
            let (secret, options) = incoming::asked_in(&edited);
            keys.ask_otherwise(chat.as_str(), &id, (secret, &options)).await?;
            Some(alone(edit_of(key, edited)))
        }
        SecretEncKind::EncComment => Some(Unsealed {
            message: inner,
            thread: Some(key),
        }),
        SecretEncKind::EncReaction | SecretEncKind::PollAddOption => Some(alone(with_target(inner, key))),
    })
}

/// What is sealed about a message is sealed with this; `None` while that message is not here. What asks nothing has its
/// secret with the library, which keeps it by the names that stood around the message.
///
/// # Errors
/// The store could not be asked.
pub(super) async fn secret_of(
    keys: &Keys,
    people: &People,
    client: &Client,
    (chat, around, key): (&ChatId, Around<'_>, &wa::MessageKey),
) -> Result<Option<Question>, keyring::Error> {
    let id = MessageId::from_adapter(key.id.as_deref().unwrap_or_default());
    if let Some(question) = keys.question(chat.as_str(), &id).await? {
        return Ok(Some(question));
    }
    let chats = names_of(people, client, around.chat).await?;
    let participant = key.participant.as_deref().and_then(|jid| jid.parse::<Jid>().ok());
    let possible = [
        Some(around.sender.clone()),
        participant,
        client.pn(),
        Some(around.chat.clone()),
    ];
    for author in possible.into_iter().flatten() {
        for author in names_of(people, client, &author).await? {
            for chat in &chats {
                if let Some(secret) = keys.secret(chat, &author, id.as_str()).await? {
                    return Ok(Some(Question {
                        secret,
                        author,
                        options: Vec::new(),
                        former: Vec::new(),
                    }));
                }
            }
        }
    }
    Ok(None)
}

fn jids(names: Vec<String>) -> Vec<Jid> {
    names.into_iter().filter_map(|name| name.parse().ok()).collect()
}

fn alone(message: wa::Message) -> Unsealed {
    Unsealed { message, thread: None }
}

/// What is said now: it stands there bare, or as in an edit of words.
fn edited_in(mut inner: wa::Message) -> wa::Message {
    let word = inner.protocol_message.take();
    let edited = word.and_then(|mut word| word.edited_message.take());
    edited.unwrap_or(inner)
}

fn edit_of(key: wa::MessageKey, edited: wa::Message) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            key: MessageField::some(key),
            r#type: Some(Type::MESSAGE_EDIT),
            edited_message: MessageField::some(edited),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The target stands on the envelope only.
fn with_target(mut inner: wa::Message, key: wa::MessageKey) -> wa::Message {
    let target = if let Some(mark) = inner.reaction_message.as_option_mut() {
        &mut mark.key
    } else if let Some(added) = inner.poll_add_option_message.as_option_mut() {
        &mut added.poll_creation_message_key
    } else {
        return inner;
    };
    if target.is_unset() {
        *target = MessageField::some(key);
    }
    inner
}
