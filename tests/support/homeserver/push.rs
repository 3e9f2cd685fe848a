//! Pushing to the application service: one transaction at a time, the same again until it is acknowledged, with pauses
//! that double from two seconds to 512; a good ping cuts the pause short.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Homeserver, state::State};

/// How long Synapse waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const LARGEST: usize = 100;
/// The longest pause in seconds.
const LONGEST: u64 = 512;

/// What is to be pushed, and what was.
#[derive(Default)]
pub(super) struct Push {
    /// Not in a transaction yet: a crash forgets these.
    pub(super) events: Vec<Value>,
    pub(super) ephemeral: Vec<Value>,
    pub(super) acknowledged: Vec<(u64, Value)>,
    in_flight: Option<(u64, Value)>,
    /// Written down before a crash; sent again once something else was sent.
    stored: Option<(u64, Value)>,
    last: u64,
    retry: Retry,
}

/// How long to wait before the transaction is tried again.
#[derive(Clone, Copy, Default)]
pub(super) enum Retry {
    /// All is well.
    #[default]
    No,
    /// So many seconds.
    After(u64),
}

impl Push {
    pub(super) fn is_idle(&self) -> bool {
        self.events.is_empty() && self.in_flight.is_none() && self.stored.is_none()
    }

    pub(super) fn is_backing_off(&self) -> bool {
        matches!(self.retry, Retry::After(_))
    }

    /// As after many attempts: the next that fails makes the longest pause.
    pub(super) fn failed_often(&mut self) {
        self.retry = Retry::After(LONGEST / 2);
    }

    /// Whether it waits as long as it ever does.
    pub(super) fn waits_longest(&self) -> bool {
        matches!(self.retry, Retry::After(LONGEST))
    }

    /// A good ping: the pause is over.
    pub(super) fn pinged(&mut self) {
        self.retry = Retry::No;
    }

    pub(super) fn crash(&mut self) {
        self.events.clear();
        self.ephemeral.clear();
        self.stored = self.in_flight.take().or(self.stored.take());
        self.last = self.stored.as_ref().map_or(0, |(id, _)| *id);
        self.retry = Retry::No;
    }

    /// The transaction to send now.
    fn next(&mut self) -> Option<(u64, Value)> {
        if self.in_flight.is_none() && !(self.events.is_empty() && self.ephemeral.is_empty()) {
            self.last += 1;
            let events: Vec<_> = self.events.drain(..self.events.len().min(LARGEST)).collect();
            let ephemeral: Vec<_> = self.ephemeral.drain(..self.ephemeral.len().min(LARGEST)).collect();
            let body = json!({
                "events": events, "ephemeral": ephemeral, "de.sorunome.msc2409.ephemeral": ephemeral,
                "de.sorunome.msc2409.to_device": [], "org.matrix.msc3202.device_lists": {"changed": [], "left": []},
            });
            self.in_flight = Some((self.last, body));
        }
        self.in_flight.clone()
    }

    fn done(&mut self, ok: bool) {
        if ok {
            self.acknowledged.extend(self.in_flight.take());
            self.in_flight = self.stored.take();
            self.retry = Retry::No;
        } else if let Retry::After(seconds) = self.retry {
            self.retry = Retry::After((seconds * 2).min(LONGEST));
        } else {
            self.retry = Retry::After(2);
        }
    }
}

/// Pushes as long as there is anything, then waits for a change.
pub(super) async fn run(homeserver: Homeserver) {
    let mut changes = homeserver.0.changes.subscribe();
    loop {
        changes.mark_unchanged();
        let next = {
            let mut state = homeserver.lock();
            if state.faults.down { None } else { state.push.next() }
        };
        let Some((id, body)) = next else {
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        let status = if homeserver.look(|state| state.faults.cannot_reach_service) {
            None
        } else {
            once(&homeserver, id, &body).await
        };
        // It may have been killed while it waited: then this transaction is no longer in flight.
        let pause = homeserver.change(|state| {
            let is_current = state.push.in_flight.as_ref().is_some_and(|(current, _)| *current == id);
            if is_current {
                state.push.done(status == Some(200));
            }
            state.push.retry
        });
        wait(&homeserver, pause, &mut changes).await;
    }
}

/// Waits for the pause to end, or to be cut short.
async fn wait(homeserver: &Homeserver, pause: Retry, changes: &mut watch::Receiver<u64>) {
    let Retry::After(seconds) = pause else { return };
    let over = async {
        while homeserver.look(|state: &State| state.push.is_backing_off()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // No answer in time and a pause that is over come to the same.
    let _ = tokio::time::timeout(Duration::from_secs(seconds), over).await;
}

/// One attempt; `None` without an answer.
pub(super) async fn once(homeserver: &Homeserver, id: u64, body: &Value) -> Option<u16> {
    let (url, token) = homeserver.look(|state| {
        let service = state.listener();
        (service.url.clone().unwrap_or_default(), service.hs_token.clone())
    });
    let request = homeserver.0.http.put(format!("{url}/_matrix/app/v1/transactions/{id}"));
    let answer = request.bearer_auth(token).json(body).send().await.ok()?;
    let status = answer.status().as_u16();
    answer.bytes().await.ok()?;
    Some(status)
}
