//! Small questions of the homeserver.

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ruma::UserId;
use serde_json::{Map, Value, json};

use super::{Door, answer::Refusal, token::Homeserver};

/// `POST /ping`: that it reached us is the answer.
pub(super) async fn ping(_: Homeserver, body: Result<Bytes, BytesRejection>) -> Result<Json<Value>, Refusal> {
    let _: Map<String, Value> = serde_json::from_slice(&body?)?;
    Ok(Json(json!({})))
}

/// `GET /users/{userId}`: somebody invites a user of our namespace. It exists when we say so.
pub(super) async fn user(
    _: Homeserver,
    State(door): State<Door>,
    user: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let user = user
        .ok()
        .and_then(|Path(user)| UserId::parse(user).ok())
        .ok_or(Refusal::NOT_FOUND)?;
    if !door.inside.is_ours(&user) || !door.inside.user_exists(&user).await? {
        return Err(Refusal::NOT_FOUND);
    }
    Ok(Json(json!({})))
}

/// `GET /rooms/{roomAlias}`: rooms are made when something is said in them; nobody can enter one that is not there.
pub(super) async fn room(_: Homeserver) -> Refusal {
    Refusal::NOT_FOUND
}
