//! A client's end of the wire, as small as it can be: the handshake as the initiator, stanzas out and in.
//!
//! Called by [`super::device`]. The server's certificate is not looked at: both ends are ours.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::transport::{TokioWebSocketTransportFactory, Transport, TransportEvent, TransportFactory as _};
use whatsapp_rust::wacore::framing::{FrameDecoder, encode_frame};
use whatsapp_rust::wacore::handshake::{NoiseCipher, NoiseHandshake};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::consts::{NOISE_PATTERN_XX, WA_CONN_HEADER};
use whatsapp_rust::wacore_binary::util::unpack;
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef, marshal};
use whatsapp_rust::waproto::whatsapp as wa;

use crate::server::step;

/// An open connection.
pub(super) struct Line {
    wire: Wire,
    write: NoiseCipher,
    read: NoiseCipher,
    written: u32,
    taken: u32,
}

/// Frames over a socket.
struct Wire {
    transport: Arc<dyn Transport>,
    events: Receiver<TransportEvent>,
    decoder: FrameDecoder,
}

impl Wire {
    async fn send(&self, payload: &[u8], header: Option<&[u8]>) -> anyhow::Result<()> {
        self.transport.send(Bytes::from(encode_frame(payload, header)?)).await
    }

    async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(Some(frame.to_vec()));
            }
            match self.events.recv().await {
                Ok(TransportEvent::DataReceived(bytes)) => self.decoder.feed(&bytes),
                Ok(TransportEvent::Connected) => {}
                Ok(TransportEvent::Disconnected(_)) | Err(_) => return Ok(None),
            }
        }
    }
}

impl Line {
    /// Connects and says who it is.
    pub(super) async fn open(url: &str, own: &KeyPair, payload: &wa::ClientPayload) -> anyhow::Result<Self> {
        let (transport, events) = TokioWebSocketTransportFactory::new()
            .with_url(url)
            .create_transport()
            .await?;
        let mut wire = Wire {
            transport,
            events,
            decoder: FrameDecoder::new(),
        };
        let ephemeral = KeyPair::generate(&mut step::rng());
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_XX, &WA_CONN_HEADER)?;
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        let hello = wa::HandshakeMessage {
            client_hello: MessageField::some(wa::handshake_message::ClientHello {
                ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
                ..Default::default()
            }),
            ..Default::default()
        };
        wire.send(&hello.encode_to_vec(), Some(&WA_CONN_HEADER)).await?;
        let answer = wire.next().await?.context("no answer to the hello")?;
        let answer = wa::HandshakeMessage::decode_from_slice(&answer)?
            .server_hello
            .into_option()
            .context("no server hello")?;
        let theirs: [u8; 32] = answer.ephemeral.unwrap_or_default().try_into().map_err(|_| short())?;
        noise.authenticate(&theirs);
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &theirs)?;
        let server: [u8; 32] = noise
            .decrypt(&answer.r#static.unwrap_or_default())?
            .try_into()
            .map_err(|_| short())?;
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &server)?;
        noise.decrypt(&answer.payload.unwrap_or_default())?;
        let sealed = noise.encrypt(own.public_key.public_key_bytes())?;
        noise.mix_shared_secret(own.private_key.serialize(), &theirs)?;
        let finish = wa::HandshakeMessage {
            client_finish: MessageField::some(wa::handshake_message::ClientFinish {
                r#static: Some(sealed),
                payload: Some(noise.encrypt(&payload.encode_to_vec())?),
                ..Default::default()
            }),
            ..Default::default()
        };
        wire.send(&finish.encode_to_vec(), None).await?;
        let (write, read) = noise.finish()?;
        Ok(Self {
            wire,
            write,
            read,
            written: 0,
            taken: 0,
        })
    }

    /// Sends a stanza.
    pub(super) async fn send(&mut self, stanza: &Node) -> anyhow::Result<()> {
        let sealed = self.write.encrypt_with_counter(self.written, &marshal(stanza)?)?;
        self.written += 1;
        self.wire.send(&sealed, None).await
    }

    /// The next stanza; `None` when the server hung up.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Node>> {
        let Some(mut frame) = self.wire.next().await? else {
            return Ok(None);
        };
        self.read.decrypt_in_place_with_counter(self.taken, &mut frame)?;
        self.taken += 1;
        let unpacked = unpack(&frame)?.into_owned();
        Ok(Some(OwnedNodeRef::new(unpacked)?.to_owned_node()))
    }

    /// The next stanza that must come.
    pub(super) async fn expect(&mut self) -> anyhow::Result<Node> {
        match self.next().await? {
            Some(stanza) if stanza.tag == "failure" => bail!("refused: {stanza:?}"),
            Some(stanza) => Ok(stanza),
            None => bail!("the server hung up"),
        }
    }
}

fn short() -> anyhow::Error {
    anyhow::anyhow!("a key has 32 bytes")
}
