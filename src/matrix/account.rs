//! What stands in the account of a real person, for their own clients alone: tags, silence, what is marked as unread.
//!
//! Called through double puppeting only. Repeating any of it changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{
    OwnedEventId, OwnedRoomId, RoomId, UserId,
    api::client::{
        config::{get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data},
        filter::FilterDefinition,
        push::{delete_pushrule, get_pushrules_all, set_pushrule},
        sync::sync_events::v3::{Filter, Request},
        tag::{create_tag, delete_tag, get_tags},
    },
    events::tag::TagInfo,
    presence::PresenceState,
    push::{Action, NewPushRule, NewSimplePushRule, RuleKind, Ruleset},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{Actor, Error};
use crate::model::{ChatMarks, Mute, ReadUpTo};

/// How long the homeserver may hold a request open.
const HELD: Duration = Duration::from_secs(30);
/// The tag of what people hold above the rest.
pub(crate) const FAVOURITE: &str = "m.favourite";
/// The tag of what people put away.
pub(crate) const LOW_PRIORITY: &str = "m.lowpriority";

impl Actor {
    /// Puts a tag on a room, or takes it off.
    pub(crate) async fn tag(&self, room: &RoomId, tag: &str, on: bool) -> Result<(), Error> {
        let (user, room) = (self.user().to_owned(), room.to_owned());
        if on {
            let mut info = TagInfo::new();
            info.order = Some(0.5);
            let request = create_tag::v3::Request::new(user, room, tag.to_owned(), info);
            return self.request("tag", request).await.map(drop);
        }
        let request = delete_tag::v3::Request::new(user, room, tag.to_owned());
        absent_is_fine(self.request("untag", request).await.map(drop))
    }

    /// Makes a room silent but for mentions, as the phone does, or lets it be heard again.
    pub(crate) async fn mute(&self, room: &RoomId, on: bool) -> Result<(), Error> {
        if on {
            let rule = NewSimplePushRule::new(room.to_owned(), Vec::new());
            let request = set_pushrule::v3::Request::new(NewPushRule::Room(rule));
            return self.request("mute", request).await.map(drop);
        }
        // Clients also write it as a rule that goes before all others.
        for kind in [RuleKind::Room, RuleKind::Override] {
            let request = delete_pushrule::v3::Request::new(kind, room.as_str().to_owned());
            absent_is_fine(self.request("unmute", request).await.map(drop))?;
        }
        Ok(())
    }

    /// Marks a room as not read, whatever was read, or takes the mark off. Under the name of the specification and under
    /// the one that clients used before it had one (MSC2867).
    pub(crate) async fn mark_unread(&self, room: &RoomId, unread: bool) -> Result<(), Error> {
        for kind in ["m.marked_unread", "com.famedly.marked_unread"] {
            let content =
                to_raw_value(&json!({ "unread": unread })).map_err(|error| Error::BadRequest(error.into()))?;
            let request = set_room_account_data::v3::Request::new_raw(
                self.user().to_owned(),
                room.to_owned(),
                kind.into(),
                Raw::from_json(content),
            );
            self.request("mark_unread", request).await?;
        }
        Ok(())
    }

    /// Files a room as a direct chat with somebody, beside those that are filed already. One at a time for each account:
    /// homeservers keep all of them as one thing.
    pub(crate) async fn file_as_direct(&self, room: &RoomId, with: &UserId) -> Result<(), Error> {
        let request = get_global_account_data::v3::Request::new(self.user().to_owned(), "m.direct".into());
        let mut chats: BTreeMap<String, Value> = match self.request("direct_chats", request).await {
            Ok(answer) => serde_json::from_str(answer.account_data.json().get()).unwrap_or_default(),
            Err(Error::NotFound(_)) => BTreeMap::new(),
            Err(other) => return Err(other),
        };
        let rooms = chats.entry(with.to_string()).or_insert_with(|| json!([]));
        let Some(rooms) = rooms.as_array_mut().filter(|rooms| !rooms.contains(&json!(room))) else {
            return Ok(());
        };
        rooms.push(json!(room));
        let content = to_raw_value(&chats).map_err(|error| Error::BadRequest(error.into()))?;
        let request = set_global_account_data::v3::Request::new_raw(
            self.user().to_owned(),
            "m.direct".into(),
            Raw::from_json(content),
        );
        self.request("file_as_direct", request).await.map(drop)
    }
}

fn absent_is_fine(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::NotFound(_)) => Ok(()),
        other => other,
    }
}

/// What changed in an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AccountNews {
    /// Where to go on next time.
    pub(crate) next: String,
    /// Rooms of which something was said.
    pub(crate) rooms: BTreeSet<OwnedRoomId>,
    /// All rooms without a sound, when that changed.
    pub(crate) silent: Option<BTreeSet<OwnedRoomId>>,
    /// How far the person has read, by their own clients.
    pub(crate) read: Vec<ReadUpTo>,
}

impl Actor {
    /// What the account says of a room right now, in our words for marks on chats.
    pub(crate) async fn room_in_account(&self, room: &RoomId) -> Result<ChatMarks, Error> {
        let request = get_tags::v3::Request::new(self.user().to_owned(), room.to_owned());
        let tags = self.request("tags", request).await?.tags;
        let rules = self
            .request("silence", get_pushrules_all::v3::Request::new())
            .await?
            .global;
        let request =
            get_room_account_data::v3::Request::new(self.user().to_owned(), room.to_owned(), "m.marked_unread".into());
        let unread = match self.request("unread", request).await {
            Ok(answer) => serde_json::from_str::<Value>(answer.account_data.json().get())
                .is_ok_and(|content| content["unread"] == true),
            Err(Error::NotFound(_)) => false,
            Err(other) => return Err(other),
        };
        Ok(ChatMarks {
            muted: if silent(&rules).contains(room) {
                Mute::Forever
            } else {
                Mute::No
            },
            pinned: tags.contains_key(&FAVOURITE.into()),
            archived: tags.contains_key(&LOW_PRIORITY.into()),
            unread,
        })
    }

