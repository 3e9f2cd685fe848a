//! Where media are on WhatsApp's servers and how they are opened: what stands inside a `MediaRef` of this network.
//!
//! Made by `incoming`, read by `outgoing` and by whoever moves the bytes. Deliberately not here: the bytes.

use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::MediaRef;

/// A file on WhatsApp's servers. Stored: a name must never change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct StoredMedia {
    /// What the keys of the file are derived for.
    pub(super) media_type: StoredAs,
    /// Path on any of the media servers.
    pub(super) direct_path: String,
    /// What opens it; empty where media are not encrypted (channels).
    #[serde(with = "in_base64")]
    pub(super) media_key: Vec<u8>,
    /// SHA-256 of the bytes.
    #[serde(with = "in_base64")]
    pub(super) file_sha256: Vec<u8>,
    /// SHA-256 of the encrypted bytes.
    #[serde(with = "in_base64")]
    pub(super) file_enc_sha256: Vec<u8>,
    /// How many bytes.
    pub(super) file_length: u64,
}

/// The kinds that WhatsApp's servers tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredAs {
    /// Pictures.
    Image,
    /// Films, also those without sound and round ones.
    Video,
    /// Sound.
    Audio,
    /// Any other file.
    Document,
    /// Stickers.
    Sticker,
}

impl StoredMedia {
    /// As everybody else passes it on.
    pub(super) fn into_ref(self) -> MediaRef {
        // Text, numbers and bytes as text always have a JSON form.
        MediaRef(serde_json::to_value(self).unwrap_or_default())
    }

    /// Reads what was passed on; `None` when this network did not make it.
    pub(super) fn of(reference: &MediaRef) -> Option<Self> {
        Self::deserialize(&reference.0).ok()
    }
}

/// Whether two references lead to the same file.
pub(crate) fn is_same_file(one: &MediaRef, other: &MediaRef) -> bool {
    let file = |reference| StoredMedia::of(reference).map(|media| media.file_sha256);
    match (file(one), file(other)) {
        (Some(one), Some(other)) => !one.is_empty() && one == other,
        _ => false,
    }
}

mod in_base64 {
    use base64::Engine as _;

    use super::{Deserialize, Deserializer, STANDARD, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
