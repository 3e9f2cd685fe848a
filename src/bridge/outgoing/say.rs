//! New messages: written down first, sent once, and their fate remembered.

use ruma::EventId;

use super::{super::error::Failure, gallery, media::Carried, posts, refused, stage::Stage};
use crate::{
    matrix::incoming::{CALL, Said},
    model::{Action, Content, MessageId, MessageRef, Quote, Say, Sender},
    store::{Direction, Message, MessageState, Portal, REFUSED, Tx},
};

/// Says something in a chat.
pub(super) async fn say(stage: &Stage<'_>, said: &Said) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let key = &stage.portal.key;
    let known = {
        let mut read = bridge.store.read().await?;
        read.find_message(key, &stage.id, &Sender::Owner).await?
    };
    if let Some(known) = known
        && is_said(stage, &known).await?
    {
        return stage.desk.done().await;
    }
    if let Content::Unsupported(kind) = &said.content {
        if kind == CALL && refused::rang(stage).await? {
            return stage.desk.done().await;
        }
        return stage.refuse(&format!("{kind} cannot be sent yet.")).await;
    }
    let content = match gallery::bring(stage, 0, said).await? {
        Some(Carried { content, words: None }) => content,
        Some(with_words) => return gallery::say_all(stage, said, vec![with_words]).await,
        None => return stage.refuse("the file is no longer there.").await,
    };
    let thread = answered(stage, said.thread.as_deref()).await?;
    // Networks without threads show what is said in one as an answer to what began it.
    let reply_to = match answered(stage, said.reply_to.as_deref()).await? {
        Some(quote) => Some(quote),
        None => thread.clone(),
    };
    let (expires_in, timer_at) = stage.timer().await?;
    let gone_after = posts::shown_for(&stage.portal, reply_to.as_ref()).or(expires_in);
    write_down(stage, &content, reply_to.as_ref()).await?;
    let say = Say {
        reply_to,
        forwarded: said.forwarded,
        expires_in,
        timer_at,
        thread: thread.and_then(|root| {
            Some(MessageRef {
                id: root.id,
                sender: root.sender?,
            })
        }),
        ..Say::new(content)
    };
    stage.act(&Action::Say(say)).await?;
    let mut tx = bridge.store.begin().await?;
    tx.set_message_sent(key, &stage.id).await?;
    super::push_status(&mut tx, bridge, stage.event, None).await?;
    if let Some(seconds) = gone_after {
        let message = MessageRef {
            id: stage.id.clone(),
            sender: Sender::Owner,
        };
        super::super::expiry::promise(&mut tx, key, message, stage.event.at, seconds).await?;
    }
    stage.desk.finish(tx).await
}

/// Whether an attempt before this one has said it, and the words after it.
async fn is_said(stage: &Stage<'_>, known: &Message) -> Result<bool, Failure> {
    if known.state == MessageState::Pending {
        return Ok(false);
    }
    let pieces = stage.desk.bridge.store.read().await?.list_pieces(known).await?;
    Ok(pieces.iter().all(|piece| piece.state != MessageState::Pending))
}

async fn write_down(stage: &Stage<'_>, content: &Content, reply_to: Option<&Quote>) -> Result<(), Failure> {
    let message = row(stage, stage.id.clone(), content, reply_to.map(|quote| quote.id.clone()));
    let mut tx = stage.desk.bridge.store.begin().await?;
    tx.insert_message(&message).await?;
    Ok(tx.commit().await?)
}

/// A message that is on its way.
pub(super) fn row(stage: &Stage<'_>, id: MessageId, content: &Content, reply_to: Option<MessageId>) -> Message {
    Message {
        portal: stage.portal.key.clone(),
        id,
        sender: Sender::Owner,
        room: Some(stage.event.room.clone()),
        event: Some(stage.event.event.clone()),
        direction: Direction::Out,
        text: content.text().map(str::to_owned),
        kind: content.event_kind().into(),
        reply_to,
        at: stage.event.at,
        state: MessageState::Pending,
        error: None,
        transaction: None,
        content: Some(content.clone()),
        speaker: Some(stage.event.sender.clone()),
        edited_at: None,
    }
}

/// The message that an event answers, if it was said in this chat.
pub(super) async fn answered(stage: &Stage<'_>, event: Option<&EventId>) -> Result<Option<Quote>, Failure> {
    let Some(event) = event else { return Ok(None) };
    Ok(stage.message(event).await?.map(quote))
}

fn quote(message: Message) -> Quote {
    Quote {
        id: message.id,
        sender: Some(message.sender),
        text: message.text,
        content: message.content.map(Box::new),
    }
}

/// The message behind an event, if it was said in this chat; replies to anything else are sent without a quote.
pub(in super::super) async fn quoted(
    tx: &mut Tx,
    portal: &Portal,
    event: Option<&EventId>,
) -> Result<Option<Quote>, Failure> {
    let Some(event) = event else { return Ok(None) };
    let message = tx
        .find_message_by_event(event)
        .await?
        .filter(|message| message.portal == portal.key && message.kind != REFUSED);
    Ok(message.map(quote))
}
