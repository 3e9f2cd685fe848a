//! Webhooks: signed, in order, retried, and nobody else's.

use reqwest::Method;
use serde_json::json;
use simulator::Attachment;
use standardwebhooks::Webhook;

use crate::support::{
    database::Engine,
    receiver::Receiver,
    waiting::{SOON, eventually},
    world::{OWNER, World, gets, webhook},
};

const BOT: &str = "@whatsappbot:hs.test";

/// T14: the payload is the guide's, key by key, and the signature is right.
#[tokio::test(flavor = "multi_thread")]
async fn t14_w19_the_payload_is_the_guides_and_its_signature_verifies() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (receiver, secret) = webhook(&linked.rest).await;
    world.contact("15550001111", "Ana").says(&linked.phone, "Good morning");
    let got = receiver.gets("Good morning").await;
    Webhook::new(&secret).unwrap().verify(&got.raw, &got.headers).unwrap();
    let info = json!({ "size": 0, "mime_type": "", "width": 0, "height": 0, "blur_hash": "" });
    assert_eq!(got.body["media"], json!({ "content": null, "info": info }));
    assert_eq!(got.body["type"], "m.text");
    assert!(got.body["id"].as_str().unwrap().starts_with('$'));
    assert!(got.body["to"].as_str().unwrap().starts_with("@wharf_"));
    assert_eq!(got.headers["user-agent"], "Shortmesh-Webhook/1.0");
    assert_eq!(got.headers["content-type"], "application/json");
    assert_eq!(
        (&got.body["sender_name"], &got.body["is_group"]),
        (&json!("Ana"), &json!(false))
    );
}

on_both_engines! {
    /// T17: a receiver in trouble gets the same delivery again, and what comes after it waits for it.
    async fn t17_a_failed_delivery_comes_again_with_its_id_and_before_the_next(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (receiver, _) = webhook(&linked.rest).await;
        let ana = world.contact("15550001111", "Ana");
        receiver.answers(&[500]);
        ana.says(&linked.phone, "first");
        ana.says(&linked.phone, "second");
        receiver.gets("second").await;
        let got: Vec<_> = receiver.got().iter().map(|got| (got.body["message"].clone(), got.id())).collect();
        assert_eq!(got[0], got[1], "the same delivery twice");
        assert_eq!(got.len(), 3);
        assert_ne!(got[0].1, got[2].1);
    }
}

/// T10, W-02: two identities, one message each, one call each.
#[tokio::test(flavor = "multi_thread")]
async fn t10_w02_nobody_hears_what_is_not_theirs() {
    let world = World::start(Engine::Sqlite).await;
    let one = world.linked_number("15550007777", &[]).await;
    let two = world.linked_number("15550008888", &[]).await;
    let (first, _) = webhook(&one.rest).await;
    let (second, _) = webhook(&two.rest).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&one.phone, "to the first");
    ana.says(&two.phone, "to the second");
    first.gets("to the first").await;
    second.gets("to the second").await;
    world.settles(SOON).await;
    assert_eq!((first.got().len(), second.got().len()), (1, 1));
}

/// T17: an inactive webhook hears nothing, an active one goes on where it was told to.
#[tokio::test(flavor = "multi_thread")]
async fn t17_an_inactive_webhook_hears_nothing() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url() });
    let (status, made) = linked
        .rest
        .call(Method::POST, "/api/v1/webhooks", Some(body.clone()))
        .await;
    assert_eq!(status, 201);
    let (status, again) = linked.rest.call(Method::POST, "/api/v1/webhooks", Some(body)).await;
    assert_eq!(
        (status, again),
        (409, json!({ "error": "Webhook URL already exists for this user" }))
    );
    let path = format!("/api/v1/webhooks/{}", made["id"]);
    let (status, changed) = linked
        .rest
        .call(Method::PUT, &path, Some(json!({ "active": false })))
        .await;
    assert_eq!(
        (status, &changed["active"], &changed["url"]),
        (200, &json!(false), &made["url"])
    );
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "into silence");
    alice.joins_invite().await.shows("into silence").await;
    world.settles(SOON).await;
    linked
        .rest
        .call(Method::PUT, &path, Some(json!({ "active": true })))
        .await;
    ana.says(&linked.phone, "heard");
    receiver.gets("heard").await;
    assert_eq!(receiver.got().len(), 1);
    let (status, gone) = linked.rest.call(Method::DELETE, &path, None).await;
    assert_eq!(
        (status, gone),
        (200, json!({ "message": "Webhook deleted successfully" }))
    );
}

