//! One collection: its patches as the server keeps them, and what they say as the phone reads them.
//!
//! Called by the other files of this folder. The arithmetic of the hashes is the library's.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, anyhow, bail, ensure};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::appstate::decode::Mutation;
use whatsapp_rust::wacore::appstate::hash::{HashState, generate_patch_mac};
use whatsapp_rust::wacore::appstate::{AppStateError, encode_record, process_patch};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::syncd_mutation::SyncdOperation;

use super::keys::Keys;
use crate::media::{self, Blobs, MediaKind, Seal};

/// The last bytes of a value are its authentication code.
const MAC: usize = 32;
/// Version of an action nobody described.
const DEFAULT_VERSION: u32 = 1;

/// Where blobs go, and the name of that host.
pub(super) type Store<'a> = (&'a mut Blobs, &'a str);

/// A setting written or removed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) index: Vec<String>,
    pub(crate) value: wa::SyncActionValue,
    pub(crate) is_removal: bool,
}

/// One collection of an account.
pub(super) struct Collection {
    name: &'static str,
    hash: HashState,
    /// The records that count, by the code of their index.
    records: BTreeMap<Vec<u8>, wa::SyncdRecord>,
    settings: BTreeMap<Vec<String>, wa::SyncActionValue>,
    /// The patches after version `since`; older ones are in a snapshot only.
    patches: Vec<Vec<u8>>,
    since: u64,
}

impl Collection {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            hash: HashState::default(),
            records: BTreeMap::new(),
            settings: BTreeMap::new(),
            patches: Vec::new(),
            since: 0,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn version(&self) -> u64 {
        self.hash.version
    }

    pub(super) fn settings(&self) -> &BTreeMap<Vec<String>, wa::SyncActionValue> {
        &self.settings
    }

    /// The patches after a version; `None` when only a snapshot goes so far back.
    pub(super) fn patches_after(&self, version: u64) -> Option<&[Vec<u8>]> {
        let skipped = usize::try_from(version.checked_sub(self.since)?).ok()?;
        Some(self.patches.get(skipped..).unwrap_or_default())
    }

    /// Drops the patches of now: whoever is behind gets a snapshot.
    pub(super) fn compact(&mut self) {
        self.patches.clear();
        self.since = self.hash.version;
    }

    /// A companion's patch, built on the version of now: verified, decoded, kept.
    pub(super) fn take(&mut self, keys: &Keys, patch: &[u8]) -> anyhow::Result<()> {
        let mut patch = wa::SyncdPatch::decode_from_slice(patch).context("read the patch")?;
        ensure!(!patch.mutations.is_empty(), "the patch changes nothing");
        // The server numbers patches.
        patch.version = MessageField::some(wa::SyncdVersion {
            version: Some(self.hash.version + 1),
        });
        let (hash, mutations) = self.applied(keys, &patch, true)?;
        self.keep(hash, &patch, mutations);
        self.patches.push(patch.encode_to_vec());
        Ok(())
    }

    /// The phone's own patch; answers the new version.
    pub(super) fn write(
        &mut self,
        keys: &Keys,
        changes: &[Change],
        external: Option<Store<'_>>,
    ) -> anyhow::Result<u64> {
        let key = keys.current();
        let mut patch = wa::SyncdPatch {
            version: MessageField::some(wa::SyncdVersion {
                version: Some(self.hash.version + 1),
            }),
            key_id: MessageField::some(wa::KeyId {
                id: Some(key.id.clone()),
            }),
            mutations: changes
                .iter()
                .map(|change| {
                    let operation = if change.is_removal {
                        SyncdOperation::REMOVE
                    } else {
                        SyncdOperation::SET
                    };
                    let action = change.index.first().map(String::as_str).unwrap_or_default();
                    let version = super::schema(action).map_or(DEFAULT_VERSION, |schema| schema.version);
                    let index = serde_json::to_vec(&change.index)?;
                    let (mutation, _) = encode_record(
                        operation,
                        &index,
                        &change.value,
                        &key.expanded,
                        &key.id,
                        &crate::server::step::random(),
                        i32::try_from(version)?,
                    );
                    Ok(mutation)
                })
                .collect::<anyhow::Result<_>>()?,
            ..Default::default()
        };
        let (hash, mutations) = self.applied(keys, &patch, false)?;
        patch.snapshot_mac = Some(hash.generate_snapshot_mac(self.name, &key.expanded.snapshot_mac));
        patch.patch_mac = Some(generate_patch_mac(
            &patch,
            self.name,
            &key.expanded.patch_mac,
            hash.version,
        ));
        self.keep(hash, &patch, mutations);
        if let Some(store) = external {
            let mutations = wa::SyncdMutations {
                mutations: std::mem::take(&mut patch.mutations),
            };
            patch.external_mutations = MessageField::some(blob(store, &mutations.encode_to_vec())?);
        }
        self.patches.push(patch.encode_to_vec());
        Ok(self.hash.version)
    }

