//! What the owner's devices share about chats and people, both ways: silence, pins, the archive, read and unread, and the
//! address book.
//!
//! Deliberately not here: deletions, which are about messages (`sending`).

use whatsapp_rust::{
    Jid,
    features::{AppStateError, message_range},
    prelude::Event as Told,
    wacore_binary::JidExt as _,
    waproto::whatsapp::sync_action_value::ContactAction,
};

use super::{super::Error, Shared, ids, ids::Spelling, session::Session, unreachable};
use crate::{
    model::{Action, ChatId, ChatKind, ChatMark, DeviceId, Event, MessageId, Mute, Sender, Timestamp},
    store::keyring,
};

/// Reads what another device of the owner has set; `None` when it is about nothing that is bridged.
pub(super) async fn read(shared: &Shared, device: DeviceId, told: &Told) -> Result<Option<Event>, keyring::Error> {
    let (jid, at, action) = match told {
        Told::MuteUpdate(update) => {
            let muted = match (update.action.muted.unwrap_or(false), update.action.mute_end_timestamp) {
                (false, _) => Mute::No,
                (true, Some(end)) if end > 0 => Mute::Until(Timestamp::from_millis(end)),
                (true, _) => Mute::Forever,
            };
            (&update.jid, update.timestamp, Action::Mark(ChatMark::Muted(muted)))
        }
        Told::PinUpdate(update) => {
            let pinned = update.action.pinned.unwrap_or(false);
            (&update.jid, update.timestamp, Action::Mark(ChatMark::Pinned(pinned)))
        }
        Told::ArchiveUpdate(update) => {
            let archived = update.action.archived.unwrap_or(false);
            (
                &update.jid,
                update.timestamp,
                Action::Mark(ChatMark::Archived(archived)),
            )
        }
        Told::MarkChatAsReadUpdate(update) => {
            let unread = !update.action.read.unwrap_or(true);
            (&update.jid, update.timestamp, Action::Mark(ChatMark::Unread(unread)))
        }
        Told::ContactUpdate(update) => {
            let name = name(&update.action);
            let other = other(&update.action);
            if let Some(spelling) = Spelling::of(&update.jid, other.as_ref()) {
                // Whoever is named by both is one person from now on.
                shared.people.contact(&spelling).await?;
            }
            (&update.jid, update.timestamp, Action::Name(name.map(str::to_owned)))
        }
        _ => return Ok(None),
    };
    let (chat, chat_kind) = if jid.is_group() {
        (ChatId::from_adapter(jid.to_non_ad_string()), ChatKind::Group)
    } else {
        let Some(spelling) = Spelling::of(jid, None) else {
            return Ok(None);
        };
        let contact = shared.people.contact(&spelling).await?;
        (ids::direct_chat(&contact), ChatKind::Direct)
    };
    Ok(Some(Event {
        device,
        chat,
        chat_kind,
        id: MessageId::from_adapter(format!("setting:{}", at.timestamp_millis())),
        sender: Sender::Owner,
        sender_name: None,
        at: Timestamp::from_millis(at.timestamp_millis()),
        action,
    }))
}

/// The name in an entry of the address book.
pub(super) fn name(entry: &ContactAction) -> Option<&str> {
    let names = [&entry.full_name, &entry.first_name].into_iter().flatten();
    names.map(|name| name.trim()).find(|name| !name.is_empty())
}

/// The other JID of the person that an entry names.
pub(super) fn other(entry: &ContactAction) -> Option<Jid> {
    entry.lid_jid.as_deref()?.parse().ok()
}

/// Marks a chat on all devices of the owner.
pub(super) async fn mark(shared: &Shared, session: &Session, chat: &Jid, mark: ChatMark) -> Result<(), Error> {
    session.ready(shared.config.connect_timeout()).await?;
    let actions = session.client().chat_actions();
    // Up to when it holds: what comes later is unread again, or comes out of the archive.
    let range = || Some(message_range(shared.clock.now().millis() / 1000, None, Vec::new()));
    let done = match mark {
        ChatMark::Muted(Mute::No) => actions.unmute_chat(chat).await,
        ChatMark::Muted(Mute::Forever) => actions.mute_chat(chat).await,
        ChatMark::Muted(Mute::Until(end)) => actions.mute_chat_until(chat, end.millis()).await,
        ChatMark::Pinned(true) => actions.pin_chat(chat).await,
        ChatMark::Pinned(false) => actions.unpin_chat(chat).await,
        ChatMark::Archived(true) => actions.archive_chat(chat, range()).await,
        ChatMark::Archived(false) => actions.unarchive_chat(chat, range()).await,
        ChatMark::Unread(unread) => actions.mark_chat_as_read(chat, !unread, range()).await,
    };
    done.map_err(|error| match error {
        AppStateError::InvalidRequest(reason) => Error::Refused(reason),
        error => unreachable(error),
    })
}
