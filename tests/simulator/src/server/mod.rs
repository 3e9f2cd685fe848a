//! The simulated WhatsApp: what it knows, and one file per family of stanzas.
//!
//! [`Server`] is the handle tests and the binary hold. The wire room brings every stanza to [`receive`].

mod announcements;
pub(crate) mod app_state;
pub(crate) mod arrivals;
pub(crate) mod assistants;
pub(crate) mod blocklist;
pub(crate) mod business;
pub(crate) mod calls;
pub(crate) mod chat_state;
pub(crate) mod clock;
pub(crate) mod companion;
mod faults;
pub(crate) mod goodbye;
pub(crate) mod groups;
pub(crate) mod handle;
pub(crate) mod history;
mod keepalive;
pub(crate) mod keys;
pub(crate) mod link_code;
pub(crate) mod linking;
mod listener;
pub(crate) mod lists;
pub(crate) mod login;
pub(crate) mod media_retry;
pub(crate) mod messages;
mod mex;
pub(crate) mod migration;
pub(crate) mod naming;
pub(crate) mod newsletters;
mod offline;
pub(crate) mod outlet;
pub(crate) mod passkey;
pub(crate) mod person;
pub(crate) mod pictures;
pub(crate) mod presence;
pub(crate) mod privacy;
pub(crate) mod profile;
mod queries;
pub(crate) mod queue;
pub(crate) mod receipts;
pub(crate) mod refresh;
mod refusal;
#[cfg(test)]
mod repeated;
mod retries;
pub(crate) mod service;
pub(crate) mod stanza;
pub(crate) mod state;
pub(crate) mod step;
pub(crate) mod tokens;
mod tricks;
mod usync;
pub(crate) mod wrongs;

use std::sync::Arc;

use whatsapp_rust::wacore_binary::{JidExt as _, Node};

pub use app_state::Setting;
pub use blocklist::Report;
pub use business::Business;
pub use calls::CallState;
pub use chat_state::Typing;
pub use clock::Clock;
pub use goodbye::Goodbye;
pub use handle::{Options, Server};
pub use history::{HistoryForm, Remembered};
pub use media_retry::UploadAgain;
pub use refusal::Refusal;
use state::{Role, Shared, State};

/// A client sent a stanza; what nobody knows is ignored.
pub(crate) fn receive(shared: &Arc<Shared>, state: &mut State, link: u64, stanza: &Node) {
    if stanza.tag == "iq" {
        return queries::receive(shared, state, link, stanza);
    }
    let Some(device) = state.links.get(&link).and_then(|link| match &link.role {
        Role::Device(device) => Some(device.clone()),
        Role::Candidate(_) => None,
    }) else {
        return;
    };
    match stanza.tag.as_ref() {
        "message" if is_to_newsletter(stanza) => newsletters::receive(state, &device, stanza),
        "message" => messages::receive(state, &device, stanza),
        "receipt" => receipts::receive(state, &device, stanza),
        "ack" => receipts::acknowledged(state, &device, stanza),
        "presence" => presence::receive(state, &device, stanza),
        "chatstate" => chat_state::receive(state, &device, stanza),
        "call" => calls::receive(state, &device, stanza),
        "ib" => offline::information(state, &device, stanza),
        other => tracing::debug!("ignored <{other}>"),
    }
}

fn is_to_newsletter(message: &Node) -> bool {
    stanza::address(message, "to").is_some_and(|to| to.is_newsletter())
}
