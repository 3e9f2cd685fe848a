//! `wa::Message` → what was done. Pure; called by `delivery`.
//!
//! A message is read twice: once to learn which people are named in it, and, when they are known, for good. Who said
//! it and where stands in the stanza around the message and is read by `ids`. What cannot be shown becomes
//! `Content::Told` or `Content::Unsupported` under the name people know it by, never silence; only what nobody would
//! miss (key exchange, settings, synchronisation between own devices) is nothing at all. The table of all kinds is in
//! `docs/message-kinds.md`. Deliberately not here: what was encrypted with another message's secret (`answers`).

mod appointments;
mod assistant;
mod business;
mod kinds;
mod lines;
mod media;
mod money;
mod people;
mod places;
mod polls;
mod protocol;
mod scene;
mod sealed;
#[cfg(test)]
pub(super) mod tests;
mod text;
mod wrappers;

use whatsapp_rust::{
    Jid,
    wacore_binary::JidExt as _,
    waproto::whatsapp::{self as wa, message_association::AssociationType},
};

pub(super) use self::places::on_its_way;
pub(super) use self::scene::{Directory, Known, Opened, Scene};
pub(super) use self::sealed::{Posed, Sealed, asked_in, posed_in, sealed_about, sealed_in};
use self::{
    protocol::Word,
    scene::Asked,
    wrappers::{Unwrapped, unwrap},
};
use crate::model::{Action, Content, MessageId, Quote, Say, Sender, Timestamp};

/// What people are told of a kind that is not in the table: newer than the library, or than this version.
const UNKNOWN: &str = "message of an unknown kind";

/// What a message holds, and what stands around that.
struct Found<'a> {
    content: Content,
    context: Option<&'a wa::ContextInfo>,
}

impl<'a> Found<'a> {
    fn new(content: Content, around: Option<&'a wa::ContextInfo>) -> Self {
        Self {
            content,
            context: around,
        }
    }
}

/// The JIDs that must be looked up before a message can be read; `None` when there is nothing that people would see.
pub(super) fn named_in(message: &wa::Message, thread: Option<&wa::MessageKey>) -> Option<Vec<Jid>> {
    let asked = Asked::default();
    let scene = Scene {
        actor: Sender::Owner,
        peer: None,
        by_admin: true,
        thread,
        opened: None,
        sealed: Some(""),
        people: &asked,
    };
    read(message, &scene)?;
    Some(asked.0.into_inner())
}

/// Reads a message; `None` when there is nothing that people would see.
pub(super) fn read(message: &wa::Message, scene: &Scene<'_>) -> Option<Action> {
    let unwrapped = unwrap(message);
    let inner = unwrapped.message;
    match protocol::read(inner, scene) {
        Some(Word::Act(action)) => return Some(*action),
        Some(Word::BetweenClients) => return None,
        None => {}
    }
    if let Some(action) = scene.sealed.and_then(|envelope| sealed::closed(inner, envelope, scene)) {
        return Some(action);
    }
    if let Some(action) = polls::vote(inner, scene)
        .or_else(|| polls::added(inner, scene))
        .or_else(|| appointments::answer(inner, scene))
    {
        return Some(action);
    }
    if unwrapped.edited {
        // The wrapper of edits without the word that says which message it is.
        return Some(undelivered("edited message"));
    }
    let found = match content_of(unwrapped, scene) {
        Some(found) => found,
        None if kinds::is_silent(inner) => return None,
        None => Found::new(Content::Unsupported(UNKNOWN.to_owned()), None),
    };
    Some(said(found, unwrapped, scene))
}

/// The message inside its wrappers.
pub(super) fn innermost(message: &wa::Message) -> &wa::Message {
    unwrap(message).message
}

/// What people are told of a message that did not come.
fn undelivered(kind: &str) -> Action {
    Action::Say(Say::new(Content::Unsupported(kind.to_owned())))
}

