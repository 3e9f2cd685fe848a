//! How fast a device may send. The bucket starts full, so that a one-time password leaves at once.
//!
//! Deliberately not here: order. Lanes keep it. A job that waits here holds its lane, and a worker: so only half of the workers
//! may wait at a time, and whoever finds the seats taken comes again later. One device with much to say holds up no other.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use rand::RngExt as _;
use tokio::sync::Semaphore;

use super::{Config, error::Failure};
use crate::model::{DeviceId, PortalKey};

/// When whoever found no seat comes again, in milliseconds.
const AGAIN: std::ops::Range<u64> = 1_000..4_000;

/// How many people of a chat are shown at once as having read, and in each second after that: a thousand who read one
/// message are shown within minutes, and the homeserver is there for messages meanwhile.
const READERS_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).unwrap();
const READERS_A_SECOND: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// One limiter for each device, and one for those who read in a chat.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    readers: Arc<DefaultKeyedRateLimiter<PortalKey>>,
    devices: Arc<DefaultKeyedRateLimiter<DeviceId>>,
    seats: Arc<Semaphore>,
}

impl Pace {
    /// The pace these settings ask for.
    pub(super) fn new(config: &Config) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(at_least_one(config.messages_per_minute)).allow_burst(at_least_one(config.burst));
        let readers = Quota::per_second(READERS_A_SECOND).allow_burst(READERS_AT_ONCE);
        Self {
            readers: Arc::new(RateLimiter::keyed(readers)),
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

    /// How long somebody must wait until they may be shown in a chat as having read; `None`: not at all.
    pub(super) fn reader_waits(&self, key: &PortalKey) -> Option<Duration> {
        let refused = self.readers.check_key(key).err()?;
        Some(refused.wait_time_from(self.readers.clock().now()))
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
    use crate::model::ChatId;

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
    fn b42_many_who_read_at_once_are_shown_one_after_the_other() {
        let pace = Pace::new(&Config::default());
        let (busy, quiet) = (portal("1@g.us"), portal("2@g.us"));
        let shown = (0..1000).filter(|_| pace.reader_waits(&busy).is_none()).count();
        assert!((30..200).contains(&shown), "{shown} of 1000 were shown at once");
        let waits = (0..1000).find_map(|_| pace.reader_waits(&busy)).unwrap();
        assert!(waits <= Duration::from_secs(1), "{waits:?}");
        assert_eq!(pace.reader_waits(&quiet), None, "chats do not wait for each other");
    }

    fn portal(chat: &str) -> PortalKey {
        PortalKey::new(DeviceId::generate(), ChatId::from_adapter(chat))
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
