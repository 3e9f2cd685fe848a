//! What is to be looked at, or listened to, once.

use serde_json::{Value, json};
use simulator::{MediaKind, Received};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{
    media::{FILM, PNG, bytes, file, picture},
    sound::OGG,
    talk::{Client, Talk, body},
};

fn wrapped(message: wa::Message) -> MessageField<wa::message::FutureProofMessage> {
    MessageField::some(wa::message::FutureProofMessage {
        message: MessageField::some(message),
    })
}

fn once(message: wa::Message) -> wa::Message {
    if message.audio_message.is_set() {
        // Sound has a wrapper of its own.
        return wa::Message {
            view_once_message_v2_extension: wrapped(message),
            ..Default::default()
        };
    }
    wa::Message {
        view_once_message_v2: wrapped(message),
        ..Default::default()
    }
}

/// B29: pictures, marked on both sides; where phones alone may see it, a notice says so.
pub async fn b29<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.sends(once(picture(&talk)));
    let shown = talk.chat.sees_kind("m.image").await;
    assert_eq!(
        (body(&shown), &shown["content"]["net.wharf.view_once"]),
        ("① View once", &json!(true))
    );
    assert_eq!(bytes(&talk.chat, &shown).await, PNG);
    talk.ana.withholds_next();
    talk.sends(once(picture(&talk)));
    let told = talk.chat.hears("view-once").await;
    assert_eq!(
        (&told["content"]["msgtype"], &told["sender"]),
        (&json!("m.notice"), &json!(talk.ghost()))
    );

    let address = talk.chat.uploads("harbour.png", "image/png", PNG).await;
    let info = json!({"mimetype": "image/png", "size": PNG.len()});
    let mut content = file("m.image", "harbour.png", &address, &info);
    content["net.wharf.view_once"] = json!(true);
    talk.chat.says(content).await;
    let got = talk
        .gets("a picture to see once", |got| got.message.view_once_message_v2.is_set())
        .await;
    let inner = got.message.view_once_message_v2.message.as_option().unwrap();
    assert_eq!(inner.image_message.view_once, Some(true));
    assert!(!talk.ana.media_of(&got).unwrap().is_empty());
}

/// B29: films and what is spoken, marked on both sides.
pub async fn b29_films_and_voice<H, C: Client>(talk: Talk<'_, H, C>) {
    let server = &talk.world.whatsapp;
    let mut film = server.upload(MediaKind::Video, FILM).unwrap().video();
    film.view_once = Some(true);
    talk.sends(once(wa::Message {
        video_message: MessageField::some(film),
        ..Default::default()
    }));
    let mut voice = server.upload(MediaKind::Audio, OGG).unwrap().audio();
    (voice.ptt, voice.seconds, voice.view_once) = (Some(true), Some(2), Some(true));
    talk.sends(once(wa::Message {
        audio_message: MessageField::some(voice),
        ..Default::default()
    }));
    for (kind, sent) in [("m.video", FILM), ("m.audio", OGG)] {
        let shown = talk.chat.sees_kind(kind).await;
        assert_eq!(shown["content"]["net.wharf.view_once"], true, "{shown}");
        assert_eq!(bytes(&talk.chat, &shown).await, sent);
        assert_eq!(
            shown["content"]["org.matrix.msc3245.voice"].is_object(),
            kind == "m.audio"
        );
    }

    let film = talk.chat.uploads("film.mp4", "video/mp4", FILM).await;
    let info = json!({"mimetype": "video/mp4", "size": FILM.len(), "duration": 1000});
    let film = file("m.video", "film.mp4", &film, &info);
    let voice = talk.chat.uploads("Voice message.ogg", "audio/ogg", OGG).await;
    let info = json!({"mimetype": "audio/ogg", "size": OGG.len(), "duration": 2000});
    let mut voice = file("m.audio", "Voice message.ogg", &voice, &info);
    voice["org.matrix.msc3245.voice"] = json!({});
    for mut content in [film, voice] {
        content["net.wharf.view_once"] = Value::Bool(true);
        talk.chat.says(content).await;
    }
    let is_film = |got: &Received| got.message.view_once_message_v2.is_set();
    let got = talk.gets("a film to see once", is_film).await;
    let inner = got.message.view_once_message_v2.message.as_option().unwrap();
    assert_eq!(inner.video_message.view_once, Some(true));
    assert_eq!(talk.ana.media_of(&got).unwrap(), FILM);
    let is_voice = |got: &Received| got.message.view_once_message_v2_extension.is_set();
    let got = talk.gets("words to hear once", is_voice).await;
    let inner = got.message.view_once_message_v2_extension.message.as_option().unwrap();
    let voice = &inner.audio_message;
    assert_eq!((voice.view_once, voice.ptt), (Some(true), Some(true)));
    assert_eq!(talk.world.whatsapp.media_of(inner).unwrap(), OGG);
    talk.needs_no_notice().await;
}
