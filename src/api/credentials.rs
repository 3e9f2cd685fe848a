//! `/api/v1/credentials`: names and secrets of the applications that may make tokens.

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
    error::{Error, ErrorBody},
};
use crate::{
    access::{Access, CredentialChange, NewCredential, Scope},
    model::{Credential, Role},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct CreateCredential {
    /// Name of the new credential: at most 128 characters, no `:`.
    #[schema(required = true, nullable = false)]
    client_id: Option<String>,
    /// Free text.
    description: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateCredential {
    /// Free text.
    description: Option<String>,
    /// An inactive credential and its tokens open nothing.
    active: Option<bool>,
    /// All scopes from now on.
    scopes: Option<Vec<String>>,
    /// Whether to make a new secret; the old one ends.
    regenerate_secret: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CredentialView {
    client_id: String,
    #[schema(example = "user")]
    role: &'static str,
    /// As they were set; an empty list stands for the defaults as long as nobody set them.
    scopes: Vec<String>,
    /// `true` when the empty list was set: nothing may be done then. Absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    without_scopes: Option<bool>,
    description: String,
    active: bool,
    #[schema(example = "2026-04-27T10:00:00Z")]
    created_at: String,
    updated_at: String,
}

impl From<Credential> for CredentialView {
    fn from(credential: Credential) -> Self {
        Self {
            client_id: credential.client_id,
            role: match credential.role {
                Role::SuperAdmin => "super_admin",
                Role::User => "user",
            },
            without_scopes: credential.scopes.as_ref().is_some_and(Vec::is_empty).then_some(true),
            scopes: credential.scopes.unwrap_or_default(),
            description: credential.description,
            active: credential.active,
            created_at: credential.created_at.rfc3339(),
            updated_at: credential.updated_at.rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct CredentialAnswer {
    message: &'static str,
    credential: CredentialView,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// A sentence that says what was done.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    pub(super) message: &'static str,
}

/// Creates a credential. Its secret is shown this once.
#[utoipa::path(post, path = "/api/v1/credentials", operation_id = "create_credential", tag = "credentials", security(("BasicAuth" = ["credentials:write:*"])),
    request_body = CreateCredential, responses(
    (status = 201, body = CredentialAnswer, links(
        ("change" = (operation_id = "update_credential", parameters(("client_id" = "$response.body#/credential/client_id")))),
        ("remove" = (operation_id = "remove_credential", parameters(("client_id" = "$response.body#/credential/client_id")))))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn create(
    State(access): State<Access>,
    Basic(caller): Basic,
    body: RawBody,
) -> Result<(StatusCode, Json<CredentialAnswer>), Error> {
    caller.require(Scope::WriteCredentials)?;
    let request: CreateCredential = body.json("Invalid request body. Must be a JSON object.")?;
    let client_id = request
        .client_id
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::bad_request("missing required field: client_id"))?;
    let new = NewCredential {
        client_id,
        description: request.description.unwrap_or_default(),
    };
    let (credential, secret) = access.create_credential(new).await?;
    let answer = CredentialAnswer {
        message: "Credential created successfully",
        credential: credential.into(),
        client_secret: Some(secret),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Lists all credentials.
#[utoipa::path(get, path = "/api/v1/credentials", operation_id = "list_credentials", tag = "credentials", security(("BasicAuth" = ["credentials:read:*"])), responses(
    (status = 200, body = Vec<CredentialView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn list(
    State(access): State<Access>,
    Basic(caller): Basic,
) -> Result<Json<Vec<CredentialView>>, Error> {
    caller.require(Scope::ReadCredentials)?;
    let credentials = access.list_credentials().await?;
    Ok(Json(credentials.into_iter().map(CredentialView::from).collect()))
}

/// Changes a credential; absent fields stay as they are.
#[utoipa::path(put, path = "/api/v1/credentials/{client_id}", operation_id = "update_credential", tag = "credentials", security(("BasicAuth" = ["credentials:write:*"])),
    params(("client_id" = String, Path, description = "Name of the credential")),
    request_body = UpdateCredential, responses(
    (status = 200, body = CredentialAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn update(
    State(access): State<Access>,
    Basic(caller): Basic,
    Path(client_id): Path<String>,
    body: RawBody,
) -> Result<Json<CredentialAnswer>, Error> {
    caller.require(Scope::WriteCredentials)?;
    let request: UpdateCredential = body.json("Invalid request body")?;
    let change = CredentialChange {
        description: request.description,
        active: request.active,
        scopes: request.scopes,
        regenerate_secret: request.regenerate_secret.unwrap_or_default(),
    };
    let (credential, client_secret) = access.update_credential(&caller, &client_id, change).await?;
    let message = "Credential updated successfully";
    Ok(Json(CredentialAnswer {
        message,
        credential: credential.into(),
        client_secret,
    }))
}

/// Deletes a credential and all its tokens.
#[utoipa::path(delete, path = "/api/v1/credentials/{client_id}", operation_id = "remove_credential", tag = "credentials", security(("BasicAuth" = ["credentials:write:*"])),
    params(("client_id" = String, Path, description = "Name of the credential")), responses(
    (status = 200, body = Done), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn remove(
    State(access): State<Access>,
    Basic(caller): Basic,
    Path(client_id): Path<String>,
) -> Result<Json<Done>, Error> {
    caller.require(Scope::WriteCredentials)?;
    access.remove_credential(&client_id).await?;
    Ok(Json(Done {
        message: "Credential deleted successfully",
    }))
}
