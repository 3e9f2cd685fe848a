//! What becomes of the room itself: who comes and goes, and what is held at its top.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::{
    Incoming,
    fields::{Event, Fields, event_id, flag, list, part, text},
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
    match text(&event.content, "membership") {
        Some("join") if before == Some("join") => Incoming::Ignored("profile"),
        Some("join") => Incoming::Joined { user },
        Some("invite") => Incoming::Invite {
            user,
            is_direct: flag(&event.content, "is_direct"),
        },
        Some("leave" | "ban") => Incoming::Left { user },
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
