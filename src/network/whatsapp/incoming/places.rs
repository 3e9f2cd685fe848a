//! Places, standing and moving.

use whatsapp_rust::waproto::whatsapp as wa;

use super::{Found, filled, media::thumbnail};
use crate::model::{Content, Course, Location, Place};

/// A message that is a place.
pub(super) fn read(message: &wa::Message) -> Option<Found<'_>> {
    standing(message).or_else(|| moving(message))
}

fn standing(message: &wa::Message) -> Option<Found<'_>> {
    let location = message.location_message.as_option()?;
    Some(Found::new(
        Content::Location(location_of(location)),
        location.context_info.as_option(),
    ))
}

/// A place as other messages hold it too.
pub(super) fn location_of(location: &wa::message::LocationMessage) -> Location {
    Location {
        place: Place {
            latitude: degrees(location.degrees_latitude),
            longitude: degrees(location.degrees_longitude),
            accuracy: location.accuracy_in_meters,
        },
        name: filled(location.name.as_ref()).map(ToOwned::to_owned),
        address: filled(location.address.as_ref())
            .or_else(|| filled(location.comment.as_ref()))
            .map(ToOwned::to_owned),
        url: filled(location.url.as_ref()).map(ToOwned::to_owned),
        is_live: location.is_live == Some(true),
        course: Course::default(),
        thumbnail: thumbnail(location.jpeg_thumbnail.as_ref(), "image/jpeg"),
    }
}

fn moving(message: &wa::Message) -> Option<Found<'_>> {
    let location = message.live_location_message.as_option()?;
    let content = Content::Location(on_its_way(location));
    Some(Found::new(content, location.context_info.as_option()))
}

/// A live location at some moment.
pub(in super::super) fn on_its_way(location: &wa::message::LiveLocationMessage) -> Location {
    Location {
        place: Place {
            latitude: degrees(location.degrees_latitude),
            longitude: degrees(location.degrees_longitude),
            accuracy: location.accuracy_in_meters,
        },
        name: None,
        address: filled(location.caption.as_ref()).map(ToOwned::to_owned),
        url: None,
        is_live: true,
        course: Course {
            sequence: location.sequence_number.unwrap_or_default(),
            seconds: location.time_offset.unwrap_or_default(),
            is_unseen: false,
        },
        thumbnail: thumbnail(location.jpeg_thumbnail.as_ref(), "image/jpeg"),
    }
}

/// A number that is none has no place on any map, nor in JSON.
fn degrees(told: Option<f64>) -> f64 {
    told.filter(|degrees| degrees.is_finite()).unwrap_or_default()
}
