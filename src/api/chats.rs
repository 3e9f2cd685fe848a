//! `/api/v1/devices/{platform}/{number}/chats`: what is stored of the chats of a device, page by page.
//!
//! These routes are ours, not the frozen contract's: lists come as `{"data": […], "pagination": {…}}`. Deliberately not
//! here: what is stored, and whose it is (`bridge::reading`).

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    credentials::Done,
    devices::{number, platform},
    error::{Error, ErrorBody},
};
use crate::{
    bridge::{Bridge, Page, ReadChat, ReadMessage, Wanted},
    model::{ChatKind, Content, Media, Mute, Sender, Timestamp},
};

/// Chats on a page when nobody says how many, messages likewise, and the most of either.
pub(super) const CHATS: u32 = 20;
const MESSAGES: u32 = 50;
const MOST: u32 = 100;
/// Older messages that are asked for when nobody says how many, and at most.
const OLDER: u32 = 50;
const MOST_OLDER: u32 = 1000;

#[derive(Deserialize)]
pub(super) struct Paging {
    /// As the page before told.
    cursor: Option<String>,
    /// At most so many, 1 to 100.
    limit: Option<String>,
    /// Messages older than this one (its id or its event's) or this time (RFC 3339).
    before: Option<String>,
    /// Messages newer than this one or this time.
    after: Option<String>,
}

