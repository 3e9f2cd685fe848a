//! What happens to portal rooms themselves: the bot is sent away, the owner leaves, a room is replaced by another, or is
//! gone from the homeserver.
//!
//! A room that the bot is not in any more is let go of: the next message makes a new one. Whoever belongs in a room and
//! leaves it is asked back with the next message, once a day at most. A room that was upgraded is followed into its
//! successor as soon as the bot may come in.

use std::sync::Arc;

use ruma::{OwnedRoomId, RoomId, UserId};

use super::{Inner, abandon, error::Failure, portals, worker::Desk};
use crate::{
    model::{ChatKind, IdentityKind, PortalKey, RoomEvent, Work},
    store::Portal,
};

/// How many speakers of a room that was let go of are taken out of it.
const SPEAKERS: i64 = 200;
/// Milliseconds for which nobody is asked back again.
const ASK_AGAIN: i64 = 24 * 60 * 60 * 1000;

/// Somebody left a room or was sent away.
pub(super) async fn left(desk: &Desk<'_>, event: &RoomEvent, user: &UserId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let is_bot = user == bridge.homeserver.names().bot();
    let portal = bridge.store.read().await?.find_portal_by_room(&event.room).await?;
    let Some(portal) = portal else {
        if is_bot {
            let mut tx = bridge.store.begin().await?;
            tx.forget_management_room(&event.room).await?;
            return desk.finish(tx).await;
        }
        return desk.done().await;
    };
    if is_bot {
        // Somebody may have asked it back meanwhile.
        if is_lost(bridge, &event.room).await? {
            let_go(bridge, &portal).await?;
        }
        return desk.done().await;
    }
    if belongs(bridge, &portal, user).await? {
        let mut tx = bridge.store.begin().await?;
        tx.recall_to_portal(&portal.key, ASK_AGAIN).await?;
        return desk.finish(tx).await;
    }
    desk.done().await
}

/// Whether somebody is the owner or a member.
async fn belongs(bridge: &Inner, portal: &Portal, user: &UserId) -> Result<bool, Failure> {
    let mut read = bridge.store.read().await?;
    let Some((_, identity)) = read.find_owned_device(portal.key.device).await? else {
        return Ok(false);
    };
    let members = read.list_members(identity.id).await?;
    Ok(super::outgoing::may_speak(&identity, &members, user))
}

/// A room was replaced by another.
pub(super) async fn replaced(desk: &Desk<'_>, event: &RoomEvent, next: &RoomId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut tx = bridge.store.begin().await?;
    let Some(portal) = tx.find_portal_by_room(&event.room).await? else {
        return desk.finish(tx).await;
    };
    if tx.find_portal_by_room(next).await?.is_some() {
        return desk.finish(tx).await;
    }
    tx.set_next_room(&portal.key, Some(next)).await?;
    tx.commit().await?;
    // Without an invitation the bot comes in only where everybody may; clients invite it after an upgrade.
    follow(bridge, &portal, next).await?;
    desk.done().await
}

/// One of ours was invited into a room: whether it is the successor of a portal room, which is settled then.
pub(super) async fn invited(desk: &Desk<'_>, event: &RoomEvent, user: &UserId) -> Result<bool, Failure> {
    let bridge = desk.bridge;
    let bot = bridge.homeserver.names().bot();
    let portal = bridge.store.read().await?.find_portal_by_next_room(&event.room).await?;
    let Some(portal) = portal else {
        return if user == bot {
            bot_is_back(desk, event).await
        } else {
            Ok(false)
        };
    };
    if user != bot {
        let actor = bridge.homeserver.as_user(user);
        match actor.join(&*event.room).await {
            Ok(_) => actor.invite(&event.room, bot).await,
            Err(error) => Err(error),
        }
        .or_else(|error| if error.is_transient() { Err(error) } else { Ok(()) })?;
    }
    follow(bridge, &portal, &event.room).await?;
    desk.done().await?;
    Ok(true)
}

