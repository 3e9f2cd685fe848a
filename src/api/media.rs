//! `GET /api/v1/media/{server}/{id}`: a file that was too large for a webhook, at the address that stood there instead.
//! The address is its own permission.

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{
        HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::Response,
};
use ruma::http_headers::{ContentDisposition, ContentDispositionType};
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::{Error, ErrorBody};
use crate::bridge::{Bridge, FileStream, MediaLink};

/// What makes an address ours.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct Permission {
    /// Until when the address is good, in seconds since 1970.
    until: String,
    /// What proves that wharf made it.
    signature: String,
}

/// Fetches a file by the address that a webhook got in `media.url`. No token is needed; whoever has the address may.
#[utoipa::path(get, path = "/api/v1/media/{server}/{id}", operation_id = "fetch_media", tag = "media",
    params(("server" = String, Path, description = "Server of the file", example = "example.org"),
        ("id" = String, Path, description = "Its id there", example = "AbCdEf")),
    responses((status = 200, description = "The bytes, with their media type and name"),
    (status = 403, body = ErrorBody, description = "Not an address of ours, or its time is over"),
    (status = 404, body = ErrorBody, description = "The homeserver has the file no more"),
    (status = 500, body = ErrorBody)))]
pub(super) async fn fetch(
    State(bridge): State<Bridge>,
    Path((server, id)): Path<(String, String)>,
    Query(permission): Query<Permission>,
) -> Result<Response, Error> {
    let link = MediaLink {
        server: &server,
        id: &id,
        until: &permission.until,
        signature: &permission.signature,
    };
    Ok(answer(bridge.open_media(&link).await?))
}

fn answer(file: FileStream) -> Response {
    let mime = file.mime.and_then(|mime| HeaderValue::try_from(mime).ok());
    let name = ContentDisposition::new(ContentDispositionType::Attachment).with_filename(file.name);
    let mut response = Response::new(Body::from_stream(file.parts));
    let headers = response.headers_mut();
    let unknown = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, mime.unwrap_or(unknown));
    if let Some(size) = file.size {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    let plain = HeaderValue::from_static("attachment");
    let name = HeaderValue::try_from(name.to_string());
    headers.insert(CONTENT_DISPOSITION, name.unwrap_or(plain));
    // A stranger made the file: a browser must neither guess what it is nor run what is in it.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    response
}
