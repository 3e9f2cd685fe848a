//! Which path leads where, and what surrounds every request.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::from_fn,
    routing::{get, post, put},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    timeout::{RequestBodyTimeoutLayer, TimeoutLayer},
};

use super::{
    Api, Config, chats, cors, credentials, devices, docs, error, error::Error, health, linking, media, messages, retry,
    tokens, watch, webhooks,
};

/// How long a client may pause while it sends a body.
const PAUSE: Duration = Duration::from_secs(10);

/// All routes of the door.
pub(crate) fn router(api: Api) -> Router {
    let config = Arc::clone(&api.config);
    let routes = Router::new()
        .nest("/api/v1", frozen(&config).merge(beside()))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(docs::router())
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .with_state(api);
    surrounded(routes, &config)
}

/// Routes with what surrounds each request; the last layer is the outermost.
pub(super) fn surrounded(routes: Router, config: &Config) -> Router {
    let patience = Duration::from_secs(config.timeout.into());
    routes
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(RequestBodyTimeoutLayer::new(PAUSE))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, patience))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(error::render))
        .layer(cors::layer(config))
        .layer(from_fn(cors::preflight))
        .layer(from_fn(watch::observe))
}

/// The routes of the frozen contract. None of them answers HEAD, as its clients know it.
fn frozen(config: &Config) -> Router<Api> {
    Router::new()
        .route(
            "/credentials",
            get(credentials::list).post(credentials::create).head(no_such_method),
        )
        .route(
            "/credentials/{client_id}",
            put(credentials::update).delete(credentials::remove),
        )
        .route("/tokens", get(tokens::list).post(tokens::create).head(no_such_method))
        .route("/tokens/{id}", axum::routing::delete(tokens::remove))
        .route(
            "/devices",
            get(devices::list)
                .post(devices::add)
                .delete(devices::remove)
                .head(no_such_method),
        )
        .route("/devices/qr-code", get(linking::follow).head(no_such_method))
        .route(
            "/devices/{device_id}/message",
            post(messages::send).layer(DefaultBodyLimit::max(config.upload_limit())),
        )
        .route("/chats/{chat}/messages/{message}/retry", post(retry::retry))
        .route("/media/{server}/{id}", get(media::fetch).head(no_such_method))
        .route("/devices//message", post(messages::send_nowhere))
        .route(
            "/webhooks",
            get(webhooks::list).post(webhooks::add).head(no_such_method),
        )
        .route("/webhooks/{id}", put(webhooks::update).delete(webhooks::remove))
}

/// Routes beside the frozen ones.
fn beside() -> Router<Api> {
    Router::new()
        .route("/devices/{platform}/{number}/chats", get(chats::list))
        .route(
            "/devices/{platform}/{number}/chats/{chat}/messages",
            get(chats::messages),
        )
        .route("/devices/{platform}/{number}/chats/{chat}/history", post(chats::ask))
}

async fn no_such_route() -> Error {
    Error::of(StatusCode::NOT_FOUND)
}

async fn no_such_method() -> Error {
    Error::of(StatusCode::METHOD_NOT_ALLOWED)
}
