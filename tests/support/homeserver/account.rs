//! What people keep in their accounts about rooms: tags, silence, unread marks. Each change is news for whoever listens as
//! that person.

use serde_json::{Map, Value, json};

use super::{people::User, request::Refused, state::State};

impl State {
    /// Keeps something in a person's account, or throws it away (`None`).
    pub(super) fn keep(&mut self, user: &str, key: &str, content: Option<&Value>) -> Result<(), Refused> {
        let data = &mut self.users.entry(user.to_owned()).or_default().data;
        match content {
            Some(content) => drop(data.insert(key.to_owned(), content.clone())),
            None => drop(data.remove(key).ok_or(Refused::not_found("Not found"))?),
        }
        if let Some((room, what)) = key.split_once('/') {
            self.stream.push(json!({"account": user, "about": room, "what": what}));
        }
        Ok(())
    }

    fn kept(&self, user: &str) -> impl Iterator<Item = (&str, &str, &Value)> {
        let data = self.users.get(user).into_iter().flat_map(|account| &account.data);
        data.filter_map(|(key, value)| {
            let (room, what) = key.split_once('/')?;
            Some((room, what, value))
        })
    }

    /// The tags a person gave a room.
    pub(super) fn tags(&self, user: &str, room: &str) -> Value {
        let of_room = self.kept(user).filter(|(of, _, _)| *of == room);
        let tags: Map<_, _> = of_room
            .filter_map(|(_, what, value)| Some((what.strip_prefix("tags/")?.to_owned(), value.clone())))
            .collect();
        json!({ "tags": tags })
    }

    /// The push rules of a person, as far as there are any here.
    pub(super) fn push_rules(&self, user: &str) -> Value {
        let silent = self.kept(user).filter(|(_, what, _)| *what == "silence");
        let rules: Vec<_> = silent
            .map(|(room, _, _)| json!({"rule_id": room, "default": false, "enabled": true, "actions": []}))
            .collect();
        json!({"global": {"room": rules, "override": [], "content": [], "sender": [], "underride": []}})
    }

    /// What changed in an account since a place in the stream: for `joined` rooms, and for the account as a whole.
    pub(super) fn account_news(&self, user: &str, since: usize, joined: &mut Value) -> Vec<Value> {
        let changes = self.stream.iter().skip(since).filter(|it| it["account"] == user);
        let (mut whole, mut rooms) = (Vec::new(), Vec::new());
        for change in changes {
            if change["what"] == "silence" {
                whole = vec![json!({"type": "m.push_rules", "content": self.push_rules(user)})];
            } else {
                rooms.push(change["about"].as_str().unwrap_or_default());
            }
        }
        let theirs = |room: &&str| {
            let there = self.rooms.iter().find(|it| it.id == *room);
            there.is_some_and(|there| there.membership(user) == Some("join"))
        };
        for room in rooms.into_iter().filter(theirs) {
            let tags = json!({"type": "m.tag", "content": self.tags(user, room)});
            joined[room]["account_data"] = json!({ "events": [tags] });
        }
        whole
    }
}

impl User {
    /// Gives a room a tag, or takes it away.
    pub fn tags(&self, room: &str, tag: &str, on: bool) {
        let content = json!({"order": 0.5});
        self.does(|state| state.keep(self.id(), &format!("{room}/tags/{tag}"), on.then_some(&content)));
    }

    /// Marks a room as not read, or takes the mark off.
    pub fn marks_unread(&self, room: &str, unread: bool) {
        let content = json!({ "unread": unread });
        self.does(|state| {
            state.keep(
                self.id(),
                &format!("{room}/account_data/m.marked_unread"),
                Some(&content),
            )
        });
    }

    /// Makes a room silent, or lets it be heard again.
    pub fn silences(&self, room: &str, on: bool) {
        let content = json!({"actions": []});
        self.does(|state| state.keep(self.id(), &format!("{room}/silence"), on.then_some(&content)));
    }
}
