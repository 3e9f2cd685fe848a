//! A WhatsApp server for tests and demos: it speaks the wire to the unmodified client library.
//!
//! [`Server`] listens; a [`Phone`] owns an account and links devices; a [`Contact`] is somebody to talk
//! to, a [`Group`] is many of them, a [`Newsletter`] is a channel. Everything lives in memory. Verbs that end at once are
//! plain functions, waiting is async. Deliberately absent: anything kept on disk, the sound of calls. See `README.md` for the
//! binary.

mod contact;
mod control;
mod group;
pub mod load;
mod media;
mod newsletter;
mod phone;
mod scenario;
mod server;
mod signal;
mod wire;

pub use contact::{Attachment, Attendance, Card, Contact, Kind, Received, Seen, Speech};
pub use group::{Group, Somebody};
pub use media::{MediaKind, Uploaded};
pub use newsletter::{Newsletter, Published};
pub use phone::{Passkey, Phone};
pub use scenario::Script;
pub use server::groups::Past;
pub use server::{
    Business, CallState, Clock, Goodbye, HistoryForm, Options, Refusal, Remembered, Report, Server, Setting, Typing,
    UploadAgain,
};
