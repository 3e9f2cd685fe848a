//! The sender keys of one person: one key for each chat it writes to, for every reader the same.
//!
//! Called by `server::groups` through [`super::Peer`]. What people receive is in [`super::chains`].

use std::collections::HashMap;

use anyhow::Context as _;
use whatsapp_rust::wacore::libsignal::protocol::{
    SenderKeyName, SenderKeyRecord, SenderKeyStore, SignalProtocolError, create_sender_key_distribution_message,
    group_encrypt,
};
use whatsapp_rust::waproto::whatsapp as wa;

use super::peer::{now, padded};
use crate::server::step;

/// The name of the own key within a chat: nobody else's key is kept here.
const OWN: &str = "own";

/// Sender keys in memory, by chat and sender.
#[derive(Default)]
pub(crate) struct SenderKeys(HashMap<String, SenderKeyRecord>);

#[async_trait::async_trait]
impl SenderKeyStore for SenderKeys {
    async fn store_sender_key(
        &mut self,
        name: &SenderKeyName,
        record: SenderKeyRecord,
    ) -> Result<(), SignalProtocolError> {
        self.0.insert(name.cache_key().to_owned(), record);
        Ok(())
    }

    async fn load_sender_key(&self, name: &SenderKeyName) -> Result<Option<SenderKeyRecord>, SignalProtocolError> {
        Ok(self.0.get(name.cache_key()).cloned())
    }
}

impl SenderKeys {
    /// What a reader needs to decrypt from now on; makes the key when there is none.
    pub(crate) fn distribution(&mut self, chat: &str) -> anyhow::Result<Vec<u8>> {
        let name = SenderKeyName::from_parts(chat, OWN);
        let mut random = step::rng();
        let distribution = now(create_sender_key_distribution_message(&name, self, &mut random))?;
        Ok(distribution.context("make a sender key")?.serialized().to_vec())
    }

    /// Encrypts for everybody who has the key.
    pub(crate) fn encrypt(&mut self, chat: &str, message: &wa::Message) -> anyhow::Result<Vec<u8>> {
        let name = SenderKeyName::from_parts(chat, OWN);
        let plaintext = padded(message);
        let mut random = step::rng();
        let ciphertext = now(group_encrypt(self, &name, &plaintext, &mut random))?.context("encrypt for a group")?;
        Ok(ciphertext.serialized().to_vec())
    }

    /// The next message needs a new key, which whoever left does not get.
    pub(crate) fn forget(&mut self, chat: &str) {
        self.0.remove(SenderKeyName::from_parts(chat, OWN).cache_key());
    }
}
