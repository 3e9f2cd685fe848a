//! Matrix events as our words. Pure: whoever may speak where is decided by the bridge. Called by `bridge` with what push
//! and repair brought; every family of events has its file.
//!
//! Deliberately not here: which message of a network an event is, and who on a network a Matrix user is.

mod fields;
mod gallery;
#[cfg(test)]
mod hostile;
mod levels;
mod media;
mod place;
mod poll;
mod state;
#[cfg(test)]
mod tests;
mod words;

use ruma::{OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedUserId};
use serde_json::{Value, value::RawValue};

use self::fields::{Event, Fields, Relation, clean, event_id, flag, part, text, words as line};
pub(crate) use self::{levels::Levels, place::is_share};
use super::{
    emoji,
    outgoing::{FORWARDED, MARK, TIMER},
};
use crate::model::{Content, MediaKind};

/// What people call a mark that is a picture of the homeserver.
pub(crate) const PICTURE_MARK: &str = "reaction with a picture";
/// What a ring is called.
pub(crate) const CALL: &str = "call";

/// What an event of a room means to us.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Incoming {
    /// Somebody said something.
    Say(Box<Said>),
    /// A bot said something. Two bots that answer each other never end.
    Notice(Box<Said>),
    /// Somebody said something else instead.
    Edit {
        /// Instead of which event.
        target: OwnedEventId,
        /// What.
        said: Box<Said>,
        /// A bot did, as in a notice.
        is_notice: bool,
    },
    /// Somebody put a mark on an event. It is taken away by taking back this event.
    React {
        /// On which event.
        target: OwnedEventId,
        /// The mark, an emoji without variation selectors.
        key: String,
    },
    /// An event was taken back: a message, a mark, a vote, a pin.
    Redact {
        /// Which event.
        target: OwnedEventId,
    },
    /// Somebody chose in a poll.
    Vote {
        /// The poll.
        poll: OwnedEventId,
        /// The ids of the answers; none takes the vote back.
        answers: Vec<String>,
    },
    /// A poll is over.
    EndPoll {
        /// The poll.
        poll: OwnedEventId,
        /// How it ended, for people.
        words: Option<String>,
    },
    /// Somebody who shares where they are told where that is now.
    Moved {
        /// The event that began it.
        share: OwnedEventId,
        /// The place.
        said: Box<Said>,
    },
    /// Other events are held at the top of the room than before.
    Pins {
        /// Held now.
        pinned: Vec<OwnedEventId>,
        /// Held no longer.
        unpinned: Vec<OwnedEventId>,
    },
    /// Somebody was invited.
    Invite {
        /// Who.
        user: OwnedUserId,
        /// Whether it is meant as a direct chat.
        is_direct: bool,
        /// How they stood to the room before.
        was: Membership,
    },
    /// Somebody came in.
    Joined {
        /// Who.
        user: OwnedUserId,
    },
    /// Somebody left, declined, or was sent away.
    Left {
        /// Who.
        user: OwnedUserId,
        /// How they stood to the room before.
        was: Membership,
        /// They may not come back.
        banned: bool,
    },
    /// The room was replaced by another.
    Replaced {
        /// By which.
        next: OwnedRoomId,
    },
    /// Something about the room itself is different.
    Room(Box<RoomChange>),
    /// What we sent ourselves in a real person's name.
    Ours,
    /// Nothing to us, and why.
    Ignored(&'static str),
}

/// How somebody stands to a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Membership {
    /// In it.
    In,
    /// Invited.
    Invited,
    /// Asked to be let in.
    Asking,
    /// Neither.
    Out,
}

/// What is different about a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum RoomChange {
    /// Its name.
    Name(Option<String>),
    /// Its topic.
    Topic(Option<String>),
    /// Its picture.
    Avatar(Option<OwnedMxcUri>),
    /// Who may do what.
    Levels {
        /// Until now.
        before: Levels,
        /// From now on.
        now: Levels,
    },
    /// Whether strangers may ask to be let in; `None` for every other way in but an invitation.
    Knocking(Option<bool>),
    /// After how many milliseconds new messages disappear; `None`: never. Zero is no time that networks know.
    Timer(Option<u64>),
}

