//! Transactions: all or nothing, whatever happens to who runs them.

use std::time::Duration;

use ruma::event_id;
use tokio::{task::JoinSet, time::timeout};

use super::{lane, on_both_engines, work};
use crate::{
    model::Timestamp,
    store::{
        Config, Error, Store, Synchronous,
        engine::Kind,
        testing::{START, World},
    },
};

on_both_engines! {
    async fn what_is_committed_is_there_and_what_is_dropped_is_not(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        tx.set_sync_token("one").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        tx.set_sync_token("two").await.unwrap();
        assert_eq!(tx.sync_token().await.unwrap().as_deref(), Some("two"));
        drop(tx);
        assert_eq!(world.store.read().await.unwrap().sync_token().await.unwrap().as_deref(), Some("one"));
    }

    async fn a_dropped_transaction_leaves_no_connection_inside_it(world: World) {
        for _ in 0..20 {
            let mut tx = world.store.begin().await.unwrap();
            tx.set_sync_token("lost").await.unwrap();
            drop(tx);
            // On whichever connection this runs, it must be a transaction of its own.
            let mut tx = world.store.begin().await.unwrap();
            assert_eq!(tx.sync_token().await.unwrap(), None);
            tx.commit().await.unwrap();
        }
    }

    async fn a_transaction_that_is_cut_off_in_the_middle_is_rolled_back(world: World) {
        for micros in (0..3000).step_by(150) {
            let cut = async {
                let mut tx = world.store.begin().await?;
                tx.set_sync_token("cut").await?;
                tx.set_sync_token("cut again").await?;
                std::future::pending::<Result<(), Error>>().await
            };
            assert!(timeout(Duration::from_micros(micros), cut).await.is_err());
            let mut tx = world.store.begin().await.unwrap();
            assert_eq!(tx.sync_token().await.unwrap(), None);
            tx.set_sync_token("whole").await.unwrap();
            drop(tx);
        }
    }

    async fn after_a_failed_statement_nothing_can_be_committed(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        tx.set_sync_token("one").await.unwrap();
        assert!(tx.execute(sqlx::query("insert into nowhere (a) values (1)")).await.is_err());
        assert!(tx.commit().await.is_err());
        assert_eq!(world.store.read().await.unwrap().sync_token().await.unwrap(), None);
    }

    async fn a_reader_does_not_wait_for_a_writer(world: World) {
        let mut writer = world.store.begin().await.unwrap();
        writer.set_sync_token("new").await.unwrap();
        let mut reader = timeout(Duration::from_secs(10), world.store.read()).await.unwrap().unwrap();
        let seen = timeout(Duration::from_secs(10), reader.sync_token()).await.unwrap().unwrap();
        assert_eq!(seen, None);
        writer.commit().await.unwrap();
        assert_eq!(reader.sync_token().await.unwrap().as_deref(), Some("new"), "a reader sees each commit at once");
    }

    async fn many_writers_at_once_all_succeed(world: World) {
        let mut writers = JoinSet::new();
        for writer in 0..16 {
            let store = world.store.clone();
            writers.spawn(async move {
                for number in 0..10 {
                    let mut tx = store.begin().await?;
                    tx.push_job(&lane(&writer.to_string()), &work(&number.to_string()), START).await?;
                    tx.commit().await?;
                }
                Ok::<_, Error>(())
            });
        }
        for result in writers.join_all().await {
            result.unwrap();
        }
        assert_eq!(world.store.read().await.unwrap().count_due(START).await.unwrap(), 160);
    }

    async fn an_event_is_accepted_once_however_many_bring_it(world: World) {
        let mut bringers = JoinSet::new();
        for _ in 0..8 {
            let store = world.store.clone();
            bringers.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let new = tx.accept_event(event_id!("$event"), START).await.unwrap();
                tx.commit().await.unwrap();
                usize::from(new)
            });
        }
        assert_eq!(bringers.join_all().await.into_iter().sum::<usize>(), 1);
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.forget_events_before(START).await.unwrap(), 0);
        assert_eq!(tx.forget_events_before(START.plus_millis(1)).await.unwrap(), 1);
        assert!(tx.accept_event(event_id!("$event"), START).await.unwrap());
    }

    async fn text_with_a_zero_byte_is_kept_readable(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        tx.set_sync_token("a\0b").await.unwrap();
        assert_eq!(tx.sync_token().await.unwrap().as_deref(), Some("a\u{fffd}b"));
        assert!(tx.find_credential("a\0b").await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn a_waiting_worker_hears_of_a_commit_and_not_of_a_rollback(world: World) {
        let mut tx = world.store.begin().await.unwrap();
        tx.push_job(&lane("a"), &work("dropped"), START).await.unwrap();
        drop(tx);
        let heard = timeout(Duration::from_millis(1), world.store.job_pushed().notified()).await;
        assert!(heard.is_err());
        world.pushes("a", &["kept"]).await;
        timeout(Duration::from_secs(10), world.store.job_pushed().notified()).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_of_sqlite_cannot_write() {
    let world = World::sqlite().await;
    assert!(world.store.read().await.unwrap().set_sync_token("no").await.is_err());
}

#[tokio::test]
async fn sqlite_keeps_what_the_configuration_says() {
    for (synchronous, expected) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
        let place = crate::store::testing::Place::on(Kind::Sqlite).await;
        let config = Config {
            synchronous,
            ..place.config.clone()
        };
        let store = Store::open(&config, crate::model::Clock::fixed(Timestamp::from_secs(1)))
            .await
            .unwrap();
        let mut tx = store.begin().await.unwrap();
        for (pragma, value) in [
            ("select synchronous as number from pragma_synchronous", expected),
            ("select foreign_keys as number from pragma_foreign_keys", 1),
            (
                "select count(*) as number from pragma_journal_mode where journal_mode = 'wal'",
                1,
            ),
        ] {
            assert_eq!(tx.number(sqlx::query(pragma)).await.unwrap(), value, "{pragma}");
        }
    }
}
