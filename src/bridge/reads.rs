//! Who has read what. The store knows which messages the owner has not read and how far each contact is; jobs bring the
//! other side to the same state, so that repeating one, or hearing our own echo, changes nothing.
//!
//! Deliberately not here: how far messages of the owner came (`news`), which is more than reading.

use std::sync::Arc;

use ruma::EventId;

use super::{Error, Inner, chat_marks, error::Failure, ghosts, outgoing::may_speak, worker::Desk};
use crate::{
    matrix::Actor,
    model::{
        Action, ChatId, ChatMark, ContactId, DeviceId, IdentityKind, Lane, MessageId, MessageRef, PortalKey, ReadUpTo,
        Sender, Timestamp, Work,
    },
    store::{Portal, Tx, UpTo},
};

/// How many messages are told as read at once.
const AT_ONCE: u32 = 1024;

/// Takes read receipts of the homeserver: a promise for each that the owner or a member made in a portal.
pub(super) async fn accept(bridge: &Arc<Inner>, receipts: Vec<ReadUpTo>) -> Result<(), Error> {
    let mut tx = bridge.store.begin().await?;
    take(bridge, &mut tx, receipts).await?;
    Ok(tx.commit().await?)
}

/// The same, with whatever else happens in the transaction.
pub(super) async fn take(bridge: &Inner, tx: &mut Tx, receipts: Vec<ReadUpTo>) -> Result<(), Error> {
    for receipt in receipts {
        if bridge.homeserver.names().is_ours(&receipt.user) {
            continue;
        }
        let Some(portal) = tx.find_portal_by_room(&receipt.room).await? else {
            continue;
        };
        let Some((_, identity)) = tx.find_owned_device(portal.key.device).await? else {
            continue;
        };
        let members = tx.list_members(identity.id).await?;
        if !may_speak(&identity, &members, &receipt.user) {
            continue;
        }
        let work = Work::TellRead {
            portal: portal.key.clone(),
            event: receipt.event,
            quietly: receipt.quietly,
        };
        tx.push_job(&Lane::reads(&portal.key), &work, bridge.clock().now())
            .await?;
    }
    Ok(())
}

/// Does a job of kind `tell_read`.
pub(super) async fn tell(desk: &Desk<'_>, key: &PortalKey, event: &EventId, quietly: bool) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some(up_to) = place(desk, key, event).await? else {
        return desk.done().await;
    };
    let id = bridge.network.message_id(event.as_str());
    let unmark = ChatMark::Unread(false);
    // All of it before what stands behind in the lane: that may take everything as read.
    loop {
        let unseen = bridge.store.read().await?.list_unseen(key, up_to, AT_ONCE).await?;
        if unseen.is_empty() {
            break;
        }
        let read = Action::Read {
            messages: unseen.clone(),
            quietly,
        };
        fail::fail_point!("bridge.read.act.before");
        bridge.network.act(key, &id, &read).await?;
        fail::fail_point!("bridge.read.act.after");
        let marked = bridge.store.read().await?.find_chat_marks(key).await?;
        let mut is_marked = marked.is_some_and(|marked| marked.marks.unread);
        if is_marked {
            match bridge.network.act(key, &id, &Action::Mark(unmark)).await {
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    tracing::info!(%error, "a mark could not be taken off a chat");
                    is_marked = false;
                }
                Ok(()) => {}
            }
        }
        let mut tx = bridge.store.begin().await?;
        tx.set_seen(key, &unseen).await?;
        if is_marked {
            chat_marks::set(bridge, &mut tx, key, unmark).await?;
        }
        tx.commit().await?;
        fail::fail_point!("bridge.read.seen.after");
    }
    desk.done().await
}

/// How far an event is. People also read up to what is no message: reactions, notices, changes of the room.
async fn place(desk: &Desk<'_>, key: &PortalKey, event: &EventId) -> Result<Option<UpTo>, Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let known = read.find_message_by_event(event).await?;
    if let Some(known) = known.filter(|known| known.portal == *key) {
        let said = MessageRef {
            id: known.id,
            sender: known.sender,
        };
        return Ok(read.find_stored_at(key, &said).await?.map(UpTo::Stored));
    }
    let Some(Portal { room: Some(room), .. }) = read.find_portal(key).await? else {
        return Ok(None);
    };
    drop(read);
    match bridge.homeserver.as_bot().time_of(&room, event).await {
        Ok(at) => Ok(at.map(UpTo::Moment)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "an event that was read could not be found");
            Ok(None)
        }
    }
}

/// A contact has read messages of the owner: promises to show it when that is new.
pub(super) async fn contact_read(
    bridge: &Inner,
    tx: &mut Tx,
    key: &PortalKey,
    (contact, messages): (&ContactId, &[MessageId]),
) -> Result<(), crate::store::Error> {
    if !tx.move_read_mark(key, contact, messages).await? {
        return Ok(());
    }
    let work = Work::ShowRead {
        portal: key.clone(),
        contact: contact.clone(),
    };
    tx.push_job(&Lane::reads(key), &work, bridge.clock().now()).await?;
    Ok(())
}

