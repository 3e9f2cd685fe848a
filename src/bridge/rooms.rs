//! What the homeserver shows us: events become jobs in one transaction, each once, by its event id. Push and repair
//! both come in here.
//!
//! Never by transaction id: some homeservers begin to count again after a restart.

use std::sync::Arc;

use ruma::{OwnedUserId, RoomId};

use super::{Error, Inner, outgoing::may_speak};
use crate::{
    matrix::incoming::{Incoming, read},
    model::{Action, Lane, PortalKey, RoomEvent, Sender, Work},
    store::{Portal, Tx},
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
        Ok(
            Incoming::Say(_)
            | Incoming::Edit { .. }
            | Incoming::React { .. }
            | Incoming::Redact { .. }
            | Incoming::Vote { .. }
            | Incoming::EndPoll { .. }
            | Incoming::Pins { .. },
        )
        | Err(_) => true,
        Ok(Incoming::Invite { user, .. }) => bridge.homeserver.names().is_ours(&user),
        Ok(Incoming::Notice(_)) => bridge.config.notices,
        Ok(Incoming::Left { .. } | Incoming::Replaced { .. }) => true,
        Ok(Incoming::Joined { .. } | Incoming::Ours | Incoming::Ignored(_)) => false,
    }
}

/// Passes on that somebody types in a portal room.
pub(super) async fn typing(bridge: &Arc<Inner>, room: &RoomId, users: &[OwnedUserId]) {
    let users: Vec<_> = users
        .iter()
        .filter(|user| !bridge.homeserver.names().is_ours(user))
        .collect();
    let found = async {
        let mut read = bridge.store.read().await?;
        let Some(portal) = read.find_portal_by_room(room).await? else {
            return Ok(None);
        };
        let Some(device) = read.find_device(portal.key.device).await? else {
            return Ok(None);
        };
        let Some(identity) = read.find_identity(device.identity).await? else {
            return Ok(None);
        };
        let members = read.list_members(identity.id).await?;
        Ok::<_, Error>(Some((portal, identity, members)))
    };
    let Ok(Some((portal, identity, members))) = found.await else {
        return;
    };
    if !bridge.network.capabilities().typing {
        return;
    }
    let typing = users.iter().any(|user| may_speak(&identity, &members, user));
    let id = bridge.network.message_id("typing");
    if let Err(error) = bridge.network.act(&portal.key, &id, &Action::Typing(typing)).await {
        tracing::debug!(%error, "typing was not passed on");
    }
}

/// Shows in a portal room that a contact types.
pub(super) async fn show_typing(bridge: &Inner, key: &PortalKey, sender: &Sender, typing: bool) -> Result<(), Error> {
    let Sender::Contact(contact) = sender else {
        return Ok(());
    };
    let mut read = bridge.store.read().await?;
    let Some(Portal {
        room: Some(room),
        ready: true,
        ..
    }) = read.find_portal(key).await?
    else {
        return Ok(());
    };
    let Some(ghost) = read.find_ghost(contact).await? else {
        return Ok(());
    };
    drop(read);
    let actor = bridge.homeserver.as_user(&ghost.user);
    Ok(actor.typing(&room, typing, std::time::Duration::from_secs(20)).await?)
}
