//! Sound: music and what is spoken into a phone.

use serde_json::{Value, json};
use simulator::Received;

use super::talk::{Client, Talk};

pub(super) const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");

pub(super) fn is_sound(got: &Received, spoken: bool) -> bool {
    let sound = got.message.audio_message.as_option();
    sound.is_some_and(|sound| sound.ptt.unwrap_or_default() == spoken)
}

/// B22
pub async fn b22<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.sends_audio(talk.phone(), OGG, 2).unwrap();
    let shown = talk.chat.sees_kind("m.audio").await;
    let content = &shown["content"];
    assert!(content["org.matrix.msc3245.voice"].is_null(), "{shown}");
    assert_eq!(
        (&content["info"]["duration"], &content["info"]["size"]),
        (&json!(2000), &json!(OGG.len()))
    );
    assert_eq!(talk.chat.downloads(content["url"].as_str().unwrap()).await, OGG);

    let address = talk.chat.uploads("song.ogg", "audio/ogg", OGG).await;
    let info = json!({"mimetype": "audio/ogg", "size": OGG.len(), "duration": 2000});
    talk.chat
        .says(json!({"msgtype": "m.audio", "body": "song.ogg", "url": address, "info": info}))
        .await;
    let got = talk.gets("a song", |got| is_sound(got, false)).await;
    assert_eq!(talk.ana.media_of(&got).unwrap(), OGG);
    assert_eq!(got.message.audio_message.seconds, Some(2));
}

/// B23: with its waveform and duration, both ways.
pub async fn b23<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.sends_voice(talk.phone(), OGG, 2).unwrap();
    let shown = talk.chat.sees_kind("m.audio").await;
    let content = &shown["content"];
    assert_eq!(content["org.matrix.msc3245.voice"], json!({}));
    assert_eq!(content["org.matrix.msc1767.audio"]["duration"], 2000);
    let waveform = content["org.matrix.msc1767.audio"]["waveform"].as_array().unwrap();
    assert_eq!(waveform.len(), 64);
    assert!(
        waveform
            .iter()
            .all(|loud| loud.as_u64().is_some_and(|loud| loud <= 1024))
    );
    assert_eq!(talk.chat.downloads(content["url"].as_str().unwrap()).await, OGG);

    // As Element writes it.
    let address = talk.chat.uploads("Voice message.ogg", "audio/ogg", OGG).await;
    let loud: Vec<Value> = (0..64).map(|place| json!(place * 16)).collect();
    let content = json!({
        "msgtype": "m.audio", "body": "Voice message", "url": address,
        "info": {"mimetype": "audio/ogg", "size": OGG.len(), "duration": 1800},
        "org.matrix.msc1767.text": "Voice message",
        "org.matrix.msc1767.file": {"url": address, "name": "Voice message.ogg", "mimetype": "audio/ogg", "size": OGG.len()},
        "org.matrix.msc1767.audio": {"duration": 1800, "waveform": loud},
        "org.matrix.msc3245.voice": {},
    });
    talk.chat.says(content).await;
    let got = talk.gets("spoken words", |got| is_sound(got, true)).await;
    let sound = &got.message.audio_message;
    assert_eq!(sound.seconds, Some(2));
    assert!(sound.mimetype.as_deref().unwrap().starts_with("audio/ogg"));
    let waveform = sound.waveform.as_deref().unwrap();
    assert!(
        !waveform.is_empty() && waveform.iter().all(|loud| *loud <= 100),
        "{waveform:?}"
    );
    assert_eq!(talk.ana.media_of(&got).unwrap(), OGG);
    talk.needs_no_notice().await;
}
