//! Claims: what a worker is given, and what becomes of it.

use super::{lane, on_both_engines, told, work};
use crate::{
    model::JobId,
    store::{
        Claim,
        testing::{START, World},
    },
};

pub(super) fn texts(claim: &Claim) -> Vec<&str> {
    claim.jobs.iter().map(|job| told(&job.work)).collect()
}

impl World {
    pub(super) async fn claims(&self, worker: &str, limit: u32) -> Option<Claim> {
        self.store.claim(worker, limit).await.unwrap()
    }

    pub(super) async fn finishes(&self, claim: &Claim) -> bool {
        let mut tx = self.store.begin().await.unwrap();
        for job in &claim.jobs {
            if !tx.finish_job(job.id, &claim.worker).await.unwrap() {
                return false;
            }
        }
        tx.commit().await.unwrap();
        true
    }
}

on_both_engines! {
    async fn a_claim_takes_the_next_jobs_that_are_due(world: World) {
        world.pushes("a", &["1", "2", "3"]).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.push_job(&lane("a"), &work("later"), START.plus_millis(5000)).await.unwrap();
        tx.commit().await.unwrap();
        world.pushes("a", &["behind"]).await;
        let claim = world.claims("w", 2).await.unwrap();
        assert_eq!(texts(&claim), ["1", "2"]);
        assert!(world.finishes(&claim).await);
        let claim = world.claims("w", 9).await.unwrap();
        assert_eq!(texts(&claim), ["3"]);
        assert!(world.finishes(&claim).await);
        assert!(world.claims("w", 9).await.is_none());
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.next_due().await.unwrap(), Some(START.plus_millis(5000)));
        assert!(tx.has_jobs(&lane("a"), work("x").kind()).await.unwrap(), "also those that are not due");
        assert!(!tx.has_jobs(&lane("b"), work("x").kind()).await.unwrap());
        assert_eq!(tx.count_due(START).await.unwrap(), 0, "the job behind cannot run before its time");
        world.clock.advance(5000);
        assert_eq!(texts(&world.claims("w", 9).await.unwrap()), ["later", "behind"]);
    }

    async fn the_lane_that_is_due_longest_comes_first(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        for (name, due) in [("a", 3), ("b", 1), ("c", 2), ("d", 9)] {
            tx.push_job(&lane(name), &work(name), START.plus_millis(due)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let next_due = || async { world.store.read().await.unwrap().next_due().await.unwrap() };
        assert_eq!(next_due().await, Some(START.plus_millis(1)));
        world.clock.advance(5);
        let claims: Vec<_> = [world.claims("1", 9).await, world.claims("2", 9).await, world.claims("3", 9).await]
            .into_iter().map(Option::unwrap).collect();
        assert_eq!(claims.iter().flat_map(texts).collect::<Vec<_>>(), ["b", "c", "a"]);
        assert_eq!(next_due().await, Some(START.plus_millis(9)), "locks end later than that");
        assert!(world.finishes(&claims[0]).await);
        world.clock.advance(5);
        assert_eq!(texts(&world.claims("4", 9).await.unwrap()), ["d"]);
        assert_eq!(next_due().await, Some(START.plus_millis(60_005)), "the first of the locks to end");
    }

    async fn the_jobs_of_a_worker_that_dies_come_back_after_a_minute(world: World) {
        world.pushes("a", &["1", "2"]).await;
        let dead = world.claims("dead", 2).await.unwrap();
        assert_eq!(dead.jobs[0].attempts, 0);
        world.clock.advance(59_999);
        assert!(world.claims("heir", 1).await.is_none());
        assert_eq!(world.store.read().await.unwrap().next_due().await.unwrap(), Some(START.plus_millis(60_000)));
        world.clock.advance(1);
        let heir = world.claims("heir", 1).await.unwrap();
        assert_eq!((texts(&heir), heir.jobs[0].attempts), (vec!["1"], 1));
        assert!(!world.finishes(&dead).await, "the dead cannot finish what went to another");
        assert!(!world.store.renew(&dead).await.unwrap());
        assert!(world.finishes(&heir).await);
        let heir = world.claims("heir", 1).await.unwrap();
        assert_eq!((texts(&heir), heir.jobs[0].attempts), (vec!["2"], 0), "the dead never began the second");
    }

    async fn a_worker_that_renews_keeps_its_jobs(world: World) {
        world.pushes("a", &["1", "2"]).await;
        let claim = world.claims("slow", 2).await.unwrap();
        world.clock.advance(50_000);
        assert!(world.store.renew(&claim).await.unwrap());
        world.clock.advance(50_000);
        assert!(world.claims("other", 2).await.is_none());
        assert!(world.finishes(&claim).await);
        assert!(!world.store.renew(&claim).await.unwrap(), "nothing is left of it");
    }

    async fn a_job_that_is_put_off_holds_only_its_lane(world: World) {
        world.pushes("a", &["1", "2", "3"]).await;
        world.pushes("b", &["1"]).await;
        let claim = world.claims("w", 9).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.finish_job(claim.jobs[0].id, "w").await.unwrap());
        tx.retry_job(claim.jobs[1].id, "w", START.plus_millis(10_000), "not now").await.unwrap();
        tx.commit().await.unwrap();
        let other = world.claims("w", 9).await.unwrap();
        assert_eq!(other.lane, lane("b"));
        assert!(world.finishes(&other).await);
        assert!(world.claims("w", 9).await.is_none());
        world.clock.advance(10_000);
        let claim = world.claims("w", 9).await.unwrap();
        assert_eq!(texts(&claim), ["2", "3"]);
        assert_eq!(claim.jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 0]);
    }

    async fn who_lost_a_lock_can_do_nothing_to_the_jobs(world: World) {
        world.pushes("a", &["1", "2"]).await;
        let lost = world.claims("lost", 2).await.unwrap();
        let ids: Vec<JobId> = lost.jobs.iter().map(|job| job.id).collect();
        world.clock.advance(60_000);
        let heir = world.claims("heir", 2).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(!tx.finish_job(ids[0], "lost").await.unwrap());
        assert!(!tx.retry_job(ids[0], "lost", START, "late").await.unwrap());
        assert!(!tx.bury_job(ids[0], "lost", "late").await.unwrap());
        tx.release_jobs(&ids, "lost").await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.claims("third", 2).await.is_none(), "the heir has them still");
        assert!(world.finishes(&heir).await);
    }

    async fn jobs_that_are_released_can_be_claimed_at_once(world: World) {
        world.pushes("a", &["1", "2"]).await;
        let claim = world.claims("w", 9).await.unwrap();
        let ids: Vec<JobId> = claim.jobs.iter().map(|job| job.id).collect();
        let mut tx = world.store.begin().await.unwrap();
        tx.release_jobs(&ids, "w").await.unwrap();
        tx.commit().await.unwrap();
        let claim = world.claims("other", 9).await.unwrap();
        assert_eq!((texts(&claim), claim.jobs[0].attempts), (vec!["1", "2"], 0));
    }

    async fn a_buried_job_is_kept_aside_and_its_lane_goes_on(world: World) {
        world.pushes("a", &["1", "2"]).await;
        let claim = world.claims("w", 1).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        tx.bury_job(claim.jobs[0].id, "w", "refused for good").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(texts(&world.claims("w", 9).await.unwrap()), ["2"]);
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.buried_count().await.unwrap(), [("notice".to_owned(), 1)]);
        assert_eq!(tx.jobs_waiting().await.unwrap(), [("test".to_owned(), 1, START)]);
        let told = sqlx::query("select count(*) as number from buried_jobs where last_error = 'refused for good'");
        assert_eq!(tx.number(told).await.unwrap(), 1);
        drop(tx);
        let mut tx = world.store.begin().await.unwrap();
        tx.forget_buried(START).await.unwrap();
        assert_eq!(tx.buried_count().await.unwrap().len(), 1, "it is as old as that");
        tx.forget_buried(START.plus_millis(1)).await.unwrap();
        assert_eq!(tx.buried_count().await.unwrap(), []);
        tx.commit().await.unwrap();
    }

    async fn at_start_no_dead_predecessor_holds_a_lane(world: World) {
        world.pushes("a", &["1", "2"]).await;
        world.claims("predecessor", 9).await.unwrap();
        assert!(world.claims("w", 9).await.is_none());
        assert_eq!(world.store.release_all_locks().await.unwrap(), 2);
        let claim = world.claims("w", 9).await.unwrap();
        assert_eq!(claim.jobs.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 0], "it died in the first");
    }

    async fn a_job_that_cannot_be_read_is_buried_and_stops_nobody(world: World) {
        world.pushes("a", &["1", "2", "3"]).await;
        world.pushes("b", &["1"]).await;
        world.tampers("update jobs set payload = 'nonsense' where id in (select min(id) from jobs)").await;
        let claim = world.claims("w", 9).await.unwrap();
        assert_eq!(texts(&claim), ["2", "3"]);
        assert!(world.finishes(&claim).await);
        assert_eq!(texts(&world.claims("w", 9).await.unwrap()), ["1"]);
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.buried_count().await.unwrap(), [("notice".to_owned(), 1)]);
    }

    async fn a_number_is_never_given_twice(world: World) {
        world.pushes("a", &["1"]).await;
        let first = world.claims("w", 1).await.unwrap();
        assert!(world.finishes(&first).await);
        world.pushes("a", &["2"]).await;
        assert!(world.claims("w", 1).await.unwrap().jobs[0].id > first.jobs[0].id);
    }
}
