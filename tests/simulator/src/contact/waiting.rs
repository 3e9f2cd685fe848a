//! Waiting for a message without polling: wakes at every step of the simulator.
//!
//! Called by `Contact` and `Phone`. Each message is looked at once, so waiting in a long test stays cheap.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::Received;
use crate::server::state::Shared;

/// The first message, old or new, that is the one.
pub(crate) async fn for_message(
    shared: &Shared,
    number: &str,
    is_it: impl Fn(&Received) -> bool,
    patience: Duration,
) -> anyhow::Result<Received> {
    let mut changes = shared.changes();
    let mut looked_at = 0;
    let search = async {
        loop {
            changes.borrow_and_update();
            let news: Vec<Arc<Received>> = shared.look(|state| {
                state
                    .person(number)
                    .map(|person| person.inbox.read_since(looked_at).to_vec())
                    .unwrap_or_default()
            });
            looked_at += news.len();
            if let Some(found) = news.into_iter().find(|received| is_it(received)) {
                return Ok((*found).clone());
            }
            changes.changed().await.context("the simulator ended")?;
        }
    };
    tokio::time::timeout(patience, search)
        .await
        .with_context(|| format!("no such message within {patience:?}"))?
}

/// Waits until something holds.
pub(crate) async fn until(shared: &Shared, holds: impl Fn() -> bool, patience: Duration) -> anyhow::Result<()> {
    let mut changes = shared.changes();
    let search = async {
        loop {
            changes.borrow_and_update();
            if holds() {
                return Ok(());
            }
            changes.changed().await.context("the simulator ended")?;
        }
    };
    tokio::time::timeout(patience, search)
        .await
        .with_context(|| format!("it did not come true within {patience:?}"))?
}
