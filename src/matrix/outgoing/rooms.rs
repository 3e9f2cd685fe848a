//! The state of rooms that show groups, and of spaces.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, ServerName, UserId};
use serde_json::{Value, json};

/// What is needed for what in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Levels {
    /// Who has a level; everybody else of those whom we manage has none.
    pub(crate) users: BTreeMap<OwnedUserId, i64>,
    /// To write.
    pub(crate) write: i64,
    /// To change name, topic and picture, what is pinned, and after how long messages disappear.
    pub(crate) describe: i64,
    /// To bring others in.
    pub(crate) invite: i64,
    /// To put others out and to give them levels.
    pub(crate) administer: i64,
}

/// What changes how a room is shown.
const DESCRIBING: [&str; 5] = [
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.pinned_events",
    TIMER,
];
/// What begins to tell where somebody is: a state of the room, and something that is said in it.
pub(crate) const SHARING: [&str; 2] = ["m.beacon_info", "org.matrix.msc3672.beacon_info"];
/// What people may do also where they may not write: marks on messages, and taking back what they did.
const MARKING: [&str; 5] = [
    "m.reaction",
    "m.room.redaction",
    "m.poll.response",
    "org.matrix.msc3381.poll.response",
    "com.beeper.message_send_status",
];

/// The content of `m.room.power_levels` with these levels in the place of what stands there for the users whom we
/// `manage`; what is set for others stays.
pub(crate) fn levels(before: &Value, levels: &Levels, manage: &dyn Fn(&UserId) -> bool) -> Value {
    let mut content = if before.is_object() { before.clone() } else { json!({}) };
    let mut users = content["users"].as_object().cloned().unwrap_or_default();
    users.retain(|user, _| !UserId::parse(user).is_ok_and(|user| manage(&user)));
    for (user, level) in &levels.users {
        if *level != 0 {
            users.insert(user.to_string(), json!(level));
        }
    }
    content["users"] = Value::Object(users);
    content["events_default"] = json!(levels.write);
    content["invite"] = json!(levels.invite);
    for right in ["kick", "ban", "redact"] {
        content[right] = json!(levels.administer);
    }
    let mut events = content["events"].as_object().cloned().unwrap_or_default();
    for kind in DESCRIBING {
        events.insert(kind.into(), json!(levels.describe));
    }
    for kind in SHARING {
        events.insert(kind.into(), json!(levels.write));
    }
    for kind in MARKING {
        events.insert(kind.into(), json!(0));
    }
    events.insert("m.room.power_levels".into(), json!(levels.administer));
    content["events"] = Value::Object(events);
    content
}

/// The same content with enough for `user` to write.
pub(crate) fn let_write(before: &Value, user: &UserId) -> Value {
    let mut content = before.clone();
    let needed = content["events_default"].as_i64().unwrap_or_default();
    if !content["users"].is_object() {
        content["users"] = json!({});
    }
    content["users"][user.as_str()] = json!(needed);
    content
}

/// The content of `m.room.join_rules`: invited people only, or whoever asks may be let in.
pub(crate) fn join_rules(knock: bool) -> Value {
    json!({"join_rule": if knock { "knock" } else { "invite" }})
}

/// The type of the state that says who in a room is no person.
pub(crate) const FUNCTIONAL_MEMBERS: &str = "io.element.functional_members";

/// The content of [`FUNCTIONAL_MEMBERS`]: clients do not count them when they name a room after its members.
pub(crate) fn functional_members(bot: &UserId) -> Value {
    json!({ "service_members": [bot] })
}

/// The type of the state that says after how long new messages disappear.
pub(crate) const TIMER: &str = "com.beeper.disappearing_timer";

/// The content of [`TIMER`] for so many seconds; without them messages stay.
pub(crate) fn timer(seconds: Option<u32>) -> Value {
    match seconds {
        Some(seconds) => json!({ "type": "after_send", "timer": u64::from(seconds) * 1000 }),
        None => json!({}),
    }
}

/// The content of `m.space.child`.
pub(crate) fn space_child(server: &ServerName) -> Value {
    json!({ "via": [server] })
}

/// The content of `m.space.parent`.
pub(crate) fn space_parent(server: &ServerName) -> Value {
    json!({ "via": [server], "canonical": true })
}

#[cfg(test)]
mod tests {
    use ruma::{owned_user_id, user_id};

    use super::*;

    fn wanted(users: &[(OwnedUserId, i64)]) -> Levels {
        Levels {
            users: users.iter().cloned().collect(),
            write: 50,
            describe: 0,
            invite: 0,
            administer: 50,
        }
    }

    #[test]
    fn b54_levels_of_those_we_manage_change_and_others_stay() {
        let before = json!({
            "users": {"@bot:hs": 100, "@whatsapp_1:hs": 50, "@whatsapp_2:hs": 50, "@admin:hs": 90},
            "events": {"m.room.encryption": 100}, "state_default": 50, "notifications": {"room": 20},
        });
        let manage = |user: &UserId| user.localpart().starts_with("whatsapp_");
        let after = levels(&before, &wanted(&[(owned_user_id!("@whatsapp_2:hs"), 75)]), &manage);
        let users = json!({"@bot:hs": 100, "@whatsapp_2:hs": 75, "@admin:hs": 90});
        assert_eq!(after["users"], users);
        assert_eq!((&after["events_default"], &after["kick"]), (&json!(50), &json!(50)));
        assert_eq!(after["events"]["m.room.name"], 0);
        assert_eq!(after["events"]["m.reaction"], 0);
        assert_eq!(after["events"]["m.beacon_info"], 50);
        assert_eq!(after["events"]["m.room.encryption"], 100);
        assert_eq!(after["notifications"]["room"], 20);
        assert_eq!(
            levels(&after, &wanted(&[(owned_user_id!("@whatsapp_2:hs"), 75)]), &manage),
            after
        );
    }

    #[test]
    fn b54_who_must_be_heard_gets_what_it_takes() {
        let before = json!({"events_default": 50, "users": {"@whatsapp_2:hs": 75}});
        let after = let_write(&before, user_id!("@whatsapp_1:hs"));
        assert_eq!(after["users"], json!({"@whatsapp_1:hs": 50, "@whatsapp_2:hs": 75}));
    }
}
