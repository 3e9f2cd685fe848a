//! Votes, answers to events, other questions in the place of polls, and marks and comments in announcement groups: sealed
//! with the secret of what they are about.

use whatsapp_rust::{
    buffa::{Message as _, MessageField},
    wacore::{
        comment, event, poll, reaction,
        secret_enc_addon::{AddonContext, ModificationType, encrypt_addon},
    },
    waproto::whatsapp::{
        self as wa,
        message::{
            EncCommentMessage, EncEventResponseMessage, EncReactionMessage, EventResponseMessage, ExtendedTextMessage,
            PollEncValue, PollUpdateMessage, SecretEncryptedMessage, event_response_message::EventResponseType,
            secret_encrypted_message::SecretEncType,
        },
    },
};

use super::{Desk, Error, content};
use crate::model::{Attendance, Content, MessageRef};

/// A choice in a poll, which replaces the one before.
pub(super) fn vote(target: &MessageRef, options: &[String], desk: &Desk) -> Result<wa::Message, Error> {
    let (question, answerer) = known(desk)?;
    if let Some(unknown) = options.iter().find(|option| !question.options.contains(option)) {
        return Err(Error::Refused(format!("the poll has no option “{unknown}”")));
    }
    let hashes: Vec<Vec<u8>> = options
        .iter()
        .map(|option| poll::compute_option_hash(option).to_vec())
        .collect();
    let (secret, id) = (&question.secret, target.id.as_str());
    let sealed = poll::encrypt_poll_vote_with_secret(&hashes, secret, id, &question.author, &answerer);
    let (payload, iv) = sealed.map_err(|error| Error::Refused(error.to_string()))?;
    Ok(wa::Message {
        poll_update_message: MessageField::some(PollUpdateMessage {
            poll_creation_message_key: MessageField::some(key(target, desk)?),
            vote: MessageField::some(PollEncValue {
                enc_payload: Some(payload),
                enc_iv: Some(iv.to_vec()),
            }),
            sender_timestamp_ms: Some(desk.now.millis()),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Whether the owner comes, and how many come along.
pub(super) fn attend(
    target: &MessageRef,
    (answer, guests): (Attendance, Option<u32>),
    desk: &Desk,
) -> Result<wa::Message, Error> {
    let (question, answerer) = known(desk)?;
    let response = EventResponseMessage {
        response: Some(match answer {
            Attendance::Yes => EventResponseType::GOING,
            Attendance::No => EventResponseType::NOT_GOING,
            Attendance::Maybe => EventResponseType::MAYBE,
        }),
        timestamp_ms: Some(desk.now.millis()),
        extra_guest_count: guests.and_then(|guests| i32::try_from(guests).ok()),
    };
    let (secret, id) = (&question.secret, target.id.as_str());
    let sealed = event::encrypt_event_response_with_secret(&response, secret, id, &question.author, &answerer);
    let (payload, iv) = sealed.map_err(|error| Error::Refused(error.to_string()))?;
    Ok(wa::Message {
        enc_event_response_message: MessageField::some(EncEventResponseMessage {
            event_creation_message_key: MessageField::some(key(target, desk)?),
            enc_payload: Some(payload),
            enc_iv: Some(iv.to_vec()),
        }),
        ..Default::default()
    })
}

/// A mark that only the members of a community can open; an empty one takes it away.
pub(super) fn mark(target: &MessageRef, emoji: &str, desk: &Desk) -> Result<wa::Message, Error> {
    let (question, answerer) = known(desk)?;
    let (secret, id, now) = (&question.secret, target.id.as_str(), desk.now.millis());
    let sealed = reaction::encrypt_reaction_with_secret(emoji, now, secret, id, &question.author, &answerer);
    let (payload, iv) = sealed.map_err(|error| Error::Refused(error.to_string()))?;
    Ok(wa::Message {
        enc_reaction_message: MessageField::some(EncReactionMessage {
            target_message_key: MessageField::some(key(target, desk)?),
            enc_payload: Some(payload),
            enc_iv: Some(iv.to_vec()),
        }),
        ..Default::default()
    })
}

/// A poll asks something else from now on. What is sealed is the new poll with the secret of the old one
/// (`whatsapp-rust` 0.7.0, `message/msg_secret.rs`: what is in such an envelope is the parent itself).
pub(super) fn ask_otherwise(target: &MessageRef, poll: &Content, desk: &Desk) -> Result<wa::Message, Error> {
    let (question, editor) = known(desk)?;
    let mut edited = content::write(poll, None, desk)?;
    edited.message_context_info = with_secret(question.secret);
    let around = AddonContext {
        stanza_id: target.id.as_str(),
        parent_msg_original_sender: &question.author,
        modification_sender: &editor,
        modification_type: ModificationType::PollEdit,
    };
    let sealed = encrypt_addon(&edited.encode_to_vec(), &question.secret, &around);
    let (payload, iv) = sealed.map_err(|error| Error::Refused(error.to_string()))?;
    Ok(wa::Message {
        secret_encrypted_message: MessageField::some(SecretEncryptedMessage {
            target_message_key: MessageField::some(key(target, desk)?),
            enc_payload: Some(payload),
            enc_iv: Some(iv.to_vec()),
            secret_enc_type: Some(SecretEncType::POLL_EDIT),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// A comment under a message of an announcement group. Its own secret lets others mark it.
pub(super) fn comment(root: &MessageRef, mut body: wa::Message, desk: &Desk) -> Result<wa::Message, Error> {
    let (question, commenter) = known(desk)?;
    // Comments in words are always of the longer kind (WhatsApp Web: `encryptExtendedTextComment`).
    if let Some(text) = body.conversation.take() {
        body.extended_text_message = MessageField::some(ExtendedTextMessage {
            text: Some(text),
            ..Default::default()
        });
    }
    let (secret, id) = (&question.secret, root.id.as_str());
    let sealed = comment::encrypt_comment_with_secret(&body, secret, id, &question.author, &commenter);
    let (payload, iv) = sealed.map_err(|error| Error::Refused(error.to_string()))?;
    Ok(wa::Message {
        enc_comment_message: MessageField::some(EncCommentMessage {
            target_message_key: MessageField::some(key(root, desk)?),
            enc_payload: Some(payload),
            enc_iv: Some(iv.to_vec()),
        }),
        message_context_info: desk.secret.map_or_else(MessageField::none, with_secret),
        ..Default::default()
    })
}

fn with_secret(secret: [u8; 32]) -> MessageField<wa::MessageContextInfo> {
    MessageField::some(wa::MessageContextInfo {
        message_secret: Some(secret.to_vec()),
        ..Default::default()
    })
}

fn known(desk: &Desk) -> Result<(&super::Question, String), Error> {
    let question = desk.question.as_ref();
    let question = question.ok_or_else(|| Error::Refused("what it answers is older than this device".to_owned()))?;
    let answerer = desk.answerer.as_ref().ok_or(Error::NotLinked)?;
    Ok((question, answerer.to_non_ad_string()))
}

/// In groups the key of a question names who asked, also when that is the owner.
fn key(target: &MessageRef, desk: &Desk) -> Result<wa::MessageKey, Error> {
    use whatsapp_rust::wacore_binary::JidExt as _;
    let mut key = desk.key(target)?;
    if desk.chat.is_group() {
        key.participant = desk.question.as_ref().map(|question| question.author.clone());
    }
    Ok(key)
}
