//! What people do to messages in Matrix: say something else instead, take back.

use ruma::EventId;

use super::{super::error::Failure, gallery, media, polls, push_notice, stage::Stage, words};
use crate::{
    matrix::incoming::Said,
    model::{Action, Content, MediaSource, MessageRef, Poll, Sender},
    store::{DELETED, Message, MessageContent, REFUSED},
};

/// Phones take no edits of messages older than this (WhatsApp: 20 minutes), in milliseconds.
const EDITABLE: i64 = 20 * 60 * 1000;

/// Phones take other words under a file, no other file.
const ANOTHER_FILE: &str =
    "no other file can take the place of one that was sent; your contact still sees the old one.";

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
    let is_other_file = is_other_file(&said.content, message.content.as_ref());
    let content = match (words::translated(stage, said).await?, &message.content) {
        // An edit of a picture is an edit of the words under it.
        (Content::Text(text), Some(Content::Media(media))) => {
            let mut media = media.clone();
            media.caption = Some(text);
            Content::Media(media)
        }
        (Content::Media(edited), Some(Content::Media(media))) => {
            let mut media = media.clone();
            if is_other_file && media.caption == edited.caption {
                return stage.refuse(ANOTHER_FILE).await;
            }
            media.caption.clone_from(&edited.caption);
            Content::Media(media)
        }
        // Matrix has no place for the moment at which votes cease to count.
        (Content::Poll(edited), Some(Content::Poll(asked))) => Content::Poll(Poll {
            ends_at: asked.ends_at,
            ..edited
        }),
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
    if is_other_file {
        let told = format!("Only the words were changed: {ANOTHER_FILE}");
        push_notice(&mut tx, stage.desk.bridge, stage.event, &told).await?;
    }
    stage.desk.finish(tx).await
}

/// Whether an edit brings another file than the one that was sent, as far as that is known.
fn is_other_file(edited: &Content, before: Option<&Content>) -> bool {
    let (Content::Media(edited), Some(Content::Media(before))) = (edited, before) else {
        return false;
    };
    match (&edited.source, &before.home) {
        (MediaSource::Matrix(file), Some(home)) => *file != home.file,
        _ => false,
    }
}

/// Takes back a message, a mark or a vote. What the network never had is nobody's business there.
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
    let (refused, mark) = {
        let mut read = stage.desk.bridge.store.read().await?;
        let refused = read.find_message_by_event(target).await?;
        (refused, read.find_reaction_by_event(target).await?)
    };
    if let Some(refused) = refused.filter(|message| message.portal == *key && message.kind == REFUSED) {
        let mut tx = stage.desk.bridge.store.begin().await?;
        tx.erase_message(key, &reference(&refused), Some(stage.desk.job.id))
            .await?;
        return stage.desk.finish(tx).await;
    }
    let Some(mark) = mark.filter(|mark| mark.portal == *key && mark.sender == Sender::Owner) else {
        return polls::take_back(stage, target).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Home, Media, MediaKind};

    #[test]
    fn another_file_is_one_that_stands_elsewhere() {
        let at = |address: &str| MediaSource::Matrix(address.into());
        let edited = |address: &str| Content::Media(Box::new(Media::new(MediaKind::Image, at(address), "image/png")));
        let sent = |home: Option<&str>| {
            Content::Media(Box::new(Media {
                home: home.map(|file| Home {
                    file: file.into(),
                    picture: None,
                }),
                ..Media::new(MediaKind::Image, at("mxc://hs.test/any"), "image/png")
            }))
        };
        let before = sent(Some("mxc://hs.test/one"));
        assert!(!is_other_file(&edited("mxc://hs.test/one"), Some(&before)));
        assert!(is_other_file(&edited("mxc://hs.test/two"), Some(&before)));
        assert!(
            !is_other_file(&edited("mxc://hs.test/two"), Some(&sent(None))),
            "nobody knows"
        );
        assert!(!is_other_file(&Content::words("two"), Some(&before)));
    }
}
