//! The time before: what a network told of it becomes rows, chats that were spoken in lately become rooms, and older
//! messages come when somebody asks.
//!
//! Parts of history have a lane for each device and are read page by page: each page is one transaction that promises
//! the next. Rooms are opened one after the other, so that live messages of other chats never queue up behind them.
//! How messages of before are shown is in `incoming::past`.

use std::{sync::Arc, time::Duration};

use super::{Inner, error::Failure, timers, worker::Desk};
use crate::{
    model::{ChatKind, DeviceId, Lane, PastChat, PortalKey, Timestamp, Work},
    network,
    store::{self, Tx},
};

/// How many messages go into one transaction: others write in between.
const AT_ONCE: usize = 100;
/// After so long without a further part, the phone has told what it wanted to tell.
const QUIET: Duration = Duration::from_mins(1);
/// How often to look whether a chat is open, or everything is told.
const LOOK: Duration = Duration::from_millis(250);
/// How long a part may wait for its device to be written down.
const UNKNOWN_DEVICE: Duration = Duration::from_mins(2);
/// How long a first message waits for the history of its chat that is just being stored.
const FIRST_WAITS: Duration = Duration::from_secs(30);

/// A day, in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1000;

fn again(why: &str, after: Duration) -> Failure {
    Failure::Later {
        why: why.to_owned(),
        after: Some(after),
    }
}

/// Does a job of kind `history`: stores a page.
pub(super) async fn store(desk: &Desk<'_>, device: DeviceId, part: &str, from: u64) -> Result<(), Failure> {
    let bridge = desk.bridge;
    if bridge.store.read().await?.find_device(device).await?.is_none() {
        // A phone tells as soon as it is linked, which may be a moment before the device is written down.
        if desk.waited() < UNKNOWN_DEVICE {
            return Err(again("the device is not known yet", LOOK));
        }
        return desk.done().await;
    }
    let page = match bridge.network.past(device, part, from).await {
        Ok(page) => page,
        // Stored already, or the device is gone.
        Err(network::Error::Gone | network::Error::NotLinked) => return desk.done().await,
        Err(error) => return Err(error.into()),
    };
    for chat in &page.chats {
        remember(bridge, device, chat).await?;
    }
    fail::fail_point!("bridge.history.page");
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    if let Some(progress) = page.progress {
        tx.set_history_progress(device, progress).await?;
    }
    if let Some(from) = page.next {
        let work = Work::History {
            device,
            part: part.to_owned(),
            from,
        };
        tx.push_job(&Lane::history(device), &work, now).await?;
        return desk.finish(tx).await;
    }
    // A part that is forgotten says nothing any more: whatever follows from it stands before.
    if bridge.config.history_messages > 0 {
        open_later(&mut tx, device, now).await?;
    }
    tx.commit().await?;
    fail::fail_point!("bridge.history.told");
    bridge.network.forget_past(device, part).await?;
    fail::fail_point!("bridge.history.forgotten");
    desk.done().await
}

/// Stores a chat and its messages; what is stored already stays as it is, so a page may be stored again.
async fn remember(bridge: &Inner, device: DeviceId, chat: &PastChat) -> Result<(), store::Error> {
    let key = PortalKey::new(device, chat.chat.clone());
    let mut tx = bridge.store.begin().await?;
    if let Some(facts) = &chat.facts {
        tx.remember_chat(device, chat, facts).await?;
        if chat.kind == ChatKind::Direct {
            timers::learn(bridge, &mut tx, &key, (facts.timer, facts.timer_at)).await?;
        }
    }
    tx.commit().await?;
    let too_old = bridge.config.kept_since(bridge.clock().now());
    for messages in chat.messages.chunks(AT_ONCE) {
        let mut tx = bridge.store.begin().await?;
        for message in messages {
            if too_old.is_none_or(|since| message.at >= since) {
                tx.remember_message(&key, message).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn open_later(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<(), Failure> {
    let lane = Lane::opening(device);
    let work = Work::OpenChats { device };
    if !tx.has_jobs(&lane, work.kind()).await? {
        tx.push_job(&lane, &work, now).await?;
    }
    Ok(())
}

/// Does a job of kind `open_chats`: the chats that were spoken in lately become rooms, the newest first, one at a time.
pub(super) async fn open_chats(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let now = bridge.clock().now();
    let since = now.plus_millis(-DAY.saturating_mul(bridge.config.history_days.into()));
    let mut tx = bridge.store.begin().await?;
    if tx.find_device(device).await?.is_none() {
        return desk.finish(tx).await;
    }
    if tx.has_jobs(&Lane::history(device), "history").await? {
        return Err(again("history is being stored", LOOK));
    }
    let is_told = tx
        .find_history_progress(device)
        .await?
        .is_some_and(|percent| percent >= 100);
    if !is_told && desk.waited() < QUIET {
        return Err(again("the phone may tell more", LOOK));
    }
    let Some((portal, kind)) = tx.find_chat_to_open(device, since).await? else {
        return desk.finish(tx).await;
    };
    place_soon(&mut tx, &portal, kind, now).await?;
    tx.commit().await?;
    Err(again("a chat is being opened", LOOK))
}

/// Promises to bring the history of a chat into its room, unless that is promised already.
async fn place_soon(tx: &mut Tx, portal: &PortalKey, kind: ChatKind, now: Timestamp) -> Result<(), Failure> {
    let lane = Lane::incoming(portal);
    let work = Work::Place {
        portal: portal.clone(),
        kind,
    };
    if !tx.has_jobs(&lane, work.kind()).await? {
        tx.push_job(&lane, &work, now).await?;
    }
    Ok(())
}

/// What a chat leaves behind whose history could not be brought into its room: nobody tries again.
pub(super) async fn given_up(tx: &mut Tx, portal: &PortalKey) -> Result<(), Failure> {
    tx.give_up_opening(portal).await?;
    Ok(())
}

/// Whether nothing of a chat's history must come into its room before what is said now; promises it otherwise. For
/// those who speak into a chat from another lane than its own.
pub(super) async fn is_settled(bridge: &Arc<Inner>, portal: &PortalKey, kind: ChatKind) -> Result<bool, Failure> {
    if bridge.config.history_messages == 0 {
        return Ok(true);
    }
    let mut tx = bridge.store.begin().await?;
    if tx.is_portal_placed(portal).await? || tx.list_unshown(portal, None, 1).await?.is_empty() {
        return Ok(true);
    }
    place_soon(&mut tx, portal, kind, bridge.clock().now()).await?;
    tx.commit().await?;
    Ok(false)
}

/// Whether a first message must wait a moment: the history of its chat may be just about to be stored.
pub(super) async fn is_being_stored(desk: &Desk<'_>, device: DeviceId) -> Result<bool, Failure> {
    if desk.waited() > FIRST_WAITS {
        return Ok(false);
    }
    let mut read = desk.bridge.store.read().await?;
    Ok(read.has_jobs(&Lane::history(device), "history").await?)
}

/// What waits for history that is being stored.
pub(super) fn not_yet() -> Failure {
    again("the history of the chat comes first", LOOK)
}
