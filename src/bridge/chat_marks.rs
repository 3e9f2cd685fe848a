//! How the owner marks chats: silent, held above the others, put away, unread. What the phone says is shown in the owner's
//! own Matrix account where we may speak as them; what is said to the bot goes to the phone.
//!
//! The store holds how it should be and what was shown last, so that only what the phone changed is changed in Matrix and
//! every job may be repeated.

use super::{Inner, error::Failure, worker::Desk};
use crate::{
    matrix::{self, Actor, FAVOURITE, LOW_PRIORITY},
    model::{ChatMark, ChatMarks, Lane, Mute, PortalKey, Timestamp, Work},
    store::{self, Portal, Tx},
};

/// Remembers a mark and promises to show it.
pub(super) async fn set(bridge: &Inner, tx: &mut Tx, key: &PortalKey, mark: ChatMark) -> Result<bool, store::Error> {
    if !tx.mark_chat(key, mark).await? {
        return Ok(false);
    }
    promise(tx, key, bridge.clock().now()).await?;
    if let ChatMark::Muted(Mute::Until(end)) = mark {
        let work = Work::ShowMarks { portal: key.clone() };
        tx.push_job(&Lane::end_of_silence(key), &work, end).await?;
    }
    Ok(true)
}

/// A room has been made: its chat may have been marked before.
pub(super) async fn room_is_made(bridge: &Inner, tx: &mut Tx, key: &PortalKey) -> Result<(), store::Error> {
    if tx.find_chat_marks(key).await?.is_some() {
        promise(tx, key, bridge.clock().now()).await?;
    }
    Ok(())
}

async fn promise(tx: &mut Tx, key: &PortalKey, at: Timestamp) -> Result<(), store::Error> {
    let work = Work::ShowMarks { portal: key.clone() };
    tx.push_job(&Lane::marks(key), &work, at).await.map(drop)
}

/// The owner's own clients may have marked a chat: promises to look, and to tell the network.
pub(super) async fn promise_to_tell(bridge: &Inner, tx: &mut Tx, key: &PortalKey) -> Result<(), store::Error> {
    let work = Work::TellMarks { portal: key.clone() };
    tx.push_job(&Lane::marks(key), &work, bridge.clock().now())
        .await
        .map(drop)
}

/// Does a job of kind `show_marks`.
pub(super) async fn show(desk: &Desk<'_>, key: &PortalKey) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let marked = read.find_chat_marks(key).await?;
    let portal = read.find_portal(key).await?;
    let owned = read.find_owned_device(key.device).await?;
    drop(read);
    let (Some(marked), Some(Portal { room: Some(room), .. }), Some((_, identity))) = (marked, portal, owned) else {
        return desk.done().await;
    };
    let Some(puppet) = bridge.homeserver.as_puppet(&identity.user) else {
        return desk.done().await;
    };
    let wanted = in_account(marked.marks, bridge.clock().now());
    let shown = bring(&puppet, &room, marked.shown, wanted).await?;
    let mut tx = bridge.store.begin().await?;
    if tx.is_room_of(key, &room).await? {
        tx.set_chat_marks_shown(key, &shown).await?;
    }
    desk.finish(tx).await
}

/// Marks as an account in Matrix can have them: a silence there has no end.
pub(super) fn in_account(marks: ChatMarks, now: Timestamp) -> ChatMarks {
    let muted = if marks.is_muted(now) { Mute::Forever } else { Mute::No };
    ChatMarks { muted, ..marks }
}

/// Changes what is different, and tells what the account shows then. A mark that is refused stays as it was: it must not
/// look later as if its owner had taken it away.
async fn bring(
    puppet: &Actor,
    room: &ruma::RoomId,
    before: ChatMarks,
    now: ChatMarks,
) -> Result<ChatMarks, matrix::Error> {
    let mut shown = before;
    if before.pinned != now.pinned && passed(puppet.tag(room, FAVOURITE, now.pinned).await)? {
        shown.pinned = now.pinned;
    }
    if before.archived != now.archived && passed(puppet.tag(room, LOW_PRIORITY, now.archived).await)? {
        shown.archived = now.archived;
    }
    if before.muted != now.muted && passed(puppet.mute(room, now.muted != Mute::No).await)? {
        shown.muted = now.muted;
    }
    if before.unread != now.unread && passed(puppet.mark_unread(room, now.unread).await)? {
        shown.unread = now.unread;
    }
    Ok(shown)
}

/// Whether the homeserver let a mark pass.
fn passed(answer: Result<(), matrix::Error>) -> Result<bool, matrix::Error> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tracing::info!(%error, "a mark on a chat could not be shown");
            Ok(false)
        }
    }
}
