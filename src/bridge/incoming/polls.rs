//! Polls after they were asked: votes, options that somebody adds, and their end, at once or at a moment that was told.
//!
//! The end at a moment is a promise, kept however long we were away. Where the moment is moved there is a promise for
//! each; that which names the moment of the poll as it is now ends it. Deliberately not here: asking (`say`), and asking
//! otherwise (`changes`).

use ruma::EventId;
use sha2::{Digest as _, Sha256};

use super::{
    super::{Inner, error::Failure, voice::Voice, votes, worker::Desk},
    changes, frame, instead,
    media::Brought,
    say,
    scene::Scene,
};
use crate::{
    matrix::{
        Actor,
        outgoing::{self, Around, answer_id},
        transaction_id,
    },
    model::{Content, Lane, MessageRef, Poll, PortalKey, Say, Timestamp, Work},
    store::{Message, MessageContent, Tx, Vote},
};

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
    let (vote, options) = voted(&target.event, asked, options);
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let shown = say::send(scene, &room, &speaker, &[vote], "vote").await?;
    let Some(event) = shown.into_iter().next() else {
        return scene.desk.done().await;
    };
    let vote = Vote {
        portal: scene.key.clone(),
        poll: target.reference(),
        sender: scene.event.sender.clone(),
        event,
        options,
        turn: scene.desk.job.id,
    };
    votes::counts(scene.desk, &room.id, &vote, Some(&speaker)).await
}

/// A vote in a poll that stands in an event, and the names of what was chosen.
pub(super) fn voted(poll: &EventId, asked: &Poll, options: &[String]) -> (outgoing::Message, Vec<String>) {
    let chosen = options.iter().filter_map(|told| place(asked, told));
    let (options, answers): (Vec<_>, Vec<_>) = chosen.map(|place| called(asked, place)).unzip();
    (outgoing::vote(poll, &answers), options)
}

/// Which option the network tells by its name or by the SHA-256 of its name in hexadecimal.
fn place(poll: &Poll, told: &str) -> Option<usize> {
    let is_told = |option: &String| option == told || hex::encode(Sha256::digest(option.as_bytes())) == told;
    poll.options.iter().position(is_told)
}

/// The name of an option, and what Matrix calls it.
fn called(poll: &Poll, place: usize) -> (String, String) {
    let option = poll.options.get(place).cloned().unwrap_or_default();
    let answer = poll.answers.get(place).cloned();
    let answer = answer.unwrap_or_else(|| answer_id(&option));
    (option, answer)
}

/// Shows a poll with one more option, in its place, as who asked it: nobody else can edit it in Matrix.
pub(super) async fn add_option(scene: &Scene<'_>, poll: &MessageRef, option: &str) -> Result<(), Failure> {
    const DEED: &str = "added an option to a poll that is not here.";
    let bridge = scene.desk.bridge;
    if let Some(before) = scene.unshown(poll).await? {
        return match extended(before.content.as_ref(), option) {
            Some(now) => changes::hold(scene, &before, &now).await,
            None => scene.desk.done().await,
        };
    }
    let Some(target) = scene.target(poll, DEED).await? else {
        return Ok(());
    };
    if let Some(Content::Awaited) = target.message.content {
        return scene.wait_for(poll, DEED).await.map(drop);
    }
    let Some(now) = extended(target.message.content.as_ref(), option) else {
        return scene.desk.done().await;
    };
    let room = scene.room().await?;
    if let Some(author) = author(bridge, &target.message) {
        let framed = frame::kept(scene, &target.message).await?;
        let shown = (&Brought::as_it_is(&now), &framed);
        instead::put_in_place(scene, (&room, &author), &target.message, shown, "option").await?;
    } else {
        let speaker = scene.speaker(&room).await?;
        let told = told_beside(&target.event, option);
        say::send(scene, &room, &speaker, &told, "option").await?;
    }
    let holds = MessageContent {
        id: &target.message.id,
        sender: &target.message.sender,
        text: now.text(),
        kind: now.event_kind(),
        content: Some(&now),
    };
    let mut tx = bridge.store.begin().await?;
    tx.set_message_content(&scene.key, holds, None).await?;
    scene.desk.finish(tx).await
}

/// A poll with one more option; `None` for what is no poll, or has the option.
pub(super) fn extended(content: Option<&Content>, option: &str) -> Option<Content> {
    let Some(Content::Poll(asked)) = content else {
        return None;
    };
    if asked.options.iter().any(|known| known == option) {
        return None;
    }
    let mut asked = asked.clone();
    asked.options.push(option.to_owned());
    if !asked.answers.is_empty() {
        asked.answers.push(answer_id(option));
    }
    Some(Content::Poll(asked))
}

/// What is said of an option of a poll that a person asked in Matrix themselves.
fn told_beside(poll: &EventId, option: &str) -> Vec<outgoing::Message> {
    let words = format!("New option of the poll, for votes on the phone: {option}");
    outgoing::say(
        &Say::new(Content::Told(words)),
        &Around {
            reply_to: Some(poll),
            ..Around::nothing()
        },
    )
}

