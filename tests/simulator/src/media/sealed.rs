//! Sealing and opening media as phones do: encrypted under a key of its own, with hashes of both sides.
//!
//! Called by the verbs of `Server`, `Contact` and `Phone` and by whatever else travels as a blob
//! (history, snapshots). What a message says beside the blob (captions, sizes) is the caller's.

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use serde::Serialize;
pub use whatsapp_rust::wacore::download::MediaType as MediaKind;
use whatsapp_rust::wacore::download::{DownloadUtils, Downloadable};
use whatsapp_rust::wacore::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore::upload::encrypt_media_with_key;
use whatsapp_rust::waproto::whatsapp as wa;

use super::blobs::{Blobs, sha256, token_of};
use crate::server::clock;
use crate::server::handle::Server;
use crate::server::state::Shared;
use crate::server::step;

/// A blob on the server, and what a message has to say so that others can open it.
#[derive(Clone, Debug, Serialize)]
pub struct Uploaded {
    /// The full address.
    pub url: String,
    /// The path on whichever host.
    pub direct_path: String,
    /// The key of the blob, 32 bytes.
    pub media_key: Vec<u8>,
    /// The hash of what was sealed.
    pub file_sha256: Vec<u8>,
    /// The hash of the blob.
    pub file_enc_sha256: Vec<u8>,
    /// The length of what was sealed.
    pub file_length: u64,
    /// When the key was made, in seconds since 1970.
    pub media_key_timestamp: i64,
    /// Lets players begin before all is there; for sound and films.
    pub streaming_sidecar: Option<Vec<u8>>,
    #[serde(skip)]
    mimetype: &'static str,
}

/// A blob before the server has it.
pub(crate) struct Sealed {
    kind: MediaKind,
    blob: Bytes,
    uploaded: Uploaded,
}

/// The key of a blob, and when it was made.
pub(crate) struct Seal {
    key: [u8; 32],
    made: u64,
}

impl Seal {
    /// A new one, by the dice and the time of the step.
    pub(crate) fn drawn() -> Self {
        Self {
            key: step::random(),
            made: clock::seconds(),
        }
    }
}

/// Encrypts; slow for large files, so not under the lock.
pub(crate) fn sealed(seal: &Seal, kind: MediaKind, bytes: &[u8]) -> anyhow::Result<Sealed> {
    let sealed = encrypt_media_with_key(bytes, kind, Some(&seal.key)).context("seal media")?;
    Ok(Sealed {
        kind,
        blob: sealed.data_to_upload.into(),
        uploaded: Uploaded {
            url: String::new(),
            direct_path: String::new(),
            media_key: sealed.media_key.to_vec(),
            file_sha256: sealed.file_sha256.to_vec(),
            file_enc_sha256: sealed.file_enc_sha256.to_vec(),
            file_length: u64::try_from(bytes.len())?,
            media_key_timestamp: i64::try_from(seal.made)?,
            streaming_sidecar: sealed.streaming_sidecar,
            mimetype: mimetype(kind, bytes),
        },
    })
}

/// Puts a sealed blob on the server.
pub(crate) fn store(blobs: &mut Blobs, host: &str, sealed: Sealed) -> Uploaded {
    let mut uploaded = sealed.uploaded;
    let token = token_of(&sealed.blob);
    uploaded.direct_path = blobs.keep(sealed.kind.mms_type(), token, sealed.blob);
    uploaded.url = format!("https://{host}{}", uploaded.direct_path);
    uploaded
}

/// The medium a message carries.
pub(crate) fn medium(message: &wa::Message) -> Option<&dyn Downloadable> {
    let base = message.get_base_message();
    if let Some(one) = base.image_message.as_option() {
        return Some(one);
    }
    if let Some(one) = base.video_message.as_option().or(base.ptv_message.as_option()) {
        return Some(one);
    }
    if let Some(one) = base.audio_message.as_option() {
        return Some(one);
    }
    if let Some(one) = base.document_message.as_option() {
        return Some(one);
    }
    if let Some(one) = base.sticker_message.as_option() {
        return Some(one);
    }
    if let Some(one) = base
        .protocol_message
        .as_option()
        .and_then(|protocol| protocol.history_sync_notification.as_option())
    {
        return Some(one);
    }
    let pack = base.sticker_pack_message.as_option()?;
    Some(pack)
}

