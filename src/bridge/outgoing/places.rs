//! Live locations of Matrix (MSC3672): where somebody is when they begin crosses, as a place.
//!
//! Networks do not let linked devices share where their owner goes: what follows stays in Matrix, and a notice says so. The
//! message is that of the event which began it, so that taking that back takes the place back.

use ruma::EventId;

use super::{super::worker::Desk, Failure, push_notice, say, stage};
use crate::{
    matrix::incoming::Said,
    model::{RoomEvent, Sender},
};

/// What is told once for each live location.
const ONLY_THE_START: &str = "WhatsApp cannot follow a live location from here: people there see where it began.";

/// The event that began a live location, as far as its message is concerned.
pub(super) fn shared(event: &RoomEvent, share: &EventId) -> RoomEvent {
    RoomEvent {
        event: share.to_owned(),
        ..event.clone()
    }
}

/// Sends the first place of a live location; those that follow are passed over.
pub(super) async fn begun(desk: &Desk<'_>, event: &RoomEvent, share: &EventId, said: &Said) -> Result<(), Failure> {
    let first = shared(event, share);
    let Some(stage) = stage::of(desk, &first).await? else {
        return Ok(());
    };
    let mut tx = desk.bridge.store.begin().await?;
    if tx
        .find_message(&stage.portal.key, &stage.id, &Sender::Owner)
        .await?
        .is_none()
    {
        push_notice(&mut tx, desk.bridge, &first, ONLY_THE_START).await?;
    }
    tx.commit().await?;
    say::say(&stage, said).await
}
