//! Groups, communities and status: one file per kind of change, and the messages that use sender keys.
//!
//! The routers of IQs, messages, receipts and typing come in here with whatever is about a group; the
//! library's `Group` uses the same doors for people on phones, so both are bound by the same rights.

mod chat;
mod communities;
mod invites;
mod letters;
mod life;
mod members;
mod nodes;
mod notices;
pub(crate) mod pictures;
mod posts;
mod queries;
mod receipts;
mod refused;
mod settings;
mod store;

pub(crate) use chat::Chat;
pub(crate) use communities::{link, operation};
pub(crate) use invites::{Joined, accept, code, decide, follow, invite, reset, withdraw};
pub(crate) use letters::{say, show_typing};
pub(crate) use life::{Draft, create};
pub(crate) use members::{Deed, act, end, leave};
pub(crate) use nodes::face;
pub(crate) use posts::receive as receive_message;
pub(crate) use queries::answer;
pub(crate) use receipts::{read, receive as receive_receipt};
pub(crate) use refused::Refused;
pub(crate) use settings::{Change, change};
pub use store::Past;
pub(crate) use store::{Group, Groups, Rank, group_id};
