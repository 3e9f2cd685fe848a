//! How large files may be: the homeserver is asked at start and every hour, so that the first large file does not wait
//! for the answer, and a changed setting is noticed. Networks tell their devices: that is asked in the room `network`.

use std::{sync::Arc, time::Duration};

use super::Inner;
use crate::model::in_units;

/// How often the homeserver is asked.
const EVERY: Duration = Duration::from_hours(1);
/// How soon it is asked again when it did not answer.
const TROUBLE: Duration = Duration::from_secs(30);

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

async fn run(bridge: &Inner) {
    let mut told = None;
    loop {
        let pause = match bridge.homeserver.ask_upload_limit().await {
            Ok(limit) => {
                if told != Some(limit) {
                    let limit = limit.map_or_else(|| "no limit".into(), in_units);
                    tracing::info!(limit, "the homeserver takes files up to this");
                }
                told = Some(limit);
                EVERY
            }
            Err(error) => {
                tracing::debug!(%error, "the homeserver was not asked how large files may be");
                TROUBLE
            }
        };
        tokio::time::sleep(pause).await;
    }
}
