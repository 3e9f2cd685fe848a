//! Assistants: they have an address of their own kind, and what they say is for phones; linked devices are told that there
//! is something, and whose it is.
//!
//! Called by `Phone` and `Group`.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::groups::Chat;
use super::stanza::node;
use super::state::State;

/// The address of the assistant that everybody has.
const ASSISTANT: &str = "867051314767696@bot";

/// It answers somebody who asked alone; answers the message id.
pub(crate) fn answer(state: &mut State, number: &str) -> anyhow::Result<String> {
    let assistant: Jid = ASSISTANT.parse()?;
    let id = state.next_message_id();
    let stanza = for_phones(node("message").attr("from", assistant), &id);
    state.push_to_companions(number, None, &stanza);
    Ok(id)
}

/// It answers somebody in a group; answers the message id.
pub(crate) fn answer_in(state: &mut State, chat: &Chat) -> anyhow::Result<String> {
    let assistant: Jid = ASSISTANT.parse()?;
    let id = state.next_message_id();
    let head = node("message").attr("from", &chat.jid).attr("participant", assistant);
    let stanza = for_phones(head, &id);
    for number in &chat.people {
        state.push_to_companions(number, None, &stanza);
    }
    Ok(id)
}

fn for_phones(head: NodeBuilder, id: &str) -> Node {
    head.attr("id", id)
        .attr("type", "text")
        .attr("t", clock::seconds())
        .children([node("unavailable").build(), node("bot").attr("edit", "first").build()])
        .build()
}
