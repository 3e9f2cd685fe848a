//! Media on their way to the network: the one place that fetches them from the homeserver and gives them to the network.

use std::{fs::File, io::Read as _};

use ruma::MxcUri;

use super::super::{Inner, error::Failure, worker::Desk};
use crate::{
    matrix::{self, cards},
    media::Fitted,
    model::{Content, DeviceId, Home, Media, MediaKind, MediaSource, Text, Work, in_units},
    network::MediaLimits,
};

/// A file of cards is a contact up to this size.
const LARGEST_CARDS: u64 = 1024 * 1024;

/// What the network is told, and after it the words that have no place in it.
#[derive(Debug)]
pub(in super::super) struct Carried {
    pub(in super::super) content: Content,
    pub(in super::super) words: Option<Text>,
}

impl Carried {
    fn whole(content: Content) -> Self {
        let (content, words) = content.apart();
        Self { content, words }
    }
}

/// A content the network can send: its media are there already. `None`: the homeserver has them no more.
///
/// # Errors
/// The network, or the homeserver, cannot be reached, or the file is too large.
pub(in super::super) async fn on_network(
    desk: &Desk<'_>,
    device: DeviceId,
    content: Content,
) -> Result<Option<Carried>, Failure> {
    let Content::Media(media) = content else {
        return Ok(Some(Carried::whole(content)));
    };
    let MediaSource::Matrix(source) = &media.source else {
        return Ok(Some(Carried::whole(Content::Media(media))));
    };
    let bridge = desk.bridge;
    if is_cards(&media)
        && let Some(bytes) = small(bridge, source, LARGEST_CARDS).await?
    {
        let cards = cards::read(&String::from_utf8_lossy(&bytes));
        if !cards.is_empty() {
            let told = cards::told(&cards);
            // What we showed under cards stands on them.
            let words = media.caption.filter(|words| words.body.trim() != told);
            return Ok(Some(Carried {
                content: Content::Contacts(cards),
                words: words.and_then(Text::alone),
            }));
        }
    }
    Ok(carry(desk, device, &media)
        .await?
        .map(|media| Carried::whole(Content::Media(Box::new(media)))))
}

fn is_cards(media: &Media) -> bool {
    let is_vcf = || {
        let name = media.name.as_deref().unwrap_or_default();
        name.rsplit_once('.')
            .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("vcf"))
    };
    media.kind == MediaKind::File && (matches!(media.mime.as_str(), "text/vcard" | "text/x-vcard") || is_vcf())
}

/// A file of the homeserver; `None` when it is gone or larger.
pub(in super::super) async fn fetched(bridge: &Inner, source: &MxcUri, limit: u64) -> Result<Option<File>, Failure> {
    match bridge.homeserver.download(source, limit).await {
        Ok(download) => Ok(Some(download.file)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "a file of the homeserver is not there");
            Ok(None)
        }
    }
}

/// The bytes of a small file; `None` when it is gone or larger.
pub(super) async fn small(bridge: &Inner, source: &MxcUri, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let Some(file) = fetched(bridge, source, limit).await? else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map(|_| bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(Some(bytes)),
        Ok(Err(error)) => Err(Failure::later(&error)),
        Err(error) => Err(Failure::later(&error)),
    }
}

