//! `/api/v1/admin`: signing in with a credential, and the token a session works with. What else lies behind the cookie
//! are the routes of the API once more, see [`super::session`].

use axum::{
    Extension, Json,
    extract::{FromRequest, Multipart, Request, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    body::{RawBody, media_type},
    client::{self, Outside},
    credentials::Done,
    error::{Error, ErrorBody},
    session::{self, SignedIn},
};
use crate::access;

/// The fields of the form; JSON, an HTML form and multipart are read.
#[derive(Deserialize, ToSchema, Default)]
pub(super) struct Login {
    /// The `client_id` of a credential.
    #[schema(required = true, nullable = false)]
    username: Option<String>,
    /// Its secret.
    #[schema(required = true, nullable = false)]
    password: Option<String>,
}

impl FromRequest<Api> for Login {
    type Rejection = Error;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Error> {
        let bad = || Error::bad_request("Username and password required");
        let kind = media_type(&request);
        let mut login = Self::default();
        match kind.as_deref() {
            Some("multipart/form-data") => {
                let mut parts = Multipart::from_request(request, api).await.map_err(|_| bad())?;
                while let Some(part) = parts.next_field().await.map_err(|_| bad())? {
                    let name = part.name().unwrap_or_default().to_owned();
                    login.set(&name, part.text().await.map_err(|_| bad())?);
                }
            }
            Some("application/x-www-form-urlencoded") => {
                for (name, value) in RawBody::from_request(request, api).await?.form() {
                    login.set(&name, value);
                }
            }
            _ => {
                login = RawBody::from_request(request, api)
                    .await?
                    .json("Username and password required")?;
            }
        }
        Ok(login)
    }
}

impl Login {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "username" => self.username = Some(value),
            "password" => self.password = Some(value),
            _ => {}
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct LoggedIn {
    #[schema(example = "ok")]
    status: &'static str,
    /// The scopes in force.
    scopes: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct SetToken {
    /// The token itself.
    token: Option<String>,
    /// Or the id of a token that this credential made, together with the secret of the credential.
    token_id: Option<i64>,
    /// The secret: a session alone opens nothing that it was not given.
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenSet {
    #[schema(example = "ok")]
    status: &'static str,
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenStatus {
    has_matrix_token: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionView {
    client_id: String,
    /// The scopes in force.
    scopes: Vec<String>,
    has_matrix_token: bool,
    /// Id of the token the session works with.
    token_id: Option<i64>,
    expires_at: String,
}

/// Signs in with a credential. The session lasts two hours.
#[utoipa::path(post, path = "/api/v1/admin/login", tag = "admin", request_body(content(
    (Login = "multipart/form-data"), (Login = "application/x-www-form-urlencoded"), (Login = "application/json"))),
    responses(
    (status = 200, body = LoggedIn),
    (status = 400, body = ErrorBody, example = json!({"error": "Username and password required"})),
    (status = 401, body = ErrorBody, example = json!({"error": "Invalid credentials"})),
    (status = 403, body = ErrorBody), (status = 429, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn login(State(api): State<Api>, outside: Outside, request: Request) -> Result<Response, Error> {
    session::same_origin(request.headers(), &api.config)?;
    let (parts, body) = request.into_parts();
    let address = client::address(&parts, &api.config);
    if let Some(after) = api.attempts.wait(address) {
        return Err(Error::too_many("Too many failed attempts", after));
    }
    let login = Login::from_request(Request::from_parts(parts, body), &api).await?;
    let field = |field: Option<String>| field.filter(|text| !text.is_empty());
    let (Some(username), Some(password)) = (field(login.username), field(login.password)) else {
        return Err(Error::bad_request("Username and password required"));
    };
    let session = match api.access.sign_in(username.trim(), &password).await {
        Ok(session) => session,
        Err(access::Error::BadCredentials) => {
            api.attempts.failed(address);
            return Err(Error::unauthorized("Invalid credentials"));
        }
        Err(error) => return Err(error.into()),
    };
    let mut response = Json(LoggedIn {
        status: "ok",
        scopes: session.scopes.clone(),
    })
    .into_response();
    session::keep(&mut response, &session, outside.is_secure);
    Ok(response)
}

/// Signs out.
#[utoipa::path(post, path = "/api/v1/admin/logout", tag = "admin", security(("CookieAuth" = [])), responses(
    (status = 200, body = Done), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn logout(
    State(api): State<Api>,
    outside: Outside,
    headers: HeaderMap,
    Extension(signed_in): Extension<SignedIn>,
) -> Result<Response, Error> {
    // Also with GET it changes something.
    session::same_origin(&headers, &api.config)?;
    api.access.sign_out(&signed_in.secret).await?;
    let mut response = Json(Done {
        message: "Logged out successfully",
    })
    .into_response();
    session::forget(&mut response, outside.is_secure);
    Ok(response)
}

/// Makes the session work with a token, for devices, webhooks and messages.
#[utoipa::path(post, path = "/api/v1/admin/matrix-token", tag = "admin", security(("CookieAuth" = [])),
    request_body = SetToken, responses(
    (status = 200, body = TokenSet), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn set_token(
    State(api): State<Api>,
    Extension(signed_in): Extension<SignedIn>,
    request: Request,
) -> Result<Json<TokenSet>, Error> {
    let (parts, body) = request.into_parts();
    let body = RawBody::from_request(Request::from_parts(parts.clone(), body), &api).await?;
    let request: SetToken = body.json("Invalid request body")?;
    let token = request.token.filter(|token| !token.trim().is_empty());
    let opened = match (token, request.token_id) {
        (Some(token), _) => api.access.token(token.trim()).await,
        (None, Some(id)) => {
            let secret = request.password.filter(|text| !text.is_empty());
            let secret = secret.ok_or_else(|| Error::missing("password"))?;
            prove(&api, &parts, &signed_in, &secret).await?;
            api.access.own_token(&signed_in.session.caller, id).await
        }
        (None, None) => return Err(Error::bad_request("Token is required")),
    };
    let caller = opened.map_err(|error| match error {
        access::Error::BadToken | access::Error::BadTokenFormat => Error::bad_request("Invalid matrix token"),
        other => other.into(),
    })?;
    api.access
        .attach_token(&signed_in.secret, caller.token)
        .await
        .map_err(|error| match error {
            access::Error::NoSession => Error::new(StatusCode::UNAUTHORIZED, "Session not found"),
            other => other.into(),
        })?;
    Ok(Json(TokenSet {
        status: "ok",
        message: "Matrix token attached to session",
    }))
}

/// Whoever holds the session knows the secret of its credential too; guessing is as slow as when signing in.
async fn prove(api: &Api, parts: &Parts, signed_in: &SignedIn, secret: &str) -> Result<(), Error> {
    let address = client::address(parts, &api.config);
    if let Some(after) = api.attempts.wait(address) {
        return Err(Error::too_many("Too many failed attempts", after));
    }
    match api.access.basic(&signed_in.session.client_id, secret).await {
        Ok(_) => Ok(()),
        Err(access::Error::BadCredentials) => {
            api.attempts.failed(address);
            Err(Error::new(StatusCode::FORBIDDEN, "Invalid credentials"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the session works with a token.
#[utoipa::path(get, path = "/api/v1/admin/matrix-token-status", tag = "admin", security(("CookieAuth" = [])),
    responses((status = 200, body = TokenStatus), (status = 401, body = ErrorBody)))]
pub(super) async fn token_status(Extension(signed_in): Extension<SignedIn>) -> Json<TokenStatus> {
    Json(TokenStatus {
        has_matrix_token: signed_in.session.token.is_some(),
    })
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/admin/session", tag = "admin", security(("CookieAuth" = [])),
    responses((status = 200, body = SessionView), (status = 401, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn show(
    State(api): State<Api>,
    Extension(SignedIn { session, .. }): Extension<SignedIn>,
) -> Result<Json<SessionView>, Error> {
    let token = match session.token {
        Some(token) => match api.access.token_by_id(token).await {
            Ok(caller) => Some(caller.token),
            Err(access::Error::BadToken) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    Ok(Json(SessionView {
        client_id: session.client_id,
        scopes: session.caller.scopes().to_vec(),
        has_matrix_token: token.is_some(),
        token_id: token.map(|token| token.0),
        expires_at: session.expires_at.rfc3339(),
    }))
}
