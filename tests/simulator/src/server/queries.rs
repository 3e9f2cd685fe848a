//! IQs: each goes to its family; what nobody knows is refused with 501.
//!
//! Called by the router. An IQ is never left without an answer: the client would wait 75 seconds
//! (traps, 7).

use std::sync::Arc;

use whatsapp_rust::wacore_binary::Node;

use super::companion::Device;
use super::stanza::{self, Answer, Refusal};
use super::state::{Role, Shared, State};
use super::{
    app_state, blocklist, business, groups, history, keepalive, keys, link_code, linking, login, mex, migration,
    newsletters, offline, passkey, pictures, privacy, profile, service, usync,
};
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
        keepalive::answered(state, iq);
        return;
    }
    let space = stanza::attr(iq, "xmlns");
    if space == "md" && child.is_some_and(|child| child.tag == "link_code_companion_reg") {
        link_code::receive(state, link, iq);
        return;
    }
    let is_candidate = matches!(state.links.get(&link).map(|link| &link.role), Some(Role::Candidate(_)));
    if space == "md" && is_candidate && passkey::receive(shared, state, link, iq).is_some() {
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
        Ok(children) => stanza::result(&id, children),
        Err(Refusal(code, text)) => stanza::refusal(&id, code, text),
    };
    state.send(link, answer);
    afterwards(state, &device, &space, child);
}

fn answer(state: &mut State, device: &Device, space: &str, iq: &Node) -> Answer {
    let child = stanza::first_child(iq);
    let known = |answer: Option<Vec<Node>>| answer.ok_or(Refusal::NOT_IMPLEMENTED);
    match space {
        "encrypt" => keys::answer(state, device, iq),
        "usync" => known(child.and_then(|query| usync::answer(state, device, query))),
        "w:sync:app:state" => known(child.and_then(|sync| app_state::answer(state, device, sync))),
        "w:g2" => groups::answer(state, device, iq),
        "abt" => Ok(vec![service::properties(
            migration::is_migrated(state, device),
            state.blobs.faults.told,
        )]),
        "w:m" => Ok(vec![media::connection(state)]),
        "w:profile:picture" => pictures::answer(state, device, iq),
        "status" => profile::about(state, device, iq),
        "disappearing_mode" => profile::disappearing_mode(state, device, iq),
        "w:biz" => business::answer(state, iq),
        "privacy" => privacy::answer(state, device, iq),
        "blocklist" => blocklist::answer(state, device, iq),
        "spam" => blocklist::spam(state, device, iq),
        "w:mex" => mex::answer(state, device, iq),
        "newsletter" => newsletters::answer(state, device, iq),
        "md" => match child.map(|child| child.tag.as_ref()) {
            Some("remove-companion-device") => Ok(Vec::new()),
            _ => Err(Refusal::NOT_IMPLEMENTED),
        },
        _ => service::answer(state, device, space, iq),
    }
}

/// What follows an answer and must not overtake it.
fn afterwards(state: &mut State, device: &Device, space: &str, child: Option<&Node>) {
    match (space, child.map(|child| child.tag.as_ref())) {
        ("passive", Some("active")) => {
            offline::activate(state, device);
            service::remind(state, device);
            app_state::share_keys_once(state, device);
            history::send_once(state, device);
        }
        ("md", Some("remove-companion-device")) => login::remove(state, device),
        _ => {}
    }
}

fn not_implemented(id: &str) -> Node {
    stanza::refusal(id, 501, "feature-not-implemented")
}