/// Does a job of kind `show_read`.
pub(super) async fn show(desk: &Desk<'_>, key: &PortalKey, contact: &ContactId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let mark = read.find_read_mark(key, contact).await?.filter(|mark| !mark.shown);
    let portal = read.find_portal(key).await?;
    let (Some(mark), Some(Portal { room: Some(room), .. })) = (mark, portal) else {
        drop(read);
        return desk.done().await;
    };
    let message = read.find_message(key, &mark.message, &Sender::Owner).await?;
    let parts = read.list_message_parts(key, &mark.message, &Sender::Owner).await?;
    let ghost = read.find_ghost(contact).await?.filter(|ghost| ghost.registered);
    drop(read);
    let (Some(message), Some(ghost)) = (message, ghost) else {
        return desk.done().await;
    };
    let Some(event) = parts.last().or(message.event.as_ref()) else {
        // They were faster than our own echo.
        if desk.waited() < bridge.config.target_patience() {
            return Err(Failure::Later {
                why: "the message that was read is not in the room yet".into(),
                after: None,
            });
        }
        return desk.done().await;
    };
    let slowly = Lane::slow_reads(key);
    if let Some(after) = bridge.pace.reader_waits(key) {
        if desk.job.lane == slowly {
            return Err(Failure::Turn(after));
        }
        // The lane of the chat goes on: what the owner reads waits for nobody else. Whoever reads on meanwhile is shown
        // once, as far as they came.
        let mut tx = bridge.store.begin().await?;
        let at = bridge.clock().now();
        tx.push_job(&slowly, &desk.job.work, at).await?;
        return desk.finish(tx).await;
    }
    match bridge.homeserver.as_user(&ghost.user).read(&room, event).await {
        Ok(()) => {}
        Err(error) if error.is_transient() => return Err(error.into()),
        // In a large group not everybody who reads has been brought into the room.
        Err(error) => tracing::debug!(%error, "that somebody read could not be shown"),
    }
    let mut tx = bridge.store.begin().await?;
    tx.set_read_mark_shown(key, contact, &mark.message).await?;
    desk.finish(tx).await
}

/// The owner has read on another device: promises that the room will be read too.
pub(super) async fn owner_read(
    bridge: &Inner,
    tx: &mut Tx,
    device: DeviceId,
    (chat, messages): (Option<ChatId>, Vec<MessageId>),
) -> Result<(), crate::store::Error> {
    let Some(first) = messages.first() else {
        return Ok(());
    };
    let lane = Lane::read_elsewhere(device, first);
    let work = Work::ReadElsewhere { device, chat, messages };
    tx.push_job(&lane, &work, bridge.clock().now()).await.map(drop)
}

/// Does a job of kind `read_elsewhere`.
pub(super) async fn elsewhere(
    desk: &Desk<'_>,
    device: DeviceId,
    chat: Option<&ChatId>,
    messages: &[MessageId],
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let mut newest: Option<(PortalKey, UpTo)> = None;
    for id in messages {
        for (found, sender) in read.list_chats_of_message(device, id).await? {
            let key = PortalKey::new(device, found);
            let fits = sender != Sender::Owner && chat.is_none_or(|chat| *chat == key.chat);
            let said = MessageRef { id: id.clone(), sender };
            if fits && let Some(at) = read.find_stored_at(&key, &said).await? {
                let is_newer = match &newest {
                    Some((_, UpTo::Stored(before) | UpTo::Moment(before))) => at >= *before,
                    None => true,
                };
                if is_newer {
                    newest = Some((key, UpTo::Stored(at)));
                }
            }
        }
    }
    drop(read);
    let Some((key, up_to)) = newest else {
        if desk.waited() < bridge.config.target_patience() {
            return Err(Failure::Later {
                why: "the message that was read is not here yet".into(),
                after: None,
            });
        }
        return desk.done().await;
    };
    is_read(desk, &key, up_to).await
}

/// The owner has read a chat so far: nothing of it is unread any more, and the real user's own marker moves.
async fn is_read(desk: &Desk<'_>, key: &PortalKey, up_to: UpTo) -> Result<(), Failure> {
    let bridge = desk.bridge;
    // Committed first: the homeserver tells us at once that the marker moved, and then nothing is left to be told.
    let mut tx = bridge.store.begin().await?;
    tx.set_seen_up_to(key, up_to).await?;
    tx.commit().await?;
    let mut read = bridge.store.read().await?;
    let newest = read.find_newest_seen(key).await?;
    let portal = read.find_portal(key).await?;
    drop(read);
    if let (Some(event), Some(Portal { room: Some(room), .. })) = (newest, portal)
        && let Some(owner) = reader(bridge, key.device).await?
    {
        match owner.has_read(&room, &event).await {
            Ok(()) => {}
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::debug!(%error, "the owner's marker could not be moved"),
        }
    }
    desk.done().await
}

/// Does a job of kind `show_own_read`.
pub(super) async fn show_own(desk: &Desk<'_>, key: &PortalKey, at: Timestamp) -> Result<(), Failure> {
    is_read(desk, key, UpTo::Moment(at)).await
}

/// Who reads for the owner in Matrix: the identity itself, or the real user through double puppeting. Nobody's ghost.
async fn reader(bridge: &Arc<Inner>, device: DeviceId) -> Result<Option<Actor>, Failure> {
    let mut read = bridge.store.read().await?;
    let Some((device, identity)) = read.find_owned_device(device).await? else {
        return Ok(None);
    };
    drop(read);
    match identity.kind {
        IdentityKind::Registered => Ok(Some(ghosts::owner(bridge, &device, &identity).await?)),
        IdentityKind::Real => Ok(bridge.homeserver.as_puppet(&identity.user)),
    }
}
