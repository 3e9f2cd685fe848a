//! Claims lanes and does their jobs: in order within a lane, lanes side by side. A job that fails for a while waits
//! and holds its lane; one that fails for good is buried and whoever waits for it is told.
//!
//! Deliberately not here: what a job does. Each kind has its own file and finishes its job in the same transaction as
//! its effect.

use std::{sync::Arc, time::Duration};

use rand::RngExt as _;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::Instrument as _;

use super::{
    Inner, abandon, accounts, chat_changes, chat_marks, contacts, error::Failure, faces, groups, history, incoming,
    links, members, moving, new_chats, notify, older, outgoing, pins, reads, retention, retire, sending, timers,
};
use crate::{
    model::{Job, Outgoing, Work},
    store::{Claim, DeliveryState, Tx},
};

/// How many jobs of a lane one claim takes.
const BATCH: u32 = 10;
/// How long an idle worker sleeps when nobody wakes it: the safety net under the notification.
const IDLE: Duration = Duration::from_secs(1);
/// The shortest such sleep: somebody else may have the lane that is due.
const SHORTEST: Duration = Duration::from_millis(50);
/// How long after the start nothing is given up yet.
const SETTLING: Duration = Duration::from_mins(10);
/// How often a worker renews its locks, which are good for a minute.
const RENEW: Duration = Duration::from_secs(20);
/// First and longest pause after a failure.
const FIRST_PAUSE: i64 = 250;
const LONGEST_PAUSE: i64 = 5_000;

/// Starts the workers.
pub(super) fn start(bridge: &Arc<Inner>) {
    for number in 0..bridge.config.workers {
        let bridge = Arc::clone(bridge);
        let name = format!("{}-{number}", uuid::Uuid::now_v7());
        bridge.tasks.clone().spawn(async move { run(&bridge, &name).await });
    }
}

async fn run(bridge: &Arc<Inner>, worker: &str) {
    while !bridge.stop.is_cancelled() {
        let woken = bridge.store.job_pushed().notified();
        match bridge.store.claim(worker, BATCH).await {
            Ok(Some(claim)) => work_off(bridge, worker, claim).await,
            Ok(None) => {
                let pause = until_next(bridge).await;
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(pause) => {}
                    () = bridge.stop.cancelled() => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "jobs cannot be claimed");
                tokio::time::sleep(IDLE).await;
            }
        }
    }
}

/// How long nothing will be due, at most [`IDLE`].
async fn until_next(bridge: &Inner) -> Duration {
    let next = async { bridge.store.read().await?.next_due().await };
    let Ok(Some(next)) = next.await else { return IDLE };
    let wait = next.millis().saturating_sub(bridge.clock().now().millis());
    u64::try_from(wait).map_or(SHORTEST, |wait| Duration::from_millis(wait).clamp(SHORTEST, IDLE))
}

/// Does the jobs of a claim one after the other; stops at the first that fails, and when we are told to stop.
async fn work_off(bridge: &Arc<Inner>, worker: &str, claim: Claim) {
    // Counts through the whole claim: many short jobs take as long as one long job.
    let mut renewal = tokio::time::interval_at(Instant::now() + RENEW, RENEW);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jobs = claim.jobs.iter();
    while let Some(job) = jobs.next() {
        let span = tracing::info_span!(
            "job",
            job.kind = job.work.kind(),
            job.lane = job.lane.kind(),
            job.id = job.id.0
        );
        let desk = Desk { bridge, worker, job };
        let outcome = desk.perform(&claim, &mut renewal).instrument(span.clone()).await;
        let failed = match outcome {
            Ok(()) => false,
            Err(Failure::LostLock) => return,
            Err(failure) => {
                desk.settle(failure).instrument(span).await;
                true
            }
        };
        if failed || bridge.stop.is_cancelled() {
            let rest: Vec<_> = jobs.map(|job| job.id).collect();
            if !rest.is_empty()
                && let Err(error) = release(bridge, worker, &rest).await
            {
                tracing::error!(%error, "jobs could not be given back; they come back by themselves");
            }
            return;
        }
    }
}

