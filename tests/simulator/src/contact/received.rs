//! A message as a person reads it, and the list of what reached a primary device.
//!
//! The inbox shows one message per sender and id, in the place where its first stanza arrived, as a
//! WhatsApp client does; how often stanzas came is counted beside it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use whatsapp_rust::wacore::proto_helpers::MessageExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

/// A message that reached a primary device.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// The message id.
    pub id: String,
    /// The number of the account that sent it.
    pub from: String,
    /// The number it was sent to, when this is the copy of a message sent from a linked device.
    pub to: Option<String>,
    /// The group it was written in, or `status@broadcast`; `None` in a chat of two.
    pub chat: Option<String>,
    /// The text, or the caption of a medium.
    pub text: Option<String>,
    /// The id of the message it answers.
    pub quoted_id: Option<String>,
    /// The text of the message it answers.
    pub quoted_text: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// When it was sent or arrived, in seconds since 1970.
    pub timestamp: u64,
    /// All of it.
    #[serde(skip)]
    pub message: wa::Message,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound, also a voice message.
    Audio,
    /// A file.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Location,
    /// Somebody's number.
    Contact,
    /// A reaction to a message.
    Reaction,
    /// An edit, a deletion or another word between clients.
    Protocol,
    /// Something else.
    Other,
}

/// Who received or read messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The number of the account that says so.
    pub by: String,
    /// `delivery`, `read`, `played` or `retry`.
    pub kind: String,
    /// The messages.
    pub ids: Vec<String>,
}

/// What a person learnt about its messages, in order, and by message.
#[derive(Default)]
pub(crate) struct SeenLog {
    log: Vec<Seen>,
    index: HashSet<(String, String)>,
}

impl SeenLog {
    pub(crate) fn push(&mut self, seen: Seen) {
        self.index
            .extend(seen.ids.iter().map(|id| (id.clone(), seen.kind.clone())));
        self.log.push(seen);
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.log.clone()
    }

    pub(crate) fn has(&self, id: &str, kind: &str) -> bool {
        self.index.contains(&(id.to_owned(), kind.to_owned()))
    }
}

impl Received {
    pub(crate) fn new(id: &str, from: &str, to: Option<String>, timestamp: u64, message: wa::Message) -> Self {
        let context = context(&message);
        let quoted_id = context.and_then(|context| context.stanza_id.clone());
        let quoted_text = context
            .and_then(|context| context.quoted_message.as_option())
            .and_then(text);
        Self {
            id: id.to_owned(),
            from: from.to_owned(),
            to,
            chat: None,
            text: text(&message),
            quoted_id,
            quoted_text,
            kind: kind(&message),
            timestamp,
            message,
        }
    }

    /// The same message in a group or as a status.
    pub(crate) fn in_chat(mut self, chat: String) -> Self {
        self.chat = Some(chat);
        self
    }
}

/// The words of a message.
pub(crate) fn text(message: &wa::Message) -> Option<String> {
    message
        .text_content()
        .or_else(|| message.get_caption())
        .map(ToOwned::to_owned)
}

/// Where an answer names what it answers.
fn context(message: &wa::Message) -> Option<&wa::ContextInfo> {
    let base = message.get_base_message();
    [
        base.extended_text_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
        base.image_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
        base.video_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
        base.audio_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
        base.document_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
        base.sticker_message
            .as_option()
            .and_then(|one| one.context_info.as_option()),
    ]
    .into_iter()
    .flatten()
    .next()
}

fn kind(message: &wa::Message) -> Kind {
    let base = message.get_base_message();
    let table = [
        (base.text_content().is_some(), Kind::Text),
        (base.image_message.is_set(), Kind::Image),
        (base.video_message.is_set(), Kind::Video),
        (base.audio_message.is_set(), Kind::Audio),
        (base.document_message.is_set(), Kind::Document),
        (base.sticker_message.is_set(), Kind::Sticker),
        (base.location_message.is_set(), Kind::Location),
        (base.contact_message.is_set(), Kind::Contact),
        (base.reaction_message.is_set(), Kind::Reaction),
        (base.protocol_message.is_set(), Kind::Protocol),
    ];
    table
        .into_iter()
        .find_map(|(is, kind)| is.then_some(kind))
        .unwrap_or(Kind::Other)
}

/// What reached a primary device.
#[derive(Default)]
pub(crate) struct Inbox {
    /// In order of first arrival; empty until a stanza could be read.
    places: Vec<Option<Arc<Received>>>,
    index: HashMap<(String, String), usize>,
    /// In the order in which they could be read.
    log: Vec<Arc<Received>>,
    raw: HashMap<String, usize>,
}

impl Inbox {
    /// A stanza with this id came, readable or not.
    pub(crate) fn arrived(&mut self, from: &str, id: &str) {
        *self.raw.entry(id.to_owned()).or_default() += 1;
        self.place(from, id);
    }

    /// A message could be read; a second copy changes nothing.
    pub(crate) fn read(&mut self, received: Received) {
        self.read_shared(&Arc::new(received));
    }

    /// A message many people got could be read; a second copy changes nothing.
    pub(crate) fn read_shared(&mut self, received: &Arc<Received>) {
        let place = self.place(&received.from, &received.id);
        if let Some(slot) = self.places.get_mut(place)
            && slot.is_none()
        {
            *slot = Some(Arc::clone(received));
            self.log.push(Arc::clone(received));
        }
    }

    /// Whether this message could be read.
    pub(crate) fn has(&self, from: &str, id: &str) -> bool {
        self.find(from, id).is_some()
    }

    pub(crate) fn find(&self, from: &str, id: &str) -> Option<&Arc<Received>> {
        let place = *self.index.get(&(from.to_owned(), id.to_owned()))?;
        self.places.get(place)?.as_ref()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Received>> {
        self.places.iter().flatten()
    }

    /// The messages with the number of their place.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (usize, &Arc<Received>)> {
        let placed = self.places.iter().enumerate();
        placed.filter_map(|(place, received)| Some((place, received.as_ref()?)))
    }

    /// How many messages arrived, readable or not.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// What became readable, from the `start`-th on.
    pub(crate) fn read_since(&self, start: usize) -> &[Arc<Received>] {
        self.log.get(start..).unwrap_or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn raw_count(&self, id: &str) -> usize {
        self.raw.get(id).copied().unwrap_or_default()
    }

    /// The messages of which stanzas came but none could be read.
    pub(crate) fn unread(&self) -> Vec<String> {
        let unread = self
            .index
            .iter()
            .filter(|(_, place)| self.places.get(**place).is_some_and(Option::is_none));
        let mut unread: Vec<_> = unread.map(|((_, id), place)| (*place, id.clone())).collect();
        unread.sort();
        unread.into_iter().map(|(_, id)| id).collect()
    }

    fn place(&mut self, from: &str, id: &str) -> usize {
        let places = &mut self.places;
        *self.index.entry((from.to_owned(), id.to_owned())).or_insert_with(|| {
            places.push(None);
            places.len() - 1
        })
    }
}