    /// All records of now in a blob; answers what names it.
    pub(super) fn snapshot(&self, keys: &Keys, store: Store<'_>) -> anyhow::Result<Vec<u8>> {
        let key = keys.current();
        let snapshot = wa::SyncdSnapshot {
            version: MessageField::some(wa::SyncdVersion {
                version: Some(self.hash.version),
            }),
            records: self.records.values().cloned().collect(),
            mac: Some(self.hash.generate_snapshot_mac(self.name, &key.expanded.snapshot_mac)),
            key_id: MessageField::some(wa::KeyId {
                id: Some(key.id.clone()),
            }),
        };
        Ok(blob(store, &snapshot.encode_to_vec())?.encode_to_vec())
    }

    fn applied(
        &self,
        keys: &Keys,
        patch: &wa::SyncdPatch,
        verified: bool,
    ) -> anyhow::Result<(HashState, Vec<Mutation>)> {
        let mut hash = self.hash.clone();
        let before = |index: &[u8]| Ok(self.records.get(index).and_then(value_mac));
        let key = |id: &[u8]| keys.find(id).ok_or(AppStateError::KeyNotFound);
        let result = process_patch(patch, &mut hash, key, before, verified, self.name)
            .map_err(|error| anyhow!("the patch is not valid: {error}"))?;
        if hash.mac_mismatch_fatal {
            bail!("the patch was built on other records than these");
        }
        Ok((hash, result.mutations))
    }

    fn keep(&mut self, hash: HashState, patch: &wa::SyncdPatch, mutations: Vec<Mutation>) {
        self.hash = hash;
        let records: HashMap<Vec<u8>, &wa::SyncdMutation> = patch
            .mutations
            .iter()
            .filter_map(|mutation| Some((mutation.record.index.blob.clone()?, mutation)))
            .collect();
        for (index, mutation) in records {
            if is_removal(mutation) {
                self.records.remove(&index);
            } else {
                self.records.insert(index, (*mutation.record).clone());
            }
        }
        for mutation in mutations {
            match mutation.action_value {
                Some(value) if mutation.operation == SyncdOperation::SET => {
                    self.settings.insert(mutation.index, value);
                }
                _ => {
                    self.settings.remove(&mutation.index);
                }
            }
        }
    }
}

fn is_removal(mutation: &wa::SyncdMutation) -> bool {
    mutation
        .operation
        .is_some_and(|operation| operation == SyncdOperation::REMOVE)
}

fn value_mac(record: &wa::SyncdRecord) -> Option<Vec<u8>> {
    let blob = record.value.blob.as_ref()?;
    blob.len()
        .checked_sub(MAC)
        .and_then(|start| blob.get(start..))
        .map(<[u8]>::to_vec)
}

fn blob((blobs, host): Store<'_>, bytes: &[u8]) -> anyhow::Result<wa::ExternalBlobReference> {
    let uploaded = media::store(blobs, host, media::sealed(&Seal::drawn(), MediaKind::AppState, bytes)?);
    Ok(wa::ExternalBlobReference {
        media_key: Some(uploaded.media_key),
        direct_path: Some(uploaded.direct_path),
        file_size_bytes: Some(uploaded.file_length),
        file_sha256: Some(uploaded.file_sha256),
        file_enc_sha256: Some(uploaded.file_enc_sha256),
        ..Default::default()
    })
}
