//! Invitations: of the bot, which opens a place for commands, and of a ghost, which opens a direct chat.

use std::{sync::Arc, time::Duration};

use ruma::{OwnedRoomId, RoomId, UserId};

use super::{Inner, chat_marks, error::Failure, ghosts, groups, moving, outgoing, portals, presence, worker::Desk};
use crate::{
    matrix::{self, incoming::Membership, transaction_id},
    model::{ChatKind, ContactId, Device, PortalKey, Recipient, RoomEvent, Sender},
    network,
    store::Portal,
};

/// For so long the news that a room was replaced may come after the invitations into its successor.
const FOLLOWED_WITHIN: Duration = Duration::from_mins(10);

/// Does what an invitation asks for.
pub(super) async fn take(
    desk: &Desk<'_>,
    event: &RoomEvent,
    (user, was): (&UserId, Membership),
    is_direct: bool,
) -> Result<(), Failure> {
    if moving::invited(desk, event, user).await? {
        return Ok(());
    }
    let names = desk.bridge.homeserver.names();
    if user == names.bot() {
        return bot(desk, event).await;
    }
    match names.ghost_name(user) {
        Some(name) => ghost(desk, event, (user, was, name), is_direct).await,
        None => desk.done().await,
    }
}

async fn bot(desk: &Desk<'_>, event: &RoomEvent) -> Result<(), Failure> {
    let bridge = desk.bridge;
    ghosts::account(bridge, bridge.homeserver.names().bot()).await?;
    let actor = bridge.homeserver.as_bot();
    if !welcome(bridge, &event.sender) {
        actor.leave(&event.room).await?;
        return desk.done().await;
    }
    actor.join(&*event.room).await?;
    // The invitation may come before the news that a portal room was replaced: its successor is no place for commands.
    if moving::will_follow(bridge, &event.room).await? {
        return desk.done().await;
    }
    let hello = "Hello! I bridge WhatsApp. Write `help` to see what I understand, or `login qr` to link a phone.";
    let txn = transaction_id(&["welcome", event.room.as_str(), event.event.as_str()]);
    actor
        .send(
            &event.room,
            "m.room.message",
            &matrix::outgoing::notice(hello, None),
            &txn,
            None,
        )
        .await?;
    let mut tx = bridge.store.begin().await?;
    tx.set_management_room(&event.sender, &event.room).await?;
    desk.finish(tx).await
}

/// Whether a user may talk to the bot: by default everybody on our own homeserver.
pub(super) fn welcome(bridge: &Inner, user: &UserId) -> bool {
    let patterns = &bridge.config.users;
    if patterns.is_empty() {
        return user.server_name() == bridge.homeserver.names().bot().server_name();
    }
    patterns.iter().any(|pattern| match pattern.strip_prefix("*:") {
        Some(server) => user.server_name() == server,
        None => user == pattern.as_str(),
    })
}

