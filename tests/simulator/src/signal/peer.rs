//! One person's primary device as Signal sees it: encrypts, decrypts, hands out key bundles.
//!
//! Called by `server::messages` and `server::keys`. It knows devices by their address only; which
//! stanza a ciphertext travels in is not decided here.

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::iq::prekeys::{OneTimePreKeyNode, PreKeyBundleUserNode, SignedPreKeyNode};
use whatsapp_rust::wacore::libsignal::protocol::{
    CiphertextMessage, IdentityKey, IdentityKeyPair, KeyPair, PreKeyBundle, PreKeyId, PreKeySignalMessage, PrivateKey,
    ProtocolAddress, PublicKey, SignalMessage, SignalProtocolError, UsePQRatchet, message_decrypt, message_encrypt,
    process_prekey_bundle,
};
use whatsapp_rust::wacore::messages::decode_plaintext;
use whatsapp_rust::wacore::protocol::ProtocolNode as _;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::sender_keys::SenderKeys;
use super::stores::{Identity, OneTimeKeys, Sessions, SignedKey};
use crate::server::stanza::{self, node};
use crate::server::step;

/// The id of the one signed key every person has.
const SIGNED_KEY_ID: u32 = 1;
/// The plaintext version WhatsApp pads and encrypts.
pub(super) const PLAINTEXT_VERSION: u8 = 2;

/// Why a ciphertext gave no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The key of this counter was used before: real clients drop such a message silently.
    #[error("already decrypted")]
    Duplicate,
    /// Anything else: real clients ask the sender to encrypt again.
    #[error("cannot decrypt")]
    Undecryptable(#[source] anyhow::Error),
}

/// A message as it is encrypted: filled up with 1 to 16 bytes that say how many they are. The library draws that
/// number where no seed reaches.
pub(super) fn padded(message: &wa::Message) -> Vec<u8> {
    let mut plaintext = message.encode_to_vec();
    let filling = (step::random::<u8>() & 0x0F) + 1;
    plaintext.resize(plaintext.len() + usize::from(filling), filling);
    plaintext
}

/// One person's Signal state.
pub(crate) struct Peer {
    identity: Identity,
    sessions: Sessions,
    one_time: OneTimeKeys,
    signed: SignedKey,
    next_key: u32,
    /// The keys of the chats it writes to.
    pub(crate) sender_keys: SenderKeys,
}

impl Peer {
    /// A new person with fresh keys.
    pub(crate) fn new(registration: u32) -> anyhow::Result<Self> {
        let mut random = step::rng();
        let pair = IdentityKeyPair::generate(&mut random);
        let signed = KeyPair::generate(&mut random);
        let signature = pair
            .private_key()
            .calculate_signature(&signed.public_key.serialize(), &mut random)
            .context("sign the signed prekey")?
            .to_vec();
        Ok(Self {
            identity: Identity {
                pair,
                registration,
                known: std::collections::HashMap::new(),
            },
            sessions: Sessions::default(),
            one_time: OneTimeKeys::default(),
            signed: SignedKey {
                pair: signed,
                signature,
            },
            next_key: 1,
            sender_keys: SenderKeys::default(),
        })
    }

    /// The private identity key; for a phone it is also the account key that signs companions.
    pub(crate) fn private_key(&self) -> &PrivateKey {
        self.identity.pair.private_key()
    }

    /// The public identity key, 32 bytes.
    pub(crate) fn public_key(&self) -> [u8; 32] {
        raw(self.identity.pair.public_key())
    }

    /// The identity as the key pair a device is linked with.
    pub(crate) fn pair(&self) -> KeyPair {
        KeyPair {
            public_key: *self.identity.pair.public_key(),
            private_key: self.identity.pair.private_key().clone(),
        }
    }

    pub(crate) fn registration(&self) -> u32 {
        self.identity.registration
    }

    pub(crate) fn has_session(&self, device: &ProtocolAddress) -> bool {
        self.sessions.0.contains_key(device.as_str())
    }

    /// Starts a session from a device's key bundle.
    pub(crate) fn begin(&mut self, device: &ProtocolAddress, bundle: &PreKeyBundle) -> anyhow::Result<()> {
        let mut random = step::rng();
        now(process_prekey_bundle(
            device,
            &mut self.sessions,
            &mut self.identity,
            bundle,
            &mut random,
            UsePQRatchet::No,
        ))?
        .map(|_| ())
        .context("start a session")
    }

