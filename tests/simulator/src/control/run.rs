//! Bigger things over HTTP: a load on the linked accounts, a scenario. See the README.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::routes::{Answer, App};
use crate::load::{self, Plan};
use crate::scenario::{self, Script};
use crate::server::state::Shared;

/// The routes under `/admin`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/load", post(load)).route("/scenario", post(play))
}

/// People write to the accounts linked already; answers what arrived when it is over.
async fn load(State(shared): App, Json(plan): Json<Plan>) -> Answer {
    let report = load::run_here(&shared, &plan).await?;
    Ok(Json(serde_json::to_value(report).map_err(anyhow::Error::from)?))
}

/// A scenario begins and goes on by itself.
async fn play(State(shared): App, text: String) -> Answer {
    let script = Script::read(&text)?;
    let people: Vec<Value> = script
        .people
        .iter()
        .map(|cast| json!({ "name": cast.name, "number": cast.number }))
        .collect();
    let groups: Vec<&str> = script.groups.iter().map(|circle| circle.name.as_str()).collect();
    let playing = json!({ "account": script.account, "people": people, "groups": groups });
    tokio::spawn(async move {
        if let Err(error) = scenario::play(shared, script).await {
            tracing::warn!("a scenario ended: {error:#}");
        }
    });
    Ok(Json(playing))
}
