//! End-to-end encryption of the simulated people: real Signal sessions over stores in memory.
//!
//! Called by the server room, which owns one [`Peer`] per person. Sender keys (groups) are not here.

mod peer;
mod stores;

pub(crate) use peer::{Failure, Peer, companion_bundle, keys_of_receipt};
