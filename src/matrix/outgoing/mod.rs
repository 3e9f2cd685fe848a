//! Our words as contents of Matrix events. Pure: what must be uploaded first is handed in by its address. Called by
//! `bridge`; every family of contents has its file.
//!
//! Deliberately not here: how markup becomes HTML (`html`), and which event of a room a message is.

mod bridge;
mod fill;
#[cfg(test)]
mod framed;
mod media;
mod place;
mod poll;
mod previews;
mod relations;
mod rooms;
#[cfg(test)]
mod tests;
mod told;
mod words;

use ruma::{EventId, MxcUri, RoomId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[cfg(test)]
use self::words::{Words, texts};
pub(crate) use self::{
    bridge::{BridgeInfo, bridge_state},
    poll::{answer_id, poll_end, poll_results, vote},
    relations::{Status, edit, reaction, status},
    rooms::{
        FUNCTIONAL_MEMBERS, Levels, SHARING, TIMER, functional_members, join_rules, let_write, levels, space_child,
        space_parent, timer,
    },
    words::named,
};
use super::html::Pill;
use crate::model::{Content, Say, Sender};

/// Marks what we send as a real person, so that we know it when the homeserver shows it to us.
pub(super) const MARK: &str = "net.wharf.sent";
/// Marks what was passed on from another chat.
pub(super) const FORWARDED: &str = "net.wharf.forwarded";
/// The line before it.
pub(super) const FORWARDED_LINE: &str = "↪ Forwarded";
/// Marks what is meant to be looked at once.
pub(super) const VIEW_ONCE: &str = "net.wharf.view_once";
/// The line over it.
pub(super) const VIEW_ONCE_LINE: &str = "① View once";
/// Marks a round film of who speaks.
pub(super) const VIDEO_NOTE: &str = "net.wharf.video_note";
/// What stands for a message that could not be decrypted.
const AWAITED: &str = "⏳ Waiting for this message: it could not be decrypted, and its sender was asked for it again. \
                       Until it comes, look for it on your phone.";
/// Names the album of a picture.
const ALBUM: &str = "net.wharf.album";

/// The type of nearly all messages.
pub(crate) const MESSAGE: &str = "m.room.message";

/// An event to send.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Message {
    /// Its type.
    pub(crate) event_type: &'static str,
    /// Its content.
    pub(crate) content: Value,
}

impl Message {
    /// Whether it takes the place of an event.
    pub(crate) fn is_edit(&self) -> bool {
        self.content.get("m.new_content").is_some()
    }

    /// Whether clients show the latest one of its kind, by its time: edits of an event, votes of a person.
    pub(crate) fn is_outdated_by_later_ones(&self) -> bool {
        self.is_edit() || self.event_type == poll::RESPONSE
    }
}

/// What stands around a message in its room, and what of it was uploaded before.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The event it answers.
    pub(crate) reply_to: Option<&'a EventId>,
    /// What it answers, as lines of a quote: it stands over the words where the event cannot be an answer.
    pub(crate) quote: Option<&'a str>,
    /// The thread it stands in.
    pub(crate) thread: Option<Thread<'a>>,
    /// Who is meant by a mention.
    pub(crate) pill: &'a dyn Fn(&Sender) -> Option<Pill>,
    /// Where the small picture of the media, place or link is.
    pub(crate) picture: Option<&'a MxcUri>,
    /// Where the file with the cards is: [`cards::join`](super::cards::join) makes it.
    pub(crate) cards: Option<&'a MxcUri>,
    /// What to write as an answer to an invitation to accept it.
    pub(crate) accept: Option<&'a str>,
}

impl Around<'_> {
    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            reply_to: None,
            quote: None,
            thread: None,
            pill: &|_| None,
            picture: None,
            cards: None,
            accept: None,
        }
    }
}

/// A thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Thread<'a> {
    /// The event it began with.
    pub(crate) root: &'a EventId,
    /// The last event in it: clients that know no threads show an answer to it.
    pub(crate) latest: Option<&'a EventId>,
}

