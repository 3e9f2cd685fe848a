//! Privacy: who may see what of a person, who is blocked, and the settings a client reads and writes.
//!
//! Called by [`super::queries`] for the space `privacy`, and asked by every family that shows something of
//! a person to another. The tokens in the same space are in [`super::tokens`], the list of blocked people
//! is written by [`super::blocklist`].

use std::collections::{BTreeMap, BTreeSet};

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::companion::Device;
use super::stanza::{self, Answer, Refusal, node};
use super::state::State;
use super::tokens::Tokens;
use super::{announcements, tokens};

/// The settings with their values; the first one is the default.
const SETTINGS: &[(&str, &[&str])] = &[
    ("last", &["all", "contacts", "contact_blacklist", "none"]),
    ("online", &["all", "match_last_seen"]),
    ("profile", &["all", "contacts", "contact_blacklist", "none"]),
    ("status", &["all", "contacts", "contact_blacklist", "none"]),
    ("groupadd", &["all", "contacts", "contact_blacklist", "none"]),
    ("readreceipts", &["all", "none"]),
    ("calladd", &["all", "known", "contacts"]),
    ("messages", &["all", "contacts"]),
    ("defense", &["off", "on_standard"]),
];
const EXCEPT: &str = "contact_blacklist";

/// What can be hidden from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    LastSeen,
    Online,
    Picture,
    About,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::LastSeen => "last",
            Self::Online => "online",
            Self::Picture => "profile",
            Self::About => "status",
        }
    }
}

/// What a person keeps to itself.
#[derive(Default)]
pub(crate) struct Privacy {
    settings: BTreeMap<&'static str, &'static str>,
    /// The numbers a setting leaves out.
    excepted: BTreeMap<&'static str, BTreeSet<String>>,
    version: u64,
    /// Who may see what is shown for a day: a kind of list, and the numbers on it.
    pub(crate) statuses: Option<(&'static str, Vec<String>)>,
    /// The numbers that are blocked, and since when.
    pub(crate) blocked: BTreeMap<String, u64>,
    pub(crate) refuses_strangers: bool,
    pub(crate) tokens: Tokens,
}

impl Privacy {
    fn value(&self, name: &str) -> &'static str {
        let default = SETTINGS.iter().find(|(known, _)| *known == name);
        let default = default.and_then(|(_, values)| values.first()).copied().unwrap_or("all");
        self.settings.get(name).copied().unwrap_or(default)
    }

    /// Changes a setting.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let (name, values) = SETTINGS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or(Refusal::BAD_REQUEST)?;
        let value = values
            .iter()
            .find(|known| **known == value)
            .ok_or(Refusal::BAD_REQUEST)?;
        self.settings.insert(name, value);
        self.version += 1;
        Ok(())
    }

    fn hides_from(&self, name: &str, viewer: &str) -> bool {
        match self.value(name) {
            "none" => true,
            EXCEPT => self.excepted.get(name).is_some_and(|numbers| numbers.contains(viewer)),
            _ => false,
        }
    }

    fn hash(&self) -> String {
        format!("{:08x}", self.version)
    }
}

/// Whether a person shows this to another. Everybody has everybody in the address book.
pub(crate) fn shows(state: &State, owner: &str, what: Category, viewer: &str) -> bool {
    if owner == viewer {
        return true;
    }
    state.person(owner).is_ok_and(|person| match what {
        Category::Online if person.privacy.value("online") == "match_last_seen" => {
            !person.privacy.hides_from("last", viewer)
        }
        Category::Online => true,
        _ => !person.privacy.hides_from(what.name(), viewer),
    })
}

/// Whether a person tells others that it read their messages.
pub(crate) fn tells_what_was_read(state: &State, reader: &str) -> bool {
    state
        .person(reader)
        .is_ok_and(|person| person.privacy.value("readreceipts") != "none")
}

/// Whether `owner` blocked `other`.
pub(crate) fn is_blocked(state: &State, owner: &str, other: &str) -> bool {
    state
        .person(owner)
        .is_ok_and(|person| person.privacy.blocked.contains_key(other))
}

/// Answers an IQ of the space `privacy`.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let child = stanza::first_child(iq).ok_or(Refusal::BAD_REQUEST)?;
    match (stanza::attr(iq, "type").as_str(), child.tag.as_ref()) {
        ("get", "privacy") => Ok(vec![settings(state, device)?]),
        ("set", "privacy") => change(state, device, child),
        ("set", "tokens") => Ok(vec![tokens::issue(state, device, child)]),
        _ => Err(Refusal::BAD_REQUEST),
    }
}

/// Who may see what a person shows for a day.
pub(crate) fn statuses(state: &State, device: &Device) -> Answer {
    let person = state.person(&device.number).map_err(|_| Refusal::NOT_FOUND)?;
    let (kind, numbers) = match &person.privacy.statuses {
        Some((kind, numbers)) => (*kind, numbers.as_slice()),
        None => ("contacts", &[][..]),
    };
    let users = numbers
        .iter()
        .map(|number| node("user").attr("jid", Jid::pn(number.as_str())).build());
    let list = node("list").attr("type", kind).attr("default", "true");
    let list = list.children(users.collect::<Vec<_>>()).build();
    Ok(vec![node("privacy").children([list]).build()])
}

fn settings(state: &State, device: &Device) -> Result<Node, Refusal> {
    let person = state.person(&device.number).map_err(|_| Refusal::NOT_FOUND)?;
    let categories = SETTINGS.iter().map(|(name, _)| {
        node("category")
            .attr("name", *name)
            .attr("value", person.privacy.value(name))
            .build()
    });
    Ok(node("privacy").children(categories).build())
}

fn change(state: &mut State, device: &Device, wanted: &Node) -> Answer {
    let category = wanted.get_optional_child("category").ok_or(Refusal::BAD_REQUEST)?;
    let (name, value) = (stanza::attr(category, "name"), stanza::attr(category, "value"));
    let users: Vec<(bool, String)> = category
        .get_children_by_tag("user")
        .filter_map(|user| {
            let number = state.resolve(&stanza::address(user, "jid")?)?.number;
            Some((stanza::attr(user, "action") != "remove", number))
        })
        .collect();
    let person = state.person_mut(&device.number).map_err(|_| Refusal::NOT_FOUND)?;
    let known = stanza::attr(category, "dhash");
    // "none" stands for a client that has no list yet.
    if value == EXCEPT && !matches!(known.as_str(), "" | "none") && known != person.privacy.hash() {
        return Err(Refusal::CONFLICT);
    }
    person.privacy.set(&name, &value)?;
    if let Some((name, _)) = SETTINGS.iter().find(|(known, _)| *known == name) {
        let excepted = person.privacy.excepted.entry(name).or_default();
        for (is_added, number) in users {
            if is_added {
                excepted.insert(number);
            } else {
                excepted.remove(&number);
            }
        }
    }
    let changed = node("category").attr("name", name).attr("value", &value);
    let changed = if value == EXCEPT {
        changed.attr("dhash", person.privacy.hash()).build()
    } else {
        changed.build()
    };
    let answer = node("privacy").children([changed]).build();
    announcements::account_sync(state, device, answer.clone());
    Ok(vec![answer])
}
