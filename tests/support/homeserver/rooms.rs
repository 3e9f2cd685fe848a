//! Rooms and what may be done in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{request::Refused, state::State};

/// A room.
#[derive(Default)]
pub(super) struct Room {
    pub(super) id: String,
    pub(super) creator: String,
    pub(super) members: BTreeMap<String, String>,
    pub(super) state: BTreeMap<(String, String), Value>,
    pub(super) typing: BTreeSet<String>,
    pub(super) read: Vec<(String, String)>,
}

impl Room {
    pub(super) fn membership(&self, user: &str) -> Option<&str> {
        self.members.get(user).map(String::as_str)
    }

    pub(super) fn must_have(&self, user: &str) -> Result<(), Refused> {
        if self.membership(user) == Some("join") {
            Ok(())
        } else {
            Err(Refused::forbidden("User is not in the room"))
        }
    }

    /// What stands in a piece of its state without a key.
    pub(super) fn content(&self, kind: &str) -> Value {
        let event = self.state.get(&(kind.to_owned(), String::new()));
        event.map(|event| event["content"].clone()).unwrap_or_default()
    }

    /// Takes in a state event and tells it what was before.
    pub(super) fn apply(&mut self, event: &mut Value) {
        let Some(key) = event["state_key"].as_str() else { return };
        let place = (event["type"].as_str().unwrap_or_default().to_owned(), key.to_owned());
        if place.0 == "m.room.member" {
            let membership = event["content"]["membership"].as_str().unwrap_or_default();
            self.members.insert(place.1.clone(), membership.to_owned());
        }
        if let Some(before) = self.state.get(&place) {
            event["unsigned"]["prev_content"] = before["content"].clone();
            event["unsigned"]["replaces_state"] = before["event_id"].clone();
        }
        self.state.insert(place, event.clone());
    }
}

