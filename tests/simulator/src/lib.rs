//! A WhatsApp server for tests and demos: it speaks the wire to the unmodified client library.
//!
//! [`Server`] listens; a [`Phone`] owns an account and links devices; a [`Contact`] is somebody to talk
//! to. Everything lives in memory. Verbs that end at once are plain functions, waiting is async.
//! Deliberately absent: groups, history, calls, channels. See `README.md` for the binary.

mod contact;
mod control;
mod media;
mod phone;
mod server;
mod signal;
mod wire;

pub use contact::{Contact, Kind, Received, Seen};
pub use phone::Phone;
pub use server::{Options, Server};
