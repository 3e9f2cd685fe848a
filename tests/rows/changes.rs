//! What happens to messages after they were said: other words, taken back, gone after a while.

use serde_json::{Value, json};
use simulator::{Received, Speech};
use whatsapp_rust::waproto::whatsapp::message::ProtocolMessage;

use super::talk::{Client, Talk, answer, around, told, words};
use crate::support::waiting::SOON;

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

/// What a message does to another one.
pub(super) fn done_to(got: &Received) -> Option<ProtocolMessage> {
    let edited = got.message.edited_message.message.as_option();
    let message = edited.unwrap_or(&got.message);
    message.protocol_message.as_option().cloned()
}

fn edit(event: &str, new: &Value) -> Value {
    let mut content = new.clone();
    content["body"] = json!(format!("* {}", new["body"].as_str().unwrap()));
    content["m.new_content"] = new.clone();
    content["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": event});
    content
}

/// B05: words and captions, and the homeserver shows the last ones.
pub async fn b05<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "at ten");
    let said = talk.chat.shows("at ten").await;
    for text in ["at eleven", "at noon"] {
        talk.speaks(Speech::Edit {
            id: id.clone(),
            text: text.into(),
        });
        talk.chat.sees_now(text, &said, |now| now["body"] == text).await;
    }
    let id = talk.ana.sends_image(talk.phone(), PNG, Some("harbor")).unwrap();
    let picture = talk.chat.shows("harbor").await;
    talk.speaks(Speech::Edit {
        id,
        text: "harbour".into(),
    });
    let now = talk
        .chat
        .sees_now("another caption", &picture, |now| now["body"] == "harbour")
        .await;
    let (before, expected) = (&picture["content"], json!("m.image"));
    assert_eq!(
        (&now["msgtype"], &now["url"]),
        (&expected, &before["url"]),
        "it is not brought again"
    );
    assert_eq!(
        now["info"]["xyz.amorgan.blurhash"],
        before["info"]["xyz.amorgan.blurhash"]
    );

    let mine = talk.chat.says(words("at eight")).await;
    let first = talk.gets_text("at eight").await;
    for text in ["at nine", "at *half* past"] {
        talk.chat.says(edit(&mine, &words(text))).await;
        let changed = talk.gets(text, |got| {
            done_to(got).is_some_and(|done| done.edited_message.conversation.as_deref() == Some(text))
        });
        let key = done_to(&changed.await).unwrap().key;
        assert_eq!(key.id.as_deref(), Some(first.id.as_str()));
    }
    talk.needs_no_notice().await;
}

/// B06: both people take back what they said; nobody takes back what the other one said.
pub async fn b06<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "a secret");
    let said = talk.chat.shows("a secret").await;
    talk.speaks(Speech::Delete { id });
    talk.chat.sees_taken_back(&said).await;

    let mine = talk.chat.says(words("my secret")).await;
    let sent = talk.gets_text("my secret").await;
    talk.chat.takes_back(&mine).await;
    let got = talk
        .gets("the deletion", |got| {
            done_to(got).is_some_and(|done| !done.edited_message.is_set())
        })
        .await;
    assert_eq!(done_to(&got).unwrap().key.id.as_deref(), Some(sent.id.as_str()));

    // What is in several events goes from all of them.
    let id = talk.ana.says(talk.phone(), &"long words. ".repeat(5_000));
    talk.ana.says(talk.phone(), "too long");
    talk.chat.shows("too long").await;
    let shown = talk.chat.reads().await;
    let is_part = |event: &&Value| super::talk::body(event).contains("long words");
    let parts: Vec<_> = shown.iter().filter(is_part).collect();
    assert!(parts.len() > 1, "a long text needs several events");
    talk.speaks(Speech::Delete { id });
    for part in parts {
        talk.chat.sees_taken_back(part).await;
    }
    talk.needs_no_notice().await;
}

/// B12: the timer is told and kept, and both sides' messages go when their time is over.
pub async fn b12<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.speaks(Speech::Disappearing { seconds: 86_400 });
    talk.chat.hears("disappear after 1 day").await;
    talk.chat.says(words("for a day")).await;
    assert_eq!(around(&talk.gets_text("for a day").await).expiration, Some(86_400));
    talk.speaks(Speech::Disappearing { seconds: 2 });
    talk.chat.hears("disappear after 2 seconds").await;
    let mine = talk.chat.says(words("my moment")).await;
    assert_eq!(around(&talk.gets_text("my moment").await).expiration, Some(2));
    talk.chat.sees_taken_back(&json!({"event_id": mine})).await;
    let passing = whatsapp_rust::waproto::whatsapp::ContextInfo {
        expiration: Some(2),
        ..Default::default()
    };
    talk.sends(told("her moment", passing));
    let hers = talk.chat.shows("her moment").await;
    talk.chat.sees_taken_back(&hers).await;
    talk.speaks(Speech::Disappearing { seconds: 0 });
    talk.chat.hears("turned off disappearing").await;
    talk.chat.says(words("for ever")).await;
    assert_eq!(around(&talk.gets_text("for ever").await).expiration, None);
}

/// B07: a command deletes a message on the owner's own devices; others read the room too, so it stays there.
pub async fn b07_by_command<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "forget this");
    let shown = talk.chat.shows("forget this").await;
    talk.chat.says(words("!wa delete-for-me")).await;
    talk.chat.hears("Answer the message with this command").await;
    talk.chat.says(answer(&shown, "!wa delete-for-me")).await;
    talk.chat.hears("Deleted on the devices of this account").await;
    let is_it = |setting: &simulator::Setting| {
        let kind = setting.index.first().map(String::as_str);
        kind == Some("deleteMessageForMe") && setting.index.contains(&id)
    };
    talk.phone().waits_for_setting(is_it, SOON).await.unwrap();
    let got = talk.ana.received();
    assert!(!got.iter().any(|got| done_to(got).is_some()), "only here");
    let now = talk.chat.event(shown["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"]["body"], "forget this");
}

/// B07: what the phone deletes for itself goes from a room that is the owner's alone.
pub async fn b07<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "forget this");
    let shown = talk.chat.shows("forget this").await;
    talk.phone()
        .deletes_for_itself(&talk.ana.jid(), (&id, false), None)
        .unwrap();
    talk.chat.sees_taken_back(&shown).await;
}
