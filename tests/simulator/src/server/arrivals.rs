//! Who got which message at what moment: for those who measure.
//!
//! Filled by [`super::receipts`] while somebody listens; nothing is kept here.

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::companion::Device;

/// A device has a message and said so.
pub(crate) struct Arrival {
    pub(crate) id: String,
    pub(crate) by: Device,
    pub(crate) at: Instant,
}

/// The ear of whoever measures.
#[derive(Default)]
pub(crate) struct Arrivals {
    pub(crate) tap: Option<UnboundedSender<Arrival>>,
}

impl Arrivals {
    pub(crate) fn note(&self, by: &Device, ids: &[String]) {
        let Some(tap) = &self.tap else {
            return;
        };
        for id in ids {
            let arrival = Arrival {
                id: id.clone(),
                by: by.clone(),
                at: Instant::now(),
            };
            // Whoever measured may have gone this moment.
            let _ = tap.send(arrival);
        }
    }
}
