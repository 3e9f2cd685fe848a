//! Which path leads where, and what surrounds every request.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    timeout::{RequestBodyTimeoutLayer, TimeoutLayer},
};

use super::{
    Api, Config, admin, chat, chats, console, contacts, cors, credentials, deliveries, devices, docs, error,
    error::Error, health, invites, linking, live, media, message_fate, messages, new_chats, pairing, retry, session,
    tokens, watch, webhooks,
};

/// How long a client may pause while it sends a body.
const PAUSE: Duration = Duration::from_secs(10);

/// All routes of the door.
pub(crate) fn router(api: Api) -> Router {
    let config = Arc::clone(&api.config);
    let routes = Router::new()
        .nest("/api/v1", frozen(&config).merge(beside()))
        .nest("/api/v1/admin", behind_cookie(&api, &config))
        .merge(console::router())
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
        .layer(from_fn(no_head))
        .layer(from_fn(watch::observe))
}

/// The routes of the frozen contract.
fn frozen(config: &Config) -> Router<Api> {
    Router::new()
        .route("/credentials", get(credentials::list).post(credentials::create))
        .route(
            "/credentials/{client_id}",
            put(credentials::update).delete(credentials::remove),
        )
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", axum::routing::delete(tokens::remove))
        .route(
            "/devices",
            get(devices::list).post(devices::add).delete(devices::remove),
        )
        .route("/devices/qr-code", get(linking::follow))
        .route(
            "/devices/{device_id}/message",
            post(messages::send).layer(DefaultBodyLimit::max(config.upload_limit())),
        )
        .route("/chats/{chat}/messages/{message}/retry", post(retry::retry))
        .route("/media/{server}/{id}", get(media::fetch))
        .route("/devices//message", post(messages::send_nowhere))
        .route("/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/webhooks/{id}", put(webhooks::update).delete(webhooks::remove))
}

/// Routes beside the frozen ones.
fn beside() -> Router<Api> {
    Router::new()
        .route("/chats", get(chat::list).post(new_chats::open))
        .route("/chats/{chat}/invite-link", get(invites::link).delete(invites::reset))
        .route("/contacts", get(contacts::list))
        .route("/contacts/lookups", post(contacts::look_up))
        .route("/contacts/{contact}", get(contacts::show))
        .route("/devices/{platform}/{number}/syncs", post(contacts::sync))
        .route("/invites/{code}", get(invites::look))
        .route("/chats/{chat}", get(chat::show).patch(chat::change))
        .route("/chats/{chat}/receipts", post(chat::read))
        .route(
            "/chats/{chat}/messages/{message}",
            get(message_fate::show).delete(message_fate::forget),
        )
        .route("/devices/{platform}/{number}/chats", get(chats::list))
        .route(
            "/devices/{platform}/{number}/chats/{chat}/messages",
            get(chats::messages),
        )
        .route("/devices/{platform}/{number}/chats/{chat}/history", post(chats::ask))
        .route("/devices/linking", get(pairing::follow).delete(pairing::stop))
        .route("/devices/linking/passkey", post(pairing::answer))
        .route("/devices/linking/confirm", post(pairing::confirm))
        .route("/devices/{device_id}", get(devices::report))
        .route("/webhooks/{id}/deliveries", get(deliveries::list))
        .route(
            "/webhooks/{id}/deliveries/{delivery_id}/redeliver",
            post(deliveries::redeliver),
        )
        .route("/live", get(live::watch))
}

/// The same routes for those who are signed in, and signing in itself.
fn behind_cookie(api: &Api, config: &Config) -> Router<Api> {
    let inside = frozen(config)
        .merge(beside())
        .route("/logout", get(admin::logout).post(admin::logout))
        .route("/matrix-token", post(admin::set_token))
        .route("/matrix-token-status", get(admin::token_status))
        .route("/session", get(admin::show))
        .route_layer(from_fn_with_state(api.clone(), session::require));
    Router::new().route("/login", post(admin::login)).merge(inside)
}

/// HEAD is no GET here, as clients of the frozen contract know it; only what watches us may ask for heads.
async fn no_head(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_ours = ["/api", "/docs", "/admin"].iter().any(|door| path.starts_with(door));
    if request.method() != Method::HEAD || !is_ours {
        return next.run(request).await;
    }
    match request.extensions().get::<MatchedPath>() {
        Some(_) => no_such_method().await.into_response(),
        None => no_such_route().await.into_response(),
    }
}

async fn no_such_route() -> Error {
    Error::of(StatusCode::NOT_FOUND)
}

async fn no_such_method() -> Error {
    Error::of(StatusCode::METHOD_NOT_ALLOWED)
}
