//! Network → Matrix: shows one event in its room and tells the webhooks.
//!
//! The Matrix transaction id is a hash of what was said and by whom, so a job that is done again after a crash shows
//! nothing twice.

use ruma::OwnedEventId;

use super::{
    error::Failure,
    ghosts, notify, portals,
    portals::{Room, Transaction},
    worker::Desk,
};
use crate::{
    matrix::{self, Actor},
    model::{Action, ChatKind, Content, Device, DeviceId, Event, Identity, Lane, PortalKey, Quote, Say, Sender, Work},
    store::{Direction, Message, MessageState, Tx},
};

/// Does a job of kind `incoming`.
pub(super) async fn show(desk: &Desk<'_>, event: &Event) -> Result<(), Failure> {
    let Action::Say(say) = &event.action else {
        return desk.done().await;
    };
    if event.chat_kind == ChatKind::Other {
        tracing::info!("a message of a kind of chat that is not bridged yet was passed over");
        return desk.done().await;
    }
    let bridge = desk.bridge;
    let key = PortalKey::new(event.device, event.chat.clone());
    let (device, identity) = match to_show(desk, &key, event).await? {
        ToShow::Now(device, identity) => (device, identity),
        ToShow::Done => return desk.done().await,
        ToShow::By(successor) => return pass_on(desk, event, successor).await,
    };
    let room = portals::ensure(
        bridge,
        &device,
        &event.chat,
        event.chat_kind,
        event.sender_name.as_deref(),
    )
    .await?;
    let speaker = speaker(desk, &room, &device, &identity, event).await?;
    let reply_to = answered(desk, &key, say.reply_to.as_ref()).await?;
    let (contents, kind, text) = match &say.content {
        Content::Text(text) => (
            portals::contents(&text.body, reply_to.as_deref()),
            "m.text",
            text.body.clone(),
        ),
        other => (
            vec![matrix::outgoing::unsupported_notice(other.kind())],
            "m.notice",
            format!("[{}]", other.kind()),
        ),
    };
    let txn = Transaction {
        key: &key,
        id: &event.id,
        sender: &event.sender,
    };
    let shown = portals::send(bridge, &room, &speaker, &contents, &txn, event.at).await?;

    let message = Message {
        portal: key.clone(),
        id: event.id.clone(),
        sender: event.sender.clone(),
        room: Some(room.id.clone()),
        event: Some(shown.clone()),
        direction: Direction::In,
        text: Some(text),
        kind: kind.into(),
        reply_to: say.reply_to.as_ref().map(|quote| quote.id.clone()),
        at: event.at,
        state: MessageState::Sent,
        error: None,
        transaction: Some(txn.part(0)),
    };
    let mut tx = bridge.store.begin().await?;
    if tx.insert_message(&message).await? {
        tell(
            desk,
            &mut tx,
            &device,
            &identity,
            &room,
            event,
            say,
            &shown,
            reply_to.as_deref(),
        )
        .await?;
    }
    desk.finish(tx).await
}

/// What to do with an event.
enum ToShow {
    Now(Device, Identity),
    /// It was shown, or there is nobody to show it to.
    Done,
    /// Its device is gone, and this one has its rooms.
    By(DeviceId),
}

/// Whose event it is, unless it was shown before: by an earlier attempt, or because we sent it ourselves.
async fn to_show(desk: &Desk<'_>, key: &PortalKey, event: &Event) -> Result<ToShow, Failure> {
    let mut read = desk.bridge.store.read().await?;
    if let Some(known) = read.find_message(key, &event.id, &event.sender).await?
        && (known.event.is_some() || known.direction == Direction::Out)
    {
        return Ok(ToShow::Done);
    }
    let Some(device) = read.find_device(event.device).await? else {
        // A network tells nothing of a device before its row is there: this one is gone.
        if let Some(successor) = read.find_successor(event.device).await? {
            return Ok(ToShow::By(successor));
        }
        tracing::info!("a message of a device that was removed was passed over");
        return Ok(ToShow::Done);
    };
    match read.find_identity(device.identity).await? {
        Some(identity) => Ok(ToShow::Now(device, identity)),
        None => Err(Failure::Never("the identity is gone".into())),
    }
}

/// Hands an event to the device that took the place of the one that was told: there it is shown, or known already.
async fn pass_on(desk: &Desk<'_>, event: &Event, successor: DeviceId) -> Result<(), Failure> {
    let event = Event {
        device: successor,
        ..event.clone()
    };
    let lane = Lane::incoming(&PortalKey::new(successor, event.chat.clone()));
    let mut tx = desk.bridge.store.begin().await?;
    tx.push_job(&lane, &Work::Incoming(Box::new(event)), desk.bridge.clock().now())
        .await?;
    desk.finish(tx).await
}

async fn speaker(
    desk: &Desk<'_>,
    room: &Room,
    device: &Device,
    identity: &Identity,
    event: &Event,
) -> Result<Actor, Failure> {
    match &event.sender {
        Sender::Owner => ghosts::owner(desk.bridge, device, identity).await,
        Sender::Contact(contact) => {
            let name = event.sender_name.as_deref();
            let ghost = ghosts::ensure(desk.bridge, device.id, contact, name).await?;
            if room.kind != ChatKind::Direct {
                portals::enter(desk.bridge, &room.id, &ghost.user).await?;
            }
            Ok(desk.bridge.homeserver.as_user(&ghost.user))
        }
    }
}

/// The Matrix event of the message an event answers, when we have it.
async fn answered(desk: &Desk<'_>, key: &PortalKey, quote: Option<&Quote>) -> Result<Option<OwnedEventId>, Failure> {
    let Some(quote) = quote else { return Ok(None) };
    let mut read = desk.bridge.store.read().await?;
    let message = match &quote.sender {
        Some(sender) => read.find_message(key, &quote.id, sender).await?,
        None => None,
    };
    let message = match message {
        Some(message) => Some(message),
        None => read.find_message_by_id(key, &quote.id).await?,
    };
    Ok(message.and_then(|message| message.event))
}

#[expect(clippy::too_many_arguments, reason = "each is one fact of the payload")]
async fn tell(
    desk: &Desk<'_>,
    tx: &mut Tx,
    device: &Device,
    identity: &Identity,
    room: &Room,
    event: &Event,
    say: &Say,
    shown: &ruma::EventId,
    reply_to: Option<&ruma::EventId>,
) -> Result<(), Failure> {
    let (Sender::Contact(contact), Content::Text(text)) = (&event.sender, &say.content) else {
        return Ok(());
    };
    let said = notify::Said {
        device,
        identity,
        room,
        event,
        contact,
        text: &text.body,
        shown,
        reply_to,
    };
    notify::push(desk, tx, &said).await
}

/// What a given-up event leaves behind: one notice, when its room is there.
pub(super) async fn given_up(tx: &mut Tx, desk: &Desk<'_>, event: &Event) -> Result<(), Failure> {
    let key = PortalKey::new(event.device, event.chat.clone());
    if let Some(room) = tx.find_portal(&key).await?.and_then(|portal| portal.room) {
        let notice = Work::Notice {
            about: format!("in:{}", event.id.as_str()),
            text: "A message could not be shown here. Look for it on your phone.".into(),
            room: room.clone(),
        };
        tx.push_job(&Lane::room(&room), &notice, desk.bridge.clock().now())
            .await?;
    }
    Ok(())
}
