//! App state: the encrypted collections of an account, and the keys the phone shares for them.
//!
//! Called by [`super::queries`]. The server stores what companions write and hands it out again; the
//! phone itself writes only the push name. Snapshots are not here: they would have to be media blobs.

use std::collections::BTreeMap;

use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::appstate::hash::{HashState, generate_patch_mac};
use whatsapp_rust::wacore::appstate::{encode_record, expand_app_state_keys};
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::clock;
use super::companion::Device;
use super::messages::{self, Letter};
use super::stanza::{self, node};
use super::state::State;

const KEY_ID: [u8; 6] = [0, 0, 0, 0, 0, 1];
/// The collection the push name lives in.
const SETTINGS: &str = "critical_block";

/// The collections of one account.
pub(crate) struct AppState {
    key: [u8; 32],
    raw_id: u32,
    patches: BTreeMap<String, Vec<Vec<u8>>>,
}

impl AppState {
    pub(crate) fn new() -> Self {
        Self {
            key: rand::random(),
            raw_id: rand::random::<u32>() >> 1,
            patches: BTreeMap::new(),
        }
    }

    /// The number of the account's device list.
    pub(crate) fn raw_id(&self) -> u32 {
        self.raw_id
    }
}

/// Answers a `w:sync:app:state` IQ.
pub(crate) fn answer(state: &mut State, device: &Device, sync: &Node) -> Option<Vec<Node>> {
    let number = device.number.clone();
    write_push_name(state, &number)?;
    let mut changed = Vec::new();
    let mut answers = Vec::new();
    for collection in sync.get_children_by_tag("collection") {
        let name = stanza::attr(collection, "name");
        let known = stanza::attr(collection, "version").parse().unwrap_or(0);
        let stored = state
            .people
            .get_mut(&number)?
            .app_state
            .patches
            .entry(name.clone())
            .or_default();
        let written = collection.get_optional_child("patch");
        answers.push(match written {
            Some(patch) if known == stored.len() => {
                stored.push(with_version(stanza::bytes(patch), stored.len() + 1));
                changed.push((name.clone(), stored.len()));
                answered(&name, stored.len(), &[])
            }
            Some(_) => node("collection")
                .attr("name", name)
                .attr("type", "error")
                .children([node("error").attr("code", 409u32).attr("text", "conflict").build()])
                .build(),
            None => {
                let missing = stored.get(known..).unwrap_or_default().to_vec();
                answered(&name, stored.len(), &missing)
            }
        });
    }
    notify_others(state, device, &changed);
    Some(vec![node("sync").children(answers).build()])
}

/// The phone gives a new companion the keys of the collections.
pub(crate) fn share_keys_once(state: &mut State, device: &Device) {
    let Some(companion) = state.companion_mut(device) else {
        return;
    };
    if !std::mem::replace(&mut companion.has_app_state_keys, true) {
        share_keys(state, device);
    }
}

/// The phone gives a companion the keys again.
pub(crate) fn share_keys(state: &mut State, device: &Device) {
    use wa::message::{
        AppStateSyncKey, AppStateSyncKeyData, AppStateSyncKeyFingerprint, AppStateSyncKeyId, AppStateSyncKeyShare,
        ProtocolMessage, protocol_message,
    };
    let Ok(person) = state.person(&device.number) else {
        return;
    };
    let key = AppStateSyncKey {
        key_id: MessageField::some(AppStateSyncKeyId {
            key_id: Some(KEY_ID.to_vec()),
        }),
        key_data: MessageField::some(AppStateSyncKeyData {
            key_data: Some(person.app_state.key.to_vec()),
            timestamp: i64::try_from(clock::seconds()).ok(),
            fingerprint: MessageField::some(AppStateSyncKeyFingerprint {
                raw_id: Some(person.app_state.raw_id),
                current_index: Some(u32::from(device.id)),
                device_indexes: (0..=u32::from(device.id)).collect(),
            }),
        }),
    };
    let message = wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
            app_state_sync_key_share: MessageField::some(AppStateSyncKeyShare { keys: vec![key] }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let letter = Letter::peer(state, &device.number, message);
    messages::deliver(state, &letter, device);
}

/// The push name stands in the settings as soon as somebody asks for them.
fn write_push_name(state: &mut State, number: &str) -> Option<()> {
    let person = state.people.get_mut(number)?;
    let stored = person.app_state.patches.entry(SETTINGS.to_owned()).or_default();
    if !stored.is_empty() {
        return Some(());
    }
    let keys = expand_app_state_keys(&person.app_state.key);
    let value = wa::SyncActionValue {
        timestamp: i64::try_from(clock::seconds() * 1000).ok(),
        push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
            name: Some(person.name.clone()),
        }),
        ..Default::default()
    };
    let (mutation, _) = encode_record(
        wa::syncd_mutation::SyncdOperation::SET,
        br#"["setting_pushName"]"#,
        &value,
        &keys,
        &KEY_ID,
        &rand::random::<[u8; 16]>(),
        1,
    );
    let mut hash = HashState::default();
    hash.update_hash(std::slice::from_ref(&mutation), |_, _| Ok(None))
        .1
        .ok()?;
    hash.version = 1;
    let mut patch = wa::SyncdPatch {
        version: MessageField::some(wa::SyncdVersion { version: Some(1) }),
        snapshot_mac: Some(hash.generate_snapshot_mac(SETTINGS, &keys.snapshot_mac)),
        key_id: MessageField::some(wa::KeyId {
            id: Some(KEY_ID.to_vec()),
        }),
        mutations: vec![mutation],
        ..Default::default()
    };
    patch.patch_mac = Some(generate_patch_mac(&patch, SETTINGS, &keys.patch_mac, 1));
    stored.push(patch.encode_to_vec());
    Some(())
}

/// The server numbers a patch; what cannot be read is kept as it came.
fn with_version(patch: &[u8], version: usize) -> Vec<u8> {
    let Ok(mut read) = wa::SyncdPatch::decode_from_slice(patch) else {
        return patch.to_vec();
    };
    read.version = MessageField::some(wa::SyncdVersion {
        version: u64::try_from(version).ok(),
    });
    read.encode_to_vec()
}

fn answered(name: &str, version: usize, patches: &[Vec<u8>]) -> Node {
    let answer = node("collection")
        .attr("name", name)
        .attr("version", u64::try_from(version).unwrap_or_default());
    if patches.is_empty() {
        return answer.build();
    }
    let patches = patches.iter().map(|patch| node("patch").bytes(patch.clone()).build());
    answer.children([node("patches").children(patches).build()]).build()
}

fn notify_others(state: &mut State, device: &Device, changed: &[(String, usize)]) {
    if changed.is_empty() {
        return;
    }
    let collections = changed.iter().map(|(name, version)| {
        node("collection")
            .attr("name", name)
            .attr("version", u64::try_from(*version).unwrap_or_default())
            .build()
    });
    let notification = node("notification")
        .attr("from", stanza::SERVER)
        .attr("type", "server_sync")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children(collections)
        .build();
    state.push_to_companions(&device.number, Some(device.id), &notification);
}