async fn release(bridge: &Inner, worker: &str, jobs: &[crate::model::JobId]) -> Result<(), crate::store::Error> {
    let mut tx = bridge.store.begin().await?;
    tx.release_jobs(jobs, worker).await?;
    tx.commit().await
}

/// One job on the desk of one worker.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) bridge: &'a Arc<Inner>,
    worker: &'a str,
    pub(super) job: &'a Job,
}

impl Desk<'_> {
    /// Finishes the job in the transaction that holds its effect, and commits both.
    pub(super) async fn finish(&self, mut tx: Tx) -> Result<(), Failure> {
        if !tx.finish_job(self.job.id, self.worker).await? {
            return Err(Failure::LostLock);
        }
        tx.commit().await?;
        Ok(())
    }

    /// Finishes a job without any further effect.
    pub(super) async fn done(&self) -> Result<(), Failure> {
        let tx = self.bridge.store.begin().await?;
        self.finish(tx).await
    }

    /// Does the job and renews the locks of its claim meanwhile.
    async fn perform(&self, claim: &Claim, renewal: &mut Interval) -> Result<(), Failure> {
        let work = self.dispatch();
        tokio::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                _ = renewal.tick() => {
                    if !self.bridge.store.renew(claim).await? {
                        return Err(Failure::LostLock);
                    }
                }
            }
        }
    }

    async fn dispatch(&self) -> Result<(), Failure> {
        match self.do_it().await {
            Err(Failure::Never(why)) => Err(moving::second_thoughts(self, why).await),
            other => other,
        }
    }

    async fn do_it(&self) -> Result<(), Failure> {
        match &self.job.work {
            Work::Incoming(event) => Box::pin(incoming::show(self, event)).await,
            Work::FromMatrix(event) => Box::pin(outgoing::take(self, event)).await,
            Work::Resolve(outgoing) => sending::resolve(self, outgoing).await,
            Work::Send { chat, outgoing } => Box::pin(sending::send(self, chat, outgoing)).await,
            Work::BeginChat(new) => new_chats::begin(self, new).await,
            Work::Deliver(delivery) => notify::deliver(self, delivery).await,
            Work::Notice { room, about, text } => outgoing::notice(self, room, about, text).await,
            Work::Status { room, event, failed } => outgoing::status(self, room, event, failed.as_deref()).await,
            Work::Expire { portal, message } => incoming::expire(self, portal, message).await,
            Work::ClosePoll { portal, poll, at } => incoming::close_poll(self, portal, poll, *at).await,
            Work::Unpin { portal, message, until } => pins::end(self, portal, message, *until).await,
            Work::ShowTimer { portal } => timers::show(self, portal).await,
            Work::Fetch { portal, message } => incoming::fetch(self, portal, message).await,
            Work::ShowRead { portal, contact } => reads::show(self, portal, contact).await,
            Work::TellRead { portal, event, quietly } => reads::tell(self, portal, event, *quietly).await,
            Work::ReadElsewhere { device, chat, messages } => {
                reads::elsewhere(self, *device, chat.as_ref(), messages).await
            }
            Work::CompareGroups { device } => groups::compare_all(self, *device).await,
            Work::SyncContacts { device } => contacts::sync(self, *device).await,
            Work::LookAtGroup { portal } => groups::look(self, portal).await,
            Work::Gather { portal } => groups::gather(self, portal).await,
            Work::Furnish { portal, by } => groups::furnish(self, portal, by.as_ref()).await,
            Work::History { device, part, from } => history::store(self, *device, part, *from).await,
            Work::OpenChats { device } => history::open_chats(self, *device).await,
            Work::Place { portal, kind } => incoming::open(self, portal, *kind).await,
            Work::Older(wish) => older::show(self, wish).await,
            Work::Forget => retention::forget(self).await,
            Work::ShowOwnRead { portal, at } => reads::show_own(self, portal, *at).await,
            Work::Change(change) => chat_changes::tell(self, change).await,
            Work::ShowMarks { portal } => chat_marks::show(self, portal).await,
            Work::TellMarks { portal } => accounts::tell_marks(self, portal).await,
            Work::LookAt { device, contact } => faces::look_at(self, *device, contact).await,
            Work::Abandon { room } => abandon::room(self, room).await,
            Work::RetireIdentity { identity } => retire::identity(self, *identity).await,
            Work::Admit { identity, user } => members::admit(self, *identity, user).await,
            Work::Part { identity, user } => members::part(self, *identity, user).await,
            Work::TellLink { device } => links::tell(self, *device).await,
            Work::Unlink { device } => retire::device(self, *device).await,
        }
    }

    /// Writes down that the job failed: later again, or never.
    async fn settle(&self, failure: Failure) {
        let outcome = match failure {
            Failure::Later { why, after } if !self.out_of_patience() => {
                if self.job.attempts == 0 {
                    tracing::warn!(why, "a job must wait");
                }
                self.postpone(&why, after).await
            }
            Failure::Later { why, .. } | Failure::Never(why) => self.give_up(&why).await,
            Failure::Turn(after) => self.postpone("others are before it", Some(after)).await,
            Failure::LostLock => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "a failed job could not be written down; its lock runs out");
        }
    }

    async fn postpone(&self, why: &str, after: Option<Duration>) -> Result<(), Failure> {
        let pause = match (&self.job.work, after) {
            (Work::Deliver(delivery), after) => match notify::next_attempt(self, delivery, after) {
                Some(pause) => pause,
                None => return self.give_up(why).await,
            },
            (_, Some(after)) => i64::try_from(after.as_millis()).unwrap_or(LONGEST_PAUSE),
            (_, None) => pause(self.job.attempts),
        };
        let mut tx = self.bridge.store.begin().await?;
        let run_at = self.bridge.clock().now().plus_millis(pause);
        if !tx.retry_job(self.job.id, self.worker, run_at, why).await? {
            return Err(Failure::LostLock);
        }
        if let Work::Deliver(delivery) = &self.job.work {
            tx.delivery_waits(delivery.id, why, run_at).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn out_of_patience(&self) -> bool {
        let patience = match &self.job.work {
            // The schedule of deliveries has its own end.
            // What shall disappear does, however long it takes, and what shall end: polls and pins.
            // History is stored however long a device is away, and chats are opened however many there are.
            Work::Deliver(_)
            | Work::Expire { .. }
            | Work::ClosePoll { .. }
            | Work::Unpin { .. }
            | Work::History { .. }
            | Work::OpenChats { .. }
            | Work::Forget => return false,
            Work::Incoming(_)
            | Work::Fetch { .. }
            | Work::ShowRead { .. }
            | Work::ReadElsewhere { .. }
            | Work::CompareGroups { .. }
            | Work::LookAtGroup { .. }
            | Work::Gather { .. }
            | Work::Furnish { .. }
            | Work::Place { .. }
            | Work::ShowOwnRead { .. }
            | Work::ShowTimer { .. }
            | Work::ShowMarks { .. } => self.bridge.config.incoming_patience(),
            Work::FromMatrix(_)
            | Work::Resolve(_)
            | Work::BeginChat(_)
            | Work::Send { .. }
            | Work::TellRead { .. }
            | Work::TellMarks { .. }
            | Work::Change(_)
            | Work::LookAt { .. }
            | Work::SyncContacts { .. }
            | Work::Notice { .. }
            | Work::Status { .. }
            | Work::Older(_)
            | Work::Abandon { .. }
            | Work::RetireIdentity { .. }
            | Work::TellLink { .. }
            | Work::Admit { .. }
            | Work::Part { .. }
            | Work::Unlink { .. } => self.bridge.config.outgoing_patience(),
        };
        // Whoever was switched off for days tries first: connections need their time to stand again.
        self.waited() > patience && self.bridge.started.elapsed() > patience.min(SETTLING)
    }

    /// How long ago the job was promised.
    pub(super) fn waited(&self) -> Duration {
        let waited = self.bridge.clock().now().millis() - self.job.created_at.millis();
        Duration::from_millis(waited.try_into().unwrap_or_default())
    }

    async fn give_up(&self, why: &str) -> Result<(), Failure> {
        tracing::error!(why, "a job is given up");
        metrics::counter!("wharf_jobs_buried_total", "kind" => self.job.work.kind()).increment(1);
        let mut tx = self.bridge.store.begin().await?;
        let unsent = match self.leave_behind(&mut tx, why).await {
            Ok(unsent) => unsent,
            Err(Failure::Never(error)) => {
                tracing::error!(error, "what a job leaves behind cannot be written down");
                // It must go all the same: it holds its lane.
                drop(tx);
                tx = self.bridge.store.begin().await?;
                None
            }
            Err(other) => return Err(other),
        };
        if !tx.bury_job(self.job.id, self.worker, why).await? {
            return Err(Failure::LostLock);
        }
        tx.commit().await?;
        if let Some(outgoing) = unsent {
            sending::tell_failure(self.bridge, outgoing, why).await;
        }
        if let Work::BeginChat(_) = &self.job.work {
            self.bridge.opened.notify_waiters();
        }
        Ok(())
    }

    /// Writes down what remains of a job that is given up; what was to be sent and did not leave at all is answered.
    async fn leave_behind(&self, tx: &mut Tx, why: &str) -> Result<Option<&Outgoing>, Failure> {
        match &self.job.work {
            Work::Incoming(event) => incoming::given_up(tx, self, event).await?,
            Work::FromMatrix(event) => outgoing::given_up(tx, self, event, why).await?,
            Work::BeginChat(new) => new_chats::given_up(tx, new).await?,
            Work::Resolve(outgoing) | Work::Send { outgoing, .. } => {
                let is_sent = sending::given_up(tx, self.bridge, outgoing, why).await?;
                return Ok(Some(outgoing).filter(|_| !is_sent));
            }
            Work::Change(change) => chat_changes::given_up(tx, self.bridge, change, why).await?,
            Work::Place { portal, .. } => history::given_up(tx, portal).await?,
            Work::Fetch { portal, message } => incoming::fetch_given_up(tx, self, portal, message).await?,
            Work::Deliver(delivery) => {
                let key = (delivery.id, delivery.webhook);
                tx.delivery_ends(key, DeliveryState::Failed, Some(why)).await?;
            }
            Work::History { .. }
            | Work::OpenChats { .. }
            | Work::Older(_)
            | Work::Forget
            | Work::Notice { .. }
            | Work::Status { .. }
            | Work::Expire { .. }
            | Work::ClosePoll { .. }
            | Work::Unpin { .. }
            | Work::ShowTimer { .. }
            | Work::ShowRead { .. }
            | Work::TellRead { .. }
            | Work::ReadElsewhere { .. }
            | Work::CompareGroups { .. }
            | Work::LookAtGroup { .. }
            | Work::Gather { .. }
            | Work::Furnish { .. }
            | Work::ShowOwnRead { .. }
            | Work::ShowMarks { .. }
            | Work::TellMarks { .. }
            | Work::LookAt { .. }
            | Work::SyncContacts { .. }
            | Work::Abandon { .. }
            | Work::RetireIdentity { .. }
            | Work::TellLink { .. }
            | Work::Admit { .. }
            | Work::Part { .. }
            | Work::Unlink { .. } => {}
        }
        Ok(None)
    }
}

/// Doubles from the first pause to the longest, with a fifth of chance in it.
fn pause(attempts: u32) -> i64 {
    let base = FIRST_PAUSE.saturating_mul(1_i64 << attempts.min(10)).min(LONGEST_PAUSE);
    let spread = base / 5;
    base + rand::rng().random_range(-spread..=spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_never_overflow() {
        assert!((200..=300).contains(&pause(0)));
        for attempts in [5, 31, u32::MAX] {
            assert!((4_000..=6_000).contains(&pause(attempts)), "{attempts}");
        }
    }
}
