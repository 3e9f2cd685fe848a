//! What is remembered of messages for the protocol's sake goes when a message is taken back. Needs no session.

use super::{super::Error, Shared, ids, keys::Keys, unreachable};
use crate::model::{ChatId, MessageId, PortalKey};

/// Forgets a message.
pub(super) async fn message(shared: &Shared, portal: &PortalKey, id: &MessageId) -> Result<(), Error> {
    let keys = Keys::new(shared.keyring.clone(), portal.device, shared.clock.clone());
    let chats = spelled(shared, &portal.chat).await?;
    keys.erase_message(&chats, id).await.map_err(unreachable)
}

/// Forgets all messages of a chat.
pub(super) async fn chat(shared: &Shared, portal: &PortalKey) -> Result<(), Error> {
    let keys = Keys::new(shared.keyring.clone(), portal.device, shared.clock.clone());
    let chats = spelled(shared, &portal.chat).await?;
    keys.erase_chat(&chats).await.map_err(unreachable)
}

/// Every way to spell a chat: as the house does, by the number of the other person, and by the LID.
async fn spelled(shared: &Shared, chat: &ChatId) -> Result<Vec<String>, Error> {
    let mut chats = vec![chat.as_str().to_owned()];
    if let Some(contact) = ids::direct_contact(chat)
        && let Some(spelling) = shared.people.spelling(&contact).await.map_err(unreachable)?
    {
        chats.extend(spelling.phone.map(|phone| format!("{phone}@s.whatsapp.net")));
        chats.extend(spelling.lid.map(|lid| format!("{lid}@lid")));
    }
    chats.extend(ids::channel_jid(chat.as_str()).map(|jid| jid.to_string()));
    chats.sort();
    chats.dedup();
    Ok(chats)
}
