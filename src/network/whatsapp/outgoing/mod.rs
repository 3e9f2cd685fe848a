//! What is to be done → `wa::Message`. Pure; called by `sending`, which knows who is who and waits for the server.
//!
//! A message that acts on another one names it by a key as we see the chat. The library tells the kind of the stanza
//! and its `edit` attribute from the message (`wacore` 0.7.0: `types/message.rs`, `send/classify.rs`).

mod answers;
mod content;
#[cfg(test)]
mod corpus;
mod media;
mod refusals;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use whatsapp_rust::{
    Jid,
    buffa::MessageField,
    wacore::proto_helpers::{build_reaction_message, wrap_as_album_child},
    wacore_binary::JidExt as _,
    waproto::whatsapp::{
        self as wa, disappearing_mode,
        message::{ProtocolMessage, pin_in_chat_message, protocol_message::Type},
    },
};

pub(super) use self::{content::TEXT_LIMIT, refusals::read_refusal};
use super::{super::Error, keys::Question};
use crate::model::{Action, ContactId, Content, MessageId, MessageRef, Quote, Say, Sender, Text, Timestamp};

/// What is needed to write a message, beside what is to be said.
#[derive(Debug)]
pub(super) struct Desk {
    /// The chat.
    pub(super) chat: Jid,
    /// The owner, by the kind of name that the chat goes by.
    pub(super) own: Option<Jid>,
    /// Everybody who is named in the action, by the kind of name that the chat goes by.
    pub(super) people: HashMap<ContactId, Jid>,
    /// Where the message that is answered was said, when that is elsewhere.
    pub(super) quoted_from: Option<Jid>,
    /// The time now.
    pub(super) now: Timestamp,
    /// What answers to a poll or an event will be encrypted with.
    pub(super) secret: Option<[u8; 32]>,
    /// What is answered, where answers are encrypted with its secret.
    pub(super) question: Option<Question>,
    /// The owner, by the kind of name that whoever asked goes by.
    pub(super) answerer: Option<Jid>,
}

impl Desk {
    fn jid(&self, who: &Sender) -> Option<&Jid> {
        match who {
            Sender::Owner => self.own.as_ref(),
            Sender::Contact(contact) => self.people.get(contact),
        }
    }

    fn address(&self, who: &Sender) -> Option<String> {
        self.jid(who).map(Jid::to_non_ad_string)
    }

    /// A message of this chat as we see it.
    fn key(&self, target: &MessageRef) -> Result<wa::MessageKey, Error> {
        let from_me = target.sender == Sender::Owner;
        let has_many = self.chat.is_group() || self.chat.is_status_broadcast();
        let participant = if from_me || !has_many {
            None
        } else {
            // Without its sender a phone does not find the message.
            Some(
                self.address(&target.sender)
                    .ok_or(Error::NotFound("the sender of the message"))?,
            )
        };
        Ok(wa::MessageKey {
            remote_jid: Some(self.chat.to_non_ad_string()),
            from_me: Some(from_me),
            id: Some(target.id.as_str().to_owned()),
            participant,
        })
    }
}

/// The people whose JIDs must be known to write an action.
pub(super) fn people_in(action: &Action) -> Vec<&ContactId> {
    let mut named: Vec<&Sender> = Vec::new();
    match action {
        Action::Say(say) => {
            named.extend(say.reply_to.iter().filter_map(|quote| quote.sender.as_ref()));
            let quoted = say.reply_to.iter().filter_map(|quote| quote.content.as_deref());
            named.extend(quoted.flat_map(mentioned_in));
            named.extend(say.thread.iter().map(|thread| &thread.sender));
            named.extend(mentioned_in(&say.content));
        }
        Action::Edit { target, content } => {
            named.push(&target.sender);
            named.extend(mentioned_in(content));
        }
        Action::React { target, .. }
        | Action::Delete { target }
        | Action::Forget { target }
        | Action::Pin { target, .. }
        | Action::Keep { target, .. }
        | Action::Move { target, .. }
        | Action::Sealed { target, .. }
        | Action::Vote { poll: target, .. }
        | Action::AddOption { poll: target, .. }
        | Action::EndPoll { poll: target }
        | Action::Attend {
            appointment: target, ..
        } => named.push(&target.sender),
        Action::Read { messages, .. } => named.extend(messages.iter().map(|message| &message.sender)),
        Action::Group(change) => named.extend(change.people()),
        Action::Timer(_)
        | Action::Stray
        | Action::Discard
        | Action::Clear { .. }
        | Action::Typing(_)
        | Action::Mark(_)
        | Action::Name(_) => {}
    }
    named
        .into_iter()
        .filter_map(|who| match who {
            Sender::Contact(contact) => Some(contact),
            Sender::Owner => None,
        })
        .collect()
}

