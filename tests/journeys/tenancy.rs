//! Identities see nothing of each other; tokens of one identity see the same; what nobody uses is taken away.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{OWNER, Talking, World, gets, webhook},
};

/// What is stored for identities that have devices.
const LEFT: &str = "select (select count(*) from devices) + (select count(*) from portals) \
     + (select count(*) from deliveries) + (select count(*) from webhooks) as number";

/// T10: tokens of the host share devices and webhooks, others have their own.
#[tokio::test(flavor = "multi_thread")]
async fn t10_host_tokens_share_and_others_do_not() {
    let world = World::start(Engine::Sqlite).await;
    let host = world.linked_device(&[]).await;
    let (status, made) = world
        .rest
        .basic(Method::POST, "/api/v1/tokens", Some(json!({ "use_host": true })))
        .await;
    assert_eq!(status, 201);
    let same = world.rest.with(made["token"].as_str().unwrap());
    let other = world.rest.new_token(&[]).await;
    host.rest.subscribes("http://127.0.0.1:9/hook").await;
    let devices = json!([{ "platform": "wa", "device_id": OWNER }]);
    assert_eq!(same.call(Method::GET, "/api/v1/devices", None).await, (200, devices));
    assert_eq!(other.call(Method::GET, "/api/v1/devices", None).await, (200, json!([])));
    let (_, hooks) = same.call(Method::GET, "/api/v1/webhooks", None).await;
    assert_eq!(hooks.as_array().unwrap().len(), 1);
    assert_eq!(
        other.call(Method::GET, "/api/v1/webhooks", None).await,
        (200, json!([]))
    );
    let (status, answer) = other.says(OWNER, "15550001111", "through your device", None).await;
    assert_eq!((status, answer), (404, json!({ "error": "Device not found" })));
    let (status, _) = other.call(Method::DELETE, "/api/v1/webhooks/1", None).await;
    assert_eq!(status, 404);
}

/// B64: who becomes a member later is invited to the rooms that are there when somebody speaks in them.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_member_comes_into_the_rooms_that_are_there() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let bob = world.homeserver.user("bob");
    let body = json!({ "use_host": true, "members": [bob.id()] });
    let (status, answer) = world.rest.basic(Method::POST, "/api/v1/tokens", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    ana.says(&linked.phone, "welcome bob");
    assert_eq!(bob.joins_invite().await.id(), room.id());
    bob.says(room.id(), "thank you");
    gets(&ana, "thank you").await;
}

/// Deletes the newest token.
async fn deletes_its_token(world: &World) {
    let (_, tokens) = world.rest.basic(Method::GET, "/api/v1/tokens", None).await;
    let ids = tokens
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["id"].as_i64().unwrap());
    let path = format!("/api/v1/tokens/{}", ids.max().unwrap());
    assert_eq!(world.rest.basic(Method::DELETE, &path, None).await.0, 200);
}

on_both_engines! {
    /// §6.2, W-17: the last token of an identity takes along its devices, its webhooks, and its user out of its rooms.
    async fn w17_an_identity_without_tokens_is_retired(engine: Engine) {
        let world = World::start(engine).await;
        let _host = world.rest.new_token(&[]).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        ana.says(&linked.phone, "still there?");
        let heard = receiver.gets("still there?").await;
        let user = heard.body["to"].as_str().unwrap();
        assert!(world.homeserver.rooms_of(user).iter().any(|own| own.id() == room.id()));
        deletes_its_token(&world).await;
        assert_eq!(world.count("select count(*) as number from webhooks").await, 0, "at once");
        linked.phone.waits_for_companions(0, SOON).await.unwrap();
        let (status, answer) = linked.rest.call(Method::GET, "/api/v1/devices", None).await;
        assert_eq!((status, answer), (403, json!({ "error": "invalid or expired token" })));
        eventually("its user is in no room", SOON, || async {
            world.homeserver.rooms_of(user).is_empty().then_some(())
        })
        .await;
        world.settles(SOON).await;
        assert_eq!(world.count(LEFT).await, 0);
    }
}

/// §6.2, W-17: with a time of grace the device stays linked, and what is said still comes, but to no webhook.
#[tokio::test(flavor = "multi_thread")]
async fn w17_a_device_may_stay_linked_for_a_while() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.sets("access", "retire_after = 3600");
    world.wharf.start().await;
    let _host = world.rest.new_token(&[]).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    deletes_its_token(&world).await;
    ana.says(&linked.phone, "hello?");
    room.shows("hello?").await;
    assert_eq!(linked.phone.companions().len(), 1);
    assert_eq!(world.count("select count(*) as number from webhooks").await, 0);
    assert!(receiver.got().is_empty());
}
