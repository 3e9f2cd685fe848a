//! What a message holds, whichever side it comes from.
//!
//! Bytes are never here: media are known by where they can be fetched. Deliberately not here: how any side writes it.

use serde::{Deserialize, Serialize};

use super::{Media, MediaKind, Sender, Timestamp};

/// What a message holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// Words.
    Text(Text),
    /// A picture, sound, film or file.
    Media(Box<Media>),
    /// A place.
    Location(Location),
    /// People's cards.
    Contacts(Vec<Card>),
    /// A question with options.
    Poll(Poll),
    /// A date in the calendar.
    Appointment(Appointment),
    /// An invitation to a group.
    Invitation(Invitation),
    /// Pictures and films that follow belong together.
    Album {
        /// How many are announced.
        announced: u32,
        /// How many of them are films.
        #[serde(default, skip_serializing_if = "is_none_of_them")]
        films: u32,
    },
    /// A call, as it stands.
    Call(Call),
    /// What has no richer shape here, told in words (a payment, a product).
    Told(String),
    /// What could not be decrypted. Whoever said it was asked to send it again, so it may still come.
    Awaited,
    /// Something this version cannot carry, by the name people know it under ("interactive message").
    Unsupported(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none_of_them(count: &u32) -> bool {
    *count == 0
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

impl Content {
    /// Words and nothing else.
    pub(crate) fn words(body: impl Into<String>) -> Self {
        Self::Text(Text::plain(body))
    }

    /// What people call it.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Text(_) | Self::Told(_) => "text",
            Self::Media(media) => media.kind.name(),
            Self::Location(location) if location.is_live => "live location",
            Self::Location(_) => "location",
            Self::Contacts(cards) if cards.len() == 1 => "contact",
            Self::Contacts(_) => "contacts",
            Self::Poll(_) => "poll",
            Self::Appointment(_) => "event",
            Self::Invitation(_) => "group invitation",
            Self::Album { .. } => "album",
            Self::Call(_) => "call",
            Self::Awaited => "message that could not be decrypted yet",
            Self::Unsupported(kind) => kind,
        }
    }

    /// What kind of message it is in Matrix.
    pub(crate) fn event_kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Told(_) | Self::Appointment(_) | Self::Invitation(_) => "m.text",
            Self::Contacts(_) => "m.file",
            Self::Media(media) => match media.kind {
                MediaKind::Image => "m.image",
                MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => "m.video",
                MediaKind::Audio | MediaKind::Voice => "m.audio",
                MediaKind::Sticker => "m.sticker",
                MediaKind::File => "m.file",
            },
            Self::Location(_) => "m.location",
            Self::Poll(_) => "m.poll.start",
            Self::Album { .. } => "album",
            Self::Call(_) | Self::Awaited | Self::Unsupported(_) => "m.notice",
        }
    }

    /// The words in it, if any.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.body),
            Self::Media(media) => media.caption.as_ref().map(|caption| caption.body.as_str()),
            Self::Poll(poll) => Some(&poll.question),
            Self::Appointment(appointment) => Some(&appointment.title),
            Self::Told(words) => Some(words),
            Self::Location(_)
            | Self::Contacts(_)
            | Self::Invitation(_)
            | Self::Album { .. }
            | Self::Call(_)
            | Self::Awaited
            | Self::Unsupported(_) => None,
        }
    }

    /// Whether phones show words with it.
    pub(crate) fn has_place_for_words(&self) -> bool {
        match self {
            Self::Media(media) => media.kind.has_place_for_words(),
            Self::Contacts(_) => false,
            Self::Text(_)
            | Self::Location(_)
            | Self::Poll(_)
            | Self::Appointment(_)
            | Self::Invitation(_)
            | Self::Album { .. }
            | Self::Call(_)
            | Self::Told(_)
            | Self::Awaited
            | Self::Unsupported(_) => true,
        }
    }

    /// The content, and apart from it the words under it that phones would not show there.
    pub(crate) fn apart(self) -> (Self, Option<Text>) {
        let has_place = self.has_place_for_words();
        match self {
            Self::Media(mut media) if !has_place => {
                let words = media.caption.take();
                (Self::Media(media), words.and_then(Text::alone))
            }
            whole => (whole, None),
        }
    }
}