impl State {
    /// Makes a private room as `creator` wants it in `wish` (the body of `createRoom`).
    pub(super) fn create_room(&mut self, creator: &str, wish: &Value) -> Result<String, Refused> {
        let alias = wish["room_alias_name"]
            .as_str()
            .map(|name| format!("#{name}:{}", self.server));
        if alias.as_ref().is_some_and(|alias| self.aliases.contains_key(alias)) {
            return Err(Refused::new(400, "M_ROOM_IN_USE", "Room alias already taken"));
        }
        // Room version 12: whoever makes the room stands above the list and must not be in it.
        let levels = &wish["power_level_content_override"];
        if !levels["users"][creator].is_null() {
            return Err(Refused::new(
                400,
                "M_UNKNOWN",
                "Creator user must not appear in content.users",
            ));
        }
        let id = format!("!room{}", self.rooms.len() + 1);
        self.rooms.push(Room {
            id: id.clone(),
            creator: creator.to_owned(),
            ..Room::default()
        });
        if let Some(alias) = &alias {
            self.aliases.insert(alias.clone(), id.clone());
        }
        let mut made = wish["creation_content"].as_object().cloned().unwrap_or_default();
        made.insert("room_version".to_owned(), json!("12"));
        self.set(&id, creator, "m.room.create", "", &Value::Object(made))?;
        self.set(&id, creator, "m.room.member", creator, &json!({"membership": "join"}))?;
        let mut power = json!({"users": {}, "users_default": 0, "events_default": 0, "state_default": 50, "invite": 0});
        if wish["preset"] == "trusted_private_chat" {
            // Whoever is invited stands beside whoever made the room.
            for user in wish["invite"].as_array().into_iter().flatten() {
                power["users"][user.as_str().unwrap_or_default()] = json!(100);
            }
        }
        for (key, value) in levels.as_object().into_iter().flatten() {
            power[key] = value.clone();
        }
        self.set(&id, creator, "m.room.power_levels", "", &power)?;
        if let Some(alias) = alias {
            self.set(&id, creator, "m.room.canonical_alias", "", &json!({ "alias": alias }))?;
        }
        self.set(&id, creator, "m.room.join_rules", "", &json!({"join_rule": "invite"}))?;
        for state in wish["initial_state"].as_array().into_iter().flatten() {
            let key = state["state_key"].as_str().unwrap_or_default();
            self.set(
                &id,
                creator,
                state["type"].as_str().unwrap_or_default(),
                key,
                &state["content"],
            )?;
        }
        for field in ["name", "topic"] {
            if let Some(text) = wish[field].as_str() {
                self.set(&id, creator, &format!("m.room.{field}"), "", &json!({ field: text }))?;
            }
        }
        let invited = wish["invite"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for user in invited.map(str::to_owned).collect::<Vec<_>>() {
            let mut content = json!({"membership": "invite"});
            if wish["is_direct"] == true {
                content["is_direct"] = json!(true);
            }
            self.set(&id, creator, "m.room.member", &user, &content)?;
        }
        Ok(id)
    }

    /// Sets state; the same content again changes nothing.
    pub(super) fn set(
        &mut self,
        room: &str,
        sender: &str,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Result<String, Refused> {
        if kind != "m.room.create" && !(kind == "m.room.member" && key == sender) {
            self.room(room)?.must_have(sender)?;
        }
        if kind != "m.room.member" {
            self.room(room)?.levels().must_allow(sender, kind, true)?;
        }
        if kind == "m.room.power_levels" {
            self.room(room)?.levels().must_allow_change(sender, content)?;
        }
        let before = self.room(room)?.state.get(&(kind.to_owned(), key.to_owned())).cloned();
        if let Some(before) = before.filter(|before| before["content"] == *content && before["sender"] == sender) {
            return Ok(before["event_id"].as_str().unwrap_or_default().to_owned());
        }
        let event = json!({"type": kind, "state_key": key, "sender": sender, "content": content});
        self.append(room, event, None)
    }

    pub(super) fn join(&mut self, target: &str, user: &str) -> Result<String, Refused> {
        let id = match self.aliases.get(target) {
            Some(id) => id.clone(),
            None if target.starts_with('#') => return Err(Refused::not_found("Room alias not found")),
            None => target.to_owned(),
        };
        let name = self
            .users
            .get(user)
            .map(|account| account.name.clone())
            .unwrap_or_default();
        match self.room(&id)?.membership(user) {
            Some("join") => {}
            Some("invite") => {
                let content = json!({"membership": "join", "displayname": name});
                self.set(&id, user, "m.room.member", user, &content)?;
            }
            _ => return Err(Refused::forbidden("You are not invited to this room.")),
        }
        Ok(id)
    }

    pub(super) fn invite(&mut self, room: &str, by: &str, user: &str) -> Result<(), Refused> {
        match self.room(room)?.membership(user) {
            Some("join") => Err(Refused::forbidden("is already in the room.")),
            Some("ban") => Err(Refused::forbidden("is banned from the room")),
            _ => {
                self.room(room)?.levels().must_have(by, "invite", 0)?;
                self.set(room, by, "m.room.member", user, &json!({"membership": "invite"}))
                    .map(drop)
            }
        }
    }

    /// Who is in a room.
    pub(super) fn joined(&self, room: &str) -> Vec<String> {
        let room = self.rooms.iter().find(|it| it.id == room);
        let members = room.into_iter().flat_map(|room| &room.members);
        members
            .filter(|(_, membership)| *membership == "join")
            .map(|(user, _)| user.clone())
            .collect()
    }

    pub(super) fn leave(&mut self, room: &str, user: &str) -> Result<(), Refused> {
        match self.room(room)?.membership(user) {
            Some("join" | "invite" | "knock") => self
                .set(room, user, "m.room.member", user, &json!({"membership": "leave"}))
                .map(drop),
            _ => Err(Refused::forbidden("not in room")),
        }
    }

    pub(super) fn kick(&mut self, room: &str, by: &str, user: &str, reason: &Value) -> Result<(), Refused> {
        let there = self.room(room)?;
        there.levels().must_have(by, "kick", 50)?;
        there.levels().must_be_below(by, user)?;
        match there.membership(user) {
            Some("join" | "invite" | "knock") => {
                let content = json!({"membership": "leave", "reason": reason});
                self.set(room, by, "m.room.member", user, &content).map(drop)
            }
            _ => Err(Refused::forbidden("The target user is not in the room")),
        }
    }

    pub(super) fn knock(&mut self, room: &str, user: &str) -> Result<(), Refused> {
        let there = self.room(room)?;
        let rules = there.state.get(&("m.room.join_rules".to_owned(), String::new()));
        let is_allowed = rules.is_some_and(|rules| rules["content"]["join_rule"] == "knock");
        if !is_allowed || matches!(there.membership(user), Some("join" | "invite" | "ban")) {
            return Err(Refused::forbidden("You cannot knock on this room."));
        }
        self.set(room, user, "m.room.member", user, &json!({"membership": "knock"}))
            .map(drop)
    }

    /// Shuts somebody out, or lets them in again as if they had never been there.
    pub(super) fn shut_out(&mut self, room: &str, by: &str, user: &str, out: bool) -> Result<(), Refused> {
        let there = self.room(room)?;
        there.levels().must_have(by, "ban", 50)?;
        there.levels().must_be_below(by, user)?;
        let membership = if out { "ban" } else { "leave" };
        self.set(room, by, "m.room.member", user, &json!({ "membership": membership }))
            .map(drop)
    }

    pub(super) fn type_in(&mut self, room: &str, user: &str, typing: bool) -> Result<(), Refused> {
        let there = self.room(room)?;
        there.must_have(user)?;
        if typing {
            there.typing.insert(user.to_owned())
        } else {
            there.typing.remove(user)
        };
        let event = json!({"type": "m.typing", "room_id": room, "content": {"user_ids": there.typing}});
        self.tell(room, event)
    }

    /// A receipt of this kind. As Synapse does it, a service hears of private ones only when its own users made them.
    pub(super) fn read_up_to(&mut self, room: &str, user: &str, what: (&str, &str)) -> Result<(), Refused> {
        let (kind, event) = what;
        let there = self.room(room)?;
        there.must_have(user)?;
        there.read.push((user.to_owned(), event.to_owned()));
        if kind != "m.read" && !self.listener().has_user(user) {
            return Ok(());
        }
        let content = json!({ event: { kind: { user: {"ts": 1} }} });
        self.tell(room, json!({"type": "m.receipt", "room_id": room, "content": content}))
    }
}
