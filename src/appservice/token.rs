//! Proof that it is the homeserver who calls.

use axum::{
    extract::{FromRequestParts, Query},
    http::{header::AUTHORIZATION, request::Parts},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Door, answer::Refusal};

/// The caller showed our `hs_token`: in the header, or in the query as homeservers did before Matrix 1.4.
pub(super) struct Homeserver;

#[derive(Deserialize)]
struct Legacy {
    access_token: Option<String>,
}

impl FromRequestParts<Door> for Homeserver {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Refusal> {
        let header = parts.headers.get(AUTHORIZATION).map(|value| {
            let (scheme, token) = value.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
            if scheme.eq_ignore_ascii_case("bearer") {
                token.trim().to_owned()
            } else {
                String::new()
            }
        });
        let query = || {
            Query::<Legacy>::try_from_uri(&parts.uri)
                .ok()
                .and_then(|Query(legacy)| legacy.access_token)
        };
        let shown = header.or_else(query).ok_or(Refusal::NO_TOKEN)?;
        let expected = door.hs_token.expose_secret().as_bytes();
        if bool::from(shown.as_bytes().ct_eq(expected)) {
            Ok(Self)
        } else {
            Err(Refusal::WRONG_TOKEN)
        }
    }
}
