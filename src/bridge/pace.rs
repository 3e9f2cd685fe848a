//! How fast a device may send. The bucket starts full, so that a one-time password leaves at once.
//!
//! Deliberately not here: order. Lanes keep it, and a job that waits here holds only its own lane.

use std::{num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::Config;
use crate::model::DeviceId;

/// One limiter for each device.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<DefaultKeyedRateLimiter<DeviceId>>);

impl Pace {
    /// The pace these settings ask for.
    pub(super) fn new(config: &Config) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(config.messages_per_minute)).allow_burst(at_least_one(config.burst));
        Self(Arc::new(RateLimiter::keyed(quota)))
    }

    /// Returns when `device` may send one more message.
    pub(super) async fn wait(&self, device: DeviceId) {
        self.0.until_key_ready(&device).await;
    }
}
