//! Presence: who is online, who was, and who asked to know. Worth something now or never: nothing is queued.
//!
//! Called by the router for what companions send, and by `Contact` for what people do. Typing is in
//! [`super::chat_state`].

use std::collections::BTreeSet;

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::clock;
use super::companion::Device;
use super::privacy::{self, Category};
use super::stanza::{self, node};
use super::state::State;

/// Whether a person is there, and who wants to know.
#[derive(Default)]
pub(crate) struct Presence {
    pub(crate) is_online: bool,
    last_seen: Option<u64>,
    /// The linked devices that are available now.
    available: BTreeSet<u16>,
    /// The devices that asked, and the addresses they asked for, in the order of asking.
    watchers: Vec<(Device, Jid)>,
}

/// A companion sent `<presence>`.
pub(crate) fn receive(state: &mut State, device: &Device, presence: &Node) {
    let kind = stanza::attr(presence, "type");
    match kind.as_str() {
        "subscribe" | "unsubscribe" => {
            if let Some(asked) = stanza::address(presence, "to") {
                subscribe(state, device, asked.to_non_ad(), kind == "subscribe");
            }
        }
        "" | "available" | "unavailable" => {
            let name = stanza::attr(presence, "name");
            if !name.is_empty()
                && let Ok(person) = state.person_mut(&device.number)
            {
                person.name = name;
            }
            device_is_available(state, device, kind != "unavailable");
        }
        _ => {}
    }
}

fn subscribe(state: &mut State, device: &Device, asked: Jid, wants: bool) {
    let Some(whom) = state.resolve(&asked) else {
        return;
    };
    let Ok(person) = state.person_mut(&whom.number) else {
        return;
    };
    let watcher = (device.clone(), asked.clone());
    if !wants {
        person.presence.watchers.retain(|one| *one != watcher);
        return;
    }
    if !person.presence.watchers.contains(&watcher) {
        person.presence.watchers.push(watcher);
    }
    show(state, &whom.number, device, asked);
}

/// An account is online while one of its devices is.
pub(crate) fn device_is_available(state: &mut State, device: &Device, is_available: bool) {
    let Ok(person) = state.person_mut(&device.number) else {
        return;
    };
    let changed = if is_available {
        person.presence.available.insert(device.id)
    } else {
        person.presence.available.remove(&device.id)
    };
    let is_online = !person.presence.available.is_empty();
    if changed && is_online != person.presence.is_online {
        set_online(state, &device.number, is_online, None);
    }
}

/// A person comes online or leaves; whoever asked is told.
pub(crate) fn set_online(state: &mut State, number: &str, is_online: bool, last_seen: Option<u64>) {
    let Ok(person) = state.person_mut(number) else {
        return;
    };
    person.presence.is_online = is_online;
    if !is_online {
        person.presence.last_seen = Some(last_seen.unwrap_or_else(clock::seconds));
    }
    for (watcher, asked) in person.presence.watchers.clone() {
        show(state, number, &watcher, asked);
    }
}

/// Tells a device what it may know about a person.
fn show(state: &mut State, number: &str, to: &Device, asked: Jid) {
    let shows = |what| privacy::shows(state, number, what, &to.number);
    let (sees_online, sees_last) = (shows(Category::Online), shows(Category::LastSeen));
    if privacy::is_blocked(state, number, &to.number) {
        return;
    }
    let Ok(person) = state.person(number) else {
        return;
    };
    let presence = node("presence").attr("from", asked);
    let presence = if person.presence.is_online && sees_online {
        presence.attr("type", "available")
    } else {
        let presence = presence.attr("type", "unavailable");
        match person.presence.last_seen {
            _ if !sees_last => presence.attr("last", "deny"),
            Some(last) => presence.attr("last", last),
            None => presence.attr("last", "none"),
        }
    };
    if let Some(companion) = state.companion_mut(to) {
        companion.send_now(presence.build());
    }
}
