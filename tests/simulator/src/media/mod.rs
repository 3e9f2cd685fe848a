//! Media: where clients upload blobs and fetch them again. The blobs are encrypted by the clients.
//!
//! The stanza that names the host is answered by `server::queries`; the blobs travel over HTTP on the
//! simulator's own port. Clients insist on `https://`, so theirs must be told to use plain HTTP here.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use whatsapp_rust::wacore_binary::Node;

use crate::server::stanza::node;
use crate::server::state::{Shared, State};

/// The answer to a `w:m` IQ.
pub(crate) fn connection(state: &State) -> Node {
    node("media_conn")
        .attr("auth", "sim")
        .attr("ttl", 3600u64)
        .attr("auth_ttl", 21600u64)
        .attr("max_buckets", 12u64)
        .children([node("host")
            .attr("hostname", &state.media_host)
            .attr("type", "primary")
            .children([node("upload").build(), node("download").build()])
            .build()])
        .build()
}

#[derive(Deserialize)]
pub(crate) struct Upload {
    #[serde(default)]
    resume: Option<String>,
}

/// `POST /mms/{kind}/{token}` keeps a blob.
pub(crate) async fn upload(
    Extract(shared): Extract<Arc<Shared>>,
    Path((kind, token)): Path<(String, String)>,
    Query(query): Query<Upload>,
    body: Bytes,
) -> Json<Value> {
    let path = format!("/mms/{kind}/{token}");
    if query.resume.is_some() {
        // The client asks how much of a large upload is here already.
        let known = shared.look(|state| state.blobs.contains_key(&path));
        return Json(if known {
            json!({ "resume": "complete", "url": url(&shared, &path), "direct_path": path })
        } else {
            json!({ "resume": 0 })
        });
    }
    shared.act(|state| state.blobs.insert(path.clone(), body.to_vec()));
    Json(json!({ "url": url(&shared, &path), "direct_path": path }))
}

/// `GET /mms/{kind}/{token}` gives it back.
pub(crate) async fn download(
    Extract(shared): Extract<Arc<Shared>>,
    Path((kind, token)): Path<(String, String)>,
) -> Result<Vec<u8>, StatusCode> {
    shared.look(|state| {
        state
            .blobs
            .get(&format!("/mms/{kind}/{token}"))
            .cloned()
            .ok_or(StatusCode::NOT_FOUND)
    })
}

fn url(shared: &Shared, path: &str) -> String {
    shared.look(|state| format!("https://{}{path}", state.media_host))
}
