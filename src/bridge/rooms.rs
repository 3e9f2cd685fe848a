//! What the homeserver shows us: events become jobs in one transaction, each once, by its event id. Push and repair
//! both come in here.
//!
//! Never by transaction id: some homeservers begin to count again after a restart.

use std::sync::Arc;

use super::{Error, Inner};
use crate::{
    matrix::incoming::{Incoming, read},
    model::{Lane, RoomEvent, Work},
    store::Tx,
};

/// Takes events for good.
pub(super) async fn accept(bridge: &Arc<Inner>, events: Vec<RoomEvent>) -> Result<(), Error> {
    let events: Vec<_> = events.into_iter().filter(|event| concerns_us(bridge, event)).collect();
    if events.is_empty() {
        return Ok(());
    }
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    for event in events {
        if !tx.accept_event(&event.event, now).await? {
            continue;
        }
        let lane = lane(&mut tx, &event).await?;
        tx.push_job(&lane, &Work::FromMatrix(event), now).await?;
    }
    fail::fail_point!("bridge.accept.before");
    tx.commit().await?;
    fail::fail_point!("bridge.accept.after");
    Ok(())
}

async fn lane(tx: &mut Tx, event: &RoomEvent) -> Result<Lane, Error> {
    Ok(match tx.find_portal_by_room(&event.room).await? {
        Some(portal) => Lane::outgoing(&portal.key),
        None => Lane::room(&event.room),
    })
}

/// Our own echoes and what we never act upon need no job. What cannot be read is left to the job, which says so.
fn concerns_us(bridge: &Inner, event: &RoomEvent) -> bool {
    if bridge.homeserver.names().is_ours(&event.sender) {
        return false;
    }
    match read(&event.json) {
        Ok(Incoming::Notice(_) | Incoming::Edit { is_notice: true, .. }) => bridge.config.notices,
        Ok(
            Incoming::Say(_)
            | Incoming::Edit { .. }
            | Incoming::React { .. }
            | Incoming::Redact { .. }
            | Incoming::Vote { .. }
            | Incoming::EndPoll { .. }
            | Incoming::Moved { .. }
            | Incoming::Pins { .. }
            | Incoming::Left { .. }
            | Incoming::Replaced { .. }
            | Incoming::Room(_),
        )
        | Err(_) => true,
        Ok(Incoming::Invite { user, .. }) => bridge.homeserver.names().is_ours(&user),
        Ok(Incoming::Joined { .. } | Incoming::Ours | Incoming::Ignored(_)) => false,
    }
}
