//! What happens to a message after it was said: other content, taken back, moved on, over.

use serde_json::Value;

use super::{
    super::{error::Failure, portals::Room, redact, timers, worker::Desk},
    albums, frame, instead, media,
    media::Brought,
    people, polls, say,
    scene::{Scene, Target},
};
use crate::{
    matrix::{
        self, Actor,
        incoming::Incoming,
        outgoing::{self, Around},
        transaction_id,
    },
    model::{Content, Media, MessageRef, PortalKey, Say, Sender, Timestamp, lasting},
    store::{DELETED, Message, MessageContent, Tx},
};

/// How many messages of a chat that was emptied are taken back at once.
const SOME: u32 = 50;

/// What a message that no room shows holds from now on.
pub(super) async fn hold(scene: &Scene<'_>, before: &Message, content: &Content) -> Result<(), Failure> {
    let holds = MessageContent {
        id: &before.id,
        sender: &before.sender,
        text: content.text(),
        kind: content.event_kind(),
        content: Some(content),
    };
    let mut tx = scene.desk.bridge.store.begin().await?;
    tx.set_message_content(&scene.key, holds, Some(scene.event.at)).await?;
    scene.desk.finish(tx).await
}

/// Shows other content in the place of what a message said.
pub(super) async fn edit(scene: &Scene<'_>, target: &MessageRef, content: &Content) -> Result<(), Failure> {
    let is_same = |one: &_, other: &_| scene.desk.bridge.network.is_same_file(one, other);
    if let Some(before) = scene.unshown(target).await? {
        let content = media::edited(before.content.as_ref(), content, is_same);
        return hold(scene, &before, &content).await;
    }
    if matches!(content, Content::Album { .. }) {
        // How many are announced is nothing that people see.
        return scene.desk.done().await;
    }
    let words = content.text().unwrap_or(content.kind());
    let deed = format!("edited a message that is not here. It says now: {words}");
    let Some(target) = scene.target(target, &deed).await? else {
        return Ok(());
    };
    // An edit that had to wait for its message may be older than one that did not.
    if target.message.edited_at.is_some_and(|last| last > scene.event.at) {
        return scene.desk.done().await;
    }
    let content = media::edited(target.message.content.as_ref(), content, is_same);
    put(scene, &target, &content, "place").await
}

/// Puts other content in the place of what a message says. `what` tells apart what one event of the network puts there at
/// different times.
pub(super) async fn put(scene: &Scene<'_>, target: &Target, content: &Content, what: &str) -> Result<(), Failure> {
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let brought = match already_shown(scene, &room, target, content).await? {
        Some(shown) => shown,
        None => media::bring(scene, content).await?,
    };
    let mut parts = None;
    // A gallery is more than the one message of it that was edited.
    let is_gallery = scene
        .desk
        .bridge
        .store
        .read()
        .await?
        .is_shown_with_others(&target.message)
        .await?;
    if !is_gallery && is_speaker(&target.message, &speaker) {
        let framed = frame::kept(scene, &target.message).await?;
        let placed =
            instead::put_in_place(scene, (&room, &speaker), &target.message, (&brought, &framed), what).await?;
        parts = Some(placed.parts);
    } else {
        // Only who sent an event can replace it: the new words follow as an answer.
        let said = Say {
            content: brought.content.clone(),
            ..Say::default()
        };
        let people = people::named(scene, &said.content).await?;
        let messages = outgoing::say(
            &said,
            &Around {
                reply_to: Some(&target.event),
                pill: &|who| people.pill(who),
                picture: brought.picture.as_deref(),
                ..Around::nothing()
            },
        );
        say::send(scene, &room, &speaker, &messages, &format!("edit:{what}")).await?;
    }
    let now_holds = MessageContent {
        id: &target.message.id,
        sender: &target.message.sender,
        text: content.text(),
        kind: brought.kind(),
        content: Some(&brought.kept),
    };
    let mut tx = scene.desk.bridge.store.begin().await?;
    let (before, now) = (target.message.content.as_ref(), content);
    polls::promise(&mut tx, &scene.key, &target.reference(), (before, now)).await?;
    tx.set_message_content(&scene.key, now_holds, Some(scene.event.at))
        .await?;
    if let Some(parts) = parts {
        tx.set_message_parts(&scene.key, &target.message.id, &target.message.sender, &parts)
            .await?;
    }
    scene.desk.finish(tx).await
}

