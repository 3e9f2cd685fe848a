//! What a phone does about its account beside messages: passkeys, marks that something is to be looked at again.

use std::time::Duration;

use super::Phone;
use crate::contact::until;
use crate::server::{passkey, service};

impl Phone {
    /// Reads the QR code off a device's screen; the account asks for a passkey before it is linked.
    ///
    /// # Errors
    /// When the code is broken, old, or belongs to another device.
    pub fn scans_with_passkey(&self, qr: &str) -> anyhow::Result<()> {
        self.shared.act(|state| passkey::begin(state, &self.number, qr))
    }

    /// The code the phone shows while a device is linked with a passkey; the device shows the same.
    pub fn passkey_code(&self) -> Option<String> {
        self.shared.look(|state| passkey::code(state, &self.number))
    }

    /// The linked devices are to look at something again: `groups`, `account_sync`, `syncd_app_state`, ...
    pub fn soils(&self, kind: &str) {
        self.shared.act(|state| service::soil(state, &self.number, kind));
    }

    /// Waits until the linked devices confirmed everything they were to look at again.
    ///
    /// # Errors
    /// When they did not in time.
    pub async fn waits_until_clean(&self, patience: Duration) -> anyhow::Result<()> {
        let is_clean = || {
            self.shared
                .look(|state| state.dirt.keys().all(|(device, _)| device.number != self.number))
        };
        until(&self.shared, is_clean, patience).await
    }
}
