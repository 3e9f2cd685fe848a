//! New messages: shown once, written down with everything that later edits, quotes and votes need.

use ruma::{EventId, OwnedEventId};
use serde_json::Value;

use super::{
    super::{error::Failure, expiry, notify, portals::Room, redact, typing, voice::Voice},
    media::{self, Brought},
    people, places,
    scene::Scene,
};
use crate::{
    matrix::{
        Actor,
        outgoing::{self, Around, Thread},
        transaction_id,
    },
    model::{ChatKind, Content, Lane, MessageRef, Quote, Say, Sender, Text, Work},
    store::{DELETED, Direction, Message, MessageContent, MessageState, Tx},
};

/// What stands in the room for something that may still come.
const PLACEHOLDER: &str = "m.notice";
/// So many lines of an answered message are repeated where the answer itself cannot be shown as one.
const QUOTED_LINES: usize = 5;

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
                None => replace(scene, &known, said).await,
            };
        }
        Some(_) => {}
        None => {
            if let Some((before, now)) = places::moved_by(scene, None, said).await? {
                return places::go_on(scene, before, now).await;
            }
        }
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let brought = media::bring(scene, &said.content).await?;
    let reply_to = event_of(scene, said.reply_to.as_ref()).await?;
    let thread = match &said.thread {
        Some(began_with) => event_of_message(scene, began_with).await?,
        None => None,
    };
    let shown = Say {
        content: brought.content.clone(),
        ..said.clone()
    };
    let messages = written(scene, &shown, &brought, reply_to.as_deref(), thread.as_deref()).await?;
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
        follow_up(scene, &mut tx, &message, said, &brought).await?;
        scene.end_waiting(&mut tx).await?;
        if let Some(event) = events.first() {
            let heard = Heard {
                room: &room,
                content: &shown.content,
                body: body(&messages),
                event,
                reply_to: reply_to.as_deref(),
            };
            tell(scene, &mut tx, &heard).await?;
        }
    }
    scene.desk.finish(tx).await
}

