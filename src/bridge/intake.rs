//! Where networks leave their news: events become jobs in one transaction, before the network is told that we have
//! them; news takes a short way through memory.
//!
//! Deliberately not here: any decision about an event. That is made by the job.

use std::collections::HashSet;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{
    model::{DeviceId, Event, Lane, News, PortalKey, Work},
    network,
    store::{self, Store},
};

/// How much passing news may wait; more than that is dropped, since it is only worth something while it is new.
const NEWS_WAITING: usize = 1024;

/// The one intake of the house.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
    lasting: mpsc::UnboundedSender<News>,
    passing: mpsc::Sender<News>,
}

/// Where news comes out.
#[derive(Debug)]
pub(crate) struct Told {
    /// What is stored: how links stand, how far messages came, what was read. There is no more of it than the network told.
    pub(super) lasting: mpsc::UnboundedReceiver<News>,
    /// Who types, who is there.
    pub(super) passing: mpsc::Receiver<News>,
}

impl Intake {
    /// An intake and the end of it where news comes out.
    pub(crate) fn new(store: Store) -> (Self, Told) {
        let (lasting, lasting_told) = mpsc::unbounded_channel();
        let (passing, passing_told) = mpsc::channel(NEWS_WAITING);
        let intake = Self {
            store,
            lasting,
            passing,
        };
        let told = Told {
            lasting: lasting_told,
            passing: passing_told,
        };
        (intake, told)
    }

    async fn store(&self, events: Vec<Event>) -> Result<(), store::Error> {
        let mut tx = self.store.begin().await?;
        let now = self.store.clock().now();
        let devices: HashSet<_> = events.iter().map(|event| event.device).collect();
        for device in devices {
            tx.device_heard(device).await?;
        }
        for event in events {
            let lane = Lane::incoming(&PortalKey::new(event.device, event.chat.clone()));
            tx.push_job(&lane, &Work::Incoming(Box::new(event)), now).await?;
        }
        tx.commit().await
    }
}

#[async_trait]
impl network::Intake for Intake {
    #[tracing::instrument(name = "bridge.intake", skip_all, fields(events = events.len()))]
    async fn accept(&self, events: Vec<Event>) -> Result<(), network::IntakeClosed> {
        if events.is_empty() {
            return Ok(());
        }
        self.store(events)
            .await
            .map_err(|error| network::IntakeClosed(Box::new(error)))
    }

    async fn remember(&self, device: DeviceId, part: &str) -> Result<(), network::IntakeClosed> {
        let stored = async {
            let mut tx = self.store.begin().await?;
            let work = Work::History {
                device,
                part: part.to_owned(),
                from: 0,
            };
            tx.push_job(&Lane::history(device), &work, self.store.clock().now())
                .await?;
            tx.commit().await
        };
        stored
            .await
            .map_err(|error: store::Error| network::IntakeClosed(Box::new(error)))
    }

    fn news(&self, news: News) {
        let is_taken = match news {
            News::Link { .. }
            | News::PhoneSeen { .. }
            | News::Reached { .. }
            | News::ReadElsewhere { .. }
            | News::Changed { .. } => self.lasting.send(news).is_ok(),
            News::Typing { .. } | News::Presence { .. } => self.passing.try_send(news).is_ok(),
        };
        if !is_taken {
            tracing::debug!("news dropped: nobody takes it, or not fast enough");
        }
    }
}
