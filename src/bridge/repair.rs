//! Repair: reads as the bot what the homeserver's push may have lost, and wakes a push that sleeps.
//!
//! At start, every minute, and as soon as a homeserver that went away is back. A request that the homeserver holds open
//! notices its death at once. Everything goes through the same door as push and is known by event id.

use std::{sync::Arc, time::Duration};

use super::{Error, Inner, ghosts, rooms};
use crate::{matrix::Repair, model::Timestamp};

/// Pause before the next attempt while the homeserver does not answer.
const TROUBLE: Duration = Duration::from_millis(500);
/// Pause before the next attempt to wake a push that does not reach us; meanwhile every repair brings what it would.
const UNREACHABLE: Duration = Duration::from_secs(3);
/// How long event ids are remembered. Push and repair never show anything older.
const REMEMBER_DAYS: i64 = 30;

/// Starts the loop.
pub(super) fn start(bridge: &Arc<Inner>) {
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        tokio::select! {
            () = run(&bridge) => {}
            () = bridge.stop.cancelled() => {}
        }
    });
}

async fn run(bridge: &Arc<Inner>) {
    let repair = Repair::new(bridge.homeserver.clone());
    let every = Duration::from_secs(bridge.config.repair_every.into());
    let (mut away, mut push) = (true, Push::Asleep);
    loop {
        match once(bridge, &repair).await {
            Ok(repaired) => {
                if away {
                    tracing::info!(found = repaired.found, "the homeserver answers");
                }
                away = false;
                push = wake(&repair, push).await;
                let pause = match push {
                    Push::Awake => every,
                    Push::Asleep | Push::Unreachable => every.min(UNREACHABLE),
                };
                // The held request ends with an error the moment the homeserver dies.
                tokio::select! {
                    outcome = repair.watch(&repaired.next), if push == Push::Awake => {
                        if outcome.is_err() {
                            push = Push::Asleep;
                        }
                    }
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Err(error) => {
                if !away {
                    tracing::warn!(%error, "the homeserver does not answer");
                }
                (away, push) = (true, Push::Asleep);
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

/// Whether the homeserver pushes to us, as far as we know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    Awake,
    /// It may hold back what it has.
    Asleep,
    /// We told it to push and it did not reach us.
    Unreachable,
}

/// Wakes a push that is not known to be awake. What it does not bring meanwhile comes by repair.
async fn wake(repair: &Repair, push: Push) -> Push {
    if push == Push::Awake {
        return push;
    }
    match repair.wake().await {
        Ok(_) => {
            if push == Push::Unreachable {
                tracing::info!("the homeserver reaches us again");
            }
            Push::Awake
        }
        Err(error) => {
            if push == Push::Asleep {
                tracing::warn!(%error, "the homeserver cannot reach us; check the url in the registration");
            }
            Push::Unreachable
        }
    }
}

struct Repaired {
    /// Where it read up to.
    next: String,
    /// How many events were shown, known ones too.
    found: usize,
}

/// One repair.
async fn once(bridge: &Arc<Inner>, repair: &Repair) -> Result<Repaired, Error> {
    let bot = bridge.homeserver.names().bot();
    ghosts::account(bridge, bot)
        .await
        .map_err(|error| Error::Internal(Box::new(error)))?;
    let since = bridge.store.read().await?.sync_token().await?;
    let repaired = repair.sync(since.as_deref()).await?;
    let found = repaired.events.len();
    rooms::accept(bridge, repaired.invites).await?;
    rooms::accept(bridge, repaired.events).await?;
    let now = bridge.clock().now();
    let mut tx = bridge.store.begin().await?;
    tx.set_sync_token(&repaired.next).await?;
    tx.forget_events_before(Timestamp::from_millis(now.millis() - REMEMBER_DAYS * 86_400_000))
        .await?;
    tx.commit().await?;
    Ok(Repaired {
        next: repaired.next,
        found,
    })
}
