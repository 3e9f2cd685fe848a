//! The simulated WhatsApp: what it knows, and one file per family of stanzas.
//!
//! [`Server`] is the handle tests and the binary hold. The wire room brings every stanza to [`receive`].

pub(crate) mod app_state;
pub(crate) mod clock;
pub(crate) mod companion;
mod faults;
mod groups;
pub(crate) mod handle;
mod keys;
pub(crate) mod link_code;
pub(crate) mod linking;
pub(crate) mod login;
pub(crate) mod messages;
mod offline;
pub(crate) mod person;
pub(crate) mod presence;
mod queries;
pub(crate) mod queue;
pub(crate) mod receipts;
pub(crate) mod stanza;
pub(crate) mod state;
mod usync;

use std::sync::Arc;

use whatsapp_rust::wacore_binary::Node;

pub use handle::{Options, Server};
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
        "message" => messages::receive(state, &device, stanza),
        "receipt" => receipts::receive(state, &device, stanza),
        "ack" => receipts::acknowledged(state, &device, stanza),
        "presence" => presence::presence(state, &device, stanza),
        "chatstate" => presence::chat_state(state, &device, stanza),
        "ib" => offline::information(state, &device, stanza),
        other => tracing::debug!("ignored <{other}>"),
    }
}
