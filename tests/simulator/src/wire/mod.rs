//! The wire: WebSocket messages, frames, the Noise handshake as the responder, the connection's loop.
//!
//! Called by the router of the HTTP port. It knows nothing of what stanzas mean; each goes to the server
//! room, whose answers come back through a channel.

mod connection;
mod frames;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod fuzz_linked;
#[cfg(test)]
mod fuzz_linking;
mod noise;
mod pace;

pub(crate) use connection::serve;
pub(crate) use frames::LARGEST_MESSAGE;
pub(crate) use noise::{Greeted, Handshake, Identity};
pub(crate) use pace::Pace;
