//! Who may do what in a room, by the rules of room version 12.

use serde_json::Value;

use super::{request::Refused, rooms::Room};

/// The power levels of a room.
pub(super) struct Levels {
    creator: String,
    content: Value,
}

impl Room {
    pub(super) fn levels(&self) -> Levels {
        let levels = self.state.get(&("m.room.power_levels".to_owned(), String::new()));
        Levels {
            creator: self.creator.clone(),
            content: levels.map(|event| event["content"].clone()).unwrap_or_default(),
        }
    }
}

impl Levels {
    fn of(&self, user: &str) -> i64 {
        if user == self.creator {
            return i64::MAX;
        }
        let own = self.content["users"][user].as_i64();
        own.or(self.content["users_default"].as_i64()).unwrap_or_default()
    }

    fn needed(&self, kind: &str, is_state: bool) -> i64 {
        let (default, otherwise) = if is_state {
            ("state_default", 50)
        } else {
            ("events_default", 0)
        };
        let own = self.content["events"][kind].as_i64();
        own.or(self.content[default].as_i64()).unwrap_or(otherwise)
    }

    /// Whether somebody may send this kind of event.
    pub(super) fn must_allow(&self, user: &str, kind: &str, is_state: bool) -> Result<(), Refused> {
        if self.of(user) >= self.needed(kind, is_state) {
            Ok(())
        } else {
            Err(Refused::forbidden(
                "You don't have permission to post that to the room.",
            ))
        }
    }

    /// Whether somebody has this right.
    pub(super) fn must_have(&self, user: &str, right: &str, otherwise: i64) -> Result<(), Refused> {
        if self.of(user) >= self.content[right].as_i64().unwrap_or(otherwise) {
            Ok(())
        } else {
            Err(Refused::forbidden("You don't have permission to do that."))
        }
    }

    /// Whether somebody stands below another.
    pub(super) fn must_be_below(&self, above: &str, user: &str) -> Result<(), Refused> {
        if self.of(above) > self.of(user) {
            Ok(())
        } else {
            Err(Refused::forbidden("You cannot do that to this user."))
        }
    }

    /// Whether somebody may put these levels in the place of those.
    pub(super) fn must_allow_change(&self, by: &str, after: &Value) -> Result<(), Refused> {
        let own = self.of(by);
        let refused = || Refused::forbidden("You don't have permission to change these levels.");
        for (before, after, is_users) in [
            (&self.content["users"], &after["users"], true),
            (&self.content["events"], &after["events"], false),
            (&self.content, after, false),
        ] {
            let names = [before, after].into_iter().filter_map(Value::as_object).flatten();
            for name in names.map(|(name, _)| name) {
                let (old, new) = (before[name].as_i64(), after[name].as_i64());
                if old == new {
                    continue;
                }
                if is_users && after[name].is_number() && *name == self.creator {
                    return Err(Refused::forbidden("Creator user must not appear in content.users"));
                }
                let is_equal = is_users && *name != by && old.is_some_and(|old| old == own);
                if old.is_some_and(|old| old > own) || new.is_some_and(|new| new > own) || is_equal {
                    return Err(refused());
                }
            }
        }
        Ok(())
    }
}
