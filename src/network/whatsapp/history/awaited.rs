//! Parts of the time before that the phone has announced and that are not kept yet.
//!
//! The library acknowledges the announcement before it has fetched what is announced. So the hook marks each one on
//! disk before that; the mark goes when everything the library was fetching has been kept. A mark that is left over
//! from a process that died, or whose part could not be fetched, makes the phone announce again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::timeout};
use whatsapp_rust::{
    Client,
    prelude::InboundMessage,
    waproto::whatsapp::{self as wa, message::protocol_message},
};

use super::super::{
    Shared,
    keys::{Resend, kind},
};
use crate::{model::DeviceId, store::keyring};

/// How often one announcement is asked for again.
const MOST_REQUESTS: u8 = 3;
/// How long the library may take to fetch what was announced.
const PATIENCE: Duration = Duration::from_mins(30);
/// How long what was fetched may take until it is kept. What is asked for too early is the same part once more.
const KEEPING: Duration = Duration::from_secs(5);

/// Whether a message announces a part of the time before. The library has taken out what it says of it.
fn is_word(message: &wa::Message) -> bool {
    let inner = message
        .device_sent_message
        .as_option()
        .and_then(|sent| sent.message.as_option())
        .unwrap_or(message);
    inner
        .protocol_message
        .as_option()
        .is_some_and(|protocol| protocol.r#type == Some(protocol_message::Type::HISTORY_SYNC_NOTIFICATION))
}

/// What one session waits for.
#[derive(Debug, Default)]
pub(in super::super) struct Awaited {
    announced: AtomicU64,
    kept: watch::Sender<u64>,
}

impl Awaited {
    /// Marks the announcements among messages; to be called before they are acknowledged.
    pub(in super::super) async fn mark(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        device: DeviceId,
        (client, resend): (&Arc<Client>, &Resend),
        messages: &[InboundMessage],
    ) -> Result<(), keyring::Error> {
        let names: Vec<String> = messages
            .iter()
            .filter(|received| is_word(&received.message))
            .map(|received| {
                let source = &received.info.source;
                [
                    source.chat.to_string().as_str(),
                    source.sender.to_string().as_str(),
                    received.info.id.as_str(),
                ]
                .join("\n")
            })
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        for name in &names {
            let marked = shared.keyring.update(device, kind::HISTORY_AWAITED, name, |before| {
                Some(before.unwrap_or_else(|| vec![0]))
            });
            marked.await?;
        }
        self.announced
            .fetch_add(u64::try_from(names.len()).unwrap_or(u64::MAX), Ordering::SeqCst);
        let (awaited, shared) = (Arc::clone(self), Arc::clone(shared));
        let (client, resend) = (Arc::clone(client), resend.clone());
        tokio::spawn(async move { awaited.settle(&shared, device, (&client, &resend), &names).await });
        Ok(())
    }

    /// A part was kept.
    pub(in super::super) fn kept(&self) {
        self.kept.send_modify(|kept| *kept += 1);
    }

    /// Waits until the library has fetched all it knows of, then takes the marks away, or asks again.
    async fn settle(
        &self,
        shared: &Shared,
        device: DeviceId,
        (client, resend): (&Arc<Client>, &Resend),
        names: &[String],
    ) {
        if client.wait_for_startup_sync(PATIENCE).await.is_err() {
            return;
        }
        let announced = self.announced.load(Ordering::SeqCst);
        // What was fetched is on its way through the events of the session, which are handled in order.
        let mut kept = self.kept.subscribe();
        let all = timeout(KEEPING, kept.wait_for(|kept| *kept >= announced)).await;
        if all.is_ok_and(|all| all.is_ok()) {
            if let Err(error) = shared.keyring.remove(device, kind::HISTORY_AWAITED, names).await {
                tracing::warn!(device.id = %device, %error, "marks of the history are still there");
            }
            return;
        }
        tracing::warn!(device.id = %device, "a part of the history did not come; the phone is asked for it");
        for name in names {
            ask_again(shared, device, resend, name).await;
        }
    }
}

/// Asks for what a predecessor was waiting for when it died.
pub(in super::super) async fn ask_for_left_over(shared: &Shared, device: DeviceId, resend: &Resend) {
    let names = match shared.keyring.names(device, kind::HISTORY_AWAITED, None).await {
        Ok(names) => names,
        Err(error) => return tracing::warn!(device.id = %device, %error, "marks of the history cannot be read"),
    };
    for name in names {
        ask_again(shared, device, resend, &name).await;
    }
}

async fn ask_again(shared: &Shared, device: DeviceId, resend: &Resend, name: &str) {
    let mut requests = 0;
    let counted = shared.keyring.update(device, kind::HISTORY_AWAITED, name, |before| {
        requests = before
            .and_then(|before| before.first().copied())
            .unwrap_or(0)
            .saturating_add(1);
        (requests <= MOST_REQUESTS).then(|| vec![requests])
    });
    if let Err(error) = counted.await {
        return tracing::warn!(device.id = %device, %error, "marks of the history cannot be written");
    }
    if requests > MOST_REQUESTS {
        return tracing::warn!(device.id = %device, "a part of the history never came");
    }
    if let [chat, sender, id] = name.split('\n').collect::<Vec<_>>()[..] {
        resend.ask(chat, sender, id);
    }
}