/// What a message holds, whatever is done with it.
fn content_of<'a>(unwrapped: Unwrapped<'a>, scene: &Scene<'_>) -> Option<Found<'a>> {
    let message = unwrapped.message;
    text::read(message, scene)
        .or_else(|| media::read(message, unwrapped.view_once, scene))
        .or_else(|| places::read(message))
        .or_else(|| people::read(message))
        .or_else(|| polls::read(message))
        .or_else(|| appointments::read(message))
        .or_else(|| business::read(message, scene))
        .or_else(|| money::read(message, scene))
        .or_else(|| assistant::read(message))
        .or_else(|| kinds::read(message))
}

fn said(found: Found<'_>, unwrapped: Unwrapped<'_>, scene: &Scene<'_>) -> Action {
    let parent = unwrapped.association.and_then(|association| {
        Some((
            association.association_type?,
            association.parent_message_key.as_option()?,
        ))
    });
    // The same picture or film again in a better quality, or for better players: it takes the place of the first.
    if let Some((
        AssociationType::HD_IMAGE_DUAL_UPLOAD
        | AssociationType::HD_VIDEO_DUAL_UPLOAD
        | AssociationType::HEVC_VIDEO_DUAL_UPLOAD,
        key,
    )) = parent
        && let Some(target) = scene.own_reference(key)
    {
        return Action::Edit {
            target,
            content: found.content,
        };
    }
    let album = match parent {
        Some((AssociationType::MEDIA_ALBUM, key)) => named(key.id.as_ref()),
        _ => None,
    };
    let thread = scene.thread.or(unwrapped.thread);
    Action::Say(Say {
        content: found.content,
        reply_to: found.context.and_then(|context| quote(context, scene)),
        forwarded: found.context.is_some_and(|context| context.is_forwarded == Some(true)),
        expires_in: found
            .context
            .and_then(|context| context.expiration)
            .filter(|seconds| *seconds > 0),
        timer_at: found
            .context
            .and_then(|context| context.ephemeral_setting_timestamp)
            .filter(|at| *at > 0)
            .map(Timestamp::from_secs),
        thread: thread.and_then(|key| scene.reference(key)),
        album,
    })
}

/// The message that another one answers, as the wire tells it.
fn quote(around: &wa::ContextInfo, scene: &Scene<'_>) -> Option<Quote> {
    let id = named(around.stanza_id.as_ref())?;
    let quoted = around.quoted_message.as_option().map(unwrap);
    let content = quoted
        .and_then(|quoted| content_of(quoted, scene))
        .map(|found| found.content);
    let text = content
        .as_ref()
        .and_then(Content::text)
        .or_else(|| quoted.and_then(|quoted| media::caption_of(quoted.message)))
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned);
    Some(Quote {
        id,
        sender: around.participant.as_deref().and_then(|jid| {
            if is_elsewhere(around) {
                // Who speaks there need not be one of the two who speak here.
                return scene.person(jid).map(|known| known.who);
            }
            scene.author(jid)
        }),
        text,
        content: content
            .filter(|content| !matches!(content, Content::Text(text) if text.mentions.is_empty()))
            .map(Box::new),
    })
}

/// Whether what is answered was said in a group, as a status or in a channel, of which the wire tells where.
fn is_elsewhere(around: &wa::ContextInfo) -> bool {
    let chat = filled(around.remote_jid.as_ref()).and_then(|jid| jid.parse::<Jid>().ok());
    chat.is_some_and(|chat| chat.is_group() || chat.is_status_broadcast() || chat.is_newsletter())
}

/// Longer ids than this are nobody's: WhatsApp's have some twenty characters, and databases do not look for more than some
/// thousand.
pub(super) const LONGEST_ID: usize = 256;

/// The id of a message as somebody writes it in another, where it can be one.
fn named(id: Option<&String>) -> Option<MessageId> {
    filled(id)
        .filter(|id| id.len() <= LONGEST_ID)
        .map(MessageId::from_adapter)
}

/// Text that is there and not empty.
fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
