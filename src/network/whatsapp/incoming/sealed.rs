//! What questions carry for their answers, and what is encrypted in answers.

use whatsapp_rust::{
    features::{SecretEncKind, message_edit::extract_secret_encrypted},
    waproto::whatsapp as wa,
};

use super::{Scene, filled, named, polls, wrappers::unwrap};
use crate::model::{Action, MessageId, SealedKind};

/// What a message lets others answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Posed {
    /// A poll or an event.
    Question {
        /// What answers are encrypted with.
        secret: [u8; 32],
        /// The names of the options of a poll.
        options: Vec<String>,
    },
    /// One more option of a poll.
    Option {
        /// Which poll.
        poll: MessageId,
        /// The name of the option.
        name: String,
    },
}

/// What a message lets others answer; `None` for all that cannot be answered so.
pub(in super::super) fn posed_in(message: &wa::Message) -> Option<Posed> {
    let unwrapped = unwrap(message);
    let inner = unwrapped.message;
    if let Some(added) = inner.poll_add_option_message.as_option() {
        return Some(Posed::Option {
            poll: named(added.poll_creation_message_key.id.as_ref())?,
            name: filled(added.add_option.option_name.as_ref())?.to_owned(),
        });
    }
    let options = match polls::creation(inner) {
        Some(poll) => polls::options_of(poll),
        None if inner.event_message.is_set() => Vec::new(),
        None => return None,
    };
    Some(Posed::Question {
        secret: unwrapped.secret?.try_into().ok()?,
        options,
    })
}

/// The secret of a question, where it has one, and the names of its options.
pub(in super::super) fn asked_in(message: &wa::Message) -> (Option<[u8; 32]>, Vec<String>) {
    let unwrapped = unwrap(message);
    let secret = unwrapped.secret.and_then(|secret| secret.try_into().ok());
    let poll = polls::creation(unwrapped.message);
    (secret, poll.map(polls::options_of).unwrap_or_default())
}

/// An encrypted answer.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Sealed<'a> {
    /// It is a vote in a poll, else an answer to an event.
    pub(in super::super) is_vote: bool,
    /// The id of what it answers.
    pub(in super::super) target: &'a str,
    /// The encrypted bytes.
    pub(in super::super) payload: &'a [u8],
    /// What they were encrypted beside.
    pub(in super::super) iv: &'a [u8],
}

/// The encrypted answer in a message.
pub(in super::super) fn sealed_in(message: &wa::Message) -> Option<Sealed<'_>> {
    let inner = unwrap(message).message;
    if let Some(update) = inner.poll_update_message.as_option() {
        let vote = update.vote.as_option()?;
        return Some(Sealed {
            is_vote: true,
            target: filled(update.poll_creation_message_key.id.as_ref())?,
            payload: vote.enc_payload.as_deref()?,
            iv: vote.enc_iv.as_deref()?,
        });
    }
    let response = inner.enc_event_response_message.as_option()?;
    Some(Sealed {
        is_vote: false,
        target: filled(response.event_creation_message_key.id.as_ref())?,
        payload: response.enc_payload.as_deref()?,
        iv: response.enc_iv.as_deref()?,
    })
}

/// The message with whose secret a message is sealed.
pub(in super::super) fn sealed_about(message: &wa::Message) -> Option<&wa::MessageKey> {
    about(unwrap(message).message).map(|(key, _)| key)
}

fn about(inner: &wa::Message) -> Option<(&wa::MessageKey, SealedKind)> {
    let is_named = |key: &&wa::MessageKey| named(key.id.as_ref()).is_some();
    if let Some(answer) = sealed_in(inner) {
        let (key, kind) = if answer.is_vote {
            (&inner.poll_update_message.poll_creation_message_key, SealedKind::Vote)
        } else {
            let response = &inner.enc_event_response_message;
            (&response.event_creation_message_key, SealedKind::Answer)
        };
        return key.as_option().filter(is_named).map(|key| (key, kind));
    }
    let envelope = extract_secret_encrypted(inner)?;
    let kind = match envelope.kind {
        SecretEncKind::EventEdit | SecretEncKind::PollEdit | SecretEncKind::MessageEdit => SealedKind::Edit,
        SecretEncKind::EncComment => SealedKind::Comment,
        SecretEncKind::EncReaction => SealedKind::Mark,
        SecretEncKind::PollAddOption => SealedKind::Option,
    };
    Some(envelope.target_message_key)
        .filter(is_named)
        .map(|key| (key, kind))
}

/// A message of which nobody here knows yet what is in it.
pub(super) fn closed(inner: &wa::Message, envelope: &str, scene: &Scene<'_>) -> Option<Action> {
    let (key, kind) = about(inner)?;
    Some(Action::Sealed {
        target: scene.reference(key)?,
        kind,
        envelope: envelope.to_owned(),
    })
}
