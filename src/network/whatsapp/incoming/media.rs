//! Pictures, films, sounds, stickers and files.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{self as wa, message},
};

use super::{
    super::stored_media::{StoredAs, StoredMedia},
    Found, Scene, filled, text,
};
use crate::model::{Content, Media, MediaKind, MediaSource, Text, Thumbnail};

/// A small picture larger than this does not travel inside a message.
const LARGEST_THUMBNAIL: usize = 64 * 1024;

/// A message that is media.
pub(super) fn read<'a>(message: &'a wa::Message, view_once: bool, scene: &Scene<'_>) -> Option<Found<'a>> {
    let mut found = image(message, scene)
        .or_else(|| video(&message.video_message, false, scene))
        .or_else(|| video(&message.ptv_message, true, scene))
        .or_else(|| audio(message))
        .or_else(|| sticker(message))
        .or_else(|| document(message, scene))?;
    match &mut found.content {
        Content::Media(media) => media.view_once |= view_once,
        Content::Unsupported(kind) if view_once => *kind = format!("view-once {kind}"),
        _ => {}
    }
    Some(found)
}

fn image<'a>(message: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    let image = message.image_message.as_option()?;
    let context = image.context_info.as_option();
    let stored = Stored {
        media_type: StoredAs::Image,
        direct_path: image.direct_path.as_ref(),
        url: image.url.as_ref(),
        key: image.media_key.as_ref(),
        sha256: image.file_sha256.as_ref(),
        enc_sha256: image.file_enc_sha256.as_ref(),
        length: image.file_length,
    };
    Some(stored.found(MediaKind::Image, context, |mut media| {
        media.mime = mime(image.mimetype.as_ref(), "image/jpeg");
        media.caption = caption(image.caption.as_ref(), context, scene);
        media.width = image.width;
        media.height = image.height;
        media.thumbnail = thumbnail(image.jpeg_thumbnail.as_ref(), "image/jpeg");
        media.view_once = image.view_once == Some(true);
        media
    }))
}

fn video<'a>(field: &'a MessageField<message::VideoMessage>, round: bool, scene: &Scene<'_>) -> Option<Found<'a>> {
    let video = field.as_option()?;
    let context = video.context_info.as_option();
    let stored = Stored {
        media_type: StoredAs::Video,
        direct_path: video.direct_path.as_ref(),
        url: video.url.as_ref(),
        key: video.media_key.as_ref(),
        sha256: video.file_sha256.as_ref(),
        enc_sha256: video.file_enc_sha256.as_ref(),
        length: video.file_length,
    };
    let kind = match (round, video.gif_playback) {
        (true, _) => MediaKind::VideoNote,
        (false, Some(true)) => MediaKind::Gif,
        (false, _) => MediaKind::Video,
    };
    Some(stored.found(kind, context, |mut media| {
        media.mime = mime(video.mimetype.as_ref(), "video/mp4");
        media.caption = caption(video.caption.as_ref(), context, scene);
        media.width = video.width;
        media.height = video.height;
        media.duration = millis(video.seconds);
        media.thumbnail = thumbnail(video.jpeg_thumbnail.as_ref(), "image/jpeg");
        media.view_once = video.view_once == Some(true);
        media
    }))
}

fn audio(message: &wa::Message) -> Option<Found<'_>> {
    let audio = message.audio_message.as_option()?;
    let stored = Stored {
        media_type: StoredAs::Audio,
        direct_path: audio.direct_path.as_ref(),
        url: audio.url.as_ref(),
        key: audio.media_key.as_ref(),
        sha256: audio.file_sha256.as_ref(),
        enc_sha256: audio.file_enc_sha256.as_ref(),
        length: audio.file_length,
    };
    let kind = if audio.ptt == Some(true) {
        MediaKind::Voice
    } else {
        MediaKind::Audio
    };
    Some(stored.found(kind, audio.context_info.as_option(), |mut media| {
        media.mime = mime(audio.mimetype.as_ref(), "audio/ogg; codecs=opus");
        media.duration = millis(audio.seconds);
        media.waveform = audio
            .waveform
            .iter()
            .flatten()
            .map(|loudness| (*loudness).min(100))
            .collect();
        media.view_once = audio.view_once == Some(true);
        media
    }))
}

