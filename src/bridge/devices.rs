//! Devices: who has which, bringing them to life at start, and taking them away.

use std::sync::Arc;

use futures_util::StreamExt as _;

use super::{Error, Inner, links};
use crate::{
    model::{Device, DeviceId, IdentityId, Lane, LinkSignal, LogoutReason, Platform, Timestamp, Work},
    store::{self, Tx},
};

/// How many devices are brought to life at the same time.
const AT_ONCE: usize = 8;

/// How a linking attempt stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum LinkProgress {
    /// No code yet.
    Waiting,
    /// Show this as a QR code.
    Qr(String),
    /// Type this into the phone.
    Code {
        /// The code as people read it.
        code: String,
        /// When it is worth nothing any more.
        until: Timestamp,
    },
    /// WhatsApp wants a passkey: an answer to this request.
    Passkey(String),
    /// The phone shows a code too: a person must compare.
    Compare(String),
    /// Linked, with the owner's number. Last.
    Linked(String),
    /// Nobody scanned in time. Last.
    Expired,
    /// It did not work, and why. Last.
    Failed(String),
    /// Somebody ended it. Last.
    Cancelled,
    /// We are shutting down. Last.
    Stopped,
}

impl LinkProgress {
    /// Whether nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Waiting | Self::Qr(_) | Self::Code { .. } | Self::Passkey(_) | Self::Compare(_) => false,
            Self::Linked(_) | Self::Expired | Self::Failed(_) | Self::Cancelled | Self::Stopped => true,
        }
    }
}

/// The devices of an identity, oldest first.
pub(super) async fn list(bridge: &Inner, identity: IdentityId) -> Result<Vec<Device>, Error> {
    Ok(bridge.store.read().await?.list_devices(identity).await?)
}

/// Promises to end what a dead predecessor had begun to link: the phone may show a device that nobody here has. Only
/// before the doors open, for a link that is just being made looks the same.
pub(super) async fn let_go_of_forsaken(bridge: &Inner) -> Result<(), Error> {
    let mut tx = bridge.store.begin().await?;
    for device in tx.list_forsaken_devices().await? {
        tracing::warn!(device.id = %device, "a link that was cut off is ended");
        let work = Work::Unlink { device };
        tx.push_job(&Lane::device(device), &work, bridge.clock().now()).await?;
    }
    tx.forget_successors().await?;
    Ok(tx.commit().await?)
}

/// Brings every linked device to life, a few at a time and without holding up the start.
pub(super) async fn connect_all(bridge: &Arc<Inner>) -> Result<(), Error> {
    let devices = bridge.store.read().await?.list_all_devices().await?;
    for device in &devices {
        bridge.links.set(device.id, device.link.clone());
    }
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        let connecting = futures_util::stream::iter(devices).for_each_concurrent(AT_ONCE, |device| {
            let bridge = Arc::clone(&bridge);
            async move { connect(&bridge, &device).await }
        });
        tokio::select! {
            () = connecting => {}
            () = bridge.stop.cancelled() => {}
        }
    });
    Ok(())
}

/// Brings a device to life.
async fn connect(bridge: &Arc<Inner>, device: &Device) {
    links::moved(bridge, device.id, LinkSignal::Woken(bridge.clock().now())).await;
    match bridge.network.connect(device.id).await {
        Ok(()) => {}
        Err(crate::network::Error::NotLinked) => {
            links::moved(bridge, device.id, LinkSignal::Ended(LogoutReason::Unlinked)).await;
        }
        Err(error) => tracing::error!(%error, device.id = %device.id, "a device could not be brought to life"),
    }
}

/// Stops every device that was brought to life.
pub(super) async fn disconnect_all(bridge: &Inner) {
    let stopping = bridge
        .links
        .devices()
        .into_iter()
        .map(|device| bridge.network.disconnect(device));
    futures_util::future::join_all(stopping).await;
}

/// Deletes a device.
pub(super) async fn remove(
    bridge: &Inner,
    identity: IdentityId,
    platform: Platform,
    number: &str,
) -> Result<(), Error> {
    let mut tx = bridge.store.begin().await?;
    let Some(device) = tx.find_device_by_number(identity, platform, number).await? else {
        return Err(Error::NotFound("Device"));
    };
    discard(&mut tx, device.id).await?;
    tx.commit().await?;
    bridge.links.forget(device.id);
    Ok(())
}

/// Deletes a device and promises to end its session. Once that is committed, its link is to be forgotten.
pub(super) async fn discard(tx: &mut Tx, device: DeviceId) -> Result<(), store::Error> {
    tx.remove_device(device).await?;
    let now = tx.now();
    tx.push_job(&Lane::device(device), &Work::Unlink { device }, now)
        .await
        .map(drop)
}
