//! How far our messages came: receipts of the recipients' phones as news. Pure but for looking people up.
//!
//! Deliberately not here: receipts that phones send for retries, app state and history, which are the library's own.

use whatsapp_rust::wacore::types::{events::Receipt, presence::ReceiptType};

use super::{Shared, ids, ids::Place};
use crate::{
    model::{DeviceId, MessageId, News, Reached, Timestamp},
    store::keyring,
};

/// Reads a receipt; `None` when it says nothing about a message of the owner.
pub(super) async fn read(shared: &Shared, device: DeviceId, receipt: &Receipt) -> Result<Option<News>, keyring::Error> {
    let reached = match receipt.r#type {
        ReceiptType::Delivered => Reached::Phone,
        ReceiptType::Read => Reached::Eyes,
        ReceiptType::Played => Reached::Ears,
        _ => return Ok(None),
    };
    let source = &receipt.source;
    // What the owner's own devices tell of themselves is about other people's messages.
    if source.is_from_me || receipt.message_ids.is_empty() {
        return Ok(None);
    }
    let Some(spelling) = ids::Spelling::of(&source.sender, source.sender_alt.as_ref()) else {
        return Ok(None);
    };
    let contact = shared.people.contact(&spelling).await?;
    let chat = match ids::place_of(source, None) {
        Some(Place::Group(chat)) => chat,
        Some(Place::Direct(_)) => ids::direct_chat(&contact),
        None => return Ok(None),
    };
    Ok(Some(News::Reached {
        device,
        chat,
        contact,
        messages: receipt
            .message_ids
            .iter()
            .map(|id| MessageId::from_adapter(id.as_str()))
            .collect(),
        reached,
        at: Timestamp::from_millis(receipt.timestamp.timestamp_millis()),
    }))
}
