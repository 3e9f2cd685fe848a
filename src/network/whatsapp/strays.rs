//! Places of a live location that only phones can read.
//!
//! What follows the start of a live location is sealed with a fast ratchet (`<enc type="frskmsg">`) that neither the library
//! nor its cryptography has. Left alone, the library acknowledges such a stanza and tells nobody
//! (`whatsapp-rust` 0.7.0, `message/receive.rs`). Here its chat and sender are told, so that people know where to look; whoever
//! takes a kind of stanza from the library acknowledges it too. Deliberately not here: what is shown.

use std::sync::Arc;

use async_trait::async_trait;
use whatsapp_rust::{
    Client, NodeBuilder, types::enc_handler::EncHandler, wacore::types::message::MessageInfo, wacore_binary::Node,
};

use super::delivery::Delivery;
use crate::model::Action;

/// The kind of what is sealed so.
pub(super) const KIND: &str = "frskmsg";

/// What the library calls for such a stanza.
pub(super) struct Strays(pub(super) Arc<Delivery>);

#[async_trait]
impl EncHandler for Strays {
    async fn handle(&self, client: Arc<Client>, _: &Node, info: &MessageInfo) -> anyhow::Result<()> {
        self.0.deliver_alone(info, Action::Stray).await;
        client.acknowledge_stanza(&stanza(info).as_node_ref()).await?;
        Ok(())
    }
}

/// As much of the stanza as an acknowledgement names.
fn stanza(info: &MessageInfo) -> Node {
    let source = &info.source;
    let from = if source.is_group { &source.chat } else { &source.sender };
    let mut stanza = NodeBuilder::new("message").attr("id", &info.id).attr("from", from);
    if let Some(recipient) = &source.recipient {
        stanza = stanza.attr("recipient", recipient);
    }
    if source.is_group {
        stanza = stanza.attr("participant", &source.sender);
    }
    stanza.build()
}
