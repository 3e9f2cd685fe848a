//! What real owners do in their own clients that nobody pushes to us: tags, silence, unread marks, and receipts that only
//! they shall know of. Where we may speak as a person we may also listen as them: one held request for each owner.
//!
//! News only says that something changed; a job then looks what the account says now and tells the network the
//! difference to what was shown there. So our own changes coming back change nothing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ruma::OwnedUserId;
use tokio::time::Instant;

use super::{Error, Inner, chat_marks, error::Failure, reads, worker::Desk};
use crate::{
    matrix::{AccountNews, Actor},
    model::{Action, ChatMark, ChatMarks, IdentityKind, Mute, PortalKey, Timestamp},
    store::{MarkedChat, Portal},
};

/// How often it is looked who there is to listen as.
const LOOK: Duration = Duration::from_secs(5);
/// The shortest time between two requests for one account.
const SHORTEST: Duration = Duration::from_millis(500);
/// Pause after a request that failed.
const TROUBLE: Duration = Duration::from_secs(10);

/// Starts to listen, where double puppeting is set up.
pub(super) fn start(bridge: &Arc<Inner>) {
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        let mut followed = BTreeSet::new();
        loop {
            for owner in owners(&bridge).await {
                if followed.insert(owner.user().to_owned()) {
                    let bridge = Arc::clone(&bridge);
                    bridge.tasks.clone().spawn(async move {
                        tokio::select! {
                            () = follow(&bridge, &owner) => {}
                            () = bridge.stop.cancelled() => {}
                        }
                    });
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = bridge.stop.cancelled() => return,
            }
        }
    });
}

/// The real owners of devices in whose name we may act.
async fn owners(bridge: &Inner) -> Vec<Actor> {
    let found = async {
        let mut read = bridge.store.read().await?;
        let mut users = BTreeSet::<OwnedUserId>::new();
        for device in read.list_all_devices().await? {
            let identity = read.find_identity(device.identity).await?;
            users.extend(
                identity
                    .filter(|it| it.kind == IdentityKind::Real)
                    .map(|identity| identity.user),
            );
        }
        Ok::<_, Error>(users)
    };
    match found.await {
        Ok(users) => users
            .iter()
            .filter_map(|user| bridge.homeserver.as_puppet(user))
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "owners of devices could not be listed");
            Vec::new()
        }
    }
}

