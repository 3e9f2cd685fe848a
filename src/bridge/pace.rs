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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn w22_the_first_messages_leave_at_once_and_devices_do_not_wait_for_each_other() {
        let config = Config {
            messages_per_minute: 1,
            burst: 2,
            ..Config::default()
        };
        let pace = Pace::new(&config);
        let (one, other) = (DeviceId::generate(), DeviceId::generate());
        assert!(pace.wait(one).now_or_never().is_some());
        assert!(pace.wait(one).now_or_never().is_some());
        assert!(pace.wait(one).now_or_never().is_none(), "the bucket is empty");
        assert!(pace.wait(other).now_or_never().is_some());
    }
}
