//! Live locations of Matrix (MSC3672): where somebody is when they begin crosses, as a place.
//!
//! Networks do not let linked devices share where their owner goes: what follows stays in Matrix, and a notice says so. The
//! message is that of the event which began it, so that taking that back takes the place back.

use ruma::EventId;

use super::{
    super::{Inner, worker::Desk},
    Failure, push_notice, say, stage,
};
use crate::{
    matrix::incoming::{Said, is_share},
    model::{RoomEvent, Sender},
    store::MessageState,
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
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let known = match read.find_portal_by_room(&event.room).await? {
        Some(portal) => {
            let id = bridge.network.message_id(share.as_str());
            read.find_message(&portal.key, &id, &Sender::Owner).await?
        }
        None => None,
    };
    drop(read);
    let is_over = known.as_ref().is_some_and(|known| known.state != MessageState::Pending);
    // Whoever names something else, or what another began, shares nothing.
    if is_over || !is_theirs(bridge, event, share).await? {
        return desk.done().await;
    }
    let first = shared(event, share);
    let Some(stage) = stage::of(desk, &first).await? else {
        return Ok(());
    };
    if known.is_none() {
        let mut tx = bridge.store.begin().await?;
        push_notice(&mut tx, bridge, &first, ONLY_THE_START).await?;
        tx.commit().await?;
    }
    say::say(&stage, said).await
}

/// Whether who sends a place began the live location it names.
async fn is_theirs(bridge: &Inner, event: &RoomEvent, share: &EventId) -> Result<bool, Failure> {
    let found = bridge.homeserver.as_bot().event(&event.room, share).await;
    let json = match found {
        Ok(json) => json,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => None,
    };
    let began = json.and_then(|json| RoomEvent::read(&json, Some(&event.room)).ok());
    Ok(began.is_some_and(|began| began.sender == event.sender && is_share(&began.json)))
}
