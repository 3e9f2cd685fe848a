//! Pictures, sound, films and files: what is known of them, and where their bytes can be fetched.
//!
//! Deliberately not here: the bytes.

use ruma::OwnedMxcUri;
use serde::{Deserialize, Serialize};

use super::{Text, Thumbnail};

/// A picture, sound, film or file, by where it can be fetched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Media {
    /// What it is to people.
    pub(crate) kind: MediaKind,
    /// Where the bytes are.
    pub(crate) source: MediaSource,
    /// Its media type, as the sender said.
    pub(crate) mime: String,
    /// How many bytes, as the sender said.
    pub(crate) size: Option<u64>,
    /// The name of the file, where it has one.
    pub(crate) name: Option<String>,
    /// Words under it.
    #[serde(default)]
    pub(crate) caption: Option<Text>,
    /// Width in pixels.
    #[serde(default)]
    pub(crate) width: Option<u32>,
    /// Height in pixels.
    #[serde(default)]
    pub(crate) height: Option<u32>,
    /// How long it plays, in milliseconds.
    #[serde(default)]
    pub(crate) duration: Option<u64>,
    /// Loudness over time of a voice note, each 0 to 100.
    #[serde(default)]
    pub(crate) waveform: Vec<u8>,
    /// A small picture of it.
    #[serde(default)]
    pub(crate) thumbnail: Option<Thumbnail>,
    /// A few characters that stand for its colours while it loads.
    #[serde(default)]
    pub(crate) blurhash: Option<String>,
    /// Moves (a sticker that is animated).
    #[serde(default)]
    pub(crate) animated: bool,
    /// Meant to be looked at once.
    #[serde(default)]
    pub(crate) view_once: bool,
    /// Where a homeserver keeps them too, once they were brought there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) home: Option<Home>,
    /// Why they go as a plain file although they were meant as more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Media {
    /// Media of which nothing more is known.
    pub(crate) fn new(kind: MediaKind, source: MediaSource, mime: &str) -> Self {
        Self {
            kind,
            source,
            mime: mime.to_owned(),
            size: None,
            name: None,
            caption: None,
            width: None,
            height: None,
            duration: None,
            waveform: Vec::new(),
            thumbnail: None,
            blurhash: None,
            animated: false,
            view_once: false,
            home: None,
            note: None,
        }
    }
}

/// Where a homeserver keeps media of a network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Home {
    /// The file.
    pub(crate) file: OwnedMxcUri,
    /// A small picture of it.
    pub(crate) picture: Option<OwnedMxcUri>,
}

/// A size as people read it.
pub(crate) fn in_units(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB {
        format!("{} MiB", bytes.div_ceil(MIB))
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

/// What media are to people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaKind {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A short film without sound that repeats.
    Gif,
    /// A round film of who speaks.
    VideoNote,
    /// Sound.
    Audio,
    /// Sound spoken into the phone.
    Voice,
    /// A sticker.
    Sticker,
    /// Any other file.
    File,
}

impl MediaKind {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Gif => "GIF",
            Self::VideoNote => "video note",
            Self::Audio => "audio",
            Self::Voice => "voice message",
            Self::Sticker => "sticker",
            Self::File => "file",
        }
    }

    /// Whether phones show words under it. Round films have a field for them that nobody sees.
    pub(crate) fn has_place_for_words(self) -> bool {
        match self {
            Self::Image | Self::Video | Self::Gif | Self::File => true,
            Self::VideoNote | Self::Audio | Self::Voice | Self::Sticker => false,
        }
    }
}

/// Where the bytes of media are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaSource {
    /// On the network; only its adapter can read this.
    Network(MediaRef),
    /// On a homeserver.
    Matrix(OwnedMxcUri),
}

/// How a network finds media: made and read by its adapter only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MediaRef(pub(crate) serde_json::Value);
