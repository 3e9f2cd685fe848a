//! One process works on one database: a second one is refused at start.
//!
//! SQLite: an operating system lock on a file beside the database, gone with the process. PostgreSQL: an advisory lock
//! of a session of its own, gone with that session, which is why its holder must watch it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use sqlx::{AnyConnection, ConnectOptions, Connection, Row, any::AnyConnectOptions};
use tokio::time::{sleep, timeout};

use super::{
    Error,
    engine::{Place, lock_number},
};

/// A killed predecessor's session may live on for a moment.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// How often the session is looked at, and how long it may take to answer.
const WATCH: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);

/// The right to work on a database.
#[derive(Debug)]
pub(super) enum ProcessLock {
    /// While the file is open.
    File(Mutex<Option<File>>),
    /// While the session lives.
    Session(tokio::sync::Mutex<Session>),
}

/// A session that holds the lock.
#[derive(Debug)]
pub(super) enum Session {
    /// It does.
    Held(AnyConnection),
    /// It died.
    Lost,
    /// We gave the lock back.
    Closed,
}

impl ProcessLock {
    /// Takes the lock.
    pub(super) async fn take(place: &Place, shown: &str) -> Result<Self, Error> {
        match place {
            Place::File(path) => lock_file(path).map(|file| Self::File(Mutex::new(Some(file)))),
            Place::Server(_) => {
                let session = lock_session(&place.options()?, shown).await?;
                Ok(Self::Session(tokio::sync::Mutex::new(Session::Held(session))))
            }
        }
    }

    /// Returns when the lock is lost; never after it was given back.
    pub(super) async fn lost(&self) {
        let Self::Session(session) = self else {
            return std::future::pending::<()>().await;
        };
        loop {
            sleep(WATCH).await;
            let mut session = session.lock().await;
            match &mut *session {
                Session::Held(connection) => {
                    if !matches!(timeout(ANSWER, connection.ping()).await, Ok(Ok(()))) {
                        *session = Session::Lost;
                        return;
                    }
                }
                Session::Lost => return,
                Session::Closed => break,
            }
        }
        std::future::pending::<()>().await;
    }

    /// Gives the lock back.
    pub(super) async fn release(&self) {
        match self {
            Self::File(file) => drop(file.lock().map(|mut file| file.take())),
            Self::Session(session) => {
                let session = std::mem::replace(&mut *session.lock().await, Session::Closed);
                if let Session::Held(connection) = session {
                    // Whatever it answers, the lock ends with the connection.
                    let _ = timeout(ANSWER, connection.close()).await;
                }
            }
        }
    }
}

fn lock_file(path: &Path) -> Result<File, Error> {
    let lock = path.with_added_extension("lock");
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&lock)
        .map_err(sqlx::Error::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(format!(
            "another wharf works on {}: stop it first, or give this one another file in database.url",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(sqlx::Error::Io(error).into()),
    }
}

async fn lock_session(options: &AnyConnectOptions, shown: &str) -> Result<AnyConnection, Error> {
    let mut connection = options.connect().await?;
    // Without these the server would keep the lock of a machine that lost its power for two hours.
    sqlx::raw_sql(
        "set application_name = 'wharf: process lock'; set idle_session_timeout = 0; \
         set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;",
    )
    .execute(&mut connection)
    .await?;
    let number = lock_number("process");
    for attempt in 1..=ATTEMPTS {
        let row = sqlx::query("select case when pg_try_advisory_lock($1) then 1 else 0 end as taken")
            .bind(number)
            .fetch_one(&mut connection)
            .await?;
        if row.try_get::<i32, _>("taken")? == 1 {
            return Ok(connection);
        }
        if attempt < ATTEMPTS {
            sleep(PAUSE).await;
        }
    }
    Err(Error::InUse(format!(
        "another wharf works on the database {shown}: stop it first, or give this one its own database in database.url"
    )))
}
