//! The Noise handshake, answered: XX for a client that does not know us, IK for one that does.
//!
//! Called by [`super::connection`]. The certificate chain carries no valid signature: only clients built
//! to skip that check talk to a simulator.

use anyhow::Context as _;
use rand::rngs::StdRng;
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::handshake::{NoiseCipher, NoiseHandshake};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, WA_CONN_HEADER};
use whatsapp_rust::waproto::whatsapp as wa;

use super::frames::Frames;
use crate::server::state::Shared;

/// The validity of the certificates, in seconds since 1970; clients use IK only while it lasts.
const VALID: (u64, u64) = (1_700_000_000, 4_000_000_000);

/// A client that finished the handshake.
pub(crate) struct Greeted {
    pub(crate) static_key: [u8; 32],
    pub(crate) payload: wa::ClientPayload,
    pub(crate) write: NoiseCipher,
    pub(crate) read: NoiseCipher,
    pub(crate) is_ik: bool,
}

/// A new key pair.
pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate(&mut rand::make_rng::<StdRng>())
}

/// The chain that names the server's key.
pub(crate) fn certificate_chain(server: &KeyPair) -> Vec<u8> {
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
    let ephemeral = key(hello.ephemeral)?;
    match (hello.r#static, hello.payload) {
        (Some(sealed_static), Some(sealed_payload)) => {
            greet_known(shared, frames, ephemeral, &sealed_static, &sealed_payload).await
        }
        _ => greet_stranger(shared, frames, ephemeral).await,
    }
}

async fn greet_known(
    shared: &Shared,
    frames: &mut Frames,
    client: [u8; 32],
    sealed_static: &[u8],
    sealed_payload: &[u8],
) -> anyhow::Result<Greeted> {
    let own = new_key();
    let server = shared.noise.private_key.serialize();
    let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
    noise.authenticate(shared.noise.public_key.public_key_bytes());
    noise.authenticate(&client);
    noise.mix_shared_secret(server, &client)?;
    let static_key = key(Some(noise.decrypt(sealed_static)?))?;
    noise.mix_shared_secret(server, &static_key)?;
    let payload = noise.decrypt(sealed_payload)?;
    noise.authenticate(own.public_key.public_key_bytes());
    noise.mix_shared_secret(own.private_key.serialize(), &client)?;
    noise.mix_shared_secret(own.private_key.serialize(), &static_key)?;
    let certificate = noise.encrypt(&shared.certificate)?;
    frames.write(&server_hello(&own, None, certificate)).await?;
    greeted(noise, static_key, &payload, true)
}

async fn greet_stranger(shared: &Shared, frames: &mut Frames, client: [u8; 32]) -> anyhow::Result<Greeted> {
    let own = new_key();
    let mut noise = NoiseHandshake::new(NOISE_PATTERN_XX, &WA_CONN_HEADER)?;
    noise.authenticate(&client);
    noise.authenticate(own.public_key.public_key_bytes());
    noise.mix_shared_secret(own.private_key.serialize(), &client)?;
    let sealed_static = noise.encrypt(shared.noise.public_key.public_key_bytes())?;
    noise.mix_shared_secret(shared.noise.private_key.serialize(), &client)?;
    let certificate = noise.encrypt(&shared.certificate)?;
    frames
        .write(&server_hello(&own, Some(sealed_static), certificate))
        .await?;
    let finish = frames.read().await?.context("gone during the handshake")?;
    let finish = wa::HandshakeMessage::decode_from_slice(&finish)?
        .client_finish
        .into_option()
        .context("no client finish")?;
    let static_key = key(Some(noise.decrypt(&finish.r#static.context("no static key")?)?))?;
    noise.mix_shared_secret(own.private_key.serialize(), &static_key)?;
    let payload = noise.decrypt(&finish.payload.context("no payload")?)?;
    greeted(noise, static_key, &payload, false)
}

fn greeted(noise: NoiseHandshake, static_key: [u8; 32], payload: &[u8], is_ik: bool) -> anyhow::Result<Greeted> {
    // The halves come as the initiator's write and read (traps, 5).
    let (read, write) = noise.finish()?;
    Ok(Greeted {
        static_key,
        payload: wa::ClientPayload::decode_from_slice(payload)?,
        write,
        read,
        is_ik,
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
