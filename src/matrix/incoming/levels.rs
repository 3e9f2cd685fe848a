//! Who may do what in a room, as far as networks know the like.

use std::collections::BTreeMap;

use ruma::OwnedUserId;
use serde_json::Value;

use super::fields::{Fields, part};

/// The level from which on somebody administers a room.
const ADMIN: i64 = 50;

/// The levels of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Levels {
    users: BTreeMap<OwnedUserId, i64>,
    users_default: i64,
    events_default: i64,
    state_default: i64,
    invite: i64,
    events: BTreeMap<String, i64>,
}

impl Levels {
    /// Reads them; what is not said is as the specification has it.
    pub(super) fn read(content: &Fields) -> Self {
        let level = |name: &str| content.get(name).and_then(whole);
        let users = part(content, "users").into_iter().flatten();
        let events = part(content, "events").into_iter().flatten();
        Self {
            users: users
                .filter_map(|(user, level)| Some((OwnedUserId::try_from(user.as_str()).ok()?, whole(level)?)))
                .collect(),
            users_default: level("users_default").unwrap_or(0),
            events_default: level("events_default").unwrap_or(0),
            state_default: level("state_default").unwrap_or(50),
            invite: level("invite").unwrap_or(0),
            events: events
                .filter_map(|(kind, level)| Some((kind.clone(), whole(level)?)))
                .collect(),
        }
    }

    /// Whether somebody administers the room.
    pub(crate) fn is_admin(&self, user: &OwnedUserId) -> bool {
        self.users.get(user).copied().unwrap_or(self.users_default) >= ADMIN
    }

    /// Everybody who has a level of their own.
    pub(crate) fn named(&self) -> impl Iterator<Item = &OwnedUserId> {
        self.users.keys()
    }

    /// Whether only administrators may write.
    pub(crate) fn only_admins_write(&self) -> bool {
        let level = self.events.get("m.room.message").copied();
        level.unwrap_or(self.events_default) >= ADMIN
    }

    /// Whether only administrators may bring others in.
    pub(crate) fn only_admins_invite(&self) -> bool {
        self.invite >= ADMIN
    }

    /// Whether only administrators may change name, topic and picture.
    pub(crate) fn only_admins_describe(&self) -> bool {
        ["m.room.name", "m.room.topic", "m.room.avatar"]
            .iter()
            .all(|kind| self.events.get(*kind).copied().unwrap_or(self.state_default) >= ADMIN)
    }
}

/// Rooms of old versions write numbers as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
