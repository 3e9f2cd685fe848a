//! Everything a person can say, as scripts and scenarios write it down, and the message it becomes.
//!
//! Called by the control API and by scenarios; tests may use it too. Media are sealed by [`super::media`],
//! poll votes by [`super::polls`], edits of polls and events, added options and comments by [`super::sealed`]. What a message is about is named by id; who wrote that one is looked up.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use super::{cards, place, polls, quotation, sealed};
use crate::server::state::State;
use crate::server::{clock, migration, step};

/// Something to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Speech {
    /// A text; it may name people by number.
    Text {
        /// The words.
        text: String,
        /// Numbers named in it.
        #[serde(default)]
        mentions: Vec<String>,
    },
    /// A text with a preview of the page it names.
    Link {
        /// The words.
        text: String,
        /// The address in it.
        url: String,
        /// The page's title.
        title: String,
        /// What the page is about.
        #[serde(default)]
        description: String,
    },
    /// An answer that quotes a message.
    Reply {
        /// The message answered.
        id: String,
        /// The words.
        text: String,
    },
    /// A reaction; an empty one takes it back.
    Reaction {
        /// The message.
        id: String,
        /// The emoji.
        emoji: String,
    },
    /// Other words for a message of one's own.
    Edit {
        /// The message.
        id: String,
        /// The new words.
        text: String,
    },
    /// Takes a message of one's own back for everyone.
    Delete {
        /// The message.
        id: String,
    },
    /// A place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// What is there.
        #[serde(default)]
        name: Option<String>,
        /// Where that is.
        #[serde(default)]
        address: Option<String>,
        /// Whether it moves with the person.
        #[serde(default)]
        live: bool,
    },
    /// One or more people's numbers.
    Contacts {
        /// Who.
        people: Vec<Card>,
    },
    /// A question with answers to choose from.
    Poll {
        /// The question.
        question: String,
        /// The answers.
        options: Vec<String>,
        /// How many may be chosen; 0 is any number.
        #[serde(default)]
        selectable: u32,
        /// Until when votes count, in milliseconds since 1970.
        #[serde(default)]
        ends: Option<i64>,
    },
    /// One more answer for a poll, of whomever.
    AddOption {
        /// The poll.
        id: String,
        /// The answer.
        option: String,
    },
    /// A choice in a poll; none takes it back.
    Vote {
        /// The poll.
        id: String,
        /// The answers chosen.
        options: Vec<String>,
    },
    /// An invitation to something that happens.
    Event {
        /// What happens.
        name: String,
        /// More about it.
        #[serde(default)]
        description: Option<String>,
        /// When, in seconds since 1970.
        start: i64,
    },
    /// Something else happens, or at another time.
    EditEvent {
        /// The event.
        id: String,
        /// What happens.
        name: String,
        /// More about it.
        #[serde(default)]
        description: Option<String>,
        /// When, in seconds since 1970.
        start: i64,
    },
    /// Whether one comes to something that happens.
    Attend {
        /// The event.
        id: String,
        /// Whether one comes.
        answer: Attendance,
        /// How many come along.
        #[serde(default)]
        guests: i32,
    },
    /// Another question in the place of one.
    EditPoll {
        /// The poll.
        id: String,
        /// The question.
        question: String,
        /// The answers.
        options: Vec<String>,
        /// How many may be chosen; 0 is any number.
        #[serde(default)]
        selectable: u32,
        /// Until when votes count, in milliseconds since 1970.
        #[serde(default)]
        ends: Option<i64>,
    },
    /// Words under an announcement of a community.
    Comment {
        /// The announcement.
        id: String,
        /// The words.
        text: String,
    },
    /// Fastens a message at the top of the chat, or loosens it.
    Pin {
        /// The message.
        id: String,
        /// Whether it stays on top.
        pinned: bool,
        /// For how long, in seconds; 0 is without an end.
        #[serde(default)]
        seconds: u32,
    },
    /// Keeps a message from disappearing, or no longer.
    Keep {
        /// The message.
        id: String,
        /// Whether it stays.
        kept: bool,
    },
    /// An invitation to a group.
    GroupInvite {
        /// The group's address.
        group: String,
        /// Its name.
        name: String,
        /// The code of the invitation.
        code: String,
    },
    /// Messages of the chat disappear after so many seconds; 0 keeps them.
    Disappearing {
        /// How long they stay.
        seconds: u32,
    },
    /// Any message, as the base64 of its protobuf.
    Raw {
        /// The bytes.
        protobuf: String,
    },
}

/// Whether somebody comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attendance {
    /// Comes.
    Yes,
    /// Does not.
    No,
    /// Perhaps.
    Maybe,
}

/// A person's number, passed on.
#[derive(Clone, Debug, Deserialize)]
pub struct Card {
    /// The name.
    pub name: String,
    /// The number, digits only.
    pub number: String,
}

