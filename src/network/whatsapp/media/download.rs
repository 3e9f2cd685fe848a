//! Fetching.

use std::{fs::File, sync::atomic::Ordering};

use tokio::task::spawn_blocking;
use whatsapp_rust::{ErrorChainExt as _, anyhow, download::DownloadParams};

use super::{
    super::{super::Error, Shared, session::Session, stored_media::StoredMedia, unreachable},
    limits::USUAL,
    sink::Sink,
    stored,
};
use crate::model::Media;

/// What went wrong with one attempt.
enum Failed {
    /// What came was not what the message means.
    Damaged,
    Other(Error),
}

/// Fetches, decrypts and checks media.
pub(in super::super) async fn download(shared: &Shared, session: &Session, media: &Media) -> Result<File, Error> {
    let stored = stored(media)?;
    session.ready(shared.config.connect_timeout()).await?;
    for _ in 0..2 {
        match fetch(session, &stored).await {
            Ok(file) => return Ok(file),
            // Damage on the way is worth one more try; after that the servers do not have it whole.
            Err(Failed::Damaged) => tracing::warn!("a file of WhatsApp arrived damaged"),
            Err(Failed::Other(error)) => return Err(error),
        }
    }
    Err(Error::Gone)
}

async fn fetch(session: &Session, stored: &StoredMedia) -> Result<File, Failed> {
    let limit = match stored.file_length {
        0 => USUAL.file,
        announced => announced,
    };
    let sink = Sink::new(limit).map_err(|error| Failed::Other(unreachable(error)))?;
    let overflow = sink.overflow();
    let sink = session.client().download_to_writer(&params(stored), sink).await;
    let sink = sink.map_err(|error| {
        if overflow.load(Ordering::Relaxed) {
            Failed::Damaged
        } else {
            read_error(error)
        }
    })?;
    let stored = stored.clone();
    let file = spawn_blocking(move || sink.finish(&stored)).await;
    let file = file.map_err(|error| Failed::Other(unreachable(error)))?;
    file.map_err(|error| Failed::Other(unreachable(error)))?
        .ok_or(Failed::Damaged)
}

fn params(stored: &StoredMedia) -> DownloadParams {
    let some = |bytes: &Vec<u8>| (!bytes.is_empty()).then(|| bytes.clone());
    DownloadParams {
        direct_path: stored.direct_path.clone(),
        media_key: some(&stored.media_key),
        file_sha256: stored.file_sha256.clone(),
        file_enc_sha256: some(&stored.file_enc_sha256),
        file_length: stored.file_length,
        media_type: stored.media_type.media_type(),
    }
}

/// The library has renewed our permission already when the servers said no to it.
fn read_error(error: anyhow::Error) -> Failed {
    let cause: &(dyn std::error::Error + 'static) = error.as_ref();
    match cause.http_status() {
        Some(403 | 404 | 410) => return Failed::Other(Error::Gone),
        Some(429) => return Failed::Other(Error::RateLimited(super::SILENCE)),
        _ => {}
    }
    if is_damage(&error) {
        return Failed::Damaged;
    }
    Failed::Other(Error::Unreachable(error.into()))
}

/// What `wacore::download` says, in version 0.7.0 and in words only, of bytes that the key does not open.
fn is_damage(error: &anyhow::Error) -> bool {
    let said = error.downcast_ref::<&'static str>().copied().unwrap_or_default();
    matches!(
        said,
        "Invalid final media size"
            | "MAC mismatch"
            | "Empty plaintext after decrypt"
            | "Invalid PKCS7 padding"
            | "Bad PKCS7 padding bytes"
            | "SHA-256 mismatch for plaintext media"
    )
}
