//! Typing and recording: seen for a while, then over by itself.
//!
//! Called by the router for what companions send and by `Contact` for what people do. Nothing here is
//! queued. Who began and says no more is taken to have stopped after [`ChatStates::lifetime`], which
//! [`watch()`], a task of the running server, sees to.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::companion::Device;
use super::groups;
use super::privacy;
use super::stanza::{self, node};
use super::state::{Shared, State};

/// The environment variable that says how many seconds typing lasts.
const LIFETIME_VARIABLE: &str = "CHATSTATE_TTL_SECS";
/// As long as the apps show it.
const LIFETIME: Duration = Duration::from_secs(25);

/// What somebody does in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// Writes a text.
    Composing,
    /// Records a voice message.
    Recording,
    /// Stopped.
    Paused,
}

/// Who is typing, by author and reader.
pub(crate) struct ChatStates {
    now: BTreeMap<(String, String), (Typing, Instant)>,
    pub(crate) lifetime: Duration,
    changed: Arc<Notify>,
}

impl Default for ChatStates {
    fn default() -> Self {
        Self {
            now: BTreeMap::new(),
            lifetime: LIFETIME,
            changed: Arc::default(),
        }
    }
}

impl ChatStates {
    /// What `from` does in its chat with `to`.
    pub(crate) fn of(&self, from: &str, to: &str) -> Typing {
        self.now
            .get(&(from.to_owned(), to.to_owned()))
            .map_or(Typing::Paused, |(typing, _)| *typing)
    }
}

/// How long typing lasts unless somebody says otherwise.
pub(crate) fn default_lifetime() -> Duration {
    lifetime(|name| std::env::var(name).ok())
}

/// The same, in any environment; what is no number of seconds counts as not said.
fn lifetime(variable: impl Fn(&str) -> Option<String>) -> Duration {
    variable(LIFETIME_VARIABLE)
        .and_then(|seconds| seconds.trim().parse().ok())
        .map_or(LIFETIME, Duration::from_secs)
}

/// A companion sent `<chatstate>`.
pub(crate) fn receive(state: &mut State, device: &Device, chat_state: &Node) {
    let Some(to) = stanza::address(chat_state, "to") else {
        return;
    };
    let typing = match stanza::first_child(chat_state) {
        Some(child) if child.tag == "composing" && stanza::attr(child, "media") == "audio" => Typing::Recording,
        Some(child) if child.tag == "composing" => Typing::Composing,
        _ => Typing::Paused,
    };
    match (groups::group_id(&to), state.resolve(&to)) {
        (Some(group), _) => type_to(state, &device.number, group, typing),
        (None, Some(to)) => type_to(state, &device.number, &to.number, typing),
        (None, None) => {}
    }
}

/// A person types, records or stops in its chat with another, or in a group, named by its id.
pub(crate) fn type_to(state: &mut State, from: &str, to: &str, typing: Typing) {
    let group = groups::Chat::seen_by(state, to, from).ok();
    let is_nowhere = group.is_none() && state.person(to).is_err();
    let key = (from.to_owned(), to.to_owned());
    if is_nowhere || privacy::is_blocked(state, to, from) {
        state.chat_states.now.remove(&key);
        return;
    }
    if typing == Typing::Paused {
        state.chat_states.now.remove(&key);
    } else {
        let end = Instant::now() + state.chat_states.lifetime;
        state.chat_states.now.insert(key, (typing, end));
        state.chat_states.changed.notify_one();
    }
    if let Some(group) = group {
        return groups::show_typing(state, from, &group, typing);
    }
    let Ok(face) = state.person(from).map(super::person::Person::face) else {
        return;
    };
    let stanza = stanza_of(face, None, typing);
    if let Ok(person) = state.person(to) {
        for companion in person.companions.values() {
            companion.send_now(stanza.clone());
        }
    }
}

/// The stanza that shows it: from a person, or from a person (`participant`) in a group.
pub(crate) fn stanza_of(from: Jid, participant: Option<Jid>, typing: Typing) -> Node {
    let child = match typing {
        Typing::Composing => node("composing"),
        Typing::Recording => node("composing").attr("media", "audio"),
        Typing::Paused => node("paused"),
    };
    let stanza = node("chatstate").attr("from", from).children([child.build()]);
    match participant {
        Some(participant) => stanza.attr("participant", participant).build(),
        None => stanza.build(),
    }
}

/// Ends typing that was not renewed, until the server stops.
pub(crate) async fn watch(shared: Weak<Shared>, mut stopped: watch::Receiver<bool>) {
    let Some(changed) = shared
        .upgrade()
        .map(|shared| shared.look(|state| Arc::clone(&state.chat_states.changed)))
    else {
        return;
    };
    loop {
        let Some(next) = shared.upgrade().map(|shared| shared.look(next_end)) else {
            return;
        };
        tokio::select! {
            // An error means that every handle is gone, which is a stop too.
            _ = stopped.changed() => return,
            () = changed.notified() => continue,
            () = until(next) => {}
        }
        if let Some(shared) = shared.upgrade() {
            shared.act(expire);
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn next_end(state: &State) -> Option<Instant> {
    state.chat_states.now.values().map(|(_, end)| *end).min()
}

fn expire(state: &mut State) {
    let now = Instant::now();
    let over: Vec<_> = state
        .chat_states
        .now
        .iter()
        .filter(|(_, (_, end))| *end <= now)
        .map(|(key, _)| key.clone())
        .collect();
    for (from, to) in over {
        type_to(state, &from, &to, Typing::Paused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_the_lifetime_of_typing_is_read_from_the_environment() {
        let told = |value: &'static str| lifetime(move |name| (name == "CHATSTATE_TTL_SECS").then(|| value.to_owned()));
        assert_eq!(told("3"), Duration::from_secs(3));
        assert_eq!(told(" 40\n"), Duration::from_secs(40));
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(told(odd), LIFETIME, "{odd}");
        }
        assert_eq!(lifetime(|_| None), LIFETIME);
    }
}
