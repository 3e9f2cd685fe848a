//! Media on their way into Matrix: the one place that fetches them from the network and gives them to the homeserver.
//!
//! Deliberately not here: what pictures and films are (`media`), and how they travel (`network`, `matrix`).

use std::{fs::File, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ruma::OwnedMxcUri;

use super::{
    super::{Inner, error::Failure, retry, worker::Desk},
    frame, instead, say,
    scene::Scene,
};
use crate::{
    matrix::{self, cards, outgoing::with_article},
    model::{
        Action, Content, Event, Home, Lane, Media, MediaRef, MediaSource, MessageRef, PortalKey, Say, Text, Thumbnail,
        Work, in_units,
    },
    network,
    store::{DELETED, Message, MessageContent, Tx},
};

/// A phone that does not answer is asked again after this, then after twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause: a phone that was away for days is asked a few times a day.
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// A content that can be shown in Matrix.
#[derive(Clone)]
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
    /// What needs nothing brought over.
    pub(super) fn as_it_is(content: &Content) -> Self {
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

/// Media that cannot be brought over just now, as they are shown until they can.
pub(super) fn put_off(content: &Content, media: &Media) -> Brought {
    let words = format!(
        "📎 {} could not be fetched yet. It comes as soon as it can.",
        with_article(media.kind.name())
    );
    Brought::told(content, words, true)
}

/// Brings a content over: media move from the network to the homeserver.
pub(super) async fn bring(scene: &Scene<'_>, content: &Content) -> Result<Brought, Failure> {
    let bridge = scene.desk.bridge;
    if let Content::Text(text) = content
        && text.preview.is_some()
        && !bridge.config.url_previews
    {
        let preview = None;
        return Ok(Brought::as_it_is(&Content::Text(Text {
            preview,
            ..text.clone()
        })));
    }
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
        | Content::Awaited
        | Content::Unsupported(_) => Ok(Brought::as_it_is(content)),
    }
}

async fn bring_media(scene: &Scene<'_>, content: &Content, media: &Media) -> Result<Brought, Failure> {
    let bridge = scene.desk.bridge;
    if let MediaSource::Matrix(_) = &media.source {
        return Ok(Brought::as_it_is(content));
    }
    if let Some(home) = &media.home {
        return Ok(at_home(content, media, home));
    }
    if let (Some(size), Some(limit)) = (media.size, bridge.homeserver.upload_limit().await?)
        && size > limit
    {
        return Ok(too_large(content, media, size, Some(limit)));
    }
    let name = with_article(media.kind.name());
    let file = match bridge.network.download(scene.event.device, media).await {
        Ok(file) => file,
        Err(network::Error::Gone) => {
            let words = format!("📎 {name} is no longer on the server. The phone is asked for it.");
            return Ok(Brought::told(content, words, true));
        }
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "media could not be fetched");
            let words =
                format!("📎 {name} could not be fetched. Open it on your phone, or react with ♻️ to try again.");
            return Ok(Brought::told(content, words, false));
        }
    };
    let size = file.metadata().map_err(|error| Failure::later(&error))?.len();
    let (known, home) = match upload(bridge, media, file).await {
        Ok(uploaded) => uploaded,
        // It takes less than it said.
        Err(matrix::Error::TooLarge { limit, .. }) => return Ok(too_large(content, media, size, limit)),
        Err(error) => return Err(error.into()),
    };
    let known = Media {
        size: Some(size),
        ..known
    };
    let kept = Media {
        home: Some(home.clone()),
        ..known.clone()
    };
    Ok(Brought {
        kept: Content::Media(Box::new(kept)),
        ..at_home(content, &known, &home)
    })
}

/// Media that the homeserver has.
pub(super) fn at_home(content: &Content, media: &Media, home: &Home) -> Brought {
    let shown = Media {
        source: MediaSource::Matrix(home.file.clone()),
        ..media.clone()
    };
    Brought {
        content: Content::Media(Box::new(shown)),
        picture: home.picture.clone(),
        ..Brought::as_it_is(content)
    }
}

fn too_large(content: &Content, media: &Media, size: u64, limit: Option<u64>) -> Brought {
    let limit = limit.map_or_else(String::new, |limit| format!(" ({})", in_units(limit)));
    let words = format!(
        "📎 {} of {} is larger than this homeserver takes{limit}. Open it on your phone.",
        with_article(media.kind.name()),
        in_units(size),
    );
    Brought::told(content, words, false)
}

