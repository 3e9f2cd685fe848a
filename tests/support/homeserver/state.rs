//! What the homeserver knows, and the rules by which it changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::{Value, json};

use super::{media::Media, push::Push, request::Refused, rooms::Room};

/// Everything. Events stand in one stream; a place in it is a sync token.
pub(super) struct State {
    pub(super) server: String,
    pub(super) services: Vec<Service>,
    pub(super) users: BTreeMap<String, Account>,
    pub(super) rooms: Vec<Room>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) stream: Vec<Value>,
    /// The time of the last event that told none of its own.
    pub(super) last: i64,
    pub(super) media: Media,
    pub(super) requests: Vec<String>,
    pub(super) faults: Faults,
    pub(super) push: Push,
    /// By service and path: Synapse's memory of requests without a look at their user.
    pub(super) paths: HashMap<(usize, String), Value>,
    /// By room, user, device and transaction: what Synapse keeps on disk.
    pub(super) transactions: HashMap<[String; 4], String>,
}

#[derive(Default)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) picture: String,
    pub(super) devices: BTreeSet<String>,
    pub(super) data: BTreeMap<String, Value>,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) down: bool,
    pub(super) answers: VecDeque<u16>,
    pub(super) refused: Option<String>,
    pub(super) held: Option<String>,
    pub(super) lost_answers: usize,
    pub(super) drops_push: bool,
    pub(super) cannot_reach_service: bool,
}

/// A registration.
pub(super) struct Service {
    pub(super) id: String,
    pub(super) url: Option<String>,
    pub(super) as_token: String,
    pub(super) hs_token: String,
    pub(super) sender: String,
    users: Vec<Pattern>,
    aliases: Vec<Pattern>,
}

/// A regular expression of a registration, as far as those of bridges go: literal text with `.*` in it.
struct Pattern(Vec<String>);

impl Pattern {
    fn list(namespaces: &Value, kind: &str) -> Vec<Self> {
        let list = namespaces[kind].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|it| Self::new(it["regex"].as_str().expect("a regex")))
            .collect()
    }

    fn new(regex: &str) -> Self {
        let literal = regex.trim_start_matches('^').trim_end_matches('$').replace('\\', "");
        Self(literal.split(".*").map(str::to_owned).collect())
    }

    fn matches(&self, text: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else {
            return false;
        };
        let Some(mut left) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for (number, part) in rest.iter().enumerate() {
            let found = if number + 1 == rest.len() {
                left.strip_suffix(part.as_str()).map(|_| "")
            } else {
                left.split_once(part.as_str()).map(|(_, after)| after)
            };
            let Some(after) = found else { return false };
            left = after;
        }
        left.is_empty()
    }
}

impl Service {
    pub(super) fn has_user(&self, user: &str) -> bool {
        user == self.sender || self.users.iter().any(|pattern| pattern.matches(user))
    }

    pub(super) fn has_alias(&self, alias: &str) -> bool {
        self.aliases.iter().any(|pattern| pattern.matches(alias))
    }
}

impl State {
    pub(super) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            services: Vec::new(),
            users: BTreeMap::new(),
            rooms: Vec::new(),
            aliases: BTreeMap::new(),
            stream: Vec::new(),
            last: 0,
            media: Media::default(),
            requests: Vec::new(),
            faults: Faults::default(),
            push: Push::default(),
            paths: HashMap::new(),
            transactions: HashMap::new(),
        }
    }

    pub(super) fn load(&mut self, registration: &Value) {
        let text = |key: &str| {
            registration[key]
                .as_str()
                .unwrap_or_else(|| panic!("{key} is missing"))
                .to_owned()
        };
        let sender = format!("@{}:{}", text("sender_localpart"), self.server);
        self.users.insert(sender.clone(), Account::default());
        self.services.push(Service {
            id: text("id"),
            url: registration["url"].as_str().map(str::to_owned),
            as_token: text("as_token"),
            hs_token: text("hs_token"),
            sender,
            users: Pattern::list(&registration["namespaces"], "users"),
            aliases: Pattern::list(&registration["namespaces"], "aliases"),
        });
    }

    /// The service that is pushed to.
    pub(super) fn listener(&self) -> &Service {
        self.services
            .iter()
            .find(|service| service.url.is_some())
            .expect("a registration with a url")
    }

    /// What a crash takes away.
    pub(super) fn forget(&mut self) {
        self.paths.clear();
        self.push.crash();
    }

    pub(super) fn room(&mut self, id: &str) -> Result<&mut Room, Refused> {
        self.rooms
            .iter_mut()
            .find(|room| room.id == id)
            .ok_or(Refused::forbidden("unknown room"))
    }

    pub(super) fn rooms_with(&self, user: &str, membership: &str) -> Vec<String> {
        let rooms = self
            .rooms
            .iter()
            .filter(|room| room.membership(user) == Some(membership));
        rooms.map(|room| room.id.clone()).collect()
    }

    /// Whether the user has to be asked for at the service before it can be invited.
    pub(super) fn is_unknown_ghost(&self, user: &str) -> bool {
        !self.users.contains_key(user) && self.listener().has_user(user)
    }

    /// Puts an event into its room and into the queue of the service it concerns.
    pub(super) fn append(&mut self, room: &str, mut event: Value, at: Option<i64>) -> Result<String, Refused> {
        let id = format!("$event{}", self.stream.len() + 1);
        event["event_id"] = json!(id);
        event["room_id"] = json!(room);
        event["origin_server_ts"] = json!(at.unwrap_or_else(|| self.clock()));
        event["unsigned"] = json!({"age": 1});
        self.room(room)?.apply(&mut event);
        self.stream.push(event.clone());
        if self.concerns_listener(room, &event)? && !self.faults.drops_push {
            event["age"] = json!(1);
            event["user_id"] = event["sender"].clone();
            self.push.events.push(event);
        }
        Ok(id)
    }

    /// The time of an event that tells none of its own: no two have the same.
    fn clock(&mut self) -> i64 {
        self.last = now().max(self.last + 1);
        self.last
    }

    /// Typing and receipts are never kept for later.
    pub(super) fn tell(&mut self, room: &str, event: Value) -> Result<(), Refused> {
        if self.concerns_listener(room, &event)? && !self.faults.drops_push && !self.push.is_backing_off() {
            self.push.ephemeral.push(event);
        }
        Ok(())
    }

    fn concerns_listener(&mut self, room: &str, event: &Value) -> Result<bool, Refused> {
        let aliases: Vec<_> = self
            .aliases
            .iter()
            .filter(|(_, id)| *id == room)
            .map(|(alias, _)| alias.clone())
            .collect();
        let members: Vec<_> = self.room(room)?.members.keys().cloned().collect();
        let service = self.listener();
        let named = ["sender", "state_key"].iter().filter_map(|key| event[*key].as_str());
        Ok(named
            .chain(members.iter().map(String::as_str))
            .any(|user| service.has_user(user))
            || aliases.iter().any(|alias| service.has_alias(alias)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a homeserver has a clock of its own")]
fn now() -> i64 {
    let nanos = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
    i64::try_from(nanos / 1_000_000).unwrap()
}
