//! Messages that the owner deleted on their own devices only: what app state tells of it. Pure but for looking people up.
//!
//! Called by `session`. Deliberately not here: deleting so ourselves (`sending`).

use whatsapp_rust::{wacore::types::events::DeleteMessageForMeUpdate, wacore_binary::JidExt as _};

use super::{Shared, ids};
use crate::{
    model::{Action, ChatId, ChatKind, DeviceId, Event, MessageId, MessageRef, Sender, Timestamp},
    store::keyring,
};

/// What was deleted so long before everything is told at once, in milliseconds, is about messages that never came here.
const OLD: i64 = 24 * 60 * 60 * 1000;

/// Reads such an update; `None` where we do not bridge, and for what was deleted before this device was linked.
pub(super) async fn read(
    shared: &Shared,
    device: DeviceId,
    update: &DeleteMessageForMeUpdate,
) -> Result<Option<Event>, keyring::Error> {
    let at = Timestamp::from_millis(update.timestamp.timestamp_millis());
    if update.from_full_sync && at < shared.clock.now().plus_millis(-OLD) {
        return Ok(None);
    }
    let people = &shared.people;
    let (chat, chat_kind, peer) = if update.chat_jid.is_group() {
        let chat = ChatId::from_adapter(update.chat_jid.to_non_ad_string());
        (chat, ChatKind::Group, update.participant_jid.as_ref())
    } else {
        let Some(spelling) = ids::Spelling::of(&update.chat_jid, None) else {
            return Ok(None);
        };
        let contact = people.contact(&spelling).await?;
        (ids::direct_chat(&contact), ChatKind::Direct, Some(&update.chat_jid))
    };
    let author = peer.filter(|_| !update.from_me);
    let sender = match author.map(|author| ids::Spelling::of(author, None)) {
        None => Sender::Owner,
        Some(Some(spelling)) => Sender::Contact(people.contact(&spelling).await?),
        Some(None) => return Ok(None),
    };
    let id = MessageId::from_adapter(update.message_id.as_str());
    Ok(Some(Event {
        device,
        chat,
        chat_kind,
        id: MessageId::from_adapter(format!("forgotten-{}", update.message_id)),
        sender: Sender::Owner,
        sender_name: None,
        at,
        action: Action::Forget {
            target: MessageRef { id, sender },
        },
    }))
}
