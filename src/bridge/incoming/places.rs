//! Live locations: one event for each, which stands where its sharer is.
//!
//! The places that follow come in several ways: as an edit of the first message, as that message once more with a higher
//! number, as a message of its own, or sealed so that only the owner's phone can read them. All that can be read takes the
//! place of what is shown; of the rest people are told once where to look. Deliberately not here: how a place looks.

use super::{
    super::error::Failure,
    changes, say,
    scene::{Scene, Target},
};
use crate::{
    model::{Content, Course, Location, MessageRef, Place, Say},
    store::Message,
};

/// Nobody shares a place for longer: what WhatsApp's own clients offer, in milliseconds.
const LONGEST: i64 = 8 * 60 * 60 * 1000;

/// The live location that a message moves on: it is that message itself once more, or a later one of the same sharer.
pub(super) async fn moved_by<'a>(
    scene: &Scene<'_>,
    known: Option<&Message>,
    said: &'a Say,
) -> Result<Option<(Message, &'a Location)>, Failure> {
    let Content::Location(location) = &said.content else {
        return Ok(None);
    };
    if !location.is_live || location.course.sequence == 0 {
        return Ok(None);
    }
    let before = match known {
        Some(known) => Some(known.clone()).filter(|known| location_in(known).is_some()),
        // The first place of another one begins at no time at all.
        None if location.course.seconds == 0 => None,
        None => running(scene).await?.filter(|known| location_in(known).is_some()),
    };
    Ok(before.map(|before| (before, location)))
}

/// Shows where a live location is now.
pub(super) async fn go_on(scene: &Scene<'_>, before: Message, now: &Location) -> Result<(), Failure> {
    let Some(event) = before.event.clone() else {
        return scene.desk.done().await;
    };
    let was = location_in(&before).map(|was| was.course).unwrap_or_default();
    // Told again, or overtaken by a later place.
    if now.course.sequence != 0 && now.course.sequence <= was.sequence {
        return scene.desk.done().await;
    }
    let location = joined(location_in(&before), now);
    let what = format!("go:{}", location.course.sequence);
    let target = Target { message: before, event };
    changes::put(scene, &target, &Content::Location(location), &what).await
}

/// Moves a live location on, by an edit of its first message.
pub(super) async fn go(scene: &Scene<'_>, target: &MessageRef, place: Place, course: Course) -> Result<(), Failure> {
    let now = live_at(place, course);
    if let Some(before) = scene.unshown(target).await? {
        let content = Content::Location(joined(location_in(&before), &now));
        return changes::hold(scene, &before, &content).await;
    }
    if !scene.is_known(target).await?
        && let Some(before) = running(scene).await?.filter(|known| location_in(known).is_some())
    {
        return go_on(scene, before, &now).await;
    }
    let deed = "moved on with a live location that is not here.";
    let Some(target) = scene.target(target, deed).await? else {
        return Ok(());
    };
    // A place that had to wait for its message may be older than one that did not.
    if target.message.edited_at.is_some_and(|last| last > scene.event.at) {
        return scene.desk.done().await;
    }
    go_on(scene, target.message, &now).await
}

/// A live location that is here now.
pub(super) fn live_at(place: Place, course: Course) -> Location {
    Location {
        place,
        name: None,
        address: None,
        url: None,
        is_live: true,
        course,
        thumbnail: None,
    }
}

/// Somebody is elsewhere, and only the owner's phone is told where: that is said once of each live location.
pub(super) async fn stray(scene: &Scene<'_>) -> Result<(), Failure> {
    let Some(before) = running(scene).await? else {
        let told = Say::new(Content::Unsupported(LIVE.to_owned()));
        return say::show(scene, &told).await;
    };
    let (Some(location), Some(event)) = (location_in(&before), before.event.clone()) else {
        return scene.desk.done().await;
    };
    if location.course.is_unseen {
        return scene.desk.done().await;
    }
    let mut location = location.clone();
    location.course.is_unseen = true;
    let target = Target { message: before, event };
    changes::put(scene, &target, &Content::Location(location), "stray").await
}

/// What stands for a live location of which nobody here heard the beginning.
const LIVE: &str = "live location";

/// The newest live location of whoever speaks, or what stands for one, as long as it may run.
async fn running(scene: &Scene<'_>) -> Result<Option<Message>, Failure> {
    let since = scene.event.at.plus_millis(-LONGEST);
    let mut read = scene.desk.bridge.store.read().await?;
    let found = read.find_live_location(&scene.key, &scene.event.sender, since).await?;
    Ok(found.filter(|found| found.event.is_some()))
}

fn location_in(message: &Message) -> Option<&Location> {
    match &message.content {
        Some(Content::Location(location)) if location.is_live => Some(location),
        _ => None,
    }
}

/// Where somebody is now, with the words that came with the first place.
pub(super) fn joined(was: Option<&Location>, now: &Location) -> Location {
    let Some(was) = was else { return now.clone() };
    let mut course = now.course;
    course.is_unseen |= was.course.is_unseen;
    course.sequence = course.sequence.max(was.course.sequence);
    Location {
        name: now.name.clone().or_else(|| was.name.clone()),
        address: now.address.clone().or_else(|| was.address.clone()),
        url: now.url.clone(),
        course,
        ..now.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, sequence: i64, address: Option<&str>) -> Location {
        Location {
            place: Place {
                latitude,
                longitude: 2.0,
                accuracy: None,
            },
            name: None,
            address: address.map(str::to_owned),
            url: None,
            is_live: true,
            course: Course {
                sequence,
                seconds: 0,
                is_unseen: sequence == 1,
            },
            thumbnail: None,
        }
    }

    #[test]
    fn words_and_what_was_told_stay_where_the_place_moves() {
        let now = joined(Some(&at(1.0, 1, Some("on my way"))), &at(3.0, 2, None));
        assert_eq!((now.place.latitude, now.course.sequence), (3.0, 2));
        assert_eq!(now.address.as_deref(), Some("on my way"));
        assert!(now.course.is_unseen, "it was told once");
        assert_eq!(joined(None, &at(3.0, 2, None)), at(3.0, 2, None));
    }
}
