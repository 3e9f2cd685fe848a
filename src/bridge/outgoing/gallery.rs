//! Galleries: one event that becomes an album, or as many messages as it has files. Their ids follow from the event. The
//! same with one file whose words have no place in it: they are a message of their own right after it.
//!
//! Everything is brought over and written down before the first of it is sent, so that a file that is gone stops all.
//! The first picture leads: it has the id and the event, and marks, answers and edits are about it.

use super::{
    super::error::Failure,
    changes::reference,
    media::{self, Carried},
    posts, say,
    stage::Stage,
    words,
};
use crate::{
    matrix::incoming::Said,
    model::{Action, ChatKind, Content, MediaKind, MessageId, MessageRef, Say, Sender, Text},
    store::{DELETED, Message, MessageState},
};

/// Albums begin with two.
const SMALLEST_ALBUM: usize = 2;

/// What a gallery becomes.
struct Piece {
    row: Message,
    content: Content,
    /// It is the album itself, or stands in it.
    album: Option<MessageId>,
}

/// Says a gallery.
pub(super) async fn say(stage: &Stage<'_>, said: &Said) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (number, item) in std::iter::once(said).chain(&said.rest).enumerate() {
        if let Content::Unsupported(kind) = &item.content {
            return stage.refuse(&format!("{kind} cannot be sent yet.")).await;
        }
        match bring(stage, number, item).await? {
            Some(carried) => all.push(carried),
            None => return stage.refuse("a file of it is no longer there.").await,
        }
    }
    say_all(stage, said, all).await
}

/// Says what was brought over, each with its words.
pub(super) async fn say_all(stage: &Stage<'_>, said: &Said, all: Vec<Carried>) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let key = &stage.portal.key;
    let thread = say::answered(stage, said.thread.as_deref()).await?;
    let reply_to = match say::answered(stage, said.reply_to.as_deref()).await? {
        Some(quote) => Some(quote),
        None => thread.clone(),
    };
    let (expires_in, timer_at) = stage.timer().await?;
    let gone_after = posts::shown_for(&stage.portal, reply_to.as_ref()).or(expires_in);
    let reply = reply_to.as_ref().map(|quote| quote.id.clone());
    let pieces = written_down(stage, all, reply).await?;
    let thread = thread.and_then(|root| {
        Some(MessageRef {
            id: root.id,
            sender: root.sender?,
        })
    });
    for piece in pieces {
        if piece.row.state != MessageState::Pending {
            continue;
        }
        // An answer to a status without its quote would be a status.
        let is_first = piece.row.id == stage.id
            || matches!(piece.content, Content::Album { .. })
            || stage.portal.kind == ChatKind::Status;
        let words = Say {
            reply_to: reply_to.clone().filter(|_| is_first),
            forwarded: said.forwarded,
            expires_in,
            timer_at,
            thread: thread.clone(),
            album: piece.album,
            ..Say::new(piece.content)
        };
        stage.act_under(&piece.row.id, &Action::Say(words)).await?;
        let mut tx = bridge.store.begin().await?;
        tx.set_message_sent(key, &piece.row.id).await?;
        tx.commit().await?;
    }
    let mut tx = bridge.store.begin().await?;
    super::push_status(&mut tx, bridge, stage.event, None).await?;
    if let Some(seconds) = gone_after {
        let leads = MessageRef {
            id: stage.id.clone(),
            sender: Sender::Owner,
        };
        super::super::expiry::promise(&mut tx, key, leads, stage.event.at, seconds).await?;
    }
    stage.desk.finish(tx).await
}

/// A piece on the network; an earlier attempt may have brought it over already.
pub(super) async fn bring(stage: &Stage<'_>, number: usize, item: &Said) -> Result<Option<Carried>, Failure> {
    let key = &stage.portal.key;
    let mut read = stage.desk.bridge.store.read().await?;
    let known = read.find_message(key, &piece_id(stage, number), &Sender::Owner).await?;
    if let Some(content) = known.and_then(|known| known.content) {
        let words = read.find_message(key, &words_id(stage, number), &Sender::Owner).await?;
        return Ok(Some(Carried {
            content,
            words: words.and_then(told),
        }));
    }
    drop(read);
    let translated = words::translated(stage, item).await?;
    media::on_network(stage.desk, key.device, translated).await
}

