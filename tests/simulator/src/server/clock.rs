//! The time the simulator stamps on what it sends. Called from everywhere; nothing else reads the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::step;

/// Where a simulator takes its time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// Set by whoever holds it, in seconds since 1970.
    Set(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at this second until it is moved.
    pub fn at(seconds: u64) -> Self {
        Self::Set(Arc::new(AtomicU64::new(seconds)))
    }

    /// Moves a set clock forward; the machine's goes by itself.
    pub fn advances(&self, by: Duration) {
        if let Self::Set(seconds) = self {
            seconds.fetch_add(by.as_secs(), Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> u64 {
        match self {
            Self::System => system(),
            Self::Set(seconds) => seconds.load(Ordering::Relaxed),
        }
    }
}

/// Seconds since 1970, by the clock of the simulator whose step this is.
pub(crate) fn seconds() -> u64 {
    step::now().unwrap_or_else(system)
}

#[expect(clippy::disallowed_methods, reason = "the simulator has no other clock: this is it")]
fn system() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
