//! News that may be lost: how links stand, who types.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Inner, groups, reads, rooms};
use crate::{
    model::{ChatId, DeviceId, IdentityKind, Lane, LinkSignal, LinkState, MessageId, News, PortalKey, Reached, Work},
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
        News::Link { device, signal } => link(bridge, device, signal).await,
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
            typing,
        } => {
            let key = PortalKey::new(device, chat);
            if let Err(error) = rooms::show_typing(bridge, &key, &sender, typing).await {
                tracing::debug!(%error, "typing was not shown");
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

/// Moves the link of a device along its table, and tells the owner when the session ended.
pub(super) async fn link(bridge: &Inner, device: DeviceId, signal: LinkSignal) {
    let before = bridge.links.get(device).unwrap_or(LinkState::Unlinked);
    let after = before.clone().next(signal);
    if before == after {
        return;
    }
    tracing::info!(device.id = %device, before = before.name(), after = after.name(), "the link of a device changed");
    bridge.links.set(device, after.clone());
    if let Err(error) = store_link(bridge, device, &after).await {
        tracing::error!(%error, device.id = %device, "the link of a device could not be stored");
    }
}

async fn store_link(bridge: &Inner, device: DeviceId, link: &LinkState) -> Result<(), store::Error> {
    let mut tx = bridge.store.begin().await?;
    tx.set_device_link(device, link).await?;
    if *link == LinkState::Connected {
        groups::push_compare(&mut tx, device, bridge.clock().now()).await?;
    }
    if let LinkState::LoggedOut { .. } = link
        && let Some(device) = tx.find_device(device).await?
        && let Some(identity) = tx.find_identity(device.identity).await?
        && identity.kind == IdentityKind::Real
        && let Some(room) = tx.find_management_room(&identity.user).await?
    {
        let now = bridge.clock().now();
        let text = format!(
            "WhatsApp +{} is {}. Messages do not cross until you link it again: `login qr`.",
            device.number,
            link.name()
        );
        let about = format!("link:{}:{}", device.id, now.millis());
        tx.push_job(
            &Lane::room(&room),
            &Work::Notice {
                room: room.clone(),
                about,
                text,
            },
            now,
        )
        .await?;
    }
    tx.commit().await
}
