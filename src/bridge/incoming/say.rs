//! New messages: shown once, written down with everything that later edits, quotes and votes need.

use ruma::{EventId, MxcUri, OwnedEventId};
use serde_json::Value;

use super::{
    super::{error::Failure, expiry, notify, portals::Room, timers, typing, voice::Voice},
    albums,
    frame::{self, Framed},
    instead,
    media::{self, Brought},
    people::{self, People},
    places, polls,
    scene::Scene,
};
use crate::{
    matrix::{
        Actor,
        outgoing::{self, Around},
    },
    model::{ChatKind, Content, Lane, MessageRef, Say, Sender, Text, Work},
    store::{DELETED, Direction, Message, MessageState, Tx},
};

/// Shows a message.
pub(super) async fn show(scene: &Scene<'_>, said: &Say) -> Result<(), Failure> {
    let bridge = scene.desk.bridge;
    let known = {
        let mut read = bridge.store.read().await?;
        read.find_message(&scene.key, &scene.event.id, &scene.event.sender)
            .await?
    };
    match known {
        // Shown by an earlier attempt, or sent by ourselves, or taken back before it was shown.
        Some(known) if known.direction == Direction::Out || known.kind == DELETED => return scene.desk.done().await,
        Some(known) if known.event.is_some() => {
            return match places::moved_by(scene, Some(&known), said).await? {
                Some((before, now)) => places::go_on(scene, before, now).await,
                None => instead::replace(scene, &known, said).await,
            };
        }
        Some(_) => {}
        None => {
            if let Some((before, now)) = places::moved_by(scene, None, said).await? {
                return places::go_on(scene, before, now).await;
            }
        }
    }
    if albums::is_gone(scene, said.album.as_ref()).await? {
        return albums::leave_out(scene).await;
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let brought = media::bring(scene, &said.content).await?;
    let framed = frame::of(scene, said).await?;
    let people = people::named(scene, &brought.content).await?;
    let messages = written(scene, &framed, &brought, &people);
    let events = send(scene, &room, &speaker, &messages, "say").await?;
    typing::said_it(bridge, &room.id, speaker.user()).await;

    let mut tx = bridge.store.begin().await?;
    let message = row(scene, said, &brought, &room, &speaker, events.first().cloned());
    if tx.show_message(&message).await? {
        tx.set_message_parts(
            &scene.key,
            &message.id,
            &message.sender,
            events.get(1..).unwrap_or_default(),
        )
        .await?;
        tx.set_message_frame(&scene.key, &message.id, &message.sender, &framed.frame)
            .await?;
        follow_up(scene, &mut tx, &message, said, &brought).await?;
        scene.end_waiting(&mut tx, said.album.as_ref()).await?;
        if let Some(event) = events.first() {
            let heard = Heard {
                room: &room,
                content: &brought.content,
                cards: brought.cards.as_deref(),
                words: words(
                    &brought.content,
                    &people,
                    messages.first().map(|message| &message.content),
                ),
                event,
                reply_to: framed.reply_to.as_deref(),
            };
            tell(scene, &mut tx, &heard).await?;
        }
    }
    scene.desk.finish(tx).await
}

/// The words of a message for whoever knows no events: all of a text or a caption, with the names of those it mentions; of
/// media without one none; of anything else what clients without any support show of its first event.
pub(super) fn words(content: &Content, people: &People, first: Option<&Value>) -> String {
    let named = |text: &Text| outgoing::named(text, &|who| people.pill(who));
    match content {
        Content::Text(text) => named(text),
        Content::Media(media) => media.caption.as_ref().map(named).unwrap_or_default(),
        Content::Location(_)
        | Content::Contacts(_)
        | Content::Poll(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Awaited
        | Content::Unsupported(_) => {
            let body = first.and_then(|content| content["body"].as_str());
            body.unwrap_or_default().to_owned()
        }
    }
}

/// The events of a message.
pub(super) fn written(
    scene: &Scene<'_>,
    framed: &Framed,
    brought: &Brought,
    people: &People,
) -> Vec<outgoing::Message> {
    let accept = format!("{} accept", scene.desk.bridge.config.command_prefix);
    let pill = |who: &Sender| people.pill(who);
    let around = Around {
        accept: Some(&accept),
        ..framed.around(brought, &pill)
    };
    outgoing::say(&framed.say(&brought.content), &around)
}

/// Sends the events of one thing in order; the same ones however often.
pub(super) async fn send(
    scene: &Scene<'_>,
    room: &Room,
    speaker: &Actor,
    messages: &[outgoing::Message],
    what: &str,
) -> Result<Vec<OwnedEventId>, Failure> {
    let voice = Voice {
        bridge: scene.desk.bridge,
        room: &room.id,
        speaker,
        at: scene.event.at,
    };
    let transaction = |number| scene.transaction(&format!("{what}:{number}"));
    voice.send_all(messages, transaction).await
}

pub(super) fn row(
    scene: &Scene<'_>,
    said: &Say,
    brought: &Brought,
    room: &Room,
    speaker: &Actor,
    event: Option<OwnedEventId>,
) -> Message {
    Message {
        portal: scene.key.clone(),
        id: scene.event.id.clone(),
        sender: scene.event.sender.clone(),
        room: Some(room.id.clone()),
        event,
        direction: Direction::In,
        text: Some(
            said.content
                .text()
                .map_or_else(|| format!("[{}]", said.content.kind()), str::to_owned),
        ),
        kind: brought.kind().into(),
        reply_to: said.reply_to.as_ref().map(|quote| quote.id.clone()),
        at: scene.event.at,
        state: MessageState::Sent,
        error: None,
        transaction: Some(scene.transaction("say:0")),
        content: Some(brought.kept.clone()),
        speaker: Some(speaker.user().to_owned()),
        edited_at: None,
    }
}

/// What is promised together with a new message: its end, and the media that are still missing; and the timer it tells.
pub(super) async fn follow_up(
    scene: &Scene<'_>,
    tx: &mut Tx,
    message: &Message,
    said: &Say,
    brought: &Brought,
) -> Result<(), Failure> {
    let reference = MessageRef {
        id: message.id.clone(),
        sender: message.sender.clone(),
    };
    if let Some(seconds) = said.expires_in {
        expiry::promise(tx, &scene.key, reference.clone(), message.at, seconds).await?;
    }
    if let (ChatKind::Direct, Some(since)) = (scene.event.chat_kind, said.timer_at) {
        timers::hear(scene.desk.bridge, tx, message, (said.expires_in, since)).await?;
    }
    polls::promise(tx, &scene.key, &reference, (None, &said.content)).await?;
    let has_media = |content: &Content| matches!(content, Content::Media(_));
    if has_media(&brought.kept) && !has_media(&brought.content) {
        tx.promise_media(&scene.key, &reference).await?;
    }
    if brought.is_missing {
        let work = Work::Fetch {
            portal: scene.key.clone(),
            message: reference,
        };
        let lane = Lane::late(&scene.key, &message.id);
        tx.push_job(&lane, &work, scene.desk.bridge.clock().now()).await?;
    }
    Ok(())
}

/// What webhooks hear of a message.
pub(super) struct Heard<'a> {
    pub(super) room: &'a Room,
    pub(super) content: &'a Content,
    pub(super) cards: Option<&'a MxcUri>,
    pub(super) words: String,
    pub(super) event: &'a EventId,
    pub(super) reply_to: Option<&'a EventId>,
}

/// Webhooks that heard of a message without its media hear of it once more, now that they are there: under the same id.
pub(super) async fn tell_again(
    scene: &Scene<'_>,
    tx: &mut Tx,
    (room, message): (&Room, &Message),
    (content, words): (&Content, String),
) -> Result<(), Failure> {
    let reference = MessageRef {
        id: message.id.clone(),
        sender: message.sender.clone(),
    };
    let Some(event) = message.event.as_deref() else {
        return Ok(());
    };
    if !tx.is_media_promised(&scene.key, &reference).await? {
        return Ok(());
    }
    let answered = match &message.reply_to {
        Some(id) => tx.find_message_by_id(&scene.key, id).await?,
        None => None,
    };
    let heard = Heard {
        room,
        content,
        cards: None,
        words,
        event,
        reply_to: answered.as_ref().and_then(|message| message.event.as_deref()),
    };
    tell(scene, tx, &heard).await
}

/// Webhooks hear what others say, as far as it is a message to them.
pub(super) async fn tell(scene: &Scene<'_>, tx: &mut Tx, heard: &Heard<'_>) -> Result<(), Failure> {
    let Sender::Contact(contact) = &scene.event.sender else {
        return Ok(());
    };
    // What is shown or told to all is no message to the owner.
    if let ChatKind::Status | ChatKind::Channel = scene.event.chat_kind {
        return Ok(());
    }
    let said = notify::Said {
        device: &scene.device,
        identity: &scene.identity,
        room: heard.room,
        event: scene.event,
        contact,
        content: heard.content,
        cards: heard.cards,
        words: &heard.words,
        shown: heard.event,
        reply_to: heard.reply_to,
    };
    notify::push(scene.desk, tx, &said).await
}
