//! Frames in and out of one WebSocket.
//!
//! Clients put several frames into one message (traps, 4) and begin with a header, perhaps with routing
//! data before it. Each of our frames is one message of its own (traps, 3).

use anyhow::{Context as _, ensure};
use axum::extract::ws::{Message, WebSocket};
use whatsapp_rust::wacore::framing::{FrameDecoder, encode_frame};
use whatsapp_rust::wacore_binary::consts::WA_CONN_HEADER;

/// The mark of routing data before the header.
const ROUTING: &[u8] = b"ED\0\x01";

/// A WebSocket that speaks frames.
pub(crate) struct Frames {
    socket: WebSocket,
    decoder: FrameDecoder,
    has_header: bool,
}

impl Frames {
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            decoder: FrameDecoder::new(),
            has_header: false,
        }
    }

    /// The next frame; `None` when the client has gone. Safe to cancel.
    pub(crate) async fn read(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(Some(frame.to_vec()));
            }
            let Some(Ok(message)) = self.socket.recv().await else {
                return Ok(None);
            };
            match message {
                Message::Binary(bytes) => self.feed(&bytes)?,
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

    fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.has_header {
            self.decoder.feed(bytes);
            return Ok(());
        }
        let bytes = match bytes.strip_prefix(ROUTING) {
            Some(rest) => {
                let (length, rest) = rest.split_at_checked(3).context("routing data cut off")?;
                let length = length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
                rest.get(length..).context("routing data cut off")?
            }
            None => bytes,
        };
        let rest = bytes.strip_prefix(&WA_CONN_HEADER[..]);
        ensure!(rest.is_some(), "not a WhatsApp client");
        self.has_header = true;
        self.decoder.feed(rest.unwrap_or_default());
        Ok(())
    }
}
