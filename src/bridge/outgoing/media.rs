//! Media on their way to the network: the one place that fetches them from the homeserver and gives them to the network.

use std::io::Read as _;

use ruma::MxcUri;

use super::super::{Inner, error::Failure, worker::Desk};
use crate::{
    matrix::cards,
    model::{Content, DeviceId, Media, MediaKind, MediaSource},
};

/// A file of cards is a contact up to this size.
const LARGEST_CARDS: u64 = 1024 * 1024;

/// A content the network can send: its media are there already. `None`: the homeserver has them no more.
///
/// # Errors
/// The network, or the homeserver, cannot be reached, or the file is too large.
pub(in super::super) async fn on_network(
    desk: &Desk<'_>,
    device: DeviceId,
    content: Content,
) -> Result<Option<Content>, Failure> {
    let Content::Media(media) = content else {
        return Ok(Some(content));
    };
    let MediaSource::Matrix(source) = &media.source else {
        return Ok(Some(Content::Media(media)));
    };
    let bridge = desk.bridge;
    if is_cards(&media)
        && let Some(bytes) = small(bridge, source, LARGEST_CARDS).await?
    {
        let cards = cards::read(&String::from_utf8_lossy(&bytes));
        if !cards.is_empty() {
            return Ok(Some(Content::Contacts(cards)));
        }
    }
    Ok(carry(bridge, device, &media)
        .await?
        .map(|media| Content::Media(Box::new(media))))
}

fn is_cards(media: &Media) -> bool {
    let is_vcf = || {
        let name = media.name.as_deref().unwrap_or_default();
        name.rsplit_once('.')
            .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("vcf"))
    };
    media.kind == MediaKind::File && (matches!(media.mime.as_str(), "text/vcard" | "text/x-vcard") || is_vcf())
}

/// The bytes of a small file; `None` when it is gone or larger.
pub(in super::super) async fn small(bridge: &Inner, source: &MxcUri, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let file = match bridge.homeserver.download(source).await {
        Ok(download) => download.file,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "a file of the homeserver is not there");
            return Ok(None);
        }
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = match read.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(Failure::later(&error)),
        Err(error) => return Err(Failure::later(&error)),
    };
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Brings media over; `None`: the homeserver has them no more.
async fn carry(bridge: &Inner, device: DeviceId, media: &Media) -> Result<Option<Media>, Failure> {
    let MediaSource::Matrix(source) = &media.source else {
        return Ok(Some(media.clone()));
    };
    let download = match bridge.homeserver.download(source).await {
        Ok(download) => download,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "a file of the homeserver is not there");
            return Ok(None);
        }
    };
    let limits = bridge.network.capabilities().media_limits;
    // What is too large for a picture may still go as a file.
    let fits = |kind| download.size <= limits.of(kind);
    let kind = [media.kind, MediaKind::File].into_iter().find(|kind| fits(*kind));
    let kind = kind.ok_or_else(|| {
        let (size, limit) = (in_units(download.size), in_units(limits.of(MediaKind::File)));
        Failure::Never(format!("the file has {size}, and at most {limit} can be sent"))
    })?;
    let mut carried = Media {
        kind,
        size: Some(download.size),
        ..media.clone()
    };
    if carried.mime.is_empty()
        && let Some(mime) = download.mime
    {
        carried.mime = mime;
    }
    carried.name = carried.name.or(download.name);
    let reference = bridge.network.upload(device, kind, download.file).await?;
    carried.source = MediaSource::Network(reference);
    Ok(Some(carried))
}

/// A size as people read it.
pub(in super::super) fn in_units(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= MIB {
        format!("{} MiB", bytes.div_ceil(MIB))
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}