/// Opens a medium and checks every hash and length the message names.
pub(crate) fn open(blob: &[u8], medium: &dyn Downloadable) -> anyhow::Result<Vec<u8>> {
    let hash = medium
        .file_enc_sha256()
        .context("the message names no hash of the blob")?;
    ensure!(sha256(blob) == hash, "the blob is not the one the message names");
    let key = medium.media_key().context("the message has no key")?;
    let bytes = DownloadUtils::verify_and_decrypt(blob, key, medium.app_info())?;
    let hash = medium.file_sha256().context("the message names no hash of the file")?;
    ensure!(sha256(&bytes) == hash, "the file is not the one the message names");
    let length = medium.file_length().context("the message names no length")?;
    ensure!(
        u64::try_from(bytes.len())? == length,
        "the file has another length than the message says"
    );
    Ok(bytes)
}

/// What the bytes look like.
fn mimetype(kind: MediaKind, bytes: &[u8]) -> &'static str {
    match kind {
        MediaKind::Sticker => "image/webp",
        MediaKind::Image if bytes.starts_with(b"\x89PNG") => "image/png",
        MediaKind::Image => "image/jpeg",
        MediaKind::Video => "video/mp4",
        MediaKind::Audio if bytes.starts_with(b"ID3") => "audio/mpeg",
        MediaKind::Audio => "audio/ogg; codecs=opus",
        _ if bytes.starts_with(b"%PDF") => "application/pdf",
        _ => "application/octet-stream",
    }
}

/// The fields every message with a medium has, and more.
macro_rules! carrying {
    ($uploaded:expr, $message:ident $(, $field:ident)*) => {
        wa::message::$message {
            mimetype: Some($uploaded.mimetype.to_owned()),
            url: Some($uploaded.url),
            direct_path: Some($uploaded.direct_path),
            media_key: Some($uploaded.media_key),
            file_sha256: Some($uploaded.file_sha256),
            file_enc_sha256: Some($uploaded.file_enc_sha256),
            file_length: Some($uploaded.file_length),
            media_key_timestamp: Some($uploaded.media_key_timestamp),
            $($field: $uploaded.$field,)*
            ..Default::default()
        }
    };
}

impl Uploaded {
    /// As a picture.
    pub fn image(self) -> wa::message::ImageMessage {
        carrying!(self, ImageMessage)
    }

    /// As a film.
    pub fn video(self) -> wa::message::VideoMessage {
        carrying!(self, VideoMessage, streaming_sidecar)
    }

    /// As sound; a voice message is one with `ptt` set.
    pub fn audio(self) -> wa::message::AudioMessage {
        carrying!(self, AudioMessage, streaming_sidecar)
    }

    /// As a file.
    pub fn document(self) -> wa::message::DocumentMessage {
        carrying!(self, DocumentMessage)
    }

    /// As a sticker.
    pub fn sticker(self) -> wa::message::StickerMessage {
        carrying!(self, StickerMessage)
    }
}

/// Seals a file and puts it on the server.
pub(crate) fn upload_sealed(shared: &Shared, kind: MediaKind, bytes: &[u8]) -> anyhow::Result<Uploaded> {
    let seal = shared.act(|_| Seal::drawn());
    let sealed = sealed(&seal, kind, bytes)?;
    Ok(shared.act(|state| store(&mut state.blobs, &state.media_host, sealed)))
}

/// The file a message carries, opened and checked.
pub(crate) fn media_of(shared: &Shared, message: &wa::Message) -> anyhow::Result<Vec<u8>> {
    let medium = medium(message).context("the message carries no medium")?;
    let path = medium.direct_path().context("the message names no path")?;
    let blob = shared
        .look(|state| state.blobs.look(path))
        .context("there is no such blob")?;
    open(&blob, medium)
}

impl Server {
    /// Seals a file and puts it on the server, as a phone does before it sends it.
    ///
    /// # Errors
    /// When media of this kind are not sealed.
    pub fn upload(&self, kind: MediaKind, bytes: &[u8]) -> anyhow::Result<Uploaded> {
        upload_sealed(self.shared(), kind, bytes)
    }

    /// The file a message carries, opened and checked; also when the server lets nobody have it any more.
    ///
    /// # Errors
    /// When the message carries none, or it is not what the message says.
    pub fn media_of(&self, message: &wa::Message) -> anyhow::Result<Vec<u8>> {
        media_of(self.shared(), message)
    }
}