/// A receiver that is gone for good (410) switches its webhook off.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_not_called_again() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (receiver, _) = webhook(&linked.rest).await;
    receiver.answers(&[410]);
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "are you there");
    receiver.gets("are you there").await;
    world.settles(SOON).await;
    let (_, list) = linked.rest.call(Method::GET, "/api/v1/webhooks", None).await;
    assert_eq!(list[0]["active"], false);
}

/// T16: what the owner says, by REST, by the phone or in Matrix, and what the bot says, is no news to webhooks.
#[tokio::test(flavor = "multi_thread")]
async fn t16_webhooks_hear_nothing_of_ones_own_sends_and_of_the_bot() {
    let world = World::start(Engine::Sqlite).await;
    let (linked, alice, room, ana) = world.talking().await.parts();
    let (receiver, _) = webhook(&linked.rest).await;
    linked.rest.says(OWNER, ana.number(), "by REST", None).await;
    gets(&ana, "by REST").await;
    room.shows("by REST").await;
    alice.says(room.id(), "by Matrix");
    gets(&ana, "by Matrix").await;
    linked.phone.says(&ana, "by the phone");
    room.shows("by the phone").await;
    alice.says(room.id(), "!wa help");
    room.waits_for("the bot answers", |event| event["sender"] == BOT).await;
    world.settles(SOON).await;
    ana.says(&linked.phone, "by Ana");
    receiver.gets("by Ana").await;
    let heard: Vec<_> = receiver.got().iter().map(|got| got.body["message"].clone()).collect();
    assert_eq!(heard, ["by Ana"]);
}

on_both_engines! {
    /// W-19, T12: what a webhook tells of a group is enough to answer there: by `chat_id`, quoting the message.
    async fn t12_w19_an_application_answers_in_the_group_that_its_webhook_heard(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (receiver, _) = webhook(&linked.rest).await;
        let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
        let group = world.whatsapp.group("Family", &[&ana, &bob, &linked.phone]).unwrap();
        let question = group.says(&ana, "who comes?").unwrap();
        let first = receiver.gets("who comes?").await.body;
        assert_eq!(first["chat_id"], group.jid());
        assert_eq!((&first["is_group"], &first["group_name"]), (&json!(true), &json!("Family")));
        assert_eq!((&first["sender_name"], &first["sender_phone"]), (&json!("Ana"), &json!("15550001111")));
        assert_eq!((&first["reply_to"], &first["file_name"]), (&json!(null), &json!(null)));
        let at = first["timestamp"].as_str().unwrap();
        assert!(at.ends_with('Z') && at.len() == "2026-04-27T10:00:00Z".len(), "{at}");

        group.replies(&bob, &question, "I do").unwrap();
        let second = receiver.gets("I do").await.body;
        assert_eq!((&second["reply_to"], &second["sender_phone"]), (&first["id"], &json!("15550002222")));
        let plan = Attachment::Document { bytes: b"%PDF-1.7 plan", name: "plan.pdf", caption: None };
        group.sends_medium(&ana, plan).unwrap();
        let third = eventually("the webhook gets the plan", SOON, || async {
            receiver.got().into_iter().find(|got| got.body["file_name"] == "plan.pdf")
        })
        .await
        .body;
        assert_eq!((&third["chat_id"], &third["type"]), (&first["chat_id"], &json!("m.file")));

        let chat = first["chat_id"].as_str().unwrap();
        assert!(chat.ends_with("@g.us"), "{chat}");
        let (status, answer) = linked.rest.says(OWNER, chat, "me too", second["id"].as_str()).await;
        assert_eq!((status, &answer["results"][0]["recipient"]), (200, &json!(chat)));
        for person in [&ana, &bob] {
            let got = gets(person, "me too").await;
            assert_eq!((got.chat.as_deref(), got.quoted_text.as_deref()), (Some(chat), Some("I do")));
        }
    }
}