/// The bot was invited into a room that is a portal already: a successor that was followed and is not ready yet. It is no
/// place for commands.
async fn bot_is_back(desk: &Desk<'_>, event: &RoomEvent) -> Result<bool, Failure> {
    let bridge = desk.bridge;
    let (portal, device) = {
        let mut read = bridge.store.read().await?;
        let Some(portal) = read.find_portal_by_room(&event.room).await? else {
            return Ok(false);
        };
        let device = read.find_device(portal.key.device).await?;
        (portal, device)
    };
    bridge.homeserver.as_bot().join(&*event.room).await?;
    if let Some(device) = device {
        portals::ensure(bridge, &device, &portal.key.chat, portal.kind, None).await?;
    }
    desk.done().await?;
    Ok(true)
}

/// Whether a room that the bot came into replaces a portal room, of which the news are not done yet: each of the two rooms
/// names the other.
pub(super) async fn will_follow(bridge: &Inner, room: &RoomId) -> Result<bool, Failure> {
    let bot = bridge.homeserver.as_bot();
    let created = bot.get_state(room, "m.room.create", "").await?.unwrap_or_default();
    let Some(before) = created["predecessor"]["room_id"]
        .as_str()
        .and_then(|room| <&RoomId>::try_from(room).ok())
    else {
        return Ok(false);
    };
    let mut read = bridge.store.read().await?;
    let is_portal = read.find_portal_by_room(before).await?.is_some();
    // Asked in this order: whoever moves it meanwhile has moved it here.
    let has_moved = read.find_portal_by_room(room).await?.is_some();
    drop(read);
    Ok(has_moved || (is_portal && is_replaced_by(bridge, before, room).await?))
}

/// Whether a room says that another one takes its place.
pub(super) async fn is_replaced_by(bridge: &Inner, before: &RoomId, room: &RoomId) -> Result<bool, Failure> {
    let replaced = match bridge
        .homeserver
        .as_bot()
        .get_state(before, "m.room.tombstone", "")
        .await
    {
        Ok(state) => state.unwrap_or_default(),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(false),
    };
    Ok(replaced["replacement_room"].as_str() == Some(room.as_str()))
}

/// Goes into the successor of a portal room and makes it the portal; not being let in (yet) changes nothing.
async fn follow(bridge: &Arc<Inner>, portal: &Portal, next: &RoomId) -> Result<(), Failure> {
    let bot = bridge.homeserver.as_bot();
    match bot.join(next).await {
        Ok(_) => {}
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "the successor of a portal room waits for an invitation of the bot");
            return Ok(());
        }
    }
    let created = bot.get_state(next, "m.room.create", "").await?.unwrap_or_default();
    let before = created["predecessor"]["room_id"].as_str().map(str::to_owned);
    if before.as_deref() != portal.room.as_ref().map(|room| room.as_str()) {
        tracing::warn!("a room that says it replaces a portal room was made for another one");
        bot.leave(next).await?;
        let mut tx = bridge.store.begin().await?;
        tx.set_next_room(&portal.key, None).await?;
        return Ok(tx.commit().await?);
    }
    let moved = Portal {
        room: Some(OwnedRoomId::from(next)),
        ready: false,
        ..portal.clone()
    };
    let mut tx = bridge.store.begin().await?;
    if !tx.settle_portal(&moved, portal.room.as_deref()).await? {
        // It was let go of meanwhile, or somebody else was faster.
        return Ok(());
    }
    tx.set_next_room(&portal.key, None).await?;
    let device = tx.find_device(portal.key.device).await?;
    tx.commit().await?;
    if let Some(before) = &portal.room {
        go_out_of_spaces(bridge, before).await;
    }
    fail::fail_point!("bridge.moving.followed");
    if let Some(device) = device {
        portals::ensure(bridge, &device, &portal.key.chat, portal.kind, None).await?;
    }
    Ok(())
}

/// Whether the bot is not in a room (any more), or there is none.
async fn is_lost(bridge: &Inner, room: &RoomId) -> Result<bool, Failure> {
    let bot = bridge.homeserver.as_bot();
    match bot.membership(room, bot.user()).await {
        Ok(membership) => Ok(membership.as_deref() != Some("join")),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(true),
    }
}

