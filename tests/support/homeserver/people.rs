//! People with a Matrix client, and what they see.

use std::fmt::Debug;

use serde_json::{Value, json};

use super::{
    Homeserver, client_api,
    state::{Account, State},
};
use crate::support::waiting::{SOON, eventually};

/// A person.
#[derive(Clone)]
pub struct User {
    homeserver: Homeserver,
    id: String,
}

impl User {
    pub(super) fn new(homeserver: Homeserver, name: &str) -> Self {
        let id = homeserver.change(|state| {
            let id = format!("@{name}:{}", state.server);
            state.users.entry(id.clone()).or_insert_with(|| Account {
                name: name.to_owned(),
                ..Account::default()
            });
            id
        });
        Self { homeserver, id }
    }

    /// Their Matrix id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for an invite to a room that is no space, and tells the room.
    pub async fn is_invited(&self) -> Room {
        self.is_invited_to(false).await
    }

    /// Waits for an invite to a space.
    pub async fn is_invited_to_space(&self) -> Room {
        self.is_invited_to(true).await
    }

    async fn is_invited_to(&self, space: bool) -> Room {
        let invites = || self.homeserver.look(|state| state.rooms_with(&self.id, "invite"));
        let rooms = || invites().into_iter().map(|room| self.homeserver.room(&room));
        let look = || async { rooms().find(|room| room.is_space() == space) };
        eventually(&format!("{} is invited", self.id), SOON, look).await
    }

    /// Waits for an invite and accepts it.
    pub async fn joins_invite(&self) -> Room {
        let room = self.is_invited().await;
        self.joins(room.id());
        room
    }

    /// Goes into a room they are invited to.
    pub fn joins(&self, room: &str) {
        self.does(|state| state.join(room, &self.id));
    }

    /// Goes out of a room.
    pub fn leaves(&self, room: &str) {
        self.does(|state| state.leave(room, &self.id));
    }

    /// Sends somebody out of a room.
    pub fn kicks(&self, room: &str, user: &str) {
        self.does(|state| state.kick(room, &self.id, user, &Value::Null));
    }

    /// Sets a piece of a room's state; tells its event id.
    pub fn sets(&self, room: &str, kind: &str, content: &Value) -> String {
        self.does(|state| state.set(room, &self.id, kind, "", content))
    }

    /// Sets a piece of a room's state that is theirs alone; tells its event id.
    pub fn sets_own(&self, room: &str, kind: &str, content: &Value) -> String {
        self.does(|state| state.set(room, &self.id, kind, &self.id, content))
    }

    /// Replaces a room by a new one, as clients do: everybody who is in it is invited into the new one.
    pub async fn upgrades(&self, room: &str) -> Room {
        let members: Vec<_> = self.homeserver.look(|state| state.joined(room));
        let next = self.does(|state| {
            let predecessor = json!({"predecessor": {"room_id": room}});
            let next = state.create_room(&self.id, &json!({ "creation_content": predecessor }))?;
            let tombstone = json!({"body": "This room has been replaced", "replacement_room": next});
            state.set(room, &self.id, "m.room.tombstone", "", &tombstone)?;
            // As Synapse does.
            let levels = state.room(room)?.content("m.room.power_levels");
            state.set(&next, &self.id, "m.room.power_levels", "", &levels)?;
            Ok::<_, super::request::Refused>(next)
        });
        for member in members.iter().filter(|member| **member != self.id) {
            self.invites(&next, member).await;
        }
        self.homeserver.room(&next)
    }

    /// Writes a message; tells its event id.
    pub fn says(&self, room: &str, text: &str) -> String {
        self.sends(room, "m.room.message", &json!({"msgtype": "m.text", "body": text}))
    }

    /// Answers an event; tells the id of the answer.
    pub fn replies(&self, room: &str, event: &str, text: &str) -> String {
        let relation = json!({"m.in_reply_to": {"event_id": event}});
        self.sends(
            room,
            "m.room.message",
            &json!({"msgtype": "m.text", "body": text, "m.relates_to": relation}),
        )
    }

    /// Sends any event; tells its id.
    pub fn sends(&self, room: &str, kind: &str, content: &Value) -> String {
        self.does(|state| {
            state.room(room)?.must_have(&self.id)?;
            state.append(room, json!({"type": kind, "sender": self.id, "content": content}), None)
        })
    }

    /// Begins or stops to type.
    pub fn types(&self, room: &str, typing: bool) {
        self.does(|state| state.type_in(room, &self.id, typing));
    }

    /// Says that they read up to an event.
    pub fn reads(&self, room: &str, event: &str) {
        self.does(|state| state.read_up_to(room, &self.id, ("m.read", event)));
    }

    /// Comes or goes.
    pub fn is_online(&self, online: bool) {
        let presence = if online { "online" } else { "offline" };
        let content = json!({"presence": presence});
        let event = json!({"type": "m.presence", "sender": self.id, "content": content});
        self.homeserver.change(|state| {
            let account = state.users.entry(self.id.clone()).or_default();
            account.data.insert("presence".to_owned(), content);
            state.push.ephemeral.push(event);
        });
    }

