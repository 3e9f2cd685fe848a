//! Marks on messages: reactions, votes, answers to appointments, pins. One person has one mark on a message; a new one
//! takes the old one's place.

use sha2::{Digest as _, Sha256};

use super::{
    super::{error::Failure, redact},
    say,
    scene::Scene,
};
use crate::{
    matrix::outgoing::{self, Around, answer_id},
    model::{Attendance, ChatKind, Content, MessageRef, PastMark, Poll, Say, Sender},
    store::Reaction,
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

/// Shows a vote as the voter's.
pub(super) async fn vote(scene: &Scene<'_>, poll: &MessageRef, options: &[String]) -> Result<(), Failure> {
    const DEED: &str = "voted in a poll that is not here.";
    let Some(target) = scene.target(poll, DEED).await? else {
        return Ok(());
    };
    let asked = match &target.message.content {
        Some(Content::Poll(asked)) => asked,
        // What stands for the poll is here, and the poll is about to take its place.
        Some(Content::Awaited) => return scene.wait_for(poll, DEED).await.map(drop),
        _ => return scene.desk.done().await,
    };
    let answers: Vec<_> = options.iter().filter_map(|option| answer(asked, option)).collect();
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let vote = outgoing::vote(&target.event, &answers);
    say::send(scene, &room, &speaker, &[vote], "vote").await?;
    scene.desk.done().await
}

/// What Matrix calls an option, which the network tells by its name or by the SHA-256 of its name in hexadecimal.
fn answer(poll: &Poll, told: &str) -> Option<String> {
    let is_told = |option: &String| option == told || hex::encode(Sha256::digest(option.as_bytes())) == told;
    let place = poll.options.iter().position(is_told)?;
    let known = poll.answers.get(place).cloned();
    known.or_else(|| Some(answer_id(poll.options.get(place)?)))
}

/// Ends a poll.
pub(super) async fn end_poll(scene: &Scene<'_>, poll: &MessageRef) -> Result<(), Failure> {
    let Some(target) = scene.target(poll, "ended a poll that is not here.").await? else {
        return Ok(());
    };
    let question = target.message.text.as_deref().unwrap_or_default();
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let end = outgoing::poll_end(&target.event, &outgoing::poll_results(question, &[]));
    say::send(scene, &room, &speaker, &[end], "end").await?;
    scene.desk.done().await
}

/// Shows who comes to an appointment, as an answer to it.
pub(super) async fn attend(scene: &Scene<'_>, appointment: &MessageRef, answer: Attendance) -> Result<(), Failure> {
    let words = match answer {
        Attendance::Yes => "✅ Comes",
        Attendance::No => "❌ Does not come",
        Attendance::Maybe => "❔ Perhaps comes",
    };
    let Some(target) = scene
        .target(appointment, "answered to an event that is not here.")
        .await?
    else {
        return Ok(());
    };
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let messages = outgoing::say(
        &Say::new(Content::Told(words.into())),
        &Around {
            reply_to: Some(&target.event),
            ..Around::nothing()
        },
    );
    say::send(scene, &room, &speaker, &messages, "attend").await?;
    scene.desk.done().await
}

/// Holds a message at the top of the room, or no longer.
pub(super) async fn pin(scene: &Scene<'_>, target: &MessageRef, pinned: bool) -> Result<(), Failure> {
    let Some(target) = scene.target(target, "pinned a message that is not here.").await? else {
        return Ok(());
    };
    let room = scene.room().await?;
    scene
        .desk
        .bridge
        .homeserver
        .as_bot()
        .pin(&room.id, &target.event, pinned)
        .await?;
    scene.desk.done().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_known_by_its_name_and_by_its_hash() {
        let poll = Poll {
            question: "When?".into(),
            options: vec!["Monday".into(), "Friday".into()],
            choices: 1,
            answers: vec!["one".into()],
        };
        assert_eq!(answer(&poll, "Monday"), Some("one".into()));
        let hash = "6fd74ce42ec27a1f1b0ac3bc6ba7f3ed6fd4a0e7a2b0a4cfa3bb2e3a7d9d1a20";
        assert_eq!(answer(&poll, hash), None, "another option");
        assert_eq!(
            answer(&poll, &hex::encode(Sha256::digest("Friday"))),
            Some(answer_id("Friday"))
        );
    }
}
