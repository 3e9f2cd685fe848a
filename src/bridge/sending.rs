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
    outgoing::{self, Carried},
    portals, recipients, timers,
    voice::Voice,
    worker::Desk,
};
use crate::{
    matrix::{self, outgoing::Around, transaction_id},
    model::{
        Action, ChatId, ChatKind, Content, Device, DeviceId, Identity, Lane, MessageId, MessageRef, Outgoing,
        PortalKey, Quote, Recipient, Say, Sender, Timestamp, Work,
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
    let (id, words) = (message_id(bridge, outgoing), words_id(bridge, outgoing));
    let (mut is_sent, mut lacks_words) = (false, false);
    for (chat, sender) in tx.list_chats_of_message(outgoing.device, &id).await? {
        if sender == Sender::Owner {
            let key = PortalKey::new(outgoing.device, chat);
            is_sent |= !tx.fail_message(&key, &id, why).await?;
            lacks_words |= tx.fail_message(&key, &words, why).await?;
        }
    }
    if is_sent && lacks_words {
        let why = format!("only the file was sent: {why}");
        tx.set_send_status(outgoing.id, SendStatus::Failed, Some(&why), Some(&id), None)
            .await?;
        return Ok(false);
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

/// The message that a message by REST is on the network.
fn message_id(bridge: &Inner, outgoing: &Outgoing) -> MessageId {
    bridge.network.message_id(&outgoing.id.to_string())
}

/// The message after it that its words are, where they have no place in it.
fn words_id(bridge: &Inner, outgoing: &Outgoing) -> MessageId {
    bridge.network.message_id(&format!("{}/words", outgoing.id))
}

/// A message that goes to the network.
struct Piece {
    id: MessageId,
    content: Content,
    is_sent: bool,
}

/// Writes down what goes to the network: the message, with its file there, and after it the words that have no place in
/// it. `None`: the homeserver has the file no more.
async fn written_down(
    desk: &Desk<'_>,
    outgoing: &Outgoing,
    (key, room): (&PortalKey, &portals::Room),
    said: &Content,
    reply_to: Option<MessageId>,
) -> Result<Option<Vec<Piece>>, Failure> {
    let bridge = desk.bridge;
    let (id, words_id) = (message_id(bridge, outgoing), words_id(bridge, outgoing));
    let mut known = Vec::new();
    let mut read = bridge.store.read().await?;
    for id in [&id, &words_id] {
        known.extend(read.find_message(key, id, &Sender::Owner).await?);
    }
    drop(read);
    // An earlier attempt may have brought the file over already.
    if known.first().is_some_and(|known| known.content.is_some()) {
        let pieces = known.into_iter().filter_map(|known| {
            Some(Piece {
                is_sent: has_left(&known),
                id: known.id,
                content: known.content?,
            })
        });
        return Ok(Some(pieces.collect()));
    }
    let Some(Carried { content, words }) = outgoing::on_network(desk, key.device, said.clone()).await? else {
        return Ok(None);
    };
    let mut message = row(key, &id, room, outgoing, desk);
    message.kind = said.event_kind().into();
    message.reply_to = reply_to;
    let after = words.map(|words| Message {
        id: words_id,
        kind: "m.text".into(),
        at: message.at.plus_millis(1),
        text: Some(words.body.clone()),
        content: Some(Content::Text(words)),
        ..message.clone()
    });
    if after.is_some() {
        message.text = None;
    }
    message.content = Some(content);
    let mut tx = bridge.store.begin().await?;
    tx.insert_message(&message).await?;
    if let Some(after) = &after {
        tx.insert_piece(after).await?;
    }
    tx.commit().await?;
    let has_left = |id: &MessageId| known.iter().any(|known| known.id == *id && has_left(known));
    let pieces = [Some(message), after].into_iter().flatten().filter_map(|row| {
        Some(Piece {
            is_sent: has_left(&row.id),
            id: row.id,
            content: row.content?,
        })
    });
    Ok(Some(pieces.collect()))
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
    let id = message_id(bridge, outgoing);
    let mut tx = bridge.store.begin().await?;
    let portal = Portal {
        key: key.clone(),
        room: Some(room.id.clone()),
        kind: room.kind,
        name: room.name.clone(),
        ready: true,
    };
    let quote = outgoing::quoted(&mut tx, &portal, outgoing.reply_to.as_deref()).await?;
    let timer = timers::of_message(&mut tx, &key, kind).await?;
    drop(tx);
    let said = content(outgoing);
    let reply_to = quote.as_ref().map(|quote| quote.id.clone());
    let answered = quote.is_some();
    let Some(pieces) = written_down(desk, outgoing, (&key, &room), &said, reply_to).await? else {
        return fail(desk, outgoing, "file_is_gone").await;
    };
    act_all(bridge, &key, &pieces, (quote, timer)).await?;

    let echo = Echo {
        key: &key,
        id: &id,
        pieces: &pieces,
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
    for piece in pieces.iter().skip(1) {
        tx.set_piece_event(&key, &piece.id, &Sender::Owner, shown).await?;
    }
    for piece in &pieces {
        tx.set_message_sent(&key, &piece.id).await?;
    }
    tx.set_send_status(outgoing.id, SendStatus::Sent, None, Some(&id), Some(shown))
        .await?;
    if let (Some(seconds), _) = timer {
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

/// Sends what was not sent before. The quote is of the first piece.
async fn act_all(
    bridge: &Inner,
    key: &PortalKey,
    pieces: &[Piece],
    (mut quote, (expires_in, timer_at)): (Option<Quote>, (Option<u32>, Option<Timestamp>)),
) -> Result<(), Failure> {
    for (number, piece) in pieces.iter().enumerate() {
        let reply_to = quote.take();
        if piece.is_sent {
            continue;
        }
        let say = Say {
            reply_to,
            expires_in,
            timer_at,
            ..Say::new(piece.content.clone())
        };
        act(bridge, key, &piece.id, say).await?;
        if number + 1 < pieces.len() {
            // Whatever becomes of the words, it was sent.
            let mut tx = bridge.store.begin().await?;
            tx.set_message_sent(key, &piece.id).await?;
            tx.commit().await?;
        }
    }
    Ok(())
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
    pieces: &'a [Piece],
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
            for piece in self.pieces {
                tx.set_message_sent(self.key, &piece.id).await?;
            }
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
