//! Pictures, films, stickers and files, as they are shown and fetched; and what happens when they are too large.

use serde_json::{Value, json};
use simulator::{Attachment, MediaKind, Received};
use whatsapp_rust::{buffa::MessageField, wacore::proto_helpers::wrap_as_album_child, waproto::whatsapp as wa};

use super::talk::{Client, Talk, body, words};
use crate::support::waiting::{SOON, eventually};

pub(super) const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
pub(super) const FILM: &[u8] = include_bytes!("media/film.mp4");
pub(super) const DANCE: &[u8] = include_bytes!("media/dance.gif");
pub(super) const STILL: &[u8] = include_bytes!("media/still.webp");
const MOVING: &[u8] = include_bytes!("media/moving.webp");

/// The bytes behind the address of an event.
pub(super) async fn bytes(chat: &impl Client, event: &Value) -> Vec<u8> {
    chat.downloads(event["content"]["url"].as_str().unwrap()).await
}

pub(super) fn file(msgtype: &str, name: &str, address: &str, info: &Value) -> Value {
    json!({"msgtype": msgtype, "body": name, "filename": name, "url": address, "info": info})
}

pub(super) fn picture(talk: &Talk<'_, impl Sized, impl Client>) -> wa::Message {
    let image = talk.world.whatsapp.upload(MediaKind::Image, PNG).unwrap().image();
    wa::Message {
        image_message: MessageField::some(image),
        ..Default::default()
    }
}

/// B20: byte for byte, with its size, colours and a small picture; phones get a JPEG.
pub async fn b20<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.sends_image(talk.phone(), PNG, Some("*the* harbour")).unwrap();
    let shown = talk.chat.sees_kind("m.image").await;
    let content = &shown["content"];
    assert_eq!(bytes(&talk.chat, &shown).await, PNG);
    assert_eq!(
        (&content["body"], &content["formatted_body"]),
        (&json!("*the* harbour"), &json!("<strong>the</strong> harbour"))
    );
    assert_ne!(content["filename"], content["body"]);
    let size = image::load_from_memory(PNG).unwrap();
    let info = &content["info"];
    assert_eq!(
        (&info["w"], &info["h"], &info["size"]),
        (&json!(size.width()), &json!(size.height()), &json!(PNG.len()))
    );
    assert!(
        info["xyz.amorgan.blurhash"].as_str().is_some_and(|hash| hash.len() > 5),
        "{info}"
    );
    let small = talk.chat.downloads(info["thumbnail_url"].as_str().unwrap()).await;
    assert!(image::load_from_memory(&small).unwrap().width() <= size.width());

    let address = talk.chat.uploads("harbour.png", "image/png", PNG).await;
    let mut content = file(
        "m.image",
        "harbour.png",
        &address,
        &json!({"mimetype": "image/png", "size": PNG.len()}),
    );
    content["body"] = json!("my harbour");
    talk.chat.says(content).await;
    let got = talk.gets("a picture", |got| got.message.image_message.is_set()).await;
    let image = &got.message.image_message;
    assert_eq!(
        (image.mimetype.as_deref(), image.caption.as_deref()),
        (Some("image/jpeg"), Some("my harbour"))
    );
    assert_eq!((image.width, image.height), (Some(size.width()), Some(size.height())));
    assert!(image.jpeg_thumbnail.as_ref().is_some_and(|small| !small.is_empty()));
    let jpeg = talk.ana.media_of(&got).unwrap();
    assert_eq!(image::guess_format(&jpeg).unwrap(), image::ImageFormat::Jpeg);
    talk.needs_no_notice().await;
}

