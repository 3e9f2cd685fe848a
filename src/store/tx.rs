//! A connection with all methods of the store: each noun adds its own in its own file.

use std::sync::Arc;

use sqlx::{
    Any, AnyConnection, Transaction,
    any::{AnyArguments, AnyRow},
    pool::PoolConnection,
    query::Query,
};
use tokio::sync::Notify;

use super::{
    Error,
    engine::{Kind, lock_number},
};
use crate::model::{Clock, Timestamp};

/// A transaction, or a connection for reading only. Dropped without [`Tx::commit`], nothing of it has happened.
pub(crate) struct Tx {
    connection: Link,
    pub(super) kind: Kind,
    clock: Clock,
    pushed: Arc<Notify>,
    wakes: bool,
    failed: bool,
}

/// What a [`Tx`] speaks through.
pub(super) enum Link {
    /// A transaction that may write.
    Writing(Transaction<'static, Any>),
    /// A connection that commits each statement by itself.
    Reading(PoolConnection<Any>),
}

impl Tx {
    pub(super) fn new(connection: Link, kind: Kind, clock: Clock, pushed: Arc<Notify>) -> Self {
        Self {
            connection,
            kind,
            clock,
            pushed,
            wakes: false,
            failed: false,
        }
    }

    /// Makes everything in it happen.
    ///
    /// # Errors
    /// When a statement in it failed before (whatever became of that error), or the database cannot: then nothing has
    /// happened. When the connection breaks while it answers, all of it may have happened or nothing.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        if self.failed {
            // PostgreSQL would answer "committed" and have rolled back.
            return Err(sqlx::Error::Protocol("a statement of this transaction failed".into()).into());
        }
        if let Link::Writing(transaction) = self.connection {
            fail::fail_point!("store.commit.before");
            transaction.commit().await?;
            fail::fail_point!("store.commit.after");
        }
        if self.wakes {
            self.pushed.notify_one();
        }
        Ok(())
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// There is, or will be, work: somebody must look once this is committed.
    pub(super) fn wake_workers(&mut self) {
        self.wakes = true;
    }

    fn connection(&mut self) -> &mut AnyConnection {
        match &mut self.connection {
            Link::Writing(transaction) => transaction,
            Link::Reading(connection) => connection,
        }
    }

    fn watch<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        self.failed |= result.is_err();
        Ok(result?)
    }

    /// Runs a statement and tells how many rows it touched.
    pub(super) async fn execute(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<u64, Error> {
        let result = query.execute(self.connection()).await;
        self.watch(result).map(|done| done.rows_affected())
    }

    /// The first row of the answer.
    pub(super) async fn row(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<Option<AnyRow>, Error> {
        let result = query.fetch_optional(self.connection()).await;
        self.watch(result)
    }

    /// All rows of the answer.
    pub(super) async fn rows(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<Vec<AnyRow>, Error> {
        let result = query.fetch_all(self.connection()).await;
        self.watch(result)
    }

    /// The number in the one row and column `number` of the answer.
    pub(super) async fn number(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<i64, Error> {
        use sqlx::Row;
        let result = match query.fetch_one(self.connection()).await {
            Ok(row) => row.try_get("number"),
            Err(error) => Err(error),
        };
        self.watch(result)
    }

    /// Runs several statements at once.
    pub(super) async fn script(&mut self, sql: sqlx::AssertSqlSafe<String>) -> Result<(), Error> {
        let result = sqlx::raw_sql(sql).execute(self.connection()).await;
        self.watch(result).map(drop)
    }

    /// Waits until no other transaction holds what is called `name`, and holds it until the end of this one.
    pub(super) async fn lock(&mut self, name: &str) -> Result<(), Error> {
        match self.kind.lock() {
            Some(statement) => self
                .execute(sqlx::query(statement).bind(lock_number(name)))
                .await
                .map(drop),
            None => Ok(()),
        }
    }

    /// The same without waiting; whether it was free.
    pub(super) async fn try_lock(&mut self, name: &str) -> Result<bool, Error> {
        use sqlx::Row;
        let Some(statement) = self.kind.try_lock() else {
            return Ok(true);
        };
        let row = self.row(sqlx::query(statement).bind(lock_number(name))).await?;
        Ok(row.is_some_and(|row| row.try_get::<i32, _>("taken").is_ok_and(|taken| taken == 1)))
    }
}
