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

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
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
