//! Memory: all SQL of the house, on SQLite and PostgreSQL.
//!
//! Floor 3 calls [`Store::begin`] and [`Store::read`] for a [`Tx`] with one method for each thing to remember, grouped
//! in one file for each noun; networks are given a [`Keyring`] and nothing else. `find…` answers an `Option`, `list…`
//! a `Vec`; what must be unique and is not becomes [`Error::Taken`].
//!
//! Deliberately not here: decisions. No method calls another party, and none knows what its rows are for.

mod accounts;
mod address_book;
mod chat_marks;
mod claims;
mod config;
mod contacts;
mod credentials;
mod deliveries;
mod devices;
mod engine;
mod erasing;
mod error;
mod frames;
mod galleries;
mod ghosts;
mod groups;
mod history;
mod identities;
mod jobs;
pub(crate) mod keyring;
mod later;
mod links;
mod lock;
mod messages;
mod migrations;
mod new_chats;
mod people;
mod portals;
mod reactions;
mod reading;
mod reads;
mod receipts;
mod sends;
mod sessions;
mod spaces;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod timers;
mod tokens;
mod transactions;
mod tx;
mod types;
mod votes;
mod webhooks;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

pub(crate) use chat_marks::MarkedChat;
pub(crate) use claims::Claim;
pub(crate) use config::{Config, Synchronous};
pub(crate) use credentials::{CredentialChange, NewCredential};
pub(crate) use deliveries::{DeliveryRecord, DeliveryState};
pub(crate) use devices::Traffic;
pub(crate) use error::Error;
pub(crate) use frames::Frame;
pub(crate) use ghosts::Ghost;
pub(crate) use groups::{KnownGroup, Misplaced, ShownGroup};
pub(crate) use history::Unshown;
pub(crate) use keyring::Keyring;
pub(crate) use messages::{DELETED, Direction, Message, MessageContent, MessageState, REFUSED};
pub(crate) use portals::Portal;
pub(crate) use reactions::Reaction;
pub(crate) use reading::{Part, Place, StoredChat, StoredMessage, Whose};
pub(crate) use reads::UpTo;
pub(crate) use receipts::{Receipt, TimedReceipt};
pub(crate) use sends::{SendRow, SendStatus};
pub(crate) use sessions::Session;
pub(crate) use tokens::NewToken;
pub(crate) use tx::Tx;
pub(crate) use votes::Vote;

use crate::model::{Clock, DeviceId};

/// The memory of the house. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Store(Arc<Inner>);

struct Inner {
    engine: engine::Engine,
    lock: lock::ProcessLock,
    clock: Clock,
    pushed: Arc<Notify>,
    /// Devices whose keys were forgotten while this process ran.
    forgotten: Mutex<HashSet<DeviceId>>,
}

impl Store {
    /// Opens the database: locks it for this process, creates it when there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// `InUse` when another process has it, `Migration` when its schema is not ours, `Unavailable`.
    pub(crate) async fn open(config: &Config, clock: Clock) -> Result<Self, Error> {
        let store = Self::open_as_is(config, clock).await?;
        store.prepare(config.migrate).await?;
        Ok(store)
    }

    /// Opens the database with the schema it has: only [`Store::migrations`] and [`Store::migrate`] make sense.
    ///
    /// # Errors
    /// `InUse`, `Unavailable`.
    pub(crate) async fn open_as_is(config: &Config, clock: Clock) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let place = engine::Place::of(config)?;
        let lock = lock::ProcessLock::take(&place, &config::without_password(&config.url)).await?;
        let engine = engine::Engine::connect(&place, config).await?;
        Ok(Self(Arc::new(Inner {
            engine,
            lock,
            clock,
            pushed: Arc::default(),
            forgotten: Mutex::default(),
        })))
    }

    /// Names of the migrations that ran on a database, and of those that did not; `None` when its file is not there.
    /// Changes nothing, and does not mind that another process works on it.
    ///
    /// # Errors
    /// `Migration` when its schema is not ours, `Unavailable`.
    pub(crate) async fn look(config: &Config) -> Result<Option<(Vec<String>, Vec<String>)>, Error> {
        sqlx::any::install_default_drivers();
        migrations::look(config).await
    }

    /// Begins a transaction; what it writes happens with [`Tx::commit`].
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        let transaction = self.0.engine.begin().await?;
        Ok(self.tx(tx::Link::Writing(transaction)))
    }

    /// A connection for reading, which waits for no writer.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn read(&self) -> Result<Tx, Error> {
        let connection = self.0.engine.read().await?;
        Ok(self.tx(tx::Link::Reading(connection)))
    }

    fn tx(&self, link: tx::Link) -> Tx {
        Tx::new(
            link,
            self.0.engine.kind,
            self.0.clock.clone(),
            Arc::clone(&self.0.pushed),
        )
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        self.read().await?.execute(sqlx::query("select 1")).await.map(drop)
    }

    /// Returns when the right to work on the database is lost: stop then, another process may have it.
    pub(crate) async fn lost(&self) {
        self.0.lock.lost().await;
    }

    /// Waits for what is still running, closes all connections and gives the database to others.
    pub(crate) async fn close(&self) {
        self.0.engine.close().await;
        self.0.lock.release().await;
    }

    /// Where the store takes the time from.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Wakes one worker whenever there may be work.
    pub(crate) fn job_pushed(&self) -> &Notify {
        &self.0.pushed
    }

    fn forgotten(&self) -> MutexGuard<'_, HashSet<DeviceId>> {
        self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the memory that networks use.
    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::new(self.clone())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.engine.kind).finish()
    }
}