/// Brings media over; `None`: the homeserver has them no more.
async fn carry(desk: &Desk<'_>, device: DeviceId, media: &Media) -> Result<Option<Media>, Failure> {
    let bridge = desk.bridge;
    let MediaSource::Matrix(source) = &media.source else {
        return Ok(Some(media.clone()));
    };
    let limits = bridge.network.media_limits(device).await?;
    // Nothing is fetched, and nothing unpacked, that cannot be sent in any way.
    let download = match bridge.homeserver.download(source, limits.file).await {
        Ok(download) => download,
        Err(matrix::Error::TooLarge { size, .. }) => return Err(too_large(size, limits.file)),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "a file of the homeserver is not there");
            return Ok(None);
        }
    };
    let mut known = Media {
        size: Some(download.size),
        ..media.clone()
    };
    if known.mime.is_empty()
        && let Some(mime) = download.mime
    {
        known.mime = mime;
    }
    known.name = known.name.or(download.name);
    let Fitted {
        file,
        media: mut fitted,
        stands_still,
    } = fit(desk, download.file, known).await?;
    let size = file.metadata().map_err(|error| Failure::later(&error))?.len();
    let kind = goes_as(fitted.kind, size, &limits)?;
    if kind != fitted.kind {
        let (what, limit) = (fitted.kind.name(), in_units(limits.of(fitted.kind)));
        let why = format!(
            "the {what} has {}, and at most {limit} can be sent as one",
            in_units(size)
        );
        tell(desk, &format!("Sent as a plain file: {why}.")).await?;
        fitted.note = Some(why);
    } else if stands_still {
        let why = "how it moves cannot be converted here";
        tell(desk, &format!("Sent as a picture that stands still: {why}.")).await?;
        fitted.note = Some(why.to_owned());
    }
    let reference = bridge.network.upload(device, kind, file).await?;
    Ok(Some(Media {
        kind,
        size: Some(size),
        source: MediaSource::Network(reference),
        home: Some(Home {
            file: source.clone(),
            picture: None,
        }),
        ..fitted
    }))
}

/// As what a file of this kind and size goes: what is too large for a picture may still go as a plain file.
fn goes_as(kind: MediaKind, size: u64, limits: &MediaLimits) -> Result<MediaKind, Failure> {
    let mut kinds = [kind, MediaKind::File].into_iter();
    kinds
        .find(|kind| size <= limits.of(*kind))
        .ok_or_else(|| too_large(Some(size), limits.file))
}

fn too_large(size: Option<u64>, limit: u64) -> Failure {
    let limit = in_units(limit);
    Failure::Never(match size.map(in_units) {
        Some(size) => format!("the file has {size}, and at most {limit} can be sent"),
        None => format!("the file has more than the {limit} that can be sent"),
    })
}

/// Makes of a file what phones take. One that cannot be converted goes as a plain file, and the sender hears why.
async fn fit(desk: &Desk<'_>, file: File, media: Media) -> Result<Fitted, Failure> {
    let again = file.try_clone().map_err(|error| Failure::later(&error))?;
    let error = match desk.bridge.workshop.fit(file, &media).await {
        Ok(fitted) => return Ok(fitted),
        Err(error) if error.is_transient() => return Err(Failure::later(&error)),
        Err(error) => error,
    };
    tracing::info!(%error, "media go as a plain file");
    let why = error.to_string();
    tell(desk, &format!("Sent as a plain file: {why}.")).await?;
    Ok(Fitted {
        file: again,
        media: Media {
            kind: MediaKind::File,
            note: Some(why),
            ..media
        },
        stands_still: false,
    })
}

/// Tells whoever wrote in a room as what their media go. Who wrote by REST finds it with the message.
async fn tell(desk: &Desk<'_>, text: &str) -> Result<(), Failure> {
    let Work::FromMatrix(event) = &desk.job.work else {
        return Ok(());
    };
    let mut tx = desk.bridge.store.begin().await?;
    super::push_notice(&mut tx, desk.bridge, event, text).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b31_what_is_too_large_in_every_way_is_refused_with_its_size_and_the_limit() {
        let limits = MediaLimits {
            picture: 1 << 20,
            film: 2 << 20,
            sound: 1 << 20,
            sticker: 1 << 19,
            file: 4 << 20,
        };
        let goes = |kind, size| goes_as(kind, size, &limits);
        assert_eq!(goes(MediaKind::Image, 1 << 20).unwrap(), MediaKind::Image);
        assert_eq!(goes(MediaKind::Image, (1 << 20) + 1).unwrap(), MediaKind::File);
        for kind in [MediaKind::Image, MediaKind::Video, MediaKind::File] {
            let refused = goes(kind, 5 << 20).unwrap_err().to_string();
            assert_eq!(refused, "the file has 5 MiB, and at most 4 MiB can be sent");
        }
    }
}
