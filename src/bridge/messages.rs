//! Accepting messages by REST: one job for each recipient, ids chosen and everything committed before the answer.

use serde::{Deserialize, Serialize};

use super::{Error, Inner, recipients};
use crate::{
    model::{IdentityId, Lane, Outgoing, Platform, SendId, TokenId, Work},
    store::{self, SendRow, SendStatus, Tx},
};

/// A message as the door read it.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    /// Whose message.
    pub(crate) identity: IdentityId,
    /// On which network.
    pub(crate) platform: Platform,
    /// The number of the device to send it through, digits only.
    pub(crate) number: String,
    /// To whom; split, trimmed, without repeats.
    pub(crate) recipients: Recipients,
    /// The words.
    pub(crate) text: String,
    /// The event it answers.
    pub(crate) reply_to: Option<String>,
    /// Makes a repeated request the same request.
    pub(crate) idempotency: Option<Idempotency>,
}

/// The key of a request that may be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Idempotency {
    /// Keys of different tokens do not meet.
    pub(crate) token: TokenId,
    /// The key.
    pub(crate) key: String,
    /// A hash of the request: the same key with another request is a mistake.
    pub(crate) request: Vec<u8>,
}

/// To whom a message goes.
#[derive(Clone, Debug)]
pub(crate) enum Recipients {
    /// People, or chats by their address.
    Contacts(Vec<String>),
    /// Groups by their invite link.
    Groups(Vec<String>),
}

/// What became of one recipient.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Queued {
    /// As it was spelled.
    pub(crate) recipient: String,
    /// The id to ask for later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<SendId>,
    /// `queued` or `failed`.
    pub(crate) status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Accepts a message.
pub(super) async fn queue(bridge: &Inner, message: NewMessage) -> Result<Vec<Queued>, Error> {
    let limit = bridge.network.capabilities().text_limit;
    if message.text.chars().count() > limit {
        let why = format!("Text too long: at most {limit} characters");
        return Err(Error::Invalid { field: "text", why });
    }
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    if let Some(known) = known_answer(&mut tx, message.idempotency.as_ref(), now).await? {
        return Ok(known);
    }
    let device = tx
        .find_device_by_number(message.identity, message.platform, &message.number)
        .await?
        .ok_or(Error::NotFound("Device"))?;
    let mut answer = Vec::new();
    match &message.recipients {
        Recipients::Groups(links) => {
            answer.extend(links.iter().map(|link| Queued {
                recipient: link.clone(),
                message_id: None,
                status: "failed".into(),
                reason: Some("groups_not_supported_yet".into()),
            }));
        }
        Recipients::Contacts(contacts) => {
            for recipient in contacts {
                let id = SendId::generate();
                let outgoing = Outgoing {
                    id,
                    identity: message.identity,
                    device: device.id,
                    recipient: recipient.clone(),
                    text: message.text.clone(),
                    reply_to: message.reply_to.as_deref().and_then(|id| id.try_into().ok()),
                };
                push(&mut tx, outgoing, now).await?;
                answer.push(Queued {
                    recipient: recipient.clone(),
                    message_id: Some(id),
                    status: "queued".into(),
                    reason: None,
                });
            }
        }
    }
    if let Some(idempotency) = &message.idempotency {
        let stored = serde_json::to_string(&answer).map_err(|error| Error::Internal(Box::new(error)))?;
        tx.insert_idempotent(idempotency.token, &idempotency.key, &idempotency.request, &stored, now)
            .await?;
    }
    tx.commit().await?;
    Ok(answer)
}

async fn push(tx: &mut Tx, outgoing: Outgoing, now: crate::model::Timestamp) -> Result<(), store::Error> {
    let lane = match recipients::read(&outgoing.recipient) {
        Some(recipient) => Lane::sending(outgoing.device, recipients::canonical(&recipient)),
        None => Lane::sending(outgoing.device, &outgoing.recipient),
    };
    let row = SendRow {
        id: outgoing.id,
        identity: outgoing.identity,
        device: outgoing.device,
        recipient: outgoing.recipient.clone(),
        status: SendStatus::Queued,
        reason: None,
        message: None,
        event: None,
        created_at: now,
    };
    tx.insert_send(&row).await?;
    tx.push_job(&lane, &Work::Resolve(outgoing), now).await?;
    Ok(())
}

async fn known_answer(
    tx: &mut Tx,
    idempotency: Option<&Idempotency>,
    now: crate::model::Timestamp,
) -> Result<Option<Vec<Queued>>, Error> {
    let Some(idempotency) = idempotency else {
        return Ok(None);
    };
    let Some((request, response)) = tx.find_idempotent(idempotency.token, &idempotency.key, now).await? else {
        return Ok(None);
    };
    if request != idempotency.request {
        return Err(Error::Taken("idempotency key"));
    }
    serde_json::from_str(&response)
        .map(Some)
        .map_err(|error| Error::Internal(Box::new(error)))
}
