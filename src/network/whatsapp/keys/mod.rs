//! The library's storage over our keyring: one value for each device, every row sealed and durable when a method
//! returns. The five traits of the library stand in one file each.
//!
//! Called by the library, by `session` to ask whether there is a session at all, and for what polls and events were
//! asked with. Deliberately not here: SQL, and any decision about messages.

mod app_sync;
#[cfg(test)]
mod contract;
mod device;
mod erasing;
mod pending;
mod protocol;
mod questions;
mod secrets;
mod signal;
mod tokens;

use std::sync::Arc;

use tokio::sync::Mutex;
use whatsapp_rust::wacore::store::error::{Result, StoreError};

pub(super) use self::{pending::Resend, questions::Question};
use crate::{
    model::{Clock, DeviceId},
    store::keyring::Keyring,
};

/// What a device keeps, by the `kind` of the keyring's rows. Stored: a name must never change.
pub(super) mod kind {
    pub(super) const DEVICE: &str = "device";
    pub(super) const IDENTITY: &str = "identity";
    pub(super) const SESSION: &str = "session";
    pub(super) const PRE_KEY: &str = "pre_key";
    pub(super) const SIGNED_PRE_KEY: &str = "signed_pre_key";
    pub(super) const SENDER_KEY: &str = "sender_key";
    pub(super) const SENDER_KEY_DEVICE: &str = "sender_key_device";
    pub(super) const SYNC_KEY: &str = "sync_key";
    pub(super) const SYNC_KEY_LATEST: &str = "sync_key_latest";
    pub(super) const SYNC_VERSION: &str = "sync_version";
    /// Collections that are wanted whole, whatever version of them is stored.
    pub(super) const SYNC_FORGOTTEN: &str = "sync_forgotten";
    pub(super) const MUTATION_MAC: &str = "mutation_mac";
    pub(super) const LID: &str = "lid";
    pub(super) const LID_OF_PHONE: &str = "lid_of_phone";
    pub(super) const BASE_KEY: &str = "base_key";
    pub(super) const DEVICE_LIST: &str = "device_list";
    pub(super) const GROUP: &str = "group";
    pub(super) const TC_TOKEN: &str = "tc_token";
    pub(super) const SENT: &str = "sent";
    pub(super) const PENDING_INBOUND: &str = "pending_inbound";
    pub(super) const SEEN_INBOUND: &str = "seen_inbound";
    pub(super) const LOST_INBOUND: &str = "lost_inbound";
    pub(super) const SECRET: &str = "secret";
    pub(super) const QUESTION: &str = "question";
    /// Packed parts of the time before, until the house has stored them.
    pub(in super::super) const HISTORY: &str = "history";
    /// Announcements of such parts that are not kept yet.
    pub(in super::super) const HISTORY_AWAITED: &str = "history_awaited";
}

/// Everything the library stores for one device.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    keyring: Keyring,
    device: DeviceId,
    clock: Clock,
    /// One writer at a time where a row depends on rows read before.
    turn: Arc<Mutex<()>>,
    resend: Resend,
}

impl Keys {
    /// The storage of `device`.
    pub(super) fn new(keyring: Keyring, device: DeviceId, clock: Clock) -> Self {
        Self {
            keyring,
            device,
            clock,
            turn: Arc::default(),
            resend: Resend::default(),
        }
    }

    /// Who asks for messages that were lost.
    pub(super) fn resend(&self) -> &Resend {
        &self.resend
    }

    fn now_secs(&self) -> i64 {
        self.clock.now().millis().div_euclid(1000)
    }
}

/// One key out of several parts. Parts come from the network, and PostgreSQL takes no NUL in text.
fn joined(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| part.replace(['\0', '\n'], "\u{fffd}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn borrowed(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

fn count(rows: u64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> StoreError {
    StoreError::Database(Box::new(error))
}

fn unreadable<E: std::error::Error + Send + Sync + 'static>(error: E) -> StoreError {
    StoreError::Serialization(Box::new(error))
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(unreadable)
}

fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(unreadable)
}
