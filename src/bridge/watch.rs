//! Watching: how links stand, whether what we need answers, and the gauges.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;

use super::Inner;
use crate::model::{DeviceId, Lane, LinkState};

/// How long the homeserver may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether what we need answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Readiness {
    /// The database.
    pub(crate) database: bool,
    /// The homeserver.
    pub(crate) homeserver: bool,
}

/// How the links of all devices stand right now.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<HashMap<DeviceId, LinkState>>);

impl Links {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<DeviceId, LinkState>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn get(&self, device: DeviceId) -> Option<LinkState> {
        self.with(|links| links.get(&device).cloned())
    }

    pub(super) fn set(&self, device: DeviceId, link: LinkState) {
        self.with(|links| links.insert(device, link));
    }

    pub(super) fn devices(&self) -> Vec<DeviceId> {
        self.with(|links| links.keys().copied().collect())
    }

    pub(super) fn forget(&self, device: DeviceId) {
        self.with(|links| links.remove(&device));
    }
}

/// Asks the database and the homeserver.
pub(super) async fn ready(bridge: &Inner) -> Readiness {
    let homeserver = tokio::time::timeout(PATIENCE, bridge.homeserver.versions());
    let (database, homeserver) = tokio::join!(bridge.store.ping(), homeserver);
    Readiness {
        database: database.is_ok(),
        homeserver: matches!(homeserver, Ok(Ok(_))),
    }
}

/// Sets the gauges.
pub(super) async fn measure(bridge: &Inner) {
    let mut states: HashMap<&'static str, u32> = LinkState::NAMES.map(|state| (state, 0)).into();
    bridge.links.with(|links| {
        for link in links.values() {
            *states.entry(link.name()).or_default() += 1;
        }
    });
    for (state, count) in states {
        metrics::gauge!("wharf_devices", "link" => state).set(count);
    }
    if let Err(error) = measure_jobs(bridge).await {
        tracing::warn!(%error, "jobs could not be counted");
    }
}

async fn measure_jobs(bridge: &Inner) -> Result<(), crate::store::Error> {
    let now = bridge.clock().now().millis();
    let mut read = bridge.store.read().await?;
    let waiting = read.jobs_waiting().await?;
    for lane in Lane::KINDS {
        let found = waiting.iter().find(|(kind, _, _)| kind == lane);
        let (count, age) = found.map_or((0, 0), |(_, count, oldest)| (*count, now - oldest.millis()));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        {
            metrics::gauge!("wharf_jobs_waiting", "lane" => lane).set(count as f64);
            metrics::gauge!("wharf_jobs_oldest_seconds", "lane" => lane).set(age as f64 / 1000.0);
        }
    }
    for (kind, count) in read.buried_count().await? {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("wharf_jobs_buried", "kind" => kind).set(count as f64);
    }
    Ok(())
}
