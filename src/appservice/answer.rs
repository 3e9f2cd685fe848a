//! Errors as Matrix has them: status, `errcode`, `error`.

use axum::{
    Json,
    extract::rejection::BytesRejection,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{error::Category, json};

use crate::bridge::Error;

/// Why a request is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal(StatusCode, &'static str, &'static str);

impl Refusal {
    pub(super) const UNKNOWN_PATH: Self = Self(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "Unrecognized request");
    pub(super) const WRONG_METHOD: Self =
        Self(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", "Unrecognized request");
    pub(super) const NO_TOKEN: Self = Self(StatusCode::UNAUTHORIZED, "M_UNAUTHORIZED", "Missing hs_token");
    pub(super) const WRONG_TOKEN: Self = Self(StatusCode::FORBIDDEN, "M_FORBIDDEN", "Wrong hs_token");
    pub(super) const NOT_FOUND: Self = Self(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Not found");
    pub(super) const TOO_LARGE: Self = Self(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", "Request body too large");
    const NOT_JSON: Self = Self(StatusCode::BAD_REQUEST, "M_NOT_JSON", "Request body is not JSON");
    const BAD_JSON: Self = Self(
        StatusCode::BAD_REQUEST,
        "M_BAD_JSON",
        "Request body has the wrong shape",
    );
    const CUT_OFF: Self = Self(StatusCode::BAD_REQUEST, "M_UNKNOWN", "Request body could not be read");
    /// The homeserver tries again.
    const LATER: Self = Self(
        StatusCode::SERVICE_UNAVAILABLE,
        "M_UNKNOWN",
        "Not possible at the moment",
    );
    const INTERNAL: Self = Self(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", "Internal server error");
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, errcode, error) = self;
        (status, Json(json!({"errcode": errcode, "error": error}))).into_response()
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TOO_LARGE
        } else {
            Self::CUT_OFF
        }
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::BAD_JSON,
            Category::Io | Category::Syntax | Category::Eof => Self::NOT_JSON,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Error::Internal(cause) = &error {
            tracing::error!(error = cause.as_ref(), "a request of the homeserver failed");
            return Self::INTERNAL;
        }
        tracing::warn!(%error, "a request of the homeserver could not be done");
        Self::LATER
    }
}
