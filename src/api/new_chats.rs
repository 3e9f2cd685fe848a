//! `POST /api/v1/chats`: makes a group, finds a direct chat, or follows an invite link.
//!
//! Deliberately not here: what of a request makes sense, and doing it (`bridge::new_chats`).

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    body::RawBody,
    devices::{number, platform},
    error::{Error, ErrorBody},
    messages::idempotency,
};
use crate::{
    bridge::{Bridge, ChatWish, NamedDevice, OpenedChat},
    model::{ChatKind, Opened},
};

/// The network when nobody says which.
const USUAL: &str = "wa";

#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct NewChatForm {
    /// The number of the device; the first one when there is none.
    #[schema(example = "15550009999")]
    device: Option<String>,
    #[schema(example = "wa")]
    platform: Option<String>,
    /// Telephone numbers, or the Matrix users that show contacts. One without a title is a direct chat.
    #[schema(example = json!(["15550001111", "15550002222"]))]
    participants: Option<Vec<String>>,
    /// The name of a new group, at most 100 characters.
    #[schema(example = "Tea party")]
    title: Option<String>,
    /// What it is about, at most 2,048 characters.
    topic: Option<String>,
    /// The link of a group to join, instead of all that.
    #[schema(example = "https://chat.whatsapp.com/AbC123xyz")]
    invite_link: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NewChatView {
    /// Its name on the network, once it is there.
    #[schema(example = "120363000000000001@g.us")]
    id: Option<String>,
    /// Its room in Matrix, once it is there.
    #[schema(example = "!abc:example.org")]
    room_id: Option<String>,
    /// The number of the device.
    #[schema(example = "15550009999")]
    device_id: String,
    /// `direct` or `group`.
    r#type: Option<&'static str>,
    title: Option<String>,
    /// `ready`; `awaiting_approval`: an administrator must let the account in, then the chat appears; `pending`: WhatsApp
    /// has not answered yet, and the same request with the same `Idempotency-Key` tells more later.
    #[schema(example = "ready")]
    state: &'static str,
    /// Who should be in the group and could not be added: most let only their contacts add them. Send them the invite
    /// link.
    not_added: Vec<String>,
}

/// Opens a chat. Repeated with the same `Idempotency-Key` within a day it opens nothing again.
#[utoipa::path(post, path = "/api/v1/chats", operation_id = "open_chat", tag = "chats", security(("BearerAuth" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeating this request harmless")),
    request_body = NewChatForm,
    responses((status = 201, body = NewChatView, description = "Made, or joined"),
    (status = 200, body = NewChatView, description = "It was there before, or the request is a repeated one"),
    (status = 202, body = NewChatView, description = "An administrator must let the account in, or it takes longer"),
    (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "No such device, or the invite link leads nowhere"),
    (status = 409, body = ErrorBody, description = "The device is logged out"),
    (status = 422, body = ErrorBody, description = "Somebody is not on WhatsApp, WhatsApp refused, or the key was used for another request"),
    (status = 500, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "The device was offline for too long")))]
pub(super) async fn open(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    headers: HeaderMap,
    body: RawBody,
) -> Result<(StatusCode, Json<NewChatView>), Error> {
    let form: NewChatForm = body.json("Invalid request body. Must be a JSON object.")?;
    let key = idempotency(&headers, bearer.caller.token, &request_hash(&form))?;
    let link = form.invite_link.filter(|link| !link.trim().is_empty());
    let Some(participants) = form.participants.or(link.as_ref().map(|_| Vec::new())) else {
        return Err(Error::missing("participants or invite_link"));
    };
    if link.is_some() && (form.title.is_some() || form.topic.is_some() || !participants.is_empty()) {
        return Err(Error::bad_request("Invalid invite_link: it stands alone"));
    }
    let wish = ChatWish {
        identity: bearer.caller.identity,
        device: device(form.device, form.platform)?,
        participants,
        title: form.title,
        topic: form.topic,
        invite_link: link,
        idempotency: key,
    };
    answer(bridge.open_chat(wish).await?)
}

