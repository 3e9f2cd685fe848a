//! `/api/v1/webhooks`: who is told what contacts say.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    body::RawBody,
    credentials::Done,
    devices::required,
    error::{Error, ErrorBody},
};
use crate::{
    bridge::{Bridge, WebhookChange},
    model::{Webhook, WebhookEvent, WebhookId},
};

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";

#[derive(Deserialize, ToSchema)]
pub(super) struct AddWebhook {
    /// Absolute `http` or `https` address.
    #[schema(example = "https://your-server.com/webhook", required = true, nullable = false)]
    url: Option<String>,
    /// What it hears: `message.created` (alone, when absent), `device.updated`.
    #[schema(example = json!(["message.created", "device.updated"]))]
    events: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct UpdateWebhook {
    url: Option<String>,
    /// An inactive webhook hears nothing.
    active: Option<bool>,
    /// What it hears: `message.created`, `device.updated`.
    events: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WebhookView {
    id: i64,
    url: String,
    active: bool,
    /// What it hears, when that is not `message.created` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<&'static str>>,
    created_at: String,
    updated_at: String,
    /// Signs every delivery as Standard Webhooks says. Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let events = webhook.events.iter().map(|event| event.as_str()).collect();
        Self {
            events: (webhook.events != [WebhookEvent::Message]).then_some(events),
            id: webhook.id.0,
            url: webhook.url,
            active: webhook.active,
            created_at: webhook.created_at.rfc3339(),
            updated_at: webhook.updated_at.rfc3339(),
            secret: None,
        }
    }
}

/// Adds a webhook. The secret that signs its deliveries is shown this once.
#[utoipa::path(post, path = "/api/v1/webhooks", operation_id = "add_webhook", tag = "webhooks", security(("BearerAuth" = [])),
    request_body = AddWebhook, responses(
    (status = 201, body = WebhookView, links(
        ("change" = (operation_id = "update_webhook", parameters(("id" = "$response.body#/id")))),
        ("remove" = (operation_id = "remove_webhook", parameters(("id" = "$response.body#/id")))))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn add(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    body: RawBody,
) -> Result<(StatusCode, Json<WebhookView>), Error> {
    let request: AddWebhook = body.json(BAD_BODY)?;
    let url = required(request.url, "url")?;
    let webhook = bridge
        .add_webhook(bearer.caller.identity, &url, request.events.as_deref())
        .await?;
    let secret = Some(webhook.secret.clone());
    Ok((
        StatusCode::CREATED,
        Json(WebhookView {
            secret,
            ..webhook.into()
        }),
    ))
}

/// Lists the webhooks, active or not.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks", security(("BearerAuth" = [])), responses(
    (status = 200, body = Vec<WebhookView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn list(State(bridge): State<Bridge>, bearer: Bearer) -> Result<Json<Vec<WebhookView>>, Error> {
    let webhooks = bridge.list_webhooks(bearer.caller.identity).await?;
    Ok(Json(webhooks.into_iter().map(WebhookView::from).collect()))
}

/// Changes a webhook; absent fields stay as they are.
#[utoipa::path(put, path = "/api/v1/webhooks/{id}", operation_id = "update_webhook", tag = "webhooks", security(("BearerAuth" = [])),
    params(("id" = i64, Path, description = "Id of the webhook")), request_body = UpdateWebhook, responses(
    (status = 200, body = WebhookView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn update(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Result<Json<WebhookView>, Error> {
    let id = read_id(&id)?;
    let request: UpdateWebhook = body.json(BAD_BODY)?;
    if request.url.as_deref().is_some_and(|url| url.trim().is_empty()) {
        return Err(Error::bad_request("URL cannot be empty"));
    }
    let identity = bearer.caller.identity;
    let change = WebhookChange {
        url: request.url,
        active: request.active,
        events: request.events,
    };
    let webhook = bridge.update_webhook(identity, id, &change).await?;
    Ok(Json(webhook.into()))
}

/// Deletes a webhook.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", operation_id = "remove_webhook", tag = "webhooks", security(("BearerAuth" = [])),
    params(("id" = i64, Path, description = "Id of the webhook")), responses(
    (status = 200, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn remove(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Done>, Error> {
    bridge.remove_webhook(bearer.caller.identity, read_id(&id)?).await?;
    Ok(Json(Done {
        message: "Webhook deleted successfully",
    }))
}

/// An unsigned number of 32 bits, in digits alone.
pub(super) fn read_id(text: &str) -> Result<WebhookId, Error> {
    let bad = || Error::bad_request("Invalid webhook ID");
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    text.parse::<u32>().map(|id| WebhookId(id.into())).map_err(|_| bad())
}
