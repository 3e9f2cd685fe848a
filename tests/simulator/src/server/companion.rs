//! One linked device of an account: its keys, what the server owes it and its connection.
//!
//! Owned by [`super::person::Person`]. Linking makes it, unlinking drops it.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context as _;
use whatsapp_rust::wacore::libsignal::protocol::{PreKeyBundle, ProtocolAddress};
use whatsapp_rust::wacore::types::jid::JidExt as _;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::keys::{KEY, SIGNATURE};
use super::queue::{Queue, Socket};
use super::stanza::big_endian;
use super::tricks::Tricks;
use crate::signal::companion_bundle;

/// A device of an account: 0 is the phone, the others are companions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Device {
    pub(crate) number: String,
    pub(crate) id: u16,
}

impl Device {
    /// The one address under which sessions with this device are kept, however it was addressed.
    pub(crate) fn address(&self) -> ProtocolAddress {
        self.jid().to_protocol_address()
    }

    pub(crate) fn jid(&self) -> Jid {
        Jid::pn_device(self.number.as_str(), self.id)
    }
}

/// The public keys a companion gave the server.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    pub(crate) registration: u32,
    pub(crate) identity: Vec<u8>,
    pub(crate) signed_id: u32,
    pub(crate) signed_key: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) one_time: VecDeque<(u32, Vec<u8>)>,
    pub(crate) refill_asked: bool,
}

impl Keys {
    /// The keys in the first login of a device that wants to be linked.
    pub(crate) fn of_registration(data: &wa::client_payload::DevicePairingRegistrationData) -> Option<Self> {
        let sized = |bytes: &Option<Vec<u8>>, length| bytes.clone().filter(|bytes| bytes.len() == length);
        Some(Self {
            registration: big_endian(data.e_regid.as_deref()?)?,
            identity: sized(&data.e_ident, KEY)?,
            signed_id: big_endian(data.e_skey_id.as_deref()?)?,
            signed_key: sized(&data.e_skey_val, KEY)?,
            signature: sized(&data.e_skey_sig, SIGNATURE)?,
            one_time: VecDeque::new(),
            refill_asked: false,
        })
    }
}

/// A linked device.
pub(crate) struct Companion {
    pub(crate) id: u16,
    pub(crate) static_key: [u8; 32],
    pub(crate) key_index: u32,
    pub(crate) keys: Keys,
    /// The identity both the account and the device signed; empty until the device answered.
    pub(crate) device_identity: Vec<u8>,
    pub(crate) queue: Queue,
    pub(crate) socket: Option<Socket>,
    pub(crate) has_app_state_keys: bool,
    pub(crate) tricks: Tricks,
    pub(crate) has_history: bool,
    /// How many messages it confirmed, by the kind of the receipt.
    pub(crate) confirmed: BTreeMap<&'static str, usize>,
}

impl Companion {
    /// A device linked just now.
    pub(crate) fn new(id: u16, static_key: [u8; 32], keys: Keys, device_identity: Vec<u8>) -> Self {
        Self {
            id,
            static_key,
            key_index: u32::from(id),
            keys,
            device_identity,
            queue: Queue::default(),
            socket: None,
            has_app_state_keys: false,
            has_history: false,
            confirmed: BTreeMap::new(),
            tricks: Tricks::default(),
        }
    }

    /// Owes the companion a stanza until it acknowledges it.
    pub(crate) fn push(&mut self, stanza: Node) {
        for play in self.tricks.play(stanza) {
            let socket = self.socket.as_mut().filter(|_| !play.is_lost);
            self.queue.push(play.stanza, socket);
        }
    }

    /// Sends a stanza only if the companion listens right now.
    pub(crate) fn send_now(&self, stanza: Node) {
        if let Some(socket) = self.socket.as_ref().filter(|socket| socket.is_live()) {
            socket.send(stanza);
        }
    }

    /// A bundle with the next one-time key, which is never handed out again.
    pub(crate) fn take_bundle(&mut self) -> anyhow::Result<PreKeyBundle> {
        let one_time = self.keys.one_time.pop_front();
        companion_bundle(
            self.id,
            self.keys.registration,
            &self.keys.identity,
            (self.keys.signed_id, &self.keys.signed_key, &self.keys.signature),
            one_time.as_ref().map(|(id, key)| (*id, key.as_slice())),
        )
        .context("the companion's keys make no bundle")
    }
}
