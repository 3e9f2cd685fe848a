//! Receipts: how far our messages came and what the owner read elsewhere, as news; and what the owner read with us, told.
//!
//! Deliberately not here: receipts that phones send for retries, app state and history, which are the library's own.

use whatsapp_rust::{
    Client, Jid,
    wacore::types::{events::Receipt, presence::ReceiptType},
    wacore_binary::{JidExt as _, builder::NodeBuilder},
};

use super::{
    super::Error,
    Shared,
    desk::{is_by_lid, jid_in},
    directory::is_own,
    ids,
    ids::Place,
    session::Session,
    unreachable,
};
use crate::{
    model::{ChatId, ContactId, DeviceId, MessageId, MessageRef, News, Reached, Sender, Timestamp},
    store::keyring,
};

/// Reads a receipt; `None` when it says nothing about what was read or how far a message of the owner came.
pub(super) async fn read(
    (shared, client): (&Shared, &Client),
    device: DeviceId,
    receipt: &Receipt,
) -> Result<Option<News>, keyring::Error> {
    let source = &receipt.source;
    if receipt.message_ids.is_empty() {
        return Ok(None);
    }
    let of_own_device = match receipt.r#type {
        ReceiptType::ReadSelf | ReceiptType::PlayedSelf => true,
        _ => is_own(client, &source.sender),
    };
    if of_own_device {
        return Ok(elsewhere(device, receipt));
    }
    let reached = match receipt.r#type {
        ReceiptType::Delivered => Reached::Phone,
        ReceiptType::Read => Reached::Eyes,
        ReceiptType::Played => Reached::Ears,
        _ => return Ok(None),
    };
    let Some(spelling) = ids::Spelling::of(&source.sender, source.sender_alt.as_ref()) else {
        return Ok(None);
    };
    let contact = shared.people.contact(&spelling).await?;
    let chat = match ids::place_of(source, None) {
        Some(Place::Group(chat) | Place::Status(chat)) => chat,
        Some(Place::Direct(_)) => ids::direct_chat(&contact),
        Some(Place::Channel(_) | Place::Stranger(_)) | None => return Ok(None),
    };
    Ok(Some(News::Reached {
        device,
        chat,
        contact,
        messages: ids_of(receipt),
        reached,
        at: Timestamp::from_millis(receipt.timestamp.timestamp_millis()),
    }))
}

fn ids_of(receipt: &Receipt) -> Vec<MessageId> {
    let ids = receipt.message_ids.iter();
    ids.map(|id| MessageId::from_adapter(id.as_str())).collect()
}

/// What the owner's other devices tell of themselves is about other people's messages.
///
/// In a chat of two such a receipt comes from the owner's own address, or from the other person's; the library (0.7.0)
/// drops the attribute `recipient` that names the chat in the first case, so the messages must tell it.
fn elsewhere(device: DeviceId, receipt: &Receipt) -> Option<News> {
    match receipt.r#type {
        ReceiptType::Read | ReceiptType::ReadSelf | ReceiptType::Played | ReceiptType::PlayedSelf => {}
        _ => return None,
    }
    let chat = &receipt.source.chat;
    let group = chat.is_group();
    Some(News::ReadElsewhere {
        device,
        chat: group.then(|| ChatId::from_adapter(chat.to_non_ad_string())),
        messages: ids_of(receipt),
    })
}

/// The most ids one receipt carries, as in WhatsApp's own web client; the library divides longer ones the same way.
const IDS_AT_ONCE: usize = 256;

/// Tells that the owner read messages. One receipt names one sender; in a chat of two there is only one.
pub(super) async fn send(
    (shared, session): (&Shared, &Session),
    chat: Jid,
    messages: &[MessageRef],
    quietly: bool,
) -> Result<(), Error> {
    let by_lid = is_by_lid(session, &chat).await;
    let mut by_sender: Vec<(&ContactId, Vec<&str>)> = Vec::new();
    for message in messages {
        let Sender::Contact(sender) = &message.sender else {
            continue;
        };
        match by_sender.iter_mut().find(|(known, _)| *known == sender) {
            Some((_, ids)) => ids.push(message.id.as_str()),
            None => by_sender.push((sender, vec![message.id.as_str()])),
        }
    }
    for (sender, ids) in by_sender {
        let sender = if chat.is_group() || chat.is_status_broadcast() {
            jid_in(shared, sender, by_lid).await?
        } else {
            None
        };
        if quietly {
            read_quietly(session, &chat, sender.as_ref(), &ids).await?;
            continue;
        }
        let marked = session.client().mark_as_read(&chat, sender.as_ref(), &ids).await;
        marked.map_err(|error| Error::Unreachable(error.into()))?;
    }
    Ok(())
}

/// Only the owner's other devices are told. The library can do that for a whole account but not for one receipt; the
/// stanza is the one it makes then (`receipt.rs`, `build_read_receipt_node`).
async fn read_quietly(session: &Session, chat: &Jid, sender: Option<&Jid>, ids: &[&str]) -> Result<(), Error> {
    for ids in ids.chunks(IDS_AT_ONCE) {
        let Some((first, others)) = ids.split_first() else {
            continue;
        };
        let mut receipt = NodeBuilder::new("receipt")
            .attr("to", chat)
            .attr("type", ReceiptType::ReadSelf.as_wire_str())
            .attr("id", *first)
            .attr("t", whatsapp_rust::wacore::time::now_secs_u64().to_string());
        if let Some(sender) = sender {
            receipt = receipt.attr("participant", sender);
        }
        if !others.is_empty() {
            let items = others.iter().map(|id| NodeBuilder::new("item").attr("id", *id).build());
            receipt = receipt.children([NodeBuilder::new("list").children(items).build()]);
        }
        session.client().send_node(receipt.build()).await.map_err(unreachable)?;
    }
    Ok(())
}