/// What a placeholder stood for has come: it takes the placeholder's place. Anything else was shown before.
async fn replace(scene: &Scene<'_>, known: &Message, said: &Say) -> Result<(), Failure> {
    let (true, Some(event)) = (is_placeholder(known), known.event.as_deref()) else {
        return scene.desk.done().await;
    };
    if matches!(said.content, Content::Unsupported(_) | Content::Awaited) {
        return scene.desk.done().await;
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let brought = media::bring(scene, &said.content).await?;
    let shown = Brought {
        content: with_quote(&brought.content, said.reply_to.as_ref()),
        ..brought.clone()
    };
    let mut placed = put_in_place(scene, (&room, &speaker), known, &shown, "place").await?;
    let mut stands_for_it = event.to_owned();
    if placed.is_beside {
        // What cannot be an edit (a poll, a sticker) followed the placeholder, which goes.
        let transaction = scene.transaction("place:instead");
        redact::take_back(scene.desk.bridge, &room.id, event, &transaction, Some(&speaker), None).await?;
        if !placed.parts.is_empty() {
            stands_for_it = placed.parts.remove(0);
        }
    }
    let mut tx = scene.desk.bridge.store.begin().await?;
    let holds = MessageContent {
        id: &known.id,
        sender: &known.sender,
        text: said.content.text(),
        kind: brought.kind(),
        content: Some(&brought.kept),
    };
    tx.set_message_content(&scene.key, holds, None).await?;
    tx.set_message_event(&scene.key, &known.id, &known.sender, &stands_for_it)
        .await?;
    tx.set_message_parts(&scene.key, &known.id, &known.sender, &placed.parts)
        .await?;
    let message = Message {
        kind: brought.kind().into(),
        ..known.clone()
    };
    follow_up(scene, &mut tx, &message, said, &brought).await?;
    scene.end_waiting(&mut tx).await?;
    let heard = Heard {
        room: &room,
        content: &brought.content,
        body: placed.body,
        event: &stands_for_it,
        reply_to: None,
    };
    tell(scene, &mut tx, &heard).await?;
    scene.desk.finish(tx).await
}

fn is_placeholder(message: &Message) -> bool {
    let stands_for_another = matches!(&message.content, Some(Content::Unsupported(_) | Content::Awaited));
    message.kind == PLACEHOLDER && stands_for_another
}

/// Words with what they answer over them: an event that takes another one's place cannot become an answer.
fn with_quote(content: &Content, quote: Option<&Quote>) -> Content {
    let (Content::Text(text), Some(quoted)) = (content, quote.and_then(|quote| quote.text.as_deref())) else {
        return content.clone();
    };
    let mut body = String::new();
    for line in quoted.lines().take(QUOTED_LINES) {
        body.extend(["> ", line, "\n"]);
    }
    body.push_str(&text.body);
    Content::Text(Text { body, ..text.clone() })
}

/// A content that took the place of another.
pub(super) struct Placed {
    /// Its words.
    pub(super) body: String,
    /// The events of the message after its first one, from now on.
    pub(super) parts: Vec<OwnedEventId>,
    /// Nothing of it could be an edit: the old events stand as they were.
    is_beside: bool,
}

/// Shows a content in the place of a message that was shown: each of its events takes the place of one, and what is left
/// over of the old ones goes. `what` tells apart what takes the place of one message at different times: first the
/// message that was awaited, later its media.
pub(super) async fn put_in_place(
    scene: &Scene<'_>,
    (room, speaker): (&Room, &Actor),
    message: &Message,
    brought: &Brought,
    what: &str,
) -> Result<Placed, Failure> {
    let bridge = scene.desk.bridge;
    let people = people::named(scene, &brought.content).await?;
    let old = {
        let mut read = bridge.store.read().await?;
        read.list_message_parts(&scene.key, &message.id, &message.sender)
            .await?
    };
    let shown: Vec<&EventId> = message.event.iter().chain(&old).map(|event| &**event).collect();
    let messages = outgoing::edit(
        &shown,
        &message.kind,
        &brought.content,
        &Around {
            pill: &|who| people.pill(who),
            picture: brought.picture.as_deref(),
            cards: brought.cards.as_deref(),
            ..Around::nothing()
        },
    );
    let events = send(scene, room, speaker, &messages, what).await?;
    let edits = messages.iter().filter(|message| message.is_edit()).count();
    let (kept, surplus) = if edits == 0 {
        (shown.as_slice(), [].as_slice())
    } else {
        shown.split_at(edits)
    };
    for event in surplus {
        let transaction = transaction_id(&["surplus", room.id.as_str(), event.as_str()]);
        redact::take_back(bridge, &room.id, event, &transaction, Some(speaker), None).await?;
    }
    let kept = kept.iter().skip(1).map(|event| (*event).to_owned());
    let parts = kept.chain(events.into_iter().skip(edits)).collect();
    let first = messages.first().map(|message| &message.content);
    let words = first.map(|content| content.get("m.new_content").unwrap_or(content));
    let body = words.and_then(|words| words["body"].as_str()).unwrap_or_default();
    Ok(Placed {
        body: body.to_owned(),
        parts,
        is_beside: edits == 0,
    })
}

/// What clients without any support show of a message.
fn body(messages: &[outgoing::Message]) -> String {
    let first = messages.first().map(|message| &message.content["body"]);
    first.and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) async fn written(
    scene: &Scene<'_>,
    shown: &Say,
    brought: &Brought,
    reply_to: Option<&EventId>,
    thread: Option<&EventId>,
) -> Result<Vec<outgoing::Message>, Failure> {
    let people = people::named(scene, &shown.content).await?;
    let accept = format!("{} accept", scene.desk.bridge.config.command_prefix);
    let around = Around {
        reply_to,
        thread: thread.map(|root| Thread { root, latest: None }),
        pill: &|who| people.pill(who),
        picture: brought.picture.as_deref(),
        cards: brought.cards.as_deref(),
        accept: Some(&accept),
    };
    Ok(outgoing::say(shown, &around))
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

/// What is promised together with a new message: its end, and the media that are still missing.
async fn follow_up(
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

/// The Matrix event of the message an event answers, when we have it.
pub(super) async fn event_of(scene: &Scene<'_>, quote: Option<&Quote>) -> Result<Option<OwnedEventId>, Failure> {
    let Some(quote) = quote else { return Ok(None) };
    let mut read = scene.desk.bridge.store.read().await?;
    let message = match &quote.sender {
        Some(sender) => read.find_message(&scene.key, &quote.id, sender).await?,
        None => None,
    };
    let message = match message {
        Some(message) => Some(message),
        None => read.find_message_by_id(&scene.key, &quote.id).await?,
    };
    Ok(message.and_then(|message| message.event))
}

pub(super) async fn event_of_message(scene: &Scene<'_>, message: &MessageRef) -> Result<Option<OwnedEventId>, Failure> {
    let quote = Quote {
        id: message.id.clone(),
        sender: Some(message.sender.clone()),
        text: None,
        content: None,
    };
    event_of(scene, Some(&quote)).await
}

/// What webhooks hear of a message.
struct Heard<'a> {
    room: &'a Room,
    content: &'a Content,
    body: String,
    event: &'a EventId,
    reply_to: Option<&'a EventId>,
}

/// Webhooks hear what others say, as far as it is a message to them.
async fn tell(scene: &Scene<'_>, tx: &mut Tx, heard: &Heard<'_>) -> Result<(), Failure> {
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
        body: &heard.body,
        shown: heard.event,
        reply_to: heard.reply_to,
    };
    notify::push(scene.desk, tx, &said).await
}
