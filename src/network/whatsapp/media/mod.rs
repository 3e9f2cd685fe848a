//! Files on their way between WhatsApp's media servers and this machine, encrypted and hashed while they stream.
//!
//! Called by the port. A file is never whole in memory: it stands in temporary files without a name, which vanish with
//! whoever holds them. Deliberately not here: what media are (`incoming`, `outgoing`) and turning them into something
//! else (the room `media`).

mod again;
mod download;
mod limits;
mod only_here;
mod sealed;
mod sink;
mod upload;

use std::time::Duration;

use whatsapp_rust::{http::UreqHttpClient, wacore::download::MediaType};

pub(crate) use self::limits::USUAL;
pub(super) use self::{
    again::ask_again,
    download::download,
    limits::{Limits, limits},
    only_here::OnlyHere,
    upload::upload,
};
use super::{
    super::Error,
    stored_media::{StoredAs, StoredMedia},
};
use crate::model::{Media, MediaKind, MediaSource};

/// How long a media server may leave a connection without a sign of life.
const SILENCE: Duration = Duration::from_mins(2);
/// Bytes in each of the buffers of a connection.
const BUFFER: usize = 16 * 1024;

/// The HTTP client of the library, with limits of time: by itself it would wait for a dead server for ever.
pub(super) fn http() -> UreqHttpClient {
    let config = ureq::Agent::config_builder()
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(3)
        .max_idle_connections_per_host(2)
        .timeout_resolve(Some(SILENCE))
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .build();
    UreqHttpClient::with_agent(config.new_agent())
}

/// Where media of ours are.
fn stored(media: &Media) -> Result<StoredMedia, Error> {
    let stored = match &media.source {
        MediaSource::Network(reference) => StoredMedia::of(reference),
        MediaSource::Matrix(_) => None,
    };
    let stored = stored.ok_or_else(|| Error::Refused("the file is not on WhatsApp".to_owned()))?;
    if !is_path(&stored.direct_path) {
        return Err(Error::Refused("the message does not say where its file is".to_owned()));
    }
    Ok(stored)
}

/// The library puts the path right behind the name of the host, and our permission behind the path: whoever wrote the
/// message must not choose the host with it.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl StoredAs {
    /// What media of a kind are to the servers.
    fn of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Image => Self::Image,
            MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => Self::Video,
            MediaKind::Audio | MediaKind::Voice => Self::Audio,
            MediaKind::Sticker => Self::Sticker,
            MediaKind::File => Self::Document,
        }
    }

    /// In the words of the library.
    fn media_type(self) -> MediaType {
        match self {
            Self::Image => MediaType::Image,
            Self::Video => MediaType::Video,
            Self::Audio => MediaType::Audio,
            Self::Document => MediaType::Document,
            Self::Sticker => MediaType::Sticker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_choose_the_host_its_file_is_fetched_from() {
        assert!(is_path("/v/t62.7118-24/1.enc?ccb=11-4&oh=01_Q5&oe=66"));
        for elsewhere in [
            "",
            "@example.org/",
            ".example.org/v/1",
            ":80/",
            "/v/1 HTTP/1.1",
            "/v/\r\nHost: b",
        ] {
            assert!(!is_path(elsewhere), "{elsewhere:?}");
        }
    }
}
