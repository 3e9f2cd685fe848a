//! Wiring: builds every room, starts every loop, and stops them in order: doors, then workers, then devices, then the
//! database. Nothing else is needed to stop, because accepted work is on disk.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config,
    access::Access,
    api, appservice,
    bridge::{Bridge, Hands, Intake, MediaLinks},
    matrix::{Homeserver, Registration},
    media::Workshop,
    model::Clock,
    network::whatsapp::WhatsApp,
    server::Listener,
    store::Store,
    telemetry,
    webhook::Webhooks,
};

/// How long the loops may take to finish the job in hand.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often expired tokens are taken away.
const PURGE: Duration = Duration::from_hours(1);

/// The whole of wharf, running.
pub struct App {
    address: SocketAddr,
    store: Store,
    bridge: Bridge,
    doors: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
    serving: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl App {
    /// Builds and starts everything. When it returns, the doors answer.
    ///
    /// # Errors
    /// A sentence that names what is wrong: the database, the registration, the address.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let metrics = telemetry::start_metrics()?;
        let clock = Clock::System;
        let registration = Registration::read(&config.homeserver.registration)?;
        let puppets = config
            .homeserver
            .double_puppet_registration
            .as_deref()
            .map(Registration::read)
            .transpose()?;
        let store = Store::open(&config.database, clock.clone()).await?;
        let hs_token = registration.hs_token.clone();
        let homeserver = Homeserver::new(&config.homeserver, registration, puppets, clock.clone())?;
        let (intake, news) = Intake::new(store.clone());
        let network = Arc::new(WhatsApp::new(config.whatsapp, store.keyring(), Arc::new(intake), clock));
        let (doors, stop, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let names = homeserver.names().clone();
        let listener = Listener::bind(&config.server).await?;
        let address = listener.address()?;
        let links_key = config.access.derived_key("media links").context("access")?;
        let hands = Hands {
            store: store.clone(),
            homeserver,
            network,
            webhooks: Webhooks::new(&config.webhook)?,
            workshop: Workshop::open(&config.media).await,
            media_links: MediaLinks::new(
                &config.server.outside(address),
                &links_key,
                config.bridge.media_link_valid_for,
            ),
        };
        let bridge = Bridge::new(config.bridge, hands, stop.clone(), tasks.clone());
        let access = Access::new(store.clone(), config.access, move |localpart: &str| {
            names.identity(localpart)
        })
        .context("access")?;
        access.bootstrap().await?;

        let rest = api::Api::new(access.clone(), bridge.clone(), config.api, metrics)
            .reached_by_tls(!config.server.tls_cert_file.is_empty());
        let router = appservice::router(bridge.clone(), hs_token).merge(api::router(rest));
        bridge.start(news).await?;
        let serving = tokio::spawn(listener.serve(router, doors.clone()));
        purge(access, stop.clone(), &tasks);
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "wharf is running");
        Ok(Self {
            address,
            store,
            bridge,
            doors,
            stop,
            tasks,
            serving,
        })
    }

    /// Where the doors are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when something happened that we cannot go on with.
    ///
    /// # Errors
    /// What it was.
    pub async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            () = self.store.lost() => anyhow::anyhow!("the lock on the database was lost: another wharf may run on it"),
            served = &mut self.serving => match served {
                Ok(Ok(())) => anyhow::anyhow!("the doors closed"),
                Ok(Err(error)) => error.context("the doors closed"),
                Err(error) => anyhow::Error::new(error).context("the doors closed"),
            },
        }
    }

    /// Stops everything in order.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.bridge.close();
        self.doors.cancel();
        if !self.serving.is_finished() && tokio::time::timeout(DEADLINE, self.serving).await.is_err() {
            tracing::warn!("open requests were cut off");
        }
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DEADLINE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some jobs were cut off; they are done again at the next start");
        }
        self.bridge.disconnect().await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

/// Takes expired tokens away, now and every hour.
fn purge(access: Access, stop: CancellationToken, tasks: &TaskTracker) {
    tasks.spawn(async move {
        loop {
            if let Err(error) = access.purge_expired().await {
                tracing::error!(%error, "expired tokens could not be taken away");
            }
            tokio::select! {
                () = tokio::time::sleep(PURGE) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}
