//! How fast a device may send. The bucket starts full, so that a one-time password leaves at once.
//!
//! Deliberately not here: order. Lanes keep it. A job that waits here holds its lane, and a worker: so only half of the workers
//! may wait at a time, and whoever finds the seats taken comes again later. One device with much to say holds up no other.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rand::RngExt as _;
use tokio::sync::Semaphore;

use super::{Config, error::Failure};
use crate::model::DeviceId;

/// When whoever found no seat comes again, in milliseconds.
const AGAIN: std::ops::Range<u64> = 1_000..4_000;

/// One limiter for each device.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    devices: Arc<DefaultKeyedRateLimiter<DeviceId>>,
    seats: Arc<Semaphore>,
}

impl Pace {
    /// The pace these settings ask for.
    pub(super) fn new(config: &Config) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(config.messages_per_minute)).allow_burst(at_least_one(config.burst));
        Self {
            devices: Arc::new(RateLimiter::keyed(quota)),
            seats: Arc::new(Semaphore::new((config.workers / 2).max(1))),
        }
    }

    /// Returns when `device` may send one more message.
    ///
    /// # Errors
    /// `Turn` when as many wait as may.
    pub(super) async fn turn(&self, device: DeviceId) -> Result<(), Failure> {
        if self.devices.check_key(&device).is_ok() {
            return Ok(());
        }
        let Ok(_seat) = self.seats.try_acquire() else {
            return Err(Failure::Turn(Duration::from_millis(rand::rng().random_range(AGAIN))));
        };
        self.devices.until_key_ready(&device).await;
        Ok(())
    }

    /// The same for what people do to groups, which is rare: however many wait.
    pub(super) async fn wait(&self, device: DeviceId) {
        self.devices.until_key_ready(&device).await;
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
        assert!(pace.turn(one).now_or_never().is_some());
        assert!(pace.wait(one).now_or_never().is_some());
        assert!(pace.turn(one).now_or_never().is_none(), "the bucket is empty");
        assert!(pace.turn(other).now_or_never().is_some());
    }

    #[test]
    fn a_device_with_much_to_say_leaves_workers_for_the_others() {
        let config = Config {
            messages_per_minute: 1,
            burst: 1,
            workers: 4,
            ..Config::default()
        };
        let pace = Pace::new(&config);
        let (busy, other) = (DeviceId::generate(), DeviceId::generate());
        assert!(pace.turn(busy).now_or_never().is_some());
        let mut waiting = [Box::pin(pace.turn(busy)), Box::pin(pace.turn(busy))];
        for turn in &mut waiting {
            assert!(turn.now_or_never().is_none());
        }
        let third = pace.turn(busy).now_or_never();
        assert!(matches!(third, Some(Err(Failure::Turn(_)))));
        assert!(matches!(pace.turn(other).now_or_never(), Some(Ok(()))));
    }
}
