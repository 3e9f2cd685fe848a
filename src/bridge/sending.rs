//! REST → network: finds the chat of a recipient, sends, and shows the message in its room as the owner's.
//!
//! Two jobs: `resolve` in the lane of the recipient as it was spelled, `send` in the lane of the chat. Both lanes keep
//! their order, so messages to one person leave in the order they were accepted.

use fail::fail_point;
use ruma::{EventId, OwnedEventId};

use super::{
    Inner,
    error::Failure,
    expiry, ghosts, history,
    live::{self, Said, What},
    outgoing, portals, recipients,
    voice::Voice,
    worker::Desk,
};
use crate::{
    matrix::{self, outgoing::Around, transaction_id},
    model::{
        Action, ChatId, ChatKind, Content, Device, DeviceId, Identity, Lane, MessageId, MessageRef, Outgoing,
        PortalKey, Recipient, Say, Sender, Work,
    },
    network::{self, Joined},
    store::{Direction, Message, MessageState, Portal, SendStatus, Tx},
};

/// Does a job of kind `resolve`.
pub(super) async fn resolve(desk: &Desk<'_>, outgoing: &Outgoing) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some(recipient) = recipients::read(&outgoing.recipient) else {
        return fail(desk, outgoing, "invalid_recipient").await;
    };
    let found = match find(bridge, outgoing.device, &recipient).await {
        Ok(chat) => is_in(bridge, &PortalKey::new(outgoing.device, chat.clone()))
            .await?
            .map(|()| chat),
        Err(error) => Err(error),
    };
    let chat = match found {
        Ok(chat) => chat,
        Err(network::Error::NotMember) => return fail(desk, outgoing, "not_a_member").await,
        Err(network::Error::NotFound(_)) if matches!(recipient, Recipient::Invite(_)) => {
            return fail(desk, outgoing, "group_not_found").await;
        }
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

/// The chat with a recipient. Whoever has a link to a group does not come into it by a message, unless that is wanted.
async fn find(bridge: &Inner, device: DeviceId, recipient: &Recipient) -> Result<ChatId, network::Error> {
    match (bridge.network.find(device, recipient).await, recipient) {
        (Err(network::Error::NotMember), Recipient::Invite(link)) if bridge.config.join_by_link => {
            match bridge.network.join(device, link).await? {
                Joined::In(chat) | Joined::Before(chat) => Ok(chat),
                Joined::Asked => Err(network::Error::NotMember),
            }
        }
        (found, _) => found,
    }
}

/// Whether a device is in a chat. A group that nothing is known of is asked about.
async fn is_in(bridge: &Inner, key: &PortalKey) -> Result<Result<(), network::Error>, Failure> {
    if bridge.network.direct_contact(&key.chat).is_some() {
        return Ok(Ok(()));
    }
    let known = bridge.store.read().await?.find_group(key).await?;
    if known.is_some_and(|known| !known.gone) {
        return Ok(Ok(()));
    }
    Ok(match bridge.network.group(key.device, &key.chat).await {
        Err(network::Error::NotFound(_) | network::Error::Refused(_)) => Err(network::Error::NotMember),
        Err(error) if error.is_transient() => Err(error),
        // Whatever else it is, sending tells.
        _ => Ok(()),
    })
}

async fn fail(desk: &Desk<'_>, outgoing: &Outgoing, reason: &str) -> Result<(), Failure> {
    tracing::info!(reason, "a message by REST cannot be sent");
    let mut tx = desk.bridge.store.begin().await?;
    let is_sent = given_up(&mut tx, desk.bridge, outgoing, reason).await?;
    desk.finish(tx).await?;
    if !is_sent {
        tell_failure(desk.bridge, outgoing, reason).await;
    }
    Ok(())
}

/// Tells those who look that a message will not arrive.
pub(super) async fn tell_failure(bridge: &Inner, outgoing: &Outgoing, why: &str) {
    let what = What::NotSent {
        said: as_said(outgoing),
        reason: why.to_owned(),
    };
    live::tell_of(bridge, outgoing.device, what).await;
}

/// A message by REST as those see it who look.
fn as_said(outgoing: &Outgoing) -> Said {
    let content = content(outgoing);
    Said {
        chat: Some(outgoing.recipient.clone()),
        kind: content.kind().to_owned(),
        text: (!outgoing.text.is_empty()).then(|| outgoing.text.clone()),
        id: Some(outgoing.id.to_string()),
    }
}

/// What a given-up message leaves behind; whether its recipient has it all the same.
pub(super) async fn given_up(tx: &mut Tx, bridge: &Inner, outgoing: &Outgoing, why: &str) -> Result<bool, Failure> {
    let id = bridge.network.message_id(&outgoing.id.to_string());
    let mut is_sent = false;
    for (chat, sender) in tx.list_chats_of_message(outgoing.device, &id).await? {
        if sender == Sender::Owner {
            let key = PortalKey::new(outgoing.device, chat);
            is_sent |= !tx.fail_message(&key, &id, why).await?;
        }
    }
    if is_sent {
        // The recipient has it; only its room does not show it.
        tx.set_send_status(outgoing.id, SendStatus::Sent, None, Some(&id), None)
            .await?;
    } else {
        tx.set_send_status(outgoing.id, SendStatus::Failed, Some(why), None, None)
            .await?;
    }
    Ok(is_sent)
}

/// What the network is told: with a file that stands there.
async fn carried(
    desk: &Desk<'_>,
    device: DeviceId,
    known: Option<Content>,
    said: &Content,
) -> Result<Option<Content>, Failure> {
    match known {
        Some(carried) => Ok(Some(carried)),
        None => outgoing::on_network(desk, device, said.clone()).await,
    }
}

/// Does a job of kind `send`.
pub(super) async fn send(desk: &Desk<'_>, chat: &ChatId, outgoing: &Outgoing) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let key = PortalKey::new(outgoing.device, chat.clone());
    let Some((device, identity)) = sender(desk, outgoing).await? else {
        return fail(desk, outgoing, "device_not_linked").await;
    };
    let direct = bridge.network.direct_contact(chat);
    let kind = direct.as_ref().map_or(ChatKind::Group, |_| ChatKind::Direct);
    if !history::is_settled(bridge, &key, kind).await? {
        return Err(history::not_yet());
    }
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
    let expires_in = tx.find_portal_timer(&key).await?;
    let known = tx.find_message(&key, &id, &Sender::Owner).await?;
    drop(tx);
    let said = content(outgoing);
    // An earlier attempt may have brought the file over already.
    let is_sent = known.as_ref().is_some_and(has_left);
    let known = known.and_then(|known| known.content);
    let Some(carried) = carried(desk, device.id, known, &said).await? else {
        return fail(desk, outgoing, "file_is_gone").await;
    };
    let mut message = row(&key, &id, &room, outgoing, desk);
    message.content = Some(carried.clone());
    message.kind = said.event_kind().into();
    message.reply_to = quote.as_ref().map(|quote| quote.id.clone());
    let mut tx = bridge.store.begin().await?;
    tx.insert_message(&message).await?;
    tx.commit().await?;

    let answered = quote.is_some();
    if !is_sent {
        let say = Say {
            reply_to: quote,
            expires_in,
            ..Say::new(carried)
        };
        act(bridge, &key, &id, say).await?;
    }

    let echo = Echo {
        key: &key,
        id: &id,
        room: &room,
        reply_to: outgoing.reply_to.as_deref().filter(|_| answered),
    };
    let events = echo.show(desk, &device, &identity, said).await?;
    let Some(shown) = events.first() else {
        return Err(Failure::Never("there is nothing to show".into()));
    };
    let mut tx = bridge.store.begin().await?;
    tx.set_message_event(&key, &id, &Sender::Owner, shown).await?;
    tx.set_message_parts(&key, &id, &Sender::Owner, events.get(1..).unwrap_or_default())
        .await?;
    tx.set_message_sent(&key, &id).await?;
    tx.set_send_status(outgoing.id, SendStatus::Sent, None, Some(&id), Some(shown))
        .await?;
    if let Some(seconds) = expires_in {
        let message = MessageRef {
            id: id.clone(),
            sender: Sender::Owner,
        };
        expiry::promise(&mut tx, &key, message, desk.job.created_at, seconds).await?;
    }
    if let Some(contact) = direct {
        tx.set_spelling(identity.id, &contact, &outgoing.recipient).await?;
    }
    desk.finish(tx).await?;
    let now = bridge.clock().now();
    bridge.live.tell(&device, now, || What::Outgoing(as_said(outgoing)));
    Ok(())
}

/// An attempt before this one came as far as the network.
fn has_left(message: &Message) -> bool {
    !matches!(message.state, MessageState::Pending | MessageState::Failed)
}

async fn act(bridge: &Inner, key: &PortalKey, id: &MessageId, say: Say) -> Result<(), Failure> {
    bridge.pace.turn(key.device).await?;
    fail_point!("bridge.sending.act.before");
    bridge.network.act(key, id, &Action::Say(say)).await?;
    fail_point!("bridge.sending.act.after");
    Ok(())
}

/// A message by REST as it is shown in its room.
struct Echo<'a> {
    key: &'a PortalKey,
    id: &'a MessageId,
    room: &'a portals::Room,
    reply_to: Option<&'a EventId>,
}

