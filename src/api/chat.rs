//! `/api/v1/chats`: chats as resources, whichever device has them: all of them, one, what its owner wants of it, and that
//! it was read.
//!
//! Deliberately not here: what is stored and whose it is (`bridge::chats`), and how what is wanted is read
//! (`chat_patch`).

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    body::RawBody,
    chat_patch::{self, ChatPatch},
    chats::{CHATS, ChatView, Chats, MessageView, Pagination, Paging, chat_view, message_view, wanted},
    error::{Error, ErrorBody},
};
use crate::{
    bridge::{Bridge, Page, WholeChat},
    model::Rank,
};

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";

/// A chat with everything that is known of it.
#[derive(Serialize, ToSchema)]
pub(super) struct WholeChatView {
    #[serde(flatten)]
    chat: ChatView,
    /// The other person of a direct chat.
    contact: Option<PersonView>,
    /// What a group is about.
    topic: Option<String>,
    /// Only administrators of the group may write.
    announce: Option<bool>,
    /// Only administrators may change its name, topic and picture.
    locked: Option<bool>,
    /// How many people are in the group, the owner included.
    member_count: Option<usize>,
    /// What the owner is in the group: `owner`, `admin`, `member`; absent when they are not in it.
    my_role: Option<&'static str>,
    /// What was said last.
    last_message: Option<MessageView>,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonView {
    /// The Matrix user that shows them.
    #[schema(example = "@whatsapp_15550001111:example.org")]
    pub(super) id: String,
    pub(super) name: Option<String>,
}

#[derive(Deserialize, ToSchema, Default)]
pub(super) struct ReadUpTo {
    /// The last message that was read, its event or its id; absent: all of them.
    #[schema(nullable = false)]
    up_to: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReadAnswer {
    /// How many messages of others stay unread.
    #[schema(example = 0)]
    unread_count: u32,
}

/// Lists the chats of all devices, the one in which something was said last first.
#[utoipa::path(get, path = "/api/v1/chats", operation_id = "list_all_chats", tag = "chats", security(("BearerAuth" = [])),
    params(("cursor" = Option<String>, Query, description = "As the page before told"),
    ("limit" = Option<u32>, Query, description = "At most so many, 1 to 100")),
    responses((status = 200, body = Chats), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn list(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Query(paging): Query<Paging>,
) -> Result<Json<Chats>, Error> {
    let wanted = wanted(paging, CHATS)?;
    let Page { items, next, previous } = bridge.list_all_chats(bearer.caller.identity, &wanted).await?;
    Ok(Json(Chats {
        data: items.into_iter().map(chat_view).collect(),
        pagination: Pagination {
            next_cursor: next,
            previous_cursor: previous,
        },
    }))
}

/// Shows a chat. What was asked for is shown as it will be, before the network knows.
#[utoipa::path(get, path = "/api/v1/chats/{chat}", operation_id = "show_chat", tag = "chats", security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room, or its id in the first device that knows it", example = "!abc:example.org")),
    responses((status = 200, body = WholeChatView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn show(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(chat): Path<String>,
) -> Result<Json<WholeChatView>, Error> {
    let found = bridge.chat(bearer.caller.identity, &chat).await?;
    Ok(Json(view(found)))
}

/// Changes a chat: a JSON Merge Patch. It is stored before it is answered, and repeating it changes nothing. What
/// WhatsApp refuses later is taken back, with a notice in the room.
#[utoipa::path(patch, path = "/api/v1/chats/{chat}", operation_id = "change_chat", tag = "chats", security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room, or its id in the first device that knows it", example = "!abc:example.org")),
    request_body(content((ChatPatch = "application/merge-patch+json"), (ChatPatch = "application/json"))),
    responses((status = 200, body = WholeChatView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, example = json!({"error": "Device is not linked"})),
    (status = 422, body = ErrorBody, example = json!({"error": "title: a direct chat has none of its own"})),
    (status = 500, body = ErrorBody)))]
pub(super) async fn change(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(chat): Path<String>,
    body: RawBody,
) -> Result<Json<WholeChatView>, Error> {
    let wanted = chat_patch::read(&body.json(BAD_BODY)?, bridge.now())?;
    let changed = bridge.change_chat(bearer.caller.identity, &chat, wanted).await?;
    Ok(Json(view(changed)))
}

/// Marks a chat as read, all of it or up to a message: on the phone, for those who wrote, and in Matrix. It is stored
/// before it is answered, and repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/chats/{chat}/receipts", operation_id = "read_chat", tag = "chats", security(("BearerAuth" = [])),
    params(("chat" = String, Path, description = "Its room, or its id in the first device that knows it", example = "!abc:example.org")),
    request_body = ReadUpTo,
    responses((status = 200, body = ReadAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, example = json!({"error": "Device is not linked"})), (status = 500, body = ErrorBody)))]
pub(super) async fn read(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(chat): Path<String>,
    body: RawBody,
) -> Result<Json<ReadAnswer>, Error> {
    let request: ReadUpTo = body.json(BAD_BODY)?;
    let unread_count = bridge
        .read_chat(bearer.caller.identity, &chat, request.up_to.as_deref())
        .await?;
    Ok(Json(ReadAnswer { unread_count }))
}

fn view(found: WholeChat) -> WholeChatView {
    let WholeChat {
        chat,
        contact,
        rank,
        last_message,
    } = found;
    let group = chat.standing.group.as_ref();
    let device = chat.device.clone();
    WholeChatView {
        contact: contact.map(|(id, name)| PersonView {
            id: id.to_string(),
            name,
        }),
        topic: group.and_then(|group| group.topic.clone()),
        announce: group.map(|group| group.announce),
        locked: group.map(|group| group.locked),
        member_count: group.map(|group| group.members.len()),
        my_role: rank.map(|rank| match rank {
            Rank::Superadmin => "owner",
            Rank::Admin => "admin",
            Rank::Member => "member",
        }),
        last_message: last_message.map(|message| message_view(message, &device)),
        chat: chat_view(chat),
    }
}
