//! Looking into events: anybody may have written anything there, so nothing is taken for granted.

use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The fields of a JSON object.
pub(super) type Fields = Map<String, Value>;

/// An event as far as we read it.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) room_id: Option<OwnedRoomId>,
    pub(super) state_key: Option<String>,
    #[serde(default)]
    pub(super) redacts: Value,
    #[serde(default)]
    pub(super) content: Fields,
    #[serde(default)]
    pub(super) unsigned: Fields,
}

/// What stands under the first of these names that is there.
pub(super) fn first<'a>(of: &'a Fields, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| of.get(*name))
}

/// Text as it stands.
pub(super) fn text<'a>(of: &'a Fields, name: &str) -> Option<&'a str> {
    of.get(name)?.as_str()
}

/// Text for people; `None` when nothing is in it.
pub(super) fn words(of: &Fields, name: &str) -> Option<String> {
    Some(clean(text(of, name)?)).filter(|words| !words.trim().is_empty())
}

/// PostgreSQL keeps no NUL in text, and nobody reads one.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// A number that counts something. Some clients write it as a fraction.
pub(super) fn number(of: &Fields, name: &str) -> Option<u64> {
    whole(of.get(name)?)
}

/// A number that counts something and is never large.
pub(super) fn small(of: &Fields, name: &str) -> Option<u32> {
    number(of, name)?.try_into().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates"
)]
pub(super) fn whole(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|it| it.is_finite() && *it >= 0.0);
    value.as_u64().or_else(|| float().map(|it| it.round() as u64))
}

/// Whether it says `true`.
pub(super) fn flag(of: &Fields, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool) == Some(true)
}

/// An object.
pub(super) fn part<'a>(of: &'a Fields, name: &str) -> Option<&'a Fields> {
    of.get(name)?.as_object()
}

/// A list; nothing when it is none.
pub(super) fn list<'a>(of: &'a Fields, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The id of an event.
pub(super) fn event_id(value: Option<&Value>) -> Option<OwnedEventId> {
    value?.as_str()?.try_into().ok()
}

/// How an event stands to others.
#[derive(Default)]
pub(super) struct Relation {
    /// The name of the relation.
    pub(super) kind: Option<String>,
    /// To which event.
    pub(super) target: Option<OwnedEventId>,
    /// What it answers.
    pub(super) reply_to: Option<OwnedEventId>,
    /// The key of an annotation.
    pub(super) key: Option<String>,
}

impl Relation {
    pub(super) fn of(content: &Fields) -> Self {
        let Some(relation) = part(content, "m.relates_to") else {
            return Self::default();
        };
        let answered = part(relation, "m.in_reply_to").and_then(|it| event_id(it.get("event_id")));
        Self {
            kind: text(relation, "rel_type").map(str::to_owned),
            target: event_id(relation.get("event_id")),
            // In threads clients name the latest event for those that know no threads: that is no answer.
            reply_to: answered.filter(|_| !flag(relation, "is_falling_back")),
            key: text(relation, "key").map(str::to_owned),
        }
    }

    /// The event it has this relation to.
    pub(super) fn to(&self, kind: &str) -> Option<&OwnedEventId> {
        self.target.as_ref().filter(|_| self.kind.as_deref() == Some(kind))
    }
}
