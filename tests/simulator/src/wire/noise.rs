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
    let (identity, own) = shared.act(|state| (state.noise.clone(), new_key()));
    let (answer, next) = Meeting::begin(identity, own, &hello)?;
    frames.write(&answer).await?;
    let met = match next {
        Next::Done(met) => met,
        Next::Finish(stranger) => {
            let finish = frames.read().await?.context("gone during the handshake")?;
            stranger.finish(&finish)?
        }
    };
    met.greeted(frames.routing().is_some())
}

/// A handshake in progress.
struct Meeting {
    identity: Identity,
    own: KeyPair,
    /// The client's ephemeral key.
    client: [u8; 32],
}

/// What follows the server's hello.
enum Next {
    /// Nothing: the client knew us.
    Done(Box<Met>),
    /// The client says who it is.
    Finish(Box<Stranger>),
}

/// A client that did not know us, and has been told who we are.
struct Stranger {
    noise: NoiseHandshake,
    own: KeyPair,
    handshake: Handshake,
}

/// A client that said all it has to say.
struct Met {
    noise: NoiseHandshake,
    static_key: [u8; 32],
    payload: Vec<u8>,
    handshake: Handshake,
}

impl Meeting {
    /// Reads the client's hello; answers the server's, and what follows it.
    fn begin(identity: Identity, own: KeyPair, hello: &[u8]) -> anyhow::Result<(Vec<u8>, Next)> {
        let hello = wa::HandshakeMessage::decode_from_slice(hello)?
            .client_hello
            .into_option()
            .context("no client hello")?;
        let client = key(hello.ephemeral)?;
        let meeting = Self { identity, own, client };
        match (hello.r#static, hello.payload) {
            (Some(sealed_static), Some(sealed_payload)) => match meeting.open(&sealed_static, &sealed_payload)? {
                Some(known) => meeting.greet_known(known),
                None => meeting.greet_stranger(Handshake::Fallback),
            },
            _ => meeting.greet_stranger(Handshake::Full),
        }
    }

    /// Opens the words of a client that knows our key; `None` when it knows another one.
    fn open(&self, sealed_static: &[u8], sealed_payload: &[u8]) -> anyhow::Result<Option<Met>> {
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
        Ok(Some(Met {
            noise,
            static_key,
            payload,
            handshake: Handshake::Short,
        }))
    }

    fn greet_known(&self, mut known: Met) -> anyhow::Result<(Vec<u8>, Next)> {
        let own = self.own.private_key.serialize();
        let noise = &mut known.noise;
        noise.authenticate(self.own.public_key.public_key_bytes());
        noise.mix_shared_secret(own, &self.client)?;
        noise.mix_shared_secret(own, &known.static_key)?;
        let certificate = noise.encrypt(&self.identity.chain)?;
        let answer = server_hello(&self.own, None, certificate);
        Ok((answer, Next::Done(Box::new(known))))
    }

    fn greet_stranger(self, handshake: Handshake) -> anyhow::Result<(Vec<u8>, Next)> {
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
        let answer = server_hello(&self.own, Some(sealed_static), certificate);
        let stranger = Stranger {
            noise,
            own: self.own,
            handshake,
        };
        Ok((answer, Next::Finish(Box::new(stranger))))
    }
}