/// B21: films, films that repeat, and round ones are what they are on both sides.
pub async fn b21<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.sends_video(talk.phone(), FILM, Some("a film")).unwrap();
    let film = talk.chat.shows("a film").await;
    let info = &film["content"]["info"];
    assert_eq!(
        (&film["content"]["msgtype"], &info["mimetype"]),
        (&json!("m.video"), &json!("video/mp4"))
    );
    assert_eq!(
        (&info["w"], &info["h"], &info["duration"]),
        (&json!(64), &json!(48), &json!(1000))
    );
    assert_eq!(bytes(&talk.chat, &film).await, FILM);
    let caption = Some("it repeats");
    talk.ana
        .sends_medium(
            talk.phone(),
            Attachment::Video {
                bytes: FILM,
                caption,
                is_gif: true,
            },
        )
        .unwrap();
    let gif = talk.chat.shows("it repeats").await;
    for name in ["gif", "loop", "autoplay", "hide_controls", "no_audio"] {
        assert_eq!(gif["content"]["info"][format!("fi.mau.{name}")], true, "{name}");
    }
    let round = talk.world.whatsapp.upload(MediaKind::Video, FILM).unwrap().video();
    talk.sends(wa::Message {
        ptv_message: MessageField::some(round),
        ..Default::default()
    });
    let round = talk
        .chat
        .sees("a round film", |event| {
            event["content"]["info"]["net.wharf.video_note"] == true
        })
        .await;
    assert_eq!(
        (&round["content"]["msgtype"], bytes(&talk.chat, &round).await.as_slice()),
        (&json!("m.video"), FILM)
    );

    let address = talk.chat.uploads("film.mp4", "video/mp4", FILM).await;
    let info = json!({"mimetype": "video/mp4", "size": FILM.len(), "duration": 1000, "w": 64, "h": 48});
    talk.chat.says(file("m.video", "film.mp4", &address, &info)).await;
    let got = talk.gets("a film", |got| {
        got.message
            .video_message
            .as_option()
            .is_some_and(|film| film.gif_playback != Some(true))
    });
    let got = got.await;
    assert_eq!(talk.ana.media_of(&got).unwrap(), FILM);
    let film = &got.message.video_message;
    assert_eq!((film.seconds, film.width, film.height), (Some(1), Some(64), Some(48)));
    assert!(
        film.jpeg_thumbnail.as_ref().is_some_and(|small| !small.is_empty()),
        "a small picture"
    );
    let mut content = file("m.video", "film.mp4", &address, &info);
    content["info"]["net.wharf.video_note"] = json!(true);
    talk.chat.says(content).await;
    let got = talk.gets("a round film", |got| got.message.ptv_message.is_set()).await;
    assert_eq!(got.message.ptv_message.seconds, Some(1));

    let address = talk.chat.uploads("dance.gif", "image/gif", DANCE).await;
    let info = json!({"mimetype": "image/gif", "size": DANCE.len(), "w": 48, "h": 48});
    talk.chat.says(file("m.image", "dance.gif", &address, &info)).await;
    let got = talk.gets("a film that repeats", |got| {
        got.message
            .video_message
            .as_option()
            .is_some_and(|film| film.gif_playback == Some(true))
    });
    let film = talk.ana.media_of(&got.await).unwrap();
    assert_eq!(&film[4..8], b"ftyp", "an MP4");
}

/// B24: stickers, still and moving.
pub async fn b24<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.sends_sticker(talk.phone(), STILL).unwrap();
    let is = |event: &Value, moves: bool| {
        event["type"] == "m.sticker" && (event["content"]["info"]["is_animated"] == true) == moves
    };
    let shown = talk.chat.sees("a sticker", |event| is(event, false)).await;
    assert_eq!(shown["content"]["info"]["mimetype"], "image/webp");
    assert!(!body(&shown).is_empty(), "a sticker without words is no event");
    assert_eq!(bytes(&talk.chat, &shown).await, STILL);
    let mut sticker = talk
        .world
        .whatsapp
        .upload(MediaKind::Sticker, MOVING)
        .unwrap()
        .sticker();
    sticker.is_animated = Some(true);
    talk.sends(wa::Message {
        sticker_message: MessageField::some(sticker),
        ..Default::default()
    });
    let shown = talk.chat.sees("a sticker that moves", |event| is(event, true)).await;
    assert_eq!(bytes(&talk.chat, &shown).await, MOVING);

    for (bytes, moves) in [(STILL, false), (MOVING, true)] {
        let address = talk.chat.uploads("wave.webp", "image/webp", bytes).await;
        let mut info = json!({"mimetype": "image/webp", "size": bytes.len(), "w": 64, "h": 64});
        if moves {
            info["is_animated"] = json!(true);
        }
        talk.chat
            .sends("m.sticker", json!({"body": "a wave", "url": address, "info": info}))
            .await;
        let got = talk.gets("a sticker", |got| {
            let sticker = got.message.sticker_message.as_option();
            sticker.is_some_and(|sticker| sticker.is_animated.unwrap_or_default() == moves)
        });
        let got = got.await;
        assert_eq!(got.message.sticker_message.mimetype.as_deref(), Some("image/webp"));
        let sticker = talk.ana.media_of(&got).unwrap();
        assert_eq!(&sticker[8..12], b"WEBP");
    }
    talk.needs_no_notice().await;
}

/// B25
pub async fn b25<H, C: Client>(talk: Talk<'_, H, C>) {
    let paper = b"%PDF-1.7 words";
    talk.ana
        .sends_document(talk.phone(), paper, "Plan für 2027.pdf", Some("read *this*"))
        .unwrap();
    let shown = talk.chat.shows("read *this*").await;
    let content = &shown["content"];
    assert_eq!(
        (&content["msgtype"], &content["filename"]),
        (&json!("m.file"), &json!("Plan für 2027.pdf"))
    );
    assert_eq!(content["formatted_body"], "read <strong>this</strong>");
    assert_eq!(bytes(&talk.chat, &shown).await, paper);

    let address = talk.chat.uploads("Über.pdf", "application/pdf", paper).await;
    let info = json!({"mimetype": "application/pdf", "size": paper.len()});
    talk.chat.says(file("m.file", "Über.pdf", &address, &info)).await;
    let got = talk.gets("a file", |got| got.message.document_message.is_set()).await;
    let document = &got.message.document_message;
    assert_eq!(
        (document.file_name.as_deref(), document.mimetype.as_deref()),
        (Some("Über.pdf"), Some("application/pdf"))
    );
    assert_eq!(talk.ana.media_of(&got).unwrap(), paper);
    let mut content = file("m.file", "Über.pdf", &address, &info);
    content["body"] = json!("look at page 3");
    talk.chat.says(content).await;
    let got = talk.gets_text("look at page 3").await;
    let inner = got.message.document_with_caption_message.message.as_option().unwrap();
    assert_eq!(inner.document_message.file_name.as_deref(), Some("Über.pdf"));
}

