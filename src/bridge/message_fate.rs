//! One message, for those who ask by REST what became of it: by its event, by its id, or by the id that was answered when
//! it was accepted, from that moment on.
//!
//! Deliberately not here: pages of many (`reading`).

use std::collections::BTreeMap;

use ruma::OwnedUserId;

use super::{
    Error, Inner, chats,
    reading::{self, People, ReadMessage, Reader, state_name},
    recipients,
};
use crate::{
    model::{
        ChatId, ChatKind, ContactId, Content, Device, IdentityId, MessageId, MessageRef, Outgoing, PortalKey, SendId,
        Sender, Timestamp, Work,
    },
    store::{Message, MessageState, SendRow, SendStatus, TimedReceipt, Tx},
};

/// How far a message came with one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadReceipt {
    /// Who shows them in Matrix.
    pub(crate) user: OwnedUserId,
    /// Their name.
    pub(crate) name: Option<String>,
    /// How far, in a word.
    pub(crate) state: &'static str,
    /// Why no further.
    pub(crate) error: Option<String>,
    /// When their phone had it.
    pub(crate) delivered_at: Option<Timestamp>,
    /// When they had read it.
    pub(crate) read_at: Option<Timestamp>,
    /// When they had listened to it.
    pub(crate) played_at: Option<Timestamp>,
}

/// A message and what became of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct MessageFate {
    /// The number of the device.
    pub(crate) device: String,
    /// The message.
    pub(crate) message: ReadMessage,
    /// How far it came with each recipient that is known.
    pub(crate) receipts: Vec<ReadReceipt>,
}

/// A message of a chat of an identity.
pub(super) async fn find(
    bridge: &Inner,
    identity: IdentityId,
    chat: &str,
    message: &str,
) -> Result<MessageFate, Error> {
    let mut tx = bridge.store.read().await?;
    if let Ok(id) = message.parse::<SendId>()
        && let Some(send) = tx.find_send(identity, id).await?
    {
        return sent(bridge, tx, send, chat).await;
    }
    let (device, found) = in_chat(&mut tx, identity, chat, message).await?;
    let named = MessageRef {
        id: found.id,
        sender: found.sender,
    };
    stored(bridge, tx, device, (&found.portal, &named)).await
}

/// The message that somebody means who may mean it in each of these ways. One whose chat was not found yet is none.
pub(super) async fn named(
    bridge: &Inner,
    tx: &mut Tx,
    identity: IdentityId,
    chat: &str,
    message: &str,
) -> Result<(Device, Message), Error> {
    let no = || Error::NotFound("Message");
    if let Ok(id) = message.parse::<SendId>()
        && let Some(send) = tx.find_send(identity, id).await?
    {
        let device = tx.find_device(send.device).await?.ok_or_else(no)?;
        let id = bridge.network.message_id(&send.id.to_string());
        let key = chat_of(tx, &device, &send, (chat, &id)).await?.ok_or_else(no)?;
        let found = tx.find_message(&key, &id, &Sender::Owner).await?;
        return found.map(|found| (device, found)).ok_or_else(no);
    }
    in_chat(tx, identity, chat, message).await
}

async fn in_chat(tx: &mut Tx, identity: IdentityId, chat: &str, message: &str) -> Result<(Device, Message), Error> {
    let (device, key) = chats::find(tx, identity, chat).await?;
    let found = chats::named(tx, &key, message).await?;
    Ok((device, found.ok_or(Error::NotFound("Message"))?))
}

/// A message that was accepted by REST.
async fn sent(bridge: &Inner, mut tx: Tx, send: SendRow, chat: &str) -> Result<MessageFate, Error> {
    let no = || Error::NotFound("Message");
    let device = tx.find_device(send.device).await?.ok_or_else(no)?;
    let id = bridge.network.message_id(&send.id.to_string());
    let Some(key) = chat_of(&mut tx, &device, &send, (chat, &id)).await? else {
        return waiting(bridge, tx, device, &send, id).await;
    };
    let sender = Sender::Owner;
    let mut fate = stored(bridge, tx, device, (&key, &MessageRef { id, sender })).await?;
    if send.status == SendStatus::Failed {
        fate.message.state = state_name(MessageState::Failed);
        fate.message.error = fate.message.error.or(send.reason);
    }
    Ok(fate)
}

/// In which chat a message that was accepted by REST stands, when that is the one that is named; `None`: in none yet.
async fn chat_of(
    tx: &mut Tx,
    device: &Device,
    send: &SendRow,
    (chat, id): (&str, &MessageId),
) -> Result<Option<PortalKey>, Error> {
    let no = || Error::NotFound("Message");
    let rows = tx.list_chats_of_message(device.id, id).await?;
    let row = rows.into_iter().find(|(_, sender)| *sender == Sender::Owner);
    let is_so_called = canonical(chat) == canonical(&send.recipient);
    let Some((found, _)) = row else {
        return if is_so_called { Ok(None) } else { Err(no()) };
    };
    let key = PortalKey::new(device.id, found);
    if !is_so_called && chats::find(tx, device.identity, chat).await?.1 != key {
        return Err(no());
    }
    Ok(Some(key))
}

