//! Albums: a message that announces pictures and films, which follow as messages that name it. Matrix shows the pictures
//! alone, so what is done to the album is done to the first of them that is shown, and its end is the end of them all.
//!
//! Deliberately not here: galleries of Matrix, which are one event for several messages.

use super::{
    super::{error::Failure, worker::Desk},
    changes, instead,
    scene::Scene,
};
use crate::{
    matrix::Actor,
    model::{MessageId, MessageRef},
    store::{DELETED, Direction, Message, MessageState, Tx},
};

/// The kind of a message that announces an album.
const ALBUM: &str = "album";

/// Whether a message announces an album of somebody on the network.
pub(super) fn is_album(message: &Message) -> bool {
    message.kind == ALBUM && message.direction == Direction::In
}

/// The first picture of an album that the room shows. `known` is the row of what is asked for: of a message that is none of
/// an album, nothing; an album whose announcement never came is known by its pictures.
pub(super) async fn first(
    scene: &Scene<'_>,
    read: &mut Tx,
    target: &MessageRef,
    known: Option<&Message>,
) -> Result<Option<Message>, Failure> {
    if known.is_some_and(|known| !is_album(known)) {
        return Ok(None);
    }
    let sender = known.map_or(&target.sender, |known| &known.sender);
    Ok(read.find_first_of_album(&scene.key, &target.id, sender).await?)
}

/// An album with all that is known of it.
pub(super) struct Album {
    /// What announced it, if that came.
    row: Option<Message>,
    pieces: Vec<Message>,
}

/// The album that a message is, if it is one and still there.
pub(super) async fn find(scene: &Scene<'_>, target: &MessageRef) -> Result<Option<Album>, Failure> {
    let mut read = scene.desk.bridge.store.read().await?;
    let row = scene.find(&mut read, target).await?;
    if row.as_ref().is_some_and(|row| !is_album(row)) {
        return Ok(None);
    }
    let sender = row.as_ref().map_or(&target.sender, |row| &row.sender);
    let pieces = read.list_album(&scene.key, &target.id, sender).await?;
    Ok((row.is_some() || !pieces.is_empty()).then_some(Album { row, pieces }))
}

/// Takes an album back with all its pictures. Those that come after this are left out, see [`is_gone`].
pub(super) async fn take_away(
    scene: &Scene<'_>,
    target: &MessageRef,
    album: Album,
    speaker: Option<&Actor>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let desk: &Desk<'_> = scene.desk;
    let all: Vec<_> = album.pieces.iter().chain(&album.row).collect();
    for one in &all {
        changes::redact_all(desk, one, speaker, reason).await?;
    }
    // At once: of half an album nobody would know that it was one.
    let mut tx = desk.bridge.store.begin().await?;
    for one in all {
        tx.erase_message(&scene.key, &instead::reference(one), Some(desk.job.id))
            .await?;
    }
    if album.row.is_none() {
        tx.insert_message(&nothing(scene, target)).await?;
    }
    desk.finish(tx).await
}

/// Whether the album that a new message belongs to was taken back.
pub(super) async fn is_gone(scene: &Scene<'_>, album: Option<&MessageId>) -> Result<bool, Failure> {
    let Some(album) = album else { return Ok(false) };
    let mut read = scene.desk.bridge.store.read().await?;
    let row = read.find_message(&scene.key, album, &scene.event.sender).await?;
    Ok(row.is_some_and(|row| row.kind == DELETED))
}

/// A picture of an album that was taken back is not shown any more, however often it is told.
pub(super) async fn leave_out(scene: &Scene<'_>) -> Result<(), Failure> {
    let desk = scene.desk;
    let reference = MessageRef {
        id: scene.event.id.clone(),
        sender: scene.event.sender.clone(),
    };
    desk.bridge.network.erase(&scene.key, &reference.id).await?;
    let mut tx = desk.bridge.store.begin().await?;
    if !tx.insert_message(&nothing(scene, &reference)).await? {
        tx.erase_message(&scene.key, &reference, Some(desk.job.id)).await?;
    }
    desk.finish(tx).await
}

/// What is left of a message that nobody sees.
fn nothing(scene: &Scene<'_>, message: &MessageRef) -> Message {
    Message {
        portal: scene.key.clone(),
        id: message.id.clone(),
        sender: message.sender.clone(),
        room: None,
        event: None,
        direction: Direction::In,
        text: None,
        kind: DELETED.into(),
        reply_to: None,
        at: scene.event.at,
        state: MessageState::Sent,
        error: None,
        transaction: None,
        content: None,
        speaker: None,
        edited_at: None,
    }
}
