//! What people do to messages in Matrix: say something else instead, take back.

use ruma::{EventId, OwnedEventId};
use serde_json::{Value, value::RawValue};

use super::{super::error::Failure, gallery, media, polls, push_notice, stage::Stage, words};
use crate::{
    matrix::incoming::{Incoming, Said, read},
    model::{Action, Content, MediaSource, MessageRef, Poll, Sender, Text},
    store::{DELETED, Message, MessageContent, MessageState, REFUSED},
};

/// Phones take no edits of messages older than this (WhatsApp: 20 minutes), in milliseconds.
const EDITABLE: i64 = 20 * 60 * 1000;

/// Why taking back an edit changes nothing there.
const STILL_EDITED: &str = "what was said before the edit is not known any more; your contact still sees the edit.";

/// Phones take other words under a file, no other file.
const ANOTHER_FILE: &str =
    "no other file can take the place of one that was sent; your contact still sees the old one.";

/// What has no place for words has them in a message right after it, or never.
const NO_WORDS_LATER: &str = "words cannot be put under it any more; write them as a message of their own.";

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
    if message.state == MessageState::Failed {
        return stage.refuse("the message that was edited was not sent.").await;
    }
    instead(stage, &message, said, Some(&stage.event.event)).await
}

/// Says something else in the place of a message of the owner, as `edit` has it; without one, as the message itself has it.
async fn instead(stage: &Stage<'_>, message: &Message, said: &Said, edit: Option<&EventId>) -> Result<(), Failure> {
    // The clocks of two servers: what is sent at once must never count as late.
    if stage.event.at.millis() - message.at.millis() > EDITABLE {
        return stage
            .refuse("a message can be edited for 20 minutes; your contact still sees it as it was.")
            .await;
    }
    let is_other_file = is_other_file(&said.content, message.content.as_ref());
    let translated = words::translated(stage, said).await?;
    if message
        .content
        .as_ref()
        .is_some_and(|content| !content.has_place_for_words())
    {
        return edit_words_after(stage, message, (translated, is_other_file), edit).await;
    }
    let content = match (translated, &message.content) {
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
    let Some(carried) = media::on_network(stage.desk, stage.portal.key.device, content).await? else {
        return stage.refuse("what it says now is no longer there.").await;
    };
    if carried.words.is_some() {
        return stage.refuse(NO_WORDS_LATER).await;
    }
    let content = carried.content;
    let target = reference(message);
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
    tx.set_message_edit(&stage.portal.key, &message.id, edit).await?;
    if is_other_file {
        push_notice(&mut tx, stage.desk.bridge, stage.event, &only_words()).await?;
    }
    stage.desk.finish(tx).await
}

/// Other words for what has no place for words: they stand in the message after it.
async fn edit_words_after(
    stage: &Stage<'_>,
    leads: &Message,
    (edited, is_other_file): (Content, bool),
    edit: Option<&EventId>,
) -> Result<(), Failure> {
    let (desk, key) = (stage.desk, &stage.portal.key);
    let (wanted, is_file) = match edited {
        Content::Text(text) => (text.alone(), false),
        Content::Media(media) => (media.caption.and_then(Text::alone), true),
        _ => return stage.refuse(ANOTHER_FILE).await,
    };
    let pieces = desk.bridge.store.read().await?.list_pieces(leads).await?;
    let said = gallery::words_after(pieces);
    let before = said.as_ref().and_then(|said| said.text.as_deref());
    if wanted.as_ref().map(|text| text.body.as_str()) == before {
        // Nobody knows any more which file cards came from.
        let are_cards = matches!(leads.content, Some(Content::Contacts(_)));
        return if is_other_file || (is_file && are_cards) {
            stage.refuse(ANOTHER_FILE).await
        } else {
            desk.done().await
        };
    }
    let Some(said) = said else {
        return stage.refuse(NO_WORDS_LATER).await;
    };
    let target = reference(&said);
    let mut tx = if let Some(text) = wanted {
        let content = Content::Text(text);
        let action = Action::Edit {
            target,
            content: content.clone(),
        };
        stage.act(&action).await?;
        let holds = MessageContent {
            id: &said.id,
            sender: &said.sender,
            text: content.text(),
            kind: &said.kind,
            content: Some(&content),
        };
        let mut tx = desk.bridge.store.begin().await?;
        tx.set_message_content(key, holds, Some(stage.event.at)).await?;
        tx
    } else {
        stage.act(&Action::Delete { target: target.clone() }).await?;
        desk.bridge.network.erase(key, &target.id).await?;
        let mut tx = desk.bridge.store.begin().await?;
        tx.erase_message(key, &target, Some(desk.job.id)).await?;
        tx
    };
    tx.set_message_edit(key, &leads.id, edit).await?;
    if is_other_file {
        push_notice(&mut tx, desk.bridge, stage.event, &only_words()).await?;
    }
    desk.finish(tx).await
}

fn only_words() -> String {
    format!("Only the words were changed: {ANOTHER_FILE}")
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

/// An edit was taken back: Matrix shows what was said before it, so others must too.
async fn take_back_edit(stage: &Stage<'_>, message: &Message, edit: &EventId) -> Result<(), Failure> {
    let Some(event) = message.event.as_deref().filter(|_| message.kind != DELETED) else {
        return stage.desk.done().await;
    };
    let bot = stage.desk.bridge.homeserver.as_bot();
    let Some(json) = bot.event(&stage.event.room, event).await? else {
        return stage.refuse(STILL_EDITED).await;
    };
    match said_now(&json, edit) {
        Some((said, edit)) => instead(stage, message, &said, edit.as_deref()).await,
        None => stage.refuse(STILL_EDITED).await,
    }
}

/// What an event says without an edit that was taken back, and which other edit says so.
fn said_now(json: &RawValue, without: &EventId) -> Option<(Said, Option<OwnedEventId>)> {
    let event: Value = serde_json::from_str(json.get()).ok()?;
    // Homeservers put the latest edit beside the event (specification, "Server-side aggregation of m.replace relationships").
    let latest = &event["unsigned"]["m.relations"]["m.replace"];
    let by = latest["event_id"]
        .as_str()
        .and_then(|id| OwnedEventId::try_from(id).ok());
    if let Some(by) = by.filter(|by| by != without)
        && let Ok(Incoming::Edit { said, .. }) = read(&serde_json::value::to_raw_value(latest).ok()?)
    {
        return Some((*said, Some(by)));
    }
    match read(json) {
        Ok(Incoming::Say(said) | Incoming::Notice(said)) => Some((*said, None)),
        _ => None,
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
    let (refused, mark, edited) = {
        let mut read = stage.desk.bridge.store.read().await?;
        let refused = read.find_message_by_event(target).await?;
        let mark = read.find_reaction_by_event(target).await?;
        (refused, mark, read.find_message_edited_by(target).await?)
    };
    if let Some(edited) = edited.filter(|message| message.portal == *key) {
        return take_back_edit(stage, &edited, target).await;
    }
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
