//! The web page at `/admin`, for people who would rather look than curl. Its files are embedded in the binary as they
//! stand in this folder; there is no build step, and nothing is fetched from anywhere else.
//!
//! The page is a client like any other: it signs in at `/api/v1/admin/login` and calls the routes behind the cookie.
//! Deliberately not here: anything that only the page could do.

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

use super::{Api, error::Error};

/// What the page may do in a browser: run and fetch its own files, and nothing that was written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($name:literal $kind:ident),* $(,)?) => {
        /// Name, media type and content of each file.
        const FILES: &[(&str, &str, &[u8])] = &[$(($name, $kind, include_bytes!($name))),*];
    };
}

files! {
    "index.html" HTML,
    "console.css" CSS,
    "console.js" JS,
    "api.js" JS,
    "dom.js" JS,
    "words.js" JS,
    "sign_in.js" JS,
    "devices.js" JS,
    "link.js" JS,
    "send.js" JS,
    "webhooks.js" JS,
    "live.js" JS,
    "tokens.js" JS,
    "credentials.js" JS,
    "icon.svg" SVG,
}

/// The routes of the page.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/admin", get(index))
        .route("/admin/", get(index))
        .route("/admin/{name}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

fn serve(name: &str, asked: &HeaderMap) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(known, _, _)| *known == name) else {
        return Error::of(StatusCode::NOT_FOUND).into_response();
    };
    let tag = tag(content);
    let is_known = tag.is_some() && asked.get(IF_NONE_MATCH) == tag.as_ref();
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        content.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag);
    }
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Changes with the content, so that a new version is seen at once.
fn tag(content: &[u8]) -> Option<HeaderValue> {
    let hash = Sha256::digest(content);
    let start = u64::from_be_bytes(hash.first_chunk::<8>().copied()?);
    HeaderValue::from_str(&format!("\"{start:016x}\"")).ok()
}
