//! End-to-end encryption of the simulated people: real Signal sessions over stores in memory.
//!
//! Called by the server room, which owns one [`Peer`] per person and the [`Chains`] of
//! groups.

mod chains;
mod own;
mod peer;
mod sender_keys;
mod stores;

pub(crate) use chains::{Chains, Opened};
pub(crate) use own::bundle_of_user;
pub(crate) use peer::{Failure, Peer, companion_bundle, keys_of_receipt};
