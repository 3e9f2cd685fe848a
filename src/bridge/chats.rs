//! One chat of an identity, whichever of its devices has it: found, shown with everything that is known of it, and read
//! by REST.
//!
//! Deliberately not here: pages of many (`reading`), changes (`chat_changes`), and how an answer looks (`api::chat`).

use ruma::{EventId, OwnedUserId, RoomId};

use super::{
    Error, Inner,
    reading::{self, People, ReadChat, ReadMessage, Reader},
    standing,
};
use crate::{
    model::{
        Action, ChatChange, ChatMark, Device, IdentityId, Lane, LinkState, MessageId, MessageRef, PortalKey, Rank,
        Sender, Timestamp, Work,
    },
    store::{self, Part, Tx, UpTo},
};

/// A chat with everything that is known of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct WholeChat {
    /// What lists show.
    pub(crate) chat: ReadChat,
    /// The other person of a direct chat: who shows them in Matrix, and their name.
    pub(crate) contact: Option<(OwnedUserId, Option<String>)>,
    /// What the owner may do in a group.
    pub(crate) rank: Option<Rank>,
    /// What was said last.
    pub(crate) last_message: Option<ReadMessage>,
}

/// The chat that somebody means: by its room, or by its own name, in the first device that knows it.
pub(super) async fn find(tx: &mut Tx, identity: IdentityId, spelled: &str) -> Result<(Device, PortalKey), Error> {
    let no = || Error::NotFound("Chat");
    if spelled.contains('\0') {
        return Err(no());
    }
    let devices = tx.list_devices(identity).await?;
    if spelled.starts_with('!') {
        let room = RoomId::parse(spelled).map_err(|_| no())?;
        let key = tx.find_portal_by_room(&room).await?.ok_or_else(no)?.key;
        let device = devices.into_iter().find(|device| device.id == key.device);
        return device.map(|device| (device, key)).ok_or_else(no);
    }
    for device in devices {
        match reading::chat(tx, &device, spelled).await {
            Ok(key) => return Ok((device, key)),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(no())
}

/// A device whose session is over does nothing any more.
pub(super) fn is_linked(device: &Device) -> Result<(), Error> {
    match device.link {
        LinkState::LoggedOut { .. } | LinkState::Unlinked => Err(Error::NotLinked),
        LinkState::Linking
        | LinkState::Connecting { .. }
        | LinkState::Connected
        | LinkState::PhoneOffline { .. }
        | LinkState::Reconnecting { .. } => Ok(()),
    }
}

/// A chat of an identity.
pub(super) async fn show(bridge: &Inner, identity: IdentityId, spelled: &str) -> Result<WholeChat, Error> {
    let mut tx = bridge.store.read().await?;
    let (device, key) = find(&mut tx, identity, spelled).await?;
    let stored = tx.find_stored_chat(&key).await?.ok_or(Error::NotFound("Chat"))?;
    let reader = Reader::of(&mut tx, device).await?;
    let standing = standing::with_group(&mut tx, &key).await?;
    let rank = standing.group.as_ref().and_then(|group| group.rank(&Sender::Owner));
    let last = match tx.list_messages(&key, &Part::Newest, 1).await?.pop() {
        Some(stored) => Some(reading::marked(&mut tx, stored).await?),
        None => None,
    };
    let chat = reading::read_chat(&mut tx, &reader.device, stored, standing).await?;
    // Looking people up reads too.
    drop(tx);
    let mut people = People::of(bridge, &reader);
    let contact = match bridge.network.direct_contact(&key.chat) {
        Some(contact) => Some(people.find(&Sender::Contact(contact)).await?),
        None => None,
    };
    let last_message = match last {
        Some(last) => Some(people.read(last).await?),
        None => None,
    };
    Ok(WholeChat {
        chat,
        contact,
        rank,
        last_message,
    })
}

/// Marks a chat as read, all of it or up to a message; answers how many messages stay unread.
pub(super) async fn read(
    bridge: &Inner,
    identity: IdentityId,
    spelled: &str,
    up_to: Option<&str>,
) -> Result<u32, Error> {
    let mut tx = bridge.store.begin().await?;
    let (device, key) = find(&mut tx, identity, spelled).await?;
    is_linked(&device)?;
    let now = bridge.clock().now();
    let last = match up_to {
        Some(up_to) => Some(shown(&mut tx, &key, up_to).await?),
        None => tx.find_newest_shown(&key).await?,
    };
    let all = tx.count_unseen(&key, Timestamp::from_millis(0)).await?;
    let mut left = 0;
    if let Some(last) = last
        && let Some(at) = tx.find_stored_at(&key, &last).await?
        && let Some(event) = tx
            .find_message(&key, &last.id, &last.sender)
            .await?
            .and_then(|found| found.event)
    {
        let unseen = tx.list_unseen(&key, UpTo::Stored(at), u32::MAX).await?;
        left = all.saturating_sub(u32::try_from(unseen.len()).unwrap_or(u32::MAX));
        if let Some(newest) = unseen.last() {
            let tell = Work::TellRead {
                portal: key.clone(),
                event,
                quietly: false,
            };
            // The owner's own marker in Matrix follows as if they had read on another device.
            let show = Work::ReadElsewhere {
                device: key.device,
                chat: Some(key.chat.clone()),
                messages: vec![newest.id.clone()],
            };
            tx.push_job(&Lane::reads(&key), &tell, now).await?;
            tx.push_job(&Lane::reads(&key), &show, now).await?;
        }
    }
    let unmark = Action::Mark(ChatMark::Unread(false));
    if up_to.is_none() && standing::of(&mut tx, &key).await?.apply(&unmark) {
        push_change(&mut tx, &key, unmark, now).await?;
    }
    tx.commit().await?;
    Ok(left)
}

/// A message that the room of a chat shows, by its event or its id.
async fn shown(tx: &mut Tx, key: &PortalKey, spelled: &str) -> Result<MessageRef, Error> {
    let found = named(tx, key, spelled).await?;
    let found = found.filter(|message| message.event.is_some());
    let message = found.ok_or(Error::Invalid {
        field: "up_to",
        why: "no such message".into(),
    })?;
    Ok(MessageRef {
        id: message.id,
        sender: message.sender,
    })
}

/// A message of a chat, by its event or its id.
pub(super) async fn named(tx: &mut Tx, key: &PortalKey, spelled: &str) -> Result<Option<store::Message>, Error> {
    if spelled.contains('\0') {
        return Ok(None);
    }
    let found = match <&EventId>::try_from(spelled) {
        Ok(event) => tx.find_message_by_event(event).await?,
        Err(_) => tx.find_message_by_id(key, &MessageId::from_adapter(spelled)).await?,
    };
    Ok(found.filter(|message| message.portal == *key))
}

/// Promises to tell the network of a change.
pub(super) async fn push_change(
    tx: &mut Tx,
    key: &PortalKey,
    action: Action,
    now: Timestamp,
) -> Result<(), store::Error> {
    let change = ChatChange {
        portal: key.clone(),
        seed: uuid::Uuid::now_v7().to_string(),
        action,
    };
    tx.push_job(&Lane::outgoing(key), &Work::Change(Box::new(change)), now)
        .await?;
    Ok(())
}
