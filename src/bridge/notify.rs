//! Which webhooks hear about what, with which payload, and when again.
//!
//! The payload keeps the eleven keys of the guide; what we know beyond them is added, never put in their place.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Seek as _},
    time::Duration,
};

use base64::{engine::general_purpose::STANDARD, write::EncoderStringWriter};
use ruma::{EventId, MxcUri};
use serde_json::{Value, json};

use super::{error::Failure, live::What, outgoing, portals::Room, worker::Desk};
use crate::{
    matrix::cards,
    model::{
        ChatKind, ContactId, Content, Delivery, DeliveryId, Device, Event, Identity, Lane, Media, MediaKind,
        MediaSource, Platform, PortalKey, WebhookEvent, Work,
    },
    store::{DeliveryState, Tx},
    webhook,
};

/// What a contact said, as it was shown.
pub(super) struct Said<'a> {
    pub(super) device: &'a Device,
    pub(super) identity: &'a Identity,
    pub(super) room: &'a Room,
    pub(super) event: &'a Event,
    pub(super) contact: &'a ContactId,
    pub(super) content: &'a Content,
    /// Where the file with the cards is.
    pub(super) cards: Option<&'a MxcUri>,
    /// Its words; media without a caption have none.
    pub(super) words: &'a str,
    pub(super) shown: &'a EventId,
    pub(super) reply_to: Option<&'a EventId>,
}

/// Promises a delivery to every active webhook of the identity.
pub(super) async fn push(desk: &Desk<'_>, tx: &mut Tx, said: &Said<'_>) -> Result<(), Failure> {
    if !is_message(said.content) {
        return Ok(());
    }
    let webhooks = tx.list_webhooks(said.identity.id).await?;
    let webhooks: Vec<_> = webhooks
        .into_iter()
        .filter(|webhook| webhook.active && webhook.events.contains(&WebhookEvent::Message))
        .collect();
    if webhooks.is_empty() {
        return Ok(());
    }
    let spelling = tx.find_spelling(said.identity.id, said.contact).await?;
    let phone = tx.find_ghost(said.contact).await?;
    let body = payload(
        desk,
        said,
        spelling.as_deref(),
        phone.and_then(|ghost| ghost.name).as_deref(),
    );
    let now = desk.bridge.clock().now();
    let key = PortalKey::new(said.device.id, said.event.chat.clone());
    for webhook in webhooks {
        let delivery = Delivery {
            id: DeliveryId::generate(),
            webhook: webhook.id,
            contact: Some(said.contact.clone()),
            created_at: now,
            body: body.clone(),
            media: attached(desk, said).map(ToOwned::to_owned),
        };
        tx.insert_delivery(&delivery, said.shown.as_str()).await?;
        tx.push_job(&Lane::delivery(webhook.id, &key), &Work::Deliver(delivery), now)
            .await?;
    }
    Ok(())
}

/// Receivers know what is an `m.room.message` in Matrix, and nothing else.
fn is_message(content: &Content) -> bool {
    match content {
        Content::Media(media) => media.kind != MediaKind::Sticker,
        Content::Text(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Told(_) => true,
        Content::Poll(_) | Content::Album { .. } | Content::Call(_) | Content::Awaited | Content::Unsupported(_) => {
            false
        }
    }
}

/// The file of a message, as the homeserver keeps it.
struct Attachment<'a> {
    source: &'a MxcUri,
    size: Option<u64>,
    mime: &'a str,
    name: Option<Cow<'a, str>>,
    /// What can be seen of it.
    seen: Option<&'a Media>,
}

fn file<'a>(said: &Said<'a>) -> Option<Attachment<'a>> {
    match (said.content, said.cards) {
        (Content::Media(media), _) => {
            let MediaSource::Matrix(source) = &media.source else {
                return None;
            };
            Some(Attachment {
                source,
                size: media.size,
                mime: &media.mime,
                name: media.name.as_deref().map(Cow::Borrowed),
                seen: Some(media),
            })
        }
        (Content::Contacts(all), Some(source)) => Some(Attachment {
            source,
            size: u64::try_from(cards::join(all).len()).ok(),
            mime: cards::MIME,
            name: Some(cards::file_name(all).into()),
            seen: None,
        }),
        _ => None,
    }
}