async fn follow(bridge: &Arc<Inner>, owner: &Actor) {
    let mut in_trouble = false;
    loop {
        let begun = Instant::now();
        match once(bridge, owner).await {
            Ok(()) => {
                in_trouble = false;
                tokio::time::sleep_until(begun + SHORTEST).await;
            }
            Err(error) => {
                if !in_trouble {
                    tracing::warn!(%error, "the account of an owner cannot be followed");
                }
                in_trouble = true;
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

async fn once(bridge: &Arc<Inner>, owner: &Actor) -> Result<(), Error> {
    let since = bridge.store.read().await?.find_account_token(owner.user()).await?;
    let news = owner.account_news(since.as_deref()).await?;
    if since.as_deref() != Some(&news.next) {
        take(bridge, owner, news).await?;
    }
    Ok(())
}

/// Promises to look at what changed, and remembers how far the account was followed.
async fn take(bridge: &Arc<Inner>, owner: &Actor, news: AccountNews) -> Result<(), Error> {
    let mut tx = bridge.store.begin().await?;
    let mut keys = BTreeSet::new();
    for room in &news.rooms {
        if let Some(portal) = tx.find_portal_by_room(room).await?
            && let Some((_, identity)) = tx.find_owned_device(portal.key.device).await?
            && identity.user == owner.user()
        {
            keys.insert(portal.key);
        }
    }
    if let Some(silent) = &news.silent
        && let Some(identity) = tx.find_identity_by_user(owner.user()).await?
    {
        for device in tx.list_devices(identity.id).await? {
            for portal in tx.list_portals(device.id).await? {
                let Some(room) = &portal.room else { continue };
                let marked = tx.find_chat_marks(&portal.key).await?.unwrap_or_default();
                if (marked.shown.muted != Mute::No) != silent.contains(room) {
                    keys.insert(portal.key);
                }
            }
        }
    }
    for key in &keys {
        chat_marks::promise_to_tell(bridge, &mut tx, key).await?;
    }
    reads::take(bridge, &mut tx, news.read).await?;
    tx.set_account_token(owner.user(), &news.next).await?;
    tx.commit().await?;
    Ok(())
}

/// Does a job of kind `tell_marks`.
pub(super) async fn tell_marks(desk: &Desk<'_>, key: &PortalKey) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let portal = read.find_portal(key).await?;
    let whose = read.find_owned_device(key.device).await?;
    let marked = read.find_chat_marks(key).await?.unwrap_or_default();
    drop(read);
    let (Some(Portal { room: Some(room), .. }), Some((_, identity))) = (portal, whose) else {
        return desk.done().await;
    };
    let Some(owner) = bridge.homeserver.as_puppet(&identity.user) else {
        return desk.done().await;
    };
    let now = owner.room_in_account(&room).await?;
    let changes = changes(marked, now, bridge.clock().now());
    let id = bridge.network.message_id(&desk.job.id.0.to_string());
    for mark in &changes {
        bridge.network.act(key, &id, &Action::Mark(*mark)).await?;
    }
    let mut tx = bridge.store.begin().await?;
    // Asked first: whoever changes rooms holds them before the marks.
    let is_its_room = tx.is_room_of(key, &room).await?;
    for mark in &changes {
        chat_marks::set(bridge, &mut tx, key, *mark).await?;
    }
    if now != marked.shown && is_its_room {
        tx.set_chat_marks_shown(key, &now).await?;
    }
    desk.finish(tx).await
}

/// What a person changed in their account, in our words. What the phone has so already is no news: homeservers give the
/// successor of a room the tags and the silence of the room before.
fn changes(marked: MarkedChat, now: ChatMarks, at: Timestamp) -> Vec<ChatMark> {
    let (before, phone) = (marked.shown, chat_marks::in_account(marked.marks, at));
    let mut changes = Vec::new();
    if now.muted != before.muted && now.muted != phone.muted {
        changes.push(ChatMark::Muted(now.muted));
    }
    if now.archived != before.archived && now.archived != phone.archived {
        changes.push(ChatMark::Archived(now.archived));
    }
    if now.pinned != before.pinned && now.pinned != phone.pinned {
        changes.push(ChatMark::Pinned(now.pinned));
    }
    if now.unread != before.unread && now.unread != phone.unread {
        changes.push(ChatMark::Unread(now.unread));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b46_only_what_the_phone_has_otherwise_is_told() {
        let at = Timestamp::from_secs(1_800_000_000);
        let marks = |pinned, muted| ChatMarks {
            muted,
            pinned,
            ..ChatMarks::default()
        };
        let marked = |phone, shown| MarkedChat { marks: phone, shown };
        let silent = marks(true, Mute::Until(at.plus_millis(1)));
        let nothing = ChatMarks::default();
        // A new room shows nothing yet, or what the homeserver brought along: neither is told.
        assert_eq!(changes(marked(silent, nothing), nothing, at), []);
        let copied = marks(true, Mute::Forever);
        assert_eq!(changes(marked(silent, nothing), copied, at), []);
        // What the owner takes away of what was shown is.
        let taken = [ChatMark::Muted(Mute::No), ChatMark::Pinned(false)];
        assert_eq!(changes(marked(silent, copied), nothing, at), taken);
        assert_eq!(
            changes(marked(nothing, nothing), marks(true, Mute::No), at),
            [ChatMark::Pinned(true)]
        );
    }
}
