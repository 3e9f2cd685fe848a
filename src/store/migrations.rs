//! The schema and its changes, embedded. Each runs once, in one transaction, and is never edited after a release.

use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, Connection as _, any::AnyRow};

use super::{
    Config, Error, Store,
    engine::{self, Kind},
    types::Columns,
};

/// One change of the schema.
pub(super) struct Migration {
    /// Its name, which is also its place in the order.
    pub(super) name: &'static str,
    /// Its text, with the words that differ between the engines.
    pub(super) sql: &'static str,
}

/// All of them, in order.
pub(super) const ALL: &[Migration] = &[
    Migration {
        name: "00001_begin",
        sql: include_str!("../../migrations/00001_begin.sql"),
    },
    Migration {
        name: "00002_what_a_message_holds",
        sql: include_str!("../../migrations/00002_what_a_message_holds.sql"),
    },
    Migration {
        name: "00003_groups",
        sql: include_str!("../../migrations/00003_groups.sql"),
    },
    Migration {
        name: "00004_people",
        sql: include_str!("../../migrations/00004_people.sql"),
    },
    Migration {
        name: "00005_history",
        sql: include_str!("../../migrations/00005_history.sql"),
    },
    Migration {
        name: "00006_links",
        sql: include_str!("../../migrations/00006_links.sql"),
    },
    Migration {
        name: "00007_console",
        sql: include_str!("../../migrations/00007_console.sql"),
    },
    Migration {
        name: "00008_receipt_times",
        sql: include_str!("../../migrations/00008_receipt_times.sql"),
    },
    Migration {
        name: "00011_galleries",
        sql: include_str!("../../migrations/00011_galleries.sql"),
    },
    Migration {
        name: "00012_new_chats",
        sql: include_str!("../../migrations/00012_new_chats.sql"),
    },
    Migration {
        name: "00013_secrets",
        sql: include_str!("../../migrations/00013_secrets.sql"),
    },
    Migration {
        name: "00014_indices",
        sql: include_str!("../../migrations/00014_indices.sql"),
    },
    Migration {
        name: "00015_found_at_once",
        sql: include_str!("../../migrations/00015_found_at_once.sql"),
    },
    Migration {
        name: "00016_shown",
        sql: include_str!("../../migrations/00016_shown.sql"),
    },
    Migration {
        name: "00017_votes",
        sql: include_str!("../../migrations/00017_votes.sql"),
    },
    Migration {
        name: "00018_carried",
        sql: include_str!("../../migrations/00018_carried.sql"),
    },
    Migration {
        name: "00019_timers",
        sql: include_str!("../../migrations/00019_timers.sql"),
    },
    Migration {
        name: "00020_since",
        sql: include_str!("../../migrations/00020_since.sql"),
    },
    Migration {
        name: "00021_edited",
        sql: include_str!("../../migrations/00021_edited.sql"),
    },
];

impl Store {
    /// Names of all migrations there are.
    pub(crate) fn all_migrations() -> Vec<String> {
        ALL.iter().map(|migration| migration.name.to_owned()).collect()
    }

    /// Names of the migrations that ran, and of those that did not.
    ///
    /// # Errors
    /// `Migration`, `Unavailable`.
    pub(crate) async fn migrations(&self) -> Result<(Vec<String>, Vec<String>), Error> {
        list(self, ALL).await
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// `Migration`, `Unavailable`.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        run(self, ALL).await
    }

    /// Makes sure of the schema at start, by migrating when that is allowed.
    pub(super) async fn prepare(&self, migrate: bool) -> Result<(), Error> {
        let (_, pending) = self.migrations().await?;
        if pending.is_empty() {
            return Ok(());
        }
        if migrate {
            return self.migrate().await;
        }
        Err(Error::Migration(format!(
            "the database needs the migrations {}: run `wharf migrate`, or set database.migrate to true",
            pending.join(", ")
        )))
    }
}