/// Forgets the room of a portal; ours who are still in it go out. The next message makes a new room.
async fn let_go(bridge: &Arc<Inner>, portal: &Portal) -> Result<(), Failure> {
    let Some(room) = &portal.room else { return Ok(()) };
    tracing::info!(%room, "a portal room is let go of");
    let mut read = bridge.store.read().await?;
    let mut ours = read.list_speakers(room, SPEAKERS).await?;
    if let Some(contact) = bridge.network.direct_contact(&portal.key.chat)
        && portal.kind == ChatKind::Direct
        && let Some(ghost) = read.find_ghost(&contact).await?
    {
        ours.push(ghost.user);
    }
    if let Some((_, identity)) = read.find_owned_device(portal.key.device).await?
        && identity.kind == IdentityKind::Registered
    {
        ours.push(identity.user);
    }
    drop(read);
    let mut tx = bridge.store.begin().await?;
    tx.forget_portal_room(&portal.key, room).await?;
    tx.commit().await?;
    go_out_of_spaces(bridge, room).await;
    ours.sort();
    ours.dedup();
    ours.push(bridge.homeserver.names().bot().to_owned());
    for user in ours.iter().filter(|user| bridge.homeserver.names().is_ours(user)) {
        if let Err(error) = bridge.homeserver.as_user(user).leave(room).await {
            tracing::debug!(%error, "one of ours could not leave a room that was let go of");
        }
    }
    Ok(())
}

/// Nothing waits for that: a room too many in a space does no harm.
async fn go_out_of_spaces(bridge: &Inner, room: &RoomId) {
    if let Err(failure) = abandon::leave_spaces(bridge, room).await {
        tracing::info!(?failure, "a room that is a portal no more stays in its space");
    }
}

/// What a failure for good means: when the room of its chat is lost, the room is let go of and the job done again.
pub(super) async fn second_thoughts(desk: &Desk<'_>, why: String) -> Failure {
    let key = match &desk.job.work {
        Work::Incoming(event) => PortalKey::new(event.device, event.chat.clone()),
        Work::Send { chat, outgoing } => PortalKey::new(outgoing.device, chat.clone()),
        Work::FromMatrix(_)
        | Work::Resolve(_)
        | Work::BeginChat(_)
        | Work::SyncContacts { .. }
        | Work::Deliver(_)
        | Work::Notice { .. }
        | Work::Status { .. }
        | Work::Expire { .. }
        | Work::ClosePoll { .. }
        | Work::Unpin { .. }
        | Work::ShowTimer { .. }
        | Work::Fetch { .. }
        | Work::ShowRead { .. }
        | Work::TellRead { .. }
        | Work::ReadElsewhere { .. }
        | Work::CompareGroups { .. }
        | Work::LookAtGroup { .. }
        | Work::Gather { .. }
        | Work::Furnish { .. }
        | Work::History { .. }
        | Work::OpenChats { .. }
        | Work::Place { .. }
        | Work::Older(_)
        | Work::Forget
        | Work::ShowOwnRead { .. }
        | Work::ShowMarks { .. }
        | Work::TellMarks { .. }
        | Work::LookAt { .. }
        | Work::Abandon { .. }
        | Work::RetireIdentity { .. }
        | Work::Admit { .. }
        | Work::Part { .. }
        | Work::TellLink { .. }
        | Work::Change(_)
        | Work::Unlink { .. } => return Failure::Never(why),
    };
    match mend(desk.bridge, &key).await {
        Ok(true) => Failure::Later { why, after: None },
        Ok(false) => Failure::Never(why),
        Err(failure) => failure,
    }
}

/// Lets go of the room of a chat when it cannot be spoken in any more; whether it did.
async fn mend(bridge: &Arc<Inner>, key: &PortalKey) -> Result<bool, Failure> {
    let portal = bridge.store.read().await?.find_portal(key).await?;
    let Some((portal, room)) = portal.and_then(|portal| Some((portal.clone(), portal.room?))) else {
        return Ok(false);
    };
    let was_replaced = bridge.store.read().await?.find_next_room(key).await?.is_some();
    if !was_replaced && !is_lost(bridge, &room).await? {
        return Ok(false);
    }
    let_go(bridge, &portal).await?;
    Ok(true)
}

/// Whether somebody went out of a room by themselves, or was sent out: they are asked back, never fetched.
pub(super) async fn went_out(bridge: &Inner, room: &RoomId, user: &UserId) -> bool {
    let membership = bridge.homeserver.as_bot().membership(room, user).await;
    matches!(membership, Ok(Some(membership)) if membership == "leave" || membership == "ban")
}
