//! Media that did not come, asked for once more because a person wants it: by ♻️ on the placeholder, by the command
//! `retry`, by REST. Asking twice is asking once: a job that rests is woken, and only where there is none, one is
//! promised. One that is being done right now may be about to fail, so another waits behind it.
//!
//! Deliberately not here: the asking itself (`incoming::media`).

use ruma::{EventId, RoomId};
use serde::Serialize;

use super::{Error, Inner};
use crate::{
    model::{Content, IdentityId, Lane, MediaSource, MessageRef, Timestamp, Work},
    store::{self, Message, Tx},
};

/// The mark that asks, without the selectors that say how it is drawn.
const MARK: &str = "\u{267b}";
/// Kinds of message that stand for media that did not come.
const PLACEHOLDERS: [&str; 2] = ["m.notice", "m.text"];

/// What became of a wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Retried {
    /// The network, and then the phone, are asked for the file.
    Asked,
    /// It is there already.
    Here,
}

/// Whether a reaction asks for media once more, however it is drawn.
pub(super) fn is_mark(emoji: &str) -> bool {
    emoji.trim_end_matches(['\u{fe0e}', '\u{fe0f}']) == MARK
}

/// Whether a message stands for media that did not come.
pub(super) fn awaits_media(message: &Message) -> bool {
    is_media(message) && PLACEHOLDERS.contains(&message.kind.as_str())
}

fn is_media(message: &Message) -> bool {
    matches!(&message.content, Some(Content::Media(media)) if matches!(media.source, MediaSource::Network(_)))
}

/// Promises to ask once more, now.
pub(super) async fn promise(tx: &mut Tx, message: &Message, now: Timestamp) -> Result<(), store::Error> {
    let lane = Lane::late(&message.portal, &message.id);
    let work = Work::Fetch {
        portal: message.portal.clone(),
        message: MessageRef {
            id: message.id.clone(),
            sender: message.sender.clone(),
        },
    };
    if !tx.hasten_jobs(&lane, work.kind()).await? {
        tx.push_job(&lane, &work, now).await?;
    }
    Ok(())
}

/// What to tell who asked.
pub(super) fn told(message: &Message) -> String {
    let kind = message.content.as_ref().map_or("file", Content::kind);
    format!("Asked for the {kind} once more.")
}

/// Asks once more for the media of a message in a room of an identity.
pub(super) async fn by_event(
    bridge: &Inner,
    identity: IdentityId,
    room: &RoomId,
    event: &EventId,
) -> Result<Retried, Error> {
    let mut tx = bridge.store.begin().await?;
    let found = tx.find_message_by_event(event).await?;
    let found = found.filter(|message| message.room.as_deref() == Some(room));
    let device = match &found {
        Some(message) => tx.find_device(message.portal.device).await?,
        None => None,
    };
    let (Some(message), Some(device)) = (found, device) else {
        return Err(Error::NotFound("Message"));
    };
    if device.identity != identity {
        return Err(Error::NotFound("Message"));
    }
    if awaits_media(&message) {
        promise(&mut tx, &message, bridge.clock().now()).await?;
        tx.commit().await?;
        return Ok(Retried::Asked);
    }
    match &message.content {
        Some(Content::Media(_)) => Ok(Retried::Here),
        _ => Err(Error::Invalid {
            field: "message",
            why: "it has no file that could be asked for".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_known_however_it_is_drawn() {
        for emoji in ["\u{267b}", "\u{267b}\u{fe0f}", "\u{267b}\u{fe0e}"] {
            assert!(is_mark(emoji), "{emoji:?}");
        }
        for emoji in ["", "\u{fe0f}", "👍", "♻️♻️", "\u{267a}"] {
            assert!(!is_mark(emoji), "{emoji:?}");
        }
    }
}