fn sticker(message: &wa::Message) -> Option<Found<'_>> {
    let sticker = message.sticker_message.as_option()?;
    let stored = Stored {
        media_type: StoredAs::Sticker,
        direct_path: sticker.direct_path.as_ref(),
        url: sticker.url.as_ref(),
        key: sticker.media_key.as_ref(),
        sha256: sticker.file_sha256.as_ref(),
        enc_sha256: sticker.file_enc_sha256.as_ref(),
        length: sticker.file_length,
    };
    Some(
        stored.found(MediaKind::Sticker, sticker.context_info.as_option(), |mut media| {
            media.mime = mime(sticker.mimetype.as_ref(), "image/webp");
            media.name = filled(sticker.accessibility_label.as_ref()).map(ToOwned::to_owned);
            media.width = sticker.width;
            media.height = sticker.height;
            media.thumbnail = thumbnail(sticker.png_thumbnail.as_ref(), "image/png");
            media.animated = sticker.is_animated == Some(true) || sticker.is_lottie == Some(true);
            media
        }),
    )
}

fn document<'a>(message: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    let document = message.document_message.as_option()?;
    let context = document.context_info.as_option();
    let stored = Stored {
        media_type: StoredAs::Document,
        direct_path: document.direct_path.as_ref(),
        url: document.url.as_ref(),
        key: document.media_key.as_ref(),
        sha256: document.file_sha256.as_ref(),
        enc_sha256: document.file_enc_sha256.as_ref(),
        length: document.file_length,
    };
    Some(stored.found(MediaKind::File, context, |mut media| {
        media.mime = mime(document.mimetype.as_ref(), "application/octet-stream");
        media.name = filled(document.file_name.as_ref().or(document.title.as_ref())).map(ToOwned::to_owned);
        media.caption = caption(document.caption.as_ref(), context, scene);
        media.thumbnail = thumbnail(document.jpeg_thumbnail.as_ref(), "image/jpeg").map(|thumbnail| Thumbnail {
            width: document.thumbnail_width,
            height: document.thumbnail_height,
            ..thumbnail
        });
        media
    }))
}

/// What every kind of media has, as the wire tells it.
struct Stored<'a> {
    media_type: StoredAs,
    direct_path: Option<&'a String>,
    url: Option<&'a String>,
    key: Option<&'a Vec<u8>>,
    sha256: Option<&'a Vec<u8>>,
    enc_sha256: Option<&'a Vec<u8>>,
    length: Option<u64>,
}

impl Stored<'_> {
    fn found(
        self,
        kind: MediaKind,
        context: Option<&wa::ContextInfo>,
        filled_in: impl FnOnce(Media) -> Media,
    ) -> Found<'_> {
        let size = self.length;
        let Some(stored) = self.known() else {
            return Found::new(Content::Unsupported(kind.name().to_owned()), context);
        };
        let source = MediaSource::Network(stored.into_ref());
        let media = filled_in(Media {
            size,
            ..Media::new(kind, source, "")
        });
        Found::new(Content::Media(Box::new(media)), context)
    }

    /// Old clients tell the whole address only; its path is what counts.
    fn known(self) -> Option<StoredMedia> {
        let direct_path = if let Some(path) = filled(self.direct_path) {
            path.to_owned()
        } else {
            let url = url::Url::parse(filled(self.url)?).ok()?;
            match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            }
        };
        Some(StoredMedia {
            media_type: self.media_type,
            direct_path,
            media_key: self.key.cloned().unwrap_or_default(),
            file_sha256: self.sha256.cloned().unwrap_or_default(),
            file_enc_sha256: self.enc_sha256.cloned().unwrap_or_default(),
            file_length: self.length.unwrap_or_default(),
        })
    }
}

fn mime(told: Option<&String>, usual: &str) -> String {
    filled(told).unwrap_or(usual).to_owned()
}

fn caption(words: Option<&String>, context: Option<&wa::ContextInfo>, scene: &Scene<'_>) -> Option<Text> {
    filled(words).map(|words| text::worded(words, context, scene))
}

fn millis(seconds: Option<u32>) -> Option<u64> {
    seconds
        .filter(|seconds| *seconds > 0)
        .map(|seconds| u64::from(seconds) * 1000)
}

/// A small picture inside a message.
pub(super) fn thumbnail(bytes: Option<&Vec<u8>>, mime: &str) -> Option<Thumbnail> {
    let bytes = bytes.filter(|bytes| !bytes.is_empty() && bytes.len() <= LARGEST_THUMBNAIL)?;
    Some(Thumbnail {
        base64: STANDARD.encode(bytes),
        mime: mime.to_owned(),
        width: None,
        height: None,
    })
}

/// The words under a picture or a file, also where the file itself cannot be had.
pub(super) fn caption_of(message: &wa::Message) -> Option<&str> {
    filled(message.image_message.caption.as_ref())
        .or_else(|| filled(message.video_message.caption.as_ref()))
        .or_else(|| filled(message.document_message.caption.as_ref()))
}
