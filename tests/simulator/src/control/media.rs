//! Control routes for media: put a file on the server, send it, read what was sent, break transfers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::Refusal;
use crate::contact::{self, Attachment, place};
use crate::media::{self, Fault, MediaKind, Way};
use crate::server::state::Shared;

type App = State<Arc<Shared>>;
type Answer = Result<Json<Value>, Refusal>;

/// The routes of this family under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/media", post(put))
        .route("/media/faults", post(faults))
        .route("/contacts/{number}/send-medium", post(send))
        .route("/phones/{number}/send-medium", post(send))
        .route("/contacts/{number}/media/{from}/{id}", get(fetch))
        .route("/phones/{number}/media/{from}/{id}", get(fetch))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Image,
    Video,
    Gif,
    Audio,
    Voice,
    Document,
    Sticker,
}

#[derive(Deserialize)]
struct Put {
    kind: Kind,
}

#[derive(Deserialize)]
struct Send {
    to: String,
    kind: Kind,
    caption: Option<String>,
    name: Option<String>,
    #[serde(default)]
    seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MediaFault {
    RefuseUploads { status: u16, times: usize },
    RefuseDownloads { status: u16, times: usize },
    CutUpload(usize),
    CutDownload(usize),
    GarbleDownload,
    SlowMillis(u64),
    Expire { direct_path: String, status: u16 },
    ExpireAll(u16),
    RevokeUploads,
}

async fn put(State(shared): App, Query(put): Query<Put>, file: Bytes) -> Answer {
    let kind = match put.kind {
        Kind::Image => MediaKind::Image,
        Kind::Video | Kind::Gif => MediaKind::Video,
        Kind::Audio | Kind::Voice => MediaKind::Audio,
        Kind::Document => MediaKind::Document,
        Kind::Sticker => MediaKind::Sticker,
    };
    let uploaded = media::upload_sealed(&shared, kind, &file)?;
    Ok(Json(json!(uploaded)))
}

async fn send(State(shared): App, Path(from): Path<String>, Query(send): Query<Send>, file: Bytes) -> Answer {
    shared.look(|state| {
        state.person(&from)?;
        place::check(state, &send.to)
    })?;
    let (bytes, caption, seconds) = (&file[..], send.caption.as_deref(), send.seconds);
    let message = contact::attached(
        &shared,
        match send.kind {
            Kind::Image => Attachment::Image { bytes, caption },
            Kind::Video | Kind::Gif => Attachment::Video {
                bytes,
                caption,
                is_gif: matches!(send.kind, Kind::Gif),
            },
            Kind::Audio | Kind::Voice => Attachment::Audio {
                bytes,
                seconds,
                is_voice: matches!(send.kind, Kind::Voice),
            },
            Kind::Document => Attachment::Document {
                bytes,
                name: send.name.as_deref().unwrap_or("file"),
                caption,
            },
            Kind::Sticker => Attachment::Sticker { bytes },
        },
    )?;
    let id = shared.act(|state| place::say(state, &from, &send.to, None, message))?;
    Ok(Json(json!({ "id": id })))
}

async fn fetch(
    State(shared): App,
    Path((number, from, id)): Path<(String, String, String)>,
) -> Result<Vec<u8>, Refusal> {
    let message = shared
        .look(|state| anyhow::Ok(state.person(&number)?.inbox.find(&from, &id).cloned()))?
        .ok_or_else(|| anyhow::anyhow!("no such message arrived"))?;
    Ok(media::media_of(&shared, &message.message)?)
}

async fn faults(State(shared): App, Json(fault): Json<MediaFault>) -> Answer {
    shared.act(|state| {
        let blobs = &mut state.blobs;
        match fault {
            MediaFault::RefuseUploads { status, times } => blobs.faults.plan(Way::Up, Fault::Refused(status), times),
            MediaFault::RefuseDownloads { status, times } => {
                blobs.faults.plan(Way::Down, Fault::Refused(status), times);
            }
            MediaFault::CutUpload(after) => blobs.faults.plan(Way::Up, Fault::Cut(after), 1),
            MediaFault::CutDownload(after) => blobs.faults.plan(Way::Down, Fault::Cut(after), 1),
            MediaFault::GarbleDownload => blobs.faults.plan(Way::Down, Fault::Garbled, 1),
            MediaFault::SlowMillis(pause) => {
                blobs.faults.pause = (pause > 0).then(|| Duration::from_millis(pause));
            }
            MediaFault::Expire { direct_path, status } => {
                anyhow::ensure!(blobs.expire(&direct_path, status), "there is no such blob");
            }
            MediaFault::ExpireAll(status) => blobs.expire_all(status),
            MediaFault::RevokeUploads => blobs.revoke(),
        }
        Ok(())
    })?;
    Ok(Json(json!({})))
}
