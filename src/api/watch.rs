//! Every request gets an id, a span and a count. Paths are logged without their query, which may hold a token, and
//! without what was filled into them, which may be a phone number.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// The header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id a client may choose.
const LONGEST: usize = 64;

/// Surrounds a request with its span.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("api.request", http.method = %method, http.route = path, request.id = id);
    async move {
        let start = Instant::now();
        let mut response = next.run(request).await;
        let (status, seconds) = (response.status().as_u16(), start.elapsed().as_secs_f64());
        // Probes come every few seconds and say nothing new.
        if matches!(path.as_str(), "/healthz" | "/readyz" | "/metrics") {
            tracing::debug!(http.status = status, seconds, "answered");
        } else {
            tracing::info!(http.status = status, seconds, "answered");
        }
        metrics::histogram!(
            "wharf_api_request_seconds",
            "method" => method_name(method.as_str()), "route" => path, "status" => status.to_string()
        )
        .record(seconds);
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }
    .instrument(span)
    .await
}

/// The id the client chose, when it is one, else a new one.
fn request_id(request: &Request) -> String {
    let is_id = |text: &&str| {
        (1..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let chosen = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(is_id);
    chosen.map_or_else(|| Uuid::now_v7().to_string(), String::from)
}

/// Anybody can invent methods; a label must not grow with them.
fn method_name(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|m| *m == method)
        .unwrap_or("other")
}