    /// What their account holds about a room: `tags/…`, `account_data/…` or `silence`.
    pub fn keeps(&self, room: &str, what: &str) -> Option<Value> {
        self.homeserver.look(|state| {
            let account = state.users.get(&self.id)?;
            account.data.get(&format!("{room}/{what}")).cloned()
        })
    }

    /// What their account holds that belongs to no room.
    pub fn account(&self, kind: &str) -> Option<Value> {
        self.homeserver
            .look(|state| state.users.get(&self.id)?.data.get(kind).cloned())
    }

    /// Invites somebody into a room.
    pub async fn invites(&self, room: &str, user: &str) {
        client_api::ask_for(&self.homeserver, user).await;
        self.does(|state| state.invite(room, &self.id, user));
    }

    /// Shuts somebody out.
    pub fn bans(&self, room: &str, user: &str) {
        self.does(|state| state.shut_out(room, &self.id, user, true));
    }

    /// Makes a direct chat with somebody, as clients do.
    pub async fn creates_dm_with(&self, user: &str) -> Room {
        client_api::ask_for(&self.homeserver, user).await;
        let id = self.does(|state| {
            state.create_room(
                &self.id,
                &json!({"is_direct": true, "preset": "trusted_private_chat", "invite": [user]}),
            )
        });
        self.homeserver.room(&id)
    }

    pub(super) fn does<T, E: Debug>(&self, act: impl FnOnce(&mut State) -> Result<T, E>) -> T {
        self.homeserver
            .change(act)
            .unwrap_or_else(|refused| panic!("{}: {refused:?}", self.id))
    }
}

/// A room, as it is to be seen.
#[derive(Clone)]
pub struct Room {
    homeserver: Homeserver,
    id: String,
}

impl Room {
    pub(super) fn new(homeserver: Homeserver, id: &str) -> Self {
        Self {
            homeserver,
            id: id.to_owned(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Everything that happened in it, in order.
    pub fn events(&self) -> Vec<Value> {
        self.homeserver.look(|state| {
            state
                .stream
                .iter()
                .filter(|event| event["room_id"] == *self.id)
                .cloned()
                .collect()
        })
    }

    /// Its messages, in order; whoever is sent twice is in it twice.
    pub fn messages(&self) -> Vec<Value> {
        self.events()
            .into_iter()
            .filter(|event| event["type"] == "m.room.message")
            .collect()
    }

    /// Sender and words of its messages, in order.
    pub fn said(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.messages()
            .iter()
            .map(|event| (text(&event["sender"]), text(&event["content"]["body"])))
            .collect()
    }

    /// How a user stands to it.
    pub fn membership(&self, user: &str) -> Option<String> {
        self.homeserver
            .change(|state| state.room(&self.id).ok()?.membership(user).map(str::to_owned))
    }

    /// The content of a piece of its state.
    pub fn state(&self, kind: &str, key: &str) -> Option<Value> {
        let place = (kind.to_owned(), key.to_owned());
        self.homeserver
            .change(|state| Some(state.room(&self.id).ok()?.state.get(&place)?["content"].clone()))
    }

    /// Whether it is a space.
    pub fn is_space(&self) -> bool {
        self.state("m.room.create", "")
            .is_some_and(|made| made["type"] == "m.space")
    }

    /// Waits until a piece of its state is as `is` wants it.
    pub async fn has(&self, kind: &str, key: &str, is: impl Fn(&Value) -> bool) -> Value {
        let look = || async { self.state(kind, key).filter(|content| is(content)) };
        let now = || self.state(kind, key);
        eventually(
            &format!("{kind} {key} in {}, which is {:?}", self.id, now()),
            SOON,
            look,
        )
        .await
    }

    /// Who set a piece of its state.
    pub fn set_by(&self, kind: &str, key: &str) -> Option<String> {
        let events = self.events().into_iter().rev();
        let mut found = events.filter(|event| event["type"] == kind && event["state_key"] == key);
        found.next()?["sender"].as_str().map(str::to_owned)
    }

    /// How many are in it.
    pub fn joined(&self) -> usize {
        self.homeserver.change(|state| {
            let room = state.room(&self.id).unwrap();
            room.members.values().filter(|membership| *membership == "join").count()
        })
    }

    /// Who types in it now.
    pub fn typing(&self) -> Vec<String> {
        self.homeserver.change(|state| {
            state
                .room(&self.id)
                .map(|room| room.typing.iter().cloned().collect())
                .unwrap()
        })
    }

    /// Who read up to where, in order.
    pub fn read(&self) -> Vec<(String, String)> {
        self.homeserver
            .change(|state| state.room(&self.id).map(|room| room.read.clone()).unwrap())
    }

    /// Waits for an event that is as `is` wants it.
    pub async fn waits_for(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let look = || async { self.events().into_iter().find(&is) };
        eventually(&format!("{what} in {} with {:?}", self.id, self.said()), SOON, look).await
    }

    /// Waits for a message of this user with these words in it, and tells all of it.
    pub async fn hears(&self, user: &str, words: &str) -> String {
        let is_it = |event: &Value| {
            event["sender"] == user
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        };
        let event = self.waits_for(words, is_it).await;
        event["content"]["body"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a message with these words.
    pub async fn shows(&self, text: &str) -> Value {
        self.waits_for(text, |event| {
            event["type"] == "m.room.message" && event["content"]["body"] == text
        })
        .await
    }
}
