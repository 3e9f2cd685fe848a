//! For tests of the doors: a bridge on a scripted network. Its loops do not run and its homeserver does not answer, so
//! that what was accepted stays where it can be seen.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Bridge, Config, Hands, Intake, MediaLinks};
pub(crate) use crate::network::{LinkStep, fake::Fake};
use crate::{
    matrix::{self, Homeserver, registration},
    media::Workshop,
    store::Store,
    webhook::{self, Webhooks},
};

/// A bridge over `store`, the network it speaks to, and what stops its linking attempts.
pub(crate) fn quiet(store: &Store) -> (Bridge, Arc<Fake>, CancellationToken) {
    let config = matrix::Config {
        // Nobody listens on the discard port.
        address: "http://127.0.0.1:9".parse().unwrap(),
        server_name: "hs.test".try_into().unwrap(),
        ..matrix::Config::default()
    };
    let names = matrix::Names::new(&config).unwrap();
    let (registration, _) = registration::generate(&names, "http://127.0.0.1:9");
    let clock = store.clock().clone();
    let (intake, _) = Intake::new(store.clone());
    let network = Fake::new(Arc::new(intake));
    let hands = Hands {
        store: store.clone(),
        homeserver: Homeserver::new(&config, registration, None, clock).unwrap(),
        network: Arc::<Fake>::clone(&network),
        webhooks: Webhooks::new(&webhook::Config::default()).unwrap(),
        workshop: Workshop::bare(),
        media_links: MediaLinks::new("https://wharf.test", b"a key of tests", 3600),
    };
    let stop = CancellationToken::new();
    (
        Bridge::new(Config::default(), hands, stop.clone(), TaskTracker::new()),
        network,
        stop,
    )
}