/// What somebody said, with all that only the bridge can translate.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Said {
    /// What. Its words name nobody yet, and it has no small pictures yet.
    pub(crate) content: Content,
    /// Who is named in its words.
    pub(crate) called: Vec<Called>,
    /// The event it answers.
    pub(crate) reply_to: Option<OwnedEventId>,
    /// The event that began the thread it stands in.
    pub(crate) thread: Option<OwnedEventId>,
    /// It was passed on from another room.
    pub(crate) forwarded: bool,
    /// The small picture of the media, place or link.
    pub(crate) picture: Option<Picture>,
    /// The answers of a poll, in the order of its options.
    pub(crate) answers: Vec<Answer>,
    /// The other files of a gallery.
    pub(crate) rest: Vec<Said>,
}

/// Somebody who is named in words. Longer tokens come first, so that they can be replaced one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Called {
    /// As it stands in the words: the id of the user.
    pub(crate) token: String,
    /// Who.
    pub(crate) user: OwnedUserId,
    /// What the sender saw instead.
    pub(crate) name: Option<String>,
}

/// A small picture on a homeserver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    /// Where it is.
    pub(crate) source: OwnedMxcUri,
    /// Its media type, as the sender said.
    pub(crate) mime: Option<String>,
    /// Width in pixels.
    pub(crate) width: Option<u32>,
    /// Height in pixels.
    pub(crate) height: Option<u32>,
}

/// One answer of a poll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// What votes call it.
    pub(crate) id: String,
    /// What people read: an option of the [`Poll`](crate::model::Poll).
    pub(crate) option: String,
}

impl Said {
    /// This content and nothing around it.
    pub(crate) fn new(content: Content) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }
}

/// Reads an event as the homeserver gave it.
///
/// # Errors
/// It is not an event.
pub(crate) fn read(json: &RawValue) -> Result<Incoming, serde_json::Error> {
    let event: Event = serde_json::from_str(json.get())?;
    Ok(match whose(&event) {
        Whose::Ours => Incoming::Ours,
        Whose::Theirs { copied } if event.state_key.is_none() => message(&event, copied),
        Whose::Theirs { .. } => room(&event),
    })
}

/// Who made an event.
enum Whose {
    Ours,
    Theirs { copied: bool },
}

/// Our mark counts in the room it was made for, and where the room is not told: better one forwarded message too few
/// than an echo without end. In another room it shows that somebody passed the message on.
fn whose(event: &Event) -> Whose {
    let Some(mark) = event.content.get(MARK) else {
        return Whose::Theirs { copied: false };
    };
    match (&event.room_id, mark.get("room").and_then(Value::as_str)) {
        (Some(room), Some(marked)) if room != marked => Whose::Theirs { copied: true },
        _ => Whose::Ours,
    }
}

fn room(event: &Event) -> Incoming {
    match event.kind.as_str() {
        "m.room.member" => state::member(event),
        "m.room.pinned_events" => state::pins(event),
        "m.room.tombstone" => state::tombstone(event),
        "m.room.name" => changed(RoomChange::Name(line(&event.content, "name"))),
        "m.room.topic" => changed(RoomChange::Topic(line(&event.content, "topic"))),
        "m.room.avatar" => changed(RoomChange::Avatar(state::avatar(&event.content))),
        "m.room.power_levels" => state::levels(event),
        "m.room.join_rules" => state::join_rules(event),
        TIMER => changed(RoomChange::Timer(state::timer(&event.content))),
        _ => Incoming::Ignored("state of the room"),
    }
}

fn changed(change: RoomChange) -> Incoming {
    Incoming::Room(Box::new(change))
}

fn message(event: &Event, copied: bool) -> Incoming {
    let content = &event.content;
    match event.kind.as_str() {
        "m.reaction" => reaction(content),
        "m.room.redaction" => redaction(event),
        "m.poll.response" | "org.matrix.msc3381.poll.response" => poll::vote(content),
        "m.poll.end" | "org.matrix.msc3381.poll.end" => poll::end(content),
        "m.beacon" | "org.matrix.msc3672.beacon" => place::moved(content),
        "m.room.encrypted" => unsupported("encrypted message"),
        // Between two, and of MatrixRTC (MSC4075), whose first name is still used.
        "m.call.invite"
        | "m.call.notify"
        | "org.matrix.msc4075.call.notify"
        | "m.rtc.notification"
        | "org.matrix.msc4075.rtc.notification" => unsupported(CALL),
        "m.room.message" | "m.sticker" | "m.poll.start" | "org.matrix.msc3381.poll.start" => {
            said(&event.kind, content, copied)
        }
        _ => Incoming::Ignored("kind of event"),
    }
}

