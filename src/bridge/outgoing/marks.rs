//! Marks that people put on messages in Matrix: reactions and pins.

use ruma::{EventId, OwnedEventId};

use super::{
    super::{error::Failure, pins, redact, retry},
    changes::reference,
    stage::Stage,
};
use crate::{
    matrix::{outgoing, transaction_id},
    model::{Action, Sender},
    store::{Message, Reaction},
};

/// Marks a message. The account has one mark on it, whoever of its members set it: the one before goes.
pub(super) async fn react(stage: &Stage<'_>, target: &EventId, emoji: &str) -> Result<(), Failure> {
    let Some(message) = stage.sent_message(target).await? else {
        return stage
            .missed(target, "what the reaction is to is no message of the chat.")
            .await;
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

/// Holds messages at the top of the chat for as long as pins are held, or no longer.
pub(super) async fn pin(stage: &Stage<'_>, pinned: &[OwnedEventId], unpinned: &[OwnedEventId]) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let wanted = pinned.iter().map(|event| (event, true));
    let wanted = wanted.chain(unpinned.iter().map(|event| (event, false)));
    let mut missed = Vec::new();
    for (number, (event, pinned)) in wanted.enumerate() {
        let Some(message) = stage.sent_message(event).await? else {
            missed.extend(pinned.then_some(event));
            continue;
        };
        let target = reference(&message);
        let seconds = pinned.then_some(pins::SECONDS);
        let action = Action::Pin {
            target: target.clone(),
            pinned,
            seconds,
        };
        match number {
            0 => stage.act(&action).await?,
            _ => stage.act_under(&stage.part(&format!("pin/{number}")), &action).await?,
        }
        let until = seconds.map(|seconds| bridge.clock().now().plus_millis(i64::from(seconds) * 1000));
        let mut tx = bridge.store.begin().await?;
        pins::promise_end(&mut tx, &stage.portal.key, &target, until).await?;
        tx.commit().await?;
    }
    for event in missed {
        if stage.looks_said(event).await? {
            return stage.refuse("what was pinned is no message of the chat.").await;
        }
    }
    stage.desk.done().await
}