/// Writes down everything that will be sent, in the order in which it will be.
async fn written_down(
    stage: &Stage<'_>,
    all: Vec<Carried>,
    reply_to: Option<MessageId>,
) -> Result<Vec<Piece>, Failure> {
    let in_album = |content: &Content| matches!(content, Content::Media(media) if matches!(media.kind, MediaKind::Image | MediaKind::Video));
    let announced = all.iter().filter(|one| in_album(&one.content)).count();
    let films = all.iter().filter(|one| is_film(&one.content)).count();
    let is_grouped = announced >= SMALLEST_ALBUM && stage.portal.kind != ChatKind::Status;
    let album = is_grouped.then(|| stage.part("album"));
    let mut pieces = Vec::with_capacity(all.len() + 1);
    if let Some(album) = &album {
        let content = Content::Album {
            announced: u32::try_from(announced).unwrap_or(u32::MAX),
            films: u32::try_from(films).unwrap_or(u32::MAX),
        };
        pieces.push((album.clone(), content, None));
    }
    for (number, Carried { content, words }) in all.into_iter().enumerate() {
        let stands_in = album.clone().filter(|_| in_album(&content));
        pieces.push((piece_id(stage, number), content, stands_in));
        pieces.extend(words.map(|words| (words_id(stage, number), Content::Text(words), None)));
    }
    let mut tx = stage.desk.bridge.store.begin().await?;
    let mut written = Vec::with_capacity(pieces.len());
    for (place, (id, content, stands_in)) in (0_i64..).zip(pieces) {
        let mut row = say::row(stage, id, &content, reply_to.clone());
        row.at = row.at.plus_millis(place);
        if row.id == stage.id {
            tx.insert_message(&row).await?;
        } else {
            tx.insert_piece(&row).await?;
        }
        if let Some(known) = tx.find_message(&row.portal, &row.id, &row.sender).await? {
            row = known;
        }
        written.push(Piece {
            row,
            content,
            album: stands_in,
        });
    }
    tx.commit().await?;
    Ok(written)
}

fn is_film(content: &Content) -> bool {
    matches!(content, Content::Media(media) if media.kind == MediaKind::Video)
}

fn piece_id(stage: &Stage<'_>, number: usize) -> MessageId {
    if number == 0 {
        stage.id.clone()
    } else {
        stage.part(&number.to_string())
    }
}

/// The message that the words of a piece are.
fn words_id(stage: &Stage<'_>, number: usize) -> MessageId {
    stage.part(&format!("{number}/words"))
}

fn told(words: Message) -> Option<Text> {
    match words.content {
        Some(Content::Text(text)) => Some(text),
        _ => None,
    }
}

/// The message that holds the words of the one that leads, where they have no place in it.
pub(super) fn words_after(pieces: Vec<Message>) -> Option<Message> {
    let next = pieces.into_iter().next();
    next.filter(|next| matches!(next.content, Some(Content::Text(_))))
}

/// Takes back everything that stands in an event.
pub(super) async fn take_back(stage: &Stage<'_>, leads: Message, pieces: Vec<Message>) -> Result<(), Failure> {
    let key = &stage.portal.key;
    for (number, message) in std::iter::once(leads).chain(pieces).enumerate() {
        if message.kind == DELETED {
            continue;
        }
        let target = reference(&message);
        let action = Action::Delete { target: target.clone() };
        stage.act_under(&piece_id(stage, number), &action).await?;
        stage.desk.bridge.network.erase(key, &target.id).await?;
        let mut tx = stage.desk.bridge.store.begin().await?;
        tx.erase_message(key, &target, Some(stage.desk.job.id)).await?;
        tx.commit().await?;
    }
    stage.desk.done().await
}
