//! Jobs in their lanes: push, finish, retry, bury, count. Claiming is in `claims.rs`.
//!
//! A worker that was away for too long may have lost its lock, and then the job is another's: whatever a worker does to
//! a job that it claimed happens only while it has the lock.

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{JobId, Lane, SendId, Timestamp, Work};

impl Tx {
    /// Promises to do something, not before `run_at`.
    pub(crate) async fn push_job(&mut self, lane: &Lane, work: &Work, run_at: Timestamp) -> Result<JobId, Error> {
        let payload = serde_json::to_string(work).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let query = sqlx::query(
            "insert into jobs (lane, lane_kind, kind, payload, attempts, run_at, created_at) \
             values ($1, $2, $3, $4, 0, $5, $6) returning id",
        )
        .bind(text(lane.as_str()))
        .bind(text(lane.kind()))
        .bind(work.kind())
        .bind(payload)
        .bind(run_at.millis())
        .bind(self.now().millis());
        let row = self.row(query).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.wake_workers();
        Columns::new(&row, "jobs", "id").int("id").map(JobId)
    }

    /// Lets jobs of a kind that rest in a lane be done now; whether there are any that nobody works on.
    pub(crate) async fn hasten_jobs(&mut self, lane: &Lane, kind: &str) -> Result<bool, Error> {
        let query = sqlx::query(
            "update jobs set run_at = case when run_at > $3 then $3 else run_at end \
             where lane = $1 and kind = $2 and locked_by is null",
        )
        .bind(text(lane.as_str()))
        .bind(text(kind))
        .bind(self.now().millis());
        let found = self.execute(query).await? > 0;
        self.wake_workers();
        Ok(found)
    }

