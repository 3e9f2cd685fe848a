//! The keyring: what a network's protocol must remember of a device, as bytes that only the network understands.
//!
//! Networks use this and nothing else of the store. Every change is one transaction of its own, and changes of one
//! device follow each other, so that reading and writing again is safe. People, whom all devices share, are in
//! `people.rs`.

use super::{
    Store, Tx,
    types::{Columns, text},
};
use crate::model::DeviceId;

pub(crate) use super::{Error, people::Person};

/// The part of the memory that networks use. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    pub(super) store: Store,
}

/// One of several changes that happen together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Remember bytes under a key, instead of what was there.
    Put {
        /// Kind of the key.
        kind: String,
        /// The key.
        key: String,
        /// The bytes.
        bytes: Vec<u8>,
        /// When they may be forgotten, in whatever unit [`Keyring::remove_expired`] is asked with.
        expires: Option<i64>,
    },
    /// Forget a key.
    Remove {
        /// Kind of the key.
        kind: String,
        /// The key.
        key: String,
    },
}

/// Sorts after every key that begins with what it is appended to.
const LAST: char = '\u{10FFFF}';

impl Keyring {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Begins a change of a device's keys.
    async fn change(&self, device: DeviceId) -> Result<Tx, Error> {
        let mut tx = self.store.begin().await?;
        tx.lock(&format!("keys {device}")).await?;
        Ok(tx)
    }

    /// From now on a device is remembered, also when its id was forgotten before.
    pub(crate) fn begin(&self, device: DeviceId) {
        self.store.forgotten().remove(&device);
    }

    /// Whether a device is gone: what its library still writes as it ends is for nobody. Asked under the lock of the
    /// device, so that no write slips in behind the forgetting.
    fn is_forgotten(&self, device: DeviceId) -> bool {
        self.store.forgotten().contains(&device)
    }

    /// The bytes under a key.
    pub(crate) async fn get(&self, device: DeviceId, kind: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store.read().await?.find_key(device, kind, key).await
    }

    /// The bytes under those of some keys that are there.
    pub(crate) async fn get_many<K: AsRef<str> + Sync>(
        &self,
        device: DeviceId,
        kind: &str,
        keys: &[K],
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut tx = self.store.read().await?;
        let mut found = Vec::new();
        for key in keys {
            if let Some(bytes) = tx.find_key(device, kind, key.as_ref()).await? {
                found.push((key.as_ref().to_owned(), bytes));
            }
        }
        Ok(found)
    }