/// Those that ran, and those that did not yet.
pub(super) async fn list(store: &Store, all: &[Migration]) -> Result<(Vec<String>, Vec<String>), Error> {
    split(&store.read().await?.recorded_migrations().await?, all)
}

/// The same of a database that perhaps somebody else works on: nothing is locked, made or changed. `None`: there is no
/// such file.
pub(super) async fn look(config: &Config) -> Result<Option<(Vec<String>, Vec<String>)>, Error> {
    let Some((kind, mut connection)) = engine::look(config).await? else {
        return Ok(None);
    };
    let recorded = recorded(kind, &mut connection).await;
    // Whatever it answers, the connection is gone.
    let _ = connection.close().await;
    split(&recorded?, ALL).map(Some)
}

/// What ran: nothing when the table is not there. Any other trouble with it is trouble.
async fn recorded(kind: Kind, connection: &mut AnyConnection) -> Result<Vec<(String, String)>, Error> {
    let table = sqlx::query(kind.has_migrations());
    if table.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(RECORDED).fetch_all(connection).await?;
    rows.iter().map(read_recorded).collect()
}

fn split(recorded: &[(String, String)], all: &[Migration]) -> Result<(Vec<String>, Vec<String>), Error> {
    check(recorded, all)?;
    let names = |migrations: &[Migration]| migrations.iter().map(|migration| migration.name.to_owned()).collect();
    let (applied, pending) = all.split_at(recorded.len());
    Ok((names(applied), names(pending)))
}

/// Runs what did not run yet.
pub(super) async fn run(store: &Store, all: &[Migration]) -> Result<(), Error> {
    loop {
        let mut tx = store.begin().await?;
        tx.lock("migrations").await?;
        tx.execute(sqlx::query(
            "create table if not exists schema_migrations (name text not null constraint \
             schema_migrations_primary primary key, checksum text not null, applied_at bigint not null)",
        ))
        .await?;
        let recorded = tx.recorded_migrations().await?;
        check(&recorded, all)?;
        let Some(next) = all.get(recorded.len()) else {
            return tx.commit().await;
        };
        tx.script(tx.kind.migration(next.sql)).await?;
        tx.execute(
            sqlx::query("insert into schema_migrations (name, checksum, applied_at) values ($1, $2, $3)")
                .bind(next.name)
                .bind(checksum(next))
                .bind(tx.now().millis()),
        )
        .await?;
        tx.commit().await?;
        tracing::info!(migration = next.name, "the schema of the database was changed");
    }
}

/// Refuses a database whose past is not ours.
fn check(recorded: &[(String, String)], all: &[Migration]) -> Result<(), Error> {
    for (place, (name, sum)) in recorded.iter().enumerate() {
        match all.get(place) {
            Some(known) if known.name != name => {
                return Err(Error::Migration(format!(
                    "the database has the migration {name} where {} belongs",
                    known.name
                )));
            }
            Some(known) if checksum(known) != *sum => {
                return Err(Error::Migration(format!(
                    "the migration {name} was changed after it had run"
                )));
            }
            Some(_) => {}
            None => {
                return Err(Error::Migration(format!(
                    "the database was used by a newer wharf: this one does not know the migration {name}"
                )));
            }
        }
    }
    Ok(())
}

fn checksum(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.sql.as_bytes()))
}

const RECORDED: &str = "select name, checksum from schema_migrations order by name";

fn read_recorded(row: &AnyRow) -> Result<(String, String), Error> {
    let row = Columns::new(row, "schema_migrations", "name");
    Ok((row.text("name")?, row.text("checksum")?))
}

impl super::Tx {
    async fn recorded_migrations(&mut self) -> Result<Vec<(String, String)>, Error> {
        let table = sqlx::query(self.kind.has_migrations());
        if self.row(table).await?.is_none() {
            return Ok(Vec::new());
        }
        let rows = self.rows(sqlx::query(RECORDED)).await?;
        rows.iter().map(read_recorded).collect()
    }
}