/// One spelling for every way to name the same recipient.
fn canonical(spelled: &str) -> String {
    match recipients::read(spelled) {
        Some(recipient) => recipients::canonical(&recipient).to_owned(),
        None => spelled.to_owned(),
    }
}

/// A message that has a row.
async fn stored(
    bridge: &Inner,
    mut tx: Tx,
    device: Device,
    (key, named): (&PortalKey, &MessageRef),
) -> Result<MessageFate, Error> {
    let found = tx.find_stored_message(key, named).await?;
    let found = found.ok_or(Error::NotFound("Message"))?;
    let reached = match named.sender {
        Sender::Owner => reached(bridge, &mut tx, &found.message).await?,
        Sender::Contact(_) => BTreeMap::new(),
    };
    let found = reading::marked(&mut tx, found).await?;
    let reader = Reader::of(&mut tx, device).await?;
    // Looking people up reads too.
    drop(tx);
    let mut people = People::of(bridge, &reader);
    let message = people.read(found).await?;
    let mut receipts = Vec::with_capacity(reached.len());
    for (contact, timed) in reached {
        let (user, name) = people.find(&Sender::Contact(contact)).await?;
        receipts.push(receipt(timed.as_ref(), &message, (user, name)));
    }
    Ok(MessageFate {
        message,
        device: reader.device.number.clone(),
        receipts,
    })
}

/// Whom a message of the owner goes to, with what they told of it: the other one of a direct chat, who is in the group
/// since then, and whoever told something.
async fn reached(
    bridge: &Inner,
    tx: &mut Tx,
    message: &Message,
) -> Result<BTreeMap<ContactId, Option<TimedReceipt>>, Error> {
    let key = &message.portal;
    let portal = tx.find_portal(key).await?;
    let asked = match portal.map(|portal| portal.kind) {
        Some(ChatKind::Direct) => bridge.network.direct_contact(&key.chat).into_iter().collect(),
        Some(ChatKind::Group) => tx.list_members_since(key, message.at).await?,
        _ => Vec::new(),
    };
    let mut reached: BTreeMap<_, _> = asked.into_iter().map(|contact| (contact, None)).collect();
    for timed in tx.list_timed_receipts(key, &message.id).await? {
        reached.insert(timed.receipt.contact.clone(), Some(timed));
    }
    Ok(reached)
}

/// Of whom nothing was told, the message is as far as it is itself: on its way, with the network, or not sent at all.
fn receipt(
    timed: Option<&TimedReceipt>,
    message: &ReadMessage,
    (user, name): (OwnedUserId, Option<String>),
) -> ReadReceipt {
    let is_out = ![MessageState::Pending, MessageState::Failed]
        .map(state_name)
        .contains(&message.state);
    let state = match timed {
        Some(timed) => state_name(timed.receipt.state),
        None if is_out => state_name(MessageState::Sent),
        None => message.state,
    };
    ReadReceipt {
        user,
        name,
        state,
        error: message.error.clone().filter(|_| timed.is_none()),
        delivered_at: timed.and_then(|timed| timed.delivered_at),
        read_at: timed.and_then(|timed| timed.read_at),
        played_at: timed.and_then(|timed| timed.played_at),
    }
}

/// A message whose chat was not found yet, or never will be.
async fn waiting(
    bridge: &Inner,
    mut tx: Tx,
    device: Device,
    send: &SendRow,
    id: MessageId,
) -> Result<MessageFate, Error> {
    let recipient = canonical(&send.recipient);
    let said = promised(&mut tx, send).await?;
    let content = said.as_ref().map(super::sending::content);
    let reader = Reader::of(&mut tx, device).await?;
    drop(tx);
    let (user, name) = People::of(bridge, &reader).find(&Sender::Owner).await?;
    let state = match send.status {
        SendStatus::Queued => MessageState::Pending,
        SendStatus::Sent => MessageState::Sent,
        SendStatus::Failed => MessageState::Failed,
    };
    let message = ReadMessage {
        chat: ChatId::from_adapter(recipient),
        id,
        room: None,
        event: None,
        sender: Sender::Owner,
        kind: content.as_ref().map_or("message", Content::kind).to_owned(),
        content,
        is_deleted: false,
        reply_to: None,
        state: state_name(state),
        error: send.reason.clone(),
        starred: false,
        at: send.created_at,
        edited_at: None,
        user,
        name,
        marks: Vec::new(),
    };
    Ok(MessageFate {
        device: reader.device.number.clone(),
        message,
        receipts: Vec::new(),
    })
}

/// What it says, while the job that sends it waits.
async fn promised(tx: &mut Tx, send: &SendRow) -> Result<Option<Outgoing>, Error> {
    Ok(match tx.find_send_job(send.id).await? {
        Some(Work::Resolve(outgoing) | Work::Send { outgoing, .. }) if outgoing.id == send.id => Some(outgoing),
        _ => None,
    })
}