    /// The keys of a kind, all or those with a prefix, ordered byte by byte.
    pub(crate) async fn list(
        &self,
        device: DeviceId,
        kind: &str,
        prefix: Option<&str>,
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let prefix = text(prefix.unwrap_or_default());
        let query = sqlx::query(
            "select name, content from keys where device = $1 and kind = $2 and name >= $3 and name < $4 order by name",
        )
        .bind(device.to_string())
        .bind(text(kind))
        .bind(prefix.as_str())
        .bind(format!("{prefix}{LAST}"));
        let rows = self.store.read().await?.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "keys", "name");
                Ok((row.text("name")?, row.bytes("content")?))
            })
            .collect()
    }

    /// The names of the keys of a kind, all or those with a prefix, ordered byte by byte.
    pub(crate) async fn names(&self, device: DeviceId, kind: &str, prefix: Option<&str>) -> Result<Vec<String>, Error> {
        let prefix = text(prefix.unwrap_or_default());
        let query = sqlx::query(
            "select name from keys where device = $1 and kind = $2 and name >= $3 and name < $4 order by name",
        )
        .bind(device.to_string())
        .bind(text(kind))
        .bind(prefix.as_str())
        .bind(format!("{prefix}{LAST}"));
        let rows = self.store.read().await?.rows(query).await?;
        rows.iter()
            .map(|row| Columns::new(row, "keys", "name").text("name"))
            .collect()
    }

    /// How many keys of a kind there are.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests look at what is kept"))]
    pub(crate) async fn count(&self, device: DeviceId, kind: &str) -> Result<i64, Error> {
        let query = sqlx::query("select count(*) as number from keys where device = $1 and kind = $2")
            .bind(device.to_string())
            .bind(text(kind));
        self.store.read().await?.number(query).await
    }

    /// Remembers bytes under keys, instead of what was there: all of them or none.
    pub(crate) async fn put<K: AsRef<str> + Sync, B: AsRef<[u8]> + Sync>(
        &self,
        device: DeviceId,
        kind: &str,
        entries: &[(K, B, Option<i64>)],
    ) -> Result<(), Error> {
        let mut tx = self.change(device).await?;
        if self.is_forgotten(device) {
            return Ok(());
        }
        for (key, bytes, expires) in entries {
            tx.put_key(device, kind, key.as_ref(), bytes.as_ref(), *expires).await?;
        }
        tx.commit().await
    }

    /// Forgets keys; how many were there.
    pub(crate) async fn remove<K: AsRef<str> + Sync>(
        &self,
        device: DeviceId,
        kind: &str,
        keys: &[K],
    ) -> Result<u64, Error> {
        let mut tx = self.change(device).await?;
        let mut removed = 0;
        for key in keys {
            removed += tx.remove_key(device, kind, key.as_ref()).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// Takes the bytes under a key away: of several who ask, one gets them.
    pub(crate) async fn take(&self, device: DeviceId, kind: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut tx = self.change(device).await?;
        let bytes = tx.find_key(device, kind, key).await?;
        tx.remove_key(device, kind, key).await?;
        tx.commit().await?;
        Ok(bytes)
    }

    /// Changes the bytes under a key with nobody in between: `change` is given what is there and answers what shall be.
    pub(crate) async fn update<F>(&self, device: DeviceId, kind: &str, key: &str, mut change: F) -> Result<(), Error>
    where
        F: FnMut(Option<Vec<u8>>) -> Option<Vec<u8>> + Send,
    {
        let mut tx = self.change(device).await?;
        if self.is_forgotten(device) {
            return Ok(());
        }
        let before = tx.find_key(device, kind, key).await?;
        match change(before) {
            Some(bytes) => {
                let query = sqlx::query(
                    "insert into keys (device, kind, name, content) values ($1, $2, $3, $4) \
                     on conflict (device, kind, name) do update set content = excluded.content",
                )
                .bind(device.to_string())
                .bind(text(kind))
                .bind(text(key))
                .bind(bytes);
                tx.execute(query).await?;
            }
            None => {
                tx.remove_key(device, kind, key).await?;
            }
        }
        tx.commit().await
    }

    /// Makes several changes, in order: all of them or none.
    pub(crate) async fn batch(&self, device: DeviceId, changes: Vec<Change>) -> Result<(), Error> {
        let mut tx = self.change(device).await?;
        if self.is_forgotten(device) {
            return Ok(());
        }
        for change in &changes {
            match change {
                Change::Put {
                    kind,
                    key,
                    bytes,
                    expires,
                } => tx.put_key(device, kind, key, bytes, *expires).await?,
                Change::Remove { kind, key } => tx.remove_key(device, kind, key).await.map(drop)?,
            }
        }
        tx.commit().await
    }

    /// Forgets the keys of a kind that expired by `now`; how many.
    pub(crate) async fn remove_expired(&self, device: DeviceId, kind: &str, now: i64) -> Result<u64, Error> {
        let query = sqlx::query("delete from keys where device = $1 and kind = $2 and expires <= $3")
            .bind(device.to_string())
            .bind(text(kind))
            .bind(now);
        self.remove_all(device, query).await
    }

    /// Forgets the keys of a kind with a prefix; how many.
    pub(crate) async fn remove_prefix(&self, device: DeviceId, kind: &str, prefix: &str) -> Result<u64, Error> {
        let prefix = text(prefix);
        let query = sqlx::query("delete from keys where device = $1 and kind = $2 and name >= $3 and name < $4")
            .bind(device.to_string())
            .bind(text(kind))
            .bind(prefix.as_str())
            .bind(format!("{prefix}{LAST}"));
        self.remove_all(device, query).await
    }

    /// Forgets all keys of a kind; how many.
    pub(crate) async fn clear_kind(&self, device: DeviceId, kind: &str) -> Result<u64, Error> {
        let query = sqlx::query("delete from keys where device = $1 and kind = $2")
            .bind(device.to_string())
            .bind(text(kind));
        self.remove_all(device, query).await
    }

    /// Forgets everything of a device, for good: what is still written for it later is not kept.
    pub(crate) async fn forget(&self, device: DeviceId) -> Result<(), Error> {
        self.store.forgotten().insert(device);
        let query = sqlx::query("delete from keys where device = $1").bind(device.to_string());
        self.remove_all(device, query).await.map(drop)
    }

    async fn remove_all(
        &self,
        device: DeviceId,
        query: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>,
    ) -> Result<u64, Error> {
        let mut tx = self.change(device).await?;
        let removed = tx.execute(query).await?;
        tx.commit().await?;
        Ok(removed)
    }
}

impl Tx {
    async fn find_key(&mut self, device: DeviceId, kind: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let query = sqlx::query("select name, content from keys where device = $1 and kind = $2 and name = $3")
            .bind(device.to_string())
            .bind(text(kind))
            .bind(text(key));
        self.row(query)
            .await?
            .map(|row| Columns::new(&row, "keys", "name").bytes("content"))
            .transpose()
    }

    async fn put_key(
        &mut self,
        device: DeviceId,
        kind: &str,
        key: &str,
        bytes: &[u8],
        expires: Option<i64>,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into keys (device, kind, name, content, expires) values ($1, $2, $3, $4, $5) \
             on conflict (device, kind, name) do update set content = excluded.content, expires = excluded.expires",
        )
        .bind(device.to_string())
        .bind(text(kind))
        .bind(text(key))
        .bind(bytes)
        .bind(expires);
        self.execute(query).await.map(drop)
    }

    async fn remove_key(&mut self, device: DeviceId, kind: &str, key: &str) -> Result<u64, Error> {
        let query = sqlx::query("delete from keys where device = $1 and kind = $2 and name = $3")
            .bind(device.to_string())
            .bind(text(kind))
            .bind(text(key));
        self.execute(query).await
    }
}
