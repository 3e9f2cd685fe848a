//! Opening: one process per database, and a schema whose past is ours.

use std::{path::Path, time::Duration};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::on_both_engines;
use crate::{
    model::Clock,
    store::{
        Config, Error, Store,
        engine::Kind,
        migrations::{self, ALL, Migration},
        testing::{Place, START, World},
    },
};

on_both_engines! {
    async fn a_second_process_on_the_same_database_is_refused(world: World) {
        let refused = Store::open(&world.place.config, Clock::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::InUse(text) if text.contains("another wharf")), "{refused:?}");
        assert!(!refused.is_transient());
        world.store.close().await;
        Store::open(&world.place.config, Clock::default()).await.unwrap();
    }

    async fn opening_again_finds_what_was_written(world: World) {
        let identity = world.identity("ana").await;
        world.store.close().await;
        let again = Store::open(&world.place.config, Clock::default()).await.unwrap();
        assert_eq!(again.read().await.unwrap().find_identity(identity.id).await.unwrap(), Some(identity));
        let all = ALL.iter().map(|migration| migration.name.to_owned()).collect();
        assert_eq!(again.migrations().await.unwrap(), (all, vec![]));
        again.ping().await.unwrap();
    }

    async fn an_old_schema_is_refused_when_migrating_is_forbidden(place: Place) {
        let config = Config { migrate: false, ..place.config.clone() };
        let refused = Store::open(&config, Clock::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Migration(text) if text.contains("00001_begin")), "{refused:?}");
        Store::open(&place.config, Clock::default()).await.unwrap().close().await;
        Store::open(&config, Clock::default()).await.unwrap();
    }

    async fn an_edited_migration_is_refused(world: World) {
        let edited = [Migration { name: ALL[0].name, sql: "select 1" }];
        let refused = migrations::run(&world.store, &edited).await.unwrap_err();
        assert!(matches!(&refused, Error::Migration(text) if text.contains("was changed")), "{refused:?}");
        world.tampers("update schema_migrations set checksum = 'another'").await;
        world.store.close().await;
        let refused = Store::open(&world.place.config, Clock::default()).await.unwrap_err();
        assert!(matches!(refused, Error::Migration(_)), "{refused:?}");
    }

    async fn a_database_of_a_newer_version_is_refused(world: World) {
        world.tampers("insert into schema_migrations (name, checksum, applied_at) values ('90000_later', '', 0)").await;
        world.store.close().await;
        let refused = Store::open(&world.place.config, Clock::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Migration(text) if text.contains("90000_later")), "{refused:?}");
    }

    async fn a_database_that_cannot_be_read_is_not_an_empty_one(world: World) {
        world.tampers("alter table schema_migrations rename column checksum to another").await;
        let looked = Store::look(&world.place.config).await;
        assert!(matches!(looked, Err(Error::Unavailable(_))), "{looked:?}");
        world.store.close().await;
        let refused = Store::open(&world.place.config, Clock::default()).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    }

    async fn a_migration_that_breaks_leaves_nothing(world: World) {
        let and = |next: &'static str| {
            let known = ALL.iter().map(|known| Migration { name: known.name, sql: known.sql });
            known.chain([Migration { name: "90000_next", sql: next }]).collect::<Vec<_>>()
        };
        let broken = and("create table later (a bigint); create nonsense");
        assert!(matches!(migrations::run(&world.store, &broken).await, Err(Error::Unavailable(_))));
        let (applied, pending) = migrations::list(&world.store, &broken).await.unwrap();
        assert_eq!((applied.len(), pending), (ALL.len(), vec!["90000_next".to_owned()]));
        let mended = and("create table later (a bigint, b {{blob}});");
        migrations::run(&world.store, &mended).await.unwrap();
        world.tampers("insert into later (a) values (1)").await;
    }

    async fn the_lock_is_lost_only_when_its_session_dies(world: World) {
        assert!(timeout(Duration::from_millis(1), world.store.lost()).await.is_err());
        if world.place.kind == Kind::Postgres {
            let mut other = world.place.connect().await;
            sqlx::raw_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where application_name = 'wharf: process lock' and datname = current_database()",
            )
            .execute(&mut other)
            .await
            .unwrap();
            timeout(Duration::from_secs(30), world.store.lost()).await.unwrap();
            assert!(world.store.lost().now_or_never().is_none(), "it looks again");
            timeout(Duration::from_secs(30), world.store.lost()).await.unwrap();
        }
        world.store.close().await;
        assert!(timeout(Duration::from_millis(1), world.store.lost()).await.is_err());
    }
}

#[test]
fn every_file_of_a_migration_is_in_the_list_and_in_its_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    let known: Vec<_> = ALL.iter().map(|migration| format!("{}.sql", migration.name)).collect();
    assert_eq!(files, known);
}

#[tokio::test]
async fn another_spelling_of_the_path_is_the_same_database() {
    let world = World::sqlite().await;
    let folder = world.place.folder.path();
    std::fs::create_dir(folder.join("inner")).unwrap();
    let url = format!("sqlite://{}/inner/../wharf.db?mode=rwc", folder.display());
    let refused = Store::open(
        &Config {
            url,
            ..Config::default()
        },
        Clock::default(),
    )
    .await
    .unwrap_err();
    assert!(matches!(refused, Error::InUse(_)), "{refused:?}");
}

#[tokio::test]
async fn odd_characters_in_a_path_are_part_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a new/50% #1 ü.db");
    let config = Config {
        url: format!("sqlite:{}", path.display()),
        ..Config::default()
    };
    Store::open(&config, Clock::fixed(START)).await.unwrap();
    assert!(path.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::sqlite().await;
    let name = world.place.config.url.trim_start_matches("sqlite:").to_owned();
    for file in [name.clone(), format!("{name}-wal")] {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for url in ["mysql://host/db", "wharf.db", "", "sqlite:"] {
        let config = Config {
            url: url.into(),
            ..Config::default()
        };
        assert!(
            matches!(Store::open(&config, Clock::default()).await, Err(Error::Unavailable(_))),
            "{url}"
        );
    }
}
