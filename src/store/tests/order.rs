//! Lanes against a model: whatever workers do, the store gives out what the model says, in its order.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestRunner};

use super::{lane, work};
use crate::{
    model::{JobId, Timestamp},
    store::{Claim, engine::Kind, testing::World},
};

/// What can happen.
#[derive(Clone, Debug)]
enum Step {
    Push {
        lane: u8,
        delay: i64,
    },
    Claim {
        limit: u32,
    },
    /// The oldest claim finishes its first jobs.
    Finish {
        count: usize,
    },
    /// The oldest claim fails in its first job.
    Retry {
        delay: i64,
    },
    Bury,
    Release,
    Renew,
    /// The worker of the oldest claim is never heard of again.
    Die,
    Wait {
        millis: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, prop_oneof![3 => Just(0), 1 => 0..90_000_i64]).prop_map(|(lane, delay)| Step::Push { lane, delay }),
        4 => (1..4_u32).prop_map(|limit| Step::Claim { limit }),
        3 => (1..4_usize).prop_map(|count| Step::Finish { count }),
        1 => (0..30_000_i64).prop_map(|delay| Step::Retry { delay }),
        1 => Just(Step::Bury),
        1 => Just(Step::Release),
        1 => Just(Step::Renew),
        1 => Just(Step::Die),
        2 => (0..70_000_i64).prop_map(|millis| Step::Wait { millis }),
    ]
}

#[derive(Clone, Debug)]
struct Expected {
    id: JobId,
    run_at: Timestamp,
    attempts: u32,
    lock: Option<(String, Timestamp)>,
}

#[derive(Default)]
struct Model {
    lanes: BTreeMap<u8, Vec<Expected>>,
    claims: Vec<Claim>,
    workers: u32,
}

impl Model {
    /// The lane whose first job is due longest, of those that may be claimed.
    fn claimable(&self, now: Timestamp) -> Option<u8> {
        let open = self.lanes.iter().filter(|(_, jobs)| {
            jobs.first().is_some_and(|job| job.run_at <= now)
                && !jobs
                    .iter()
                    .any(|job| job.lock.as_ref().is_some_and(|(_, until)| *until > now))
        });
        open.min_by_key(|(_, jobs)| (jobs[0].run_at, jobs[0].id))
            .map(|(lane, _)| *lane)
    }

    fn jobs_of(&mut self, claim: &Claim) -> &mut Vec<Expected> {
        let number = claim.lane.as_str().trim_start_matches("test:").parse().unwrap();
        self.lanes.get_mut(&number).unwrap()
    }

    async fn step(&mut self, world: &World, step: Step) {
        let now = world.clock.now();
        match step {
            Step::Push { lane: number, delay } => {
                let run_at = now.plus_millis(delay);
                let mut tx = world.store.begin().await.unwrap();
                let id = tx
                    .push_job(&lane(&number.to_string()), &work("x"), run_at)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                self.lanes.entry(number).or_default().push(Expected {
                    id,
                    run_at,
                    attempts: 0,
                    lock: None,
                });
            }
            Step::Claim { limit } => self.claim(world, limit).await,
            Step::Wait { millis } => world.clock.advance(millis),
            Step::Die => drop((!self.claims.is_empty()).then(|| self.claims.remove(0))),
            Step::Renew => {
                let Some(claim) = self.claims.first().cloned() else {
                    return;
                };
                let until = now.plus_millis(60_000);
                let mut held = false;
                for job in self.jobs_of(&claim) {
                    if job.lock.as_ref().is_some_and(|(worker, _)| *worker == claim.worker) {
                        job.lock = Some((claim.worker.clone(), until));
                        held = true;
                    }
                }
                assert_eq!(world.store.renew(&claim).await.unwrap(), held);
            }
            Step::Finish { .. } | Step::Retry { .. } | Step::Bury | Step::Release => self.end(world, step).await,
        }
    }

    async fn claim(&mut self, world: &World, limit: u32) {
        let now = world.clock.now();
        self.workers += 1;
        let worker = format!("worker {}", self.workers);
        let claim = world.store.claim(&worker, limit).await.unwrap();
        let Some(number) = self.claimable(now) else {
            return assert!(claim.is_none(), "nothing was to be claimed, but {claim:?} was");
        };
        let claim = claim.expect("something was to be claimed");
        let jobs = self.lanes.get_mut(&number).unwrap();
        if jobs[0].lock.is_some() {
            jobs[0].attempts += 1;
        }
        for job in jobs.iter_mut() {
            job.lock = None;
        }
        let mut expected = Vec::new();
        for job in jobs.iter_mut().take_while(|job| job.run_at <= now).take(limit as usize) {
            job.lock = Some((worker.clone(), now.plus_millis(60_000)));
            expected.push((job.id, job.attempts));
        }
        let given: Vec<_> = claim.jobs.iter().map(|job| (job.id, job.attempts)).collect();
        assert_eq!(given, expected);
        self.claims.push(claim);
    }

    /// The worker of the oldest claim does something with it, if it still has the lock.
    async fn end(&mut self, world: &World, step: Step) {
        if self.claims.is_empty() {
            return;
        }
        let claim = self.claims.remove(0);
        let now = world.clock.now();
        let jobs = self.jobs_of(&claim);
        let mine = |job: &Expected| job.lock.as_ref().is_some_and(|(worker, _)| *worker == claim.worker);
        let held = jobs.first().is_some_and(mine);
        let mut tx = world.store.begin().await.unwrap();
        if !held {
            assert!(!tx.finish_job(claim.jobs[0].id, &claim.worker).await.unwrap());
            return assert!(
                !tx.retry_job(claim.jobs[0].id, &claim.worker, now, "lost")
                    .await
                    .unwrap()
            );
        }
        let mut rest: Vec<JobId> = claim.jobs.iter().map(|job| job.id).collect();
        match step {
            Step::Finish { count } => {
                for id in rest.drain(..count.min(claim.jobs.len())) {
                    assert!(tx.finish_job(id, &claim.worker).await.unwrap());
                    assert_eq!(jobs.remove(0).id, id, "only the first of a lane can be done");
                }
            }
            Step::Bury => {
                assert!(tx.bury_job(rest.remove(0), &claim.worker, "buried").await.unwrap());
                jobs.remove(0);
            }
            Step::Retry { delay } => {
                assert!(
                    tx.retry_job(rest.remove(0), &claim.worker, now.plus_millis(delay), "later")
                        .await
                        .unwrap()
                );
                jobs[0].attempts += 1;
                jobs[0].run_at = now.plus_millis(delay);
            }
            _ => {}
        }
        tx.release_jobs(&rest, &claim.worker).await.unwrap();
        for job in jobs.iter_mut() {
            job.lock = None;
        }
        tx.commit().await.unwrap();
    }
}

fn lanes_follow_the_model(kind: Kind, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::on(kind));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&proptest::collection::vec(step(), 1..60), |steps| {
        runtime.block_on(async {
            world.tampers("delete from jobs").await;
            let mut model = Model::default();
            for step in steps {
                model.step(&world, step).await;
            }
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn lanes_follow_the_model_on_sqlite() {
    lanes_follow_the_model(Kind::Sqlite, 64);
}

#[test]
fn lanes_follow_the_model_on_postgres() {
    lanes_follow_the_model(Kind::Postgres, 64);
}
