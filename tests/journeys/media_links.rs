//! Files that are too large for a webhook's payload: the receiver gets an address of ours instead, which gives the same
//! bytes to whoever has it, for a while.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{
    database::Engine,
    world::{Talking, World, text_of, webhook},
};

/// A world whose webhooks take files of at most so many bytes.
async fn with_settings(engine: Engine, settings: &str) -> World {
    let mut world = World::prepare(engine, "").await;
    world.sets("bridge", settings);
    world.wharf.start().await;
    world
}

async fn fetch(url: &str) -> reqwest::Response {
    reqwest::get(url).await.unwrap()
}

on_both_engines! {
    /// T14: a file above the limit comes as `media.url`, and fetching it gives the same bytes.
    async fn t14_a_large_file_is_fetched_at_the_address_in_the_webhook(engine: Engine) {
        let world = with_settings(engine, "webhook_media_limit = 1000").await;
        let Talking { linked, ana, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        ana.sends_document(&linked.phone, &bytes, "größe.bin", Some("large")).unwrap();
        let got = receiver.gets("large").await.body;
        assert_eq!(got["media"]["content"], Value::Null);
        assert_eq!(got["media"]["info"]["size"], bytes.len());
        let url = text_of(&got["media"], "url");
        assert!(url.starts_with(&world.wharf.url()), "{url}");

        let answer = fetch(url).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], text_of(&got["media"]["info"], "mime_type"));
        assert_eq!(headers["content-length"], "300000");
        let disposition = headers["content-disposition"].to_str().unwrap();
        assert!(disposition.starts_with("attachment; filename*=utf-8''gr%C3%B6"), "{disposition}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.bytes().await.unwrap(), bytes);

        ana.sends_document(&linked.phone, b"few bytes", "small.txt", Some("small")).unwrap();
        let small = receiver.gets("small").await.body;
        assert!(small["media"].get("url").is_none(), "{small}");
    }
}

/// Nobody makes or changes an address but us.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_address_of_a_file_is_refused() {
    let world = with_settings(Engine::Sqlite, "webhook_media_limit = 1000").await;
    let Talking { linked, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    ana.sends_document(&linked.phone, &[7; 4096], "a.bin", Some("mine"))
        .unwrap();
    let url = text_of(&receiver.gets("mine").await.body["media"], "url").to_owned();
    let other = world.homeserver.keeps_file(None, "text/plain", &b"somebody else's"[..]);
    let other = other.rsplit('/').next().unwrap();
    let (path, query) = url.split_once('?').unwrap();
    let id = path.rsplit('/').next().unwrap();
    let (until, _) = query.split_once('&').unwrap();
    for forged in [
        path.to_owned(),
        format!("{path}?{until}"),
        format!("{path}?{until}&signature=AAAA"),
        url.replace(id, other),
        url.replace(until, "until=99999999999"),
    ] {
        let answer = fetch(&forged).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{forged}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body, serde_json::json!({ "error": "invalid or expired link" }));
    }
    assert_eq!(fetch(&url).await.status(), StatusCode::OK);
}

/// An address is good for its time only.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_file_is_good_for_its_time_only() {
    let world = with_settings(Engine::Sqlite, "webhook_media_limit = 1000\nmedia_link_valid_for = 0").await;
    let Talking { linked, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    ana.sends_document(&linked.phone, &[7; 4096], "a.bin", Some("mine"))
        .unwrap();
    let url = text_of(&receiver.gets("mine").await.body["media"], "url").to_owned();
    crate::support::waiting::eventually("the address is good no more", crate::support::waiting::SOON, || async {
        (fetch(&url).await.status() == StatusCode::FORBIDDEN).then_some(())
    })
    .await;
}
