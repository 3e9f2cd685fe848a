//! News: what networks tell beside events. Links, receipts and the like are stored, however long the store is away; who types
//! and who is there is worth something only while it is new. What lasts waits for nobody's server but the database.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Inner, faces, intake::Told, links, outgoing, presence, reads, typing};
use crate::{
    model::{ChatId, DeviceId, MessageId, News, PortalKey, Reached},
    store::{self, MessageState, Receipt},
};

/// Between attempts to store what lasts, and how many of them.
const PAUSE: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 300;

/// Starts to take news.
pub(super) fn start(bridge: &Arc<Inner>, told: Told) {
    bridge.tasks.spawn(follow_lasting(Arc::clone(bridge), told.lasting));
    bridge.tasks.spawn(follow_passing(Arc::clone(bridge), told.passing));
}

async fn follow_lasting(bridge: Arc<Inner>, mut news: mpsc::UnboundedReceiver<News>) {
    loop {
        tokio::select! {
            next = news.recv() => match next {
                Some(next) => keep(&bridge, &next).await,
                None => return,
            },
            () = bridge.stop.cancelled() => break,
        }
    }
    // The network was told already that we have them.
    while let Ok(next) = news.try_recv() {
        keep(&bridge, &next).await;
    }
}

async fn follow_passing(bridge: Arc<Inner>, mut news: mpsc::Receiver<News>) {
    loop {
        tokio::select! {
            next = news.recv() => match next {
                Some(next) => show(&bridge, next).await,
                None => return,
            },
            () = bridge.stop.cancelled() => return,
        }
    }
}

/// Stores what lasts; a store that is away is waited for, unless we are to stop.
async fn keep(bridge: &Arc<Inner>, news: &News) {
    for _ in 0..ATTEMPTS {
        match store(bridge, news).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "news could not be stored"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = bridge.stop.cancelled() => return,
        }
    }
}

async fn store(bridge: &Arc<Inner>, news: &News) -> Result<(), store::Error> {
    match news {
        News::Link { device, signal } => links::moved(bridge, *device, *signal).await,
        News::PhoneSeen { device, at } => links::phone_seen(bridge, *device, *at).await,
        News::Reached {
            device,
            chat,
            contact,
            messages,
            reached,
            at,
        } => {
            let receipt = Receipt {
                contact: contact.clone(),
                state: match reached {
                    Reached::Phone => MessageState::Delivered,
                    Reached::Eyes => MessageState::Read,
                    Reached::Ears => MessageState::Played,
                },
                at: *at,
            };
            reached_by(bridge, &PortalKey::new(*device, chat.clone()), messages, &receipt).await?;
        }
        News::ReadElsewhere { device, chat, messages } => {
            read_elsewhere(bridge, *device, chat.clone(), messages.clone()).await?;
        }
        News::Changed { device, contact } => faces::changed(bridge, *device, contact).await?,
        News::Typing { .. } | News::Presence { .. } => {}
    }
    Ok(())
}

async fn show(bridge: &Arc<Inner>, news: News) {
    let shown = match news {
        News::Typing {
            device,
            chat,
            sender,
            typing: does,
        } => typing::show(bridge, &PortalKey::new(device, chat), &sender, does).await,
        News::Presence {
            device,
            contact,
            online,
            last_seen,
        } => presence::show(bridge, device, &contact, (online, last_seen)).await,
        News::Link { .. }
        | News::PhoneSeen { .. }
        | News::Reached { .. }
        | News::ReadElsewhere { .. }
        | News::Changed { .. } => Ok(()),
    };
    if let Err(error) = shown {
        tracing::debug!(%error, "what passes was not shown");
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
        if tx.record_receipt(portal, message, receipt).await? {
            outgoing::was_delivered(bridge, &mut tx, portal, message).await?;
        }
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
