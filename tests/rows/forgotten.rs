//! What the owner deletes on their own devices only: by command, by REST, on the phone.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Received, Setting};

use super::{
    changes::done_to,
    galleries::{in_album, pictures},
    talk::{Client, Talk, answer, words},
};
use crate::support::waiting::SOON;

/// Waits until the owner's devices know that these messages are deleted.
async fn is_forgotten<H, C: Client>(talk: &Talk<'_, H, C>, ids: &[&String]) {
    for id in ids {
        let is_it = |setting: &Setting| {
            let kind = setting.index.first().map(String::as_str);
            kind == Some("deleteMessageForMe") && setting.index.contains(id)
        };
        let known = talk.phone().waits_for_setting(is_it, SOON).await;
        assert!(known.is_ok(), "{id} in {:?}", talk.phone().app_state());
    }
}

/// Nothing that was said was taken back from anybody.
async fn concerns_nobody_else<H, C: Client>(talk: &Talk<'_, H, C>) {
    talk.world.settles(SOON).await;
    let got = talk.ana.received();
    assert!(!got.iter().any(|got| done_to(got).is_some()), "only here: {got:?}");
}

/// A gallery that was said: its event, and the ids of its album and its pictures.
async fn gallery<H, C: Client>(talk: &Talk<'_, H, C>) -> (Value, [String; 3]) {
    let content = json!({"msgtype": "m.gallery", "body": "forget these", "itemtypes": pictures(&talk.chat).await});
    let event = talk.chat.says(content).await;
    let album = talk.gets("an album", |got| got.message.album_message.is_set()).await;
    let is_picture = |got: &Received| in_album(got).is_some();
    let first = talk.gets("a picture", is_picture).await;
    let is_other = |got: &Received| is_picture(got) && got.id != first.id;
    let second = talk.gets("another picture", is_other).await;
    (json!({"event_id": event}), [album.id, first.id, second.id])
}

/// Deletes a message for the owner by REST; the answer.
async fn deletes<H, C: Client>(talk: &Talk<'_, H, C>, event: &Value, query: &str) -> (u16, Value) {
    let path = talk.path_of(event["event_id"].as_str().unwrap());
    let rest = &talk.linked.rest;
    rest.call(Method::DELETE, &format!("{path}{query}"), None).await
}

/// B07, B28: a command deletes all of a gallery on the owner's own devices, and from a room that is the owner's alone.
pub async fn b07_gallery<H, C: Client>(talk: Talk<'_, H, C>) {
    let (event, ids) = gallery(&talk).await;
    talk.chat.says(answer(&event, "!wa delete-for-me")).await;
    talk.chat.hears("Deleted on the devices of this account.").await;
    is_forgotten(&talk, &ids.each_ref()).await;
    talk.chat.sees_taken_back(&event).await;
    concerns_nobody_else(&talk).await;
}

/// B07, B28: the same by REST, as often as one likes; others read the room too, so it stays there.
pub async fn b07_by_rest<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "forget this too");
    let shown = talk.chat.shows("forget this too").await;
    let (gallery, ids) = gallery(&talk).await;
    talk.world.settles(SOON).await;
    for (query, sentence) in [
        ("", "Missing required field: for"),
        ("?for=everyone", "Invalid for: me"),
    ] {
        let (status, answer) = deletes(&talk, &shown, query).await;
        assert_eq!((status, answer), (400, json!({ "error": sentence })));
    }
    for event in [&shown, &shown, &gallery, &gallery] {
        let (status, answer) = deletes(&talk, event, "?for=me").await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(
            (&answer["event_id"], &answer["deleted"]),
            (&event["event_id"], &json!(false))
        );
    }
    let [album, first, second] = &ids;
    is_forgotten(&talk, &[&id, album, first, second]).await;
    concerns_nobody_else(&talk).await;
    let now = talk.chat.event(shown["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"]["body"], "forget this too");
    let now = talk.chat.event(gallery["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"]["body"], "forget these");
    let (status, answer) = deletes(&talk, &json!({"event_id": "$nothing"}), "?for=me").await;
    assert_eq!((status, answer), (404, json!({ "error": "Message not found" })));
}

/// B07: a command deletes a message on the owner's own devices; others read the room too, so it stays there.
pub async fn b07_by_command<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "forget this");
    let shown = talk.chat.shows("forget this").await;
    talk.chat.says(words("!wa delete-for-me")).await;
    talk.chat.hears("Answer the message with this command").await;
    talk.chat.says(answer(&shown, "!wa delete-for-me")).await;
    talk.chat.hears("Deleted on the devices of this account").await;
    is_forgotten(&talk, &[&id]).await;
    concerns_nobody_else(&talk).await;
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