/// What somebody says to somebody, as a message.
pub(crate) fn compose(state: &State, from: &str, to: &str, speech: Speech) -> anyhow::Result<wa::Message> {
    let mut message = wa::Message::default();
    match speech {
        Speech::Text { text, mentions } if mentions.is_empty() => message = wa::Message::text(text),
        Speech::Text { text, mentions } => {
            let names = mentions
                .iter()
                .map(|number| Ok(place::face(state, number, to)?.to_string()));
            let context = wa::ContextInfo {
                mentioned_jid: names.collect::<anyhow::Result<_>>()?,
                ..Default::default()
            };
            message.extended_text_message = MessageField::some(words(text, context));
        }
        Speech::Link {
            text,
            url,
            title,
            description,
        } => {
            let mut preview = words(text, wa::ContextInfo::default());
            preview.context_info = MessageField::none();
            (preview.matched_text, preview.title) = (Some(url), Some(title));
            preview.description = Some(description);
            message.extended_text_message = MessageField::some(preview);
        }
        Speech::Reply { id, text } => message = reply(state, from, to, &id, &text),
        Speech::Location { .. } => message = place(speech),
        Speech::Contacts { people } => message = cards::message(people)?,
        Speech::Poll { .. } | Speech::Vote { .. } => message = polls::compose(state, from, to, speech)?,
        Speech::Event {
            name,
            description,
            start,
        } => message = happening(name, description, start),
        Speech::EditEvent { .. }
        | Speech::EditPoll { .. }
        | Speech::AddOption { .. }
        | Speech::Comment { .. }
        | Speech::Attend { .. } => message = sealed::compose(state, from, to, speech)?,
        Speech::GroupInvite { group, name, code } => {
            message.group_invite_message = MessageField::some(wa::message::GroupInviteMessage {
                group_jid: Some(group),
                group_name: Some(name),
                invite_code: Some(code),
                invite_expiration: i64::try_from(clock::seconds() + 86_400).ok(),
                ..Default::default()
            });
        }
        Speech::Raw { protobuf } => {
            let bytes = BASE64_STANDARD.decode(protobuf).context("the protobuf is not base64")?;
            message = wa::Message::decode_from_slice(&bytes).context("these bytes are no message")?;
        }
        Speech::Reaction { .. }
        | Speech::Edit { .. }
        | Speech::Delete { .. }
        | Speech::Pin { .. }
        | Speech::Keep { .. }
        | Speech::Disappearing { .. } => message = about(state, from, to, speech)?,
    }
    Ok(message)
}

/// An answer; when nobody knows the quoted message, only its id is quoted.
pub(crate) fn reply(state: &State, from: &str, to: &str, id: &str, text: &str) -> wa::Message {
    let quoted = place::message(state, from, to, id);
    let author = place::author(state, from, to, id).unwrap_or_default();
    if place::group_id(to).is_some() {
        let face = place::face(state, &author, to).map(|jid| jid.to_string());
        return quotation(id, face.unwrap_or_default(), &quoted, text);
    }
    // In a chat that goes by LIDs both sides are named by LID.
    let by_lid = migration::face(state, from, to).is_ok_and(|face| face.is_lid());
    let participant = state.person(&author).map(|person| {
        let jid = if by_lid { person.lid_jid() } else { person.face() };
        jid.to_string()
    });
    quotation(id, participant.unwrap_or_default(), &quoted, text)
}

/// The name of a message of the chat between two people or of a group, as the speaker knows it.
pub(super) fn key(state: &State, from: &str, to: &str, id: String) -> anyhow::Result<wa::MessageKey> {
    let person = state.person(from)?;
    let from_me = person.sent.contains_key(&id) || person.inbox.has(from, &id);
    let (remote_jid, participant) = if place::group_id(to).is_some() {
        let author = place::author(state, from, to, &id).filter(|_| !from_me);
        let participant = author.map(|author| place::face(state, &author, to)).transpose()?;
        (to.to_owned(), participant.map(|jid| jid.to_string()))
    } else {
        (migration::face(state, to, from)?.to_string(), None)
    };
    Ok(wa::MessageKey {
        remote_jid: Some(remote_jid),
        from_me: Some(from_me),
        participant,
        id: Some(id),
    })
}

/// The same of what somebody deletes for all: of two people who talk each can that only with what is theirs, so what did
/// not come from the other one is taken for it. It may be older than all that is known here.
fn deletable(state: &State, from: &str, to: &str, id: String) -> anyhow::Result<wa::MessageKey> {
    let is_theirs = state.person(from)?.inbox.has(to, &id);
    let is_direct = place::group_id(to).is_none();
    let mut key = key(state, from, to, id)?;
    if is_direct && !is_theirs {
        key.from_me = Some(true);
    }
    Ok(key)
}

