//! A message as a person reads it: who wrote it, where, what it says and what it is.
//!
//! Made by the server room for whatever a phone could read; kept in [`super::inbox`].

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
