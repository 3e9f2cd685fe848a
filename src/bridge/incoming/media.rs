//! Media on their way into Matrix: the one place that fetches them from the network and gives them to the homeserver.
//!
//! Deliberately not here: what pictures and films are (`media`), and how they travel (`network`, `matrix`).

use std::{fs::File, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ruma::OwnedMxcUri;

use super::{
    super::{Inner, error::Failure, outgoing::in_units, worker::Desk},
    say,
    scene::Scene,
};
use crate::{
    matrix::cards,
    model::{Action, Content, Event, Media, MediaSource, MessageRef, PortalKey, Say, Thumbnail},
    network,
    store::{DELETED, Message, MessageContent},
};

/// A phone that does not answer is not asked every few seconds for days.
const ASK_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// A content that can be shown in Matrix.
pub(super) struct Brought {
    /// What is shown.
    pub(super) content: Content,
    /// What is remembered: how to find the media again.
    pub(super) kept: Content,
    /// Where the small picture is.
    pub(super) picture: Option<OwnedMxcUri>,
    /// Where the file with the cards is.
    pub(super) cards: Option<OwnedMxcUri>,
    /// The network has the media no more, and the phone must be asked.
    pub(super) is_missing: bool,
}

impl Brought {
    fn as_it_is(content: &Content) -> Self {
        Self {
            content: content.clone(),
            kept: content.clone(),
            picture: None,
            cards: None,
            is_missing: false,
        }
    }

    fn told(content: &Content, words: String, is_missing: bool) -> Self {
        Self {
            content: Content::Told(words),
            is_missing,
            ..Self::as_it_is(content)
        }
    }

    /// What kind of message it is in Matrix.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_missing {
            "m.notice"
        } else {
            self.content.event_kind()
        }
    }
}

/// Brings a content over: media move from the network to the homeserver.
pub(super) async fn bring(scene: &Scene<'_>, content: &Content) -> Result<Brought, Failure> {
    let bridge = scene.desk.bridge;
    match content {
        Content::Media(media) => bring_media(scene, content, media).await,
        Content::Contacts(all) => {
            let file = upload_bytes(bridge, cards::join(all).into_bytes(), cards::MIME, "contacts.vcf").await?;
            Ok(Brought {
                cards: Some(file),
                ..Brought::as_it_is(content)
            })
        }
        Content::Location(location) => Ok(Brought {
            picture: thumbnail(bridge, location.thumbnail.as_ref()).await,
            ..Brought::as_it_is(content)
        }),
        Content::Text(text) => Ok(Brought {
            picture: match &text.preview {
                Some(preview) => thumbnail(bridge, preview.thumbnail.as_ref()).await,
                None => None,
            },
            ..Brought::as_it_is(content)
        }),
        Content::Poll(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Unsupported(_) => Ok(Brought::as_it_is(content)),
    }
}

async fn bring_media(scene: &Scene<'_>, content: &Content, media: &Media) -> Result<Brought, Failure> {
    let bridge = scene.desk.bridge;
    if let MediaSource::Matrix(_) = &media.source {
        return Ok(Brought::as_it_is(content));
    }
    let name = media.kind.name();
    if let (Some(size), Some(limit)) = (media.size, bridge.homeserver.upload_limit().await?)
        && size > limit
    {
        let words = format!(
            "📎 A {name} of {} is larger than this homeserver takes ({}). Open it on your phone.",
            in_units(size),
            in_units(limit)
        );
        return Ok(Brought::told(content, words, false));
    }
    let file = match bridge.network.download(scene.event.device, media).await {
        Ok(file) => file,
        Err(network::Error::Gone) => {
            let words = format!("📎 A {name} is no longer on the server. The phone is asked for it.");
            return Ok(Brought::told(content, words, true));
        }
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "media could not be fetched");
            let words = format!("📎 A {name} could not be fetched. Open it on your phone.");
            return Ok(Brought::told(content, words, false));
        }
    };
    let (media, picture) = upload(bridge, media, file).await?;
    Ok(Brought {
        content: Content::Media(Box::new(media)),
        picture,
        ..Brought::as_it_is(content)
    })
}

