//! After how long new messages of a chat disappear: remembered, said in words, and shown as state of its room.
//!
//! Who sets a timer says so, in whichever way; beside that, a phone tells it with the past of a chat, and people with each
//! of their messages: that is learned where it is newer than what is known. Deliberately not here: the end of a message
//! (`expiry`), and what people want of a chat (`chat_changes`).

use super::{Inner, error::Failure, standing, worker::Desk};
use crate::{
    matrix::{incoming::RoomChange, outgoing},
    model::{ChatKind, Lane, PortalKey, Timestamp, Work, lasting},
    store::{self, Message, Tx},
};

/// Remembers a timer and promises to show it.
pub(super) async fn set(
    bridge: &Inner,
    tx: &mut Tx,
    key: &PortalKey,
    (timer, at): (Option<u32>, Option<Timestamp>),
) -> Result<(), store::Error> {
    let before = tx.find_portal_timer(key).await?;
    tx.set_portal_timer(key, timer, at).await?;
    if before == timer {
        return Ok(());
    }
    promise(bridge, tx, key).await
}

/// Remembers the timer of a direct chat that a phone told with its past. Of groups the network itself tells it.
pub(super) async fn learn(
    bridge: &Inner,
    tx: &mut Tx,
    key: &PortalKey,
    (timer, at): (Option<u32>, Option<Timestamp>),
) -> Result<(), store::Error> {
    if tx.learn_portal_timer(key, timer, at).await? {
        promise(bridge, tx, key).await?;
    }
    Ok(())
}

/// After how many seconds a new message of a chat disappears, and since when that is the timer of the chat, where messages
/// tell it: of a group the network itself does.
pub(super) async fn of_message(
    tx: &mut Tx,
    key: &PortalKey,
    kind: ChatKind,
) -> Result<(Option<u32>, Option<Timestamp>), store::Error> {
    let (timer, since) = tx.find_dated_timer(key).await?;
    Ok((timer, since.filter(|_| timer.is_some() && kind == ChatKind::Direct)))
}

/// A message of a direct chat tells since when it has which timer. Whatever the clock of its sender says, that was before
/// the message.
pub(super) async fn hear(
    bridge: &Inner,
    tx: &mut Tx,
    message: &Message,
    (timer, at): (Option<u32>, Timestamp),
) -> Result<(), store::Error> {
    let key = &message.portal;
    if !tx.learn_portal_timer(key, timer, Some(at.min(message.at))).await? {
        return Ok(());
    }
    promise(bridge, tx, key).await?;
    let Some(room) = &message.room else { return Ok(()) };
    let notice = Work::Notice {
        room: room.clone(),
        about: format!("timer:{}", message.id.as_str()),
        text: in_words(timer),
    };
    tx.push_job(&Lane::room(room), &notice, bridge.clock().now())
        .await
        .map(drop)
}

/// A room has been made: its chat may have had a timer before.
pub(super) async fn room_is_made(
    bridge: &Inner,
    tx: &mut Tx,
    key: &PortalKey,
    kind: ChatKind,
) -> Result<(), store::Error> {
    if kind == ChatKind::Direct
        && let Some(facts) = tx.find_chat_facts(key).await?
    {
        tx.learn_portal_timer(key, facts.timer, facts.timer_at).await?;
    }
    if tx.find_portal_timer(key).await?.is_none() {
        return Ok(());
    }
    promise(bridge, tx, key).await
}

/// Promises that the room of a chat shows its timer, where it has one.
pub(super) async fn promise(bridge: &Inner, tx: &mut Tx, key: &PortalKey) -> Result<(), store::Error> {
    let portal = tx.find_portal(key).await?;
    let Some(room) = portal.and_then(|portal| portal.room) else {
        return Ok(());
    };
    let work = Work::ShowTimer { portal: key.clone() };
    tx.push_job(&Lane::room(&room), &work, bridge.clock().now())
        .await
        .map(drop)
}

/// Does a job of kind `show_timer`. What somebody wants and the network was not told yet counts: their own client shows it.
pub(super) async fn show(desk: &Desk<'_>, key: &PortalKey) -> Result<(), Failure> {
    let mut read = desk.bridge.store.read().await?;
    let portal = read.find_portal(key).await?;
    let timer = standing::of(&mut read, key).await?.timer;
    drop(read);
    let Some(room) = portal.and_then(|portal| portal.room) else {
        return desk.done().await;
    };
    let wanted = RoomChange::Timer(timer.map(|seconds| u64::from(seconds) * 1000));
    let bot = desk.bridge.homeserver.as_bot();
    let shown = match bot.get_state(&room, outgoing::TIMER, "").await {
        Ok(state) if wanted.standing(state.as_ref()).is_some() => Ok(()),
        Ok(_) => {
            let content = outgoing::timer(timer);
            bot.send_state(&room, outgoing::TIMER, "", &content).await.map(drop)
        }
        Err(error) => Err(error),
    };
    match shown {
        // A room that a person opened, and in which they did not let the bot do so; or one that the bot was put out of.
        Err(error) if error.is_forbidden() => {
            tracing::info!(%error, "the bot may not show a timer");
            desk.done().await
        }
        Err(error) => Err(error.into()),
        Ok(()) => desk.done().await,
    }
}

/// A timer as a sentence.
pub(super) fn in_words(timer: Option<u32>) -> String {
    match timer {
        None => "New messages do not disappear any more.".into(),
        Some(86_400) => "New messages disappear after a day.".into(),
        Some(seconds) => format!("New messages disappear after {}.", lasting(seconds.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_a_timer_is_said_in_the_largest_unit_that_says_it() {
        let said = [None, Some(86_400), Some(7_776_000), Some(3600)].map(in_words);
        let after = |text: &str| format!("New messages disappear after {text}.");
        assert_eq!(said[0], "New messages do not disappear any more.");
        assert_eq!(said[1..], [after("a day"), after("90 days"), after("1 hour")]);
    }
}
