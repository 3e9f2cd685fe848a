//! `POST /api/v1/chats/{chat}/messages/{message}/retry`: asks once more for the file of a message that did not come.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use ruma::{EventId, RoomId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    error::{Error, ErrorBody},
};
use crate::bridge::{Bridge, Retried};

/// What became of the request.
#[derive(Serialize, ToSchema)]
pub(super) struct Retry {
    message: &'static str,
    /// `asked`: the network, then the phone, are asked for the file. `here`: it is there already.
    #[schema(value_type = String, example = "asked")]
    status: Retried,
}

/// Asks once more for a file that the network, or the phone, did not bring. Repeating it is harmless.
#[utoipa::path(post, path = "/api/v1/chats/{chat}/messages/{message}/retry", operation_id = "retry_media", tag = "media",
    security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "The Matrix room", example = "!abc:example.org"),
        ("message" = String, Path, description = "The Matrix event", example = "$abc")),
    responses((status = 202, body = Retry, description = "Asked"),
    (status = 200, body = Retry, description = "The file is there already"), (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn retry(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((chat, message)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Retry>), Error> {
    let (Ok(room), Ok(event)) = (
        <&RoomId>::try_from(chat.as_str()),
        <&EventId>::try_from(message.as_str()),
    ) else {
        return Err(Error::not_found("Message"));
    };
    let retried = bridge.retry_media(bearer.caller.identity, room, event).await?;
    let (status, message) = match retried {
        Retried::Asked => (StatusCode::ACCEPTED, "Asked for the file once more"),
        Retried::Here => (StatusCode::OK, "The file is there already"),
    };
    Ok((
        status,
        Json(Retry {
            message,
            status: retried,
        }),
    ))
}
