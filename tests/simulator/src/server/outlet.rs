//! The way out to one connection: what its task is told to do, and no more of it than memory allows.
//!
//! Called by everything that sends to a client; read by the wire room. A client that does not read is cut
//! off: what matters stays owed in [`super::queue`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::mpsc;
use whatsapp_rust::wacore_binary::Node;

use super::stanza::weight;

/// So many stanzas may wait for a client that reads slowly.
const MOST_WAITING: usize = 20_000;
/// And so many bytes of them, roughly.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What a socket task is told to do.
pub(crate) enum Out {
    /// Encrypt and send this stanza.
    Stanza(Node),
    /// End the connection, once the client has read what was said.
    Close,
    /// Cut the connection, whatever is on its way.
    Cut,
}

/// What waits for one client.
#[derive(Default)]
struct Waiting {
    orders: AtomicUsize,
    bytes: AtomicUsize,
    /// It was too much once.
    is_over: AtomicBool,
}

/// The room one order takes until it is carried out.
struct Room {
    waiting: Arc<Waiting>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.orders.fetch_sub(1, Ordering::Relaxed);
        self.waiting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// An order, and the room it takes.
pub(crate) struct Order {
    pub(crate) out: Out,
    _room: Option<Room>,
}

impl Order {
    /// The last one, when nobody gives any more.
    pub(crate) fn cut() -> Self {
        let out = Out::Cut;
        Self { out, _room: None }
    }
}

/// The sender's end.
#[derive(Clone)]
pub(crate) struct Outlet {
    sender: mpsc::UnboundedSender<Order>,
    waiting: Arc<Waiting>,
}

/// The connection's end.
pub(crate) struct Inlet {
    receiver: mpsc::UnboundedReceiver<Order>,
    waiting: Arc<Waiting>,
}

/// The connection ended, or ends now because it does not keep up.
#[derive(Debug)]
pub(crate) struct Gone;

/// Both ends.
pub(crate) fn pipe() -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::<Waiting>::default();
    let outlet = Outlet {
        sender,
        waiting: Arc::clone(&waiting),
    };
    (outlet, Inlet { receiver, waiting })
}

impl Outlet {
    /// Hands an order over.
    pub(crate) fn send(&self, out: Out) -> Result<(), Gone> {
        let bytes = match &out {
            Out::Stanza(stanza) => weight(stanza),
            Out::Close | Out::Cut => 0,
        };
        let room = Room {
            waiting: Arc::clone(&self.waiting),
            bytes,
        };
        let orders = self.waiting.orders.fetch_add(1, Ordering::Relaxed);
        let waiting = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // An order to end takes no bytes, so it is never the one too large.
        let is_over = orders >= MOST_WAITING || (bytes > 0 && waiting > MOST_BYTES);
        if is_over && !self.waiting.is_over.swap(true, Ordering::Relaxed) {
            // The connection may have taken all orders and wait for the next; an error means that it is gone.
            let _ = self.sender.send(Order::cut());
        }
        if self.waiting.is_over.load(Ordering::Relaxed) {
            return Err(Gone);
        }
        let order = Order { out, _room: Some(room) };
        self.sender.send(order).map_err(|_| Gone)
    }
}

impl Inlet {
    /// The next order; `None` when the connection has to end.
    pub(crate) async fn next(&mut self) -> Option<Order> {
        let order = self.receiver.recv().await?;
        if self.waiting.is_over.load(Ordering::Relaxed) {
            tracing::warn!("a client that does not read is cut off");
            return None;
        }
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::stanza::node;

    fn order(bytes: usize) -> Out {
        Out::Stanza(node("ib").bytes(vec![0; bytes]).build())
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_and_costs_a_bounded_number_of_stanzas() {
        let (outlet, mut inlet) = pipe();
        for _ in 0..MOST_WAITING {
            outlet.send(order(0)).unwrap();
        }
        assert!(outlet.send(order(0)).is_err());
        assert!(inlet.next().await.is_none());
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_and_costs_a_bounded_number_of_bytes() {
        let (outlet, mut inlet) = pipe();
        let large = MOST_BYTES / 16;
        for _ in 0..15 {
            outlet.send(order(large)).unwrap();
        }
        // What was read but is not written yet still takes its room.
        let mut written_later = Vec::new();
        for _ in 0..15 {
            written_later.push(inlet.next().await.unwrap());
        }
        assert!(outlet.send(order(large)).is_err());
        assert!(outlet.send(Out::Close).is_err());
        assert!(inlet.next().await.is_none());
        drop(written_later);
    }

    #[tokio::test]
    async fn who_reads_as_fast_as_is_written_gets_any_number_of_bytes() {
        let (outlet, mut inlet) = pipe();
        for _ in 0..64 {
            outlet.send(order(MOST_BYTES / 16)).unwrap();
            assert!(matches!(inlet.next().await.unwrap().out, Out::Stanza(_)));
        }
    }
}
