//! Messages that somebody keeps from disappearing, or no longer.

use ruma::EventId;
use serde_json::Value;

use super::{
    super::{error::Failure, expiry},
    scene::{Scene, Target},
};
use crate::{
    matrix::outgoing,
    model::{MessageRef, PortalKey, Sender},
    store::Tx,
};

/// Keeps a message, or lets it go: at the moment that was promised, or at once when that has passed.
pub(super) async fn keep(scene: &Scene<'_>, target: &MessageRef, kept: bool) -> Result<(), Failure> {
    let bridge = scene.desk.bridge;
    if let Some(before) = scene.unshown(target).await? {
        let reference = MessageRef {
            id: before.id,
            sender: before.sender,
        };
        let mut tx = bridge.store.begin().await?;
        if kept {
            tx.keep_message(&scene.key, &reference).await?;
        } else {
            tx.keep_message_no_longer(&scene.key, &reference).await?;
        }
        return scene.desk.finish(tx).await;
    }
    let deed = if kept {
        "keeps a message that is not here from disappearing."
    } else {
        "lets a message that is not here disappear again."
    };
    let Some(target) = scene.target(target, deed).await? else {
        return Ok(());
    };
    let mut tx = bridge.store.begin().await?;
    if kept {
        tx.keep_message(&scene.key, &target.reference()).await?;
    } else if tx.keep_message_no_longer(&scene.key, &target.reference()).await? {
        let leads = leads(&mut tx, &scene.key, &target).await?;
        expiry::promise(&mut tx, &scene.key, leads, bridge.clock().now(), 0).await?;
    }
    tx.commit().await?;
    tell(scene, &target, kept).await?;
    scene.desk.done().await
}

/// The message that ends for all that stand in its event.
async fn leads(tx: &mut Tx, key: &PortalKey, target: &Target) -> Result<MessageRef, Failure> {
    let leads = tx.find_message_by_event(&target.event).await?;
    Ok(leads.filter(|leads| leads.portal == *key).map_or_else(
        || target.reference(),
        |leads| MessageRef {
            id: leads.id,
            sender: leads.sender,
        },
    ))
}

async fn tell(scene: &Scene<'_>, target: &Target, kept: bool) -> Result<(), Failure> {
    let room = scene.room().await?;
    let notice = told(&scene.event.sender, scene.sender_name(), &target.event, kept);
    let bot = scene.desk.bridge.homeserver.as_bot();
    let transaction = scene.transaction("keep");
    bot.send(&room.id, outgoing::MESSAGE, &notice, &transaction, Some(scene.event.at))
        .await?;
    Ok(())
}

/// What people are told; `name` is what the sender is called in a sentence.
pub(super) fn told(sender: &Sender, name: &str, event: &EventId, kept: bool) -> Value {
    let (keeps, lets) = match sender {
        Sender::Owner => ("keep", "let"),
        Sender::Contact(_) => ("keeps", "lets"),
    };
    let words = if kept {
        format!("{name} {keeps} this message from disappearing.")
    } else {
        format!("{name} {lets} this message disappear again.")
    };
    outgoing::notice(&words, Some(event))
}
