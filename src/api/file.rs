//! A file that comes with a message: spooled to disk as it arrives, never whole in memory, and checked by the rules of
//! the contract.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    sync::Arc,
};

use axum::{
    body::Bytes,
    extract::multipart::{Field, MultipartError},
    http::StatusCode,
};
use sha2::{Digest as _, Sha256};

use super::error::Error;

/// A file as it was sent.
#[derive(Clone, Debug)]
pub(super) struct SentFile {
    /// The bytes, from the beginning.
    pub(super) bytes: Arc<File>,
    /// Its name, with an extension.
    pub(super) name: String,
    /// Its media type: by the extension, else as the client says; `None` when neither tells.
    pub(super) mime: Option<String>,
    /// How many bytes.
    pub(super) size: u64,
    /// Their SHA-256.
    pub(super) hash: Vec<u8>,
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// 400 without a name with an extension, without bytes or without an end, 413 above the limit.
pub(super) async fn read(mut part: Field<'_>, limit: u64) -> Result<SentFile, Error> {
    let name = part.file_name().unwrap_or_default().trim().replace('\0', "");
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension)
        .unwrap_or_default();
    if extension.is_empty() {
        return Err(Error::bad_request("Uploaded file must have a file extension"));
    }
    let told = part
        .content_type()
        .and_then(|told| told.parse::<mime_guess::Mime>().ok());
    let told = told.filter(|told| *told != mime_guess::mime::APPLICATION_OCTET_STREAM);
    let mime = mime_guess::from_ext(extension).first().or(told);
    let mut spool = Spool::new()?;
    while let Some(chunk) = part
        .chunk()
        .await
        .map_err(|error| broken(&error, "Failed to process uploaded file"))?
    {
        spool = spool.with(chunk, limit).await?;
    }
    if spool.size == 0 {
        return Err(Error::bad_request("Uploaded file is empty"));
    }
    spool.file.rewind().map_err(|error| Error::internal(&error))?;
    Ok(SentFile {
        bytes: Arc::new(spool.file),
        name,
        mime: mime.map(|mime| mime.essence_str().to_owned()),
        size: spool.size,
        hash: spool.hash.finalize().to_vec(),
    })
}

struct Spool {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Spool {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            file: tempfile::tempfile().map_err(|error| Error::internal(&error))?,
            hash: Sha256::new(),
            size: 0,
        })
    }

    async fn with(mut self, chunk: Bytes, limit: u64) -> Result<Self, Error> {
        self.size += chunk.len() as u64;
        if self.size > limit {
            return Err(too_large());
        }
        let written = tokio::task::spawn_blocking(move || {
            self.hash.update(&chunk);
            self.file.write_all(&chunk).map(|()| self)
        });
        match written.await {
            Ok(Ok(spool)) => Ok(spool),
            Ok(Err(error)) => Err(Error::internal(&error)),
            Err(error) => Err(Error::internal(&error)),
        }
    }
}

/// Why a part could not be read: too large, cut off, or `otherwise`.
pub(super) fn broken(error: &MultipartError, otherwise: &'static str) -> Error {
    match error.status() {
        // Beside a file that is not too large there is room for all the fields there may be.
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        // The connection broke, or nothing came through it any more.
        status if status.is_server_error() => Error::bad_request("Failed to read uploaded file"),
        _ => Error::bad_request(otherwise),
    }
}

/// The answer to a file that is larger than the settings allow.
fn too_large() -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "File too large")
}
