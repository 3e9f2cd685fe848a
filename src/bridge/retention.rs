//! How long the content of messages is kept, and what was given up: a job that comes back every day erases what is too old.
//!
//! Deliberately not here: what is erased because somebody took it back; whoever does that erases it.

use super::{Error, Inner, error::Failure, history::DAY, worker::Desk};
use crate::model::{Lane, Work};

/// How many messages are erased in one transaction.
const AT_ONCE: u32 = 500;

/// Promises the first round, where not all is kept for ever.
pub(super) async fn begin(bridge: &Inner) -> Result<(), Error> {
    let now = bridge.clock().now();
    if bridge
        .config
        .kept_since(now)
        .or(bridge.config.failed_since(now))
        .is_none()
    {
        return Ok(());
    }
    let mut tx = bridge.store.begin().await?;
    let (lane, work) = (Lane::house(), Work::Forget);
    // How long is kept what may have been set anew: a round that waits for tomorrow comes now.
    if !tx.hasten_jobs(&lane, work.kind()).await? {
        tx.push_job(&lane, &work, now).await?;
    }
    Ok(tx.commit().await?)
}

/// Does a job of kind `forget`, and promises the next round.
pub(super) async fn forget(desk: &Desk<'_>) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let now = bridge.clock().now();
    let (kept_since, failed_since) = (bridge.config.kept_since(now), bridge.config.failed_since(now));
    if kept_since.or(failed_since).is_none() {
        return desk.done().await;
    }
    while let Some(since) = kept_since {
        let mut tx = bridge.store.begin().await?;
        let erased = tx.erase_older(since, AT_ONCE).await?;
        tx.commit().await?;
        if erased == 0 {
            break;
        }
    }
    let mut tx = bridge.store.begin().await?;
    if let Some(since) = failed_since {
        tx.forget_buried(since).await?;
    }
    tx.push_job(&Lane::house(), &Work::Forget, now.plus_millis(DAY)).await?;
    desk.finish(tx).await
}
