//! What the owner's devices share about chats and settings: keys, versions and checksums of five collections.

use std::collections::HashMap;

use async_trait::async_trait;
use whatsapp_rust::wacore::{
    appstate::{hash::HashState, processor::AppStateMutationMAC},
    store::{
        error::Result,
        traits::{AppStateSyncKey, AppSyncStore},
    },
};

use super::{Keys, borrowed, failed, from_json, joined, kind, to_json};
use crate::store::keyring::Change;

const LATEST: &str = "latest";

impl Keys {
    /// Wants a collection whole: it has no version until a whole copy of it is taken. A sync that runs meanwhile may store
    /// a version and changes nothing by it.
    pub(in super::super) async fn forget_version(&self, name: &str) -> Result<()> {
        self.keyring
            .put(self.device, kind::SYNC_FORGOTTEN, &[(name, &[], None)])
            .await
            .map_err(failed)
    }

    /// Whether no whole copy was taken since it was wanted.
    pub(in super::super) async fn is_version_forgotten(&self, name: &str) -> Result<bool> {
        let found = self.keyring.get(self.device, kind::SYNC_FORGOTTEN, name).await;
        Ok(found.map_err(failed)?.is_some())
    }
}

#[async_trait]
impl AppSyncStore for Keys {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        let bytes = self
            .keyring
            .get(self.device, kind::SYNC_KEY, &hex::encode(key_id))
            .await
            .map_err(failed)?;
        bytes.map(|bytes| from_json(&bytes)).transpose()
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        let put = |kind: &str, key: String, bytes| Change::Put {
            kind: kind.into(),
            key,
            bytes,
            expires: None,
        };
        let changes = vec![
            put(kind::SYNC_KEY, hex::encode(key_id), to_json(&key)?),
            put(kind::SYNC_KEY_LATEST, LATEST.into(), key_id.to_vec()),
        ];
        self.keyring.batch(self.device, changes).await.map_err(failed)
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        if self.is_version_forgotten(name).await? {
            return Ok(HashState::default());
        }
        let bytes = self
            .keyring
            .get(self.device, kind::SYNC_VERSION, name)
            .await
            .map_err(failed)?;
        bytes.map_or_else(|| Ok(HashState::default()), |bytes| from_json(&bytes))
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        let bytes = to_json(&state)?;
        self.keyring
            .put(self.device, kind::SYNC_VERSION, &[(name, &bytes, None)])
            .await
            .map_err(failed)
    }

    async fn put_mutation_macs(&self, name: &str, _: u64, mutations: &[AppStateMutationMAC]) -> Result<()> {
        if mutations.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = mutations
            .iter()
            .map(|mutation| joined(&[name, &hex::encode(&mutation.index_mac)]))
            .collect();
        let rows: Vec<_> = keys
            .iter()
            .zip(mutations)
            .map(|(key, mutation)| (key.as_str(), &mutation.value_mac[..], None))
            .collect();
        self.keyring
            .put(self.device, kind::MUTATION_MAC, &rows)
            .await
            .map_err(failed)
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = joined(&[name, &hex::encode(index_mac)]);
        self.keyring
            .get(self.device, kind::MUTATION_MAC, &key)
            .await
            .map_err(failed)
    }

    async fn get_mutation_macs(&self, name: &str, index_macs: &[[u8; 32]]) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let asked: HashMap<String, [u8; 32]> = index_macs
            .iter()
            .map(|index_mac| (joined(&[name, &hex::encode(index_mac)]), *index_mac))
            .collect();
        let keys: Vec<_> = asked.keys().map(String::as_str).collect();
        let rows = self
            .keyring
            .get_many(self.device, kind::MUTATION_MAC, &keys)
            .await
            .map_err(failed)?;
        Ok(rows
            .into_iter()
            .filter_map(|(key, mac)| asked.get(&key).map(|index_mac| (*index_mac, mac)))
            .collect())
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        let keys: Vec<_> = index_macs
            .iter()
            .map(|index_mac| joined(&[name, &hex::encode(index_mac)]))
            .collect();
        self.keyring
            .remove(self.device, kind::MUTATION_MAC, &borrowed(&keys))
            .await
            .map(drop)
            .map_err(failed)
    }

    /// The library begins from nothing, with a whole copy or the first patch (`wacore` 0.7.0: `process_patch_list`). The version
    /// of before goes first: dying in between, the next sync begins with a whole copy too.
    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let begins = vec![
            Change::Put {
                kind: kind::SYNC_VERSION.into(),
                key: name.into(),
                bytes: to_json(&HashState::default())?,
                expires: None,
            },
            Change::Remove {
                kind: kind::SYNC_FORGOTTEN.into(),
                key: name.into(),
            },
        ];
        self.keyring.batch(self.device, begins).await.map_err(failed)?;
        let prefix = joined(&[name, ""]);
        self.keyring
            .remove_prefix(self.device, kind::MUTATION_MAC, &prefix)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        self.keyring
            .get(self.device, kind::SYNC_KEY_LATEST, LATEST)
            .await
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Clock, DeviceId},
        store::testing::World,
    };

    fn at(version: u64) -> HashState {
        HashState {
            version,
            ..HashState::default()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_wanted_whole_has_no_version_until_a_whole_copy_is_taken() {
        let world = World::sqlite().await;
        let keys = Keys::new(world.store.keyring(), DeviceId::generate(), Clock::System);
        let version = async || keys.get_version("book").await.unwrap().version;
        keys.set_version("book", at(6)).await.unwrap();
        keys.forget_version("book").await.unwrap();
        // A sync that began before ends now.
        keys.set_version("book", at(7)).await.unwrap();
        assert_eq!(version().await, 0);
        keys.set_version("other", at(3)).await.unwrap();
        assert_eq!(keys.get_version("other").await.unwrap().version, 3);
        keys.clear_mutation_macs("book").await.unwrap();
        assert_eq!(version().await, 0, "nothing is stored of the copy yet");
        keys.set_version("book", at(8)).await.unwrap();
        assert_eq!(version().await, 8);
    }
}
