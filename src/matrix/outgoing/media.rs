//! Pictures, sound, films, stickers and files that are on the homeserver.

use ruma::MxcUri;
use serde_json::{Value, json};

use super::{
    Around, FORWARDED, FORWARDED_LINE, MESSAGE, Message, VIDEO_NOTE, VIEW_ONCE, VIEW_ONCE_LINE, all,
    fill::{put, put_text},
    unsupported_notice, words,
};
use crate::model::{Media, MediaKind, MediaSource, Thumbnail};

/// No file has a longer name.
const LONGEST_NAME: usize = 255;

/// The event of media and, where the words under it are long, what follows it.
pub(super) fn messages(media: &Media, lines: &[&str], around: &Around<'_>) -> Vec<Message> {
    let MediaSource::Matrix(source) = &media.source else {
        return all(vec![unsupported_notice(media.kind.name())]);
    };
    let name = words::clipped(&name(media), LONGEST_NAME);
    let mut content = json!({"body": name, "url": source, "info": info(media, around.picture), "m.mentions": {}});
    put(&mut content, FORWARDED, lines.contains(&FORWARDED_LINE).then_some(true));
    put(&mut content, VIEW_ONCE, media.view_once.then_some(true));
    let Some(msgtype) = msgtype(media) else {
        let sticker = Message {
            event_type: "m.sticker",
            content,
        };
        // A sticker has no words: what it answers follows it.
        let quote = around.quote.map(words::plain).unwrap_or_default();
        return [sticker].into_iter().chain(all(quote)).collect();
    };
    content["msgtype"] = json!(msgtype);
    content["filename"] = json!(name);
    if media.kind == MediaKind::Voice {
        content["org.matrix.msc3245.voice"] = json!({});
    }
    if matches!(media.kind, MediaKind::Voice | MediaKind::Audio) {
        content["org.matrix.msc1767.audio"] = audio(media);
    }
    let mut captions = captions(media, lines, around).into_iter();
    if let Some(Value::Object(caption)) = captions.next() {
        let words = caption.into_iter().filter(|(name, _)| name != "msgtype");
        for (name, value) in words {
            content[name.as_str()] = value;
        }
    }
    let message = Message {
        event_type: MESSAGE,
        content,
    };
    [message].into_iter().chain(all(captions.collect())).collect()
}

/// Words other than the file's name are the caption (MSC2530).
fn captions(media: &Media, lines: &[&str], around: &Around<'_>) -> Vec<Value> {
    let mut lines = lines.to_vec();
    lines.extend(media.view_once.then_some(VIEW_ONCE_LINE));
    match &media.caption {
        None if lines.is_empty() => Vec::new(),
        Some(text) if lines.is_empty() && text.body.trim().is_empty() => Vec::new(),
        caption => words::said(caption.as_ref().unwrap_or(&"".into()), &lines, around),
    }
}

/// `None`: a sticker, which is an event of its own.
fn msgtype(media: &Media) -> Option<&'static str> {
    Some(match media.kind {
        MediaKind::Image => "m.image",
        // A GIF is a film unless the sender made it the old way.
        MediaKind::Gif if media.mime.starts_with("image/") => "m.image",
        MediaKind::Gif | MediaKind::Video | MediaKind::VideoNote => "m.video",
        MediaKind::Audio | MediaKind::Voice => "m.audio",
        MediaKind::File => "m.file",
        MediaKind::Sticker => return None,
    })
}

fn info(media: &Media, picture: Option<&MxcUri>) -> Value {
    let mut info = json!({});
    put_text(&mut info, "mimetype", Some(&media.mime), 255);
    put(&mut info, "size", media.size);
    put(&mut info, "w", media.width);
    put(&mut info, "h", media.height);
    put(&mut info, "duration", media.duration);
    put_text(&mut info, "xyz.amorgan.blurhash", media.blurhash.as_deref(), 255);
    for name in ["is_animated", "org.matrix.msc4230.is_animated"] {
        put(&mut info, name, media.animated.then_some(true));
    }
    if media.kind == MediaKind::Gif {
        for name in ["gif", "loop", "autoplay", "hide_controls", "no_audio"] {
            info[format!("fi.mau.{name}")] = json!(true);
        }
    }
    put(
        &mut info,
        VIDEO_NOTE,
        (media.kind == MediaKind::VideoNote).then_some(true),
    );
    if let Some(picture) = picture {
        info["thumbnail_url"] = json!(picture);
        info["thumbnail_info"] = media.thumbnail.as_ref().map_or(json!({}), thumbnail_info);
    }
    info
}

pub(super) fn thumbnail_info(thumbnail: &Thumbnail) -> Value {
    let mut info = json!({"size": thumbnail.base64.len() / 4 * 3});
    put_text(&mut info, "mimetype", Some(&thumbnail.mime), 255);
    put(&mut info, "w", thumbnail.width);
    put(&mut info, "h", thumbnail.height);
    info
}

/// Loudness, 0 to 100 here and 0 to 1024 there (MSC3246).
fn audio(media: &Media) -> Value {
    let mut audio = json!({});
    put(&mut audio, "duration", media.duration);
    if !media.waveform.is_empty() {
        let loud = |value: &u8| (u32::from(*value).min(100) * 1024 + 50) / 100;
        audio["waveform"] = media.waveform.iter().take(1024).map(loud).collect();
    }
    audio
}

/// The name of the file, or one that fits what it is.
fn name(media: &Media) -> String {
    if let Some(name) = media.name.as_ref().filter(|name| !name.trim().is_empty()) {
        return name.clone();
    }
    let kind = media.kind.name();
    match ending(&media.mime) {
        Some(ending) if media.kind != MediaKind::Sticker => format!("{kind}.{ending}"),
        _ => kind.to_owned(),
    }
}

/// How the names of such files end.
fn ending(mime: &str) -> Option<&'static str> {
    Some(match mime.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/3gpp" => "3gp",
        "audio/ogg" => "ogg",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/aac" => "m4a",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/vcard" | "text/x-vcard" => "vcf",
        _ => return None,
    })
}
