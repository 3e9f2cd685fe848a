//! Pictures, sound, films, stickers and files.

use ruma::OwnedMxcUri;
use serde_json::Value;

use super::{
    Picture, Said,
    fields::{Fields, clean, first, flag, list, number, part, small, text, whole, words},
    words,
};
use crate::{
    matrix::outgoing::{VIDEO_NOTE, VIEW_ONCE, VIEW_ONCE_LINE},
    model::{Content, Media, MediaKind, MediaSource},
};

/// More values are no loudness over time but somebody's joke.
const LONGEST_WAVEFORM: usize = 1024;

/// Reads a message with a file. `kind` is what it is to people, by the type of the event.
pub(super) fn read(kind: MediaKind, content: &Fields) -> Said {
    if content.contains_key("file") {
        return Said::new(Content::Unsupported("encrypted file".into()));
    }
    let Some(source) = text(content, "url").and_then(mxc) else {
        return Said::new(Content::Unsupported(format!("{} without a file", kind.name())));
    };
    let empty = Fields::new();
    let info = part(content, "info").unwrap_or(&empty);
    let mime = words(info, "mimetype")
        .filter(|mime| mime.contains('/') && mime.is_ascii() && mime.len() < 256)
        .unwrap_or_else(|| "application/octet-stream".into());
    let kind = refined(kind, &mime, content, info);
    let (name, caption) = named(kind, content);
    let audio = first(content, &["org.matrix.msc1767.audio", "m.audio"]).and_then(Value::as_object);
    let mut said = Said::new(Content::default());
    let view_once = flag(content, VIEW_ONCE);
    let caption = caption.and_then(|mut words| {
        if view_once {
            words.text.body = without_line(&words.text.body);
        }
        said.called = words.called;
        (!words.text.body.trim().is_empty()).then_some(words.text)
    });
    said.picture = thumbnail(info);
    said.content = Content::Media(Box::new(Media {
        kind,
        source: MediaSource::Matrix(source),
        size: number(info, "size"),
        name,
        caption,
        width: small(info, "w"),
        height: small(info, "h"),
        duration: number(info, "duration").or_else(|| number(audio?, "duration")),
        waveform: audio.map(waveform).unwrap_or_default(),
        thumbnail: None,
        blurhash: words(info, "xyz.amorgan.blurhash").or_else(|| words(info, "blurhash")),
        animated: ["is_animated", "org.matrix.msc4230.is_animated"]
            .iter()
            .any(|name| flag(info, name)),
        view_once,
        home: None,
        note: None,
        mime,
    }));
    said
}

/// The address of a file; `None` when it cannot be one.
pub(super) fn mxc(text: &str) -> Option<OwnedMxcUri> {
    Some(OwnedMxcUri::from(text)).filter(|it| it.is_valid() && !text.contains('\0'))
}

/// What `msgtype` does not say: some kinds have marks of their own.
fn refined(kind: MediaKind, mime: &str, content: &Fields, info: &Fields) -> MediaKind {
    let is = |name: &str| flag(info, name) || flag(content, name);
    let voice = ["org.matrix.msc3245.voice", "m.voice"];
    match kind {
        MediaKind::Video if is("fi.mau.gif") => MediaKind::Gif,
        MediaKind::Video if is(VIDEO_NOTE) => MediaKind::VideoNote,
        MediaKind::Image if mime == "image/gif" => MediaKind::Gif,
        MediaKind::Audio if first(content, &voice).is_some_and(|it| it != &Value::Bool(false)) => MediaKind::Voice,
        other => other,
    }
}

/// The name of the file and the words under it. Where `filename` is another text than `body`, `body` is the words
/// (MSC2530); else it is the name. A sticker's `body` says what it shows.
fn named(kind: MediaKind, content: &Fields) -> (Option<String>, Option<words::Words>) {
    let body = words(content, "body");
    if kind == MediaKind::Sticker {
        return (body, None);
    }
    match words(content, "filename") {
        Some(name) if body.as_ref() == Some(&name) => (Some(name), None),
        Some(name) => (Some(name), words::read(content)),
        None => (body, None),
    }
}

/// Loudness, 0 to 1024 there (MSC3246) and 0 to 100 here.
fn waveform(audio: &Fields) -> Vec<u8> {
    let values = list(audio, "waveform").iter().take(LONGEST_WAVEFORM);
    values
        .map(|value| {
            let value = whole(value).unwrap_or_default().min(1024);
            u8::try_from((value * 100 + 512) / 1024).unwrap_or(100)
        })
        .collect()
}

pub(super) fn thumbnail(info: &Fields) -> Option<Picture> {
    let source = text(info, "thumbnail_url").and_then(mxc)?;
    let about = part(info, "thumbnail_info");
    Some(Picture {
        source,
        mime: about.and_then(|it| words(it, "mimetype")),
        width: about.and_then(|it| small(it, "w")),
        height: about.and_then(|it| small(it, "h")),
    })
}

/// Takes away the line that we put over what may be looked at once.
fn without_line(caption: &str) -> String {
    match caption.strip_prefix(VIEW_ONCE_LINE) {
        Some(rest) if rest.is_empty() || rest.starts_with('\n') => clean(rest.trim_start_matches('\n')),
        _ => caption.to_owned(),
    }
}
