//! Is it alive, is it ready, how is it doing.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

use super::Api;

/// The process answers.
#[utoipa::path(get, path = "/healthz", operation_id = "live", tag = "watching", responses((status = 200,
    description = "The process answers", body = Object, example = json!({"status": "ok"}))))]
pub(super) async fn live() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "ok" }))
}

/// Whether what we need answers too: database and homeserver.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "watching", responses(
    (status = 200, description = "Database and homeserver answer", body = Object, example = json!({"database": true, "homeserver": true})),
    (status = 503, description = "One of them does not", body = Object, example = json!({"database": true, "homeserver": false})),
))]
pub(super) async fn ready(State(api): State<Api>) -> impl IntoResponse {
    let readiness = api.bridge.ready().await;
    let is_ready = readiness.database && readiness.homeserver;
    (
        if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        Json(readiness),
    )
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "watching", responses((status = 200,
    description = "Prometheus text", body = String, content_type = "text/plain", example = json!("wharf_jobs_waiting{lane=\"send\"} 0"))))]
pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    api.bridge.measure().await;
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        api.metrics.render(),
    )
}