/// Media that get other words under them, as the homeserver has them already: on the network they may be gone by now.
/// `None` where nothing is shown, or where the homeserver does not tell.
async fn already_shown(
    scene: &Scene<'_>,
    room: &Room,
    target: &Target,
    content: &Content,
) -> Result<Option<Brought>, Failure> {
    let (Content::Media(media), Some(Content::Media(before))) = (content, &target.message.content) else {
        return Ok(None);
    };
    if media.source != before.source {
        return Ok(None);
    }
    let bot = scene.desk.bridge.homeserver.as_bot();
    let json = match bot.event(&room.id, &target.event).await {
        Ok(json) => json,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => None,
    };
    let Some(Ok(Incoming::Say(said))) = json.map(|json| matrix::incoming::read(&json)) else {
        return Ok(None);
    };
    let Content::Media(shown) = said.content else {
        return Ok(None);
    };
    Ok(Some(Brought {
        content: Content::Media(Box::new(Media {
            caption: media.caption.clone(),
            thumbnail: media.thumbnail.clone(),
            ..*shown
        })),
        kept: content.clone(),
        picture: said.picture.map(|picture| picture.source),
        cards: None,
        is_missing: false,
    }))
}

/// Where nothing is known of who sent an event, who would speak now did.
fn is_speaker(message: &Message, speaker: &Actor) -> bool {
    message.speaker.as_deref().is_none_or(|user| user == speaker.user())
}

/// Takes a message away.
pub(super) async fn delete(scene: &Scene<'_>, target: &MessageRef) -> Result<(), Failure> {
    if let Some(album) = albums::find(scene, target).await? {
        let speaker = match scene.known_room().await? {
            Some(room) => Some(scene.speaker(&room).await?),
            None => None,
        };
        return albums::take_away(scene, target, album, speaker.as_ref(), None).await;
    }
    if let Some(before) = scene.unshown(target).await? {
        return take_away(scene.desk, &before, None, None).await;
    }
    let Some(target) = scene.target(target, "deleted a message that is not here.").await? else {
        return Ok(());
    };
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    take_away(scene.desk, &target.message, Some(&speaker), None).await
}

/// The owner deleted a message on their own devices only: it goes from a room that is theirs alone.
pub(super) async fn forget(scene: &Scene<'_>, target: &MessageRef) -> Result<(), Failure> {
    if !is_private(scene).await? {
        return scene.desk.done().await;
    }
    if let Some(album) = albums::find(scene, target).await? {
        return albums::take_away(scene, target, album, None, Some("deleted on the phone")).await;
    }
    let found = {
        let mut read = scene.desk.bridge.store.read().await?;
        read.find_message(&scene.key, &target.id, &target.sender).await?
    };
    match found {
        Some(found) if found.kind != DELETED => take_away(scene.desk, &found, None, Some("deleted on the phone")).await,
        _ => scene.desk.done().await,
    }
}

/// Whether the rooms are the owner's alone.
async fn is_private(scene: &Scene<'_>) -> Result<bool, Failure> {
    let mut read = scene.desk.bridge.store.read().await?;
    Ok(read.list_members(scene.identity.id).await?.is_empty())
}

/// The owner emptied the chat on their own devices: the same for all that was said until then, some at a time. What is said
/// meanwhile comes between.
pub(super) async fn clear(scene: &Scene<'_>, until: Timestamp) -> Result<(), Failure> {
    let (desk, key) = (scene.desk, &scene.key);
    if !is_private(scene).await? {
        return desk.done().await;
    }
    let said = desk
        .bridge
        .store
        .read()
        .await?
        .list_said_until(key, until, SOME)
        .await?;
    if said.is_empty() {
        return desk.done().await;
    }
    for message in &said {
        // An event goes with the last message that stands in it.
        erase_pieces(desk, message).await?;
        erase(desk, message, None, Some("deleted on the phone"))
            .await?
            .commit()
            .await?;
    }
    let mut tx = desk.bridge.store.begin().await?;
    tx.push_job(&desk.job.lane, &desk.job.work, desk.bridge.clock().now())
        .await?;
    desk.finish(tx).await
}

/// New messages disappear after another time.
pub(super) async fn timer(scene: &Scene<'_>, seconds: Option<u32>) -> Result<(), Failure> {
    let bridge = scene.desk.bridge;
    let room = scene.room().await?;
    let before = bridge.store.read().await?.find_portal_timer(&scene.key).await?;
    let since = Some(scene.event.at);
    if before == seconds {
        let mut tx = bridge.store.begin().await?;
        tx.set_portal_timer(&scene.key, seconds, since).await?;
        return scene.desk.finish(tx).await;
    }
    let notice = timer_told(&scene.event.sender, scene.sender_name(), seconds);
    bridge
        .homeserver
        .as_bot()
        .send(
            &room.id,
            outgoing::MESSAGE,
            &notice,
            &scene.transaction("timer"),
            Some(scene.event.at),
        )
        .await?;
    let mut tx = bridge.store.begin().await?;
    timers::set(bridge, &mut tx, &scene.key, (seconds, since)).await?;
    scene.desk.finish(tx).await
}

