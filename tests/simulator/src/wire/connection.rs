//! One client from handshake to goodbye.
//!
//! Spawned for each WebSocket by the HTTP port. Reads and writes take turns in one task, so counters of
//! the ciphers cannot go astray; every stanza is handled before the next one is read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::ws::WebSocket;
use tokio::time::Instant;
use whatsapp_rust::wacore::handshake::NoiseCipher;
use whatsapp_rust::wacore_binary::util::unpack;
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef, marshal};

use super::frames::Frames;
use super::noise::{self, Greeted};
use crate::server::outlet::{Inlet, Order, Out, pipe};
use crate::server::state::Shared;
use crate::server::{login, receive};

/// A client that has not finished the handshake by then is let go.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(20);
/// A client that takes no frame for so long is let go.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// The most orders a slow wire holds back.
const MOST_LATE: usize = 1000;

/// Serves a client until it leaves or is sent away.
pub(crate) async fn serve(shared: Arc<Shared>, socket: WebSocket) {
    let mut frames = Frames::new(socket);
    let greeted = match tokio::time::timeout(HANDSHAKE_PATIENCE, noise::greet(&shared, &mut frames)).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(error)) => return tracing::warn!("handshake failed: {error:#}"),
        Err(_) => return tracing::warn!("handshake took too long"),
    };
    let (out, orders) = pipe();
    let link = shared.act(|state| login::begin(state, &greeted, out));
    tracing::debug!(link, handshake = ?greeted.handshake, "connection begins");
    let ending = run(&shared, &mut frames, greeted, link, orders).await;
    shared.act(|state| login::end(state, link));
    match ending {
        Ok(Ending::Closed) => frames.leave().await,
        Ok(Ending::Cut) => {}
        Err(error) => tracing::debug!(link, "connection failed: {error:#}"),
    }
    tracing::debug!(link, "connection ends");
}

/// How a connection ended.
enum Ending {
    /// The server said its last word, which the client has yet to read.
    Closed,
    /// Nobody listens any more, or nobody shall.
    Cut,
}

async fn run(
    shared: &Arc<Shared>,
    frames: &mut Frames,
    greeted: Greeted,
    link: u64,
    mut orders: Inlet,
) -> anyhow::Result<Ending> {
    let mut pen = Pen {
        shared,
        cipher: greeted.write,
        written: 0,
    };
    let mut read = 0u32;
    let mut late = Late::default();
    loop {
        tokio::select! {
            order = orders.next(), if late.takes_more() => {
                // Nobody gives orders any more; what was ordered before is still said.
                let (order, delay) = (order.unwrap_or_else(Order::cut), shared.pace.delay());
                if matches!(order.out, Out::Cut) && !delay.is_zero() {
                    // What is cut is cut at once, and what is late is lost with it.
                    return Ok(Ending::Cut);
                }
                late.push(order, delay);
            }
            () = late.is_due() => {
                // The order takes its room until it is written.
                let order = late.pop().unwrap_or_else(Order::cut);
                match &order.out {
                    Out::Stanza(stanza) => pen.write(frames, stanza).await?,
                    Out::Close => return Ok(Ending::Closed),
                    Out::Cut => return Ok(Ending::Cut),
                }
            }
            frame = frames.read() => {
                let Some(mut frame) = frame? else {
                    return Ok(Ending::Cut);
                };
                greeted.read.decrypt_in_place_with_counter(read, &mut frame)?;
                read = read.checked_add(1).context("too many frames")?;
                let stanza = decode(&frame)?;
                shared.act(|state| receive(shared, state, link, &stanza));
            }
        }
    }
}

/// Writes stanzas, one frame each.
struct Pen<'a> {
    shared: &'a Shared,
    cipher: NoiseCipher,
    written: u32,
}

impl Pen<'_> {
    async fn write(&mut self, frames: &mut Frames, stanza: &Node) -> anyhow::Result<()> {
        let mut sealed = self.cipher.encrypt_with_counter(self.written, &marshal(stanza)?)?;
        self.written = self.written.checked_add(1).context("too many frames")?;
        if self.shared.pace.take_damage()
            && let Some(byte) = sealed.last_mut()
        {
            *byte ^= 1;
        }
        tokio::time::timeout(WRITE_PATIENCE, frames.write(&sealed))
            .await
            .context("the client does not read")?
    }
}

/// What is due now or, when the wire is slow, later; always in order.
#[derive(Default)]
struct Late(VecDeque<(Option<Instant>, Order)>);

impl Late {
    fn push(&mut self, order: Order, delay: Duration) {
        let due = (!delay.is_zero()).then(|| Instant::now() + delay);
        let last = self.0.back().and_then(|(due, _)| *due);
        self.0.push_back((due.max(last), order));
    }

    fn pop(&mut self) -> Option<Order> {
        self.0.pop_front().map(|(_, order)| order)
    }

    /// Nothing comes after the end.
    fn takes_more(&self) -> bool {
        let last = self.0.back().map(|(_, order)| &order.out);
        let has_end = matches!(last, Some(Out::Close | Out::Cut));
        self.0.len() < MOST_LATE && !has_end
    }

    /// Waits for the first one's time; for ever when there is none.
    async fn is_due(&self) {
        match self.0.front() {
            Some((Some(due), _)) => tokio::time::sleep_until(*due).await,
            Some((None, _)) => {}
            None => std::future::pending().await,
        }
    }
}

/// Opens a decrypted frame.
pub(super) fn decode(frame: &[u8]) -> anyhow::Result<Node> {
    let unpacked = unpack(frame)?.into_owned();
    Ok(OwnedNodeRef::new(unpacked)?.to_owned_node())
}
