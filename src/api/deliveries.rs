//! `/api/v1/webhooks/{id}/deliveries`: what became of what a webhook was told.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    error::{Error, ErrorBody},
    webhooks::read_id,
};
use crate::{
    bridge::{Bridge, DeliveryRecord, DeliveryState},
    model::Timestamp,
};

#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// The `webhook-id` of every attempt.
    id: String,
    /// `waiting`, `delivered`, `failed` or `dropped`.
    #[schema(example = "delivered")]
    status: &'static str,
    attempts: i64,
    /// What went wrong last.
    error: Option<String>,
    /// When it is tried next.
    next_attempt_at: Option<String>,
    created_at: String,
    /// When it came to its end.
    settled_at: Option<String>,
    /// Whether it can be sent again; not when its message was taken back.
    can_be_repeated: bool,
}

impl From<DeliveryRecord> for DeliveryView {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.id.to_string(),
            status: match record.state {
                DeliveryState::Waiting => "waiting",
                DeliveryState::Delivered => "delivered",
                DeliveryState::Failed => "failed",
                DeliveryState::Dropped => "dropped",
            },
            attempts: record.attempts,
            error: record.error,
            next_attempt_at: record.next_at.map(Timestamp::rfc3339),
            created_at: record.created_at.rfc3339(),
            settled_at: record.settled_at.map(Timestamp::rfc3339),
            can_be_repeated: record.payload.is_some(),
        }
    }
}

/// Lists the last deliveries of a webhook, newest first.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", security(("BearerAuth" = [])),
    params(("id" = i64, Path, description = "Id of the webhook")), responses(
    (status = 200, body = Vec<DeliveryView>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn list(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Vec<DeliveryView>>, Error> {
    let records = bridge.list_deliveries(bearer.caller.identity, read_id(&id)?).await?;
    Ok(Json(records.into_iter().map(DeliveryView::from).collect()))
}

/// Sends a delivery again, under its old id; one that waits is tried at once.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver", tag = "webhooks",
    security(("BearerAuth" = [])),
    params(("id" = i64, Path, description = "Id of the webhook"),
        ("delivery_id" = String, Path, description = "Id of the delivery")), responses(
    (status = 200, body = DeliveryView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn redeliver(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, Error> {
    let webhook = read_id(&id)?;
    let delivery = delivery.parse().map_err(|_| Error::not_found("Delivery"))?;
    let record = bridge.redeliver(bearer.caller.identity, webhook, delivery).await?;
    Ok(Json(record.into()))
}
