//! Dates in the calendar and the answers to them.

use whatsapp_rust::waproto::whatsapp::{self as wa, message};

use super::{Found, Opened, Scene, filled};
use crate::model::{Action, Appointment, Content, Say, Timestamp};

/// A message that is a date.
pub(super) fn read(message: &wa::Message) -> Option<Found<'_>> {
    if let Some(event) = message.event_message.as_option() {
        let content = Content::Appointment(appointment_of(event));
        return Some(Found::new(content, event.context_info.as_option()));
    }
    let invite = message.event_invite_message.as_option()?;
    let content = Content::Appointment(Appointment {
        title: invite.event_title.clone().unwrap_or_default(),
        description: owned(invite.caption.as_ref()),
        starts_at: moment(invite.start_time),
        ends_at: moment(invite.end_time),
        location: None,
        link: owned(invite.call_link.as_ref()),
        is_cancelled: invite.is_canceled == Some(true),
    });
    Some(Found::new(content, invite.context_info.as_option()))
}

fn appointment_of(event: &message::EventMessage) -> Appointment {
    Appointment {
        title: event.name.clone().unwrap_or_default(),
        description: owned(event.description.as_ref()),
        starts_at: moment(event.start_time),
        ends_at: moment(event.end_time),
        location: event.location.as_option().and_then(place_of),
        link: owned(event.join_link.as_ref()),
        is_cancelled: event.is_canceled == Some(true),
    }
}

/// A place in words: its name and address, or else its coordinates.
fn place_of(location: &message::LocationMessage) -> Option<String> {
    let words: Vec<&str> = [location.name.as_ref(), location.address.as_ref()]
        .into_iter()
        .filter_map(filled)
        .collect();
    if !words.is_empty() {
        return Some(words.join(", "));
    }
    let (latitude, longitude) = (location.degrees_latitude?, location.degrees_longitude?);
    Some(format!("{latitude:.6}, {longitude:.6}"))
}

fn owned(words: Option<&String>) -> Option<String> {
    filled(words).map(ToOwned::to_owned)
}

fn moment(seconds: Option<i64>) -> Option<Timestamp> {
    seconds.filter(|seconds| *seconds > 0).map(Timestamp::from_secs)
}

/// Whether somebody comes.
pub(super) fn answer(message: &wa::Message, scene: &Scene<'_>) -> Option<Action> {
    let response = message.enc_event_response_message.as_option()?;
    let key = response.event_creation_message_key.as_option();
    Some(match (&scene.opened, key.and_then(|key| scene.reference(key))) {
        (Some(Opened::Answer(answer, guests)), Some(appointment)) => Action::Attend {
            appointment,
            answer: *answer,
            guests: *guests,
        },
        _ => Action::Say(Say::new(Content::Unsupported("answer to an event".to_owned()))),
    })
}
