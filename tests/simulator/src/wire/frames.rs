//! Frames in and out of one WebSocket.
//!
//! Clients put several frames into one message (traps, 4) and begin with a header, perhaps with routing
//! data before it. Each of our frames is one message of its own (traps, 3).

use std::time::Duration;

use anyhow::ensure;
use axum::extract::ws::{Message, WebSocket};
use whatsapp_rust::wacore::framing::{FrameDecoder, encode_frame};
use whatsapp_rust::wacore_binary::consts::WA_CONN_HEADER;

/// The mark of routing data before the header.
const ROUTING: &[u8] = b"ED\0\x01";
/// The most routing data that is read; ours are a few bytes.
const LARGEST_ROUTING: usize = 4096;
/// The largest WebSocket message read: a frame is under 16 MiB, and clients put several into one message.
pub(crate) const LARGEST_MESSAGE: usize = 20 * 1024 * 1024;

/// So long a client may take to hang up after the server's last word.
const FAREWELL: Duration = Duration::from_secs(5);

/// A WebSocket that speaks frames.
pub(crate) struct Frames {
    socket: WebSocket,
    stream: Stream,
}

/// The bytes of a client, however they are cut into messages.
#[derive(Default)]
pub(crate) struct Stream {
    decoder: FrameDecoder,
    /// What came before the header was complete.
    opening: Vec<u8>,
    has_header: bool,
    routing: Option<Vec<u8>>,
}

impl Frames {
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            stream: Stream::default(),
        }
    }

    /// The next frame; `None` when the client has gone. Safe to cancel.
    pub(crate) async fn read(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.stream.next_frame() {
                return Ok(Some(frame));
            }
            let Some(Ok(message)) = self.socket.recv().await else {
                return Ok(None);
            };
            match message {
                Message::Binary(bytes) => self.stream.feed(&bytes)?,
                Message::Close(_) => return Ok(None),
                _ => {}
            }
        }
    }

    pub(crate) async fn write(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        let frame = encode_frame(payload, None)?;
        self.socket.send(Message::Binary(frame.into())).await?;
        Ok(())
    }

    /// Says that this is the end, and waits for the client to hang up. A socket closed over bytes nobody read
    /// is reset, and a reset takes away what the client has not read yet: the goodbye itself.
    pub(crate) async fn leave(&mut self) {
        let farewell = async {
            // An error means that the client has gone already, which is what is waited for.
            let _ = self.socket.send(Message::Close(None)).await;
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        // A client that does not hang up is left where it is.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// The routing data the client began with.
    pub(crate) fn routing(&self) -> Option<&[u8]> {
        self.stream.routing.as_deref()
    }
}

impl Stream {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When a client of another protocol is at the other end.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.has_header {
            self.decoder.feed(bytes);
            return Ok(());
        }
        self.opening.extend_from_slice(bytes);
        let Some((routing, rest)) = opening(&self.opening)? else {
            return Ok(());
        };
        self.routing = routing.map(<[u8]>::to_vec);
        self.decoder.feed(rest);
        self.has_header = true;
        self.opening = Vec::new();
        Ok(())
    }

    /// The next complete frame.
    pub(crate) fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.decoder.decode_frame().map(|frame| frame.to_vec())
    }
}

/// The routing data and what follows the header; `None` while it is not all there.
type Opening<'a> = Option<(Option<&'a [u8]>, &'a [u8])>;

fn opening(bytes: &[u8]) -> anyhow::Result<Opening<'_>> {
    if bytes.len() < ROUTING.len() {
        ensure!(
            ROUTING.starts_with(bytes) || WA_CONN_HEADER.starts_with(bytes),
            "not a WhatsApp client"
        );
        return Ok(None);
    }
    let (routing, rest) = match bytes.strip_prefix(ROUTING) {
        Some(rest) => {
            let Some((length, rest)) = rest.split_at_checked(3) else {
                return Ok(None);
            };
            let length = length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            ensure!(length <= LARGEST_ROUTING, "too much routing data");
            let Some((routing, rest)) = rest.split_at_checked(length) else {
                return Ok(None);
            };
            (Some(routing), rest)
        }
        None => (None, bytes),
    };
    if let Some(rest) = rest.strip_prefix(&WA_CONN_HEADER[..]) {
        return Ok(Some((routing, rest)));
    }
    ensure!(WA_CONN_HEADER.starts_with(rest), "not a WhatsApp client");
    Ok(None)
}
