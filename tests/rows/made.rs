//! Media that phones do not play as they are: they are made into what phones take, or go as plain files, which is told.

use serde_json::{Value, json};
use simulator::Received;

use super::{
    media::{DANCE, FILM, PNG, STILL, file},
    sound::is_sound,
    talk::{Client, Talk, body, relates_to},
};

const WEBM: &[u8] = include_bytes!("media/film.webm");
const M4A: &[u8] = include_bytes!("media/speech.m4a");
const MP3: &[u8] = include_bytes!("media/speech.mp3");

/// Sends a file in Matrix.
async fn sends<H, C: Client>(talk: &Talk<'_, H, C>, what: (&str, &str), mime: &str, bytes: &[u8]) -> Value {
    let (msgtype, name) = what;
    let address = talk.chat.uploads(name, mime, bytes).await;
    file(msgtype, name, &address, &json!({"mimetype": mime, "size": bytes.len()}))
}

fn is_film(got: &Received, repeats: bool) -> bool {
    let film = got.message.video_message.as_option();
    film.is_some_and(|film| film.gif_playback.unwrap_or_default() == repeats)
}

/// B20: a WebP becomes a JPEG of the same size.
pub async fn b20_webp<H, C: Client>(talk: Talk<'_, H, C>) {
    let content = sends(&talk, ("m.image", "still.webp"), "image/webp", STILL).await;
    talk.chat.says(content).await;
    let got = talk.gets("a picture", |got| got.message.image_message.is_set()).await;
    let (before, image) = (image::load_from_memory(STILL).unwrap(), &got.message.image_message);
    assert_eq!(image.mimetype.as_deref(), Some("image/jpeg"));
    assert_eq!(
        (image.width, image.height),
        (Some(before.width()), Some(before.height()))
    );
    let jpeg = talk.ana.media_of(&got).unwrap();
    assert_eq!(image::guess_format(&jpeg).unwrap(), image::ImageFormat::Jpeg);
    assert_eq!(image.file_length, Some(jpeg.len() as u64));
    talk.needs_no_notice().await;
}

/// B21: an MP4 that clients call a GIF repeats on phones, with its bytes; a `WebM` becomes an MP4.
pub async fn b21_made<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut content = sends(&talk, ("m.video", "dance.mp4"), "video/mp4", FILM).await;
    for mark in ["gif", "loop", "autoplay", "hide_controls", "no_audio"] {
        content["info"][format!("fi.mau.{mark}")] = json!(true);
    }
    talk.chat.says(content).await;
    let got = talk.gets("a film that repeats", |got| is_film(got, true)).await;
    assert_eq!(talk.ana.media_of(&got).unwrap(), FILM);

    let content = sends(&talk, ("m.video", "film.webm"), "video/webm", WEBM).await;
    talk.chat.says(content).await;
    let got = talk.gets("a film", |got| is_film(got, false)).await;
    let (film, bytes) = (&got.message.video_message, talk.ana.media_of(&got).unwrap());
    assert_eq!(film.mimetype.as_deref(), Some("video/mp4"));
    assert_eq!(&bytes[4..8], b"ftyp", "an MP4");
    assert_eq!((film.width, film.height), (Some(64), Some(48)));
    assert_eq!(film.file_length, Some(bytes.len() as u64));
    assert!(film.jpeg_thumbnail.as_ref().is_some_and(|small| !small.is_empty()));
    talk.needs_no_notice().await;
}

/// B23: what was spoken into an M4A or an MP3 becomes Opus in Ogg, and gets a waveform.
pub async fn b23_made<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut before = Vec::new();
    for (name, mime, bytes) in [("speech.m4a", "audio/mp4", M4A), ("speech.mp3", "audio/mpeg", MP3)] {
        let mut content = sends(&talk, ("m.audio", name), mime, bytes).await;
        content["info"]["duration"] = json!(1000);
        content["org.matrix.msc3245.voice"] = json!({});
        talk.chat.says(content).await;
        let is_new = |got: &Received| is_sound(got, true) && !before.contains(&got.id);
        let got = talk.gets(name, is_new).await;
        let sound = &got.message.audio_message;
        assert!(sound.mimetype.as_deref().unwrap().starts_with("audio/ogg"), "{name}");
        assert_eq!(sound.seconds, Some(1), "{name}");
        let waveform = sound.waveform.as_deref().unwrap();
        assert!(waveform.iter().any(|loud| *loud > 0) && waveform.iter().all(|loud| *loud <= 100));
        let opus = talk.ana.media_of(&got).unwrap();
        assert_eq!((&opus[..4], &opus[28..36]), (&b"OggS"[..], &b"OpusHead"[..]), "{name}");
        before.push(got.id);
    }
    talk.needs_no_notice().await;
}

/// B21, B23: where no program for it is, what phones do not play goes as a plain file, and who sent it hears why.
pub async fn b23_without<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut spoken = sends(&talk, ("m.audio", "speech.m4a"), "audio/mp4", M4A).await;
    spoken["org.matrix.msc3245.voice"] = json!({});
    let film = sends(&talk, ("m.video", "film.webm"), "video/webm", WEBM).await;
    for (content, name, bytes) in [(spoken, "speech.m4a", M4A), (film, "film.webm", WEBM)] {
        let said = talk.chat.says(content).await;
        let is_it = |got: &Received| got.message.document_message.file_name.as_deref() == Some(name);
        let got = talk.gets(name, is_it).await;
        assert_eq!(talk.ana.media_of(&got).unwrap(), bytes);
        let is_why = |it: &Value| relates_to(it)["m.in_reply_to"]["event_id"] == said.as_str();
        let told = talk.chat.sees("why", is_why).await;
        assert!(body(&told).starts_with("Sent as a plain file: "), "{told}");
        assert!(
            body(&told).contains("ffmpeg is not installed where wharf runs"),
            "{told}"
        );
    }
}

/// B24: a PNG becomes a sticker that stands still, a GIF one that moves.
pub async fn b24_made<H, C: Client>(talk: Talk<'_, H, C>) {
    for (name, mime, bytes, moves) in [
        ("wave.png", "image/png", PNG, false),
        ("dance.gif", "image/gif", DANCE, true),
    ] {
        let mut content = sends(&talk, ("", name), mime, bytes).await;
        content.as_object_mut().unwrap().remove("msgtype");
        talk.chat.sends("m.sticker", content).await;
        let is_it = |got: &Received| {
            let sticker = got.message.sticker_message.as_option();
            sticker.is_some_and(|sticker| sticker.is_animated.unwrap_or_default() == moves)
        };
        let got = talk.gets(name, is_it).await;
        assert_eq!(got.message.sticker_message.mimetype.as_deref(), Some("image/webp"));
        let webp = talk.ana.media_of(&got).unwrap();
        assert_eq!(image::guess_format(&webp).unwrap(), image::ImageFormat::WebP);
        assert_eq!(webp.windows(4).any(|chunk| chunk == b"ANIM"), moves, "{name} as it was");
    }
    talk.needs_no_notice().await;
}