    /// Encrypts for a device with which a session stands; answers the `enc` type and the bytes.
    pub(crate) fn encrypt(
        &mut self,
        device: &ProtocolAddress,
        message: &wa::Message,
    ) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let plaintext = padded(message);
        let ciphertext = now(message_encrypt(
            &plaintext,
            device,
            &mut self.sessions,
            &mut self.identity,
        ))?
        .context("encrypt")?;
        let kind = if matches!(ciphertext, CiphertextMessage::PreKeySignalMessage(_)) {
            "pkmsg"
        } else {
            "msg"
        };
        Ok((kind, ciphertext.serialize().to_vec()))
    }

    /// Decrypts what a device sent.
    pub(crate) fn decrypt(
        &mut self,
        device: &ProtocolAddress,
        kind: &str,
        ciphertext: &[u8],
    ) -> Result<wa::Message, Failure> {
        let wrong = |error: SignalProtocolError| Failure::Undecryptable(anyhow!(error));
        let ciphertext = if kind == "pkmsg" {
            CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(ciphertext).map_err(wrong)?)
        } else {
            CiphertextMessage::SignalMessage(SignalMessage::try_from(ciphertext).map_err(wrong)?)
        };
        let mut random = step::rng();
        let decrypted = now(message_decrypt(
            &ciphertext,
            device,
            &mut self.sessions,
            &mut self.identity,
            &mut self.one_time,
            &self.signed,
            &mut random,
            UsePQRatchet::No,
        ))
        .map_err(Failure::Undecryptable)?
        .map_err(|error| match error {
            SignalProtocolError::DuplicatedMessage(..) => Failure::Duplicate,
            other => Failure::Undecryptable(anyhow!(other)),
        })?;
        decode_plaintext(&decrypted.plaintext, PLAINTEXT_VERSION)
            .map_err(|error| Failure::Undecryptable(anyhow!("plaintext: {error}")))
    }

    /// A fresh bundle as the `<user>` of an answer to `encrypt/key`.
    pub(crate) fn bundle_node(&mut self, asked_as: Jid) -> anyhow::Result<Node> {
        let (id, key) = self.next_one_time_key();
        let bundle = PreKeyBundle::new(
            self.identity.registration,
            0u32.into(),
            Some((id.into(), key)),
            SIGNED_KEY_ID.into(),
            self.signed.pair.public_key,
            self.signed.signature.clone(),
            *self.identity.pair.identity_key(),
        )
        .context("own bundle")?;
        Ok(PreKeyBundleUserNode::from_bundle(asked_as, &bundle, None)?.into_node())
    }

    /// The `<keys>` of a retry receipt (real clients add it from the second retry on).
    pub(crate) fn retry_keys(&mut self) -> Node {
        let (id, key) = self.next_one_time_key();
        node("keys")
            .children([
                node("type").bytes(vec![5]).build(),
                node("identity").bytes(self.public_key().to_vec()).build(),
                OneTimePreKeyNode::new(id, raw(&key).to_vec()).into_node(),
                SignedPreKeyNode::new(
                    SIGNED_KEY_ID,
                    raw(&self.signed.pair.public_key).to_vec(),
                    self.signed.signature.clone(),
                )
                .into_node(),
            ])
            .build()
    }

    /// The signed key: id, public key, signature.
    pub(super) fn signed(&self) -> (u32, Vec<u8>, Vec<u8>) {
        let key = raw(&self.signed.pair.public_key).to_vec();
        (SIGNED_KEY_ID, key, self.signed.signature.clone())
    }

    /// A new one-time key: id, public key.
    pub(super) fn one_time_key(&mut self) -> (u32, Vec<u8>) {
        let (id, key) = self.next_one_time_key();
        (id, raw(&key).to_vec())
    }

    fn next_one_time_key(&mut self) -> (u32, PublicKey) {
        let pair = KeyPair::generate(&mut step::rng());
        let (id, key) = (self.next_key, pair.public_key);
        // Prekey ids are three bytes on the wire.
        self.next_key = self.next_key % 0x00FF_FFFE + 1;
        self.one_time.0.insert(id, pair);
        (id, key)
    }
}

/// A companion's bundle from the bytes it uploaded.
pub(crate) fn companion_bundle(
    device: u16,
    registration: u32,
    identity: &[u8],
    signed: (u32, &[u8], &[u8]),
    one_time: Option<(u32, &[u8])>,
) -> anyhow::Result<PreKeyBundle> {
    let one_time = one_time
        .map(|(id, key)| PublicKey::from_djb_public_key_bytes(key).map(|key| (PreKeyId::from(id), key)))
        .transpose()?;
    let signature: [u8; 64] = signed.2.try_into().context("signature length")?;
    Ok(PreKeyBundle::new(
        registration,
        u32::from(device).into(),
        one_time,
        signed.0.into(),
        PublicKey::from_djb_public_key_bytes(signed.1)?,
        signature.to_vec(),
        IdentityKey::new(PublicKey::from_djb_public_key_bytes(identity)?),
    )?)
}

/// The bundle in the `<keys>` of a companion's retry receipt, when it is complete.
pub(crate) fn keys_of_receipt(device: u16, receipt: &Node) -> Option<PreKeyBundle> {
    let keys = receipt.get_optional_child("keys")?;
    let registration = stanza::number(receipt.get_optional_child("registration")?)?;
    let signed = keys.get_optional_child("skey")?;
    let one_time = keys.get_optional_child("key").and_then(|key| {
        Some((
            stanza::number(key.get_optional_child("id")?)?,
            stanza::bytes(key.get_optional_child("value")?),
        ))
    });
    companion_bundle(
        device,
        registration,
        stanza::bytes(keys.get_optional_child("identity")?),
        (
            stanza::number(signed.get_optional_child("id")?)?,
            stanza::bytes(signed.get_optional_child("value")?),
            stanza::bytes(signed.get_optional_child("signature")?),
        ),
        one_time,
    )
    .ok()
}

fn raw(key: &PublicKey) -> [u8; 32] {
    let mut bytes = [0; 32];
    // A Curve25519 public key has 32 bytes; `zip` keeps this total all the same.
    for (to, from) in bytes.iter_mut().zip(key.public_key_bytes()) {
        *to = *from;
    }
    bytes
}

/// The result of a future over stores that never wait.
pub(super) fn now<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    future
        .now_or_never()
        .context("a Signal store in memory had to wait, which it never does")
}
