//! Pins that run out: a promise for each, kept however long we were away. A message knows until when it is pinned; a promise
//! that speaks of another moment was overtaken by a later pin, or by its end.

use super::{error::Failure, worker::Desk};
use crate::{
    model::{Lane, MessageRef, PortalKey, Timestamp, Work},
    store::Tx,
};

/// How long a message that is pinned in Matrix stays so: networks want an end, and this is what WhatsApp's own clients offer
/// first.
pub(super) const SECONDS: u32 = 7 * 24 * 60 * 60;

/// Promises to take a message from the top of its room at that moment; `None`: never, or it is not there.
pub(super) async fn promise_end(
    tx: &mut Tx,
    portal: &PortalKey,
    message: &MessageRef,
    until: Option<Timestamp>,
) -> Result<(), Failure> {
    tx.set_pinned_until(portal, message, until).await?;
    if let Some(until) = until {
        let work = Work::Unpin {
            portal: portal.clone(),
            message: message.clone(),
            until,
        };
        let lane = Lane::pin(portal, &message.id, until);
        tx.push_job(&lane, &work, until).await?;
    }
    Ok(())
}

/// Does a job of kind `unpin`: first at its time, then in its turn. All pins of a room stand in one state, so they are
/// changed one after the other.
pub(super) async fn end(
    desk: &Desk<'_>,
    portal: &PortalKey,
    message: &MessageRef,
    until: Timestamp,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let pinned_until = read.find_pinned_until(portal, message).await?;
    let found = read.find_message(portal, &message.id, &message.sender).await?;
    let room = read.find_portal(portal).await?.and_then(|portal| portal.room);
    drop(read);
    if pinned_until != Some(until) {
        return desk.done().await;
    }
    let turn = Lane::incoming(portal);
    let mut tx = bridge.store.begin().await?;
    if desk.job.lane != turn {
        tx.push_job(&turn, &desk.job.work, bridge.clock().now()).await?;
        return desk.finish(tx).await;
    }
    if let (Some(room), Some(event)) = (room, found.and_then(|found| found.event)) {
        bridge.homeserver.as_bot().pin(&room, &event, false).await?;
    }
    tx.set_pinned_until(portal, message, None).await?;
    desk.finish(tx).await
}
