//! What a message holds, written in WhatsApp's own kinds.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{
        self as wa,
        message::{
            AlbumMessage, ContactMessage, ContactsArrayMessage, EventMessage, ExtendedTextMessage, GroupInviteMessage,
            LocationMessage, PollCreationMessage, poll_creation_message,
        },
    },
};

use super::{super::tokens::replaced, Desk, Error, media};
use crate::model::{Appointment, Card, Content, Invitation, Location, Poll, Preview, Text, Thumbnail, Timestamp};

/// Longest text WhatsApp takes, in characters.
pub(in super::super) const TEXT_LIMIT: usize = 65_536;
/// How many options a poll may have: what WhatsApp's own clients allow.
const POLL_OPTIONS: std::ops::RangeInclusive<usize> = 2..=12;

/// Writes content with what stands around it.
pub(super) fn write(content: &Content, around: Option<wa::ContextInfo>, desk: &Desk) -> Result<wa::Message, Error> {
    match content {
        Content::Text(text) => words(text, around, desk),
        Content::Told(text) => words(&Text::plain(text.as_str()), around, desk),
        Content::Media(media) => media::write(media, around, desk),
        Content::Location(location) => Ok(place(location, around)),
        Content::Contacts(cards) => people(cards, around),
        Content::Poll(poll) => question(poll, around, desk),
        Content::Appointment(appointment) => Ok(date(appointment, around, desk)),
        Content::Invitation(invitation) => Ok(invite(invitation, around)),
        Content::Album { announced, films } => Ok(wa::Message {
            album_message: MessageField::some(AlbumMessage {
                expected_image_count: Some(announced.saturating_sub(*films)),
                expected_video_count: Some(*films),
                context_info: around.into(),
            }),
            ..Default::default()
        }),
        Content::Call(_) | Content::Awaited => Err(Error::Unsupported(content.kind().to_owned())),
        Content::Unsupported(kind) => Err(Error::Unsupported(kind.clone())),
    }
}

fn words(text: &Text, context: Option<wa::ContextInfo>, desk: &Desk) -> Result<wa::Message, Error> {
    if text.body.is_empty() {
        return Err(Error::Refused("the message is empty".to_owned()));
    }
    let body = named(text, desk);
    if body.chars().count() > TEXT_LIMIT {
        return Err(Error::Refused(format!(
            "the text is longer than {TEXT_LIMIT} characters"
        )));
    }
    if context.is_none() && text.preview.is_none() {
        return Ok(wa::Message {
            conversation: Some(body),
            ..Default::default()
        });
    }
    let mut extended = ExtendedTextMessage {
        text: Some(body),
        context_info: context.into(),
        ..Default::default()
    };
    if let Some(preview) = &text.preview {
        show(preview, &mut extended);
    }
    Ok(wa::Message {
        extended_text_message: MessageField::some(extended),
        ..Default::default()
    })
}

fn show(preview: &Preview, extended: &mut ExtendedTextMessage) {
    extended.matched_text = Some(preview.url.clone());
    extended.title.clone_from(&preview.title);
    extended.description.clone_from(&preview.description);
    extended.preview_type = Some(wa::message::extended_text_message::PreviewType::NONE);
    if let Some(thumbnail) = &preview.thumbnail {
        extended.jpeg_thumbnail = jpeg(Some(thumbnail));
        extended.thumbnail_width = thumbnail.width;
        extended.thumbnail_height = thumbnail.height;
    }
}

/// The words with the people named in them by the numbers of their JIDs, as WhatsApp wants it.
pub(super) fn named(text: &Text, desk: &Desk) -> String {
    let tokens: BTreeMap<String, String> = text
        .mentions
        .iter()
        .filter_map(|mention| {
            let jid = desk.jid(&mention.who)?;
            let token = mention.token.strip_prefix('@').unwrap_or(&mention.token);
            Some((token.to_owned(), format!("@{}", jid.user_base())))
        })
        .collect();
    replaced(&text.body, &tokens)
}

/// The bytes of a small picture, when they are a JPEG: nothing else is shown.
pub(super) fn jpeg(thumbnail: Option<&Thumbnail>) -> Option<Vec<u8>> {
    let thumbnail = thumbnail.filter(|thumbnail| thumbnail.mime == "image/jpeg")?;
    STANDARD.decode(&thumbnail.base64).ok()
}

