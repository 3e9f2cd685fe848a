//! Claiming: how many workers share the lanes, and each lane keeps its order.
//!
//! Invariants: at most one worker has live locks in a lane; the jobs it has are the first of their lane, without a
//! gap. A lock ends after a minute unless it is renewed, so that the jobs of a dead worker come back.
//!
//! SQLite has one writer, so claims follow each other. On PostgreSQL two claimers may look at the same lane with
//! different pictures of it, since a job may appear *before* one that is visible already (a transaction that got its
//! row number first may commit last). So the claimer that wins the lock on the name of the lane looks again, with a
//! picture taken after everybody who had that lock before, and gives up when it is no longer what it saw.

use sqlx::any::AnyRow;

use super::{
    Error, Store, Tx,
    types::{Columns, text},
};
use crate::model::{Job, JobId, Lane, Timestamp};

/// How long a lock holds.
const LOCK_MILLIS: i64 = 60_000;
/// How often to look again when others were faster.
const ROUNDS: u32 = 16;

/// The next jobs of a lane, locked for one worker.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Whose they are.
    pub(crate) worker: String,
    /// Their lane.
    pub(crate) lane: Lane,
    /// The jobs, in order; never empty.
    pub(crate) jobs: Vec<Job>,
}

/// What became of an attempt to claim a lane.
pub(super) enum Attempt {
    /// These jobs are this worker's, once it commits.
    Claimed(Claim),
    /// The first job cannot be read: it was put aside, and others may follow.
    Buried,
    /// Somebody else is, or was, at this lane.
    Lost,
}

impl Store {
    /// Claims the next jobs, at most `limit`, of the lane whose first job is due longest, for one minute. `worker` is a
    /// name that no other loop has.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn claim(&self, worker: &str, limit: u32) -> Result<Option<Claim>, Error> {
        for _ in 0..ROUNDS {
            let now = self.clock().now();
            // A look that no writer waits for: most of the time there is nothing to do.
            if !self.read().await?.has_claimable(now).await? {
                return Ok(None);
            }
            let mut tx = self.begin().await?;
            let Some((head, lane)) = tx.find_claimable(now).await? else {
                return Ok(None);
            };
            match tx.claim_lane(head, lane, worker, limit.max(1), now).await? {
                Attempt::Claimed(claim) => {
                    tx.commit().await?;
                    // Other lanes may wait too, and a notice wakes one worker only.
                    self.job_pushed().notify_one();
                    return Ok(Some(claim));
                }
                Attempt::Buried => tx.commit().await?,
                Attempt::Lost => drop(tx),
            }
        }
        Ok(None)
    }

    /// Holds the locks of a claim for another minute. `false`: they went to somebody else; stop.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn renew(&self, claim: &Claim) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let (Some(first), Some(last)) = (claim.jobs.first(), claim.jobs.last()) else {
            return Ok(false);
        };
        let query = sqlx::query(
            "update jobs set locked_until = $1 where lane = $2 and id >= $3 and id <= $4 and locked_by = $5",
        )
        .bind(tx.now().plus_millis(LOCK_MILLIS).millis())
        .bind(text(claim.lane.as_str()))
        .bind(first.id.0)
        .bind(last.id.0)
        .bind(text(&claim.worker));
        let renewed = tx.execute(query).await?;
        tx.commit().await?;
        Ok(renewed > 0)
    }

    /// Ends all locks: at start, a dead predecessor's do not hold us up for a minute. The attempt it died in counts.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn release_all_locks(&self) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        tx.execute(sqlx::query(
            "update jobs set attempts = attempts + 1 where locked_by is not null \
             and not exists (select 1 from jobs e where e.lane = jobs.lane and e.id < jobs.id)",
        ))
        .await?;
        let released = tx
            .execute(sqlx::query(
                "update jobs set locked_by = null, locked_until = null where locked_by is not null",
            ))
            .await?;
        tx.wake_workers();
        tx.commit().await?;
        Ok(released)
    }
}

impl Tx {
    async fn has_claimable(&mut self, now: Timestamp) -> Result<bool, Error> {
        let query = sqlx::query(super::engine::CLAIMABLE).bind(now.millis());
        Ok(self.row(query).await?.is_some())
    }

