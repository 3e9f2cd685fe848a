//! The four Signal stores of one simulated person, in memory.
//!
//! Called by [`super::peer`] only. Every method answers at once, so a future over these stores is
//! ready at its first poll; nothing here waits and nothing is written anywhere.

use std::collections::HashMap;

use whatsapp_rust::wacore::libsignal::protocol::{
    Direction, GenericSignedPreKey as _, IdentityChange, IdentityKey, IdentityKeyPair, IdentityKeyStore, KeyPair,
    PreKeyId, PreKeyRecord, PreKeyStore, ProtocolAddress, SessionRecord, SessionStore, SignalProtocolError,
    SignedPreKeyId, SignedPreKeyRecord, SignedPreKeyStore, Timestamp,
};

type Answer<T> = Result<T, SignalProtocolError>;

/// Sessions by address of the other device.
#[derive(Default)]
pub(crate) struct Sessions(pub(crate) HashMap<String, SessionRecord>);

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, address: &ProtocolAddress) -> Answer<Option<SessionRecord>> {
        Ok(self.0.get(address.as_str()).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> Answer<bool> {
        Ok(self.0.contains_key(address.as_str()))
    }

    async fn store_session(&mut self, address: &ProtocolAddress, record: SessionRecord) -> Answer<()> {
        self.0.insert(address.as_str().into(), record);
        Ok(())
    }
}

/// The person's own identity and the identities met so far (all trusted, as WhatsApp does).
pub(crate) struct Identity {
    pub(crate) pair: IdentityKeyPair,
    pub(crate) registration: u32,
    pub(crate) known: HashMap<String, IdentityKey>,
}

#[async_trait::async_trait]
impl IdentityKeyStore for Identity {
    async fn get_identity_key_pair(&self) -> Answer<IdentityKeyPair> {
        Ok(self.pair.clone())
    }

    async fn get_local_registration_id(&self) -> Answer<u32> {
        Ok(self.registration)
    }

    async fn save_identity(&mut self, address: &ProtocolAddress, identity: &IdentityKey) -> Answer<IdentityChange> {
        self.known.insert(address.as_str().into(), *identity);
        Ok(IdentityChange::NewOrUnchanged)
    }

    async fn is_trusted_identity(&self, _: &ProtocolAddress, _: &IdentityKey, _: Direction) -> Answer<bool> {
        Ok(true)
    }

    async fn get_identity(&self, address: &ProtocolAddress) -> Answer<Option<IdentityKey>> {
        Ok(self.known.get(address.as_str()).copied())
    }
}

/// One-time keys handed out and not yet used.
#[derive(Default)]
pub(crate) struct OneTimeKeys(pub(crate) HashMap<u32, KeyPair>);

#[async_trait::async_trait]
impl PreKeyStore for OneTimeKeys {
    async fn get_pre_key(&self, id: PreKeyId) -> Answer<PreKeyRecord> {
        self.0
            .get(&id.into())
            .map(|pair| PreKeyRecord::new(id, pair))
            .ok_or(SignalProtocolError::InvalidPreKeyId)
    }

    async fn save_pre_key(&mut self, _: PreKeyId, _: &PreKeyRecord) -> Answer<()> {
        Ok(())
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> Answer<()> {
        self.0.remove(&id.into());
        Ok(())
    }
}

/// The one signed key of a person; it is never rotated.
pub(crate) struct SignedKey {
    pub(crate) pair: KeyPair,
    pub(crate) signature: Vec<u8>,
}

#[async_trait::async_trait]
impl SignedPreKeyStore for SignedKey {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> Answer<SignedPreKeyRecord> {
        Ok(SignedPreKeyRecord::new(
            id,
            Timestamp::from_epoch_millis(1),
            &self.pair,
            &self.signature,
        ))
    }

    async fn save_signed_pre_key(&mut self, _: SignedPreKeyId, _: &SignedPreKeyRecord) -> Answer<()> {
        Ok(())
    }
}
