//! The keys of the collections: made by the phone, shared with its companions, asked for when missing.
//!
//! Called when a companion begins to listen, when it asks for keys, and when the phone changes its key.

use std::sync::Arc;

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::appstate::{ExpandedAppStateKeys, expand_app_state_keys};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::{
    AppStateSyncKey, AppStateSyncKeyData, AppStateSyncKeyFingerprint, AppStateSyncKeyId, AppStateSyncKeyRequest,
    AppStateSyncKeyShare, ProtocolMessage, protocol_message,
};

use crate::server::clock;
use crate::server::companion::Device;
use crate::server::messages::{self, Letter};
use crate::server::state::State;

/// A key of the collections.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Vec<u8>,
    pub(super) expanded: Arc<ExpandedAppStateKeys>,
    data: [u8; 32],
    timestamp: u64,
}

impl Key {
    /// Ids are six bytes: the device that made the key, and its place.
    fn new(place: u32) -> Self {
        let data: [u8; 32] = crate::server::step::random();
        Self {
            id: [&[0, 0], &place.to_be_bytes()[..]].concat(),
            expanded: Arc::new(expand_app_state_keys(&data)),
            data,
            timestamp: clock::seconds(),
        }
    }
}

/// All keys of an account, the one in use and older ones.
pub(super) struct Keys {
    current: Key,
    old: Vec<Key>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            current: Key::new(1),
            old: Vec::new(),
        }
    }

    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    pub(super) fn find(&self, id: &[u8]) -> Option<Arc<ExpandedAppStateKeys>> {
        self.all().find(|key| key.id == id).map(|key| Arc::clone(&key.expanded))
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        self.old.iter().chain(std::iter::once(&self.current))
    }

    fn rotate(&mut self) {
        let place = u32::try_from(self.old.len()).unwrap_or_default() + 2;
        self.old.push(std::mem::replace(&mut self.current, Key::new(place)));
    }
}

/// The phone gives a new companion the keys of the collections.
pub(crate) fn share_keys_once(state: &mut State, device: &Device) {
    let Some(companion) = state.companion_mut(device) else {
        return;
    };
    if !std::mem::replace(&mut companion.has_app_state_keys, true) {
        share(state, device, |_| true);
    }
}

/// A companion asks for keys it has never seen.
pub(crate) fn requested(state: &mut State, device: &Device, request: &AppStateSyncKeyRequest) {
    let ids: Vec<&[u8]> = request.key_ids.iter().filter_map(|id| id.key_id.as_deref()).collect();
    share(state, device, |key| ids.contains(&key.id.as_slice()));
}

/// The phone writes with a new key from now on; the companions get it now, or when they ask for it.
pub(super) fn rotate(state: &mut State, number: &str, is_shared: bool) {
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    person.app_state.keys.rotate();
    let newest = person.app_state.keys.current().id.clone();
    if !is_shared {
        return;
    }
    for id in person.companion_ids() {
        let device = Device {
            number: number.to_owned(),
            id,
        };
        share(state, &device, |key| key.id == newest);
    }
}

fn share(state: &mut State, device: &Device, wanted: impl Fn(&Key) -> bool) {
    let Ok(person) = state.person(&device.number) else {
        return;
    };
    let fingerprint = AppStateSyncKeyFingerprint {
        raw_id: Some(person.app_state.raw_id),
        current_index: Some(u32::from(device.id)),
        device_indexes: (0..=u32::from(device.id)).collect(),
    };
    let keys: Vec<AppStateSyncKey> = person
        .app_state
        .keys
        .all()
        .filter(|key| wanted(key))
        .map(|key| AppStateSyncKey {
            key_id: MessageField::some(AppStateSyncKeyId {
                key_id: Some(key.id.clone()),
            }),
            key_data: MessageField::some(AppStateSyncKeyData {
                key_data: Some(key.data.to_vec()),
                timestamp: i64::try_from(key.timestamp).ok(),
                fingerprint: MessageField::some(fingerprint.clone()),
            }),
        })
        .collect();
    let message = wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
            app_state_sync_key_share: MessageField::some(AppStateSyncKeyShare { keys }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let letter = Letter::peer(state, &device.number, message);
    messages::deliver(state, &letter, device);
}