/// Where the bytes are that a payload carries.
fn attached<'a>(desk: &Desk<'_>, said: &Said<'a>) -> Option<&'a MxcUri> {
    let file = file(said)?;
    (!is_large(desk, &file)).then_some(file.source)
}

/// Whether a file is fetched by the receiver itself. What says nothing of its size is large.
fn is_large(desk: &Desk<'_>, file: &Attachment<'_>) -> bool {
    file.size.unwrap_or(u64::MAX) > desk.bridge.config.webhook_media_limit
}

fn media(desk: &Desk<'_>, file: Option<&Attachment<'_>>) -> Value {
    let mut media = json!({ "content": null, "info": media_info(file) });
    // The address at which a receiver fetches a file that is too large for a payload.
    let url = file
        .filter(|file| is_large(desk, file))
        .and_then(|file| desk.bridge.media_links.make(file.source, desk.bridge.clock().now()));
    if let Some(url) = url {
        media["url"] = url.into();
    }
    media
}

fn media_info(file: Option<&Attachment<'_>>) -> Value {
    let seen = file.and_then(|file| file.seen);
    json!({
        "size": file.and_then(|file| file.size).unwrap_or(0),
        "mime_type": file.map_or("", |file| file.mime),
        "width": seen.and_then(|media| media.width).unwrap_or(0),
        "height": seen.and_then(|media| media.height).unwrap_or(0),
        "blur_hash": seen.and_then(|media| media.blurhash.as_deref()).unwrap_or(""),
    })
}

fn payload(desk: &Desk<'_>, said: &Said<'_>, spelling: Option<&str>, name: Option<&str>) -> String {
    let ghost_name = desk.bridge.network.ghost_name(said.contact);
    let ghost = desk.bridge.homeserver.names().ghost(&ghost_name);
    let phone = ghost_name.bytes().all(|b| b.is_ascii_digit()).then_some(ghost_name);
    let is_group = said.room.kind == ChatKind::Group;
    let file = file(said);
    json!({
        "id": said.shown,
        "is_contact": spelling.is_some(),
        "type": said.content.event_kind(),
        "from": spelling.unwrap_or(ghost.as_str()),
        "to": said.identity.user,
        "message": said.words,
        "device_id": said.device.number,
        "media": media(desk, file.as_ref()),
        "file_name": file.as_ref().and_then(|file| file.name.as_deref()),
        "room_id": said.room.id,
        "chat_id": said.event.chat,
        "is_group": is_group,
        "group_name": if is_group { said.room.name.as_deref() } else { None },
        "sender_name": said.event.sender_name.as_deref().or(name),
        "sender_phone": phone,
        "timestamp": said.event.at.rfc3339(),
        "reply_to": said.reply_to,
    })
    .to_string()
}

/// The body with the bytes of its media in it: they are fetched for each attempt, so that no row holds them, and go from
/// their file straight into the text, which is large enough.
async fn with_media(desk: &Desk<'_>, delivery: &Delivery) -> Result<String, Failure> {
    let Some(source) = &delivery.media else {
        return Ok(delivery.body.clone());
    };
    let limit = desk.bridge.config.webhook_media_limit;
    let Some(file) = outgoing::fetched(desk.bridge, source, limit).await? else {
        return Ok(delivery.body.clone());
    };
    let mut body: Value = serde_json::from_str(&delivery.body).map_err(|error| Failure::Never(error.to_string()))?;
    // A word that nobody else can have written.
    let place = uuid::Uuid::now_v7().to_string();
    body["media"]["content"] = place.as_str().into();
    let body = body.to_string();
    let filled = tokio::task::spawn_blocking(move || match body.split_once(&place) {
        Some((before, after)) => around(before, &file, after),
        None => Ok(body),
    });
    match filled.await {
        Ok(filled) => filled.map_err(|error| Failure::later(&error)),
        Err(error) => Err(Failure::later(&error)),
    }
}

