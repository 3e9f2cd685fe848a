//! Which webhooks hear about what, with which payload, and when again.
//!
//! The payload keeps the eleven keys of the guide; what we know beyond them is added, never put in their place.

use std::time::Duration;

use ruma::EventId;
use serde_json::json;

use super::{error::Failure, portals::Room, worker::Desk};
use crate::{
    model::{ChatKind, ContactId, Delivery, DeliveryId, Device, Event, Identity, Lane, PortalKey, Work},
    store::Tx,
    webhook,
};

/// What a contact said, as it was shown.
pub(super) struct Said<'a> {
    pub(super) device: &'a Device,
    pub(super) identity: &'a Identity,
    pub(super) room: &'a Room,
    pub(super) event: &'a Event,
    pub(super) contact: &'a ContactId,
    pub(super) text: &'a str,
    pub(super) shown: &'a EventId,
    pub(super) reply_to: Option<&'a EventId>,
}

/// Promises a delivery to every active webhook of the identity.
pub(super) async fn push(desk: &Desk<'_>, tx: &mut Tx, said: &Said<'_>) -> Result<(), Failure> {
    let webhooks = tx.list_webhooks(said.identity.id).await?;
    if !webhooks.iter().any(|webhook| webhook.active) {
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
    for webhook in webhooks.into_iter().filter(|webhook| webhook.active) {
        let delivery = Delivery {
            id: DeliveryId::generate(),
            webhook: webhook.id,
            contact: said.contact.clone(),
            created_at: now,
            body: body.clone(),
        };
        tx.push_job(&Lane::delivery(webhook.id, &key), &Work::Deliver(delivery), now)
            .await?;
    }
    Ok(())
}

fn payload(desk: &Desk<'_>, said: &Said<'_>, spelling: Option<&str>, name: Option<&str>) -> String {
    let ghost_name = desk.bridge.network.ghost_name(said.contact);
    let ghost = desk.bridge.homeserver.names().ghost(&ghost_name);
    let phone = ghost_name.bytes().all(|b| b.is_ascii_digit()).then_some(ghost_name);
    let is_group = said.room.kind == ChatKind::Group;
    json!({
        "id": said.shown,
        "is_contact": spelling.is_some(),
        "type": "m.text",
        "from": spelling.unwrap_or(ghost.as_str()),
        "to": said.identity.user,
        "message": said.text,
        "device_id": said.device.number,
        "media": {
            "content": null,
            "info": { "size": 0, "mime_type": "", "width": 0, "height": 0, "blur_hash": "" }
        },
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

/// Does a job of kind `deliver`.
pub(super) async fn deliver(desk: &Desk<'_>, delivery: &Delivery) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let found = bridge.store.read().await?.find_webhook_by_id(delivery.webhook).await?;
    let Some(webhook) = found.filter(|webhook| webhook.active) else {
        return desk.done().await;
    };
    fail::fail_point!("bridge.deliver.before");
    let now = bridge.clock().now();
    let outcome = bridge
        .webhooks
        .deliver(&webhook.url, &webhook.secret, delivery.id, now, &delivery.body)
        .await;
    fail::fail_point!("bridge.deliver.after");
    let result = match &outcome {
        Ok(()) => "delivered",
        Err(error) if error.is_transient() => "failed",
        Err(_) => "refused",
    };
    metrics::counter!("wharf_deliveries_total", "result" => result).increment(1);
    match outcome {
        Ok(()) => desk.done().await,
        Err(webhook::Error::Gone) => {
            let mut tx = bridge.store.begin().await?;
            tx.deactivate_webhook(webhook.id).await?;
            desk.finish(tx).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Milliseconds until the next attempt; `None` when the last one is over.
pub(super) fn next_attempt(desk: &Desk<'_>, delivery: &Delivery, after: Option<Duration>) -> Option<i64> {
    let now = desk.bridge.clock().now();
    let pause = webhook::schedule(desk.job.attempts, delivery.created_at, now, after)?;
    i64::try_from(pause.as_millis()).ok()
}
