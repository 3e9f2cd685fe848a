//! Webhooks: signed, in order, retried, and nobody else's.

use reqwest::Method;
use serde_json::json;
use standardwebhooks::Webhook;

use crate::support::{
    database::Engine,
    receiver::Receiver,
    waiting::SOON,
    world::{World, webhook},
};

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
