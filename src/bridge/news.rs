//! News that may be lost: how links stand, who types, how far messages came.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Inner, faces, links, presence, reads, typing};
use crate::{
    model::{ChatId, DeviceId, MessageId, News, PortalKey, Reached},
    store::{self, MessageState, Receipt},
};

/// Starts to take news.
pub(super) fn start(bridge: &Arc<Inner>, mut news: mpsc::Receiver<News>) {
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        loop {
            tokio::select! {
                next = news.recv() => match next {
                    Some(next) => take(&bridge, next).await,
                    None => return,
                },
                () = bridge.stop.cancelled() => return,
            }
        }
    });
}

async fn take(bridge: &Arc<Inner>, news: News) {
    match news {
        News::Link { device, signal } => links::moved(bridge, device, signal).await,
        News::PhoneSeen { device, at } => links::phone_seen(bridge, device, at).await,
        News::Reached {
            device,
            chat,
            contact,
            messages,
            reached,
            at,
        } => {
            let receipt = Receipt {
                contact,
                state: match reached {
                    Reached::Phone => MessageState::Delivered,
                    Reached::Eyes => MessageState::Read,
                    Reached::Ears => MessageState::Played,
                },
                at,
            };
            if let Err(error) = reached_by(bridge, &PortalKey::new(device, chat), &messages, &receipt).await {
                tracing::warn!(%error, "receipts could not be stored");
            }
        }
        News::ReadElsewhere { device, chat, messages } => {
            if let Err(error) = read_elsewhere(bridge, device, chat, messages).await {
                tracing::warn!(%error, "what the owner read elsewhere could not be stored");
            }
        }
        News::Typing {
            device,
            chat,
            sender,
            typing: does,
        } => {
            let key = PortalKey::new(device, chat);
            if let Err(error) = typing::show(bridge, &key, &sender, does).await {
                tracing::debug!(%error, "typing was not shown");
            }
        }
        News::Presence {
            device,
            contact,
            online,
            last_seen,
        } => {
            if let Err(error) = presence::show(bridge, device, &contact, (online, last_seen)).await {
                tracing::debug!(%error, "presence was not shown");
            }
        }
        News::Changed { device, contact } => {
            if let Err(error) = faces::changed(bridge, device, &contact).await {
                tracing::warn!(%error, "a look at somebody could not be promised");
            }
        }
    }
}

async fn reached_by(
    bridge: &Inner,
    portal: &PortalKey,
    messages: &[MessageId],
    receipt: &Receipt,
) -> Result<(), store::Error> {
    let mut tx = bridge.store.begin().await?;
    tx.device_heard(portal.device).await?;
    for message in messages {
        tx.record_receipt(portal, message, receipt).await?;
    }
    if receipt.state >= MessageState::Read {
        reads::contact_read(bridge, &mut tx, portal, (&receipt.contact, messages)).await?;
    }
    tx.commit().await
}

async fn read_elsewhere(
    bridge: &Inner,
    device: DeviceId,
    chat: Option<ChatId>,
    messages: Vec<MessageId>,
) -> Result<(), store::Error> {
    let mut tx = bridge.store.begin().await?;
    reads::owner_read(bridge, &mut tx, device, (chat, messages)).await?;
    tx.commit().await
}
