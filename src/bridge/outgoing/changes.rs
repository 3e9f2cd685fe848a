//! What people do to messages in Matrix: say something else instead, take back.

use ruma::EventId;

use super::{super::error::Failure, gallery, media, stage::Stage, words};
use crate::{
    matrix::incoming::Said,
    model::{Action, Content, MessageRef, Sender},
    store::{DELETED, Message, MessageContent},
};

/// Phones take no edits of messages older than this (WhatsApp: 20 minutes), in milliseconds.
const EDITABLE: i64 = 20 * 60 * 1000;

/// Says something else in the place of a message.
pub(super) async fn edit(stage: &Stage<'_>, target: &EventId, said: &Said) -> Result<(), Failure> {
    let Some(message) = stage.message(target).await? else {
        return stage.refuse("the message that was edited is not in the chat.").await;
    };
    if message.kind == DELETED {
        return stage.desk.done().await;
    }
    if message.sender != Sender::Owner {
        return stage.refuse("only your own messages can be edited.").await;
    }
    // The clocks of two servers: what is sent at once must never count as late.
    if stage.event.at.millis() - message.at.millis() > EDITABLE {
        return stage
            .refuse("a message can be edited for 20 minutes; your contact still sees the old one.")
            .await;
    }
    let content = match (words::translated(stage, said).await?, &message.content) {
        // An edit of a picture is an edit of the words under it.
        (Content::Text(text), Some(Content::Media(media))) => {
            let mut media = media.clone();
            media.caption = Some(text);
            Content::Media(media)
        }
        (Content::Media(edited), Some(Content::Media(media))) => {
            let mut media = media.clone();
            media.caption.clone_from(&edited.caption);
            Content::Media(media)
        }
        (content, _) => content,
    };
    let Some(content) = media::on_network(stage.desk, stage.portal.key.device, content).await? else {
        return stage.refuse("what it says now is no longer there.").await;
    };
    let target = reference(&message);
    let action = Action::Edit {
        target,
        content: content.clone(),
    };
    stage.act(&action).await?;
    let holds = MessageContent {
        id: &message.id,
        sender: &message.sender,
        text: content.text(),
        kind: &message.kind,
        content: Some(&content),
    };
    let mut tx = stage.desk.bridge.store.begin().await?;
    tx.set_message_content(&stage.portal.key, holds, Some(stage.event.at))
        .await?;
    stage.desk.finish(tx).await
}

/// Takes back a message or a mark.
pub(super) async fn take_back(stage: &Stage<'_>, target: &EventId) -> Result<(), Failure> {
    let key = &stage.portal.key;
    if let Some(message) = stage.message(target).await? {
        let pieces = stage.desk.bridge.store.read().await?.list_pieces(&message).await?;
        if !pieces.is_empty() {
            return gallery::take_back(stage, message, pieces).await;
        }
        if message.kind == DELETED {
            return stage.desk.done().await;
        }
        let action = Action::Delete {
            target: reference(&message),
        };
        stage.act(&action).await?;
        stage.desk.bridge.network.erase(key, &message.id).await?;
        let mut tx = stage.desk.bridge.store.begin().await?;
        tx.erase_message(key, &reference(&message), Some(stage.desk.job.id))
            .await?;
        return stage.desk.finish(tx).await;
    }
    let mark = {
        let mut read = stage.desk.bridge.store.read().await?;
        read.find_reaction_by_event(target).await?
    };
    let Some(mark) = mark.filter(|mark| mark.portal == *key && mark.sender == Sender::Owner) else {
        return stage.desk.done().await;
    };
    let action = Action::React {
        target: mark.target.clone(),
        emoji: None,
    };
    stage.act(&action).await?;
    let mut tx = stage.desk.bridge.store.begin().await?;
    tx.remove_reaction(key, &mark.target, &Sender::Owner).await?;
    stage.desk.finish(tx).await
}

pub(super) fn reference(message: &Message) -> MessageRef {
    MessageRef {
        id: message.id.clone(),
        sender: message.sender.clone(),
    }
}
