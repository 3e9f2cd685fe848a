//! How far messages came.

use serde_json::{Value, json};

use super::talk::{Client, Talk, body, relates_to, words};
use crate::support::waiting::{SOON, eventually};

const STATUS: &str = "com.beeper.message_send_status";

/// Waits until clients are told who has an event.
async fn told_reached<C: Client>(chat: &C, event: &str, who: &str) {
    let is = |it: &Value| {
        let content = &it["content"];
        it["type"] == STATUS && relates_to(it)["event_id"] == event && content["delivered_to_users"] == json!([who])
    };
    let status = chat.sees("who has it", is).await;
    assert_eq!(status["content"]["status"], "SUCCESS");
}

/// Waits for what clients are told of an event.
async fn told<C: Client>(chat: &C, event: &str) -> Value {
    let is = |it: &Value| it["type"] == STATUS && relates_to(it)["event_id"] == event;
    chat.sees("its state", is).await["content"].clone()
}

async fn is_stored<H, C>(talk: &Talk<'_, H, C>, what: &str, question: &'static str) {
    eventually(what, SOON, || async {
        (talk.world.count(question).await > 0).then_some(())
    })
    .await;
}

/// B43: pending, sent, delivered (and to whom), read, played, or failed and why.
pub async fn b43<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.world.whatsapp.is_down();
    let said = talk.chat.says(words("are you there?")).await;
    is_stored(
        &talk,
        "pending",
        "select count(*) from messages where state = 'pending'",
    )
    .await;
    talk.world.whatsapp.is_up();
    let got = talk.gets_text("are you there?").await;
    let status = told(&talk.chat, &said).await;
    assert_eq!(status["status"], "SUCCESS");
    is_stored(
        &talk,
        "delivered",
        "select count(*) from receipts where state = 'delivered'",
    )
    .await;
    told_reached(&talk.chat, &said, &talk.ghost()).await;
    talk.ana.reads(talk.phone(), std::slice::from_ref(&got.id));
    is_stored(&talk, "read", "select count(*) from receipts where state = 'read'").await;
    talk.ana.plays(talk.phone(), &[got.id]);
    is_stored(&talk, "played", "select count(*) from messages where state = 'played'").await;

    // The server refuses it for good.
    talk.world.whatsapp.nacks_next_to(&talk.ana, 479);
    let refused = talk.chat.says(words("refused")).await;
    let status = told(&talk.chat, &refused).await;
    assert_eq!(
        (&status["status"], &status["reason"]),
        (&json!("FAIL_PERMANENT"), &json!("m.event_not_handled"))
    );
    let why = status["message"].as_str().unwrap().to_owned();
    let notice = talk.chat.hears("Not sent").await;
    assert!(body(&notice).contains(&why), "{} / {why}", body(&notice));
    assert_eq!(relates_to(&notice)["m.in_reply_to"]["event_id"], refused);
    is_stored(
        &talk,
        "failed",
        "select count(*) from messages where state = 'failed' and error is not null",
    )
    .await;
}