    /// The first job that could be claimed, and its lane.
    pub(super) async fn find_claimable(&mut self, now: Timestamp) -> Result<Option<(JobId, Lane)>, Error> {
        let query = sqlx::query(self.kind.claimable()).bind(now.millis());
        let row = self.row(query).await?;
        row.map(|row| {
            let row = Columns::new(&row, "jobs", "id");
            Ok((JobId(row.int("id")?), Lane::stored(row.text("lane")?)))
        })
        .transpose()
    }

    /// Locks the next jobs of a lane whose first one was found to be `head`.
    pub(super) async fn claim_lane(
        &mut self,
        head: JobId,
        lane: Lane,
        worker: &str,
        limit: u32,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        if !self.try_lock(&format!("lane {}", lane.as_str())).await? {
            return Ok(Attempt::Lost);
        }
        let rows = self.look_again(&lane, limit, now).await?;
        let Some(first) = rows.first().map(|row| Columns::new(row, "jobs", "id")) else {
            return Ok(Attempt::Lost);
        };
        if first.int("id")? != head.0 || first.int("locks")? != 0 {
            return Ok(Attempt::Lost);
        }
        let died = first.int("died")? == 1;
        let mut jobs: Vec<Job> = Vec::new();
        for row in &rows {
            if Columns::new(row, "jobs", "id").time("run_at")? > now {
                break;
            }
            match read(row, &lane) {
                Ok(mut job) => {
                    if jobs.is_empty() && died {
                        job.attempts = job.attempts.saturating_add(1);
                    }
                    jobs.push(job);
                }
                Err(_) if !jobs.is_empty() => break,
                Err(error) => {
                    tracing::error!(job.id = head.0, job.lane = lane.kind(), %error, "a job cannot be read: buried");
                    let why = sqlx::query("update jobs set last_error = $2 where id = $1")
                        .bind(head.0)
                        .bind(error.to_string());
                    self.execute(why).await?;
                    self.move_to_buried(head).await?;
                    return Ok(Attempt::Buried);
                }
            }
        }
        let claim = Claim {
            worker: worker.to_owned(),
            lane,
            jobs,
        };
        Ok(if self.lock_jobs(&claim, now).await? {
            Attempt::Claimed(claim)
        } else {
            Attempt::Lost
        })
    }

    async fn look_again(&mut self, lane: &Lane, limit: u32, now: Timestamp) -> Result<Vec<AnyRow>, Error> {
        let query = sqlx::query(
            "select id, payload, attempts, run_at, created_at, case when locked_by is null then 0 else 1 end as died, \
             (select count(*) from jobs l where l.lane = $1 and l.locked_until > $3) as locks \
             from jobs where lane = $1 order by id limit $2",
        )
        .bind(text(lane.as_str()))
        .bind(i64::from(limit))
        .bind(now.millis());
        self.rows(query).await
    }

    /// Writes the locks; `false` when the lane changed under our hands.
    async fn lock_jobs(&mut self, claim: &Claim, now: Timestamp) -> Result<bool, Error> {
        let (Some(first), Some(last)) = (claim.jobs.first(), claim.jobs.last()) else {
            return Ok(false);
        };
        // The lock of a dead worker is still on its jobs: the first of them is the one it died in.
        let query = sqlx::query(
            "update jobs set attempts = attempts + case when id = $3 and locked_by is not null then 1 else 0 end, \
             locked_by = $1, locked_until = $2 \
             where lane = $5 and id >= $3 and id <= $4 and (locked_until is null or locked_until <= $6)",
        )
        .bind(text(&claim.worker))
        .bind(now.plus_millis(LOCK_MILLIS).millis())
        .bind(first.id.0)
        .bind(last.id.0)
        .bind(text(claim.lane.as_str()))
        .bind(now.millis());
        let locked = self.execute(query).await?;
        let rest = sqlx::query(
            "update jobs set locked_by = null, locked_until = null \
             where lane = $1 and id > $2 and locked_by is not null",
        )
        .bind(text(claim.lane.as_str()))
        .bind(last.id.0);
        self.execute(rest).await?;
        Ok(u64::try_from(claim.jobs.len()).is_ok_and(|expected| expected == locked))
    }
}

fn read(row: &AnyRow, lane: &Lane) -> Result<Job, Error> {
    let row = Columns::new(row, "jobs", "id");
    let attempts = row.int("attempts")?;
    Ok(Job {
        id: JobId(row.int("id")?),
        lane: lane.clone(),
        attempts: u32::try_from(attempts).map_err(|_| row.corrupt("attempts"))?,
        created_at: row.time("created_at")?,
        work: row.json("payload")?,
    })
}
