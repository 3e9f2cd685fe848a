//! Commands about a chat as its owner sees it: silence, pins, the archive, read and unread. Given in the room of the chat.

use super::{
    super::{chat_marks, error::Failure},
    Asked, Chat, Line, Read,
};
use crate::model::{Action, ChatMark, Lane, Mute, Work};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "mute [hours] – no sound from this chat, on your phone too",
    "unmute – sound again",
    "pin / unpin – hold this chat above the others, or no longer",
    "archive / unarchive – put this chat away, or take it back",
    "read / unread – mark this chat as read or unread",
];

/// The longest silence that has an end, in hours.
const LONGEST: i64 = 24 * 366;

/// A command of this family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    /// For so many hours.
    MuteFor(i64),
    Mark(ChatMark),
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    let mark = match line.word.as_str() {
        "mute" => match line.rest.as_slice() {
            [] => ChatMark::Muted(Mute::Forever),
            hours => {
                let text = hours.concat();
                let hours = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse();
                return Some(match hours {
                    Ok(hours @ 1..=LONGEST) => Ok(Command::MuteFor(hours)),
                    _ => Err("For how many hours? Write for example `mute 8`, or `mute` alone.".into()),
                });
            }
        },
        "unmute" => ChatMark::Muted(Mute::No),
        "pin" => ChatMark::Pinned(true),
        "unpin" => ChatMark::Pinned(false),
        "archive" => ChatMark::Archived(true),
        "unarchive" => ChatMark::Archived(false),
        "unread" => ChatMark::Unread(true),
        "read" => ChatMark::Unread(false),
        _ => return None,
    };
    Some(Ok(Command::Mark(mark)))
}

/// Does one.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let mark = match command {
        Command::Mark(mark) => mark,
        // Counted from when it was said, so that doing it again says the same.
        Command::MuteFor(hours) => ChatMark::Muted(Mute::Until(asked.event.at.plus_millis(hours * 3_600_000))),
    };
    let Some(Chat { portal, .. }) = asked.chat().await? else {
        return Ok(());
    };
    let id = bridge.network.message_id(asked.event.event.as_str());
    bridge.network.act(&portal.key, &id, &Action::Mark(mark)).await?;
    let mut tx = bridge.store.begin().await?;
    chat_marks::set(bridge, &mut tx, &portal.key, mark).await?;
    if mark == ChatMark::Unread(false) {
        let work = Work::TellRead {
            portal: portal.key.clone(),
            event: asked.event.event.clone(),
            quietly: false,
        };
        tx.push_job(&Lane::reads(&portal.key), &work, bridge.clock().now())
            .await?;
    }
    tx.commit().await?;
    asked.answer(said(mark)).await
}

/// What was done.
fn said(mark: ChatMark) -> &'static str {
    match mark {
        ChatMark::Muted(Mute::No) => "This chat makes a sound again.",
        ChatMark::Muted(Mute::Forever) => "This chat is silent.",
        ChatMark::Muted(Mute::Until(_)) => "This chat is silent for so long.",
        ChatMark::Pinned(true) => "This chat is held above the others.",
        ChatMark::Pinned(false) => "This chat is no longer held above the others.",
        ChatMark::Archived(true) => "This chat is put away.",
        ChatMark::Archived(false) => "This chat is back.",
        ChatMark::Unread(true) => "This chat is marked as unread.",
        ChatMark::Unread(false) => "This chat is read.",
    }
}
