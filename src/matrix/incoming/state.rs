//! What becomes of the room itself: who comes and goes, and what is held at its top.

use ruma::{OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedUserId};
use serde_json::Value;

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