/// B28: what belongs together is marked so, and nothing is said of the album itself.
pub async fn b28<H, C: Client>(talk: Talk<'_, H, C>) {
    let album = talk.sends(wa::Message {
        album_message: MessageField::some(wa::message::AlbumMessage {
            expected_image_count: Some(2),
            ..Default::default()
        }),
        ..Default::default()
    });
    let key = wa::MessageKey {
        remote_jid: Some(talk.ana.jid()),
        from_me: Some(true),
        id: Some(album.clone()),
        ..Default::default()
    };
    for _ in 0..2 {
        talk.sends(wrap_as_album_child(picture(&talk), key.clone()));
    }
    talk.ana.says(talk.phone(), "that is all");
    talk.chat.shows("that is all").await;
    let events = talk.chat.reads().await;
    let pictures: Vec<_> = events
        .iter()
        .filter(|event| event["content"]["msgtype"] == "m.image")
        .collect();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        assert_eq!(picture["content"]["net.wharf.album"]["id"], album.as_str());
    }
    talk.needs_no_notice().await;
}

/// B31: a notice tells how large it is, and how much the homeserver takes.
pub async fn b31<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut document = talk
        .world
        .whatsapp
        .upload(MediaKind::Document, b"small")
        .unwrap()
        .document();
    document.file_length = Some(3 << 30);
    talk.sends(wa::Message {
        document_message: MessageField::some(document),
        ..Default::default()
    });
    let told = talk.chat.hears("3072 MiB").await;
    assert_eq!(told["sender"], talk.ghost().as_str());
    assert!(body(&told).contains("50 MiB"), "{}", body(&told));
}

/// A picture of a little more than a mebibyte.
fn large_picture() -> Vec<u8> {
    const SIDE: u32 = 1100;
    let pixel = |at: u32| at.wrapping_mul(2_654_435_761).to_le_bytes()[3];
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3).map(pixel).collect();
    let mut file = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 100);
    encoder
        .encode(&pixels, SIDE, SIDE, image::ExtendedColorType::Rgb8)
        .unwrap();
    assert!(file.len() > 1024 * 1024);
    file
}

/// B31: what WhatsApp takes is asked of it; a picture that is too large for one goes as a plain file, and what is too large
/// in every way does not go. A notice says each time how large it is, and how much is taken where that is known.
pub async fn b31_to_whatsapp<H, C: Client>(talk: Talk<'_, H, C>) {
    let server = &talk.world.whatsapp;
    server.tells_media_limit(1);
    server.drops_connections();
    eventually("the device is back", SOON, async || {
        (server.connections(talk.phone().number()) == 1).then_some(())
    })
    .await;
    talk.ana.says(talk.phone(), "are you back?");
    talk.chat.shows("are you back?").await;

    let picture = large_picture();
    let address = talk.chat.uploads("harbour.jpg", "image/jpeg", &picture).await;
    let info = json!({"mimetype": "image/jpeg", "size": picture.len()});
    let event = talk.chat.says(file("m.image", "harbour.jpg", &address, &info)).await;
    let got = talk
        .gets("a picture as a file", |got| got.message.document_message.is_set())
        .await;
    assert!(talk.ana.media_of(&got).unwrap() == picture);
    assert_eq!(got.message.document_message.file_name.as_deref(), Some("harbour.jpg"));
    let size = format!("{} MiB", picture.len().div_ceil(1024 * 1024));
    let told = talk.chat.hears("Sent as a plain file").await;
    assert!(
        body(&told).contains(&size) && body(&told).contains("at most 1 MiB"),
        "{}",
        body(&told)
    );
    let (_, shown) = talk.by_rest(&event).await;
    let note = shown["attachment"]["note"].as_str().unwrap();
    assert!(body(&told).contains(note), "{shown}");

    server.takes_files_up_to(64 * 1024);
    let address = talk
        .chat
        .uploads("log.txt", "text/plain", &vec![b'x'; 100 * 1024])
        .await;
    let info = json!({"mimetype": "text/plain", "size": 100 * 1024});
    let event = talk.chat.says(file("m.file", "log.txt", &address, &info)).await;
    let told = talk.chat.hears("Not sent").await;
    assert!(body(&told).contains("100 KiB"), "{}", body(&told));
    let (_, shown) = talk.by_rest(&event).await;
    assert_eq!(
        (&shown["state"], &shown["attachment"]["filename"]),
        (&json!("failed"), &json!("log.txt"))
    );
    assert!(shown["error"].as_str().unwrap().contains("100 KiB"), "{shown}");
    talk.chat.says(words("it was too large")).await;
    talk.gets_text("it was too large").await;
    let is_it = |got: &Received| got.message.document_message.file_name.as_deref() == Some("log.txt");
    assert!(!talk.ana.received().iter().any(is_it));
}
