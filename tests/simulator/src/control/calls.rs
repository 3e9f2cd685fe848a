//! The control API of calls: somebody rings, gives up, or the call is settled on the phone.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::profile::{person, phone};
use super::routes::{Answer, App};
use crate::server::state::Shared;

/// The routes under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/contacts/{number}/call", post(call))
        .route("/contacts/{number}/calls/{id}", get(look).delete(hang_up))
        .route("/phones/{number}/calls/{id}/answer", post(answer))
        .route("/phones/{number}/calls/{id}/reject", post(reject))
}

#[derive(Deserialize)]
struct Call {
    to: String,
    #[serde(default)]
    video: bool,
    /// Only a notice that a group call goes on.
    #[serde(default)]
    group_notice: bool,
}

async fn call(State(shared): App, Path(number): Path<String>, Json(call): Json<Call>) -> Answer {
    let caller = person(Arc::clone(&shared), number)?;
    let whom = phone(shared, call.to)?;
    let id = if call.group_notice {
        caller.announces_group_call(&whom, call.video)
    } else {
        caller.calls(&whom, call.video)
    };
    Ok(Json(json!({ "id": id })))
}

async fn look(State(shared): App, Path((number, id)): Path<(String, String)>) -> Answer {
    let state = person(shared, number)?.call(&id).context("no such call")?;
    Ok(Json(json!({ "state": state })))
}

async fn hang_up(State(shared): App, Path((number, id)): Path<(String, String)>) -> Answer {
    person(shared, number)?.hangs_up(&id);
    Ok(Json(json!({})))
}

async fn answer(State(shared): App, Path((number, id)): Path<(String, String)>) -> Answer {
    phone(shared, number)?.answers_call(&id);
    Ok(Json(json!({})))
}

async fn reject(State(shared): App, Path((number, id)): Path<(String, String)>) -> Answer {
    phone(shared, number)?.rejects_call(&id);
    Ok(Json(json!({})))
}