/// Gives media to the homeserver, with all that can be seen of them.
async fn upload(bridge: &Inner, media: &Media, file: File) -> Result<(Media, Home), matrix::Error> {
    let described = bridge.workshop.describe(&file, media).await;
    let picture = match described.preview {
        Some(preview) => picture(bridge, preview.bytes, "image/jpeg").await,
        None => thumbnail(bridge, media.thumbnail.as_ref()).await,
    };
    let name = media
        .name
        .clone()
        .unwrap_or_else(|| media.kind.name().replace(' ', "-"));
    let file = bridge.homeserver.upload_file(file, &media.mime, &name).await?;
    Ok((described.media, Home { file, picture }))
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

/// Does a job of kind `fetch`: the network, then the phone, is asked for media that did not come; then they take the place
/// of the placeholder.
pub(in super::super) async fn fetch(desk: &Desk<'_>, key: &PortalKey, message: &MessageRef) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let found = read.find_message(key, &message.id, &message.sender).await?;
    let portal = read.find_portal(key).await?;
    let owned = read.find_owned_device(key.device).await?;
    drop(read);
    let (Some(found), Some(portal), Some((device, identity))) = (found, portal, owned) else {
        return desk.done().await;
    };
    let Some(content) = found.content.as_ref().filter(|_| retry::awaits_media(&found)) else {
        return desk.done().await;
    };
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
    let (brought, is_final) = bring_again(&scene, message, content).await?;
    // Bringing it takes its time: meanwhile the message may have been taken back.
    let now = bridge
        .store
        .read()
        .await?
        .find_message(key, &message.id, &message.sender)
        .await?;
    if now.is_none_or(|now| now.kind == DELETED) {
        return desk.done().await;
    }
    let room = scene.room().await?;
    let speaker = scene.speaker(&room).await?;
    // What is told of a failure is told anew after each wish; the file itself is shown once.
    let what = if is_final {
        "media".to_owned()
    } else {
        format!("again:{}", desk.job.id.0)
    };
    let framed = frame::kept(&scene, &found).await?;
    let placed = instead::put_in_place(&scene, (&room, &speaker), &found, (&brought, &framed), &what).await?;
    let stands = instead::end_of_placeholder(&scene, (&room, &speaker), &found, placed).await?;
    let holds = MessageContent {
        id: &found.id,
        sender: &found.sender,
        text: found.text.as_deref(),
        kind: brought.kind(),
        content: Some(&brought.kept),
    };
    let mut tx = bridge.store.begin().await?;
    tx.set_message_content(key, holds, None).await?;
    if let Some(stands) = stands {
        stands.write_down(&mut tx, &found).await?;
        if is_final {
            let now = Message {
                event: Some(stands.event.clone()),
                ..found
            };
            say::tell_again(&scene, &mut tx, (&room, &now), (&brought.content, stands.words)).await?;
        }
    }
    desk.finish(tx).await
}

/// Brings media that did not come the first time; whether they came now.
async fn bring_again(scene: &Scene<'_>, message: &MessageRef, content: &Content) -> Result<(Brought, bool), Failure> {
    let bridge = scene.desk.bridge;
    let mut brought = bring(scene, content).await?;
    let (true, Content::Media(media)) = (brought.is_missing, content) else {
        let came = matches!(brought.content, Content::Media(_));
        return Ok((brought, came));
    };
    match bridge.network.ask_again(&scene.key, message, media).await {
        Ok(source) => {
            let content = Content::Media(Box::new(Media {
                source: MediaSource::Network(source),
                ..(**media).clone()
            }));
            brought = bring(scene, &content).await?;
            if brought.is_missing {
                return Err(later(scene.desk, "the phone's copy is not there yet".into()));
            }
            let came = matches!(brought.content, Content::Media(_));
            Ok((brought, came))
        }
        Err(error) if error.is_transient() => Err(later(scene.desk, error.to_string())),
        Err(error) => {
            tracing::info!(%error, "the phone does not have the media either");
            let now = bridge.clock().now().rfc3339();
            let words = format!(
                "📎 {} is no longer on the server, and the phone did not bring it ({} UTC). React with ♻️ to ask again.",
                with_article(media.kind.name()),
                now.get(..16).unwrap_or_default().replace('T', " "),
            );
            Ok((Brought::told(content, words, true), false))
        }
    }
}

fn later(desk: &Desk<'_>, why: String) -> Failure {
    Failure::Later {
        why,
        after: Some(pause(desk.job.attempts)),
    }
}

/// Doubles from the first pause to the longest.
fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempts.min(16)).min(LONGEST_PAUSE)
}

/// What a given-up job of kind `fetch` leaves behind: a notice that says how to go on.
pub(in super::super) async fn fetch_given_up(
    tx: &mut Tx,
    desk: &Desk<'_>,
    key: &PortalKey,
    message: &MessageRef,
) -> Result<(), Failure> {
    let found = tx.find_message(key, &message.id, &message.sender).await?;
    let Some(found) = found.filter(retry::awaits_media) else {
        return Ok(());
    };
    if let (Some(room), Some(event)) = (found.room, found.event) {
        let notice = Work::Notice {
            about: event.as_str().to_owned(),
            text: "The phone did not answer, so this file did not come. React to it with ♻️ to ask again.".to_owned(),
            room: room.clone(),
        };
        tx.push_job(&Lane::room(&room), &notice, desk.bridge.clock().now())
            .await?;
    }
    Ok(())
}

/// An edit of media tells other words for them and not the media again, or the same media with other words: what is on
/// the homeserver stays there.
pub(super) fn edited(
    before: Option<&Content>,
    content: &Content,
    is_same: impl Fn(&MediaRef, &MediaRef) -> bool,
) -> Content {
    match (before, content) {
        (Some(Content::Media(before)), Content::Text(caption)) => {
            let mut media = before.clone();
            media.caption = Some(caption.clone());
            Content::Media(media)
        }
        (Some(Content::Media(before)), Content::Media(now)) => match (&before.source, &now.source) {
            (MediaSource::Network(one), MediaSource::Network(other)) if is_same(one, other) => {
                let mut media = before.clone();
                media.caption.clone_from(&now.caption);
                Content::Media(media)
            }
            _ => content.clone(),
        },
        _ => content.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_does_not_answer_is_asked_less_and_less_often() {
        assert_eq!(pause(0), Duration::from_mins(1));
        assert_eq!(pause(3), Duration::from_mins(8));
        for attempts in [9, 31, u32::MAX] {
            assert_eq!(pause(attempts), Duration::from_hours(6));
        }
    }
}
