//! `/api/v1/chats/{chat}/messages/{message}`: one message and what became of it, and its end on the owner's own devices.
//!
//! Deliberately not here: whose it is, and how it is found (`bridge::message_fate`).

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    chat::PersonView,
    chats::{MessageView, message_view},
    error::{Error, ErrorBody},
};
use crate::{
    bridge::{Bridge, ReadReceipt},
    model::Timestamp,
};

#[derive(Deserialize)]
pub(super) struct Expanding {
    /// What is shown besides, with commas between.
    expand: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Deleting {
    /// For whom.
    r#for: Option<String>,
}

/// A message, and on demand how far it came with each recipient.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageFateView {
    #[serde(flatten)]
    message: MessageView,
    /// With `expand=receipts`: of each recipient that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    receipts: Option<Vec<ReceiptView>>,
}

/// How far a message came with one recipient.
#[derive(Serialize, ToSchema)]
pub(super) struct ReceiptView {
    contact: PersonView,
    /// `pending`, `sent`, `delivered`, `read`, `played`, `failed`.
    #[schema(example = "read")]
    state: &'static str,
    /// Why it failed.
    error: Option<String>,
    delivered_at: Option<String>,
    read_at: Option<String>,
    played_at: Option<String>,
}

/// Shows a message and what became of it: `pending`, `sent`, `delivered`, `read`, `played`, or `failed` and why.
#[utoipa::path(get, path = "/api/v1/chats/{chat}/messages/{message}", operation_id = "show_message", tag = "chats",
    security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room; or the chat's id, or the recipient as it was addressed", example = "!abc:example.org"),
        ("message" = String, Path, description = "Its event, its id, or the `message_id` that was answered when it was sent", example = "$abc"),
        ("expand" = Option<String>, Query, description = "`receipts`: how far it came with each recipient, and when")),
    responses((status = 200, body = MessageFateView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn show(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((chat, message)): Path<(String, String)>,
    Query(expanding): Query<Expanding>,
) -> Result<Json<MessageFateView>, Error> {
    let with_receipts = with_receipts(expanding.expand.as_deref())?;
    let fate = bridge.message_fate(bearer.caller.identity, &chat, &message).await?;
    let receipts = fate.receipts.into_iter().map(receipt_view).collect();
    Ok(Json(MessageFateView {
        message: message_view(fate.message, &fate.device),
        receipts: with_receipts.then_some(receipts),
    }))
}

/// Deletes a message on the owner's own devices only, a gallery as a whole. It is stored before it is answered, and
/// repeating it changes nothing. From a room that is the owner's alone the message goes too, and it is answered as it will
/// be; where members read, it stays. What WhatsApp refuses later is told by a notice in the room.
#[utoipa::path(delete, path = "/api/v1/chats/{chat}/messages/{message}", operation_id = "delete_message", tag = "chats",
    security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room; or the chat's id, or the recipient as it was addressed", example = "!abc:example.org"),
        ("message" = String, Path, description = "Its event, its id, or the `message_id` that was answered when it was sent", example = "$abc"),
        ("for" = String, Query, description = "`me`", example = "me")),
    responses((status = 202, body = MessageFateView, description = "Accepted"),
    (status = 400, body = ErrorBody, example = json!({"error": "Invalid for: me"})), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn forget(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((chat, message)): Path<(String, String)>,
    Query(deleting): Query<Deleting>,
) -> Result<(StatusCode, Json<MessageFateView>), Error> {
    match deleting.r#for.as_deref() {
        Some("me") => {}
        Some(_) => return Err(Error::bad_request("Invalid for: me")),
        None => return Err(Error::missing("for")),
    }
    let fate = bridge.forget_message(bearer.caller.identity, &chat, &message).await?;
    let view = MessageFateView {
        message: message_view(fate.message, &fate.device),
        receipts: None,
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}

fn with_receipts(expand: Option<&str>) -> Result<bool, Error> {
    let mut words = expand
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .peekable();
    let is_asked_for = words.peek().is_some();
    if words.all(|word| word == "receipts") {
        Ok(is_asked_for)
    } else {
        Err(Error::bad_request("Invalid expand: receipts"))
    }
}

fn receipt_view(receipt: ReadReceipt) -> ReceiptView {
    ReceiptView {
        contact: PersonView {
            id: receipt.user.to_string(),
            name: receipt.name,
        },
        state: receipt.state,
        error: receipt.error,
        delivered_at: receipt.delivered_at.map(Timestamp::rfc3339),
        read_at: receipt.read_at.map(Timestamp::rfc3339),
        played_at: receipt.played_at.map(Timestamp::rfc3339),
    }
}
