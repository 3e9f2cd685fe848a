//! Lanes under many hands: strictly in order, each job once, never two workers in one lane.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use super::{claims::texts, lane, on_both_engines, told, work};
use crate::store::{
    Error, Store,
    claims::Attempt,
    engine::Kind,
    testing::{START, World},
};

/// Works until the store is empty, with a little time between all steps, and writes down what it did.
async fn works(store: Store, worker: String, done: Arc<Mutex<Vec<(String, String)>>>) -> Result<(), Error> {
    loop {
        let pause = || sleep(Duration::from_micros(rand::random_range(0..2000)));
        let Some(claim) = store.claim(&worker, rand::random_range(1..5)).await? else {
            if store.read().await?.next_due().await?.is_none() {
                return Ok(());
            }
            pause().await;
            continue;
        };
        for (place, job) in claim.jobs.iter().enumerate() {
            pause().await;
            let mut tx = store.begin().await?;
            // Some fail the first time, and whoever comes next must begin with them.
            if job.attempts == 0 && rand::random_ratio(1, 8) {
                tx.retry_job(job.id, &worker, START, "try again").await?;
                tx.commit().await?;
                break;
            }
            assert!(
                tx.finish_job(job.id, &worker).await?,
                "the lock of {job:?} was lost at {place}"
            );
            done.lock()
                .unwrap()
                .push((job.lane.as_str().to_owned(), told(&job.work).to_owned()));
            tx.commit().await?;
        }
    }
}

on_both_engines! {
    async fn four_workers_keep_every_lane_in_order_and_do_each_job_once(world: World) {
        const LANES: usize = 5;
        const JOBS: usize = 24;
        let done = Arc::default();
        let mut all = JoinSet::new();
        for number in 0..LANES {
            let store = world.store.clone();
            all.spawn(async move {
                for text in 0..JOBS {
                    let mut tx = store.begin().await?;
                    tx.push_job(&lane(&number.to_string()), &work(&text.to_string()), START).await?;
                    sleep(Duration::from_micros(rand::random_range(0..1000))).await;
                    tx.commit().await?;
                }
                Ok::<_, Error>(())
            });
        }
        // The workers stop when nothing is left, so something must be there when they begin.
        world.pushes("first", &["0"]).await;
        for worker in 0..4 {
            all.spawn(works(world.store.clone(), format!("worker {worker}"), Arc::clone(&done)));
        }
        for result in all.join_all().await {
            result.unwrap();
        }
        works(world.store.clone(), "last".into(), Arc::clone(&done)).await.unwrap();
        let mut lanes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (lane, text) in done.lock().unwrap().iter() {
            lanes.entry(lane.clone()).or_default().push(text.parse().unwrap());
        }
        assert_eq!(lanes.remove("test:first"), Some(vec![0]));
        assert_eq!(lanes.len(), LANES);
        for (lane, order) in lanes {
            assert_eq!(order, (0..JOBS).collect::<Vec<_>>(), "{lane}");
        }
    }

    async fn no_two_workers_are_in_one_lane_however_its_jobs_appear(world: World) {
        const PRODUCERS: usize = 6;
        const JOBS: usize = 25;
        let busy: Arc<[AtomicBool; 2]> = Arc::default();
        let done = Arc::new(AtomicUsize::new(0));
        let mut all = JoinSet::new();
        for _ in 0..PRODUCERS {
            let store = world.store.clone();
            all.spawn(async move {
                for _ in 0..JOBS {
                    let lane = lane(if rand::random() { "0" } else { "1" });
                    let mut tx = store.begin().await?;
                    // Whoever got its number first may commit last.
                    tx.push_job(&lane, &work("x"), START).await?;
                    sleep(Duration::from_micros(rand::random_range(0..1500))).await;
                    tx.commit().await?;
                }
                Ok::<_, Error>(())
            });
        }
        for worker in 0..6 {
            let (store, busy, done) = (world.store.clone(), Arc::clone(&busy), Arc::clone(&done));
            let worker = format!("worker {worker}");
            all.spawn(async move {
                while done.load(Ordering::SeqCst) < PRODUCERS * JOBS {
                    let Some(claim) = store.claim(&worker, 2).await? else {
                        tokio::task::yield_now().await;
                        continue;
                    };
                    let busy = &busy[usize::from(claim.lane == lane("1"))];
                    assert!(!busy.swap(true, Ordering::SeqCst), "two workers are in {:?}", claim.lane);
                    let mut tx = store.begin().await?;
                    for job in &claim.jobs {
                        assert!(tx.finish_job(job.id, &worker).await?, "a lock was lost");
                    }
                    sleep(Duration::from_micros(rand::random_range(0..500))).await;
                    busy.store(false, Ordering::SeqCst);
                    tx.commit().await?;
                    done.fetch_add(claim.jobs.len(), Ordering::SeqCst);
                }
                Ok(())
            });
        }
        for result in all.join_all().await {
            result.unwrap();
        }
    }

    async fn a_crowd_that_claims_at_once_shares_no_lane(world: World) {
        for round in 0..10 {
            for name in ["a", "b", "c"] {
                world.pushes(name, &["1", "2"]).await;
            }
            let mut crowd = JoinSet::new();
            for worker in 0..12 {
                let store = world.store.clone();
                crowd.spawn(async move { store.claim(&format!("worker {worker}"), 2).await.unwrap() });
            }
            let claims: Vec<_> = crowd.join_all().await.into_iter().flatten().collect();
            let mut lanes: Vec<_> = claims.iter().map(|claim| claim.lane.as_str()).collect();
            lanes.sort_unstable();
            assert_eq!(lanes, ["test:a", "test:b", "test:c"], "round {round}");
            for claim in &claims {
                assert_eq!(texts(claim), ["1", "2"]);
                assert!(world.finishes(claim).await);
            }
        }
    }

    async fn a_job_that_commits_late_with_an_early_number_waits_for_the_running_one(world: World) {
        let mut early = world.store.begin().await.unwrap();
        early.push_job(&lane("a"), &work("early"), START).await.unwrap();
        if world.place.kind == Kind::Sqlite {
            // There are no two writers to begin with.
            early.commit().await.unwrap();
            world.pushes("a", &["late"]).await;
            return assert_eq!(texts(&world.claims("w", 9).await.unwrap()), ["early", "late"]);
        }
        world.pushes("a", &["late"]).await;
        let running = world.claims("w", 9).await.unwrap();
        assert_eq!(texts(&running), ["late"]);
        early.commit().await.unwrap();
        assert!(world.claims("other", 9).await.is_none(), "the lane is being worked on");
        assert!(world.finishes(&running).await);
        assert_eq!(texts(&world.claims("other", 9).await.unwrap()), ["early"]);
    }
}

