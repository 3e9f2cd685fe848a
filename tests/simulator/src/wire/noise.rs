//! The Noise handshake, answered: XX for a client that does not know us, IK for one that does, and
//! `XXfallback` for one that knows a key we do not have any more.
//!
//! Called by [`super::connection`]. The certificate chain carries no valid signature: only clients built
//! to skip that check talk to a simulator.

use anyhow::Context as _;
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::handshake::{NoiseCipher, NoiseHandshake};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::consts::{
    NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER,
};
use whatsapp_rust::waproto::whatsapp as wa;

use super::frames::Frames;
use crate::server::state::Shared;
use crate::server::step;

/// The validity of the certificates, in seconds since 1970; clients use IK only while it lasts.
const VALID: (u64, u64) = (1_700_000_000, 4_000_000_000);

/// A client that finished the handshake.
pub(crate) struct Greeted {
    pub(crate) static_key: [u8; 32],
    pub(crate) payload: wa::ClientPayload,
    pub(crate) write: NoiseCipher,
    pub(crate) read: NoiseCipher,
    pub(crate) handshake: Handshake,
    /// Whether the client brought the routing data of an earlier connection.
    pub(crate) is_routed: bool,
}

/// How a client and the server met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// Noise XX: the client did not know us.
    Full,
    /// Noise IK: it did.
    Short,
    /// Noise `XXfallback`: it knew another key.
    Fallback,
}

/// Who the server is: its key and the chain that names it.
#[derive(Clone)]
pub(crate) struct Identity {
    key: KeyPair,
    chain: Vec<u8>,
}

