//! Files, kept in memory as they came.

use axum::{
    Json,
    body::{Body, Bytes},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Homeserver,
    request::{Refused, Request},
    state::State,
};

/// What Synapse's own configuration allows.
const USUAL_LIMIT: usize = 50 * 1024 * 1024;

/// A file that somebody stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredFile {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub mime: String,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// All files; the last part of an address is the place in the list, from 1.
pub(super) struct Media {
    files: Vec<StoredFile>,
    limit: usize,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            limit: USUAL_LIMIT,
        }
    }
}

impl Media {
    fn keep(&mut self, server: &str, file: StoredFile) -> String {
        self.files.push(file);
        format!("mxc://{server}/media{}", self.files.len())
    }

    fn find(&self, id: &str) -> Option<StoredFile> {
        let place: usize = id.strip_prefix("media")?.parse().ok()?;
        self.files.get(place.checked_sub(1)?).cloned()
    }
}

impl Homeserver {
    /// Stores a file and tells its address, as if a person had.
    pub fn keeps_file(&self, name: Option<&str>, mime: &str, bytes: impl Into<Bytes>) -> String {
        let file = StoredFile {
            bytes: bytes.into(),
            mime: mime.to_owned(),
            name: name.map(str::to_owned),
        };
        self.change(|state| state.media.keep(&state.server, file))
    }

    /// The file with this address.
    pub fn file(&self, address: &str) -> Option<StoredFile> {
        let (_, id) = address.rsplit_once('/')?;
        self.look(|state| state.media.find(id))
    }

    /// Takes no larger files from now on.
    pub fn takes_files_up_to(&self, bytes: usize) {
        self.change(|state| state.media.limit = bytes);
    }
}

/// Answers a request about files; `None` when it is about something else.
pub(super) fn answer(
    homeserver: &Homeserver,
    request: &Request,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<Response> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let answer = match (request.method.as_str(), path.as_slice()) {
        ("POST", ["media", "v3", "upload"]) => homeserver.change(|state| upload(state, request, headers, body)),
        ("GET", ["media", "config"]) => homeserver.look(|state| {
            request.caller(state)?;
            Ok(Json(json!({"m.upload.size": state.media.limit})).into_response())
        }),
        ("GET", ["media", "download", server, id]) => homeserver.look(|state| download(state, request, server, id)),
        _ => return None,
    };
    Some(answer.unwrap_or_else(IntoResponse::into_response))
}

fn upload(state: &mut State, request: &Request, headers: &HeaderMap, body: &Bytes) -> Result<Response, Refused> {
    request.caller(state)?;
    if !headers.contains_key(CONTENT_LENGTH) {
        return Err(Refused::new(400, "M_UNKNOWN", "Request must specify a Content-Length"));
    }
    if body.len() > state.media.limit {
        return Err(Refused::new(413, "M_TOO_LARGE", "Upload request body is too large"));
    }
    let mime = headers.get(CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
    let file = StoredFile {
        bytes: body.clone(),
        mime: mime.unwrap_or("application/octet-stream").to_owned(),
        name: request.query.get("filename").cloned(),
    };
    let address = state.media.keep(&state.server, file);
    Ok(Json(json!({ "content_uri": address })).into_response())
}

fn download(state: &State, request: &Request, server: &str, id: &str) -> Result<Response, Refused> {
    request.caller(state)?;
    let file = state.media.find(id).filter(|_| server == state.server);
    let file = file.ok_or(Refused::not_found("Not found"))?;
    let disposition = match &file.name {
        None => "inline".to_owned(),
        Some(name) => {
            let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
            format!("inline; filename*=utf-8''{}", encoded.replace('+', "%20"))
        }
    };
    let headers = [
        (CONTENT_TYPE, file.mime),
        (CONTENT_LENGTH, file.bytes.len().to_string()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((StatusCode::OK, headers, Body::from(file.bytes)).into_response())
}
