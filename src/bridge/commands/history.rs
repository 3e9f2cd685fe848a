//! Commands about what was said before.

use super::{super::error::Failure, Asked, Chat, Line, Read};
use crate::model::{Lane, Older, Work};

/// How to use them.
pub(super) const HELP: &[&str] = &["sync history [number] – show older messages, in the room of a chat"];

/// How many messages are shown when nobody says how many, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 500;

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    /// So many older messages.
    Older(u32),
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    match (line.word.as_str(), line.rest.as_slice()) {
        ("sync", ["history"]) => Some(Ok(Command::Older(USUAL))),
        ("sync", ["history", number]) => Some(match number.parse::<u32>() {
            Ok(count @ 1..=MOST) => Ok(Command::Older(count)),
            _ => Err(format!("Write a number from 1 to {MOST}: `sync history 50`.")),
        }),
        ("sync", ["history", ..]) => Some(Err("Write for example `sync history 50`.".into())),
        _ => None,
    }
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    let Command::Older(count) = command;
    let (desk, event) = (asked.desk, asked.event);
    let Some(Chat { portal, .. }) = asked.chat().await? else {
        return Ok(());
    };
    let mut tx = desk.bridge.store.begin().await?;
    let shown = tx.find_oldest_message(&portal.key, true).await?;
    let wish = Older {
        portal: portal.key.clone(),
        count,
        before: shown.map(|(_, at)| at),
        room: asked.place.to_owned(),
        about: event.event.clone(),
    };
    let now = desk.bridge.clock().now();
    tx.push_job(&Lane::older(&portal.key), &Work::Older(wish), now).await?;
    desk.finish(tx).await
}
