//! People: those whom a device knows, whether numbers are on WhatsApp, and asking for all of it anew.
//!
//! Deliberately not here: who is known to whom (`bridge::contacts`).

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    auth::Bearer,
    body::RawBody,
    chats::Pagination,
    credentials::Done,
    devices::{number, platform},
    error::{Error, ErrorBody},
    invites::ByDevice,
    new_chats,
};
use crate::bridge::{Bridge, LookedUp, ReadContact, Resource};

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";
/// People on a page when nobody says how many, and at most.
const USUAL: u32 = 20;
const MOST: u32 = 100;

#[derive(Deserialize, IntoParams)]
pub(super) struct Wanted {
    /// The number of the device; the first one when there is none.
    device: Option<String>,
    /// Its network, `wa` when it is not said.
    platform: Option<String>,
    /// Part of a name or of a number.
    query: Option<String>,
    /// As the page before told.
    cursor: Option<String>,
    /// At most so many, 1 to 100.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Contacts {
    data: Vec<ContactView>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ContactView {
    /// The Matrix user that shows them.
    #[schema(example = "@whatsapp_15550001111:example.org")]
    id: String,
    /// The number of the device that knows them.
    #[schema(example = "15550009999")]
    device_id: String,
    /// What the owner calls them, else what they call themselves.
    #[schema(example = "Ana")]
    name: Option<String>,
    /// What they call themselves, or the name that WhatsApp vouches for.
    push_name: Option<String>,
    /// Digits only; WhatsApp hides the numbers of some.
    #[schema(example = "15550001111")]
    phone: Option<String>,
    /// Whether the owner's address book names them.
    saved: bool,
    /// The direct chat with them, when there is one.
    chat_id: Option<String>,
    /// Its room in Matrix.
    room_id: Option<String>,
}

impl From<ReadContact> for ContactView {
    fn from(contact: ReadContact) -> Self {
        let (chat, room) = contact.chat.unzip();
        Self {
            id: contact.user.into(),
            device_id: contact.device,
            saved: contact.saved.is_some(),
            name: contact.saved.or_else(|| contact.info.name.clone()),
            push_name: contact.info.name,
            phone: contact.info.phone,
            chat_id: chat.map(|chat| chat.as_str().to_owned()),
            room_id: room.flatten().map(String::from),
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct Lookup {
    /// The number of the device that asks; the first one when there is none.
    #[schema(example = "15550009999")]
    device: Option<String>,
    #[schema(example = "wa")]
    platform: Option<String>,
    /// 1 to 50 whole telephone numbers.
    #[schema(example = json!(["+15550001111", "15550004444"]), required = true, nullable = false)]
    phones: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Lookups {
    /// One for each number, in their order.
    data: Vec<LookupView>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct LookupView {
    /// As it was spelled.
    #[schema(example = "+15550001111")]
    phone: String,
    on_whatsapp: bool,
    /// The Matrix user that shows them.
    #[schema(example = "@whatsapp_15550001111:example.org")]
    id: Option<String>,
    /// What they call themselves, when that is known.
    name: Option<String>,
}

impl From<LookedUp> for LookupView {
    fn from(one: LookedUp) -> Self {
        let (id, name) = one.found.unzip();
        Self {
            phone: one.phone,
            on_whatsapp: id.is_some(),
            id: id.map(String::from),
            name: name.flatten(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct Sync {
    /// `contacts`: the address book, and names and pictures of those who were talked with; `groups`: all groups.
    #[schema(example = json!(["contacts", "groups"]))]
    resources: Option<Vec<String>>,
}

/// Lists the people whom a device knows, in the order of names: the address book, and those who were talked with.
#[utoipa::path(get, path = "/api/v1/contacts", operation_id = "list_contacts", tag = "contacts", security(("BearerAuth" = [])),
    responses((status = 200, body = Contacts), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody, description = "Device not found"),
    (status = 500, body = ErrorBody)))]
pub(super) async fn list(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Contacts>, Error> {
    let limit = match wanted.limit.as_deref().map(str::parse::<u32>) {
        None => USUAL,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => return Err(Error::bad_request(format!("Invalid limit: 1 to {MOST}"))),
    };
    let device = new_chats::device(wanted.device, wanted.platform)?;
    let query = wanted.query.unwrap_or_default();
    let cursor = wanted.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let page = bridge
        .list_contacts(bearer.caller.identity, &device, &query, (cursor, limit))
        .await?;
    Ok(Json(Contacts {
        data: page.items.into_iter().map(ContactView::from).collect(),
        pagination: Pagination {
            next_cursor: page.next,
            previous_cursor: page.previous,
        },
    }))
}

/// Tells of somebody whom a device knows.
#[utoipa::path(get, path = "/api/v1/contacts/{contact}", operation_id = "get_contact", tag = "contacts", security(("BearerAuth" = [])),
    params(("contact" = String, Path, description = "Their Matrix user, or their telephone number", example = "15550001111")),
    responses((status = 200, body = ContactView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn show(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(contact): Path<String>,
    Query(by): Query<ByDevice>,
) -> Result<Json<ContactView>, Error> {
    let device = new_chats::device(by.device, by.platform)?;
    let found = bridge.find_contact(bearer.caller.identity, &device, &contact).await?;
    Ok(Json(found.into()))
}

/// Asks WhatsApp whether numbers are there. Nobody is told that they were looked up.
#[utoipa::path(post, path = "/api/v1/contacts/lookups", operation_id = "look_up", tag = "contacts", security(("BearerAuth" = [])),
    request_body = Lookup, responses((status = 200, body = Lookups), (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "Device not found"),
    (status = 409, body = ErrorBody, description = "The device is logged out"),
    (status = 422, body = ErrorBody, description = "WhatsApp refused"),
    (status = 429, body = ErrorBody, description = "Looked up too often; Retry-After says when"),
    (status = 500, body = ErrorBody), (status = 503, body = ErrorBody, description = "The device is offline")))]
pub(super) async fn look_up(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    body: RawBody,
) -> Result<Json<Lookups>, Error> {
    let request: Lookup = body.json(BAD_BODY)?;
    let phones = request.phones.ok_or_else(|| Error::missing("phones"))?;
    let device = new_chats::device(request.device, request.platform)?;
    let found = bridge.look_up(bearer.caller.identity, &device, &phones).await?;
    Ok(Json(Lookups {
        data: found.into_iter().map(LookupView::from).collect(),
    }))
}

/// Asks WhatsApp anew for what a device knows. What it tells is there a little later.
#[utoipa::path(post, path = "/api/v1/devices/{platform}/{number}/syncs", operation_id = "sync_device", tag = "contacts",
    security(("BearerAuth" = [])),
    params(("platform" = String, Path, example = "wa"), ("number" = String, Path, example = "15550009999")),
    request_body = Sync, responses((status = 202, body = Done), (status = 400, body = ErrorBody),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "Device not found"),
    (status = 409, body = ErrorBody, description = "The device is logged out"), (status = 500, body = ErrorBody)))]
pub(super) async fn sync(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((network, device)): Path<(String, String)>,
    body: RawBody,
) -> Result<(StatusCode, Json<Done>), Error> {
    let request: Sync = body.json(BAD_BODY)?;
    let names = request.resources.ok_or_else(|| Error::missing("resources"))?;
    let read = |name: &String| match name.as_str() {
        "contacts" => Some(Resource::Contacts),
        "groups" => Some(Resource::Groups),
        _ => None,
    };
    let resources: Option<Vec<_>> = names.iter().map(read).collect();
    let resources = resources
        .filter(|resources| !resources.is_empty())
        .ok_or_else(|| Error::bad_request("Invalid resources: contacts, groups"))?;
    let place = (platform(Some(network))?, number(&device));
    bridge.sync(bearer.caller.identity, place, &resources).await?;
    let done = Done {
        message: "WhatsApp is asked anew",
    };
    Ok((StatusCode::ACCEPTED, Json(done)))
}
