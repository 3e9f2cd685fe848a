//! What became of the deliveries of a webhook, and sending one again.

use super::{Error, Inner};
use crate::{
    model::{Delivery, DeliveryId, IdentityId, Lane, WebhookId, Work},
    store::{DeliveryRecord, DeliveryState},
};

/// The last ones, newest first.
pub(super) async fn list(
    bridge: &Inner,
    identity: IdentityId,
    webhook: WebhookId,
) -> Result<Vec<DeliveryRecord>, Error> {
    let mut read = bridge.store.read().await?;
    read.find_webhook(identity, webhook)
        .await?
        .ok_or(Error::NotFound("Webhook"))?;
    Ok(read.list_deliveries(webhook).await?)
}

/// Sends one again, under its old id so that a receiver that has it can tell; one that still waits is hurried.
pub(super) async fn redeliver(
    bridge: &Inner,
    identity: IdentityId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<DeliveryRecord, Error> {
    let mut tx = bridge.store.begin().await?;
    let found = tx
        .find_webhook(identity, webhook)
        .await?
        .ok_or(Error::NotFound("Webhook"))?;
    let record = tx
        .find_delivery(webhook, id)
        .await?
        .ok_or(Error::NotFound("Delivery"))?;
    if !found.active {
        return Err(Error::Refused(
            "The webhook is switched off. Switch it on first.".into(),
        ));
    }
    if record.state == DeliveryState::Waiting {
        tx.hurry_delivery(webhook, id).await?;
    } else {
        let Some(payload) = record.payload else {
            return Err(Error::Refused(
                "The message was taken back; there is nothing to send.".into(),
            ));
        };
        // The schedule of attempts begins anew.
        let now = bridge.clock().now();
        let delivery = Delivery {
            created_at: now,
            ..payload
        };
        tx.delivery_begins_again(&delivery).await?;
        tx.push_job(&Lane::redelivery(webhook, id), &Work::Deliver(delivery), now)
            .await?;
    }
    let record = tx
        .find_delivery(webhook, id)
        .await?
        .ok_or(Error::NotFound("Delivery"))?;
    tx.commit().await?;
    Ok(record)
}
