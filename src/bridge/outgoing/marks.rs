//! Marks that people put on messages in Matrix: reactions, votes, pins.

use ruma::{EventId, OwnedEventId};

use super::{
    super::{error::Failure, redact, retry},
    changes::reference,
    stage::Stage,
};
use crate::{
    matrix::{
        outgoing::{self, answer_id, poll_results},
        transaction_id,
    },
    model::{Action, Content, Poll, Quote, Say, Sender},
    store::{Message, Reaction},
};

/// Marks a message. The account has one mark on it, whoever of its members set it: the one before goes.
pub(super) async fn react(stage: &Stage<'_>, target: &EventId, emoji: &str) -> Result<(), Failure> {
    let Some(message) = stage.message(target).await? else {
        return stage.desk.done().await;
    };
    if retry::is_mark(emoji) && retry::awaits_media(&message) {
        return ask_again(stage, &message).await;
    }
    let (bridge, target) = (stage.desk.bridge, reference(&message));
    let before = {
        let mut read = bridge.store.read().await?;
        read.find_reaction(&stage.portal.key, &target, &Sender::Owner).await?
    };
    let action = Action::React {
        target: target.clone(),
        emoji: Some(emoji.to_owned()),
    };
    stage.act(&action).await?;
    if let Some(before) = before.filter(|before| before.event != stage.event.event) {
        let transaction = transaction_id(&["unreact", stage.event.event.as_str(), before.event.as_str()]);
        redact::take_back(bridge, &stage.event.room, &before.event, &transaction, None, None).await?;
    }
    let mut tx = bridge.store.begin().await?;
    tx.upsert_reaction(&Reaction {
        portal: stage.portal.key.clone(),
        target,
        sender: Sender::Owner,
        emoji: emoji.to_owned(),
        event: stage.event.event.clone(),
    })
    .await?;
    stage.desk.finish(tx).await
}

/// A mark that is meant for us: the media of the message are asked for once more.
async fn ask_again(stage: &Stage<'_>, message: &Message) -> Result<(), Failure> {
    let (bridge, mark) = (stage.desk.bridge, stage.event);
    let answer = outgoing::notice(&retry::told(message), message.event.as_deref());
    let transaction = transaction_id(&["again", mark.event.as_str()]);
    let mut tx = bridge.store.begin().await?;
    retry::promise(&mut tx, message, bridge.clock().now()).await?;
    tx.commit().await?;
    let bot = bridge.homeserver.as_bot();
    bot.send(&mark.room, outgoing::MESSAGE, &answer, &transaction, None)
        .await?;
    stage.desk.done().await
}

/// Votes in a poll.
pub(super) async fn vote(stage: &Stage<'_>, poll: &EventId, answers: &[String]) -> Result<(), Failure> {
    let Some(message) = stage.message(poll).await? else {
        return stage.refuse("the poll is not in the chat.").await;
    };
    let Some(Content::Poll(asked)) = &message.content else {
        return stage.desk.done().await;
    };
    let mut options: Vec<_> = answers.iter().filter_map(|answer| option(asked, answer)).collect();
    // Clients may send more answers than the poll allows; the first ones count (MSC3381).
    if asked.choices > 0 {
        options.truncate(asked.choices.try_into().unwrap_or(usize::MAX));
    }
    let action = Action::Vote {
        poll: reference(&message),
        options,
    };
    stage.act(&action).await?;
    stage.desk.done().await
}

/// The option that votes in Matrix call by this id.
fn option(poll: &Poll, answer: &str) -> Option<String> {
    let told = poll.answers.iter().position(|id| id == answer);
    let place = told.or_else(|| poll.options.iter().position(|option| answer_id(option) == answer));
    poll.options.get(place?).cloned()
}

/// Ends a poll. Where polls never end, its people are told instead: an answer to the poll says how it ended.
pub(super) async fn end_poll(stage: &Stage<'_>, poll: &EventId, words: Option<String>) -> Result<(), Failure> {
    let Some(message) = stage.message(poll).await? else {
        return stage.desk.done().await;
    };
    if message.sender != Sender::Owner {
        return stage.refuse("only who asked can end a poll.").await;
    }
    let action = Action::EndPoll {
        poll: reference(&message),
    };
    if !stage.tries(&action).await? {
        let question = message.text.clone().unwrap_or_default();
        let words = words.unwrap_or_else(|| poll_results(&question, &[]));
        let expires_in = {
            let mut read = stage.desk.bridge.store.read().await?;
            read.find_portal_timer(&stage.portal.key).await?
        };
        let said = Say {
            reply_to: Some(Quote {
                id: message.id,
                sender: Some(message.sender),
                text: message.text,
                content: message.content.map(Box::new),
            }),
            expires_in,
            ..Say::new(Content::Told(words))
        };
        stage.act(&Action::Say(said)).await?;
    }
    stage.desk.done().await
}

/// Holds messages at the top of the chat, or no longer.
pub(super) async fn pin(stage: &Stage<'_>, pinned: &[OwnedEventId], unpinned: &[OwnedEventId]) -> Result<(), Failure> {
    let wanted = pinned.iter().map(|event| (event, true));
    for (event, pinned) in wanted.chain(unpinned.iter().map(|event| (event, false))) {
        let Some(message) = stage.message(event).await? else {
            continue;
        };
        let target = reference(&message);
        stage.act(&Action::Pin { target, pinned }).await?;
    }
    stage.desk.done().await
}
