//! Where something is said: in a chat of two, named by the other's number, or in a group, named by its address.
//!
//! Called by what composes messages, and by those who let people speak by name: the control API and scenarios.

use anyhow::Context as _;
use whatsapp_rust::wacore_binary::Jid;
use whatsapp_rust::waproto::whatsapp as wa;

use super::{known_message, say as say_alone};
use crate::server::groups::{self, Chat};
use crate::server::state::State;
use crate::server::{chat_state, chat_state::Typing, migration, receipts};

/// The group's id, when the place is a group.
pub(crate) fn group_id(place: &str) -> Option<&str> {
    place.strip_suffix("@g.us")
}

/// Refuses a place nobody knows.
pub(crate) fn check(state: &State, place: &str) -> anyhow::Result<()> {
    match group_id(place) {
        Some(id) => state.groups.get(id).map(|_| ()).context("there is no such group"),
        None => state.person(place).map(|_| ()),
    }
}

/// The address somebody has there.
pub(crate) fn face(state: &State, who: &str, place: &str) -> anyhow::Result<Jid> {
    match group_id(place) {
        Some(id) => Ok(groups::face(state, state.groups.get(id)?.by_lid, who)),
        None => migration::face(state, who, place),
    }
}

/// The number of whoever wrote a message there, as one side knows it.
pub(crate) fn author(state: &State, knower: &str, place: &str, id: &str) -> Option<String> {
    let person = state.person(knower).ok()?;
    // A phone has copies of what its linked devices wrote.
    if person.sent.contains_key(id) || person.inbox.has(knower, id) {
        return Some(knower.to_owned());
    }
    match group_id(place) {
        Some(group) => state.groups.author(&Jid::group(group), id).cloned(),
        None => Some(place.to_owned()),
    }
}

/// A message of the place as somebody knows it; empty when nobody does.
pub(crate) fn message(state: &State, knower: &str, place: &str, id: &str) -> wa::Message {
    let author = author(state, knower, place, id).unwrap_or_default();
    known_message(state, knower, &author, id)
}

/// Somebody says something there, under the given id or a new one; answers the id.
pub(crate) fn say(
    state: &mut State,
    from: &str,
    place: &str,
    id: Option<&str>,
    message: wa::Message,
) -> anyhow::Result<String> {
    let Some(group) = group_id(place) else {
        return Ok(say_alone(state, from, place, id, message));
    };
    let chat = Chat::group(state, group, from)?;
    let id = id.map_or_else(|| state.next_message_id(), ToOwned::to_owned);
    groups::say(state, from, &chat, id.clone(), message);
    Ok(id)
}

/// Somebody begins or stops typing there.
pub(crate) fn types(state: &mut State, who: &str, place: &str, typing: Typing) {
    chat_state::type_to(state, who, group_id(place).unwrap_or(place), typing);
}

/// Somebody reads messages there.
pub(crate) fn reads(state: &mut State, who: &str, place: &str, ids: &[String]) {
    match group_id(place) {
        None => receipts::read(state, who, place, ids),
        Some(group) => {
            if let Ok(chat) = Chat::seen_by(state, group, who) {
                groups::read(state, &chat, who, ids);
            }
        }
    }
}
