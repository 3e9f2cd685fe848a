//! `POST /api/v1/devices/{device_id}/message`: a message to one or more recipients, accepted for good when answered.

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, request::Parts},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Bearer,
    devices::{number, platform},
    error::{Error, ErrorBody},
    file::SentFile,
    message_form::{MessageForm, MessageUpload, Sent},
};
use crate::{
    bridge::{self, Bridge, Idempotency, NewFile, NewMessage, Queued, Recipients},
    model::TokenId,
};

/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

#[derive(Serialize, ToSchema)]
pub(super) struct MessageQueued {
    #[schema(example = "Message queued successfully")]
    message: &'static str,
    results: Vec<RecipientResult>,
}

/// What became of one recipient.
#[derive(Serialize, ToSchema)]
pub(super) struct RecipientResult {
    /// As it was spelled.
    recipient: String,
    /// Our id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// `queued` or `failed`.
    #[schema(example = "queued")]
    status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Queued> for RecipientResult {
    fn from(queued: Queued) -> Self {
        Self {
            recipient: queued.recipient,
            message_id: queued.message_id.map(|id| id.to_string()),
            status: queued.status,
            reason: queued.reason,
        }
    }
}

/// Accepts a message. The same `Idempotency-Key` within a day gets the same answer and sends nothing again.
#[utoipa::path(post, path = "/api/v1/devices/{device_id}/message", operation_id = "send_message", tag = "devices", security(("BearerAuth" = [])),
    params(("device_id" = String, Path, description = "Device to send through, from the list of devices"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes repeating this request harmless")),
    request_body(content(
        (MessageForm = "application/json"), (MessageUpload = "multipart/form-data"),
        (MessageForm = "application/x-www-form-urlencoded"))),
    responses(
    (status = 200, body = MessageQueued), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn send(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    DeviceNumber(number): DeviceNumber,
    headers: HeaderMap,
    Sent { form, file }: Sent,
) -> Result<Json<MessageQueued>, Error> {
    let recipients = form.recipients()?;
    let platform = platform(form.platform.clone())?;
    let text = form.text.clone().filter(|text| !text.trim().is_empty());
    if text.is_none() && file.is_none() {
        return Err(Error::bad_request("Either text or file must be provided"));
    }
    let message = NewMessage {
        identity: bearer.caller.identity,
        platform,
        idempotency: idempotency(
            &headers,
            bearer.caller.token,
            &request_hash(&number, &recipients, &form, file.as_ref()),
        )?,
        number,
        recipients,
        text: text.unwrap_or_default(),
        file: file.map(|file| NewFile {
            bytes: file.bytes,
            name: file.name,
            mime: file.mime,
            size: file.size,
        }),
        reply_to: form.reply_id.filter(|id| !id.trim().is_empty()),
    };
    let results = match bridge.queue(message.clone()).await {
        // The same request at the same moment was faster: the second look finds its answer.
        Err(bridge::Error::Taken("idempotency key")) => bridge.queue(message).await?,
        done => done?,
    };
    let results = results.into_iter().map(RecipientResult::from).collect();
    Ok(Json(MessageQueued {
        message: "Message queued successfully",
        results,
    }))
}

/// The device in the path; the contract looks whether there is one before it looks at anything else of the request.
pub(super) struct DeviceNumber(String);

impl FromRequestParts<Api> for DeviceNumber {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let Path(device_id) = Path::<String>::from_request_parts(parts, api)
            .await
            .map_err(|rejection| Error::of(rejection.status()))?;
        match number(&device_id) {
            "" => Err(nowhere()),
            number => Ok(Self(number.to_owned())),
        }
    }
}

/// The same path with nothing where the device should be.
pub(super) async fn send_nowhere(_: Bearer) -> Error {
    nowhere()
}

fn nowhere() -> Error {
    Error::bad_request("device_id is required")
}

/// What makes a repeated request the same request, when it has a key.
pub(super) fn idempotency(headers: &HeaderMap, token: TokenId, request: &[u8]) -> Result<Option<Idempotency>, Error> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(Error::bad_request("Invalid Idempotency-Key"));
    }
    Ok(Some(Idempotency {
        token,
        key: key.to_owned(),
        request: request.to_vec(),
    }))
}

/// What makes a request the same request, whichever way its fields were sent. Lengths keep neighbours apart.
fn request_hash(number: &str, recipients: &Recipients, form: &MessageForm, file: Option<&SentFile>) -> Vec<u8> {
    let (kind, list) = match recipients {
        Recipients::Contacts(list) => ("contacts", list),
        Recipients::Groups(list) => ("groups", list),
    };
    let field = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut parts = vec![
        number.to_owned(),
        kind.to_owned(),
        field(&form.platform),
        field(&form.text),
    ];
    parts.push(field(&form.reply_id));
    parts.extend(list.iter().cloned());
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    if let Some(file) = file {
        hash.update((file.name.len() as u64).to_be_bytes());
        hash.update(&file.name);
        hash.update(&file.hash);
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_request_has_the_same_hash() {
        let form = |text: &str, reply: Option<&str>| MessageForm {
            platform: Some("wa".into()),
            text: Some(text.into()),
            reply_id: reply.map(String::from),
            ..MessageForm::default()
        };
        let to = |list: &[&str]| Recipients::Contacts(list.iter().map(|&item| item.to_owned()).collect());
        let hash = request_hash("1", &to(&["a", "b"]), &form("hello", None), None);
        assert_eq!(hash, request_hash("1", &to(&["a", "b"]), &form("hello", None), None));
        for other in [
            request_hash("2", &to(&["a", "b"]), &form("hello", None), None),
            request_hash("1", &to(&["ab"]), &form("hello", None), None),
            request_hash("1", &to(&["b", "a"]), &form("hello", None), None),
            request_hash("1", &to(&["a", "b"]), &form("hello!", None), None),
            request_hash("1", &to(&["a", "b"]), &form("hello", Some("$x")), None),
            request_hash(
                "1",
                &Recipients::Groups(vec!["a".into(), "b".into()]),
                &form("hello", None),
                None,
            ),
        ] {
            assert_ne!(hash, other);
        }
    }
}
