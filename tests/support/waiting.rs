//! Waiting for a thing with a deadline.

use std::{future::Future, time::Duration};

/// How long anything may take that is not said to take longer.
pub const SOON: Duration = Duration::from_mins(1);

/// Looks until `look` finds something; panics with `what` when it takes too long.
pub async fn eventually<T, F>(what: &str, deadline: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let mut ticks = tokio::time::interval(Duration::from_millis(25));
    let looking = async {
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    let Ok(found) = tokio::time::timeout(deadline, looking).await else {
        panic!("{what}: not within {deadline:?}")
    };
    found
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    eventually(what, SOON, || async { holds().then_some(()) }).await;
}
