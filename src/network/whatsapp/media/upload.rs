//! Bringing.

use std::fs::File;

use tokio::task::spawn_blocking;
use whatsapp_rust::{ErrorChainExt as _, anyhow, wacore::upload::EncryptedMediaInfo};

use super::{
    super::{
        super::Error,
        Shared,
        session::Session,
        stored_media::{StoredAs, StoredMedia},
        unreachable,
    },
    sealed::seal,
};
use crate::model::{MediaKind, MediaRef, in_units};

/// Encrypts a file and brings it to the servers.
pub(in super::super) async fn upload(
    shared: &Shared,
    session: &Session,
    kind: MediaKind,
    file: File,
) -> Result<MediaRef, Error> {
    let stored_as = StoredAs::of(kind);
    session.ready(shared.config.connect_timeout()).await?;
    let sealed = spawn_blocking(move || seal(file, stored_as.media_type())).await;
    let (sealed, info) = sealed
        .map_err(unreachable)?
        .map_err(|error| Error::Unreachable(error.into()))?;
    let (client, size) = (session.client(), info.file_length);
    let mut uploaded = client
        .upload_stream(sealed.clone(), copy(&info), stored_as.media_type())
        .await;
    if uploaded.as_ref().is_err_and(has_no_status) {
        // A server that does not like our permission may hang up in the middle of a large file without a word that the
        // library could read, and only a word makes it ask for a new one.
        client.refresh_media_conn(true).await.map_err(unreachable)?;
        uploaded = client.upload_stream(sealed, info, stored_as.media_type()).await;
    }
    let uploaded = uploaded.map_err(|error| read_error(error, size))?;
    let stored = StoredMedia {
        media_type: stored_as,
        direct_path: uploaded.direct_path,
        media_key: uploaded.media_key.to_vec(),
        file_sha256: uploaded.file_sha256.to_vec(),
        file_enc_sha256: uploaded.file_enc_sha256.to_vec(),
        file_length: uploaded.file_length,
    };
    Ok(stored.into_ref())
}

fn copy(info: &EncryptedMediaInfo) -> EncryptedMediaInfo {
    EncryptedMediaInfo {
        media_key: info.media_key,
        file_sha256: info.file_sha256,
        file_enc_sha256: info.file_enc_sha256,
        file_length: info.file_length,
        streaming_sidecar: info.streaming_sidecar.clone(),
    }
}

fn has_no_status(error: &anyhow::Error) -> bool {
    let cause: &(dyn std::error::Error + 'static) = error.as_ref();
    cause.http_status().is_none()
}

/// A refused permission (401, 403) and trouble of the servers pass; any other refusal would come again.
fn read_error(error: anyhow::Error, size: u64) -> Error {
    let cause: &(dyn std::error::Error + 'static) = error.as_ref();
    match cause.http_status() {
        Some(413) => Error::Refused(format!(
            "the file has {}, and WhatsApp takes no such large ones",
            in_units(size)
        )),
        Some(429) => Error::RateLimited(super::SILENCE),
        Some(401 | 403 | 408) | None => Error::Unreachable(error.into()),
        Some(status @ 400..500) => Error::Refused(format!("the file was not taken (status {status})")),
        Some(_) => Error::Unreachable(error.into()),
    }
}
