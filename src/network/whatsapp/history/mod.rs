//! The time before: what the owner's phone tells a device of chats and messages it has not seen.
//!
//! The library (`whatsapp-rust` 0.7.0, `history_sync.rs`) takes the phone's word out of its message before the
//! durability hook sees it, fetches the blob, and hands both over as one event in memory. So the first thing done with
//! the event is to keep the packed blob as it is, under a name that follows from its bytes; then the house is told and
//! comes for it page by page (`read`). What was kept and not told of is told of at the next connect. What the process
//! dies with before that is asked for again (`awaited`).
//!
//! Deliberately not here: reading a single message (`read`, and `incoming` for what it holds).

mod awaited;
mod read;

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use whatsapp_rust::wacore::{
    history_sync::{HistorySyncStream, MAX_DECOMPRESSED},
    types::events::LazyHistorySync,
};

pub(super) use self::awaited::{Awaited, ask_for_left_over};
use super::{super::Error, Shared, keys::kind, sending, session::Session, unreachable};
use crate::model::{ChatId, DeviceId, MessageRef, Past, Sender, Timestamp};

/// How many messages, or chats without any, make a page.
const PAGE: u64 = 250;
/// Pauses between attempts to keep a part.
const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 30;

/// Keeps a part and tells the house of it; whether that was done. Nobody tells it again, so it is tried for a while.
pub(super) async fn take(shared: &Shared, device: DeviceId, part: &LazyHistorySync) -> bool {
    let bytes = part.compressed_bytes();
    let name = name_of(bytes);
    fail::fail_point!("whatsapp.history.keep");
    for _ in 0..ATTEMPTS {
        let put = [(name.as_str(), bytes.as_ref(), None)];
        let kept = shared.keyring.put(device, kind::HISTORY, &put).await;
        fail::fail_point!("whatsapp.history.kept");
        let told = match kept {
            Ok(()) => shared.intake.remember(device, &name).await.map_err(|error| error.0),
            Err(error) => Err(error.into()),
        };
        match told {
            Ok(()) => return true,
            Err(error) => tracing::warn!(device.id = %device, %error, "a part of the history could not be kept"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

/// Tells the house of what was kept before and is not stored yet.
pub(super) async fn tell_again(shared: &Shared, device: DeviceId) {
    let names = match shared.keyring.names(device, kind::HISTORY, None).await {
        Ok(names) => names,
        Err(error) => return tracing::warn!(device.id = %device, %error, "what is kept of the history is not known"),
    };
    for name in names {
        if let Err(error) = shared.intake.remember(device, &name).await {
            tracing::warn!(device.id = %device, %error, "the house could not be told of a part of the history");
        }
    }
}

fn name_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// One page of a part.
pub(super) async fn page(shared: &Shared, session: &Session, part: &str, from: u64) -> Result<Past, Error> {
    let device = session.device();
    let kept = shared.keyring.get(device, kind::HISTORY, part).await;
    let bytes = kept.map_err(unreachable)?.ok_or(Error::Gone)?;
    let cut = tokio::task::spawn_blocking(move || cut(&bytes, from)).await;
    let cut = match cut.map_err(unreachable)? {
        Ok(cut) => cut,
        Err(error) => {
            tracing::warn!(device.id = %device, %error, "a part of the history cannot be read");
            return Ok(Past::default());
        }
    };
    if let Some(rest) = &cut.rest {
        read::learn_people(&shared.people, rest).await.map_err(unreachable)?;
    }
    let mut chats = Vec::with_capacity(cut.chats.len());
    for (conversation, messages) in &cut.chats {
        let chat = read::chat(shared, session, conversation, messages.clone()).await;
        chats.extend(chat.map_err(unreachable)?);
    }
    Ok(Past {
        chats,
        next: cut.next,
        progress: cut.progress,
    })
}

/// Forgets a part.
pub(super) async fn forget(shared: &Shared, device: DeviceId, part: &str) -> Result<(), Error> {
    let removed = shared.keyring.remove(device, kind::HISTORY, &[part]).await;
    removed.map(drop).map_err(unreachable)
}

/// A page as it was cut out of a part.
struct Cut {
    /// Chats with the places of those of their messages that are on this page.
    chats: Vec<(whatsapp_rust::waproto::whatsapp::Conversation, std::ops::Range<usize>)>,
    /// All that is no chat; read with the first page.
    rest: Option<whatsapp_rust::waproto::whatsapp::HistorySync>,
    next: Option<u64>,
    progress: Option<u32>,
}

/// Unpacks a part as far as a page needs it: a chat counts as many as it has messages, and as one without any.
fn cut(bytes: &[u8], from: u64) -> Result<Cut, whatsapp_rust::wacore::history_sync::HistorySyncError> {
    let mut cut = Cut {
        chats: Vec::new(),
        rest: None,
        next: None,
        progress: None,
    };
    if from == 0 {
        let mut stream = HistorySyncStream::new(bytes, MAX_DECOMPRESSED);
        while stream.next_conversation_bytes()?.is_some() {}
        let rest = stream.remainder()?;
        cut.progress = rest.progress;
        cut.rest = Some(rest);
    }
    let mut stream = HistorySyncStream::new(bytes, MAX_DECOMPRESSED);
    let (mut passed, end) = (0_u64, from.saturating_add(PAGE));
    while let Some(conversation) = stream.next_conversation()? {
        let count = conversation.messages.len();
        let weight = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let (begin, stop) = (passed, passed.saturating_add(weight));
        passed = stop;
        if stop <= from {
            continue;
        }
        if begin >= end {
            cut.next = Some(end);
            break;
        }
        let place = |at: u64| {
            usize::try_from(at.saturating_sub(begin))
                .unwrap_or(usize::MAX)
                .min(count)
        };
        cut.chats.push((conversation, place(from)..place(end)));
        if stop > end {
            cut.next = Some(end);
            break;
        }
    }
    Ok(cut)
}

/// Asks the phone for messages that are older than this one.
pub(super) async fn ask(
    shared: &Shared,
    session: &Session,
    (chat, than, at): (&ChatId, &MessageRef, Timestamp),
    count: u32,
) -> Result<(), Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let jid = sending::jid_of(shared, chat).await?;
    let jid = sending::own_jid_of(shared, session, chat, jid).await?;
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let from_me = than.sender == Sender::Owner;
    let asked = session
        .client()
        .fetch_message_history(&jid, than.id.as_str(), from_me, at.millis(), count)
        .await;
    asked
        .map(drop)
        .map_err(|error| Error::Unreachable(error.into_boxed_dyn_error()))
}

#[cfg(test)]
mod tests;