/// What people are told of another time; `name` is what the sender is called in a sentence.
pub(super) fn timer_told(sender: &Sender, name: &str, seconds: Option<u32>) -> Value {
    let verb = if *sender == Sender::Owner { "have" } else { "has" };
    let sentence = match seconds {
        Some(seconds) => format!("set new messages to disappear after {}.", lasting(seconds.into())),
        None => "turned off disappearing messages.".to_owned(),
    };
    outgoing::notice(&format!("{name} {verb} {sentence}"), None)
}

/// Does a job of kind `expire`. An event in which somebody keeps a message stays, and goes when nobody does any more.
pub(in super::super) async fn expire(desk: &Desk<'_>, key: &PortalKey, message: &MessageRef) -> Result<(), Failure> {
    let found = {
        let mut read = desk.bridge.store.read().await?;
        read.find_message(key, &message.id, &message.sender).await?
    };
    let Some(found) = found else {
        return desk.done().await;
    };
    // The first picture of a gallery may be gone before the others.
    let pieces = desk.bridge.store.read().await?.list_pieces(&found).await?;
    if std::iter::once(&found).chain(&pieces).all(|one| one.kind == DELETED) {
        return desk.done().await;
    }
    let mut tx = desk.bridge.store.begin().await?;
    let mut is_kept = false;
    for one in std::iter::once(&found).chain(&pieces) {
        is_kept |= tx.outlives_its_time(key, &instead::reference(one)).await?;
    }
    if is_kept {
        return desk.finish(tx).await;
    }
    drop(tx);
    take_all_away(desk, &found, "disappeared").await
}

/// Takes away a message and what stands in its event beside it.
pub(in super::super) async fn take_all_away(desk: &Desk<'_>, leads: &Message, reason: &str) -> Result<(), Failure> {
    erase_pieces(desk, leads).await?;
    take_away(desk, leads, None, Some(reason)).await
}

/// Erases what stands in the event of a message beside it.
async fn erase_pieces(desk: &Desk<'_>, leads: &Message) -> Result<(), Failure> {
    let key = &leads.portal;
    let pieces = desk.bridge.store.read().await?.list_pieces(leads).await?;
    for piece in &pieces {
        desk.bridge.network.erase(key, &piece.id).await?;
    }
    let mut tx = desk.bridge.store.begin().await?;
    for piece in pieces {
        let piece = MessageRef {
            id: piece.id,
            sender: piece.sender,
        };
        tx.erase_message(key, &piece, Some(desk.job.id)).await?;
    }
    Ok(tx.commit().await?)
}

/// Redacts every event of a message and forgets what it held. An event in which people still see others stays.
pub(in super::super) async fn take_away(
    desk: &Desk<'_>,
    message: &Message,
    speaker: Option<&Actor>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let tx = erase(desk, message, speaker, reason).await?;
    desk.finish(tx).await
}

/// The same, in the transaction that is returned.
pub(super) async fn erase(
    desk: &Desk<'_>,
    message: &Message,
    speaker: Option<&Actor>,
    reason: Option<&str>,
) -> Result<Tx, Failure> {
    redact_all(desk, message, speaker, reason).await?;
    let mut tx = desk.bridge.store.begin().await?;
    tx.erase_message(&message.portal, &instead::reference(message), Some(desk.job.id))
        .await?;
    Ok(tx)
}

/// Redacts every event of a message and erases what the network keeps of it.
pub(super) async fn redact_all(
    desk: &Desk<'_>,
    message: &Message,
    speaker: Option<&Actor>,
    reason: Option<&str>,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let (parts, others) = {
        let mut read = bridge.store.read().await?;
        let parts = read.list_message_parts(&message.portal, &message.id, &message.sender);
        (parts.await?, read.is_shown_with_others(message).await?)
    };
    if let Some(room) = message.room.as_ref().filter(|_| !others) {
        for event in message.event.iter().chain(&parts) {
            let transaction = transaction_id(&["delete", room.as_str(), event.as_str()]);
            redact::take_back(bridge, room, event, &transaction, speaker, reason).await?;
        }
    }
    bridge.network.erase(&message.portal, &message.id).await?;
    Ok(())
}
