//! Accepting messages by REST: one job for each recipient, ids chosen and everything committed before the answer.

use std::{fs::File, io::Seek as _, sync::Arc};

use ruma::OwnedMxcUri;
use serde::{Deserialize, Serialize};

use super::{Error, Inner, ghosts, recipients};
use crate::{
    media,
    model::{IdentityId, Lane, Media, MediaKind, MediaSource, Outgoing, Platform, SendId, Timestamp, TokenId, Work},
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
    /// The file; the words stand under it.
    pub(crate) file: Option<NewFile>,
    /// The event it answers.
    pub(crate) reply_to: Option<String>,
    /// Makes a repeated request the same request.
    pub(crate) idempotency: Option<Idempotency>,
}

/// A file as the door took it.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// The bytes, from the beginning.
    pub(crate) bytes: Arc<File>,
    /// Its name.
    pub(crate) name: String,
    /// Its media type; `None`: what its bytes tell.
    pub(crate) mime: Option<String>,
    /// How many bytes.
    pub(crate) size: u64,
}

/// What a file is to people, by its media type.
fn kind_of(mime: &str) -> MediaKind {
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("video") => MediaKind::Video,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::File,
    }
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
        let why = format!("at most {limit} characters");
        return Err(Error::Invalid { field: "text", why });
    }
    let now = bridge.clock().now();
    let file = match &message.file {
        Some(file) => match before_upload(bridge, &message, now).await? {
            Some(known) => return Ok(known),
            None => Some(upload(bridge, file).await?),
        },
        None => None,
    };
    let mut tx = bridge.store.begin().await?;
    if let Some(known) = known_answer(&mut tx, message.idempotency.as_ref(), now).await? {
        return Ok(known);
    }
    let device = tx
        .find_device_by_number(message.identity, message.platform, &message.number)
        .await?
        .ok_or(Error::NotFound("Device"))?;
    let (Recipients::Groups(recipients) | Recipients::Contacts(recipients)) = &message.recipients;
    let mut answer = Vec::new();
    for recipient in recipients {
        let id = SendId::generate();
        let outgoing = Outgoing {
            id,
            identity: message.identity,
            device: device.id,
            recipient: recipient.clone(),
            text: message.text.clone(),
            file: file.clone().map(Box::new),
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
    if let Some(idempotency) = &message.idempotency {
        let stored = serde_json::to_string(&answer).map_err(|error| Error::Internal(Box::new(error)))?;
        tx.insert_idempotent(idempotency.token, &idempotency.key, &idempotency.request, &stored, now)
            .await?;
    }
    tx.commit().await?;
    Ok(answer)
}

/// The answer that was given before, when it was; a large file is not taken for nothing.
async fn before_upload(bridge: &Inner, message: &NewMessage, now: Timestamp) -> Result<Option<Vec<Queued>>, Error> {
    let mut read = bridge.store.read().await?;
    if let Some(known) = known_answer(&mut read, message.idempotency.as_ref(), now).await? {
        return Ok(Some(known));
    }
    read.find_device_by_number(message.identity, message.platform, &message.number)
        .await?
        .ok_or(Error::NotFound("Device"))?;
    Ok(None)
}

/// Gives a file to the homeserver, from where it goes to every recipient and into the room.
async fn upload(bridge: &Inner, file: &NewFile) -> Result<Media, Error> {
    ghosts::account(bridge, bridge.homeserver.names().bot())
        .await
        .map_err(|error| Error::Internal(Box::new(error)))?;
    let unread = |error: &dyn std::error::Error| Error::Internal(error.to_string().into());
    let mut bytes = file.bytes.try_clone().map_err(|error| unread(&error))?;
    let mime = match &file.mime {
        Some(mime) => mime.as_str(),
        None => media::guess(&bytes)
            .map_err(|error| unread(&error))?
            .unwrap_or("application/octet-stream"),
    };
    let nowhere = MediaSource::Matrix(OwnedMxcUri::from(""));
    let known = Media {
        size: Some(file.size),
        name: Some(file.name.clone()),
        ..Media::new(kind_of(mime), nowhere, mime)
    };
    let media = bridge.workshop.describe(&bytes, &known).await.media;
    bytes.rewind().map_err(|error| unread(&error))?;
    let source = bridge.homeserver.upload_file(bytes, mime, &file.name).await?;
    Ok(Media {
        source: MediaSource::Matrix(source),
        // Made anew for each recipient; it would stand in every row.
        thumbnail: None,
        ..media
    })
}

async fn push(tx: &mut Tx, outgoing: Outgoing, now: Timestamp) -> Result<(), store::Error> {
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
    now: Timestamp,
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