impl Stranger {
    /// Reads who the client is.
    fn finish(mut self, finish: &[u8]) -> anyhow::Result<Box<Met>> {
        let finish = wa::HandshakeMessage::decode_from_slice(finish)?
            .client_finish
            .into_option()
            .context("no client finish")?;
        let noise = &mut self.noise;
        let static_key = key(Some(noise.decrypt(&finish.r#static.context("no static key")?)?))?;
        noise.mix_shared_secret(self.own.private_key.serialize(), &static_key)?;
        let payload = noise.decrypt(&finish.payload.context("no payload")?)?;
        Ok(Box::new(Met {
            noise: self.noise,
            static_key,
            payload,
            handshake: self.handshake,
        }))
    }
}

impl Met {
    fn greeted(self, is_routed: bool) -> anyhow::Result<Greeted> {
        // The halves come as the initiator's write and read (traps, 5).
        let (read, write) = self.noise.finish()?;
        Ok(Greeted {
            static_key: self.static_key,
            payload: wa::ClientPayload::decode_from_slice(&self.payload)?,
            write,
            read,
            handshake: self.handshake,
            is_routed,
        })
    }
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(any::<u8>(), 0..100), vec(any::<u8>(), 32), vec(any::<u8>(), 48)]
    }

    /// A client's hello.
    fn hello(ephemeral: Vec<u8>, sealed: Option<(Vec<u8>, Vec<u8>)>) -> Vec<u8> {
        let (sealed_static, payload) = sealed.unzip();
        wa::HandshakeMessage {
            client_hello: MessageField::some(wa::handshake_message::ClientHello {
                ephemeral: Some(ephemeral),
                r#static: sealed_static,
                payload,
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec()
    }

    /// A client's last word in the handshake.
    fn finish(sealed_static: Vec<u8>, payload: Vec<u8>) -> Vec<u8> {
        wa::HandshakeMessage {
            client_finish: MessageField::some(wa::handshake_message::ClientFinish {
                r#static: Some(sealed_static),
                payload: Some(payload),
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn public(pair: &KeyPair) -> Vec<u8> {
        pair.public_key.public_key_bytes().to_vec()
    }

    /// What a client that knows the server says at once; its payload is anything.
    fn known(server: &Identity, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (ephemeral, own) = (new_key(), new_key());
        let theirs = public(&server.key);
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
        noise.authenticate(&theirs);
        noise.authenticate(&public(&ephemeral));
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &theirs)?;
        let sealed_static = noise.encrypt(&public(&own))?;
        noise.mix_shared_secret(own.private_key.serialize(), &theirs)?;
        let payload = noise.encrypt(payload)?;
        Ok(hello(public(&ephemeral), Some((sealed_static, payload))))
    }

    /// What a client that does not know the server says last; its payload is anything, and so is its key if it is given.
    fn unknown(answer: &[u8], ephemeral: &KeyPair, lie: Option<Vec<u8>>, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
        let answer = wa::HandshakeMessage::decode_from_slice(answer)?
            .server_hello
            .into_option()
            .context("a hello")?;
        let theirs = key(answer.ephemeral)?;
        let secret = ephemeral.private_key.serialize();
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_XX, &WA_CONN_HEADER)?;
        noise.authenticate(&public(ephemeral));
        noise.authenticate(&theirs);
        noise.mix_shared_secret(secret, &theirs)?;
        let server = key(Some(noise.decrypt(&answer.r#static.context("its key")?)?))?;
        noise.mix_shared_secret(secret, &server)?;
        noise.decrypt(&answer.payload.context("its certificate")?)?;
        let own = new_key();
        let sealed_static = noise.encrypt(&lie.unwrap_or_else(|| public(&own)))?;
        noise.mix_shared_secret(own.private_key.serialize(), &theirs)?;
        Ok(finish(sealed_static, noise.encrypt(payload)?))
    }

    fn meets(server: &Identity, hello: &[u8], last: impl FnOnce(&[u8]) -> Vec<u8>) -> anyhow::Result<Greeted> {
        let (answer, next) = Meeting::begin(server.clone(), new_key(), hello)?;
        let met = match next {
            Next::Done(met) => met,
            Next::Finish(stranger) => stranger.finish(&last(&answer))?,
        };
        met.greeted(false)
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_make_no_handshake_panic(first in vec(any::<u8>(), 0..300), last in vec(any::<u8>(), 0..300)) {
            let _ = meets(&Identity::new(), &first, |_| last);
        }

        #[test]
        fn arbitrary_keys_make_no_handshake_panic(
            ephemeral in bytes(),
            sealed in proptest::option::of((bytes(), bytes())),
            last in (bytes(), bytes()),
        ) {
            let _ = meets(&Identity::new(), &hello(ephemeral, sealed), |_| finish(last.0, last.1));
        }

        #[test]
        fn arbitrary_words_of_a_client_that_knows_the_server_make_no_handshake_panic(payload in bytes()) {
            let server = Identity::new();
            let hello = known(&server, &payload).unwrap();
            let is_payload = wa::ClientPayload::decode_from_slice(&payload).is_ok();
            // What is sealed as it should be is read; whether it makes sense is another question.
            prop_assert_eq!(meets(&server, &hello, |_| Vec::new()).is_ok(), is_payload);
        }

        #[test]
        fn arbitrary_words_of_a_client_that_is_told_who_the_server_is_make_no_handshake_panic(
            lie in proptest::option::of(bytes()),
            payload in bytes(),
        ) {
            let ephemeral = new_key();
            let first = hello(public(&ephemeral), None);
            let is_right = lie.is_none() && wa::ClientPayload::decode_from_slice(&payload).is_ok();
            let met = meets(&Identity::new(), &first, |answer| unknown(answer, &ephemeral, lie, &payload).unwrap());
            prop_assert_eq!(met.is_ok(), is_right);
        }
    }
}
