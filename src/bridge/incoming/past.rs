//! Messages of before, shown in a room with their own times and by those who said them.
//!
//! The newest ones come into a new room before anything new does: whoever shows something new asks `place` first. Older
//! ones can only follow what is there already, because Matrix has no way to put events before others: in a thread of
//! their own. Every event's transaction id follows from its message, so whatever is done again is the same, and a
//! message that arrives live meanwhile is the same event. Nobody is told by a sound of what was said long ago.

use ruma::OwnedEventId;

use super::{
    super::{error::Failure, expiry, ghosts, history, portals::Room, worker::Desk},
    albums, frame, instead,
    media::{self, Brought},
    people, polls, say,
    scene::Scene,
};
use crate::{
    matrix::{self, Actor, outgoing, transaction_id},
    model::{
        Action, ChatKind, Content, Event, IdentityKind, Lane, MessageId, MessageRef, Older, PastMark, PortalKey, Say,
        Sender, Timestamp, Work,
    },
    store::{Frame, Message, Reaction, Unshown},
};

/// How often a job may fail before it goes on without the media that do not come: what is said now waits for it.
const TRIES: u32 = 2;

/// Does a job of kind `place`.
pub(in super::super) async fn open(desk: &Desk<'_>, portal: &PortalKey, kind: ChatKind) -> Result<(), Failure> {
    let Some(event) = nothing_said(desk, portal, kind).await? else {
        return desk.done().await;
    };
    if let super::Whose::Of(device, identity) = super::whose(desk, &event).await? {
        let scene = Scene {
            desk,
            event: &event,
            key: portal.clone(),
            device,
            identity,
        };
        scene.room().await?;
    }
    desk.done().await
}

/// An event that says nothing, to stand in a chat with; `None` where there is nobody any more.
async fn nothing_said(desk: &Desk<'_>, portal: &PortalKey, kind: ChatKind) -> Result<Option<Event>, Failure> {
    let device = desk.bridge.store.read().await?.find_device(portal.device).await?;
    Ok(device.map(|device| Event {
        device: device.id,
        chat: portal.chat.clone(),
        chat_kind: kind,
        id: MessageId::from_adapter("history"),
        sender: Sender::Owner,
        sender_name: None,
        at: desk.bridge.clock().now(),
        action: Action::Say(Say::default()),
    }))
}

/// Brings the newest messages of before into a new room. Once that is done it is never done again.
pub(super) async fn place(scene: &Scene<'_>, room: &Room) -> Result<(), Failure> {
    let bridge = scene.desk.bridge;
    if bridge.store.read().await?.is_portal_placed(&scene.key).await? {
        return Ok(());
    }
    let wanted = bridge.config.history_messages;
    if wanted > 0 && history::is_being_stored(scene.desk, scene.key.device).await? {
        return Err(history::not_yet());
    }
    let mut read = bridge.store.read().await?;
    let before = match wanted {
        0 => Vec::new(),
        _ => read.list_unshown(&scene.key, None, wanted).await?,
    };
    // The message that is about to be shown live may be among them, and others after it.
    let before: Vec<_> = before
        .into_iter()
        .filter(|past| past.message.at <= scene.event.at && past.message.id != scene.event.id)
        .collect();
    let facts = read.find_chat_facts(&scene.key).await?.unwrap_or_default();
    drop(read);
    if !before.is_empty() {
        // Before anybody sees them: who reads the room in Matrix must not tell the senders of what the phone told long ago.
        let unread = usize::try_from(facts.unread).unwrap_or(usize::MAX);
        is_seen(scene, &before[..before.len().saturating_sub(unread)]).await?;
        let owner = listener(scene).await?;
        if let Some(owner) = &owner {
            tried(owner.hears_nothing_of(&room.id, true).await)?;
        }
        let last = show_all(scene, room, &before, None).await?;
        if let Some(owner) = &owner {
            tried(owner.hears_nothing_of(&room.id, false).await)?;
            if let (0, false, Some(event)) = (facts.unread, facts.marked_unread, last) {
                tried(owner.has_read(&room.id, &event).await)?;
            }
        }
    }
    fail::fail_point!("bridge.history.placed.before");
    let mut tx = bridge.store.begin().await?;
    tx.set_portal_placed(&scene.key).await?;
    tx.commit().await?;
    fail::fail_point!("bridge.history.placed.after");
    Ok(())
}

/// What the owner has read on the phone is not told as read again.
async fn is_seen(scene: &Scene<'_>, messages: &[Unshown]) -> Result<(), Failure> {
    let seen: Vec<MessageRef> = messages.iter().map(Unshown::reference).collect();
    let mut tx = scene.desk.bridge.store.begin().await?;
    tx.set_seen(&scene.key, &seen).await?;
    tx.commit().await?;
    Ok(())
}

/// A comfort that a homeserver refuses is done without.
fn tried(outcome: Result<(), matrix::Error>) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "the owner will hear of what was said before");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The owner, when we may act for them and they are in the room already.
async fn listener(scene: &Scene<'_>) -> Result<Option<Actor>, Failure> {
    let homeserver = &scene.desk.bridge.homeserver;
    Ok(match scene.identity.kind {
        IdentityKind::Registered => Some(ghosts::owner(scene.desk.bridge, &scene.device, &scene.identity).await?),
        IdentityKind::Real => homeserver.as_puppet(&scene.identity.user),
    })
}

