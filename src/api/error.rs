//! The one table of what goes wrong and what is answered: status and sentence.
//!
//! The contract demands the body `{"error": "<sentence>"}` and nothing else. A client that asks for
//! `application/problem+json` (RFC 9457) gets the same row in that form.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{access, bridge, model::with_causes};

/// Shown for everything that is our own fault.
pub(super) const OOPS: &str = "Oops! something went wrong. Please try again later.";

/// The media type of RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// The body of every failure.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What went wrong, in one sentence.
    error: Cow<'static, str>,
}

/// A failure as the client will see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Error {
    status: StatusCode,
    sentence: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Error {
    /// A row of its own, for the sentences that one endpoint alone says.
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            retry_after: None,
        }
    }

    /// 400.
    pub(super) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// 400 for a field that must be there.
    pub(super) fn missing(field: &str) -> Self {
        Self::bad_request(format!("Missing required field: {field}"))
    }

    /// 401.
    pub(super) fn unauthorized(sentence: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, sentence)
    }

    /// 404.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// 429.
    pub(super) fn too_many(sentence: &'static str, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, sentence)
        }
    }

    /// 500: the cause is logged here, once, inside the span of its request, and never shown.
    pub(super) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = with_causes(cause), "a request failed");
        Self::of(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The sentence for a status that some layer answered without one.
    pub(super) fn of(status: StatusCode) -> Self {
        let sentence = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "Request body too large",
            StatusCode::REQUEST_TIMEOUT => "Request timed out",
            _ if status.is_server_error() => OOPS,
            _ => status.canonical_reason().unwrap_or("Bad Request"),
        };
        Self::new(status, sentence)
    }

    fn problem(&self) -> Body {
        let problem = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.sentence,
            "error": self.sentence,
        });
        Body::from(problem.to_string())
    }
}

impl From<access::Error> for Error {
    fn from(error: access::Error) -> Self {
        use access::Error as E;
        let status = match &error {
            E::BadCredentials | E::BadTokenFormat | E::NoSession => StatusCode::UNAUTHORIZED,
            E::BadToken | E::Forbidden | E::HostForbidden | E::SuperAdmin(_) => StatusCode::FORBIDDEN,
            E::NotFound(_) => StatusCode::NOT_FOUND,
            E::CredentialTaken(_) => StatusCode::CONFLICT,
            E::NoHost
            | E::InvalidClientId(_)
            | E::InvalidScope(_)
            | E::InvalidMember(_)
            | E::InvalidExpiry
            | E::ExpiryInPast => StatusCode::BAD_REQUEST,
            E::BadHashKey | E::Internal(_) => return Self::internal(&error),
        };
        Self::new(status, error.to_string())
    }
}

impl From<bridge::Error> for Error {
    fn from(error: bridge::Error) -> Self {
        use bridge::Error as E;
        match error {
            E::NotFound(what) => Self::not_found(what),
            E::NotLinked => Self::new(StatusCode::CONFLICT, "Device is not linked"),
            E::Unsupported(what) => Self::bad_request(format!("Unsupported: {what}")),
            E::Invalid { field: "url", .. } => Self::bad_request("Invalid URL format"),
            E::Invalid { field, why } => Self::bad_request(format!("Invalid {field}: {why}")),
            E::BadLink => Self::new(StatusCode::FORBIDDEN, "invalid or expired link"),
            E::Taken("webhook url") => Self::new(StatusCode::CONFLICT, "Webhook URL already exists for this user"),
            // As the draft on the Idempotency-Key header says (draft-ietf-httpapi-idempotency-key-header, 2.7).
            E::Taken("idempotency key") => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Idempotency-Key was used for another request",
            ),
            E::Taken(what) => Self::new(StatusCode::CONFLICT, format!("{what} already exists")),
            E::Refused(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            E::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "File too large"),
            E::Offline => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "WhatsApp does not answer through this device. Please try again later.",
            ),
            E::RateLimited(after) => Self::too_many("Too many requests", after),
            error @ (E::Unreachable(_) | E::Internal(_)) => Self::internal(&error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            Json(ErrorBody {
                error: self.sentence.clone(),
            }),
        )
            .into_response();
        if let Some(after) = self.retry_after {
            let seconds = HeaderValue::from(after.as_secs().max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every failure its form: those of the framework and of layers their sentence, all of them the media type the
/// client asked for.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let wants_problem = wants_problem(request.headers());
    let is_head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    let status = response.status();
    if is_head || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let known = response.extensions().get::<Error>().cloned();
    // A failure that already has a body in JSON, as that of /readyz, says what it means to say.
    if known.is_none() && is_json(response.headers()) {
        return response;
    }
    let error = match known {
        Some(_) if !wants_problem => return response,
        Some(error) => error,
        None => Error::of(status),
    };
    let mut rendered = error.clone().into_response();
    if wants_problem {
        *rendered.body_mut() = error.problem();
        rendered
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    }
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            rendered.headers_mut().insert(name, value.clone());
        }
    }
    rendered
}

fn wants_problem(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains(PROBLEM)))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}
