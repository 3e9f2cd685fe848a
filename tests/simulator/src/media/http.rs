//! The routes of media: upload, the question how much of one is here, download.
//!
//! Mounted by `control::router`. Bytes are taken and given part by part; a blob exists once in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;

use super::blobs::token_of;
use super::faults::{Fault, Way};
use crate::server::state::Shared;

/// The largest blob taken.
const LARGEST: usize = 512 * 1024 * 1024;
/// A blob is given in parts of this size when it has to be slow or to break.
const PART: usize = 64 * 1024;

#[derive(Deserialize)]
pub(crate) struct Upload {
    #[serde(default)]
    auth: String,
    token: Option<String>,
    resume: Option<String>,
    #[serde(default)]
    file_offset: usize,
}

/// `POST /mms/{kind}/{token}` keeps a blob, or says how much of it is here.
pub(crate) async fn upload(
    Extract(shared): Extract<Arc<Shared>>,
    Path((kind, token)): Path<(String, String)>,
    Query(query): Query<Upload>,
    body: Body,
) -> Response {
    let is_one_token = query.token.as_ref().is_none_or(|other| *other == token);
    if !shared.look(|state| state.blobs.is_permitted(&query.auth)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !is_one_token {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if query.resume.is_some() {
        return progress(&shared, &kind, &token);
    }
    let (fault, pause, largest) = shared.act(|state| {
        let faults = &mut state.blobs.faults;
        (faults.take(Way::Up), faults.pause, faults.largest.unwrap_or(LARGEST))
    });
    if let Some(Fault::Refused(status)) = fault {
        return status_of(status).into_response();
    }
    let Some(begun) = shared.act(|state| state.blobs.resume(&kind, &token, query.file_offset)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let limit = match fault {
        Some(Fault::Cut(after)) => after,
        _ => usize::MAX,
    };
    let bytes = match take(body, begun, (limit, largest), pause).await {
        Ok(bytes) => bytes,
        Err(Broken::TooLarge) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(Broken::Off(bytes)) => {
            shared.act(|state| state.blobs.interrupted(&kind, &token, bytes));
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let hashed = tokio::task::spawn_blocking(move || (token_of(&bytes), bytes)).await;
    match hashed {
        Ok((hash, bytes)) if hash == token => {
            let path = shared.act(|state| state.blobs.keep(&kind, token, bytes.into()));
            Json(json!({
                "url": url(&shared, &path),
                "direct_path": path,
                "handle": format!("h.{path}"),
            }))
            .into_response()
        }
        Ok(_) => StatusCode::BAD_REQUEST.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The client asks how much of a large upload is here; the number travels as text.
fn progress(shared: &Shared, kind: &str, token: &str) -> Response {
    let (known, begun) = shared.look(|state| {
        let known = state.blobs.known(kind, token).map(ToOwned::to_owned);
        (known, state.blobs.begun(kind, token))
    });
    match known {
        Some(path) => Json(json!({ "resume": "complete", "url": url(shared, &path), "direct_path": path })),
        None => Json(json!({ "resume": begun.to_string() })),
    }
    .into_response()
}

enum Broken {
    TooLarge,
    /// The connection ended or was cut; this came until then.
    Off(Vec<u8>),
}

/// Takes a body: it breaks off after `limit` bytes, and is refused above `largest`.
async fn take(
    body: Body,
    mut bytes: Vec<u8>,
    (limit, largest): (usize, usize),
    pause: Option<Duration>,
) -> Result<Vec<u8>, Broken> {
    let mut parts = body.into_data_stream();
    let mut since_pause = 0;
    while let Some(part) = parts.next().await {
        let Ok(part) = part else {
            return Err(Broken::Off(bytes));
        };
        if bytes.len() + part.len() > largest {
            return Err(Broken::TooLarge);
        }
        let room = limit.saturating_sub(bytes.len());
        bytes.extend_from_slice(part.get(..room).unwrap_or(&part));
        if part.len() > room {
            return Err(Broken::Off(bytes));
        }
        since_pause += part.len();
        if let Some(pause) = pause
            && since_pause >= PART
        {
            since_pause = 0;
            tokio::time::sleep(pause).await;
        }
    }
    Ok(bytes)
}

#[derive(Deserialize)]
pub(crate) struct Download {
    token: Option<String>,
}

/// `GET /v/{kind}/{name}` gives a blob, or the range of it that was asked for.
pub(crate) async fn download(
    Extract(shared): Extract<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<Download>,
    headers: HeaderMap,
) -> Response {
    let (blob, fault, pause) = shared.act(|state| {
        let blob = state.blobs.give(uri.path(), query.token.as_deref());
        (blob, state.blobs.faults.take(Way::Down), state.blobs.faults.pause)
    });
    if let Some(Fault::Refused(status)) = fault {
        return status_of(status).into_response();
    }
    let bytes = match blob {
        Ok(bytes) => bytes,
        Err(status) => return status_of(status).into_response(),
    };
    let total = bytes.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some((from, until)) = range.map_or(Some((0, total)), |range| part_of(range, total)) else {
        let unit = format!("bytes */{total}");
        return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, unit)]).into_response();
    };
    let part = bytes.slice(from..until);
    let length = [(header::CONTENT_LENGTH, part.len().to_string())];
    let body = body_of(part, fault, pause);
    if range.is_some() {
        let place = format!("bytes {from}-{}/{total}", until.saturating_sub(1));
        return (
            StatusCode::PARTIAL_CONTENT,
            length,
            [(header::CONTENT_RANGE, place)],
            body,
        )
            .into_response();
    }
    (length, [(header::ACCEPT_RANGES, "bytes")], body).into_response()
}

/// The places of `bytes=from-until`, `bytes=from-` or `bytes=-last`; `None` when there is no such part.
fn part_of(range: &str, total: usize) -> Option<(usize, usize)> {
    let (from, until) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (from, until) = match (from.parse::<usize>(), until.parse::<usize>()) {
        (Ok(from), Ok(last)) => (from, last.saturating_add(1).min(total)),
        (Ok(from), Err(_)) if until.is_empty() => (from, total),
        (Err(_), Ok(last)) if from.is_empty() => (total.saturating_sub(last), total),
        _ => return None,
    };
    (from < until).then_some((from, until))
}

fn body_of(bytes: Bytes, fault: Option<Fault>, pause: Option<Duration>) -> Body {
    let bytes = match fault {
        Some(Fault::Garbled) => {
            let mut wrong = bytes.to_vec();
            if let Some(byte) = wrong.first_mut() {
                *byte ^= 1;
            }
            wrong.into()
        }
        _ => bytes,
    };
    let cut = match fault {
        Some(Fault::Cut(after)) => Some(after),
        _ => None,
    };
    if cut.is_none() && pause.is_none() {
        return Body::from(bytes);
    }
    Body::from_stream(stream::unfold((bytes, 0), move |(bytes, at)| async move {
        if cut.is_some_and(|cut| at >= cut) {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            return Some((Err(broken), (Bytes::new(), 0)));
        }
        if at >= bytes.len() {
            return None;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        let until = (at + PART).min(bytes.len()).min(cut.unwrap_or(usize::MAX));
        let part = bytes.slice(at..until);
        Some((Ok(part), (bytes, until)))
    }))
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn url(shared: &Shared, path: &str) -> String {
    shared.look(|state| format!("https://{}{path}", state.media_host))
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::media::faults::MediaFaults;
    use crate::server::clock::Clock;

    /// What a transfer says about itself, or something near it. `{auth}` is a permission, `{token}` the hash of the bytes.
    fn query() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(
            &[
                "auth={auth}",
                "auth=x",
                "token={token}",
                "token=x",
                "resume=1",
                "file_offset=1",
                "file_offset=18446744073709551615",
                "file_offset=-1",
                "%FF=%FF",
            ][..],
        );
        vec(parts, 0..5).prop_map(|parts| parts.join("&"))
    }

    fn range() -> impl Strategy<Value = Option<String>> {
        let number =
            prop::sample::select(&["", "0", "1", "9", "18446744073709551615", "99999999999999999999", "-1"][..]);
        let range = (number.clone(), number).prop_map(|(from, until)| format!("bytes={from}-{until}"));
        proptest::option::of(prop_oneof![3 => range, 1 => "[ -~]{0,12}"])
    }

    fn fault() -> impl Strategy<Value = Option<Fault>> {
        proptest::option::of(prop_oneof![
            any::<u16>().prop_map(Fault::Refused),
            (0usize..50).prop_map(Fault::Cut),
            Just(Fault::Garbled),
        ])
    }

    /// The status of an answer, once all of it was read or broke off.
    async fn read(answer: Response) -> StatusCode {
        let status = answer.status();
        // A transfer that was to break has broken.
        let _ = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        status
    }

    async fn sends(shared: &Arc<Shared>, place: (String, String), query: &str, bytes: Vec<u8>) -> Option<StatusCode> {
        let uri: Uri = format!("/mms?{query}").parse().ok()?;
        let query = Query::<Upload>::try_from_uri(&uri).ok()?;
        let shared = Extract(Arc::clone(shared));
        Some(read(upload(shared, Path(place), query, Body::from(bytes)).await).await)
    }

    async fn asks(shared: &Arc<Shared>, path: &str, query: &str, range: Option<&str>) -> Option<StatusCode> {
        let uri: Uri = format!("{path}?{query}").parse().ok()?;
        let query = Query::<Download>::try_from_uri(&uri).ok()?;
        let mut headers = HeaderMap::new();
        if let Some(range) = range {
            headers.insert(header::RANGE, range.parse().ok()?);
        }
        let shared = Extract(Arc::clone(shared));
        Some(read(download(shared, OriginalUri(uri), query, headers).await).await)
    }

    proptest! {
        #[test]
        fn arbitrary_uploads_and_downloads_make_no_server_panic(
            kind in prop_oneof![Just("image".to_owned()), ".{0,6}"],
            bytes in vec(any::<u8>(), 0..60),
            queries in vec((query(), query(), range(), fault(), fault()), 1..6),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
            let (auth, token) = (shared.act(|state| state.blobs.permit()), token_of(&bytes));
            let fill = |query: &str| query.replace("{auth}", &auth).replace("{token}", &token);
            let whole = shared.act(|state| state.blobs.keep("image", token.clone(), bytes.clone().into()));
            for (up, down, range, broken_up, broken_down) in queries {
                shared.act(|state| {
                    let faults = &mut state.blobs.faults;
                    for (way, fault) in [(Way::Up, broken_up), (Way::Down, broken_down)] {
                        faults.plan(way, fault.unwrap_or(Fault::Garbled), usize::from(fault.is_some()));
                    }
                });
                let place = (kind.clone(), token.clone());
                runtime.block_on(async {
                    sends(&shared, place, &fill(&up), bytes.clone()).await;
                    asks(&shared, &whole, &fill(&down), range.as_deref()).await;
                });
            }
            // Whatever was said before, what is right is done.
            shared.act(|state| state.blobs.faults = MediaFaults::default());
            let right = fill("auth={auth}&token={token}");
            let done = runtime.block_on(async {
                let up = sends(&shared, ("image".to_owned(), token.clone()), &right, bytes.clone()).await;
                (up, asks(&shared, &whole, &fill("token={token}"), None).await)
            });
            prop_assert_eq!(done, (Some(StatusCode::OK), Some(StatusCode::OK)));
        }
    }
}
