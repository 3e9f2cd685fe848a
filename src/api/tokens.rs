//! `/api/v1/tokens`: handles on identities.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Basic,
    body::RawBody,
    credentials::Done,
    error::{Error, ErrorBody},
};
use crate::{
    access::{Access, NewTokenRequest, Scope},
    model::{Timestamp, Token},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateToken {
    /// Share the devices and webhooks of the first token; for super admins only.
    use_host: Option<bool>,
    /// When the token ends, RFC 3339; never when absent.
    #[schema(example = "2026-12-31T23:59:59Z")]
    expires_at: Option<String>,
    /// Matrix users who are invited to the rooms of this identity and may write through its devices.
    #[schema(example = json!(["@alice:matrix.example.com"]))]
    members: Option<Vec<String>>,
    /// The same for one Matrix user.
    #[schema(example = "@alice:matrix.example.com")]
    matrix_user: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenCreated {
    message: &'static str,
    /// Shown this once.
    token: String,
    id: i64,
    expires_at: Option<String>,
    /// The Matrix user the token acts as.
    matrix_user_id: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokenView {
    id: i64,
    matrix_username: String,
    matrix_device_id: String,
    is_admin: bool,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    created_at: String,
    updated_at: String,
    credential_id: Option<i64>,
    client_id: Option<String>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.0,
            matrix_username: token.matrix_username,
            matrix_device_id: token.matrix_device,
            is_admin: token.is_admin,
            expires_at: token.expires_at.map(Timestamp::rfc3339),
            last_used_at: token.last_used_at.map(Timestamp::rfc3339),
            created_at: token.created_at.rfc3339(),
            updated_at: token.updated_at.rfc3339(),
            credential_id: token.credential.map(|id| id.0),
            client_id: token.client_id,
        }
    }
}

/// Creates a token. It is shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", tag = "tokens", security(("BasicAuth" = ["tokens:write:create"])),
    request_body = CreateToken, responses(
    (status = 201, body = TokenCreated, links(
        ("remove" = (operation_id = "remove_token", parameters(("id" = "$response.body#/id")))))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn create(
    State(access): State<Access>,
    Basic(caller): Basic,
    body: RawBody,
) -> Result<(StatusCode, Json<TokenCreated>), Error> {
    caller.require(Scope::CreateTokens)?;
    let request: CreateToken = body.json("Invalid request body. Must be a JSON object.")?;
    let request = NewTokenRequest {
        use_host: request.use_host.unwrap_or_default(),
        expires_at: request.expires_at,
        members: request
            .members
            .into_iter()
            .flatten()
            .chain(request.matrix_user)
            .collect(),
    };
    let token = access.create_token(&caller, request).await?;
    let answer = TokenCreated {
        message: "Matrix token created successfully",
        token: token.secret,
        id: token.id.0,
        expires_at: token.expires_at.map(Timestamp::rfc3339),
        matrix_user_id: token.user.into(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Lists the tokens this credential made; super admins also see those that no credential made.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "tokens", security(("BasicAuth" = ["tokens:read:*"])), responses(
    (status = 200, body = Vec<TokenView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn list(State(access): State<Access>, Basic(caller): Basic) -> Result<Json<Vec<TokenView>>, Error> {
    caller.require(Scope::ReadTokens)?;
    let tokens = access.list_tokens(&caller).await?;
    Ok(Json(tokens.into_iter().map(TokenView::from).collect()))
}

/// Deletes a token. With the last token of an identity its devices are unlinked.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", operation_id = "remove_token", tag = "tokens", security(("BasicAuth" = ["tokens:write:delete"])),
    params(("id" = i64, Path, description = "Id of the token, from the list")), responses(
    (status = 200, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn remove(
    State(access): State<Access>,
    Basic(caller): Basic,
    Path(id): Path<String>,
) -> Result<Json<Done>, Error> {
    caller.require(Scope::DeleteTokens)?;
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::bad_request("Invalid token ID"));
    }
    // More digits than a row number has: a token that cannot exist.
    let id = id.parse().map_err(|_| Error::not_found("Token"))?;
    access.remove_token(&caller, id).await?;
    Ok(Json(Done {
        message: "Token deleted successfully",
    }))
}
