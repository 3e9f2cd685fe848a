//! How far messages came.

use serde_json::{Value, json};
use simulator::Received;

use super::{
    groups::begun,
    sound::OGG,
    talk::{Client, Talk, body, comes_to, ghost, receives, relates_to, words},
};
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

/// B43: the same by REST, with every recipient, and for what was spoken; among many each of them alone.
pub async fn b43_by_rest<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana.is_away(true);
    talk.world.whatsapp.is_down();
    let said = talk.chat.says(words("are you there?")).await;
    // Of whom nothing was told, it is as far as it is itself.
    let untold = |state: &str, error: Option<&str>| {
        json!([{
            "contact": { "id": talk.ghost(), "name": "Ana" }, "state": state, "error": error,
            "delivered_at": null, "read_at": null, "played_at": null,
        }])
    };
    let message = talk.comes_to(&said, "pending").await;
    assert_eq!(
        (&message["text"], &message["receipts"]),
        (&json!("are you there?"), &untold("pending", None))
    );
    talk.world.whatsapp.is_up();
    let message = talk.comes_to(&said, "sent").await;
    assert_eq!(message["receipts"], untold("sent", None), "nobody has it");
    talk.ana.is_away(false);
    let got = talk.gets_text("are you there?").await;
    let message = talk.comes_to(&said, "delivered").await;
    assert_eq!((&message["id"], &message["event_id"]), (&json!(got.id), &json!(said)));
    let receipt = &message["receipts"][0];
    assert_eq!(receipt["contact"], json!({ "id": talk.ghost(), "name": "Ana" }));
    assert!(
        receipt["delivered_at"].is_string() && receipt["read_at"].is_null(),
        "{receipt}"
    );
    talk.ana.reads(talk.phone(), &[got.id]);
    let message = talk.comes_to(&said, "read").await;
    assert!(message["receipts"][0]["read_at"].is_string(), "{message}");

    let address = talk.chat.uploads("Voice message.ogg", "audio/ogg", OGG).await;
    let info = json!({"mimetype": "audio/ogg", "size": OGG.len(), "duration": 2000});
    let voice = json!({
        "msgtype": "m.audio", "body": "Voice message.ogg", "url": address, "info": info, "org.matrix.msc3245.voice": {},
    });
    let voice = talk.chat.says(voice).await;
    let got = talk.gets("a voice", |got| got.message.audio_message.is_set()).await;
    talk.ana.plays(talk.phone(), &[got.id]);
    let message = talk.comes_to(&voice, "played").await;
    assert!(message["receipts"][0]["played_at"].is_string(), "{message}");

    talk.world.whatsapp.nacks_next_to(&talk.ana, 479);
    let refused = talk.chat.says(words("refused")).await;
    let message = talk.comes_to(&refused, "failed").await;
    let why = message["error"].as_str().unwrap();
    assert_eq!(message["receipts"], untold("failed", Some(why)));
    let notice = talk.chat.hears("Not sent").await;
    assert!(body(&notice).contains(why), "{} / {why}", body(&notice));

    let (group, bob, there) = begun(&talk, false).await;
    let said = there.says(words("who comes?")).await;
    let is_it = |got: &Received| got.text.as_deref() == Some("who comes?");
    let got = receives(&bob, "a question", is_it).await;
    receives(&talk.ana, "a question", is_it).await;
    group.reads(&bob, &[got.id]);
    let state_of = |message: &Value, who: &str| {
        let all = message["receipts"].as_array().into_iter().flatten();
        let mut of_them = all.filter(|receipt| receipt["contact"]["id"] == who);
        of_them.next().map(|receipt| receipt["state"].clone())
    };
    let (ana, bob) = (talk.ghost(), ghost(&bob));
    let is_told = |message: &Value| {
        let states = (state_of(message, &ana), state_of(message, &bob));
        states == (Some(json!("delivered")), Some(json!("read")))
    };
    let message = comes_to(talk.linked, &there, &said, is_told).await;
    assert_eq!(message["receipts"].as_array().unwrap().len(), 2, "{message}");
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

