//! The two engines: how each is connected to and what differs between them. Everything else in this room is one text.
//!
//! SQLite writes through one connection, so that writers queue up here instead of failing with "database is locked",
//! and reads through others, which may not write at all. PostgreSQL uses one pool for both.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
    pool::PoolConnection,
};

use super::{Config, Error, Synchronous};

/// Which engine a database is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A file; its folder exists.
    File(PathBuf),
    /// A database on a server.
    Server(url::Url),
}

impl Place {
    /// Reads `database.url`.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let text = config.url.as_str();
        if let Some(path) = sqlite_path(text) {
            return Self::file(path);
        }
        match url::Url::parse(text) {
            Ok(url) if ["postgres", "postgresql"].contains(&url.scheme()) => Ok(Self::Server(url)),
            _ => Err(wrong_address("database.url must begin with sqlite: or postgres://")),
        }
    }

    /// A file by its one absolute name, so that two spellings meet at one lock.
    fn file(path: &Path) -> Result<Self, Error> {
        let name = path
            .file_name()
            .ok_or_else(|| wrong_address("database.url names no file"))?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
        Ok(Self::File(
            fs::canonicalize(folder).map_err(sqlx::Error::Io)?.join(name),
        ))
    }

    /// As the drivers want to hear it.
    pub(super) fn options(&self) -> Result<AnyConnectOptions, Error> {
        let text = match self {
            Self::Server(url) => url.to_string(),
            Self::File(path) => {
                // The driver decodes per cent signs, and ends the path at a question mark.
                let path = path
                    .to_str()
                    .ok_or_else(|| wrong_address("the path of the database is not text"))?;
                let encoded = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
                format!("sqlite://{encoded}")
            }
        };
        Ok(text.parse()?)
    }
}

/// The file that an address of SQLite names.
pub(super) fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(Path::new(path.split('?').next().unwrap_or_default()))
}

/// One connection for reading, whoever else works there, and to which engine; `None` when the file of the database is not
/// there.
pub(super) async fn look(config: &Config) -> Result<Option<(Kind, AnyConnection)>, Error> {
    let file = sqlite_path(&config.url);
    if file.is_some_and(|file| !file.exists()) {
        return Ok(None);
    }
    let mut connection = Place::of(config)?.options()?.connect().await?;
    if file.is_none() {
        return Ok(Some((Kind::Postgres, connection)));
    }
    connection
        .execute(sqlx::raw_sql("pragma busy_timeout = 10000; pragma query_only = on;"))
        .await?;
    Ok(Some((Kind::Sqlite, connection)))
}

fn wrong_address(what: &'static str) -> Error {
    sqlx::Error::Configuration(what.into()).into()
}

macro_rules! claimable {
    ($end:literal) => {
        concat!(
            "select j.id, j.lane from jobs j \
             where j.run_at <= $1 and (j.locked_until is null or j.locked_until <= $1) \
             and not exists (select 1 from jobs e where e.lane = j.lane and e.id < j.id) \
             and not exists (select 1 from jobs l where l.lane = j.lane and l.locked_until > $1) \
             order by j.run_at, j.id limit 1",
            $end
        )
    };
}

/// The first job of a lane without a live lock that is due at `$1`; of several lanes, the one that is due longest.
pub(super) const CLAIMABLE: &str = claimable!("");

/// A connected database.
#[derive(Debug)]
pub(super) struct Engine {
    /// Which.
    pub(super) kind: Kind,
    write: AnyPool,
    read: AnyPool,
}

impl Engine {
    /// Connects.
    pub(super) async fn connect(place: &Place, config: &Config) -> Result<Self, Error> {
        let options = place.options()?;
        let connections = config.connections.max(1);
        match place {
            Place::Server(_) => {
                let pool = AnyPoolOptions::new()
                    .max_connections(connections)
                    .connect_with(options)
                    .await?;
                Ok(Self {
                    kind: Kind::Postgres,
                    write: pool.clone(),
                    read: pool,
                })
            }
            Place::File(path) => {
                create_private(path).map_err(sqlx::Error::Io)?;
                let write = sqlite_pool(1, pragmas(config.synchronous, false))
                    .connect_with(options.clone())
                    .await?;
                let read = sqlite_pool(connections, pragmas(config.synchronous, true))
                    .connect_with(options)
                    .await?;
                Ok(Self {
                    kind: Kind::Sqlite,
                    write,
                    read,
                })
            }
        }
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.kind {
            // A transaction that reads first and writes later could not become the writer any more.
            Kind::Sqlite => self.write.begin_with("begin immediate").await,
            Kind::Postgres => self.write.begin().await,
        }
    }

    /// A connection for reading.
    pub(super) async fn read(&self) -> Result<PoolConnection<Any>, sqlx::Error> {
        self.read.acquire().await
    }

    /// Ends all connections once they are given back.
    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// The database holds secrets: only its owner may read it. SQLite gives its other files the same rights.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn pragmas(synchronous: Synchronous, read_only: bool) -> &'static str {
    match (synchronous, read_only) {
        (_, true) => {
            "pragma busy_timeout = 10000; pragma foreign_keys = on; pragma journal_mode = wal; pragma query_only = on;"
        }
        (Synchronous::Full, false) => {
            "pragma busy_timeout = 10000; pragma foreign_keys = on; pragma journal_mode = wal; pragma synchronous = full;"
        }
        (Synchronous::Normal, false) => {
            "pragma busy_timeout = 10000; pragma foreign_keys = on; pragma journal_mode = wal; pragma synchronous = normal;"
        }
    }
}

fn sqlite_pool(connections: u32, pragmas: &'static str) -> sqlx::pool::PoolOptions<Any> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(sqlx::raw_sql(pragmas)).await.map(drop) })
        })
}

impl Kind {
    /// Fills in the words of a migration that differ.
    pub(super) fn migration(self, template: &str) -> AssertSqlSafe<String> {
        let (blob, serial, bytewise) = match self {
            Self::Sqlite => ("blob", "integer primary key autoincrement", "collate binary"),
            Self::Postgres => (
                "bytea",
                "bigint generated by default as identity primary key",
                "collate \"C\"",
            ),
        };
        let text = template.replace("{{blob}}", blob).replace("{{serial}}", serial);
        AssertSqlSafe(text.replace("{{bytewise}}", bytewise))
    }

    /// The statement that answers with one row when the table of migrations is there, and with none when it is not.
    pub(super) fn has_migrations(self) -> &'static str {
        match self {
            Self::Sqlite => "select 1 as found from sqlite_master where type = 'table' and name = 'schema_migrations'",
            Self::Postgres => "select 1 as found where to_regclass('schema_migrations') is not null",
        }
    }

    /// [`CLAIMABLE`] for somebody who wants to claim it: PostgreSQL locks the row, and passes over rows that another
    /// claimer looks at.
    pub(super) fn claimable(self) -> &'static str {
        match self {
            Self::Sqlite => CLAIMABLE,
            Self::Postgres => claimable!(" for update of j skip locked"),
        }
    }

    /// The statement that takes the lock `$1` until the end of the transaction, waiting for it.
    ///
    /// SQLite needs none: there is one writer.
    pub(super) fn lock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("select pg_advisory_xact_lock($1)"),
        }
    }

    /// The same without waiting: answers 1 when the lock was taken.
    pub(super) fn try_lock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("select case when pg_try_advisory_xact_lock($1) then 1 else 0 end as taken"),
        }
    }
}

/// The number under which PostgreSQL locks something that has a name.
pub(super) fn lock_number(name: &str) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0_i64, |number, byte| (number << 8) | i64::from(*byte))
}
