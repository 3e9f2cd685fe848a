//! Linking a device: one attempt for each identity, followed by any number of listeners.
//!
//! An attempt lives in memory: it is worth something only while a person looks at the code. What it leads to, the
//! device, is stored before anybody hears of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use fail::fail_point;
use futures_util::StreamExt as _;
use tokio::sync::watch;

use super::{Error, Inner, devices::LinkProgress};
use crate::{
    model::{Device, DeviceId, IdentityId, LinkSignal, LinkState, Platform},
    network::{LinkStep, Linking},
};

/// The attempts that run, and the last one of each identity.
#[derive(Debug, Default)]
pub(super) struct Linkings(Mutex<HashMap<IdentityId, watch::Sender<LinkProgress>>>);

impl Linkings {
    /// How the attempt of an identity goes on.
    pub(super) fn follow(&self, identity: IdentityId) -> Option<watch::Receiver<LinkProgress>> {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.get(&identity).map(watch::Sender::subscribe)
    }

    /// A new attempt, unless one runs.
    fn begin(&self, identity: IdentityId) -> Option<watch::Sender<LinkProgress>> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts
            .get(&identity)
            .is_some_and(|attempt| !attempt.borrow().is_last())
        {
            return None;
        }
        let attempt = watch::Sender::new(LinkProgress::Waiting);
        attempts.insert(identity, attempt.clone());
        Some(attempt)
    }

    /// Tells everybody who follows an attempt that it is over.
    pub(super) fn stop(&self) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, attempt) in attempts.drain() {
            attempt.send_replace(LinkProgress::Stopped);
        }
    }

    /// Forgets an attempt that ended, so that the next listener hears that there is none.
    fn end(&self, identity: IdentityId, attempt: &watch::Sender<LinkProgress>) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.get(&identity).is_some_and(|known| known.same_channel(attempt)) {
            attempts.remove(&identity);
        }
    }
}

/// Begins to link a device, or keeps the attempt that runs.
pub(super) async fn start(bridge: &Arc<Inner>, identity: IdentityId, how: Linking) -> Result<(), Error> {
    if bridge.store.read().await?.find_identity(identity).await?.is_none() {
        return Err(Error::NotFound("Identity"));
    }
    let Some(attempt) = bridge.linkings.begin(identity) else {
        return Ok(());
    };
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        let last = tokio::select! {
            last = follow(&bridge, identity, how, &attempt) => last,
            () = bridge.stop.cancelled() => LinkProgress::Stopped,
        };
        attempt.send_replace(last);
        bridge.linkings.end(identity, &attempt);
    });
    Ok(())
}

/// Passes the steps on until the last one, which it returns.
async fn follow(
    bridge: &Arc<Inner>,
    identity: IdentityId,
    how: Linking,
    attempt: &watch::Sender<LinkProgress>,
) -> LinkProgress {
    let device = DeviceId::generate();
    super::news::link(bridge, device, LinkSignal::Started).await;
    let last = attempt_steps(bridge, identity, device, how, attempt).await;
    if !matches!(last, LinkProgress::Linked(_)) {
        super::news::link(bridge, device, LinkSignal::Abandoned).await;
        bridge.links.forget(device);
    }
    last
}

async fn attempt_steps(
    bridge: &Arc<Inner>,
    identity: IdentityId,
    device: DeviceId,
    how: Linking,
    attempt: &watch::Sender<LinkProgress>,
) -> LinkProgress {
    let mut steps = match bridge.network.link(device, how).await {
        Ok(steps) => steps,
        Err(error) => {
            tracing::warn!(%error, "linking could not begin");
            return LinkProgress::Failed("WhatsApp could not be asked. Try again later.".into());
        }
    };
    while let Some(step) = steps.next().await {
        match step {
            LinkStep::Qr { code, .. } => attempt.send_replace(LinkProgress::Qr(code)),
            LinkStep::Code { code, .. } => attempt.send_replace(LinkProgress::Code(code)),
            LinkStep::Linked { number } => {
                return match linked(bridge, identity, device, &number).await {
                    Ok(()) => LinkProgress::Linked(number),
                    Err(error) => {
                        tracing::error!(%error, "a linked device could not be stored");
                        // Nobody would ever find this session again.
                        if let Err(error) = bridge.network.unlink(device).await {
                            tracing::error!(%error, "its session could not be ended either");
                        }
                        LinkProgress::Failed("The device could not be stored. Try again later.".into())
                    }
                };
            }
            LinkStep::Expired => return LinkProgress::Expired,
            LinkStep::Failed { reason } => return LinkProgress::Failed(reason),
        };
    }
    LinkProgress::Failed("The attempt ended without an answer. Try again.".into())
}

async fn linked(bridge: &Arc<Inner>, identity: IdentityId, id: DeviceId, number: &str) -> Result<(), Error> {
    let device = Device {
        id,
        identity,
        platform: Platform::WhatsApp,
        number: number.to_owned(),
        link: LinkState::Connected,
        linked_at: bridge.clock().now(),
    };
    let mut tx = bridge.store.begin().await?;
    let replaced = tx.insert_device(&device).await?;
    if let Some(old) = replaced {
        let work = crate::model::Work::Unlink { device: old };
        tx.push_job(&crate::model::Lane::device(old), &work, bridge.clock().now())
            .await?;
        // Of its rooms it was told nothing that happened meanwhile.
        super::groups::push_compare(&mut tx, id, bridge.clock().now()).await?;
    }
    fail_point!("bridge.linked.before");
    tx.commit().await?;
    fail_point!("bridge.linked.after");
    if let Some(old) = replaced {
        bridge.links.forget(old);
    }
    bridge.links.set(id, LinkState::Connected);
    bridge.network.connect(id).await?;
    Ok(())
}
