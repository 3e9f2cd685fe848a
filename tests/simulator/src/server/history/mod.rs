//! What a phone remembers of its chats, and how it hands that to its linked devices.
//!
//! After linking it sends its history in chunks ([`send_once`]); later it answers questions of a device
//! ([`asked`]): older messages of a chat, a message the device could not read. Only messages are here;
//! the settings of chats are app state.

mod chunks;
mod memory;
mod requests;
mod sync;
mod verbs;

pub(crate) use memory::Memory;
pub use memory::Remembered;
pub(crate) use requests::asked;
pub(crate) use sync::{confirmed, send_again, send_once};
pub use verbs::HistoryForm;
