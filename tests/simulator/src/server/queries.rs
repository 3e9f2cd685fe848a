//! IQs: each goes to its family; what nobody knows is refused with 501.
//!
//! Called by the router. An IQ is never left without an answer: the client would wait 75 seconds
//! (traps, 7).

use std::sync::Arc;

use whatsapp_rust::wacore_binary::Node;

use super::companion::Device;
use super::stanza::{self, node};
use super::state::{Role, Shared, State};
use super::{app_state, groups, keys, link_code, linking, login, offline, usync};
use crate::media;

/// A client sent an IQ.
pub(crate) fn receive(shared: &Arc<Shared>, state: &mut State, link: u64, iq: &Node) {
    let id = stanza::attr(iq, "id");
    let child = stanza::first_child(iq);
    if matches!(stanza::attr(iq, "type").as_str(), "result" | "error") {
        let is_candidate = matches!(state.links.get(&link).map(|link| &link.role), Some(Role::Candidate(_)));
        if let Some(answer) = child.filter(|child| is_candidate && child.tag == "pair-device-sign")
            && let Err(error) = linking::finish(shared, state, link, answer)
        {
            tracing::warn!("linking failed: {error:#}");
            state.close(link);
        }
        return;
    }
    let space = stanza::attr(iq, "xmlns");
    if space == "md" && child.is_some_and(|child| child.tag == "link_code_companion_reg") {
        link_code::receive(state, link, iq);
        return;
    }
    let Some(device) = state.links.get(&link).and_then(|link| match &link.role {
        Role::Device(device) => Some(device.clone()),
        Role::Candidate(_) => None,
    }) else {
        let answer = if space == "w:p" {
            stanza::result(&id, Vec::new())
        } else {
            not_implemented(&id)
        };
        state.send(link, answer);
        return;
    };
    let answer = match answer(state, &device, &space, iq) {
        Some(children) => stanza::result(&id, children),
        None if space == "w:profile:picture" => not_found(&id),
        None => not_implemented(&id),
    };
    state.send(link, answer);
    afterwards(state, &device, &space, child);
}

fn answer(state: &mut State, device: &Device, space: &str, iq: &Node) -> Option<Vec<Node>> {
    let child = stanza::first_child(iq);
    let is_get = stanza::attr(iq, "type") == "get";
    match space {
        "encrypt" => keys::answer(state, device, iq),
        "usync" => usync::answer(state, child?),
        "w:sync:app:state" => app_state::answer(state, device, child?),
        "w:g2" => groups::answer(iq),
        "w:m" => Some(vec![media::connection(state)]),
        "abt" => Some(vec![node("props").attr("protocol", "1").attr("hash", "sim").build()]),
        "privacy" if is_get => Some(vec![
            node("privacy")
                .children([node("category")
                    .attr("name", "readreceipts")
                    .attr("value", "all")
                    .build()])
                .build(),
        ]),
        "privacy"
        | "disappearing_mode"
        | "passive"
        | "w:p"
        | "urn:xmpp:ping"
        | "urn:xmpp:whatsapp:dirty"
        | "w:stats" => Some(Vec::new()),
        "status" if !is_get => Some(Vec::new()),
        "blocklist" => Some(vec![node("list").build()]),
        "md" => child
            .filter(|child| child.tag == "remove-companion-device")
            .map(|_| Vec::new()),
        _ => None,
    }
}

/// What follows an answer and must not overtake it.
fn afterwards(state: &mut State, device: &Device, space: &str, child: Option<&Node>) {
    match (space, child.map(|child| child.tag.as_ref())) {
        ("passive", Some("active")) => {
            offline::activate(state, device);
            app_state::share_keys_once(state, device);
        }
        ("md", Some("remove-companion-device")) => login::remove(state, device),
        _ => {}
    }
}

fn not_implemented(id: &str) -> Node {
    stanza::refusal(id, 501, "feature-not-implemented")
}

fn not_found(id: &str) -> Node {
    stanza::refusal(id, 404, "item-not-found")
}
