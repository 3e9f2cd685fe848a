//! The one HTTP port: the WebSocket of clients, the media, and the control API for scripts.
//!
//! Built once by [`crate::Server::start`]. Every route is a thin cover over the verbs tests use.

mod app_state;
mod calls;
mod faults;
mod groups;
mod history;
mod media;
mod newsletters;
mod profile;
mod routes;
mod run;
mod speak;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::server::pictures;
use crate::server::state::Shared;
use crate::wire;

/// The largest body of a control request; media have a limit of their own.
const LARGEST_BODY: usize = 128 * 1024 * 1024;

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/ws/chat", get(chat))
        .route(&format!("{}/{{id}}/{{size}}", pictures::ROUTE), get(profile::picture))
        .nest(
            "/admin",
            routes::router()
                .merge(profile::router())
                .merge(newsletters::router())
                .merge(calls::router())
                .merge(faults::router())
                .merge(groups::router())
                .merge(speak::router())
                .merge(run::router())
                .merge(media::router())
                .merge(history::router())
                .merge(app_state::router()),
        )
        .route("/mms/{kind}/{token}", post(crate::media::upload))
        .route("/product/{kind}/{token}", post(crate::media::upload))
        .route("/v/{kind}/{name}", get(crate::media::download))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(shared)
}

async fn chat(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if shared.look(|state| state.faults.is_down) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let upgrade = upgrade.max_message_size(wire::LARGEST_MESSAGE);
    upgrade.on_upgrade(move |socket| wire::serve(shared, socket))
}