async fn ghost(
    desk: &Desk<'_>,
    event: &RoomEvent,
    (user, was, name): (&UserId, Membership, &str),
    direct: bool,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some(contact) = bridge.network.contact_of_ghost(name).await? else {
        return decline(desk, event, user, "This is no WhatsApp number.").await;
    };
    let portal = bridge.store.read().await?.find_portal_by_room(&event.room).await?;
    if let Some(portal) = portal {
        // Invited into a room that is a portal already: a direct chat's own ghost comes back, others stay out.
        let own = bridge
            .network
            .direct_contact(&portal.key.chat)
            .is_some_and(|own| own == contact);
        if own {
            portals::enter(bridge, &event.room, user).await?;
            // What the bot may not say of a room that a person made, its ghost may, and was not there to say.
            let mut tx = bridge.store.begin().await?;
            groups::push_furnish(&mut tx, bridge, &portal.key, None).await?;
            return desk.finish(tx).await;
        }
        if portal.kind == ChatKind::Group {
            return outgoing::invited(desk, event, (user, Sender::Contact(contact)), was).await;
        }
        return decline(
            desk,
            event,
            user,
            "This is a chat of two. `create-group` makes a group.",
        )
        .await;
    }
    let Some(device) = device_of(bridge, &event.sender).await? else {
        return decline(
            desk,
            event,
            user,
            "You have no linked WhatsApp device. Write `login qr` to the bot first.",
        )
        .await;
    };
    if let Some(phone) = phone_of(name) {
        match bridge.network.find(device.id, &Recipient::Phone(phone)).await {
            Ok(_) => {}
            Err(network::Error::NotFound(_)) => {
                return decline(desk, event, user, "This number is not on WhatsApp.").await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    ghosts::ensure(bridge, device.id, &contact, None).await?;
    let key = PortalKey::new(device.id, bridge.network.direct_chat(&contact));
    let known = bridge
        .store
        .read()
        .await?
        .find_portal(&key)
        .await?
        .and_then(|portal| portal.room);
    match known {
        None if direct && adopt(bridge, event, user, &key, &contact, &device).await? => desk.done().await,
        Some(before)
            if desk.waited() < FOLLOWED_WITHIN && moving::is_replaced_by(bridge, &before, &event.room).await? =>
        {
            Err(Failure::Later {
                why: "the news that the room of the chat was replaced come first".into(),
                after: Some(Duration::from_secs(1)),
            })
        }
        _ => move_over(desk, event, user, &device, &key).await,
    }
}

/// The digits of a ghost that is named by its number.
fn phone_of(name: &str) -> Option<String> {
    name.bytes().all(|b| b.is_ascii_digit()).then(|| name.to_owned())
}

/// The device a user writes through: their own, else one of an identity they are a member of; a live one first.
pub(super) async fn device_of(bridge: &Inner, user: &UserId) -> Result<Option<Device>, Failure> {
    let mut read = bridge.store.read().await?;
    let mut identities: Vec<_> = read
        .find_identity_by_user(user)
        .await?
        .map(|identity| identity.id)
        .into_iter()
        .collect();
    identities.extend(read.list_identities_of_member(user).await?);
    let mut devices = Vec::new();
    for identity in identities {
        devices.extend(read.list_devices(identity).await?);
    }
    let live = devices
        .iter()
        .position(|device| bridge.link(device.id).is_some_and(|link| link.is_up()));
    Ok(match live {
        Some(at) => Some(devices.swap_remove(at)),
        None => devices.into_iter().next(),
    })
}

async fn decline(desk: &Desk<'_>, event: &RoomEvent, user: &UserId, why: &str) -> Result<(), Failure> {
    say_and_leave(desk.bridge, event, user, why).await?;
    desk.done().await
}

/// The ghost comes in, says one sentence and leaves. Repeating it changes nothing.
async fn say_and_leave(bridge: &Inner, event: &RoomEvent, user: &UserId, text: &str) -> Result<(), Failure> {
    let actor = bridge.homeserver.as_user(user);
    match actor.join(&*event.room).await {
        Ok(_) => {
            let txn = transaction_id(&["decline", event.event.as_str(), user.as_str()]);
            actor
                .send(
                    &event.room,
                    "m.room.message",
                    &matrix::outgoing::notice(text, None),
                    &txn,
                    None,
                )
                .await?;
        }
        // We left the room on an earlier attempt, or were thrown out: everything is said.
        Err(error) if error.is_forbidden() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    actor.leave(&event.room).await?;
    Ok(())
}

/// Makes the room the user opened the portal itself, when the bot can be brought in and the room can be read.
async fn adopt(
    bridge: &Arc<Inner>,
    event: &RoomEvent,
    user: &UserId,
    key: &PortalKey,
    contact: &ContactId,
    device: &Device,
) -> Result<bool, Failure> {
    let room: &RoomId = &event.room;
    let actor = bridge.homeserver.as_user(user);
    actor.join(room).await?;
    if actor.get_state(room, "m.room.encryption", "").await?.is_some() {
        return Ok(false);
    }
    let bot = bridge.homeserver.names().bot().to_owned();
    ghosts::account(bridge, &bot).await?;
    match actor.invite(room, &bot).await {
        Ok(()) => {
            bridge.homeserver.as_bot().join(room).await?;
        }
        Err(error) if error.is_forbidden() => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let (identity, members) = {
        let mut read = bridge.store.read().await?;
        let Some(identity) = read.find_identity(device.identity).await? else {
            return Ok(false);
        };
        (identity, read.list_members(device.identity).await?)
    };
    for other in members
        .iter()
        .chain([&identity.user])
        .filter(|other| **other != event.sender)
    {
        if let Err(error) = actor.invite(room, other).await {
            tracing::info!(%error, "somebody could not be invited into a room that a user opened");
            return Ok(false);
        }
    }
    if bridge.homeserver.names().is_ours(&identity.user) {
        ghosts::account(bridge, &identity.user).await?;
        bridge.homeserver.as_user(&identity.user).join(room).await?;
    }
    let name = ghosts::called(bridge, device.id, contact).await?;
    let portal = Portal {
        key: key.clone(),
        room: Some(OwnedRoomId::from(room)),
        kind: ChatKind::Direct,
        name: Some(name),
        ready: true,
    };
    let mut tx = bridge.store.begin().await?;
    if tx.settle_portal(&portal, None).await? {
        groups::push_furnish(&mut tx, bridge, &portal.key, None).await?;
        chat_marks::room_is_made(bridge, &mut tx, &portal.key).await?;
        tx.commit().await?;
        presence::watch(bridge, &portal.key).await;
        return Ok(true);
    }
    drop(tx);
    // Somebody wrote meanwhile, and the chat has its room. The ghost says so before it leaves.
    for ours in [&bot, &identity.user]
        .into_iter()
        .filter(|user| bridge.homeserver.names().is_ours(user))
    {
        match bridge.homeserver.as_user(ours).leave(room).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::info!(%error, "one of ours stays in a room that is no portal"),
            Ok(()) => {}
        }
    }
    Ok(false)
}

/// Points to the portal room, invites the user there, and leaves the room they opened.
async fn move_over(
    desk: &Desk<'_>,
    event: &RoomEvent,
    user: &UserId,
    device: &Device,
    key: &PortalKey,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let room = portals::ensure(bridge, device, &key.chat, ChatKind::Direct, None).await?;
    bridge.homeserver.as_bot().invite(&room.id, &event.sender).await?;
    let text = format!("This chat is bridged in another room: https://matrix.to/#/{}", room.id);
    decline(desk, event, user, &text).await
}
