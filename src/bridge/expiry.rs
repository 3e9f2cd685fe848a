//! Messages that disappear: a promise for each, kept however long we were away.

use super::error::Failure;
use crate::{
    model::{Lane, MessageRef, PortalKey, Timestamp, Work},
    store::Tx,
};

/// Promises to take a message away so many seconds after it was said.
pub(super) async fn promise(
    tx: &mut Tx,
    portal: &PortalKey,
    message: MessageRef,
    said_at: Timestamp,
    seconds: u32,
) -> Result<(), Failure> {
    let lane = Lane::expiry(portal, &message.id);
    let due = said_at.plus_millis(i64::from(seconds) * 1000);
    let work = Work::Expire {
        portal: portal.clone(),
        message,
    };
    tx.push_job(&lane, &work, due).await?;
    Ok(())
}
