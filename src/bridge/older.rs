//! Older messages of a chat, because somebody wants to see them: from what is stored, and from the owner's phone where
//! that is not enough. Asked for by a command in the room (`commands::history`) or by REST, which only stores them.

use std::time::Duration;

use super::{Error, Inner, error::Failure, incoming, worker::Desk};
use crate::{
    matrix::transaction_id,
    model::{Older, PortalKey},
    store::Unshown,
};

/// How long a phone may take to tell.
const PHONE_ANSWERS: Duration = Duration::from_secs(30);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(500);
/// After so many looks the phone is asked once more: its answer may have been lost in a crash.
const ASK_EVERY: u32 = 16;

/// Does a job of kind `older`.
pub(super) async fn show(desk: &Desk<'_>, wish: &Older) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let found = read.list_unshown(&wish.portal, wish.before, wish.count).await?;
    let facts = read.find_chat_facts(&wish.portal).await?.unwrap_or_default();
    let kind = read.find_portal(&wish.portal).await?.map(|portal| portal.kind);
    drop(read);
    let Some(kind) = kind else { return desk.done().await };
    let enough = found.len() >= usize::try_from(wish.count).unwrap_or(usize::MAX);
    if !enough && !facts.is_whole && desk.waited() < PHONE_ANSWERS {
        return match ask_once(desk, wish, &found).await? {
            Asked::Yes => Err(Failure::Later {
                why: "the phone is asked for older messages".into(),
                after: Some(LOOK),
            }),
            Asked::Nothing => tell(desk, wish, "Nothing was said here yet, so there is nothing older.").await,
        };
    }
    if found.is_empty() {
        let why = if facts.is_whole {
            "There are no older messages."
        } else {
            "Your phone did not tell of older messages. Is it online? Try again later."
        };
        return tell(desk, wish, why).await;
    }
    incoming::show_older(desk, wish, kind, &found).await?;
    desk.done().await
}

enum Asked {
    Yes,
    /// There is no message to ask with.
    Nothing,
}

/// The phone is asked by the first attempt; the others wait for what it tells, and ask again now and then. Asked again,
/// it tells the same.
async fn ask_once(desk: &Desk<'_>, wish: &Older, found: &[Unshown]) -> Result<Asked, Failure> {
    if !desk.job.attempts.is_multiple_of(ASK_EVERY) {
        return Ok(Asked::Yes);
    }
    let missing = wish
        .count
        .saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    Ok(if ask(desk.bridge, &wish.portal, missing).await? {
        Asked::Yes
    } else {
        Asked::Nothing
    })
}

/// Asks the phone for messages older than all that are known; `false` when none is known.
async fn ask(bridge: &Inner, portal: &PortalKey, count: u32) -> Result<bool, Failure> {
    let oldest = bridge.store.read().await?.find_oldest_message(portal, false).await?;
    let Some((than, at)) = oldest else { return Ok(false) };
    bridge.network.ask_for_older(portal, (&than, at), count).await?;
    Ok(true)
}

async fn tell(desk: &Desk<'_>, wish: &Older, sentence: &str) -> Result<(), Failure> {
    let content = crate::matrix::outgoing::notice(sentence, Some(&wish.about));
    let transaction = transaction_id(&["older told", wish.room.as_str(), wish.about.as_str()]);
    let bot = desk.bridge.homeserver.as_bot();
    bot.send(
        &wish.room,
        crate::matrix::outgoing::MESSAGE,
        &content,
        &transaction,
        None,
    )
    .await?;
    desk.done().await
}

/// Asks the phone for older messages of a chat; they are stored when they come.
pub(super) async fn ask_by_rest(bridge: &Inner, portal: &PortalKey, count: u32) -> Result<(), Error> {
    let oldest = bridge.store.read().await?.find_oldest_message(portal, false).await?;
    let (than, at) = oldest.ok_or(Error::NotFound("Message"))?;
    Ok(bridge.network.ask_for_older(portal, (&than, at), count).await?)
}
