//! Marks on messages: reactions, answers to appointments, pins. One person has one mark on a message; a new one takes
//! the old one's place.

use ruma::EventId;

use super::{
    super::{error::Failure, pins, portals::Room, redact},
    instead, say,
    scene::Scene,
};
use crate::{
    matrix::outgoing::{self, Around},
    model::{Attendance, ChatKind, Content, Event, MessageRef, PastMark, Say, Sender},
    store::{Message, Reaction},
};

/// Shows a reaction, or takes it away.
pub(super) async fn react(scene: &Scene<'_>, target: &MessageRef, emoji: Option<&str>) -> Result<(), Failure> {
    if let Some(before) = scene.unshown(target).await? {
        let mut tx = scene.desk.bridge.store.begin().await?;
        let reference = MessageRef {
            id: before.id,
            sender: before.sender,
        };
        let mark = PastMark {
            sender: scene.event.sender.clone(),
            emoji: emoji.unwrap_or_default().to_owned(),
            at: scene.event.at,
        };
        tx.set_past_mark(&scene.key, &reference, &mark).await?;
        return scene.desk.finish(tx).await;
    }
    let deed = match emoji {
        Some(emoji) => format!("reacted with {emoji} to a message that is not here."),
        None => "took back a reaction to a message that is not here.".to_owned(),
    };
    if scene.event.chat_kind == ChatKind::Channel
        && scene.event.sender != Sender::Owner
        && !scene.is_known(target).await?
    {
        // What followers gave to posts of before we followed, which nobody sees here.
        return scene.desk.done().await;
    }
    let Some(target) = scene.target(target, &deed).await? else {
        return Ok(());
    };
    let bridge = scene.desk.bridge;
    let (room, sender) = (scene.room().await?, &scene.event.sender);
    let before = {
        let mut read = bridge.store.read().await?;
        read.find_reaction(&scene.key, &target.reference(), sender).await?
    };
    if emoji.is_some() && before.as_ref().map(|before| before.emoji.as_str()) == emoji {
        // Told again, or an attempt before this one came as far as the row.
        return scene.desk.done().await;
    }
    let speaker = scene.speaker(&room).await?;
    let shown = match emoji {
        Some(emoji) => {
            let reaction = outgoing::reaction(&target.event, emoji);
            let events = say::send(scene, &room, &speaker, &[reaction], "react").await?;
            events.into_iter().next()
        }
        None => None,
    };
    if let Some(before) = before.filter(|before| Some(&before.event) != shown.as_ref()) {
        let transaction = scene.transaction("unreact");
        redact::take_back(bridge, &room.id, &before.event, &transaction, Some(&speaker), None).await?;
    }
    let mut tx = bridge.store.begin().await?;
    match (shown, emoji) {
        (Some(event), Some(emoji)) => {
            tx.upsert_reaction(&Reaction {
                portal: scene.key.clone(),
                target: target.reference(),
                sender: sender.clone(),
                emoji: emoji.to_owned(),
                event,
            })
            .await?;
        }
        _ => tx.remove_reaction(&scene.key, &target.reference(), sender).await?,
    }
    scene.desk.finish(tx).await
}

/// Shows the marks on a message once more, on the event that takes the place of its own.
pub(super) async fn follow(
    scene: &Scene<'_>,
    room: &Room,
    message: &Message,
    event: &EventId,
) -> Result<Vec<Reaction>, Failure> {
    let before = {
        let mut read = scene.desk.bridge.store.read().await?;
        read.list_reactions(&scene.key, &instead::reference(message)).await?
    };
    let mut after = Vec::with_capacity(before.len());
    for mark in before {
        let by = Event {
            sender: mark.sender.clone(),
            sender_name: None,
            ..scene.event.clone()
        };
        let scene = scene.with(&by);
        let speaker = scene.speaker(room).await?;
        let reaction = outgoing::reaction(event, &mark.emoji);
        let shown = say::send(&scene, room, &speaker, &[reaction], "follow").await?;
        after.extend(shown.into_iter().next().map(|event| Reaction { event, ..mark }));
    }
    Ok(after)
}

/// Shows who comes to an appointment, as an answer to it.
pub(super) async fn attend(
    scene: &Scene<'_>,
    appointment: &MessageRef,
    answer: (Attendance, Option<u32>),
) -> Result<(), Failure> {
    let Some(target) = scene
        .target(appointment, "answered to an event that is not here.")
        .await?
    else {
        return Ok(());
    };
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    say::send(scene, &room, &speaker, &attending(&target.event, answer), "attend").await?;
    scene.desk.done().await
}

/// An answer to the event that shows an appointment: whether somebody comes, and how many come with them.
pub(super) fn attending(appointment: &EventId, (answer, guests): (Attendance, Option<u32>)) -> Vec<outgoing::Message> {
    let words = match answer {
        Attendance::Yes => "✅ Comes",
        Attendance::No => "❌ Does not come",
        Attendance::Maybe => "❔ Perhaps comes",
    };
    let words = match guests.filter(|_| answer != Attendance::No) {
        None | Some(0) => words.to_owned(),
        Some(1) => format!("{words}, with 1 guest"),
        Some(guests) => format!("{words}, with {guests} guests"),
    };
    outgoing::say(
        &Say::new(Content::Told(words)),
        &Around {
            reply_to: Some(appointment),
            ..Around::nothing()
        },
    )
}

/// Holds a message at the top of the room for so many seconds, or no longer.
pub(super) async fn pin(
    scene: &Scene<'_>,
    target: &MessageRef,
    pinned: bool,
    seconds: Option<u32>,
) -> Result<(), Failure> {
    let Some(target) = scene.target(target, "pinned a message that is not here.").await? else {
        return Ok(());
    };
    let bridge = scene.desk.bridge;
    let room = scene.room().await?;
    let until = seconds.map(|seconds| scene.event.at.plus_millis(i64::from(seconds) * 1000));
    // One whose time was over before we heard of it is none.
    let pinned = pinned && until.is_none_or(|until| until > bridge.clock().now());
    let bot = bridge.homeserver.as_bot();
    bot.pin(&room.id, &target.event, pinned).await?;
    let mut tx = bridge.store.begin().await?;
    let until = until.filter(|_| pinned);
    pins::promise_end(&mut tx, &scene.key, &target.reference(), until).await?;
    scene.desk.finish(tx).await
}

#[cfg(test)]
mod tests {
    use ruma::event_id;

    use super::*;

    #[test]
    fn b15_who_comes_may_bring_guests() {
        let said = |answer, guests| {
            let messages = attending(event_id!("$event:hs.test"), (answer, guests));
            messages[0].content["body"].as_str().unwrap().to_owned()
        };
        assert_eq!(said(Attendance::Yes, None), "✅ Comes");
        assert_eq!(said(Attendance::Yes, Some(1)), "✅ Comes, with 1 guest");
        assert_eq!(said(Attendance::Yes, Some(2)), "✅ Comes, with 2 guests");
        assert_eq!(said(Attendance::Maybe, Some(3)), "❔ Perhaps comes, with 3 guests");
        assert_eq!(said(Attendance::No, Some(3)), "❌ Does not come");
    }
}
