//! Files on their way between the homeserver and this machine. They stream: a file is never whole in memory.
//!
//! Called by whoever bridges media. Deliberately not here: what media are (`incoming`, `outgoing`), and small pictures
//! that are in memory anyway ([`Homeserver::upload`]).

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::Seek as _,
    os::unix::fs::FileExt as _,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use ruma::{
    MxcUri, OwnedMxcUri,
    api::{
        IncomingResponse as _,
        client::{
            authenticated_media::{get_content, get_media_config},
            media::create_content,
        },
    },
    exports::http::{self, HeaderMap, HeaderValue, header},
    http_headers::ContentDisposition,
};
use serde::Deserialize;
use tokio::{io::AsyncWriteExt as _, task::spawn_blocking, time::timeout};

use super::{Error, Homeserver, client::As};

/// Bytes that are read or written at once.
const AT_ONCE: usize = 64 * 1024;
/// An upload may be this slow, in bytes each second, before it counts as failed.
const SLOWEST: u64 = 32 * 1024;

/// A file of the homeserver.
#[derive(Debug)]
pub(crate) struct Download {
    /// The bytes: a file without a name, at its beginning.
    pub(crate) file: File,
    /// How many.
    pub(crate) size: u64,
    /// Its media type, as the homeserver says.
    pub(crate) mime: Option<String>,
    /// Its name, as the homeserver says.
    pub(crate) name: Option<String>,
}

/// The largest file it takes.
#[derive(Clone, Copy, Default)]
pub(super) enum UploadLimit {
    /// Nobody asked yet.
    #[default]
    NotAsked,
    /// So many bytes, as it said last, if it says at all.
    Said(Option<u64>),
}

/// A file of the homeserver that is read part by part.
pub(crate) struct FileStream {
    /// How many bytes, when the homeserver says so.
    pub(crate) size: Option<u64>,
    /// Its media type, as the homeserver says.
    pub(crate) mime: Option<String>,
    /// Its name, as the homeserver says.
    pub(crate) name: Option<String>,
    /// The bytes.
    pub(crate) parts: BoxStream<'static, Result<Bytes, Error>>,
}

impl std::fmt::Debug for FileStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStream")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Homeserver {
    /// Stores a whole file, wherever it was read up to, and tells its address.
    ///
    /// # Errors
    /// `TooLarge` when it is larger than the homeserver takes.
    pub(crate) async fn upload_file(&self, file: File, mime: &str, name: &str) -> Result<OwnedMxcUri, Error> {
        let size = file.metadata().map_err(local)?.len();
        if let Some(limit) = self.upload_limit().await?
            && size > limit
        {
            return Err(Error::TooLarge {
                size: Some(size),
                limit: Some(limit),
            });
        }
        let mut request = create_content::v3::Request::new(Vec::new());
        request.content_type = Some(mime.to_owned());
        request.filename = Some(name.to_owned());
        let (mut parts, _) = self.client().prepare(self.bot(), request)?.into_parts();
        // Without it the body would go in chunks, which Synapse refuses.
        parts.headers.insert(header::CONTENT_LENGTH, size.into());
        let file = Arc::new(file);
        let patience = self.client().patience() + Duration::from_secs(size / SLOWEST);
        let attempt = || async {
            let mut request = http::Request::new(body(Arc::clone(&file)));
            (*request.method_mut(), *request.uri_mut()) = (parts.method.clone(), parts.uri.clone());
            *request.headers_mut() = parts.headers.clone();
            self.client().whole(request, Some(patience)).await
        };
        let answer = self.client().repeat("upload", attempt).await?;
        create_content::v3::Response::try_from_http_response(answer)
            .map(|answer| answer.content_uri)
            .map_err(|_| Error::BadAnswer("unexpected answer to upload".into()))
    }

    /// Opens a file to be read part by part by somebody else, without keeping it here.
    ///
    /// # Errors
    /// `NotFound` when nobody has it.
    pub(crate) async fn open(&self, source: &MxcUri) -> Result<FileStream, Error> {
        let request = get_content::v1::Request::from_uri(source).map_err(|error| Error::BadRequest(error.into()))?;
        let request = self.client().prepare(self.bot(), request)?;
        let open = |request: &http::Request<Vec<u8>>| self.client().stream(empty(request));
        let answer = match self.client().repeat("open", || open(&request)).await {
            Err(error) if error.is("M_UNRECOGNIZED") => {
                let older = before_authentication(request)?;
                self.client().repeat("open", || open(&older)).await?
            }
            other => other?,
        };
        let headers = answer.headers();
        Ok(FileStream {
            size: answer.content_length(),
            mime: text(headers, &header::CONTENT_TYPE),
            name: name(headers),
            parts: parts(answer, self.client().patience()).boxed(),
        })
    }

    /// Fetches a file of at most `limit` bytes.
    ///
    /// # Errors
    /// `NotFound` when nobody has it, `TooLarge` when it is larger.
    pub(crate) async fn download(&self, source: &MxcUri, limit: u64) -> Result<Download, Error> {
        let request = get_content::v1::Request::from_uri(source).map_err(|error| Error::BadRequest(error.into()))?;
        let request = self.client().prepare(self.bot(), request)?;
        match self.client().repeat("download", || self.fetch(&request, limit)).await {
            Err(error) if error.is("M_UNRECOGNIZED") => {
                let older = before_authentication(request)?;
                self.client().repeat("download", || self.fetch(&older, limit)).await
            }
            other => other,
        }
    }

    /// The largest file it takes, in bytes; `None` when it does not say. Asked when nobody did before.
    pub(crate) async fn upload_limit(&self) -> Result<Option<u64>, Error> {
        let known = *self.0.upload_limit.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            UploadLimit::Said(limit) => Ok(limit),
            UploadLimit::NotAsked => self.ask_upload_limit().await,
        }
    }

    /// Asks anew for the largest file it takes.
    pub(crate) async fn ask_upload_limit(&self) -> Result<Option<u64>, Error> {
        // As nobody: before the first start the bot is not there yet.
        let request = self
            .client()
            .prepare(self.nobody(), get_media_config::v1::Request::new())?;
        let limit = match self.ask_limit(&request).await {
            Err(error) if error.is("M_UNRECOGNIZED") => self.ask_limit(&before_authentication(request)?).await,
            other => other,
        };
        let limit = match limit {
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::info!(%error, "the homeserver does not say how large files may be");
                return Ok(None);
            }
            Ok(limit) => limit,
        };
        *self.0.upload_limit.lock().unwrap_or_else(PoisonError::into_inner) = UploadLimit::Said(limit);
        Ok(limit)
    }

    async fn ask_limit(&self, request: &http::Request<Vec<u8>>) -> Result<Option<u64>, Error> {
        #[derive(Deserialize)]
        struct Limits {
            #[serde(rename = "m.upload.size")]
            upload_size: Option<u64>,
        }
        let attempt = || self.client().whole(empty(request), None);
        let answer = self.client().repeat("media_config", attempt).await?;
        let limits: Limits = serde_json::from_slice(answer.body()).map_err(|error| Error::BadAnswer(error.into()))?;
        Ok(limits.upload_size)
    }

    /// One attempt, from the beginning.
    async fn fetch(&self, request: &http::Request<Vec<u8>>, limit: u64) -> Result<Download, Error> {
        let mut answer = self.client().stream(empty(request)).await?;
        let headers = answer.headers().clone();
        let too_large = |size| Error::TooLarge {
            size,
            limit: Some(limit),
        };
        if let Some(length) = answer.content_length()
            && length > limit
        {
            return Err(too_large(Some(length)));
        }
        let file = spawn_blocking(tempfile::tempfile)
            .await
            .map_err(local)?
            .map_err(local)?;
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(AT_ONCE);
        let mut size = 0;
        while let Some(part) = next_part(&mut answer, self.client().patience()).await? {
            size += part.len() as u64;
            if size > limit {
                return Err(too_large(None));
            }
            file.write_all(&part).await.map_err(local)?;
        }
        file.flush().await.map_err(local)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(local)?;
        Ok(Download {
            file,
            size,
            mime: text(&headers, &header::CONTENT_TYPE),
            name: name(&headers),
        })
    }

    /// The bot without its device: moving files needs none.
    fn bot(&self) -> As<'_> {
        As {
            user: Some(self.names().bot()),
            ..self.nobody()
        }
    }
}