/// Gives media to the homeserver, with all that can be seen of them.
async fn upload(bridge: &Inner, media: &Media, file: File) -> Result<(Media, Option<OwnedMxcUri>), Failure> {
    let described = bridge.workshop.describe(&file, media).await;
    let picture = match described.preview {
        Some(preview) => picture(bridge, preview.bytes, "image/jpeg").await,
        None => thumbnail(bridge, media.thumbnail.as_ref()).await,
    };
    let name = media
        .name
        .clone()
        .unwrap_or_else(|| media.kind.name().replace(' ', "-"));
    let source = bridge.homeserver.upload_file(file, &media.mime, &name).await?;
    let media = Media {
        source: MediaSource::Matrix(source),
        ..described.media
    };
    Ok((media, picture))
}

/// A small picture is worth a try and no more: the message is shown without it too.
async fn thumbnail(bridge: &Inner, thumbnail: Option<&Thumbnail>) -> Option<OwnedMxcUri> {
    let thumbnail = thumbnail?;
    let bytes = STANDARD.decode(&thumbnail.base64).ok()?;
    picture(bridge, bytes, &thumbnail.mime).await
}

async fn picture(bridge: &Inner, bytes: Vec<u8>, mime: &str) -> Option<OwnedMxcUri> {
    match upload_bytes(bridge, bytes, mime, "thumbnail").await {
        Ok(source) => Some(source),
        Err(error) => {
            tracing::info!(%error, "a small picture could not be uploaded");
            None
        }
    }
}

async fn upload_bytes(bridge: &Inner, bytes: Vec<u8>, mime: &str, name: &str) -> Result<OwnedMxcUri, Failure> {
    Ok(bridge.homeserver.upload(bytes, mime, name).await?)
}

/// Does a job of kind `fetch`: the phone is asked for media that the server has no more; then they take the place of the
/// placeholder.
pub(in super::super) async fn fetch(desk: &Desk<'_>, key: &PortalKey, message: &MessageRef) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let found = read.find_message(key, &message.id, &message.sender).await?;
    let portal = read.find_portal(key).await?;
    let device = read.find_device(key.device).await?;
    let identity = match &device {
        Some(device) => read.find_identity(device.identity).await?,
        None => None,
    };
    drop(read);
    let (Some(found), Some(portal), Some(device), Some(identity)) = (found, portal, device, identity) else {
        return desk.done().await;
    };
    let (Some(Content::Media(media)), Some(shown)) = (&found.content, &found.event) else {
        return desk.done().await;
    };
    if found.kind == DELETED {
        return desk.done().await;
    }
    let source = match bridge.network.ask_again(key, message, media).await {
        Ok(source) => source,
        Err(error) if error.is_transient() => {
            return Err(Failure::Later {
                why: error.to_string(),
                after: Some(ASK_AGAIN_AFTER),
            });
        }
        Err(error) => {
            tracing::info!(%error, "the phone does not have the media either");
            return desk.done().await;
        }
    };
    let content = Content::Media(Box::new(Media {
        source: MediaSource::Network(source),
        ..(**media).clone()
    }));
    let event = Event {
        device: key.device,
        chat: key.chat.clone(),
        chat_kind: portal.kind,
        id: found.id.clone(),
        sender: found.sender.clone(),
        sender_name: None,
        at: found.at,
        action: Action::Say(Say::new(content.clone())),
    };
    let scene = Scene {
        desk,
        event: &event,
        key: key.clone(),
        device,
        identity,
    };
    let brought = bring(&scene, &content).await?;
    if brought.is_missing {
        return Err(Failure::Later {
            why: "the phone's copy is not there yet".into(),
            after: Some(ASK_AGAIN_AFTER),
        });
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    say::put_in_place(&scene, (&room, &speaker), shown, &brought, "media").await?;
    let holds = MessageContent {
        id: &found.id,
        sender: &found.sender,
        text: found.text.as_deref(),
        kind: brought.kind(),
        content: Some(&brought.kept),
    };
    let mut tx = bridge.store.begin().await?;
    tx.set_message_content(key, holds, None).await?;
    desk.finish(tx).await
}

/// An edit of media tells other words for them and not the media again.
pub(super) fn edited(message: &Message, content: &Content) -> Content {
    match (&message.content, content) {
        (Some(Content::Media(before)), Content::Text(caption)) => {
            let mut media = before.clone();
            media.caption = Some(caption.clone());
            Content::Media(media)
        }
        _ => content.clone(),
    }
}