/// Who of ours said a message in Matrix, or a person we may act for.
fn author(bridge: &Inner, message: &Message) -> Option<Actor> {
    let user = message.speaker.as_deref()?;
    if bridge.homeserver.names().is_ours(user) {
        return Some(bridge.homeserver.as_user(user));
    }
    bridge.homeserver.as_puppet(user)
}

/// Ends a poll.
pub(super) async fn end(scene: &Scene<'_>, poll: &MessageRef) -> Result<(), Failure> {
    const DEED: &str = "ended a poll that is not here.";
    let Some(target) = scene.target(poll, DEED).await? else {
        return Ok(());
    };
    if matches!(target.message.content, Some(Content::Awaited)) {
        return scene.wait_for(poll, DEED).await.map(drop);
    }
    let Some(Content::Poll(asked)) = &target.message.content else {
        return scene.desk.done().await;
    };
    let votes = scene
        .desk
        .bridge
        .store
        .read()
        .await?
        .list_votes(&scene.key, &target.reference())
        .await?;
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    let end = outgoing::poll_end(&target.event, &votes::results(asked, &votes));
    say::send(scene, &room, &speaker, &[end], "end").await?;
    scene.desk.done().await
}

/// Promises to end a poll when its moment comes, unless that was promised already for what it was before.
pub(super) async fn promise(
    tx: &mut Tx,
    portal: &PortalKey,
    poll: &MessageRef,
    (before, now): (Option<&Content>, &Content),
) -> Result<(), Failure> {
    let moment = |content: &Content| match content {
        Content::Poll(asked) => asked.ends_at,
        _ => None,
    };
    let Some(at) = moment(now).filter(|at| before.and_then(moment) != Some(*at)) else {
        return Ok(());
    };
    let work = Work::ClosePoll {
        portal: portal.clone(),
        poll: poll.clone(),
        at,
    };
    tx.push_job(&Lane::closing(portal, &poll.id, at), &work, at).await?;
    Ok(())
}

/// Does a job of kind `close_poll`.
pub(in super::super) async fn close(
    desk: &Desk<'_>,
    portal: &PortalKey,
    poll: &MessageRef,
    at: Timestamp,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let found = read.find_message(portal, &poll.id, &poll.sender).await?;
    let votes = read.list_votes(portal, poll).await?;
    drop(read);
    let Some(message) = found else {
        return desk.done().await;
    };
    let (Some(Content::Poll(asked)), Some(room), Some(event)) = (&message.content, &message.room, &message.event)
    else {
        return desk.done().await;
    };
    let Some(author) = author(bridge, &message).filter(|_| asked.ends_at == Some(at)) else {
        return desk.done().await;
    };
    let end = outgoing::poll_end(event, &votes::results(asked, &votes));
    let transaction = transaction_id(&["close", room.as_str(), event.as_str(), &at.millis().to_string()]);
    let voice = Voice {
        bridge,
        room,
        speaker: &author,
        at: bridge.clock().now(),
    };
    match voice.send_all(&[end], |_| transaction.clone()).await {
        Err(Failure::Never(why)) => tracing::info!(why, "a poll could not be ended in a room that is not ours"),
        ended => drop(ended?),
    }
    desk.done().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll() -> Poll {
        Poll {
            question: "When?".into(),
            options: vec!["Monday".into(), "Friday".into()],
            choices: 1,
            answers: vec!["one".into()],
            ends_at: None,
        }
    }

    #[test]
    fn an_option_is_known_by_its_name_and_by_its_hash() {
        let poll = poll();
        let answer = |told: &str| place(&poll, told).map(|place| called(&poll, place));
        assert_eq!(answer("Monday"), Some(("Monday".into(), "one".into())));
        let hash = "6fd74ce42ec27a1f1b0ac3bc6ba7f3ed6fd4a0e7a2b0a4cfa3bb2e3a7d9d1a20";
        assert_eq!(answer(hash), None, "another option");
        assert_eq!(
            answer(&hex::encode(Sha256::digest("Friday"))),
            Some(("Friday".into(), answer_id("Friday")))
        );
    }

    #[test]
    fn b11_a_poll_gets_an_option_once() {
        let asked = Content::Poll(Poll {
            answers: vec!["one".into(), "two".into()],
            ..poll()
        });
        let Some(Content::Poll(now)) = extended(Some(&asked), "Sunday") else {
            panic!("it is a poll");
        };
        assert_eq!(now.options, ["Monday", "Friday", "Sunday"]);
        assert_eq!(now.answers, ["one", "two", answer_id("Sunday").as_str()]);
        assert_eq!(extended(Some(&Content::Poll(now)), "Sunday"), None);
        assert_eq!(extended(Some(&Content::words("Sunday?")), "Sunday"), None);
    }
}
