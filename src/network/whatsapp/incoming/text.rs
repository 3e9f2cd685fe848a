//! Words, the people named in them, and what a link in them leads to.

use std::collections::BTreeMap;

use whatsapp_rust::waproto::whatsapp::{self as wa, message::ExtendedTextMessage};

use super::{super::tokens::replaced, Found, Scene, filled, media};
use crate::model::{Content, Mention, Preview, Text};

/// A message of words alone.
pub(super) fn read<'a>(message: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    if let Some(extended) = message.extended_text_message.as_option()
        && let Some(body) = filled(extended.text.as_ref())
    {
        let context = extended.context_info.as_option();
        let mut text = worded(body, context, scene);
        text.preview = preview_of(extended).map(Box::new);
        return Some(Found::new(Content::Text(text), context));
    }
    let body = filled(message.conversation.as_ref())?;
    Some(Found::new(Content::words(body), None))
}

fn preview_of(extended: &ExtendedTextMessage) -> Option<Preview> {
    let preview = Preview {
        url: filled(extended.matched_text.as_ref())?.to_owned(),
        title: filled(extended.title.as_ref()).map(ToOwned::to_owned),
        description: filled(extended.description.as_ref()).map(ToOwned::to_owned),
        thumbnail: media::thumbnail(extended.jpeg_thumbnail.as_ref(), "image/jpeg").map(|thumbnail| {
            crate::model::Thumbnail {
                width: extended.thumbnail_width,
                height: extended.thumbnail_height,
                ..thumbnail
            }
        }),
    };
    (preview.title.is_some() || preview.description.is_some() || preview.thumbnail.is_some()).then_some(preview)
}

/// Words as they stand in a message, with the people named in them by their tokens.
pub(super) fn worded(body: &str, context: Option<&wa::ContextInfo>, scene: &Scene<'_>) -> Text {
    let Some(context) = context else {
        return Text::plain(body);
    };
    let mut tokens = BTreeMap::new();
    let mut mentions: Vec<Mention> = Vec::new();
    for jid in &context.mentioned_jid {
        let Some(known) = scene.person(jid) else { continue };
        let mention = Mention {
            token: format!("@{}", known.name),
            who: known.who,
        };
        let user = jid.split(['@', ':', '.']).next().unwrap_or_default();
        tokens.insert(user.to_owned(), mention.token.clone());
        if !mentions.contains(&mention) {
            mentions.push(mention);
        }
    }
    // A group named in words stands there by its address; its name says more.
    for group in &context.group_mentions {
        if let (Some(jid), Some(subject)) = (&group.group_jid, filled(group.group_subject.as_ref())) {
            tokens.insert(jid.clone(), format!("@{subject}"));
        }
    }
    Text {
        body: replaced(body, &tokens),
        mentions,
        everyone: context.non_jid_mentions.is_some_and(|count| count > 0),
        preview: None,
    }
}