    /// What the jobs of a kind promise that stand in a lane, in their order.
    pub(crate) async fn list_jobs(&mut self, lane: &Lane, kind: &str) -> Result<Vec<Work>, Error> {
        let query = sqlx::query("select * from jobs where lane = $1 and kind = $2 order by id")
            .bind(text(lane.as_str()))
            .bind(text(kind));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| Columns::new(row, "jobs", "id").json("payload"))
            .collect()
    }

    /// What the job promises that sends a message of REST, in whichever lane it stands.
    pub(crate) async fn find_send_job(&mut self, id: SendId) -> Result<Option<Work>, Error> {
        let query = sqlx::query(
            "select * from jobs where kind in ('resolve', 'send') and payload like '%\"id\":\"' || $1 || '\"%' order by id",
        );
        let row = self.row(query.bind(id.to_string())).await?;
        row.map(|row| Columns::new(&row, "jobs", "id").json("payload"))
            .transpose()
    }

    /// Forgets a job that is done. `false`: the lock went to another worker, and so must the job; roll back.
    pub(crate) async fn finish_job(&mut self, id: JobId, worker: &str) -> Result<bool, Error> {
        let query = sqlx::query("delete from jobs where id = $1 and locked_by = $2")
            .bind(id.0)
            .bind(text(worker));
        Ok(self.execute(query).await? == 1)
    }

    /// Puts a job off after a failed attempt; the jobs behind it in its lane are unlocked and wait with it. `false`: the
    /// lock went to another worker, and nothing changed.
    pub(crate) async fn retry_job(
        &mut self,
        id: JobId,
        worker: &str,
        run_at: Timestamp,
        error: &str,
    ) -> Result<bool, Error> {
        // The jobs behind come first: to find them, the lock of this one is needed.
        let behind = sqlx::query(
            "update jobs set locked_by = null, locked_until = null \
             where lane = (select lane from jobs where id = $1) and id > $1 and locked_by = $2",
        );
        self.execute(behind.bind(id.0).bind(text(worker))).await?;
        let query = sqlx::query(
            "update jobs set attempts = attempts + 1, run_at = $3, last_error = $4, locked_by = null, \
             locked_until = null where id = $1 and locked_by = $2",
        )
        .bind(id.0)
        .bind(text(worker))
        .bind(run_at.millis())
        .bind(text(error));
        let retried = self.execute(query).await? == 1;
        self.wake_workers();
        Ok(retried)
    }

    /// Gives jobs back that were not tried, those of them that are still this worker's.
    pub(crate) async fn release_jobs(&mut self, ids: &[JobId], worker: &str) -> Result<(), Error> {
        for id in ids {
            let query =
                sqlx::query("update jobs set locked_by = null, locked_until = null where id = $1 and locked_by = $2");
            self.execute(query.bind(id.0).bind(text(worker))).await?;
        }
        self.wake_workers();
        Ok(())
    }

    /// Gives a job up for good: it is kept aside, and its lane goes on. `false`: the lock went to another worker; roll
    /// back.
    pub(crate) async fn bury_job(&mut self, id: JobId, worker: &str, error: &str) -> Result<bool, Error> {
        let query = sqlx::query("update jobs set last_error = $3 where id = $1 and locked_by = $2")
            .bind(id.0)
            .bind(text(worker))
            .bind(text(error));
        let held = self.execute(query).await? == 1;
        if held {
            self.move_to_buried(id).await?;
        }
        Ok(held)
    }

    /// Moves a job to those that were given up, whoever has its lock.
    pub(super) async fn move_to_buried(&mut self, id: JobId) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into buried_jobs (id, lane, lane_kind, kind, payload, attempts, last_error, created_at, buried_at) \
             select id, lane, lane_kind, kind, payload, attempts, last_error, created_at, $2 from jobs where id = $1",
        )
        .bind(id.0)
        .bind(self.now().millis());
        self.execute(query).await?;
        self.execute(sqlx::query("delete from jobs where id = $1").bind(id.0))
            .await?;
        self.wake_workers();
        Ok(())
    }

    /// For each kind of lane, how many jobs wait and since when the oldest does.
    pub(crate) async fn jobs_waiting(&mut self) -> Result<Vec<(String, i64, Timestamp)>, Error> {
        let query = sqlx::query(
            "select lane_kind, count(*) as number, min(created_at) as oldest from jobs \
             group by lane_kind order by lane_kind",
        );
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "jobs", "lane_kind");
                Ok((row.text("lane_kind")?, row.int("number")?, row.time("oldest")?))
            })
            .collect()
    }

    /// How many jobs could be done by `now`, those that are being done included.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests of other rooms wait by it"))]
    pub(crate) async fn count_due(&mut self, now: Timestamp) -> Result<i64, Error> {
        let query = sqlx::query(
            "select count(*) as number from jobs j \
             left join (select lane, min(id) as id from jobs where run_at > $1 group by lane) wall on wall.lane = j.lane \
             where j.run_at <= $1 and (wall.id is null or j.id < wall.id)",
        )
        .bind(now.millis());
        self.number(query).await
    }

    /// For each kind of job, how many were given up.
    pub(crate) async fn buried_count(&mut self) -> Result<Vec<(String, i64)>, Error> {
        let rows = self.rows(sqlx::query(
            "select kind, count(*) as number from buried_jobs group by kind order by kind",
        ));
        rows.await?
            .iter()
            .map(|row| {
                let row = Columns::new(row, "buried_jobs", "kind");
                Ok((row.text("kind")?, row.int("number")?))
            })
            .collect()
    }

    /// When the next job can be claimed, which may be past; `None` when there is no job at all.
    pub(crate) async fn next_due(&mut self) -> Result<Option<Timestamp>, Error> {
        // Thousands wait, a few are locked: of those that wait the index has the first one.
        let query = sqlx::query(
            "select min(due) as due from ( \
                 select due from ( \
                     select j.run_at as due from jobs j where j.locked_until is null \
                     and not exists (select 1 from jobs e where e.lane = j.lane and e.id < j.id) \
                     order by j.run_at, j.id limit 1 \
                 ) as free \
                 union all \
                 select case when j.locked_until > j.run_at then j.locked_until else j.run_at end as due from jobs j \
                 where j.locked_until is not null \
                 and not exists (select 1 from jobs e where e.lane = j.lane and e.id < j.id) \
             ) as heads",
        );
        let row = self.row(query).await?.ok_or(sqlx::Error::RowNotFound)?;
        Columns::new(&row, "jobs", "due").maybe_time("due")
    }
}
