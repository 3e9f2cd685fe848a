//! Media that are on WhatsApp's servers already, written as messages.

use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{
        self as wa,
        message::{AudioMessage, DocumentMessage, FutureProofMessage, ImageMessage, StickerMessage, VideoMessage},
    },
};

use super::{
    super::stored_media::StoredMedia,
    Desk, Error,
    content::{jpeg, named},
};
use crate::model::{Media, MediaKind, MediaSource};

/// Writes media with what stands around them.
pub(super) fn write(media: &Media, context: Option<wa::ContextInfo>, desk: &Desk) -> Result<wa::Message, Error> {
    let stored = match &media.source {
        MediaSource::Network(reference) => StoredMedia::of(reference),
        MediaSource::Matrix(_) => None,
    };
    let stored = stored.ok_or_else(|| Error::Refused("the file was not uploaded".to_owned()))?;
    let caption = media.caption.as_ref().map(|caption| named(caption, desk));
    let mut message = wa::Message::default();
    match media.kind {
        MediaKind::Image => message.image_message = MessageField::some(image(media, stored, caption, context)),
        MediaKind::Video | MediaKind::Gif => {
            message.video_message = MessageField::some(video(media, stored, caption, context));
        }
        MediaKind::VideoNote => message.ptv_message = MessageField::some(video(media, stored, caption, context)),
        MediaKind::Audio | MediaKind::Voice => {
            message.audio_message = MessageField::some(audio(media, stored, context));
        }
        MediaKind::Sticker => message.sticker_message = MessageField::some(sticker(media, stored, context)),
        MediaKind::File => {
            let has_caption = caption.is_some();
            message.document_message = MessageField::some(document(media, stored, caption, context));
            // Words under a file are shown only from inside this wrapper.
            if has_caption {
                message = wa::Message {
                    document_with_caption_message: wrapped(message),
                    ..Default::default()
                };
            }
        }
    }
    Ok(if media.view_once { once(message) } else { message })
}

fn wrapped(message: wa::Message) -> MessageField<FutureProofMessage> {
    MessageField::some(FutureProofMessage {
        message: MessageField::some(message),
    })
}

/// Sound that is heard once has a wrapper of its own.
fn once(message: wa::Message) -> wa::Message {
    if message.audio_message.is_set() {
        wa::Message {
            view_once_message_v2_extension: wrapped(message),
            ..Default::default()
        }
    } else {
        wa::Message {
            view_once_message_v2: wrapped(message),
            ..Default::default()
        }
    }
}

fn once_flag(media: &Media) -> Option<bool> {
    media.view_once.then_some(true)
}

fn seconds(media: &Media) -> Option<u32> {
    media
        .duration
        .map(|millis| u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX))
}

fn image(
    media: &Media,
    stored: StoredMedia,
    caption: Option<String>,
    context: Option<wa::ContextInfo>,
) -> ImageMessage {
    ImageMessage {
        mimetype: Some(media.mime.clone()),
        caption,
        file_sha256: Some(stored.file_sha256),
        file_length: Some(stored.file_length),
        height: media.height,
        width: media.width,
        media_key: Some(stored.media_key),
        file_enc_sha256: Some(stored.file_enc_sha256),
        direct_path: Some(stored.direct_path),
        jpeg_thumbnail: jpeg(media.thumbnail.as_ref()),
        context_info: context.into(),
        view_once: once_flag(media),
        ..Default::default()
    }
}

fn video(
    media: &Media,
    stored: StoredMedia,
    caption: Option<String>,
    context: Option<wa::ContextInfo>,
) -> VideoMessage {
    VideoMessage {
        mimetype: Some(media.mime.clone()),
        file_sha256: Some(stored.file_sha256),
        file_length: Some(stored.file_length),
        seconds: seconds(media),
        media_key: Some(stored.media_key),
        caption,
        gif_playback: (media.kind == MediaKind::Gif).then_some(true),
        height: media.height,
        width: media.width,
        file_enc_sha256: Some(stored.file_enc_sha256),
        direct_path: Some(stored.direct_path),
        jpeg_thumbnail: jpeg(media.thumbnail.as_ref()),
        context_info: context.into(),
        view_once: once_flag(media),
        ..Default::default()
    }
}

fn audio(media: &Media, stored: StoredMedia, context: Option<wa::ContextInfo>) -> AudioMessage {
    AudioMessage {
        mimetype: Some(media.mime.clone()),
        file_sha256: Some(stored.file_sha256),
        file_length: Some(stored.file_length),
        seconds: seconds(media),
        ptt: (media.kind == MediaKind::Voice).then_some(true),
        media_key: Some(stored.media_key),
        file_enc_sha256: Some(stored.file_enc_sha256),
        direct_path: Some(stored.direct_path),
        context_info: context.into(),
        waveform: (!media.waveform.is_empty()).then(|| media.waveform.clone()),
        view_once: once_flag(media),
        ..Default::default()
    }
}

fn sticker(media: &Media, stored: StoredMedia, context: Option<wa::ContextInfo>) -> StickerMessage {
    StickerMessage {
        file_sha256: Some(stored.file_sha256),
        file_enc_sha256: Some(stored.file_enc_sha256),
        media_key: Some(stored.media_key),
        mimetype: Some(media.mime.clone()),
        height: media.height,
        width: media.width,
        direct_path: Some(stored.direct_path),
        file_length: Some(stored.file_length),
        is_animated: Some(media.animated),
        accessibility_label: media.name.clone(),
        context_info: context.into(),
        ..Default::default()
    }
}

fn document(
    media: &Media,
    stored: StoredMedia,
    caption: Option<String>,
    context: Option<wa::ContextInfo>,
) -> DocumentMessage {
    DocumentMessage {
        mimetype: Some(media.mime.clone()),
        title: media.name.clone(),
        file_sha256: Some(stored.file_sha256),
        file_length: Some(stored.file_length),
        media_key: Some(stored.media_key),
        file_name: media.name.clone(),
        file_enc_sha256: Some(stored.file_enc_sha256),
        direct_path: Some(stored.direct_path),
        jpeg_thumbnail: jpeg(media.thumbnail.as_ref()),
        context_info: context.into(),
        caption,
        ..Default::default()
    }
}
