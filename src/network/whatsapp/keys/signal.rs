//! Sessions, identities and keys of the Signal protocol: opaque bytes by address or number.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use whatsapp_rust::wacore::store::{
    error::{Result, StoreError},
    traits::SignalStore,
};

use super::{Keys, borrowed, failed, kind};

/// Prefixed to a one-time key: whether the server has it.
const UPLOADED: u8 = 1;

/// Numbers as keys sort as numbers.
fn number(id: u32) -> String {
    format!("{id:010}")
}

fn read_number(key: &str) -> Result<u32> {
    key.parse()
        .map_err(|_| StoreError::Validation(format!("{key} is not the number of a key")))
}

fn pre_key(record: &[u8], uploaded: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(record.len() + 1);
    bytes.push(u8::from(uploaded) * UPLOADED);
    bytes.extend_from_slice(record);
    bytes
}

fn read_pre_key(bytes: Vec<u8>) -> Bytes {
    let bytes = Bytes::from(bytes);
    bytes.slice(1.min(bytes.len())..)
}

impl Keys {
    async fn put_all<'a>(&self, kind: &str, rows: impl IntoIterator<Item = (&'a str, &'a [u8])> + Send) -> Result<()> {
        let rows: Vec<_> = rows.into_iter().map(|(key, bytes)| (key, bytes, None)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.keyring.put(self.device, kind, &rows).await.map_err(failed)
    }

    async fn remove_one(&self, kind: &str, key: &str) -> Result<()> {
        self.keyring
            .remove(self.device, kind, &[key])
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn any_begins_with(&self, kind: &str, prefix: &str) -> Result<bool> {
        Ok(!self
            .keyring
            .list(self.device, kind, Some(prefix))
            .await
            .map_err(failed)?
            .is_empty())
    }
}

#[async_trait]
impl SignalStore for Keys {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.put_all(kind::IDENTITY, [(address, &key[..])]).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        let rows: Vec<_> = identities.iter().map(|(address, key)| (&**address, &key[..])).collect();
        self.put_all(kind::IDENTITY, rows).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let bytes = self
            .keyring
            .get(self.device, kind::IDENTITY, address)
            .await
            .map_err(failed)?;
        bytes
            .map(|bytes| {
                <[u8; 32]>::try_from(bytes.as_slice())
                    .map_err(|_| StoreError::Validation("an identity key has 32 bytes".to_owned()))
            })
            .transpose()
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.remove_one(kind::IDENTITY, address).await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self
            .keyring
            .get(self.device, kind::SESSION, address)
            .await
            .map_err(failed)?
            .map(Bytes::from))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.put_all(kind::SESSION, [(address, session)]).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        let rows: Vec<_> = sessions
            .iter()
            .map(|(address, session)| (&**address, &session[..]))
            .collect();
        self.put_all(kind::SESSION, rows).await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.remove_one(kind::SESSION, address).await
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        Ok(self
            .keyring
            .get(self.device, kind::SESSION, address)
            .await
            .map_err(failed)?
            .is_some())
    }

    /// Addresses are `user@server` for the first device of a user and `user:device@server` for the others.
    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        for kind in [kind::SESSION, kind::IDENTITY] {
            for end in ['@', ':'] {
                if self.any_begins_with(kind, &format!("{user}{end}")).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        self.put_all(kind::PRE_KEY, [(number(id).as_str(), &pre_key(record, uploaded)[..])])
            .await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        let rows: Vec<_> = keys
            .iter()
            .map(|(id, record)| (number(*id), pre_key(record, uploaded)))
            .collect();
        let rows: Vec<_> = rows.iter().map(|(key, bytes)| (key.as_str(), &bytes[..])).collect();
        self.put_all(kind::PRE_KEY, rows).await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self
            .keyring
            .get(self.device, kind::PRE_KEY, &number(id))
            .await
            .map_err(failed)?
            .map(read_pre_key))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let keys: Vec<_> = ids.iter().copied().map(number).collect();
        let rows = self
            .keyring
            .get_many(self.device, kind::PRE_KEY, &borrowed(&keys))
            .await
            .map_err(failed)?;
        rows.into_iter()
            .map(|(key, bytes)| Ok((read_number(&key)?, read_pre_key(bytes))))
            .collect()
    }

    /// Only marks what is still there: a key that was used up meanwhile must not come back.
    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        for id in ids {
            let mark = |bytes: Option<Vec<u8>>| {
                bytes.map(|mut bytes| {
                    if let Some(flag) = bytes.first_mut() {
                        *flag = UPLOADED;
                    }
                    bytes
                })
            };
            self.keyring
                .update(self.device, kind::PRE_KEY, &number(*id), mark)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.remove_one(kind::PRE_KEY, &number(id)).await
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        let rows = self
            .keyring
            .list(self.device, kind::PRE_KEY, None)
            .await
            .map_err(failed)?;
        rows.last().map_or(Ok(0), |(key, _)| read_number(key))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.put_all(kind::SIGNED_PRE_KEY, [(number(id).as_str(), record)])
            .await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.keyring
            .get(self.device, kind::SIGNED_PRE_KEY, &number(id))
            .await
            .map_err(failed)
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let rows = self
            .keyring
            .list(self.device, kind::SIGNED_PRE_KEY, None)
            .await
            .map_err(failed)?;
        rows.into_iter()
            .map(|(key, bytes)| Ok((read_number(&key)?, bytes)))
            .collect()
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.remove_one(kind::SIGNED_PRE_KEY, &number(id)).await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.put_all(kind::SENDER_KEY, [(address, record)]).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        let rows: Vec<_> = sender_keys
            .iter()
            .map(|(address, record)| (&**address, &record[..]))
            .collect();
        self.put_all(kind::SENDER_KEY, rows).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        self.keyring
            .get(self.device, kind::SENDER_KEY, address)
            .await
            .map_err(failed)
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.remove_one(kind::SENDER_KEY, address).await
    }
}
