//! The secrets inside messages, which later edits, votes and comments are encrypted with.

use async_trait::async_trait;
use whatsapp_rust::wacore::store::{
    error::{Result as Stored, StoreError},
    traits::{MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts},
};

use crate::store::keyring;

use super::{Keys, borrowed, count, failed, joined, kind};

/// A stored secret: 32 bytes, then its deadline and its message's time, both in seconds.
struct Secret {
    bytes: [u8; 32],
    expires_at: i64,
    message_ts: i64,
}

impl Secret {
    fn write(&self) -> Vec<u8> {
        [
            &self.bytes[..],
            &self.expires_at.to_be_bytes(),
            &self.message_ts.to_be_bytes(),
        ]
        .concat()
    }

    fn read(bytes: &[u8]) -> Stored<Self> {
        let parts = || {
            let (secret, rest) = bytes.split_first_chunk::<32>()?;
            let (expires_at, rest) = rest.split_first_chunk::<8>()?;
            let (message_ts, _) = rest.split_first_chunk::<8>()?;
            Some(Self {
                bytes: *secret,
                expires_at: i64::from_be_bytes(*expires_at),
                message_ts: i64::from_be_bytes(*message_ts),
            })
        };
        parts().ok_or_else(|| StoreError::Validation("a message secret has 48 bytes".to_owned()))
    }

    /// A row that came again never shortens a deadline and never forgets a time.
    fn merged_with(mut self, older: &Self) -> Self {
        self.expires_at = merge_msg_secret_expiry(older.expires_at, self.expires_at);
        self.message_ts = merge_msg_secret_message_ts(older.message_ts, self.message_ts);
        self
    }

    /// `0` means never.
    fn deadline(&self) -> Option<i64> {
        (self.expires_at != 0).then_some(self.expires_at)
    }
}

impl Keys {
    /// The secret in a message, as the library keeps it.
    ///
    /// # Errors
    /// The store could not be asked.
    pub(in super::super) async fn secret(
        &self,
        chat: &str,
        sender: &str,
        id: &str,
    ) -> Result<Option<[u8; 32]>, keyring::Error> {
        let key = joined(&[chat, sender, id]);
        let row = self.keyring.get(self.device, kind::SECRET, &key).await?;
        Ok(row.and_then(|row| Secret::read(&row).ok()).map(|secret| secret.bytes))
    }
}

#[async_trait]
impl MsgSecretStore for Keys {
    async fn put_msg_secrets(&self, mut entries: Vec<MsgSecretEntry>) -> Stored<usize> {
        // What is over when it begins is not to be kept: polls and events, see `envelopes`.
        entries.retain(|entry| entry.expires_at == 0 || entry.expires_at > entry.message_ts);
        if entries.is_empty() {
            return Ok(0);
        }
        let _turn = self.turn.lock().await;
        let keys: Vec<_> = entries
            .iter()
            .map(|entry| joined(&[&entry.chat, &entry.sender, &entry.msg_id]))
            .collect();
        let known = self
            .keyring
            .get_many(self.device, kind::SECRET, &borrowed(&keys))
            .await
            .map_err(failed)?;
        let mut rows: std::collections::BTreeMap<_, _> = known
            .into_iter()
            .map(|(key, bytes)| Ok((key, Secret::read(&bytes)?)))
            .collect::<Stored<_>>()?;
        for (key, entry) in keys.iter().zip(&entries) {
            let mut secret = Secret {
                bytes: entry.secret,
                expires_at: entry.expires_at,
                message_ts: entry.message_ts,
            };
            if let Some(older) = rows.get(key) {
                secret = secret.merged_with(older);
            }
            rows.insert(key.clone(), secret);
        }
        let rows: Vec<_> = rows
            .iter()
            .map(|(key, secret)| (key, secret.write(), secret.deadline()))
            .collect();
        let rows: Vec<_> = rows
            .iter()
            .map(|(key, bytes, deadline)| (key.as_str(), &bytes[..], *deadline))
            .collect();
        self.keyring
            .put(self.device, kind::SECRET, &rows)
            .await
            .map_err(failed)?;
        Ok(entries.len())
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Stored<Option<Vec<u8>>> {
        Ok(self
            .get_msg_secret_with_ts(chat, sender, msg_id)
            .await?
            .map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(&self, chat: &str, sender: &str, msg_id: &str) -> Stored<Option<(Vec<u8>, i64)>> {
        let key = joined(&[chat, sender, msg_id]);
        let bytes = self
            .keyring
            .get(self.device, kind::SECRET, &key)
            .await
            .map_err(failed)?;
        let secret = bytes.map(|bytes| Secret::read(&bytes)).transpose()?;
        Ok(secret.map(|secret| (secret.bytes.to_vec(), secret.message_ts)))
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Stored<u32> {
        self.keyring
            .remove_expired(self.device, kind::SECRET, cutoff_timestamp)
            .await
            .map(count)
            .map_err(failed)
    }
}