/// The device that is meant; nothing: the first one.
pub(super) fn device(device: Option<String>, network: Option<String>) -> Result<NamedDevice, Error> {
    let platform = platform(network.or_else(|| Some(USUAL.to_owned())))?;
    let device = device.map(|device| number(&device).to_owned());
    Ok(match device.filter(|number| !number.is_empty()) {
        Some(number) => NamedDevice::Is(platform, number),
        None => NamedDevice::First,
    })
}

/// What makes a request the same request.
fn request_hash(form: &NewChatForm) -> Vec<u8> {
    // Cannot fail: texts and lists of texts.
    let json = serde_json::to_vec(&("chats", form)).unwrap_or_default();
    Sha256::digest(json).to_vec()
}

fn answer(chat: OpenedChat) -> Result<(StatusCode, Json<NewChatView>), Error> {
    let mut view = NewChatView {
        id: None,
        room_id: None,
        device_id: chat.device,
        r#type: None,
        title: None,
        state: "pending",
        not_added: Vec::new(),
    };
    let status = match chat.opened {
        None => StatusCode::ACCEPTED,
        Some(Opened::Awaited) => {
            view.state = "awaiting_approval";
            StatusCode::ACCEPTED
        }
        Some(Opened::Here {
            chat: id,
            room,
            kind,
            title,
            was_there,
            outside,
        }) => {
            view = NewChatView {
                id: Some(id.as_str().to_owned()),
                room_id: Some(room.into()),
                r#type: Some(if kind == ChatKind::Direct { "direct" } else { "group" }),
                title,
                state: "ready",
                not_added: outside,
                ..view
            };
            if was_there || chat.is_repeat {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            }
        }
        Some(Opened::NotOnNetwork(numbers)) => return Err(not_on_network(&numbers)),
        Some(Opened::NoInvite) => return Err(Error::not_found("Invite")),
        Some(Opened::NotLinked) => return Err(crate::bridge::Error::NotLinked.into()),
        Some(Opened::GivenUp) => return Err(crate::bridge::Error::Offline.into()),
        Some(Opened::Refused(why)) => return Err(crate::bridge::Error::Refused(why).into()),
    };
    Ok((status, Json(view)))
}

fn not_on_network(numbers: &[String]) -> Error {
    let names: Vec<_> = numbers.iter().map(|number| format!("+{number}")).collect();
    let is = if names.len() == 1 { "is" } else { "are" };
    let sentence = format!("participants: {} {is} not on WhatsApp", names.join(", "));
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_request_has_the_same_hash() {
        let read = |text: &str| serde_json::from_str::<NewChatForm>(text).unwrap();
        let hash = |text: &str| request_hash(&read(text));
        let tea = r#"{"participants":["1","2"],"title":"Tea"}"#;
        assert_eq!(hash(tea), hash(r#"{"title":"Tea","participants":["1","2"],"else":1}"#));
        for other in [
            r#"{"participants":["12"],"title":"Tea"}"#,
            r#"{"participants":["1","2"],"topic":"Tea"}"#,
            r#"{"participants":["1","2"],"title":"Tea","device":"1"}"#,
            r#"{"invite_link":"Tea"}"#,
        ] {
            assert_ne!(hash(tea), hash(other), "{other}");
        }
    }

    #[test]
    fn everybody_who_is_missing_is_named() {
        let sentence = |numbers: &[&str]| {
            let numbers: Vec<_> = numbers.iter().map(|&number| number.to_owned()).collect();
            not_on_network(&numbers)
        };
        let one = Error::new(StatusCode::UNPROCESSABLE_ENTITY, "participants: +1 is not on WhatsApp");
        assert_eq!(sentence(&["1"]), one);
        assert_ne!(sentence(&["1", "2"]), one);
    }
}