impl Echo<'_> {
    async fn show(
        &self,
        desk: &Desk<'_>,
        device: &Device,
        identity: &Identity,
        said: Content,
    ) -> Result<Vec<OwnedEventId>, Failure> {
        let speaker = ghosts::owner(desk.bridge, device, identity).await?;
        let messages = matrix::outgoing::say(
            &Say::new(said),
            &Around {
                reply_to: self.reply_to,
                ..Around::nothing()
            },
        );
        let voice = Voice {
            bridge: desk.bridge,
            room: &self.room.id,
            speaker: &speaker,
            at: desk.job.created_at,
        };
        let device = self.key.device.to_string();
        let transaction = |number: usize| {
            let number = number.to_string();
            transaction_id(&["echo", &device, self.key.chat.as_str(), self.id.as_str(), &number])
        };
        let shown = voice.send_all(&messages, transaction).await;
        if shown.is_err() {
            // Whatever becomes of it in the room, it was sent.
            let mut tx = desk.bridge.store.begin().await?;
            tx.set_message_sent(self.key, self.id).await?;
            tx.commit().await?;
        }
        shown
    }
}

/// What a message by REST says: its text, or a file with the text under it.
pub(super) fn content(outgoing: &Outgoing) -> Content {
    match &outgoing.file {
        None => Content::words(outgoing.text.clone()),
        Some(file) => {
            let mut file = file.clone();
            file.caption = (!outgoing.text.is_empty()).then(|| outgoing.text.clone().into());
            Content::Media(file)
        }
    }
}

async fn sender(desk: &Desk<'_>, outgoing: &Outgoing) -> Result<Option<(Device, Identity)>, Failure> {
    let mut read = desk.bridge.store.read().await?;
    Ok(read.find_owned_device(outgoing.device).await?)
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
        content: None,
        speaker: None,
        edited_at: None,
    }
}