/// A file as base64 with words around it.
fn around(before: &str, mut file: &File, after: &str) -> io::Result<String> {
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    file.rewind()?;
    let mut text = String::with_capacity(before.len() + size.div_ceil(3) * 4 + after.len());
    text.push_str(before);
    let mut encoder = EncoderStringWriter::from_consumer(&mut text, &STANDARD);
    io::copy(&mut file, &mut encoder)?;
    encoder.into_inner();
    text.push_str(after);
    Ok(text)
}

/// Does a job of kind `deliver`.
pub(super) async fn deliver(desk: &Desk<'_>, delivery: &Delivery) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let found = bridge.store.read().await?.find_webhook_by_id(delivery.webhook).await?;
    let Some(webhook) = found else {
        let mut tx = bridge.store.begin().await?;
        tx.remove_deliveries_of(delivery.webhook).await?;
        return desk.finish(tx).await;
    };
    if !webhook.active {
        return end(
            desk,
            delivery,
            DeliveryState::Dropped,
            Some("the webhook was switched off"),
        )
        .await;
    }
    let body = with_media(desk, delivery).await?;
    fail::fail_point!("bridge.deliver.before");
    let now = bridge.clock().now();
    let outcome = bridge
        .webhooks
        .deliver(&webhook.url, &webhook.secret, delivery.id, now, body)
        .await;
    fail::fail_point!("bridge.deliver.after");
    let result = match &outcome {
        Ok(()) => "delivered",
        Err(error) if error.is_transient() => "failed",
        Err(_) => "refused",
    };
    metrics::counter!("wharf_deliveries_total", "result" => result).increment(1);
    tell(desk, delivery, &webhook.url, outcome.as_ref().err()).await;
    match outcome {
        Ok(()) => end(desk, delivery, DeliveryState::Delivered, None).await,
        Err(error @ webhook::Error::Gone) => {
            let mut tx = bridge.store.begin().await?;
            tx.deactivate_webhook(webhook.id).await?;
            let key = (delivery.id, delivery.webhook);
            tx.delivery_ends(key, DeliveryState::Failed, Some(&error.to_string()))
                .await?;
            desk.finish(tx).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Finishes the job and remembers how it ended.
async fn end(desk: &Desk<'_>, delivery: &Delivery, state: DeliveryState, error: Option<&str>) -> Result<(), Failure> {
    let mut tx = desk.bridge.store.begin().await?;
    tx.delivery_ends((delivery.id, delivery.webhook), state, error).await?;
    desk.finish(tx).await
}

/// Tells those who look how an attempt went.
async fn tell(desk: &Desk<'_>, delivery: &Delivery, url: &str, error: Option<&webhook::Error>) {
    let live = &desk.bridge.live;
    if !live.is_watched() {
        return;
    }
    let number = serde_json::from_str::<Value>(&delivery.body)
        .ok()
        .and_then(|body| body["device_id"].as_str().map(str::to_owned));
    let found = async {
        let mut read = desk.bridge.store.read().await?;
        let webhook = read.find_webhook_by_id(delivery.webhook).await?;
        let (Some(number), Some(webhook)) = (number, webhook) else {
            return Ok(None);
        };
        read.find_device_by_number(webhook.identity, Platform::WhatsApp, &number)
            .await
    };
    if let Ok(Some(device)) = found.await {
        live.tell(&device, desk.bridge.clock().now(), || What::Delivery {
            url: url.to_owned(),
            error: error.map(ToString::to_string),
        });
    }
}

/// Milliseconds until the next attempt; `None` when the last one is over.
pub(super) fn next_attempt(desk: &Desk<'_>, delivery: &Delivery, after: Option<Duration>) -> Option<i64> {
    let now = desk.bridge.clock().now();
    let pause = webhook::schedule(desk.job.attempts, delivery.created_at, now, after)?;
    i64::try_from(pause.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;

    use super::*;

    #[test]
    fn a_file_stands_in_its_place_byte_for_byte_without_a_larger_text() {
        for size in [0, 1, 2, 3, 100_000] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let text = around("{\"content\":\"", &file, "\"}").unwrap();
            assert_eq!(text, format!("{{\"content\":\"{}\"}}", STANDARD.encode(&bytes)));
            assert_eq!(text.capacity(), text.len());
        }
    }
}