fn mentioned_in(content: &Content) -> impl Iterator<Item = &Sender> {
    let text = match content {
        Content::Text(text) => Some(text),
        Content::Media(media) => media.caption.as_ref(),
        _ => None,
    };
    text.into_iter()
        .flat_map(|text| text.mentions.iter().map(|mention| &mention.who))
}

/// Writes the message that does an action.
///
/// # Errors
/// `Unsupported` for what this version cannot carry, `Refused` for what WhatsApp would never take, `NotFound` when it
/// is not known who said the message that is acted on.
pub(super) fn write(action: &Action, desk: &Desk) -> Result<wa::Message, Error> {
    match action {
        Action::Say(say) => said(say, desk),
        Action::Edit {
            target,
            content: content @ Content::Poll(_),
        } => answers::ask_otherwise(target, content, desk),
        Action::Edit { target, content } => {
            let edited = content::write(content, context_of(content, desk), desk)?;
            let key = MessageField::some(desk.key(target)?);
            Ok(protocol(ProtocolMessage {
                key,
                r#type: Some(Type::MESSAGE_EDIT),
                edited_message: MessageField::some(edited),
                timestamp_ms: Some(desk.now.millis()),
                ..Default::default()
            }))
        }
        Action::React { target, emoji } if desk.question.is_some() => {
            answers::mark(target, emoji.as_deref().unwrap_or_default(), desk)
        }
        Action::React { target, emoji } => Ok(build_reaction_message(
            desk.key(target)?,
            emoji.as_deref().unwrap_or_default(),
            desk.now.millis(),
        )),
        Action::Delete { target } => {
            if target.sender != Sender::Owner && !desk.chat.is_group() {
                return Err(Error::Refused("only who wrote a message can take it back".to_owned()));
            }
            Ok(protocol(ProtocolMessage {
                key: MessageField::some(desk.key(target)?),
                r#type: Some(Type::REVOKE),
                ..Default::default()
            }))
        }
        Action::Pin {
            target,
            pinned,
            seconds,
        } => Ok(pin(desk.key(target)?, *pinned, *seconds, desk)),
        Action::Timer(seconds) => Ok(timer(seconds.unwrap_or_default(), desk)),
        Action::Vote { poll, options } => answers::vote(poll, options, desk),
        Action::Attend {
            appointment,
            answer,
            guests,
        } => answers::attend(appointment, (*answer, *guests), desk),
        // Changes of groups and chats are no messages; nobody keeps messages from Matrix.
        Action::Group(_)
        | Action::Discard
        | Action::Clear { .. }
        | Action::AddOption { .. }
        | Action::EndPoll { .. }
        | Action::Keep { .. }
        | Action::Move { .. }
        | Action::Stray
        | Action::Sealed { .. }
        | Action::Forget { .. }
        | Action::Typing(_)
        | Action::Mark(_)
        | Action::Name(_)
        | Action::Read { .. } => Err(Error::Unsupported(action.name().to_owned())),
    }
}

fn protocol(message: ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message),
        ..Default::default()
    }
}

