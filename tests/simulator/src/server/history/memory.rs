//! The chats of a phone, put together from what was really exchanged and what a test says was before.
//!
//! Edits, deletions and reactions are not messages here: they change the message they are about.

use std::collections::{BTreeMap, BTreeSet};

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;
use whatsapp_rust::waproto::whatsapp::web_message_info::{Status, StubType};

use super::verbs::HistoryForm;
use crate::server::person::Place;
use crate::server::state::State;
use crate::server::step;

/// A message of long ago, which the phone still has.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its id, drawn when it was made: outside a step of the simulator, by the machine.
    pub id: String,
    /// The number of who wrote it; `None` for the owner of the phone.
    pub author: Option<String>,
    /// When, in seconds since 1970.
    pub timestamp: u64,
    /// What it says.
    pub message: wa::Message,
}

impl Remembered {
    /// A text under a new id.
    pub fn text(author: Option<&str>, timestamp: u64, text: &str) -> Self {
        Self::message(author, timestamp, wa::Message::text(text))
    }

    /// Any message under a new id.
    pub fn message(author: Option<&str>, timestamp: u64, message: wa::Message) -> Self {
        Self {
            id: format!("3A{:030X}", step::random::<u128>() >> 8),
            author: author.map(ToOwned::to_owned),
            timestamp,
            message,
        }
    }
}

/// What a phone remembers beside what was really exchanged, and how it shares that.
#[derive(Default)]
pub(crate) struct Memory {
    pub(super) past: BTreeMap<String, Vec<Remembered>>,
    /// After how many seconds new messages of a chat disappear, and since when that is so, in seconds since 1970.
    pub(super) timers: BTreeMap<String, (u32, u64)>,
    pub(super) form: HistoryForm,
    /// The history messages the linked devices confirmed.
    pub(super) confirmed: BTreeSet<String>,
}

/// The messages of a chat, oldest first.
pub(super) type Chat = Vec<wa::WebMessageInfo>;

/// All chats of an account by address, and the names of who wrote in them.
pub(super) struct Chats {
    pub(super) by_address: BTreeMap<String, Chat>,
    pub(super) authors: Vec<String>,
}

/// One message on its way into a chat.
struct Line<'a> {
    chat: String,
    id: &'a str,
    author: &'a str,
    timestamp: u64,
    place: Place,
    message: &'a wa::Message,
}

/// Everything the phone has.
pub(super) fn chats(state: &State, number: &str) -> Chats {
    let mut chats = Chats {
        by_address: BTreeMap::new(),
        authors: Vec::new(),
    };
    let Ok(person) = state.person(number) else {
        return chats;
    };
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (chat, past) in &person.memory.past {
        lines.extend(past.iter().map(|past| Line {
            chat: chat.clone(),
            id: &past.id,
            author: past.author.as_deref().unwrap_or(number),
            timestamp: past.timestamp,
            place: (0, 0),
            message: &past.message,
        }));
    }
    for (place, received) in person.inbox.placed() {
        let other = received.to.as_deref().unwrap_or(&received.from);
        let chat = received.chat.clone();
        lines.push(Line {
            chat: chat.unwrap_or_else(|| address(state, other)),
            id: &received.id,
            author: &received.from,
            timestamp: received.timestamp,
            place: (place + 1, 0),
            message: &received.message,
        });
    }
    for (id, sent) in person.sent.iter().filter(|(_, sent)| !sent.is_peer) {
        lines.push(Line {
            chat: address(state, &sent.to),
            id,
            author: number,
            timestamp: sent.timestamp,
            place: sent.place,
            message: &sent.message,
        });
    }
    // Within a second what was before comes first, then what was got and written, as it came. (Stable for the former.)
    lines.sort_by_key(|line| (line.timestamp, line.place));
    for line in &lines {
        add(state, number, &mut chats, line);
    }
    chats.authors.sort();
    chats.authors.dedup();
    chats
}

/// The address under which a chat with somebody stands in the history.
fn address(state: &State, to: &str) -> String {
    state
        .person(to)
        .map_or_else(|_| to.to_owned(), |person| person.face().to_string())
}

fn add(state: &State, owner: &str, chats: &mut Chats, line: &Line<'_>) {
    if line.author != owner {
        chats.authors.push(line.author.to_owned());
    }
    let chat = chats.by_address.entry(line.chat.clone()).or_default();
    if chat.iter().any(|one| one.key.id.as_deref() == Some(line.id)) {
        return;
    }
    if let Some(protocol) = line.message.protocol_message.as_option() {
        change(chat, protocol);
        return;
    }
    if let Some(reaction) = line.message.reaction_message.as_option() {
        react(chat, line, owner, reaction);
        return;
    }
    chat.push(info(state, owner, line));
}

fn info(state: &State, owner: &str, line: &Line<'_>) -> wa::WebMessageInfo {
    let own = line.author == owner;
    let is_of_two = line.chat.parse::<Jid>().is_ok_and(|jid| jid.is_pn() || jid.is_lid());
    let author = state.person(line.author).ok();
    let participant = author
        .filter(|_| !own && !is_of_two)
        .map(|author| author.face().to_string());
    wa::WebMessageInfo {
        key: MessageField::some(wa::MessageKey {
            remote_jid: Some(line.chat.clone()),
            from_me: Some(own),
            id: Some(line.id.to_owned()),
            participant: participant.clone(),
        }),
        message: MessageField::some(line.message.clone()),
        message_timestamp: Some(line.timestamp),
        status: own.then_some(Status::READ),
        participant,
        push_name: author.filter(|_| !own).map(|author| author.name.clone()),
        message_secret: line
            .message
            .message_context_info
            .as_option()
            .and_then(|context| context.message_secret.clone()),
        ..Default::default()
    }
}

/// An edit or a deletion changes the message it is about; other words between clients leave no trace.
fn change(chat: &mut Chat, protocol: &wa::message::ProtocolMessage) {
    let target = protocol.key.id.as_deref();
    let Some(message) = chat.iter_mut().find(|one| one.key.id.as_deref() == target) else {
        return;
    };
    match protocol.r#type {
        Some(Type::REVOKE) => {
            message.message = MessageField::default();
            message.message_stub_type = Some(StubType::REVOKE);
        }
        Some(Type::MESSAGE_EDIT) => message.message = protocol.edited_message.clone(),
        _ => {}
    }
}

/// The last reaction of a person to a message is kept with the message.
fn react(chat: &mut Chat, line: &Line<'_>, owner: &str, reaction: &wa::message::ReactionMessage) {
    let target = reaction.key.id.as_deref();
    let Some(message) = chat.iter_mut().find(|one| one.key.id.as_deref() == target) else {
        return;
    };
    let own = line.author == owner;
    let key = wa::MessageKey {
        remote_jid: Some(line.chat.clone()),
        from_me: Some(own),
        id: Some(line.id.to_owned()),
        participant: (!own).then(|| Jid::pn(line.author).to_string()),
    };
    let is_from = |one: &wa::Reaction| one.key.from_me == key.from_me && one.key.participant == key.participant;
    message.reactions.retain(|one| !is_from(one));
    if reaction.text.as_deref().is_some_and(|text| !text.is_empty()) {
        message.reactions.push(wa::Reaction {
            key: MessageField::some(key),
            text: reaction.text.clone(),
            sender_timestamp_ms: reaction.sender_timestamp_ms,
            ..Default::default()
        });
    }
}