/// Shows messages one after the other; tells the last event. What cannot be shown at all is left out.
async fn show_all(
    scene: &Scene<'_>,
    room: &Room,
    messages: &[Unshown],
    thread: Option<&OwnedEventId>,
) -> Result<Option<OwnedEventId>, Failure> {
    let mut last = None;
    for past in messages {
        fail::fail_point!("bridge.history.message.before");
        match show(scene, room, past, thread).await {
            Ok(event) => last = event.or(last),
            Err(Failure::Never(why)) => tracing::warn!(why, "a message of before could not be shown"),
            Err(other) => return Err(other),
        }
        fail::fail_point!("bridge.history.message.after");
    }
    Ok(last)
}

/// Shows one message and the marks on it.
async fn show(
    scene: &Scene<'_>,
    room: &Room,
    past: &Unshown,
    thread: Option<&OwnedEventId>,
) -> Result<Option<OwnedEventId>, Failure> {
    let bridge = scene.desk.bridge;
    let reference = past.reference();
    let is_kept = {
        let mut read = bridge.store.read().await?;
        read.is_message_kept(&scene.key, &reference).await?
    };
    if !is_kept && is_over(past, bridge.clock().now()) {
        bridge.network.erase(&scene.key, &reference.id).await?;
        let mut tx = bridge.store.begin().await?;
        tx.erase_message(&scene.key, &reference, Some(scene.desk.job.id))
            .await?;
        tx.commit().await?;
        return Ok(None);
    }
    let event = Event {
        id: past.message.id.clone(),
        sender: past.message.sender.clone(),
        sender_name: None,
        at: past.message.at,
        action: Action::Say(past.said.clone()),
        ..scene.event.clone()
    };
    let then = scene.with(&event);
    let brought = then.brought(room, past, thread).await?;
    let marks = marks(&then, past, &brought.message).await?;
    let mut reactions = Vec::with_capacity(marks.all.len());
    if let Some((target, shown)) = &marks.on {
        for mark in marks.all {
            let event = mark_it(&then, room, shown, &mark).await?;
            reactions.push(Reaction {
                portal: scene.key.clone(),
                target: target.clone(),
                sender: mark.sender,
                emoji: mark.emoji,
                event,
            });
        }
    }
    write_down(scene, past, &brought, (&reactions, &marks.settled)).await?;
    Ok(brought.message.event)
}

/// The marks that are shown with a message.
struct Marks {
    all: Vec<PastMark>,
    /// Which message they are on, by which event. An album that shows no picture yet keeps its marks.
    on: Option<(MessageRef, OwnedEventId)>,
    /// Whose marks these were.
    settled: Vec<MessageRef>,
}

/// The marks on a message of before. Those on an album go to the first picture of it.
async fn marks(scene: &Scene<'_>, past: &Unshown, message: &Message) -> Result<Marks, Failure> {
    let reference = past.reference();
    let mut read = scene.desk.bridge.store.read().await?;
    let mut all = read.list_past_marks(&scene.key, &reference).await?;
    if albums::is_album(message) {
        let first = albums::first(scene, &mut read, &reference, Some(message)).await?;
        let on = first.and_then(|first| Some((instead::reference(&first), first.event?)));
        let settled = on.iter().map(|_| reference.clone()).collect();
        return Ok(Marks { all, on, settled });
    }
    let mut settled = vec![reference.clone()];
    if let Some(album) = &past.said.album {
        let album = MessageRef {
            id: album.clone(),
            sender: reference.sender.clone(),
        };
        if albums::first(scene, &mut read, &album, None).await?.is_none() {
            let of_album = read.list_past_marks(&scene.key, &album).await?;
            let own: Vec<_> = all.iter().map(|mark| mark.sender.clone()).collect();
            all.extend(of_album.into_iter().filter(|mark| !own.contains(&mark.sender)));
            settled.push(album);
        }
    }
    let on = message.event.clone().map(|event| (reference, event));
    Ok(Marks { all, on, settled })
}

/// A message as a room shows it, not written down yet.
struct Shown {
    message: Message,
    frame: Frame,
    parts: Vec<OwnedEventId>,
    is_missing: bool,
    /// The network may have the media, but does not give them now.
    is_put_off: bool,
}