fn pin(key: wa::MessageKey, pinned: bool, seconds: Option<u32>, desk: &Desk) -> wa::Message {
    use pin_in_chat_message::Type as Pin;
    wa::Message {
        pin_in_chat_message: MessageField::some(wa::message::PinInChatMessage {
            key: MessageField::some(key),
            r#type: Some(if pinned { Pin::PIN_FOR_ALL } else { Pin::UNPIN_FOR_ALL }),
            sender_timestamp_ms: Some(desk.now.millis()),
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_add_on_duration_in_secs: Some(seconds.filter(|_| pinned).unwrap_or_default()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// For a chat of two; the timer of a group is the server's matter.
fn timer(seconds: u32, desk: &Desk) -> wa::Message {
    protocol(ProtocolMessage {
        r#type: Some(Type::EPHEMERAL_SETTING),
        ephemeral_expiration: Some(seconds),
        ephemeral_setting_timestamp: Some(desk.now.millis().div_euclid(1000)),
        disappearing_mode: MessageField::some(wa::DisappearingMode {
            initiator: Some(disappearing_mode::Initiator::CHANGED_IN_CHAT),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn said(say: &Say, desk: &Desk) -> Result<wa::Message, Error> {
    let mut context = context_of(&say.content, desk);
    // What is commented on stands on the envelope.
    let commented = say.thread.as_ref().filter(|_| desk.question.is_some());
    let is_quoted = |quote: &&Quote| commented.is_none_or(|root| root.id != quote.id);
    if let Some(quote) = say.reply_to.as_ref().filter(is_quoted) {
        answer(context.get_or_insert_default(), quote, desk);
    } else if let (Some(thread), None) = (&say.thread, commented) {
        // Most chats know no comments; an answer to the message that began the thread says the same.
        let root = Quote {
            id: thread.id.clone(),
            sender: Some(thread.sender.clone()),
            text: None,
            content: None,
        };
        answer(context.get_or_insert_default(), &root, desk);
    }
    if say.forwarded {
        let context = context.get_or_insert_default();
        context.is_forwarded = Some(true);
        context.forwarding_score = Some(1);
    }
    if let Some(seconds) = say.expires_in {
        let context = context.get_or_insert_default();
        context.expiration = Some(seconds);
        context.ephemeral_setting_timestamp = say.timer_at.map(|at| at.millis().div_euclid(1000));
    }
    let message = content::write(&say.content, context, desk)?;
    let message = match &say.album {
        Some(album) => wrap_as_album_child(message, own_key(album, desk)),
        None => message,
    };
    match commented {
        Some(root) => answers::comment(root, message, desk),
        None => Ok(message),
    }
}

fn own_key(id: &MessageId, desk: &Desk) -> wa::MessageKey {
    wa::MessageKey {
        remote_jid: Some(desk.chat.to_non_ad_string()),
        from_me: Some(true),
        id: Some(id.as_str().to_owned()),
        participant: None,
    }
}

/// What words ask for around them: whom they name.
fn context_of(content: &Content, desk: &Desk) -> Option<wa::ContextInfo> {
    let text: &Text = match content {
        Content::Text(text) => text,
        Content::Media(media) => media.caption.as_ref()?,
        _ => return None,
    };
    if text.mentions.is_empty() && !text.everyone {
        return None;
    }
    Some(wa::ContextInfo {
        mentioned_jid: text
            .mentions
            .iter()
            .filter_map(|mention| desk.address(&mention.who))
            .collect(),
        non_jid_mentions: text.everyone.then_some(1),
        ..Default::default()
    })
}

/// `participant` and `quotedMessage` are both needed: a phone shows a blank quote without the second and ignores the
/// whole quote without the first.
fn answer(context: &mut wa::ContextInfo, quote: &Quote, desk: &Desk) {
    context.stanza_id = Some(quote.id.as_str().to_owned());
    context.remote_jid = desk.quoted_from.as_ref().map(Jid::to_non_ad_string);
    context.participant = quote.sender.as_ref().and_then(|sender| desk.address(sender));
    let whole = quote
        .content
        .as_deref()
        .and_then(|content| content::write(content, context_of(content, desk), desk).ok());
    let words = || {
        let kind = quote.content.as_deref().map(Content::kind);
        let words = quote.text.as_deref().or(kind).unwrap_or_default();
        wa::Message {
            conversation: Some(words.to_owned()),
            ..Default::default()
        }
    };
    context.quoted_message = MessageField::some(whole.unwrap_or_else(words));
}
