//! What goes wrong on the wire itself: stanzas come late, frames come damaged.
//!
//! Set through `Server`, asked by every connection before it writes. Not behind the state's lock: a
//! connection looks at it for each frame.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The wire's mood.
#[derive(Default)]
pub(crate) struct Pace {
    delay: AtomicU64,
    damaged: AtomicU32,
}

impl Pace {
    /// Every stanza to clients takes so long from now on.
    pub(crate) fn set_delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay.load(Ordering::Relaxed))
    }

    /// The next frame to a client is damaged.
    pub(crate) fn damage_next(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the frame now due is damaged.
    pub(crate) fn take_damage(&self) -> bool {
        self.damaged
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}
