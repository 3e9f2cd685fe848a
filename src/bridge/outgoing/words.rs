//! What only the bridge can translate: Matrix users named in words become contacts of the network.

use super::{
    super::{error::Failure, members},
    stage::Stage,
};
use crate::{
    matrix::incoming::{Called, Picture, Said},
    model::{Content, Mention, Sender, Text, Thumbnail},
};

/// Pictures of links, places and films are fetched up to this size; they go much smaller.
const LARGEST_PICTURE: u64 = 5 * 1024 * 1024;

/// The content with its words translated, its small picture and the answers of its poll.
pub(super) async fn translated(stage: &Stage<'_>, said: &Said) -> Result<Content, Failure> {
    let mut content = said.content.clone();
    if let Content::Text(text) = &mut content
        && !stage.desk.bridge.config.url_previews
    {
        text.preview = None;
    }
    match &mut content {
        Content::Text(text) => name_people(stage, text, &said.called).await?,
        Content::Media(media) => {
            if let Some(caption) = &mut media.caption {
                name_people(stage, caption, &said.called).await?;
            }
            if media.thumbnail.is_none() {
                media.thumbnail = thumbnail(stage, said.picture.as_ref()).await;
            }
        }
        Content::Location(location) => location.thumbnail = thumbnail(stage, said.picture.as_ref()).await,
        Content::Poll(poll) => poll.answers = said.answers.iter().map(|answer| answer.id.clone()).collect(),
        Content::Contacts(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Awaited
        | Content::Unsupported(_) => {}
    }
    sign(stage, &mut content).await?;
    if let Content::Text(Text {
        preview: Some(preview), ..
    }) = &mut content
    {
        preview.thumbnail = thumbnail(stage, said.picture.as_ref()).await;
    }
    Ok(content)
}

/// What members write says who wrote it, where that is wanted.
async fn sign(stage: &Stage<'_>, content: &mut Content) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    let (prefix, sender) = (&bridge.config.member_prefix, &stage.event.sender);
    if prefix.is_empty() || *sender == stage.identity.user {
        return Ok(());
    }
    let asked = bridge
        .homeserver
        .as_bot()
        .get_state(&stage.event.room, "m.room.member", sender.as_str())
        .await;
    let member = match asked {
        Ok(member) => member,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => None,
    };
    let name = member.as_ref().and_then(|member| member.get("displayname")?.as_str());
    members::signed(content, name.unwrap_or(sender.localpart()), prefix);
    Ok(())
}

/// Ghosts become their contacts; everybody else is only called by name.
async fn name_people(stage: &Stage<'_>, text: &mut Text, called: &[Called]) -> Result<(), Failure> {
    let bridge = stage.desk.bridge;
    for person in called {
        let names = bridge.homeserver.names();
        let contact = match names.ghost_name(&person.user) {
            Some(name) => bridge.network.contact_of_ghost(name).await?,
            None => None,
        };
        let (token, who) = if person.user == stage.identity.user {
            (format!("@{}", stage.device.number), Some(Sender::Owner))
        } else if let Some(contact) = contact {
            let token = format!("@{}", bridge.network.ghost_name(&contact));
            (token, Some(Sender::Contact(contact)))
        } else {
            let name = person.name.as_deref().unwrap_or(person.user.localpart());
            (name.to_owned(), None)
        };
        text.body = text.body.replace(&person.token, &token);
        if let Some(who) = who {
            text.mentions.push(Mention { token, who });
        }
    }
    Ok(())
}

/// A small picture is worth a try and no more: the message goes without it too. Whatever it is on the homeserver, it goes as
/// a small JPEG: messages have no room for more, and phones show nothing else.
async fn thumbnail(stage: &Stage<'_>, picture: Option<&Picture>) -> Option<Thumbnail> {
    let bridge = stage.desk.bridge;
    match bridge.homeserver.download(&picture?.source, LARGEST_PICTURE).await {
        Ok(download) => bridge.workshop.shrink(&download.file).await,
        Err(error) => {
            tracing::info!(%error, "a small picture could not be fetched");
            None
        }
    }
}
