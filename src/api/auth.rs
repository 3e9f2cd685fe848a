//! Who calls: Basic for credentials, Bearer for tokens, and behind the cookie of a session either. The texts and the choice between 401 and 403 are the contract's.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Api, client, error::Error, proof::Proof, session::SignedIn};
use crate::access::{self, Caller, TokenCaller};

/// A caller who proved the secret of a credential.
pub(super) struct Basic(pub(super) Caller);

impl FromRequestParts<Api> for Basic {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        if let Some(signed_in) = parts.extensions.get::<SignedIn>() {
            return Ok(Self(signed_in.session.caller.clone()));
        }
        let (client_id, secret) = basic(&parts.headers)?;
        let address = client::address(parts, &api.config);
        if let Some(after) = api.attempts.wait(address) {
            return Err(Error::too_many("Too many failed attempts", after));
        }
        match api.access.basic(&client_id, &secret).await {
            Ok(caller) => Ok(Self(caller)),
            Err(error) => {
                if matches!(error, access::Error::BadCredentials) {
                    api.attempts.failed(address);
                }
                Err(error.into())
            }
        }
    }
}

/// A caller who holds a token.
pub(super) struct Bearer {
    /// What the token opens.
    pub(super) caller: TokenCaller,
    /// How that was proved.
    pub(super) proof: Proof,
}

impl FromRequestParts<Api> for Bearer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        if let Some(signed_in) = parts.extensions.get::<SignedIn>() {
            return Self::of_session(signed_in, api).await;
        }
        let token = bearer(&parts.headers)?.to_owned();
        let caller = api.access.token(&token).await?;
        let proof = Proof::Token(token);
        Ok(Self { caller, proof })
    }
}

impl Bearer {
    /// The caller whose token a session works with. A page asks for a token when it hears 403.
    pub(super) async fn of_session(signed_in: &SignedIn, api: &Api) -> Result<Self, Error> {
        let forbidden = |sentence: &'static str| Error::new(StatusCode::FORBIDDEN, sentence);
        let token = signed_in
            .session
            .token
            .ok_or_else(|| forbidden("Matrix token not set for this session. Please set it first."))?;
        let caller = api.access.token_by_id(token).await.map_err(|error| match error {
            access::Error::BadToken => forbidden("Invalid matrix token"),
            other => other.into(),
        })?;
        let proof = Proof::Session(signed_in.secret.clone());
        Ok(Self { caller, proof })
    }
}

/// The name and secret of a Basic header.
fn basic(headers: &HeaderMap) -> Result<(String, String), Error> {
    let header = header(headers, "invalid authorization header")?;
    let (scheme, rest) = header
        .split_once(' ')
        .ok_or_else(|| Error::unauthorized("invalid authorization header"))?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Error::unauthorized("invalid authorization header"));
    }
    let bad = || Error::unauthorized("invalid credentials");
    let bytes = STANDARD.decode(rest.trim()).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    let (client_id, secret) = text.split_once(':').ok_or_else(bad)?;
    Ok((client_id.to_owned(), secret.to_owned()))
}

/// The token of a Bearer header.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let header = header(headers, "invalid authorization header format")?;
    let (scheme, token) = header
        .split_once(' ')
        .ok_or_else(|| Error::unauthorized("invalid authorization header format"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::unauthorized("unsupported authorization scheme"));
    }
    Ok(token.trim())
}

fn header<'a>(headers: &'a HeaderMap, unreadable: &'static str) -> Result<&'a str, Error> {
    let missing = || Error::unauthorized("missing authorization header");
    let text = headers
        .get(AUTHORIZATION)
        .ok_or_else(missing)?
        .to_str()
        .map_err(|_| Error::unauthorized(unreadable))?;
    if text.is_empty() { Err(missing()) } else { Ok(text) }
}