/// Two claimers step by step, which only PostgreSQL lets be there at once. A job with an earlier number appears while
/// the first of them looks; `seen` says whether before or after it looks again.
async fn two_claimers_and_a_job_that_appears_between(seen: bool) {
    let world = World::on(Kind::Postgres).await;
    let mut late = world.store.begin().await.unwrap();
    late.push_job(&lane("a"), &work("early"), START).await.unwrap();
    world.pushes("a", &["late"]).await;

    let mut first = world.store.begin().await.unwrap();
    let (head, found) = first.find_claimable(START).await.unwrap().unwrap();
    let won;
    if seen {
        late.commit().await.unwrap();
        won = first.claim_lane(head, found, "first", 1, START).await.unwrap();
        assert!(matches!(won, Attempt::Lost), "it would begin with the second job");
    } else {
        won = first.claim_lane(head, found, "first", 1, START).await.unwrap();
        assert!(matches!(won, Attempt::Claimed(_)));
        late.commit().await.unwrap();
    }

    let mut second = world.store.begin().await.unwrap();
    let (head, found) = second.find_claimable(START).await.unwrap().unwrap();
    let lost = second.claim_lane(head, found, "second", 1, START).await.unwrap();
    assert!(matches!(lost, Attempt::Lost), "the first claimer is still at this lane");
    drop(second);
    first.commit().await.unwrap();
    let next = world.claims("third", 9).await;
    match won {
        Attempt::Claimed(_) => assert!(next.is_none(), "the lane is being worked on"),
        _ => assert_eq!(texts(&next.unwrap()), ["early", "late"]),
    }
}

#[tokio::test]
async fn a_claimer_gives_up_when_an_earlier_job_appeared() {
    two_claimers_and_a_job_that_appears_between(true).await;
}

#[tokio::test]
async fn a_claimer_keeps_others_away_from_an_earlier_job_that_appears() {
    two_claimers_and_a_job_that_appears_between(false).await;
}

#[tokio::test]
async fn a_dead_workers_renewal_and_its_heirs_claim_do_not_both_win() {
    let world = World::on(Kind::Postgres).await;
    world.pushes("a", &["1", "2"]).await;
    let old = world.claims("old", 2).await.unwrap();
    world.clock.advance(60_000);
    let now = world.clock.now();
    let mut heir = world.store.begin().await.unwrap();
    let (head, found) = heir.find_claimable(now).await.unwrap().unwrap();
    let claimed = heir.claim_lane(head, found, "heir", 2, now).await.unwrap();
    assert!(matches!(claimed, Attempt::Claimed(_)));
    let renewal = tokio::spawn({
        let (store, old) = (world.store.clone(), old.clone());
        async move { store.renew(&old).await }
    });
    tokio::task::yield_now().await;
    heir.commit().await.unwrap();
    assert!(!renewal.await.unwrap().unwrap());
    assert!(!world.finishes(&old).await);
}