    /// What changed in the account since `since`; holds the request open at the homeserver for a while when nothing did.
    /// Without `since` only where to begin.
    pub(crate) async fn account_news(&self, since: Option<&str>) -> Result<AccountNews, Error> {
        let mut request = Request::new();
        request.since = since.map(str::to_owned);
        request.timeout = Some(if since.is_some() { HELD } else { Duration::ZERO });
        request.set_presence = PresenceState::Offline;
        let nothing = json!({"types": []});
        let filter = json!({
            "presence": nothing,
            "account_data": {"types": ["m.push_rules"]},
            "room": {
                "timeline": {"types": [], "limit": 1},
                "state": nothing,
                "ephemeral": {"types": ["m.receipt"]},
                "account_data": {"types": ["m.tag", "m.marked_unread"]},
            },
        });
        let filter = FilterDefinition::deserialize(filter).map_err(|error| Error::BadRequest(error.into()))?;
        request.filter = Some(Filter::FilterDefinition(filter));
        let answer = match self.request("account", request).await {
            // A homeserver that was set up anew does not know its old tokens.
            Err(Error::Refused { status: 400, .. }) if since.is_some() => {
                return Box::pin(self.account_news(None)).await;
            }
            other => other?,
        };
        let mut news = AccountNews {
            next: answer.next_batch,
            ..AccountNews::default()
        };
        if since.is_none() {
            return Ok(news);
        }
        for (room, joined) in answer.rooms.join {
            if !joined.account_data.events.is_empty() {
                news.rooms.insert(room.clone());
            }
            let receipts = joined.ephemeral.events.iter().map(Raw::json);
            for event in receipts {
                news.read.extend(own_receipts(event, &room, self.user()));
            }
        }
        news.silent = answer
            .account_data
            .events
            .iter()
            .filter_map(|event| serde_json::from_str::<PushRules>(event.json().get()).ok())
            .map(|rules| silent(&rules.content.global))
            .next_back();
        Ok(news)
    }
}

#[derive(Deserialize)]
struct PushRules {
    content: PushRulesContent,
}

#[derive(Deserialize)]
struct PushRulesContent {
    global: Ruleset,
}

/// Rooms whose events make no sound: clients write it as a rule for the room (mentions are still heard) or as one that
/// goes before all others (nothing is).
fn silent(rules: &Ruleset) -> BTreeSet<OwnedRoomId> {
    let is_silent = |actions: &[Action]| !actions.iter().any(|action| matches!(action, Action::Notify));
    let by_room = rules
        .room
        .iter()
        .filter(|rule| rule.enabled && is_silent(&rule.actions));
    let before_all = rules
        .override_
        .iter()
        .filter(|rule| rule.enabled && is_silent(&rule.actions))
        .filter_map(|rule| OwnedRoomId::try_from(rule.rule_id.as_str()).ok());
    by_room.map(|rule| rule.rule_id.clone()).chain(before_all).collect()
}

/// The receipts of one user in an event of receipts.
fn own_receipts(event: &RawValue, room: &RoomId, user: &UserId) -> Vec<ReadUpTo> {
    let Ok(event) = serde_json::from_str::<Value>(event.get()) else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (id, kinds) in event["content"].as_object().into_iter().flatten() {
        let Ok(id) = OwnedEventId::try_from(id.as_str()) else {
            continue;
        };
        for (kind, quietly) in [("m.read", false), ("m.read.private", true)] {
            if kinds[kind].get(user.as_str()).is_some() {
                read.push(ReadUpTo {
                    room: room.to_owned(),
                    event: id.clone(),
                    user: user.to_owned(),
                    quietly,
                });
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, room_id, user_id};
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn a_room_is_silent_by_either_rule_that_clients_write() {
        let rules = json!({"content": {"global": {
            "room": [
                {"rule_id": "!one", "default": false, "enabled": true, "actions": []},
                {"rule_id": "!two", "default": false, "enabled": true, "actions": ["notify"]},
                {"rule_id": "!three", "default": false, "enabled": false, "actions": ["dont_notify"]},
            ],
            "override": [
                {"rule_id": ".m.rule.master", "default": true, "enabled": true, "actions": []},
                {"rule_id": "!four", "default": false, "enabled": true, "actions": ["dont_notify"],
                 "conditions": [{"kind": "event_match", "key": "room_id", "pattern": "!four"}]},
            ],
        }}});
        let rules: PushRules = serde_json::from_value(rules).unwrap();
        let expected = BTreeSet::from([owned_room_id!("!one"), owned_room_id!("!four")]);
        assert_eq!(silent(&rules.content.global), expected);
    }

    #[test]
    fn only_the_persons_own_receipts_are_read() {
        let event = json!({"type": "m.receipt", "content": {
            "$one": {"m.read": {"@alice:hs.test": {"ts": 1}, "@bob:hs.test": {"ts": 1}}},
            "$two": {"m.read.private": {"@alice:hs.test": {"ts": 1}}, "m.other": {"@alice:hs.test": {}}},
        }});
        let read = own_receipts(
            &to_raw_value(&event).unwrap(),
            room_id!("!room"),
            user_id!("@alice:hs.test"),
        );
        let read: Vec<_> = read.iter().map(|read| (read.event.as_str(), read.quietly)).collect();
        assert_eq!(read, [("$one", false), ("$two", true)]);
    }
}
