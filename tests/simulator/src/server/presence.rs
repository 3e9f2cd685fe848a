//! Presence and typing: worth something now or never, so nothing here is queued.
//!
//! Called by the router for what companions send, and by `Contact` for what people do.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::Device;
use super::stanza::{self, node};
use super::state::State;

/// A companion sent `<presence>`.
pub(crate) fn presence(state: &mut State, device: &Device, presence: &Node) {
    match stanza::attr(presence, "type").as_str() {
        "subscribe" => {
            let Some(asked) = stanza::address(presence, "to") else {
                return;
            };
            let Some(whom) = state.resolve(&asked) else {
                return;
            };
            let Ok(person) = state.person_mut(&whom.number) else {
                return;
            };
            person.conduct.watchers.insert(device.clone());
            let answer = of(asked.to_non_ad(), person.conduct.is_online);
            if let Some(companion) = state.companion_mut(device) {
                companion.send_now(answer);
            }
        }
        "unsubscribe" => {
            if let Some(whom) = stanza::address(presence, "to").and_then(|jid| state.resolve(&jid))
                && let Ok(person) = state.person_mut(&whom.number)
            {
                person.conduct.watchers.remove(device);
            }
        }
        "unavailable" => set_online(state, &device.number, false),
        _ => set_online(state, &device.number, true),
    }
}

/// A person comes online or leaves; whoever asked is told.
pub(crate) fn set_online(state: &mut State, number: &str, is_online: bool) {
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    person.conduct.is_online = is_online;
    let face = person.face();
    for watcher in person.conduct.watchers.clone() {
        if let Some(companion) = state.companion_mut(&watcher) {
            companion.send_now(of(face.clone(), is_online));
        }
    }
}

/// A companion sent `<chatstate>`.
pub(crate) fn chat_state(state: &mut State, device: &Device, chat_state: &Node) {
    let Some(to) = stanza::address(chat_state, "to").and_then(|jid| state.resolve(&jid)) else {
        return;
    };
    let composing = stanza::first_child(chat_state).is_some_and(|child| child.tag == "composing");
    type_to(state, &device.number, &to.number, composing);
}

/// A person types, or stops typing, to another.
pub(crate) fn type_to(state: &mut State, from: &str, to: &str, composing: bool) {
    let Ok(face) = state.person(from).map(super::person::Person::face) else {
        return;
    };
    let Ok(person) = state.person_mut(to) else {
        return;
    };
    if composing {
        person.conduct.typing.insert(from.to_owned());
    } else {
        person.conduct.typing.remove(from);
    }
    let what = node(if composing { "composing" } else { "paused" }).build();
    let stanza = node("chatstate").attr("from", face).children([what]).build();
    for companion in person.companions.values() {
        companion.send_now(stanza.clone());
    }
}

fn of(face: Jid, is_online: bool) -> Node {
    let presence = node("presence").attr("from", face);
    if is_online {
        presence.attr("type", "available").build()
    } else {
        presence
            .attr("type", "unavailable")
            .attr("last", clock::seconds())
            .build()
    }
}