/// The secret with which answers to this message are sealed.
pub(super) fn secret() -> MessageField<wa::MessageContextInfo> {
    MessageField::some(wa::MessageContextInfo {
        message_secret: Some(step::random::<[u8; 32]>().to_vec()),
        ..Default::default()
    })
}

pub(super) fn milliseconds() -> Option<i64> {
    i64::try_from(clock::seconds() * 1000).ok()
}

fn words(text: String, context: wa::ContextInfo) -> wa::message::ExtendedTextMessage {
    wa::message::ExtendedTextMessage {
        text: Some(text),
        context_info: MessageField::some(context),
        ..Default::default()
    }
}

/// Something that happens.
pub(super) fn happening(name: String, description: Option<String>, start: i64) -> wa::Message {
    wa::Message {
        event_message: MessageField::some(wa::message::EventMessage {
            name: Some(name),
            description,
            start_time: Some(start),
            ..Default::default()
        }),
        message_context_info: secret(),
        ..Default::default()
    }
}

/// What is said about another message, or the chat.
fn about(state: &State, from: &str, to: &str, speech: Speech) -> anyhow::Result<wa::Message> {
    use wa::message::protocol_message::Type;
    use wa::message::{PinInChatMessage, ProtocolMessage, ReactionMessage, pin_in_chat_message};
    let protocol = |protocol: ProtocolMessage| wa::Message {
        protocol_message: MessageField::some(protocol),
        ..Default::default()
    };
    let named = |id: String| key(state, from, to, id).map(MessageField::some);
    Ok(match speech {
        Speech::Reaction { id, emoji } => wa::Message {
            reaction_message: MessageField::some(ReactionMessage {
                key: named(id)?,
                text: Some(emoji),
                sender_timestamp_ms: milliseconds(),
                ..Default::default()
            }),
            ..Default::default()
        },
        Speech::Edit { id, text } => protocol(ProtocolMessage {
            key: named(id)?,
            r#type: Some(Type::MESSAGE_EDIT),
            edited_message: MessageField::some(wa::Message::text(text)),
            timestamp_ms: milliseconds(),
            ..Default::default()
        }),
        Speech::Delete { id } => protocol(ProtocolMessage {
            key: MessageField::some(deletable(state, from, to, id)?),
            r#type: Some(Type::REVOKE),
            ..Default::default()
        }),
        Speech::Pin { id, pinned, seconds } => wa::Message {
            pin_in_chat_message: MessageField::some(PinInChatMessage {
                key: named(id)?,
                r#type: Some(if pinned {
                    pin_in_chat_message::Type::PIN_FOR_ALL
                } else {
                    pin_in_chat_message::Type::UNPIN_FOR_ALL
                }),
                sender_timestamp_ms: milliseconds(),
            }),
            message_context_info: MessageField::some(wa::MessageContextInfo {
                message_add_on_duration_in_secs: Some(seconds),
                ..Default::default()
            }),
            ..Default::default()
        },
        Speech::Keep { id, kept } => wa::Message {
            keep_in_chat_message: MessageField::some(wa::message::KeepInChatMessage {
                key: named(id)?,
                keep_type: Some(if kept {
                    wa::KeepType::KEEP_FOR_ALL
                } else {
                    wa::KeepType::UNDO_KEEP_FOR_ALL
                }),
                timestamp_ms: milliseconds(),
            }),
            ..Default::default()
        },
        Speech::Disappearing { seconds } => protocol(ProtocolMessage {
            r#type: Some(Type::EPHEMERAL_SETTING),
            ephemeral_expiration: Some(seconds),
            ..Default::default()
        }),
        other => anyhow::bail!("{other:?} is about nothing"),
    })
}

fn place(speech: Speech) -> wa::Message {
    let mut message = wa::Message::default();
    if let Speech::Location {
        latitude,
        longitude,
        name,
        address,
        live,
    } = speech
    {
        if live {
            message.live_location_message = MessageField::some(wa::message::LiveLocationMessage {
                degrees_latitude: Some(latitude),
                degrees_longitude: Some(longitude),
                caption: name,
                sequence_number: Some(1),
                ..Default::default()
            });
        } else {
            message.location_message = MessageField::some(wa::message::LocationMessage {
                degrees_latitude: Some(latitude),
                degrees_longitude: Some(longitude),
                name,
                address,
                ..Default::default()
            });
        }
    }
    message
}

impl Speech {
    /// The message it is about, when it is about one.
    pub(crate) fn about_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Reply { id, .. }
            | Self::Reaction { id, .. }
            | Self::Edit { id, .. }
            | Self::Delete { id }
            | Self::Vote { id, .. }
            | Self::AddOption { id, .. }
            | Self::EditEvent { id, .. }
            | Self::Attend { id, .. }
            | Self::EditPoll { id, .. }
            | Self::Comment { id, .. }
            | Self::Pin { id, .. }
            | Self::Keep { id, .. } => Some(id),
            _ => None,
        }
    }
}