impl Identity {
    /// A new one.
    pub(crate) fn new() -> Self {
        let key = new_key();
        let chain = certificate_chain(&key);
        Self { key, chain }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

/// A new key pair.
fn new_key() -> KeyPair {
    KeyPair::generate(&mut step::rng())
}

/// The chain that names the server's key.
fn certificate_chain(server: &KeyPair) -> Vec<u8> {
    use wa::cert_chain::NoiseCertificate;
    use wa::cert_chain::noise_certificate::Details;
    let certificate = |serial, issuer, key: Vec<u8>| NoiseCertificate {
        details: Some(
            Details {
                serial: Some(serial),
                issuer_serial: Some(issuer),
                key: Some(key),
                not_before: Some(VALID.0),
                not_after: Some(VALID.1),
            }
            .encode_to_vec(),
        ),
        signature: Some(vec![0; 64]),
    };
    wa::CertChain {
        leaf: MessageField::some(certificate(2, 1, server.public_key.public_key_bytes().to_vec())),
        intermediate: MessageField::some(certificate(1, 0, vec![0xCC; 32])),
    }
    .encode_to_vec()
}

/// Answers a client's first words.
pub(crate) async fn greet(shared: &Shared, frames: &mut Frames) -> anyhow::Result<Greeted> {
    let hello = frames.read().await?.context("gone before the handshake")?;
    let hello = wa::HandshakeMessage::decode_from_slice(&hello)?
        .client_hello
        .into_option()
        .context("no client hello")?;
    let (identity, own) = shared.act(|state| (state.noise.clone(), new_key()));
    let meeting = Meeting {
        identity,
        own,
        client: key(hello.ephemeral)?,
    };
    match (hello.r#static, hello.payload) {
        (Some(sealed_static), Some(sealed_payload)) => match meeting.open(&sealed_static, &sealed_payload)? {
            Some(known) => meeting.greet_known(frames, known).await,
            None => meeting.greet_stranger(frames, Handshake::Fallback).await,
        },
        _ => meeting.greet_stranger(frames, Handshake::Full).await,
    }
}

/// A handshake in progress.
struct Meeting {
    identity: Identity,
    own: KeyPair,
    /// The client's ephemeral key.
    client: [u8; 32],
}

/// What a client that knows us said at once.
struct Known {
    noise: NoiseHandshake,
    static_key: [u8; 32],
    payload: Vec<u8>,
}

impl Meeting {
    /// Opens the words of a client that knows our key; `None` when it knows another one.
    fn open(&self, sealed_static: &[u8], sealed_payload: &[u8]) -> anyhow::Result<Option<Known>> {
        let server = self.identity.key.private_key.serialize();
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
        noise.authenticate(self.identity.key.public_key.public_key_bytes());
        noise.authenticate(&self.client);
        noise.mix_shared_secret(server, &self.client)?;
        let Ok(static_key) = noise.decrypt(sealed_static) else {
            return Ok(None);
        };
        let static_key = key(Some(static_key))?;
        noise.mix_shared_secret(server, &static_key)?;
        let payload = noise.decrypt(sealed_payload)?;
        Ok(Some(Known {
            noise,
            static_key,
            payload,
        }))
    }

    async fn greet_known(&self, frames: &mut Frames, known: Known) -> anyhow::Result<Greeted> {
        let own = self.own.private_key.serialize();
        let Known {
            mut noise,
            static_key,
            payload,
        } = known;
        noise.authenticate(self.own.public_key.public_key_bytes());
        noise.mix_shared_secret(own, &self.client)?;
        noise.mix_shared_secret(own, &static_key)?;
        let certificate = noise.encrypt(&self.identity.chain)?;
        frames.write(&server_hello(&self.own, None, certificate)).await?;
        greeted(noise, static_key, &payload, (Handshake::Short, frames))
    }

    async fn greet_stranger(&self, frames: &mut Frames, handshake: Handshake) -> anyhow::Result<Greeted> {
        let own = self.own.private_key.serialize();
        let pattern = match handshake {
            Handshake::Fallback => NOISE_PATTERN_XXFALLBACK,
            Handshake::Full | Handshake::Short => NOISE_PATTERN_XX,
        };
        let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER)?;
        noise.authenticate(&self.client);
        noise.authenticate(self.own.public_key.public_key_bytes());
        noise.mix_shared_secret(own, &self.client)?;
        let sealed_static = noise.encrypt(self.identity.key.public_key.public_key_bytes())?;
        noise.mix_shared_secret(self.identity.key.private_key.serialize(), &self.client)?;
        let certificate = noise.encrypt(&self.identity.chain)?;
        frames
            .write(&server_hello(&self.own, Some(sealed_static), certificate))
            .await?;
        let finish = frames.read().await?.context("gone during the handshake")?;
        let finish = wa::HandshakeMessage::decode_from_slice(&finish)?
            .client_finish
            .into_option()
            .context("no client finish")?;
        let static_key = key(Some(noise.decrypt(&finish.r#static.context("no static key")?)?))?;
        noise.mix_shared_secret(own, &static_key)?;
        let payload = noise.decrypt(&finish.payload.context("no payload")?)?;
        greeted(noise, static_key, &payload, (handshake, frames))
    }
}

fn greeted(
    noise: NoiseHandshake,
    static_key: [u8; 32],
    payload: &[u8],
    (handshake, frames): (Handshake, &Frames),
) -> anyhow::Result<Greeted> {
    // The halves come as the initiator's write and read (traps, 5).
    let (read, write) = noise.finish()?;
    Ok(Greeted {
        static_key,
        payload: wa::ClientPayload::decode_from_slice(payload)?,
        write,
        read,
        handshake,
        is_routed: frames.routing().is_some(),
    })
}

fn server_hello(own: &KeyPair, sealed_static: Option<Vec<u8>>, certificate: Vec<u8>) -> Vec<u8> {
    wa::HandshakeMessage {
        server_hello: MessageField::some(wa::handshake_message::ServerHello {
            ephemeral: Some(own.public_key.public_key_bytes().to_vec()),
            r#static: sealed_static,
            payload: Some(certificate),
            ..Default::default()
        }),
        ..Default::default()
    }
    .encode_to_vec()
}

fn key(bytes: Option<Vec<u8>>) -> anyhow::Result<[u8; 32]> {
    bytes
        .context("a key is missing")?
        .try_into()
        .ok()
        .context("a key has 32 bytes")
}