impl Scene<'_> {
    /// Shows what a message of before says.
    async fn brought(&self, room: &Room, past: &Unshown, thread: Option<&OwnedEventId>) -> Result<Shown, Failure> {
        let speaker = self.speaker(room).await?;
        let (brought, is_put_off) = self.bring_or_put_off(&past.said.content).await?;
        let mut framed = frame::of(self, &past.said).await?;
        framed.thread = thread.cloned().or(framed.thread);
        let people = people::named(self, &brought.content).await?;
        let messages = say::written(self, &framed, &brought, &people);
        let mut events = say::send(self, room, &speaker, &messages, "say").await?.into_iter();
        let message = Message {
            state: past.message.state,
            ..say::row(self, &past.said, &brought, room, &speaker, events.next())
        };
        Ok(Shown {
            message,
            frame: framed.frame,
            parts: events.collect(),
            is_missing: brought.is_missing,
            is_put_off,
        })
    }

    /// Brings a content over; media that do not come after some tries are put off, and that is told.
    async fn bring_or_put_off(&self, content: &Content) -> Result<(Brought, bool), Failure> {
        match (media::bring(self, content).await, content) {
            (Err(Failure::Later { why, .. }), Content::Media(media)) if self.desk.job.attempts >= TRIES => {
                tracing::info!(why, "a file of before is put off");
                Ok((media::put_off(content, media), true))
            }
            (brought, _) => Ok((brought?, false)),
        }
    }
}

/// Writes down that a message is shown, with what is promised together with it.
async fn write_down(
    scene: &Scene<'_>,
    past: &Unshown,
    shown: &Shown,
    (reactions, settled): (&[Reaction], &[MessageRef]),
) -> Result<(), Failure> {
    let bridge = scene.desk.bridge;
    let reference = &past.reference();
    let mut tx = bridge.store.begin().await?;
    if tx.show_message(&shown.message).await? {
        tx.set_message_parts(&scene.key, &reference.id, &reference.sender, &shown.parts)
            .await?;
        tx.set_message_frame(&scene.key, &reference.id, &reference.sender, &shown.frame)
            .await?;
        if let Some(seconds) = past.said.expires_in {
            expiry::promise(&mut tx, &scene.key, reference.clone(), past.message.at, seconds).await?;
        }
        polls::promise(&mut tx, &scene.key, reference, (None, &past.said.content)).await?;
        if shown.is_missing {
            let work = Work::Fetch {
                portal: scene.key.clone(),
                message: reference.clone(),
            };
            let lane = if shown.is_put_off {
                // No other file waits for one that may come today or tomorrow.
                Lane::late(&scene.key, &reference.id)
            } else {
                // One after the other: a phone is not asked for a hundred old files at once.
                Lane::fetching(scene.key.device)
            };
            tx.push_job(&lane, &work, bridge.clock().now()).await?;
        }
    }
    for reaction in reactions {
        tx.upsert_reaction(reaction).await?;
    }
    for message in settled {
        tx.forget_past_marks(&scene.key, message).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether a message that disappears has done so.
fn is_over(past: &Unshown, now: Timestamp) -> bool {
    past.said
        .expires_in
        .is_some_and(|seconds| past.message.at.plus_millis(i64::from(seconds) * 1000) <= now)
}

/// Shows a mark as the one who made it.
async fn mark_it(
    scene: &Scene<'_>,
    room: &Room,
    event: &OwnedEventId,
    mark: &PastMark,
) -> Result<OwnedEventId, Failure> {
    let by = Event {
        sender: mark.sender.clone(),
        at: mark.at,
        ..scene.event.clone()
    };
    let scene = scene.with(&by);
    let speaker = scene.speaker(room).await?;
    let reaction = outgoing::reaction(event, &mark.emoji);
    let sent = say::send(&scene, room, &speaker, &[reaction], "mark").await?;
    sent.into_iter()
        .next()
        .ok_or_else(|| Failure::Never("a mark became no event".into()))
}

/// Shows what is older than all that a room shows: in a thread that says so.
pub(in super::super) async fn show_older(
    desk: &Desk<'_>,
    wish: &Older,
    kind: ChatKind,
    messages: &[Unshown],
) -> Result<(), Failure> {
    let Some(event) = nothing_said(desk, &wish.portal, kind).await? else {
        return Ok(());
    };
    let super::Whose::Of(device, identity) = super::whose(desk, &event).await? else {
        return Ok(());
    };
    let scene = Scene {
        desk,
        event: &event,
        key: wish.portal.clone(),
        device,
        identity,
    };
    let Some(room) = scene.known_room().await? else {
        return Ok(());
    };
    let thread = match wish.before {
        Some(_) => Some(head(desk, wish, messages).await?),
        None => None,
    };
    is_seen(&scene, messages).await?;
    show_all(&scene, &room, messages, thread.as_ref()).await.map(drop)
}

/// The notice of the bot that the thread hangs on.
async fn head(desk: &Desk<'_>, wish: &Older, messages: &[Unshown]) -> Result<OwnedEventId, Failure> {
    let day = |past: &Unshown| past.message.at.rfc3339().chars().take(10).collect::<String>();
    let (first, last) = (messages.first().map(day), messages.last().map(day));
    let when = match (first, last) {
        (Some(first), Some(last)) if first == last => format!("of {first}"),
        (Some(first), Some(last)) => format!("from {first} to {last}"),
        _ => String::new(),
    };
    let notice = outgoing::notice(&format!("📜 Older messages {when}, in this thread."), None);
    let transaction = transaction_id(&["older", wish.room.as_str(), wish.about.as_str()]);
    let bot = desk.bridge.homeserver.as_bot();
    let sent = bot
        .send(&wish.room, outgoing::MESSAGE, &notice, &transaction, None)
        .await?;
    Ok(sent)
}
