//! Media that are no longer on the server: a placeholder stands for them, the phone is asked, and a person may ask once more,
//! by ♻️, by command, by REST.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::UploadAgain;

use super::{
    media::{PNG, picture},
    talk::{Client, Talk, answer, body, relates_to},
};
use crate::support::waiting::{SOON, eventually};

/// Waits for the picture in the place of a placeholder.
async fn is_there(chat: &impl Client, placeholder: &Value) {
    let now = chat
        .sees_now("the picture", placeholder, |now| now["msgtype"] == "m.image")
        .await;
    assert_eq!(chat.downloads(now["url"].as_str().unwrap()).await, PNG);
}

/// Ana sends a picture that the server answers so for; answers its placeholder.
async fn sends_one_that_is_gone<H, C: Client>(talk: &Talk<'_, H, C>, status: u16) -> Value {
    let gone = picture(talk);
    let path = gone.image_message.direct_path.clone().unwrap();
    assert!(talk.world.whatsapp.expires_media(&path, status));
    talk.sends(gone);
    talk.chat.hears("no longer on the server").await
}

/// B30: gone from the server, asked of the phone, and shown in the place of the placeholder.
pub async fn b30<H, C: Client>(talk: Talk<'_, H, C>) {
    let mut before = Vec::new();
    for status in [404, 403, 410] {
        let gone = picture(&talk);
        let path = gone.image_message.direct_path.clone().unwrap();
        assert!(talk.world.whatsapp.expires_media(&path, status));
        talk.sends(gone);
        let is_new = |it: &Value| {
            let is_one = body(it).contains("no longer on the server") && relates_to(it).is_null();
            is_one && !before.contains(&it["event_id"])
        };
        let told = talk.chat.sees(&format!("a placeholder for {status}"), is_new).await;
        is_there(&talk.chat, &told).await;
        before.push(told["event_id"].clone());
    }
}

/// A picture that neither the server nor the phone has: its placeholder, when the phone has said so. From now on the phone
/// brings what it is asked for.
async fn lost<H, C: Client>(talk: &Talk<'_, H, C>) -> Value {
    talk.phone().uploads_again(UploadAgain::HasLost);
    let placeholder = sends_one_that_is_gone(talk, 403).await;
    let is_told = |now: &Value| {
        now["body"]
            .as_str()
            .is_some_and(|body| body.contains("the phone did not bring it"))
    };
    talk.chat.sees_now("what the phone said", &placeholder, is_told).await;
    placeholder
}

/// B30: by a mark on the placeholder.
pub async fn b30_by_mark<H, C: Client>(talk: Talk<'_, H, C>) {
    let placeholder = lost(&talk).await;
    talk.phone().uploads_again(UploadAgain::Does);
    let before = talk.ana.received().len();
    let mark = |key: &str| {
        let relation = json!({"rel_type": "m.annotation", "event_id": placeholder["event_id"], "key": key});
        talk.chat.sends("m.reaction", json!({ "m.relates_to": relation }))
    };
    mark("♻").await;
    talk.chat.hears("Asked for the image once more").await;
    is_there(&talk.chat, &placeholder).await;
    assert_eq!(talk.ana.received().len(), before, "the mark was for us");
    // On what is there it is a mark like any other.
    mark("♻️").await;
    talk.gets("a mark", |got| got.message.reaction_message.is_set()).await;
}

/// B30: by the command `retry`, about the latest one or the one that it answers.
pub async fn b30_by_command<H, C: Client>(talk: Talk<'_, H, C>) {
    let placeholder = lost(&talk).await;
    let asked = talk.chat.says(super::talk::words("!wa retry")).await;
    let is_answer = |it: &Value| {
        body(it).contains("Asked for the image once more")
            && relates_to(it)["m.in_reply_to"]["event_id"] == asked.as_str()
    };
    talk.chat.sees("an answer", is_answer).await;
    talk.phone().uploads_again(UploadAgain::Does);
    talk.chat.says(answer(&placeholder, "!wa retry")).await;
    is_there(&talk.chat, &placeholder).await;
    talk.chat.says(answer(&placeholder, "!wa retry")).await;
    talk.chat.hears("It is here already").await;
    talk.chat.says(super::talk::words("!wa retry")).await;
    talk.chat.hears("No file is missing").await;
}

/// B30: by REST, for whoever may.
pub async fn b30_by_rest<H, C: Client>(talk: Talk<'_, H, C>) {
    let placeholder = lost(&talk).await;
    talk.phone().uploads_again(UploadAgain::Does);
    let path = |room: &str, event: &str| {
        let (room, event) = (room.replace('!', "%21"), event.replace('$', "%24"));
        format!("/api/v1/chats/{room}/messages/{event}/retry")
    };
    let (rest, room) = (&talk.linked.rest, talk.chat.room());
    let event = placeholder["event_id"].as_str().unwrap();
    let (status, told) = rest.call(Method::POST, &path(&room, event), None).await;
    assert_eq!((status, &told["status"]), (202, &json!("asked")));
    is_there(&talk.chat, &placeholder).await;
    let there = eventually("the file is there", SOON, || async {
        let (status, told) = rest.call(Method::POST, &path(&room, event), None).await;
        (status == 200).then_some(told)
    });
    assert_eq!(there.await["status"], "here");

    let hello = talk.chat.shows("hello").await;
    let hello = path(&room, hello["event_id"].as_str().unwrap());
    let no_file = json!({"error": "Invalid message: it has no file that could be asked for"});
    assert_eq!(rest.call(Method::POST, &hello, None).await, (400, no_file));
    for (room, event) in [("!other:hs.test", event), (&*room, "$other"), ("nothing", "nothing")] {
        let unknown = rest.call(Method::POST, &path(room, event), None).await;
        assert_eq!(unknown, (404, json!({"error": "Message not found"})));
    }
    let stranger = talk.world.rest.new_token(&[]).await;
    let (status, _) = stranger.call(Method::POST, &path(&room, event), None).await;
    assert_eq!(status, 404);
}