/// A place that moves is shared as it is now: only phones can follow somebody.
fn place(location: &Location, context: Option<wa::ContextInfo>) -> wa::Message {
    wa::Message {
        location_message: MessageField::some(LocationMessage {
            degrees_latitude: Some(location.place.latitude),
            degrees_longitude: Some(location.place.longitude),
            accuracy_in_meters: location.place.accuracy,
            name: location.name.clone(),
            address: location.address.clone(),
            url: location.url.clone(),
            jpeg_thumbnail: jpeg(location.thumbnail.as_ref()),
            context_info: context.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn people(cards: &[Card], context: Option<wa::ContextInfo>) -> Result<wa::Message, Error> {
    let card = |card: &Card, context: Option<wa::ContextInfo>| ContactMessage {
        display_name: Some(card.name.clone()),
        vcard: Some(card.vcard.clone()),
        context_info: context.into(),
        ..Default::default()
    };
    match cards {
        [] => Err(Error::Refused("there is no contact in it".to_owned())),
        [one] => Ok(wa::Message {
            contact_message: MessageField::some(card(one, context)),
            ..Default::default()
        }),
        many => Ok(wa::Message {
            contacts_array_message: MessageField::some(ContactsArrayMessage {
                display_name: Some(format!("{} contacts", many.len())),
                contacts: many.iter().map(|one| card(one, None)).collect(),
                context_info: context.into(),
            }),
            ..Default::default()
        }),
    }
}

/// Polls with one choice and polls with several are two kinds (WhatsApp Web: `GeneratePollCreationMessageProto`).
fn question(poll: &Poll, context: Option<wa::ContextInfo>, desk: &Desk) -> Result<wa::Message, Error> {
    if poll.question.trim().is_empty() {
        return Err(Error::Refused("the poll asks nothing".to_owned()));
    }
    if !POLL_OPTIONS.contains(&poll.options.len()) {
        return Err(Error::Refused("a poll has 2 to 12 options".to_owned()));
    }
    let creation = MessageField::some(PollCreationMessage {
        name: Some(poll.question.clone()),
        options: poll
            .options
            .iter()
            .map(|name| poll_creation_message::Option {
                option_name: Some(name.clone()),
                ..Default::default()
            })
            .collect(),
        selectable_options_count: Some(poll.choices),
        end_time: poll.ends_at.map(Timestamp::millis),
        context_info: context.into(),
        ..Default::default()
    });
    let mut message = wa::Message {
        message_context_info: answerable(desk),
        ..Default::default()
    };
    if poll.choices == 1 {
        message.poll_creation_message_v3 = creation;
    } else {
        message.poll_creation_message = creation;
    }
    Ok(message)
}

/// Who answers encrypts the answer with this secret; without it the server's clients refuse the question.
fn answerable(desk: &Desk) -> MessageField<wa::MessageContextInfo> {
    desk.secret
        .map(|secret| wa::MessageContextInfo {
            message_secret: Some(secret.to_vec()),
            ..Default::default()
        })
        .into()
}

fn date(appointment: &Appointment, context: Option<wa::ContextInfo>, desk: &Desk) -> wa::Message {
    let seconds = |at: Timestamp| at.millis().div_euclid(1000);
    wa::Message {
        event_message: MessageField::some(EventMessage {
            context_info: context.into(),
            is_canceled: appointment.is_cancelled.then_some(true),
            name: Some(appointment.title.clone()),
            description: appointment.description.clone(),
            location: appointment
                .location
                .as_ref()
                .map(|name| LocationMessage {
                    name: Some(name.clone()),
                    ..Default::default()
                })
                .into(),
            join_link: appointment.link.clone(),
            start_time: appointment.starts_at.map(seconds),
            end_time: appointment.ends_at.map(seconds),
            ..Default::default()
        }),
        message_context_info: answerable(desk),
        ..Default::default()
    }
}

fn invite(invitation: &Invitation, context: Option<wa::ContextInfo>) -> wa::Message {
    wa::Message {
        group_invite_message: MessageField::some(GroupInviteMessage {
            group_jid: Some(invitation.group.as_str().to_owned()),
            group_name: Some(invitation.name.clone()),
            invite_code: Some(invitation.code.clone()),
            invite_expiration: invitation.expires_at.map(|at| at.millis().div_euclid(1000)),
            caption: invitation.words.clone(),
            context_info: context.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}
