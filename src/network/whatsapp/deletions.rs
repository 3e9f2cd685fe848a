//! Whole chats that the owner deleted or emptied on another device. Told as a setting that all devices of an account share.

use whatsapp_rust::{
    wacore::types::events::{ClearChatUpdate, DeleteChatUpdate},
    wacore_binary::{Jid, JidExt as _},
};

use super::{Shared, ids, ids::Spelling};
use crate::{
    model::{Action, ChatId, ChatKind, DeviceId, Event, MessageId, Sender, Timestamp},
    store::keyring,
};

/// How much the clocks of a phone and of the server may differ, in milliseconds.
const CLOCKS_DIFFER: i64 = 24 * 60 * 60 * 1000;

/// Reads a deletion; `None` for chats that are not bridged. It may be old: a device that catches up is told all of them.
pub(super) async fn read(
    shared: &Shared,
    device: DeviceId,
    update: &DeleteChatUpdate,
) -> Result<Option<Event>, keyring::Error> {
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    let id = format!("deleted:{}", at.millis());
    event(shared, device, &update.jid, (id, at, Action::Discard)).await
}

/// Reads that a chat was emptied, which says up to which message; without that, it was up to the moment of the deed.
pub(super) async fn read_clearing(
    shared: &Shared,
    device: DeviceId,
    update: &ClearChatUpdate,
) -> Result<Option<Event>, keyring::Error> {
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    let range = update.action.message_range.as_option();
    let last = range
        .and_then(|range| range.last_message_timestamp)
        .filter(|last| *last > 0);
    // The time of a message is told in whole seconds, by a clock that is not the phone's; one far from it is none.
    let until = last.map_or(at, |last| Timestamp::from_secs(last).plus_millis(999));
    let until = until.min(at.plus_millis(CLOCKS_DIFFER));
    let id = format!("cleared:{}", at.millis());
    event(shared, device, &update.jid, (id, at, Action::Clear { until })).await
}

async fn event(
    shared: &Shared,
    device: DeviceId,
    jid: &Jid,
    (id, at, action): (String, Timestamp, Action),
) -> Result<Option<Event>, keyring::Error> {
    let (chat, chat_kind) = if jid.is_group() {
        (ChatId::from_adapter(jid.to_non_ad_string()), ChatKind::Group)
    } else if let Some(spelling) = Spelling::of(jid, None) {
        let contact = shared.people.contact(&spelling).await?;
        (ids::direct_chat(&contact), ChatKind::Direct)
    } else {
        return Ok(None);
    };
    Ok(Some(Event {
        device,
        chat,
        chat_kind,
        id: MessageId::from_adapter(id),
        sender: Sender::Owner,
        sender_name: None,
        at,
        action,
    }))
}
