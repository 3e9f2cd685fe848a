//! How often an address may fail to name a secret: twenty times at once, then ten times a second. Those who succeed
//! are never counted, so that a busy application is not slowed down.
//!
//! A rate limiter counts when it is asked; this one must be asked before the secret is looked at and count afterwards,
//! hence these few lines.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What one failure costs.
const EACH: Duration = Duration::from_millis(100);

/// How much may be owed.
const BURST: Duration = Duration::from_secs(2);

/// When addresses that owe nothing are forgotten.
const MANY: usize = 10_000;

/// What each address owes: the moment when its debt is paid.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Instant>>);

impl Attempts {
    /// How long `address` has to wait before it may try again; `None`: it may.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let paid = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&address)?;
        let with_another = paid.saturating_duration_since(Instant::now()) + EACH;
        with_another.checked_sub(BURST).filter(|wait| !wait.is_zero())
    }

    /// Counts a failure.
    pub(super) fn failed(&self, address: IpAddr) {
        let now = Instant::now();
        let mut debts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if debts.len() >= MANY {
            debts.retain(|_, paid| *paid > now);
        }
        let paid = debts.entry(address).or_insert(now);
        *paid = (*paid).max(now) + EACH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-13: guessing is slow, and only for the one who guesses.
    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_twenty_times_at_once_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let (guesser, other) = (IpAddr::from([203, 0, 113, 5]), IpAddr::from([203, 0, 113, 6]));
        for _ in 0..20 {
            assert_eq!(attempts.wait(guesser), None);
            attempts.failed(guesser);
        }
        assert_eq!(attempts.wait(guesser), Some(EACH));
        assert_eq!(attempts.wait(other), None);
        tokio::time::advance(EACH).await;
        assert_eq!(attempts.wait(guesser), None);
        attempts.failed(guesser);
        assert!(attempts.wait(guesser).is_some());
        tokio::time::advance(BURST).await;
        assert_eq!(attempts.wait(guesser), None);
    }
}