/// A call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    /// With or without pictures.
    pub(crate) kind: CallKind,
    /// Whether several are called.
    pub(crate) is_group: bool,
    /// How it stands.
    pub(crate) state: CallState,
}

/// Whether a call has pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallKind {
    /// Sound alone.
    Voice,
    /// Pictures too.
    Video,
}

/// How a call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallState {
    /// The phone rings.
    Ringing,
    /// Taken on another device.
    Answered,
    /// Declined on another device.
    Declined,
    /// Nobody took it.
    Missed,
    /// It was taken, and is over.
    Over {
        /// How long it took.
        seconds: u32,
    },
}

impl CallState {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::Missed => "missed",
            Self::Over { .. } => "over",
        }
    }
}

/// Words in light markup (`*bold*`, `_italic_`, `~struck~`, `` `code` ``, see `markup`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "StoredText")]
pub(crate) struct Text {
    /// The words.
    pub(crate) body: String,
    /// The people named in it.
    #[serde(default)]
    pub(crate) mentions: Vec<Mention>,
    /// Everybody in the chat is meant.
    #[serde(default)]
    pub(crate) everyone: bool,
    /// What a link in it leads to.
    #[serde(default)]
    pub(crate) preview: Option<Box<Preview>>,
}

impl Text {
    /// Words and nothing else.
    pub(crate) fn plain(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    /// Words that stood under something, as a message of their own: nothing tells what a link in them leads to. `None` when
    /// they say nothing.
    pub(crate) fn alone(self) -> Option<Self> {
        let words = Self { preview: None, ..self };
        (!words.body.trim().is_empty()).then_some(words)
    }
}

impl From<&str> for Text {
    fn from(body: &str) -> Self {
        Self::plain(body)
    }
}

impl From<String> for Text {
    fn from(body: String) -> Self {
        Self::plain(body)
    }
}

/// Words were stored as bare text once; such jobs may still wait.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredText {
    Bare(String),
    Whole {
        body: String,
        #[serde(default)]
        mentions: Vec<Mention>,
        #[serde(default)]
        everyone: bool,
        #[serde(default)]
        preview: Option<Box<Preview>>,
    },
}

impl From<StoredText> for Text {
    fn from(stored: StoredText) -> Self {
        match stored {
            StoredText::Bare(body) => Self::plain(body),
            StoredText::Whole {
                body,
                mentions,
                everyone,
                preview,
            } => Self {
                body,
                mentions,
                everyone,
                preview,
            },
        }
    }
}

/// A person named in words. On the way, every occurrence of the token in the words stands for the person: `@` and the
/// person's ghost name (`@15550001111`, `@lid_42`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Mention {
    /// As it stands in the words.
    pub(crate) token: String,
    /// Who is meant.
    pub(crate) who: Sender,
}

/// What a link leads to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Preview {
    /// The link as it stands in the words.
    pub(crate) url: String,
    /// Title of the page.
    pub(crate) title: Option<String>,
    /// A sentence about it.
    pub(crate) description: Option<String>,
    /// A small picture, as bytes of a JPEG or PNG in base64: small enough to travel with the words.
    pub(crate) thumbnail: Option<Thumbnail>,
}

/// A small picture that travels inside a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Thumbnail {
    /// The bytes in base64, at most some tens of kilobytes.
    pub(crate) base64: String,
    /// Its media type.
    pub(crate) mime: String,
    /// Width in pixels, where known.
    pub(crate) width: Option<u32>,
    /// Height in pixels, where known.
    pub(crate) height: Option<u32>,
}

/// A place that was shared.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Location {
    /// Where.
    pub(crate) place: Place,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its address, or words with it.
    pub(crate) address: Option<String>,
    /// A page about it.
    pub(crate) url: Option<String>,
    /// It follows the sharer.
    #[serde(default)]
    pub(crate) is_live: bool,
    /// How far a live one has come.
    #[serde(default, skip_serializing_if = "Course::is_at_its_beginning")]
    pub(crate) course: Course,
    /// A small map.
    pub(crate) thumbnail: Option<Thumbnail>,
}

