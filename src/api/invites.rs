//! Invite links of groups: what is behind one, the one of a group, and another one in its place. Joining by one is
//! `POST /api/v1/chats` (`new_chats`).

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    auth::Bearer,
    error::{Error, ErrorBody},
    new_chats,
};
use crate::bridge::{self, Bridge};

/// Through which device.
#[derive(Deserialize, IntoParams)]
pub(super) struct ByDevice {
    /// The number of the device; the first one when there is none.
    pub(super) device: Option<String>,
    /// Its network, `wa` when it is not said.
    pub(super) platform: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InviteView {
    /// The group's name on the network.
    #[schema(example = "120363000000000001@g.us")]
    id: String,
    /// Its room in Matrix, when it has one.
    room_id: Option<String>,
    /// The number of the device.
    #[schema(example = "15550009999")]
    device_id: String,
    #[schema(example = "Tea party")]
    title: String,
    topic: Option<String>,
    member_count: Option<u32>,
    /// An administrator must let everybody in who comes by a link.
    approval: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct LinkView {
    /// Whoever has it can join.
    #[schema(example = "https://chat.whatsapp.com/AbC123xyz")]
    invite_link: String,
}

/// Tells what is behind an invite link without following it.
#[utoipa::path(get, path = "/api/v1/invites/{code}", operation_id = "resolve_invite", tag = "chats", security(("BearerAuth" = [])),
    params(("code" = String, Path, description = "The last part of the link", example = "AbC123xyz")),
    responses((status = 200, body = InviteView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody, description = "No such device, or the link leads nowhere"),
    (status = 409, body = ErrorBody, description = "The device is logged out"),
    (status = 422, body = ErrorBody, description = "WhatsApp refused"), (status = 500, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "The device is offline")))]
pub(super) async fn look(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(code): Path<String>,
    Query(by): Query<ByDevice>,
) -> Result<Json<InviteView>, Error> {
    let device = new_chats::device(by.device, by.platform)?;
    let found = bridge.look_behind(bearer.caller.identity, &device, &code).await?;
    let bridge::InviteView { device, invited, room } = found;
    Ok(Json(InviteView {
        id: invited.chat.as_str().to_owned(),
        room_id: room.map(String::from),
        device_id: device,
        title: invited.title,
        topic: invited.topic,
        member_count: invited.size,
        approval: invited.approval,
    }))
}

/// Tells the link by which people join a group.
#[utoipa::path(get, path = "/api/v1/chats/{chat}/invite-link", operation_id = "invite_link", tag = "chats", security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room, or its name on the network", example = "!abc:example.org")),
    responses((status = 200, body = LinkView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "The device is logged out"),
    (status = 422, body = ErrorBody, description = "It is no group, or only its administrators may do that"),
    (status = 500, body = ErrorBody), (status = 503, body = ErrorBody, description = "The device is offline")))]
pub(super) async fn link(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(chat): Path<String>,
    Query(by): Query<ByDevice>,
) -> Result<Json<LinkView>, Error> {
    answer(&bridge, &bearer, (&chat, by), false).await
}

/// Ends the link by which people join a group, and tells the one in its place.
#[utoipa::path(delete, path = "/api/v1/chats/{chat}/invite-link", operation_id = "reset_invite_link", tag = "chats", security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room, or its name on the network", example = "!abc:example.org")),
    responses((status = 200, body = LinkView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "The device is logged out"),
    (status = 422, body = ErrorBody, description = "It is no group, or only its administrators may do that"),
    (status = 500, body = ErrorBody), (status = 503, body = ErrorBody, description = "The device is offline")))]
pub(super) async fn reset(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(chat): Path<String>,
    Query(by): Query<ByDevice>,
) -> Result<Json<LinkView>, Error> {
    answer(&bridge, &bearer, (&chat, by), true).await
}

async fn answer(
    bridge: &Bridge,
    bearer: &Bearer,
    (chat, by): (&str, ByDevice),
    reset: bool,
) -> Result<Json<LinkView>, Error> {
    let device = new_chats::device(by.device, by.platform)?;
    let link = bridge
        .invite_link(bearer.caller.identity, (&device, chat), reset)
        .await?;
    Ok(Json(LinkView { invite_link: link }))
}