/// Trouble of this machine, such as a full disk, passes.
fn local(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unreachable(error.into())
}

fn empty(request: &http::Request<Vec<u8>>) -> http::Request<reqwest::Body> {
    let (parts, _) = request.clone().into_parts();
    http::Request::from_parts(parts, reqwest::Body::default())
}

/// The same request as homeservers before Matrix 1.11 knew it.
fn before_authentication(request: http::Request<Vec<u8>>) -> Result<http::Request<Vec<u8>>, Error> {
    let (mut parts, body) = request.into_parts();
    let older = parts
        .uri
        .to_string()
        .replacen("/_matrix/client/v1/media/", "/_matrix/media/v3/", 1);
    parts.uri = older
        .parse()
        .map_err(|error: http::uri::InvalidUri| Error::BadRequest(error.into()))?;
    Ok(http::Request::from_parts(parts, body))
}

/// The next bytes of an answer; `None` at its end.
async fn next_part(answer: &mut reqwest::Response, patience: Duration) -> Result<Option<Bytes>, Error> {
    let part = timeout(patience, answer.chunk()).await;
    let part = part.map_err(|_| Error::Unreachable("it fell silent in the middle of a file".into()))?;
    part.map_err(|error| Error::Unreachable(error.without_url().into()))
}

/// An answer, part by part.
fn parts(answer: reqwest::Response, patience: Duration) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::try_unfold(answer, move |mut answer| async move {
        let part = next_part(&mut answer, patience).await?;
        Ok(part.map(|part| (part, answer)))
    })
}

/// A file as the body of a request, read from its beginning each time.
fn body(file: Arc<File>) -> reqwest::Body {
    let parts = stream::try_unfold((file, 0_u64), |(file, at)| async move {
        let (file, part) = spawn_blocking(move || read_at(&file, at).map(|part| (file, part))).await??;
        let next = at + part.len() as u64;
        Ok::<_, std::io::Error>((!part.is_empty()).then_some((part, (file, next))))
    });
    reqwest::Body::wrap_stream(parts)
}

fn read_at(file: &File, at: u64) -> std::io::Result<Bytes> {
    let mut part = BytesMut::zeroed(AT_ONCE);
    let count = file.read_at(&mut part, at)?;
    part.truncate(count);
    Ok(part.freeze())
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value: &HeaderValue = headers.get(name)?;
    value.to_str().ok().map(str::to_owned)
}

fn name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?;
    ContentDisposition::try_from(value.as_bytes())
        .ok()?
        .filename
        .filter(|name| !name.is_empty())
}