/// How far a live location has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Course {
    /// Rises with each place; 0 where nobody told.
    pub(crate) sequence: i64,
    /// Seconds since it began.
    pub(crate) seconds: u32,
    /// The owner's phone alone is told where it goes on.
    #[serde(default)]
    pub(crate) is_unseen: bool,
}

impl Course {
    pub(super) fn is_at_its_beginning(&self) -> bool {
        *self == Self::default()
    }
}

/// A point on the earth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Degrees north.
    pub(crate) latitude: f64,
    /// Degrees east.
    pub(crate) longitude: f64,
    /// Within so many metres.
    pub(crate) accuracy: Option<u32>,
}

/// A person's card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Card {
    /// The name on it.
    pub(crate) name: String,
    /// The whole card in the vCard format.
    pub(crate) vcard: String,
}

/// A question with options.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Poll {
    /// The question.
    pub(crate) question: String,
    /// The options; no two are the same.
    pub(crate) options: Vec<String>,
    /// How many may be chosen; 0: as many as one likes.
    pub(crate) choices: u32,
    /// What votes in Matrix call the options, in their order; empty when they are called as we call them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) answers: Vec<String>,
    /// Until when votes count, where that has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<Timestamp>,
}

/// A date in the calendar.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Appointment {
    /// What it is.
    pub(crate) title: String,
    /// More about it.
    pub(crate) description: Option<String>,
    /// When it begins.
    pub(crate) starts_at: Option<Timestamp>,
    /// When it ends.
    pub(crate) ends_at: Option<Timestamp>,
    /// Where.
    pub(crate) location: Option<String>,
    /// A link to join it by call.
    pub(crate) link: Option<String>,
    /// It does not take place.
    #[serde(default)]
    pub(crate) is_cancelled: bool,
}

/// An invitation to a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Invitation {
    /// The group's address on its network.
    pub(crate) group: super::ChatId,
    /// The group's name.
    pub(crate) name: String,
    /// What makes it valid.
    pub(crate) code: String,
    /// Until when it is valid.
    pub(crate) expires_at: Option<Timestamp>,
    /// Words with it.
    pub(crate) words: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MediaSource;
    use MediaKind::{Audio, File, Gif, Image, Sticker, Video, VideoNote, Voice};

    #[test]
    fn words_stored_as_bare_text_are_still_read() {
        let content: Content = serde_json::from_str(r#"{"text":"hello"}"#).unwrap();
        assert_eq!(content, Content::words("hello"));
        let stored = serde_json::to_string(&content).unwrap();
        assert_eq!(serde_json::from_str::<Content>(&stored).unwrap(), content);
    }

    #[test]
    fn b22_b23_words_stand_apart_from_what_has_no_place_for_them() {
        let words = || Text {
            mentions: vec![Mention {
                token: "@15550001111".to_owned(),
                who: Sender::Owner,
            }],
            ..Text::plain("listen, @15550001111")
        };
        let of = |kind, caption| {
            Content::Media(Box::new(Media {
                caption,
                ..Media::new(kind, MediaSource::Matrix("mxc://hs.test/a".into()), "any/any")
            }))
        };
        for kind in [Audio, Voice, VideoNote, Sticker] {
            assert_eq!(of(kind, Some(words())).apart(), (of(kind, None), Some(words())));
            assert_eq!(of(kind, None).apart(), (of(kind, None), None));
            assert_eq!(of(kind, Some(Text::plain(" \n"))).apart(), (of(kind, None), None));
        }
        for kind in [Image, Video, Gif, File] {
            assert_eq!(of(kind, Some(words())).apart(), (of(kind, Some(words())), None));
        }
        assert_eq!(Content::words("hello").apart(), (Content::words("hello"), None));
        assert!(!Content::Contacts(Vec::new()).has_place_for_words());
    }
}
