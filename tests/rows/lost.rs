//! Messages that could not be decrypted.

use serde_json::{Value, json};
use simulator::HistoryForm;

use super::talk::{Client, Talk, answer, body};

const WAITING: &str = "⏳ Waiting for this message";
const GONE: &str = "is no longer on the server";

async fn waits<C: Client>(chat: &C, ghost: &str) -> Value {
    let told = chat.hears(WAITING).await;
    assert_eq!(
        (&told["content"]["msgtype"], &told["sender"]),
        (&json!("m.notice"), &json!(ghost))
    );
    told
}

/// B82: a placeholder in its place; Ana's phone sends it again, and it takes the placeholder's place.
pub async fn b82_again<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "a broken word");
    talk.ana.says(talk.phone(), "did you get it?");
    let told = waits(&talk.chat, &talk.ghost()).await;
    let now = talk
        .chat
        .sees_now("the words", &told, |now| now["body"] == "a broken word")
        .await;
    assert_eq!(now["msgtype"], "m.text");
    // It is a message like any other from now on.
    talk.chat.says(answer(&told, "I did")).await;
    assert_eq!(
        talk.gets_text("I did").await.quoted_text.as_deref(),
        Some("a broken word")
    );
    let shown = talk.chat.reads().await;
    let words = shown
        .iter()
        .filter(|event| body(event).contains("a broken word"))
        .count();
    assert_eq!(words, 1, "shown once, in its place");
}

/// B82, B30: what was awaited comes without its file, which the phone brings: all in one place.
pub async fn b82_without_its_file<H, C: Client>(talk: Talk<'_, H, C>) {
    let gone = super::media::picture(&talk);
    let path = gone.image_message.direct_path.clone().unwrap();
    assert!(talk.world.whatsapp.expires_media(&path, 404));
    talk.ana.garbles_next();
    talk.sends(gone);
    // Her phone may be faster than the word that it is awaited: then the picture itself says that its file is missing.
    let ghost = talk.ghost();
    let is_placeholder = |it: &Value| {
        let is_first = it["sender"] == ghost.as_str() && it["content"]["m.new_content"].is_null();
        is_first && [WAITING, GONE].iter().any(|words| body(it).contains(*words))
    };
    let told = talk.chat.sees("a placeholder", is_placeholder).await;
    assert_eq!(told["content"]["msgtype"], "m.notice");
    let is_there = |now: &Value| now["msgtype"] == "m.image";
    talk.chat.sees_now("the picture", &told, is_there).await;
    let events = talk.chat.reads().await;
    let of_ana: Vec<_> = events
        .iter()
        .filter(|it| it["sender"] == talk.ghost().as_str())
        .collect();
    // Nothing of hers stands beside it: hello, the placeholder, and what took its place.
    let standing = of_ana
        .iter()
        .filter(|it| it["type"] == "m.room.message" && it["content"]["m.new_content"].is_null());
    assert_eq!(standing.count(), 2, "{of_ana:#?}");
    let shown = of_ana
        .iter()
        .filter(|it| it["content"]["m.new_content"]["msgtype"] == "m.image");
    assert_eq!(shown.count(), 1, "shown once");
}

/// B82: Ana's phone does not answer, but the owner's has it.
pub async fn b82_from_the_phone<H, C: Client>(talk: Talk<'_, H, C>) {
    let form = HistoryForm {
        resends_lost: true,
        ..HistoryForm::default()
    };
    talk.phone().shares_history(form);
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "only the phone has it");
    let told = waits(&talk.chat, &talk.ghost()).await;
    talk.chat
        .sees_now("the words", &told, |now| now["body"] == "only the phone has it")
        .await;
}

/// B82: nobody sends it again: the placeholder stays, says where to look, and holds nothing up.
pub async fn b82_never<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.ignores_retries(true);
    talk.ana.garbles_next();
    talk.ana.says(talk.phone(), "lost for good");
    let told = waits(&talk.chat, &talk.ghost()).await;
    assert!(body(&told).contains("phone"), "{}", body(&told));
    talk.ana.says(talk.phone(), "and on");
    talk.chat.shows("and on").await;
    talk.chat.says(answer(&told, "what was that?")).await;
    talk.gets_text("what was that?").await;
    // Nobody knows its words, and nobody sees a mark on nothing; it can be taken back.
    let now = talk.chat.event(told["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"], told["content"]);
}
