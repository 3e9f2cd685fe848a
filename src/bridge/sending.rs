//! REST → network: finds the chat of a recipient, sends, and shows the message in its room as the owner's.
//!
//! Two jobs: `resolve` in the lane of the recipient as it was spelled, `send` in the lane of the chat. Both lanes keep
//! their order, so messages to one person leave in the order they were accepted.

use fail::fail_point;

use super::{
    error::Failure,
    ghosts, outgoing,
    portals::{self, Transaction},
    recipients,
    worker::Desk,
};
use crate::{
    model::{
        Action, ChatId, ChatKind, Content, Device, Identity, Lane, MessageId, Outgoing, PortalKey, Say, Sender, Work,
    },
    network,
    store::{Direction, Message, MessageState, Portal, SendStatus, Tx},
};

/// Does a job of kind `resolve`.
pub(super) async fn resolve(desk: &Desk<'_>, outgoing: &Outgoing) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some(recipient) = recipients::read(&outgoing.recipient) else {
        return fail(desk, outgoing, "invalid_recipient").await;
    };
    let chat = match bridge.network.find(outgoing.device, &recipient).await {
        Ok(chat) => chat,
        Err(network::Error::NotFound(_)) => return fail(desk, outgoing, "not_on_whatsapp").await,
        Err(network::Error::NotLinked) => return fail(desk, outgoing, "device_not_linked").await,
        Err(network::Error::Unsupported(_)) => return fail(desk, outgoing, "unsupported_recipient").await,
        Err(error) => return Err(error.into()),
    };
    let lane = Lane::outgoing(&PortalKey::new(outgoing.device, chat.clone()));
    let mut tx = bridge.store.begin().await?;
    tx.push_job(
        &lane,
        &Work::Send {
            chat,
            outgoing: outgoing.clone(),
        },
        bridge.clock().now(),
    )
    .await?;
    desk.finish(tx).await
}

async fn fail(desk: &Desk<'_>, outgoing: &Outgoing, reason: &str) -> Result<(), Failure> {
    tracing::info!(reason, "a message by REST cannot be sent");
    let mut tx = desk.bridge.store.begin().await?;
    given_up(&mut tx, outgoing, reason).await?;
    desk.finish(tx).await
}

/// What a given-up message leaves behind.
pub(super) async fn given_up(tx: &mut Tx, outgoing: &Outgoing, why: &str) -> Result<(), Failure> {
    tx.set_send_status(outgoing.id, SendStatus::Failed, Some(why), None, None)
        .await?;
    Ok(())
}

/// Does a job of kind `send`.
pub(super) async fn send(desk: &Desk<'_>, chat: &ChatId, outgoing: &Outgoing) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let key = PortalKey::new(outgoing.device, chat.clone());
    let Some((device, identity)) = sender(desk, outgoing).await? else {
        return fail(desk, outgoing, "device_not_linked").await;
    };
    let direct = bridge.network.direct_contact(chat);
    let kind = if direct.is_some() {
        ChatKind::Direct
    } else {
        ChatKind::Group
    };
    let room = portals::ensure(bridge, &device, chat, kind, None).await?;
    let id = bridge.network.message_id(&outgoing.id.to_string());
    let mut tx = bridge.store.begin().await?;
    let portal = Portal {
        key: key.clone(),
        room: Some(room.id.clone()),
        kind: room.kind,
        name: room.name.clone(),
        ready: true,
    };
    let quote = outgoing::quoted(&mut tx, &portal, outgoing.reply_to.as_deref()).await?;
    let mut message = row(&key, &id, &room, outgoing, desk);
    message.reply_to = quote.as_ref().map(|quote| quote.id.clone());
    tx.insert_message(&message).await?;
    tx.commit().await?;

    bridge.pace.wait(device.id).await;
    fail_point!("bridge.sending.act.before");
    let answered = quote.is_some();
    let say = Say {
        reply_to: quote,
        ..Say::new(Content::words(outgoing.text.clone()))
    };
    bridge.network.act(&key, &id, &Action::Say(say)).await?;
    fail_point!("bridge.sending.act.after");

    let speaker = ghosts::owner(bridge, &device, &identity).await?;
    let reply_to = outgoing.reply_to.as_deref().filter(|_| answered);
    let contents = portals::contents(&outgoing.text, reply_to);
    let txn = Transaction {
        key: &key,
        id: &id,
        sender: &Sender::Owner,
    };
    let shown = portals::send(bridge, &room, &speaker, &contents, &txn, desk.job.created_at).await?;
    let mut tx = bridge.store.begin().await?;
    tx.set_message_event(&key, &id, &Sender::Owner, &shown).await?;
    tx.set_message_state(&key, &id, &Sender::Owner, MessageState::Sent, None)
        .await?;
    tx.set_send_status(outgoing.id, SendStatus::Sent, None, Some(&id), Some(&shown))
        .await?;
    if let Some(contact) = direct {
        tx.set_spelling(identity.id, &contact, &outgoing.recipient).await?;
    }
    desk.finish(tx).await
}

async fn sender(desk: &Desk<'_>, outgoing: &Outgoing) -> Result<Option<(Device, Identity)>, Failure> {
    let mut read = desk.bridge.store.read().await?;
    let Some(device) = read.find_device(outgoing.device).await? else {
        return Ok(None);
    };
    let identity = read.find_identity(device.identity).await?;
    Ok(identity.map(|identity| (device, identity)))
}

fn row(key: &PortalKey, id: &MessageId, room: &portals::Room, outgoing: &Outgoing, desk: &Desk<'_>) -> Message {
    Message {
        portal: key.clone(),
        id: id.clone(),
        sender: Sender::Owner,
        room: Some(room.id.clone()),
        event: None,
        direction: Direction::Out,
        text: Some(outgoing.text.clone()),
        kind: "m.text".into(),
        reply_to: None,
        at: desk.job.created_at,
        state: MessageState::Pending,
        error: None,
        transaction: None,
    }
}