#[derive(Deserialize, ToSchema, Default)]
pub(super) struct AskOlder {
    /// How many messages, 1 to 1000.
    #[schema(example = 50)]
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Pagination {
    /// Leads to what is older; empty at the end.
    pub(super) next_cursor: String,
    /// Leads to what is newer; empty at the beginning.
    pub(super) previous_cursor: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Chats {
    pub(super) data: Vec<ChatView>,
    pub(super) pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Messages {
    data: Vec<MessageView>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "these are the marks that a chat can have")]
pub(super) struct ChatView {
    /// Its name on the network: a telephone number, `lid_…`, or the address of a group.
    #[schema(example = "15550001111")]
    id: String,
    /// Its room in Matrix, once it has one.
    room_id: Option<String>,
    /// The number of the device.
    device_id: String,
    /// `direct`, `group`, `status`, `channel` or `other`.
    r#type: &'static str,
    title: Option<String>,
    last_message_at: String,
    /// How many messages of others the owner has not read. What came before the device was linked counts as the phone
    /// told it.
    unread_count: u32,
    marked_unread: bool,
    archived: bool,
    pinned: bool,
    read_only: bool,
    /// A time (RFC 3339), or `forever`.
    muted_until: Option<String>,
    /// Seconds after which new messages disappear.
    disappearing_timer: Option<u32>,
    /// The phone has nothing older than what is stored.
    is_whole: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MessageView {
    /// Its id on the network.
    id: String,
    /// Its event in Matrix, when a room shows it.
    event_id: Option<String>,
    chat_id: String,
    room_id: Option<String>,
    device_id: String,
    /// `in`: said by others, `out`: by the owner.
    direction: &'static str,
    sender: SenderView,
    /// What it is to people: `text`, `image`, `voice message`, `poll`, …; `deleted` when it was taken back.
    r#type: String,
    text: Option<String>,
    attachment: Option<AttachmentView>,
    /// The id of the message it answers.
    reply_to: Option<String>,
    /// How far it came: `pending`, `sent`, `delivered`, `read`, `played`, `failed`.
    state: &'static str,
    error: Option<String>,
    reactions: Vec<ReactionView>,
    starred: bool,
    sent_at: String,
    edited_at: Option<String>,
    deleted: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SenderView {
    /// `owner` or `contact`.
    r#type: &'static str,
    /// The Matrix user that shows them.
    id: String,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct AttachmentView {
    mime_type: String,
    filename: Option<String>,
    size: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    /// Milliseconds.
    duration: Option<u64>,
    /// Why it was sent as a plain file although it was meant as more.
    note: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReactionView {
    sender: String,
    emoji: String,
}

/// Lists the chats of a device, the one in which something was said last first.
#[utoipa::path(get, path = "/api/v1/devices/{platform}/{number}/chats", operation_id = "list_chats", tag = "chats", security(("BearerAuth" = [])),
    params(("platform" = String, Path, example = "wa"), ("number" = String, Path, example = "15550001111"),
    ("cursor" = Option<String>, Query, description = "As the page before told"),
    ("limit" = Option<u32>, Query, description = "At most so many, 1 to 100")),
    responses((status = 200, body = Chats), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn list(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((network, device)): Path<(String, String)>,
    Query(paging): Query<Paging>,
) -> Result<Json<Chats>, Error> {
    let device = number(&device);
    let wanted = wanted(paging, CHATS)?;
    let page = bridge
        .list_chats(bearer.caller.identity, (platform(Some(network))?, device), &wanted)
        .await?;
    let Page { items, next, previous } = page;
    Ok(Json(Chats {
        data: items.into_iter().map(chat_view).collect(),
        pagination: Pagination {
            next_cursor: next,
            previous_cursor: previous,
        },
    }))
}

/// Lists the messages of a chat, the newest first: those of before the device was linked, and those since.
#[utoipa::path(get, path = "/api/v1/devices/{platform}/{number}/chats/{chat}/messages", operation_id = "list_messages", tag = "chats",
    security(("BearerAuth" = [])), params(("platform" = String, Path, example = "wa"),
    ("number" = String, Path, example = "15550001111"),
    ("chat" = String, Path, description = "Its id, or its room's", example = "15550002222"),
    ("cursor" = Option<String>, Query, description = "As the page before told"),
    ("limit" = Option<u32>, Query, description = "At most so many, 1 to 100"),
    ("before" = Option<String>, Query, description = "Older than this message (its id or its event's) or time (RFC 3339)"),
    ("after" = Option<String>, Query, description = "Newer than this message or time")),
    responses((status = 200, body = Messages), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn messages(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((network, device, chat)): Path<(String, String, String)>,
    Query(paging): Query<Paging>,
) -> Result<Json<Messages>, Error> {
    let device = number(&device);
    let wanted = wanted(paging, MESSAGES)?;
    let place = (platform(Some(network))?, device);
    let page = bridge
        .list_messages(bearer.caller.identity, place, &chat, &wanted)
        .await?;
    let Page { items, next, previous } = page;
    Ok(Json(Messages {
        data: items.into_iter().map(|message| message_view(message, device)).collect(),
        pagination: Pagination {
            next_cursor: next,
            previous_cursor: previous,
        },
    }))
}

/// Asks the owner's phone for messages older than those that are stored. They are stored when the phone tells them.
#[utoipa::path(post, path = "/api/v1/devices/{platform}/{number}/chats/{chat}/history", operation_id = "ask_history", tag = "chats",
    security(("BearerAuth" = [])), params(("platform" = String, Path, example = "wa"),
    ("number" = String, Path, example = "15550001111"),
    ("chat" = String, Path, description = "Its id, or its room's", example = "15550002222")),
    request_body = AskOlder,
    responses((status = 202, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn ask(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path((network, device, chat)): Path<(String, String, String)>,
    body: super::body::RawBody,
) -> Result<(StatusCode, Json<Done>), Error> {
    let request: AskOlder = body.json("Invalid request body. Must be a JSON object.")?;
    let count = request.count.unwrap_or(OLDER);
    if !(1..=MOST_OLDER).contains(&count) {
        return Err(Error::bad_request(format!("Invalid count: 1 to {MOST_OLDER}")));
    }
    let place = (platform(Some(network))?, number(&device));
    bridge
        .ask_for_older(bearer.caller.identity, place, &chat, count)
        .await?;
    let done = Done {
        message: "The phone is asked for older messages",
    };
    Ok((StatusCode::ACCEPTED, Json(done)))
}

pub(super) fn wanted(paging: Paging, usual: u32) -> Result<Wanted, Error> {
    let limit = match paging.limit.as_deref().map(str::parse::<u32>) {
        None => usual,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => return Err(Error::bad_request(format!("Invalid limit: 1 to {MOST}"))),
    };
    Ok(Wanted {
        cursor: paging.cursor.filter(|cursor| !cursor.is_empty()),
        before: paging.before,
        after: paging.after,
        limit,
    })
}

pub(super) fn chat_view(chat: ReadChat) -> ChatView {
    let standing = chat.standing;
    let title = standing
        .group
        .map(|group| group.title)
        .filter(|title| !title.is_empty());
    ChatView {
        id: chat.chat.as_str().to_owned(),
        room_id: chat.room.map(String::from),
        device_id: chat.device,
        r#type: match chat.kind {
            ChatKind::Direct => "direct",
            ChatKind::Group => "group",
            ChatKind::Status => "status",
            ChatKind::Channel => "channel",
            ChatKind::Other => "other",
        },
        title: title.or(chat.name),
        last_message_at: chat.last_at.rfc3339(),
        unread_count: chat.unread,
        marked_unread: standing.marks.unread,
        archived: standing.marks.archived,
        pinned: standing.marks.pinned,
        read_only: standing.facts.read_only || standing.gone,
        muted_until: match standing.marks.muted {
            Mute::No => None,
            Mute::Forever => Some("forever".to_owned()),
            Mute::Until(end) => Some(end.rfc3339()),
        },
        disappearing_timer: standing.timer,
        is_whole: standing.facts.is_whole,
    }
}

pub(super) fn message_view(message: ReadMessage, device: &str) -> MessageView {
    let is_owner = message.sender == Sender::Owner;
    let reaction = |(sender, emoji): (ruma::OwnedUserId, String)| ReactionView {
        sender: sender.to_string(),
        emoji,
    };
    MessageView {
        id: message.id.as_str().to_owned(),
        event_id: message.event.map(String::from),
        chat_id: message.chat.as_str().to_owned(),
        room_id: message.room.map(String::from),
        device_id: device.to_owned(),
        direction: if is_owner { "out" } else { "in" },
        sender: SenderView {
            r#type: if is_owner { "owner" } else { "contact" },
            id: message.user.to_string(),
            name: message.name,
        },
        r#type: message.kind,
        text: message.content.as_ref().and_then(Content::text).map(str::to_owned),
        attachment: match &message.content {
            Some(Content::Media(media)) => Some(attachment(media)),
            _ => None,
        },
        reply_to: message.reply_to.map(|id| id.as_str().to_owned()),
        state: message.state,
        error: message.error,
        reactions: message.marks.into_iter().map(reaction).collect(),
        starred: message.starred,
        sent_at: message.at.rfc3339(),
        edited_at: message.edited_at.map(Timestamp::rfc3339),
        deleted: message.is_deleted,
    }
}

fn attachment(media: &Media) -> AttachmentView {
    AttachmentView {
        mime_type: media.mime.clone(),
        filename: media.name.clone(),
        size: media.size,
        width: media.width,
        height: media.height,
        duration: media.duration,
        note: media.note.clone(),
    }
}
