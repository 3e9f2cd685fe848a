//! The way out to one connection: what its task is told to do, and no more of it than memory allows.
//!
//! Called by everything that sends to a client; read by the wire room. A client that does not read is cut
//! off: what matters stays owed in [`super::queue`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use whatsapp_rust::wacore_binary::Node;

/// So many stanzas may wait for a client that reads slowly.
const MOST_WAITING: usize = 20_000;

/// What a socket task is told to do.
pub(crate) enum Out {
    /// Encrypt and send this stanza.
    Stanza(Node),
    /// End the connection, once the client has read what was said.
    Close,
    /// Cut the connection, whatever is on its way.
    Cut,
}

/// The sender's end.
#[derive(Clone)]
pub(crate) struct Outlet {
    sender: mpsc::UnboundedSender<Out>,
    waiting: Arc<AtomicUsize>,
}

/// The connection's end.
pub(crate) struct Inlet {
    receiver: mpsc::UnboundedReceiver<Out>,
    waiting: Arc<AtomicUsize>,
}

/// The connection ended, or ends now because it does not keep up.
#[derive(Debug)]
pub(crate) struct Gone;

/// Both ends.
pub(crate) fn pipe() -> (Outlet, Inlet) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::<AtomicUsize>::default();
    let outlet = Outlet {
        sender,
        waiting: Arc::clone(&waiting),
    };
    (outlet, Inlet { receiver, waiting })
}

impl Outlet {
    /// Hands an order over.
    pub(crate) fn send(&self, out: Out) -> Result<(), Gone> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            return Err(Gone);
        }
        self.sender.send(out).map_err(|_| Gone)
    }
}

impl Inlet {
    /// The next order; `None` when the connection has to end.
    pub(crate) async fn next(&mut self) -> Option<Out> {
        let out = self.receiver.recv().await?;
        if self.waiting.fetch_sub(1, Ordering::Relaxed) > MOST_WAITING {
            tracing::warn!("a client that does not read is cut off");
            return None;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::stanza::node;

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_and_costs_a_bounded_amount() {
        let (outlet, mut inlet) = pipe();
        for _ in 0..MOST_WAITING {
            outlet.send(Out::Stanza(node("ib").build())).unwrap();
        }
        assert!(outlet.send(Out::Stanza(node("ib").build())).is_err());
        assert!(inlet.next().await.is_none());
    }
}
