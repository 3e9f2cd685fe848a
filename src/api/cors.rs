//! Which web pages may call us from a browser: those of the settings. Never any page, since browsers would add what
//! they know of the person in front of them.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{
        HeaderName, Method, StatusCode,
        header::{ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE},
    },
    middleware::Next,
    response::Response,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::Config;

/// The layer for these settings.
pub(super) fn layer(config: &Config) -> CorsLayer {
    let headers = ["x-csrf-token", "idempotency-key", "x-request-id"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(config.origins()))
        .allow_credentials(true)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::PATCH,
        ])
        .allow_headers(
            [ACCEPT, AUTHORIZATION, CONTENT_TYPE]
                .into_iter()
                .chain(headers)
                .collect::<Vec<_>>(),
        )
        .max_age(Duration::from_mins(5))
}

/// The contract answers a preflight with 204; the layer says 200.
pub(super) async fn preflight(request: Request, next: Next) -> Response {
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