/// The events of a message; a long one needs several. The first one stands for the message. An album that is announced
/// has none: what is in it follows.
pub(crate) fn say(say: &Say, around: &Around<'_>) -> Vec<Message> {
    let around = &Around {
        quote: around.quote.filter(|_| around.reply_to.is_none()),
        ..*around
    };
    let mut messages = shown(say, around);
    for (number, message) in messages.iter_mut().enumerate() {
        relations::put(&mut message.content, around, number == 0);
        fill::fit(&mut message.content);
    }
    messages
}

/// A message as events that relate to nothing yet.
fn shown(say: &Say, around: &Around<'_>) -> Vec<Message> {
    let mut messages = bare(say, around);
    for message in &mut messages {
        if let Some(album) = &say.album {
            message.content[ALBUM] = json!({"id": album.as_str()});
        }
    }
    messages
}

fn bare(say: &Say, around: &Around<'_>) -> Vec<Message> {
    let forwarded = say.forwarded.then_some(FORWARDED_LINE);
    let lines: &[&str] = &forwarded.into_iter().chain(around.quote).collect::<Vec<_>>();
    let in_words = |text: &str| all(words::said(&text.into(), lines, around));
    match &say.content {
        Content::Text(text) => all(words::said(text, lines, around)),
        Content::Media(media) => media::messages(media, lines, around),
        Content::Location(location) => all(vec![place::content(location, lines, around)]),
        Content::Contacts(cards) => all(told::contacts(cards, lines, around)),
        Content::Poll(poll) => vec![poll::start(poll, around.quote)],
        Content::Appointment(appointment) => in_words(&told::appointment(appointment)),
        Content::Invitation(invitation) => in_words(&told::invitation(invitation, around.accept)),
        Content::Album { .. } => Vec::new(),
        Content::Told(text) => in_words(text),
        Content::Call(call) => all(vec![notice(&told::call(*call), None)]),
        Content::Awaited => all(vec![notice(AWAITED, None)]),
        Content::Unsupported(kind) => {
            let mut notice = unsupported_notice(kind);
            if let Some(quote) = around.quote {
                notice["body"] = json!(format!("{quote}\n{}", notice["body"].as_str().unwrap_or_default()));
            }
            all(vec![notice])
        }
    }
}

fn all(contents: Vec<Value>) -> Vec<Message> {
    let message = |content| Message {
        event_type: MESSAGE,
        content,
    };
    contents.into_iter().map(message).collect()
}

/// A short text that mentions nobody, for tests of how events travel.
#[cfg(test)]
pub(crate) fn text(text: &str, reply_to: Option<&EventId>) -> Value {
    texts(&Words::new(text), reply_to).swap_remove(0)
}

/// A line of the bot, perhaps an answer. Other bots do not react to it.
pub(crate) fn notice(text: &str, reply_to: Option<&EventId>) -> Value {
    words::message("m.notice", text, reply_to)
}

/// Instead of something that cannot be shown: `kind` is the name people know it under.
pub(crate) fn unsupported_notice(kind: &str) -> Value {
    notice(
        &format!(
            "{} cannot be shown here yet. Open it on your phone.",
            with_article(kind)
        ),
        None,
    )
}

/// A picture of the bot.
pub(crate) fn image(mxc: &MxcUri, name: &str, size: usize, (width, height): (u32, u32)) -> Value {
    json!({
        "msgtype": "m.image", "body": name, "filename": name, "url": mxc, "m.mentions": {},
        "info": {"mimetype": "image/png", "size": size, "w": width, "h": height},
    })
}

/// Marks a content that is sent as a real person; [`Actor::send`](super::Actor::send) does it. Clients copy the whole
/// content when they forward a message: in another room the mark means nothing.
pub(super) fn mark(content: &mut Value, room: &RoomId) {
    if let Some(content) = content.as_object_mut() {
        content.insert(MARK.into(), json!({ "room": room }));
    }
}

/// A transaction id that is the same for the same parts and different for different ones. It must name the sender:
/// homeservers scope transaction ids to all our users together.
pub(crate) fn transaction_id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

/// `An image`, `A file`.
pub(crate) fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "An"
    } else {
        "A"
    };
    format!("{article} {kind}")
}