/// B43: what is refused before anything is sent fails too: its row, its clients and the room say why, each once. What was
/// refused can be taken back; nothing of it reaches anybody.
pub async fn b43_refused<H, C: Client>(talk: Talk<'_, H, C>) {
    let hello = talk.chat.shows("hello").await;
    let sealed =
        json!({"msgtype": "m.image", "body": "sealed.png", "file": {"url": "mxc://hs.test/sealed", "v": "v2"}});
    let gone = json!({"msgtype": "m.image", "body": "gone.png", "url": "mxc://hs.test/gone", "info": {"mimetype": "image/png"}});
    let unknown = json!({"msgtype": "com.example.dance", "body": "dances"});
    let mut refused = Vec::new();
    for (content, kind, why) in [
        (sealed, "encrypted file", "encrypted file cannot be sent yet"),
        (gone, "image", "the file is no longer there"),
        (
            unknown,
            "message of this kind",
            "message of this kind cannot be sent yet",
        ),
    ] {
        let event = talk.chat.says(content).await;
        let status = told(&talk.chat, &event).await;
        assert_eq!(
            (&status["status"], &status["message"]),
            (&json!("FAIL_PERMANENT"), &json!(why))
        );
        let is_notice =
            |it: &Value| relates_to(it)["m.in_reply_to"]["event_id"] == event && body(it).starts_with("Not sent");
        let notice = talk.chat.sees("why", is_notice).await;
        assert_eq!(body(&notice), format!("Not sent: {why}."));
        let (status, shown) = talk.by_rest(&event).await;
        assert_eq!(status, 200, "{shown}");
        assert_eq!(
            json!([
                shown["state"],
                shown["error"],
                shown["type"],
                shown["direction"],
                shown["event_id"]
            ]),
            json!(["failed", why, kind, "out", event])
        );
        refused.push(event);
    }
    // A ring of today's clients is an event of the old kind and one of the new: it is told once.
    let ring = json!({"application": "m.call", "call_id": "", "notify_type": "ring", "m.mentions": {"room": true}});
    let rings = talk.chat.sends("org.matrix.msc4075.call.notify", ring).await;
    let ring = json!({"notification_type": "ring", "lifetime": 30_000, "m.mentions": {"room": true}});
    talk.chat.sends("org.matrix.msc4075.rtc.notification", ring).await;
    let why = "call cannot be sent yet";
    assert_eq!(told(&talk.chat, &rings).await["message"], why);
    talk.chat.hears(&format!("Not sent: {why}.")).await;
    refused.push(rings);
    // An edit is about another message: it has a state, and no row.
    let edit = json!({
        "msgtype": "m.text", "body": "* goodbye", "m.new_content": {"msgtype": "m.text", "body": "goodbye"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": hello["event_id"]},
    });
    let edit = talk.chat.says(edit).await;
    let why = "only your own messages can be edited";
    assert_eq!(told(&talk.chat, &edit).await["message"], why);
    assert_eq!(talk.by_rest(&edit).await.0, 404);

    let marked = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": refused[0], "key": "👍"}});
    talk.chat.sends("m.reaction", marked).await;
    talk.chat.takes_back(&refused[0]).await;
    let is_gone = || async {
        let (_, shown) = talk.by_rest(&refused[0]).await;
        (shown["deleted"] == true).then_some(())
    };
    eventually("it is taken back", SOON, is_gone).await;
    talk.chat.says(words("that was all")).await;
    let got = talk.gets_text("that was all").await;
    talk.world.settles(SOON).await;
    let ids: Vec<_> = talk.ana.received().into_iter().map(|got| got.id).collect();
    assert_eq!(ids, [got.id], "nothing else reached her");
    let events = talk.chat.reads().await;
    let is_ring = |it: &&Value| body(it) == "Not sent: call cannot be sent yet.";
    assert_eq!(events.iter().filter(is_ring).count(), 1, "told once: {events:?}");
    for event in refused.iter().chain([&edit]) {
        let is_told = |it: &&Value| it["type"] == STATUS && relates_to(it)["event_id"] == event.as_str();
        assert_eq!(events.iter().filter(is_told).count(), 1, "told once: {events:?}");
    }
}
