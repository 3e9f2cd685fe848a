//! What takes the place of a message that was shown: other words, what a placeholder stood for, media that came late.
//!
//! Edits stand where the message stood, with all that was done to it. What cannot be an edit (a sticker, a poll) stands
//! beside it at first: then the message goes, and what was done to it is done to what came.

use ruma::{EventId, OwnedEventId};

use super::{
    super::{error::Failure, portals::Room, redact},
    albums, changes,
    frame::{self, Framed},
    marks,
    media::{self, Brought},
    people, say,
    scene::Scene,
};
use crate::{
    matrix::{Actor, outgoing, transaction_id},
    model::{Content, MessageRef, Say, Sender},
    store::{Message, MessageContent, Reaction, Tx},
};

/// What stands in the room for something that may still come.
const PLACEHOLDER: &str = "m.notice";

/// What a placeholder stood for has come: it takes the placeholder's place. Anything else was shown before.
pub(super) async fn replace(scene: &Scene<'_>, known: &Message, said: &Say) -> Result<(), Failure> {
    if !is_placeholder(known) || matches!(said.content, Content::Unsupported(_) | Content::Awaited) {
        return scene.desk.done().await;
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    if albums::is_gone(scene, said.album.as_ref()).await? {
        return changes::take_away(scene.desk, known, Some(&speaker), None).await;
    }
    let brought = media::bring(scene, &said.content).await?;
    let mut framed = frame::of_awaited(scene, said).await?;
    let placed = put_in_place(scene, (&room, &speaker), known, (&brought, &framed), "place").await?;
    let Some(stands) = end_of_placeholder(scene, (&room, &speaker), known, placed).await? else {
        return scene.desk.done().await;
    };
    // What came as an event of its own can be an answer.
    framed.frame.in_words &= !(stands.is_new && framed.reply_to.is_some());
    let mut tx = scene.desk.bridge.store.begin().await?;
    let holds = MessageContent {
        id: &known.id,
        sender: &known.sender,
        text: said.content.text(),
        kind: brought.kind(),
        content: Some(&brought.kept),
    };
    tx.set_message_content(&scene.key, holds, None).await?;
    tx.set_message_frame(&scene.key, &known.id, &known.sender, &framed.frame)
        .await?;
    let answered = said.reply_to.as_ref().map(|quote| &quote.id);
    if let Some(answered) = answered {
        tx.set_message_reply(&scene.key, (&known.id, &known.sender), answered)
            .await?;
    }
    stands.write_down(&mut tx, known).await?;
    let message = Message {
        kind: brought.kind().into(),
        reply_to: answered.cloned(),
        ..known.clone()
    };
    say::follow_up(scene, &mut tx, &message, said, &brought).await?;
    scene.end_waiting(&mut tx, said.album.as_ref()).await?;
    if !stands.is_silent {
        let heard = say::Heard {
            room: &room,
            content: &brought.content,
            cards: brought.cards.as_deref(),
            words: stands.words.clone(),
            event: &stands.event,
            reply_to: framed.reply_to.as_deref(),
        };
        say::tell(scene, &mut tx, &heard).await?;
    }
    scene.desk.finish(tx).await
}

fn is_placeholder(message: &Message) -> bool {
    let stands_for_another = matches!(&message.content, Some(Content::Unsupported(_) | Content::Awaited));
    message.kind == PLACEHOLDER && stands_for_another
}

/// A content that took the place of another.
pub(super) struct Placed {
    /// Its words.
    words: String,
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
    (brought, framed): (&Brought, &Framed),
    what: &str,
) -> Result<Placed, Failure> {
    let bridge = scene.desk.bridge;
    let people = people::named(scene, &brought.content).await?;
    let pill = |who: &Sender| people.pill(who);
    let old = {
        let mut read = bridge.store.read().await?;
        read.list_message_parts(&scene.key, &message.id, &message.sender)
            .await?
    };
    let shown: Vec<&EventId> = message.event.iter().chain(&old).map(|event| &**event).collect();
    let messages = outgoing::edit(
        &shown,
        &message.kind,
        &framed.say(&brought.content),
        &framed.around(brought, &pill),
    );
    let events = say::send(scene, room, speaker, &messages, what).await?;
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
    let new = first.map(|content| content.get("m.new_content").unwrap_or(content));
    Ok(Placed {
        words: say::words(&brought.content, &people, new),
        parts,
        is_beside: edits == 0,
    })
}

/// The events that stand for a message now that its placeholder had its day.
pub(super) struct Stands {
    /// The first of them.
    pub(super) event: OwnedEventId,
    parts: Vec<OwnedEventId>,
    reactions: Vec<Reaction>,
    /// The words of the message.
    pub(super) words: String,
    is_new: bool,
    /// What came is nothing that a room shows: an album, which its pictures follow.
    is_silent: bool,
}

/// Takes a placeholder back that could not become what it stood for, after what was done to it was done to that. `None`: it
/// never had an event.
pub(super) async fn end_of_placeholder(
    scene: &Scene<'_>,
    (room, speaker): (&Room, &Actor),
    known: &Message,
    mut placed: Placed,
) -> Result<Option<Stands>, Failure> {
    let Some(event) = known.event.clone() else {
        return Ok(None);
    };
    let new = (placed.is_beside && !placed.parts.is_empty()).then(|| placed.parts.remove(0));
    let mut stands = Stands {
        event,
        parts: placed.parts,
        reactions: Vec::new(),
        words: placed.words,
        is_new: new.is_some(),
        is_silent: placed.is_beside && new.is_none(),
    };
    if let Some(new) = &new {
        stands.reactions = marks::follow(scene, room, known, new).await?;
        let bot = scene.desk.bridge.homeserver.as_bot();
        bot.pin_instead(&room.id, &stands.event, new).await?;
    }
    if placed.is_beside {
        let transaction = scene.transaction("place:instead");
        let bridge = scene.desk.bridge;
        redact::take_back(bridge, &room.id, &stands.event, &transaction, Some(speaker), None).await?;
    }
    stands.event = new.unwrap_or(stands.event);
    Ok(Some(stands))
}

impl Stands {
    /// Writes down which events a message is now.
    pub(super) async fn write_down(&self, tx: &mut Tx, message: &Message) -> Result<(), Failure> {
        let (key, id, sender) = (&message.portal, &message.id, &message.sender);
        tx.set_message_event(key, id, sender, &self.event).await?;
        tx.set_message_parts(key, id, sender, &self.parts).await?;
        for reaction in &self.reactions {
            tx.upsert_reaction(reaction).await?;
        }
        Ok(())
    }
}

/// Which message it is.
pub(super) fn reference(message: &Message) -> MessageRef {
    MessageRef {
        id: message.id.clone(),
        sender: message.sender.clone(),
    }
}
