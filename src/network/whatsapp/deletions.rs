//! Whole chats that the owner deleted on another device. Told as a setting that all devices of an account share.

use whatsapp_rust::{wacore::types::events::DeleteChatUpdate, wacore_binary::JidExt as _};

use super::{Shared, ids, ids::Spelling};
use crate::{
    model::{Action, ChatId, ChatKind, DeviceId, Event, MessageId, Sender, Timestamp},
    store::keyring,
};

/// Reads a deletion; `None` for chats that are not bridged. It may be old: a device that catches up is told all of them.
pub(super) async fn read(
    shared: &Shared,
    device: DeviceId,
    update: &DeleteChatUpdate,
) -> Result<Option<Event>, keyring::Error> {
    let (chat, chat_kind) = if update.jid.is_group() {
        (ChatId::from_adapter(update.jid.to_non_ad_string()), ChatKind::Group)
    } else if let Some(spelling) = Spelling::of(&update.jid, None) {
        let contact = shared.people.contact(&spelling).await?;
        (ids::direct_chat(&contact), ChatKind::Direct)
    } else {
        return Ok(None);
    };
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    Ok(Some(Event {
        device,
        chat,
        chat_kind,
        id: MessageId::from_adapter(format!("deleted:{}", at.millis())),
        sender: Sender::Owner,
        sender_name: None,
        at,
        action: Action::Discard,
    }))
}
