//! Sound: music and what is spoken into a phone.

use serde_json::{Value, json};
use simulator::{Received, Speech};

use super::{
    changes::{done_to, edit, is_taken_back, says_now},
    talk::{Client, Talk, answer, relates_to},
};
use crate::support::waiting::SOON;

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

/// A song with words under it; where they are its name, there are none.
fn song(address: &str, words: &str) -> Value {
    json!({
        "msgtype": "m.audio", "body": words, "filename": "song.ogg", "url": address,
        "info": {"mimetype": "audio/ogg", "size": OGG.len(), "duration": 2000},
    })
}

/// What Ana has of what was said: the words, or that it is sound.
fn said<H, C: Client>(talk: &Talk<'_, H, C>) -> Vec<String> {
    let got = talk.ana.received().into_iter().filter(|got| done_to(got).is_none());
    got.filter_map(|got| {
        got.text
            .clone()
            .or_else(|| is_sound(&got, false).then(|| "sound".to_owned()))
    })
    .collect()
}

/// B05, B06, B22: phones show no words under sound, so they follow it; what is done to the event is done to both.
pub async fn b22_words<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("song.ogg", "audio/ogg", OGG).await;
    let asked = talk.ana.says(talk.phone(), "which song?");
    let shown = talk.chat.shows("which song?").await;
    let mut content = song(&address, "the first one");
    content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": shown["event_id"]}});
    let mine = talk.chat.says(content).await;
    let sound = talk.gets("a song", |got| is_sound(got, false)).await;
    let words = talk.gets_text("the first one").await;
    assert_eq!(
        (sound.quoted_id.as_ref(), words.quoted_id.as_ref()),
        (Some(&asked), None)
    );
    assert_eq!(talk.ana.media_of(&sound).unwrap(), OGG);

    // An answer in Matrix quotes the sound; one on WhatsApp, to either of them, answers the event.
    talk.chat.says(answer(&json!({"event_id": mine}), "it is mine")).await;
    assert_eq!(talk.gets_text("it is mine").await.quoted_id.as_ref(), Some(&sound.id));
    talk.speaks(Speech::Reply {
        id: words.id.clone(),
        text: "is it?".into(),
    });
    let answered = talk.chat.shows("is it?").await;
    assert_eq!(relates_to(&answered)["m.in_reply_to"]["event_id"], mine.as_str());

    talk.chat.says(edit(&mine, &song(&address, "the second one"))).await;
    says_now(&talk, &words.id, "the second one").await;
    talk.chat.takes_back(&mine).await;
    is_taken_back(&talk, &sound.id).await;
    is_taken_back(&talk, &words.id).await;
    talk.world.settles(SOON).await;
    assert_eq!(said(&talk), ["sound", "the first one", "it is mine"]);
    talk.needs_no_notice().await;
}

/// B05, B22: words that are taken away go alone, and none can be put under sound later.
pub async fn b22_other_words<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("song.ogg", "audio/ogg", OGG).await;
    let mine = talk.chat.says(song(&address, "listen")).await;
    let sound = talk.gets("a song", |got| is_sound(got, false)).await;
    let words = talk.gets_text("listen").await;
    talk.chat.says(edit(&mine, &song(&address, "song.ogg"))).await;
    is_taken_back(&talk, &words.id).await;
    talk.needs_no_notice().await;
    talk.chat.says(edit(&mine, &song(&address, "listen again"))).await;
    talk.chat.hears("words cannot be put under it any more").await;
    talk.chat.takes_back(&mine).await;
    is_taken_back(&talk, &sound.id).await;
}

/// B22, B28: a gallery of sound alone has its words after the first.
pub async fn b28_of_sound<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("song.ogg", "audio/ogg", OGG).await;
    let mut item = song(&address, "song.ogg");
    let fields = item.as_object_mut().unwrap();
    let kind = fields.remove("msgtype").unwrap();
    fields.insert("itemtype".into(), kind);
    let gallery = |words: &str| json!({"msgtype": "m.gallery", "body": words, "itemtypes": [item, item]});
    let mine = talk.chat.says(gallery("both of them")).await;
    let words = talk.gets_text("both of them").await;
    talk.world.settles(SOON).await;
    assert_eq!(said(&talk), ["sound", "both of them", "sound"]);
    let is_it = |got: &Received| is_sound(got, false);
    let sounds: Vec<Received> = talk.ana.received().into_iter().filter(is_it).collect();
    talk.chat.says(edit(&mine, &gallery("the two of them"))).await;
    says_now(&talk, &words.id, "the two of them").await;
    talk.chat.takes_back(&mine).await;
    for one in sounds.iter().chain([&words]) {
        is_taken_back(&talk, &one.id).await;
    }
    talk.needs_no_notice().await;
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
