//! What becomes of the room itself: who comes and goes, and what is held at its top.

use ruma::{OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedUserId};
use serde_json::Value;

use super::super::outgoing::TIMER;
use super::{
    Incoming, Levels, Membership, RoomChange,
    fields::{Event, Fields, event_id, flag, list, part, text, words},
};

/// Reads a membership.
pub(super) fn member(event: &Event) -> Incoming {
    let Some(user) = event
        .state_key
        .as_deref()
        .and_then(|key| OwnedUserId::try_from(key).ok())
    else {
        return Incoming::Ignored("membership of nobody");
    };
    let before = part(&event.unsigned, "prev_content").and_then(|it| text(it, "membership"));
    let was = match before {
        Some("join") => Membership::In,
        Some("invite") => Membership::Invited,
        Some("knock") => Membership::Asking,
        _ => Membership::Out,
    };
    match text(&event.content, "membership") {
        Some("join") if before == Some("join") => Incoming::Ignored("profile"),
        Some("join") => Incoming::Joined { user },
        Some("invite") => Incoming::Invite {
            user,
            is_direct: flag(&event.content, "is_direct"),
            was,
        },
        Some(gone @ ("leave" | "ban")) => Incoming::Left {
            user,
            was,
            banned: gone == "ban",
        },
        _ => Incoming::Ignored("membership"),
    }
}

/// Reads by which room a room was replaced.
pub(super) fn tombstone(event: &Event) -> Incoming {
    let next = text(&event.content, "replacement_room").and_then(|room| OwnedRoomId::try_from(room).ok());
    match next {
        Some(next) => Incoming::Replaced { next },
        None => Incoming::Ignored("the end of a room"),
    }
}

/// Reads what is pinned now and was not before, and the other way round.
pub(super) fn pins(event: &Event) -> Incoming {
    let after = pinned(&event.content);
    let before = part(&event.unsigned, "prev_content").map(pinned).unwrap_or_default();
    let without = |these: &[OwnedEventId], others: &[OwnedEventId]| -> Vec<OwnedEventId> {
        these.iter().filter(|it| !others.contains(it)).cloned().collect()
    };
    let (pinned, unpinned) = (without(&after, &before), without(&before, &after));
    if pinned.is_empty() && unpinned.is_empty() {
        return Incoming::Ignored("the same pins");
    }
    Incoming::Pins { pinned, unpinned }
}

fn pinned(content: &Fields) -> Vec<OwnedEventId> {
    let mut pinned: Vec<OwnedEventId> = Vec::new();
    for event in list(content, "pinned").iter().filter_map(|it| event_id(Some(it))) {
        if !pinned.contains(&event) {
            pinned.push(event);
        }
    }
    pinned
}

/// Reads where the picture of a room is.
pub(super) fn avatar(content: &Fields) -> Option<OwnedMxcUri> {
    let address = text(content, "url").filter(|address| !address.is_empty())?;
    Some(OwnedMxcUri::from(address)).filter(|address| address.is_valid())
}

/// Reads after how many milliseconds messages disappear. What is counted from something else than the sending, or not
/// told in a number, is no time that anybody else knows: zero.
pub(super) fn timer(content: &Fields) -> Option<u64> {
    match (text(content, "type"), content.get("timer")) {
        (None | Some("" | "none"), _) | (Some("after_send"), None) => None,
        (Some("after_send"), Some(after)) => match after.as_u64() {
            Some(0) => None,
            after => Some(after.unwrap_or(0)),
        },
        (Some(_), _) => Some(0),
    }
}

/// Reads who may do what now, and what was before.
pub(super) fn levels(event: &Event) -> Incoming {
    let now = Levels::read(&event.content);
    let before = part(&event.unsigned, "prev_content").map_or_else(|| now.clone(), Levels::read);
    if now == before {
        return Incoming::Ignored("the same levels");
    }
    Incoming::Room(Box::new(RoomChange::Levels { before, now }))
}

/// Whether a rule lets strangers ask to be let in; `None` for every other way in but an invitation.
fn knocking(content: &Fields) -> Option<bool> {
    match text(content, "join_rule") {
        Some("invite" | "private") => Some(false),
        Some("knock" | "knock_restricted") => Some(true),
        _ => None,
    }
}

impl RoomChange {
    /// The type of the event that says so.
    pub(crate) fn event_type(&self) -> &'static str {
        match self {
            Self::Name(_) => "m.room.name",
            Self::Topic(_) => "m.room.topic",
            Self::Avatar(_) => "m.room.avatar",
            Self::Levels { .. } => "m.room.power_levels",
            Self::Knocking(_) => "m.room.join_rules",
            Self::Timer(_) => TIMER,
        }
    }

    /// The change as it stands when the room's state is this now; `None` when the room shows something else. Of levels
    /// some may have changed again: then `now` says so.
    pub(crate) fn standing(&self, state: Option<&Value>) -> Option<Self> {
        let nothing = Fields::new();
        let content = state.and_then(Value::as_object).unwrap_or(&nothing);
        let now = match self {
            Self::Name(_) => Self::Name(words(content, "name")),
            Self::Topic(_) => Self::Topic(words(content, "topic")),
            Self::Avatar(_) => Self::Avatar(avatar(content)),
            Self::Knocking(_) => Self::Knocking(knocking(content)),
            Self::Timer(_) => Self::Timer(timer(content)),
            Self::Levels { before, .. } => {
                let (before, now) = (before.clone(), Levels::read(content));
                return (now != before).then_some(Self::Levels { before, now });
            }
        };
        (now == *self).then_some(now)
    }
}

/// Reads how people come in.
pub(super) fn join_rules(event: &Event) -> Incoming {
    let now = knocking(&event.content);
    if now.is_some() && part(&event.unsigned, "prev_content").map(knocking) == Some(now) {
        return Incoming::Ignored("the same way in");
    }
    Incoming::Room(Box::new(RoomChange::Knocking(now)))
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::{super::read, *};
    use crate::matrix::outgoing;

    fn read_timer(content: &Value) -> RoomChange {
        let json = json!({
            "type": "com.beeper.disappearing_timer", "state_key": "", "sender": "@alice:hs.test", "room_id": "!r:hs.test",
            "content": content,
        });
        match read(&to_raw_value(&json).unwrap()).unwrap() {
            Incoming::Room(change) => *change,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn b12_a_timer_is_read_as_it_is_written_and_what_is_no_timer_is_not_taken_for_none() {
        for seconds in [None, Some(86_400)] {
            let written = outgoing::timer(seconds);
            let read = read_timer(&written);
            assert_eq!(
                read,
                RoomChange::Timer(seconds.map(|seconds| u64::from(seconds) * 1000))
            );
            assert!(read.standing(Some(&written)).is_some());
            assert_eq!(read.standing(None).is_some(), seconds.is_none());
        }
        for never in [json!({"type": "none"}), json!({"type": "after_send", "timer": 0})] {
            assert_eq!(read_timer(&never), RoomChange::Timer(None), "{never}");
        }
        for other in [
            json!({"type": "after_read", "timer": 1000}),
            json!({"type": "after_send", "timer": "1000"}),
        ] {
            assert_eq!(read_timer(&other), RoomChange::Timer(Some(0)), "{other}");
        }
    }
}