fn said(kind: &str, content: &Fields, copied: bool) -> Incoming {
    let relation = Relation::of(content);
    let is_edit = relation.kind.as_deref() == Some("m.replace");
    let content = match (is_edit, part(content, "m.new_content")) {
        (false, _) => content,
        (true, Some(new)) => new,
        (true, None) => return Incoming::Ignored("edit that says nothing"),
    };
    let (mut said, is_notice) = match said_in(kind, content) {
        Ok(said) => said,
        Err(why) => return Incoming::Ignored(why),
    };
    said.forwarded = copied || is_forwarded(content);
    if is_edit {
        return match relation.target {
            Some(target) => Incoming::Edit {
                target,
                said: Box::new(said),
                is_notice,
            },
            None => Incoming::Ignored("edit of nothing"),
        };
    }
    said.thread = relation.to("m.thread").cloned();
    said.reply_to = relation.reply_to;
    let said = Box::new(said);
    if is_notice {
        Incoming::Notice(said)
    } else {
        Incoming::Say(said)
    }
}

/// What a content says, and whether it is a bot's notice; or why it says nothing.
fn said_in(kind: &str, content: &Fields) -> Result<(Said, bool), &'static str> {
    let say = match kind {
        // A redacted event is empty.
        _ if content.is_empty() => return Err("no message"),
        "m.sticker" => media::read(MediaKind::Sticker, content),
        "m.room.message" => match text(content, "msgtype").ok_or("no message")? {
            "m.text" | "m.emote" => in_words(content)?,
            "m.notice" | "m.server_notice" => return Ok((in_words(content)?, true)),
            "m.image" => media::read(MediaKind::Image, content),
            "m.video" => media::read(MediaKind::Video, content),
            "m.audio" => media::read(MediaKind::Audio, content),
            "m.file" => media::read(MediaKind::File, content),
            "m.gallery" | "dm.filament.gallery" => gallery::read(content),
            "m.location" => place::read(content),
            "m.key.verification.request" => return Err("verification"),
            _ => Said::new(Content::Unsupported("message of this kind".into())),
        },
        _ => poll::start(content),
    };
    Ok((say, false))
}

fn in_words(content: &Fields) -> Result<Said, &'static str> {
    let mut words = words::read(content).ok_or("no words")?;
    if text(content, "msgtype") == Some("m.emote") {
        // A star would make the point of a list of it.
        words.text.body.insert_str(0, "/me ");
    }
    Ok(Said {
        called: words.called,
        picture: words.picture,
        ..Said::new(Content::Text(words.text))
    })
}

/// No client says so in a way that all understand: ours, and that of MSC2723.
fn is_forwarded(content: &Fields) -> bool {
    flag(content, FORWARDED) || content.contains_key("m.forwarded")
}

fn reaction(content: &Fields) -> Incoming {
    let relation = Relation::of(content);
    let Some(target) = relation.to("m.annotation").cloned() else {
        return Incoming::Ignored("reaction to nothing");
    };
    let key = clean(&relation.key.unwrap_or_default());
    if key.starts_with("mxc://") {
        return unsupported(PICTURE_MARK);
    }
    match emoji::bare(key.trim()) {
        key if key.is_empty() => Incoming::Ignored("reaction without a mark"),
        key => Incoming::React { target, key },
    }
}

/// Until room version 11 the target stands beside the content, since then in it.
fn redaction(event: &Event) -> Incoming {
    let target = event_id(event.content.get("redacts")).or_else(|| event_id(Some(&event.redacts)));
    match target {
        Some(target) => Incoming::Redact { target },
        None => Incoming::Ignored("redaction of nothing"),
    }
}

fn unsupported(kind: &str) -> Incoming {
    Incoming::Say(Box::new(Said::new(Content::Unsupported(kind.into()))))
}
