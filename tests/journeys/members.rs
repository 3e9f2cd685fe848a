//! Members: real Matrix users in the rooms of somebody's devices.

use reqwest::Method;
use serde_json::json;
use simulator::Contact;

use super::bot::{bot_says, linked};
use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{World, gets, link},
};

/// A world whose config file has this in the place of that.
async fn world_with(engine: Engine, settings: &[(&str, &str)]) -> World {
    let mut world = World::prepare(engine, "").await;
    for (section, setting) in settings {
        world.sets(section, setting);
    }
    world.wharf.start().await;
    world
}

async fn reacted(contact: &Contact, emoji: &str) {
    contact
        .waits_for(
            |received| {
                let reaction = received.message.reaction_message.as_option();
                reaction.is_some_and(|reaction| reaction.text.as_deref() == Some(emoji))
            },
            SOON,
        )
        .await
        .unwrap();
}

on_both_engines! {
    async fn b64_a_member_comes_into_all_rooms_writes_through_the_device_and_goes(engine: Engine) {
        let world = world_with(engine, &[("bridge", "member_prefix = \"{name}: \"")]).await;
        let (alice, room, phone) = linked(&world).await;
        let bob = world.homeserver.user("bob");
        let (ana, carol) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Carol"));
        let hello = ana.says(&phone, "hello");
        let portal = alice.joins_invite().await;
        portal.shows("hello").await;
        alice.says(room.id(), "set-member bob");
        bot_says(&room, "Who? Write for example").await;
        alice.says(room.id(), &format!("set-member {}", bob.id()));
        bot_says(&room, "is a member now").await;
        assert_eq!(bob.joins_invite().await.id(), portal.id());
        let space = bob.is_invited_to_space().await;
        bob.joins(space.id());

        let event = bob.says(portal.id(), "hi from bob");
        let got = gets(&ana, "bob: hi from bob").await;
        alice.says(portal.id(), "hi from alice");
        gets(&ana, "hi from alice").await;
        let edit = json!({
            "msgtype": "m.text", "body": "* hi again",
            "m.new_content": {"msgtype": "m.text", "body": "hi again"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event},
        });
        bob.sends(portal.id(), "m.room.message", &edit);
        ana.waits_for(|received| {
            let protocol = received.message.protocol_message.as_option();
            protocol.is_some_and(|it| it.key.as_option().and_then(|key| key.id.as_deref()) == Some(got.id.as_str()))
        }, SOON).await.unwrap();
        let shown = portal.waits_for("hello", |event| event["content"]["body"] == "hello").await;
        let mark = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": shown["event_id"], "key": "👍"}});
        bob.sends(portal.id(), "m.reaction", &mark);
        reacted(&ana, "👍").await;
        assert!(!hello.is_empty());
        world.settles(SOON).await;
        assert_eq!(portal.said().iter().filter(|(_, text)| text.contains("hi from bob")).count(), 1, "no echo");

        carol.says(&phone, "and me?");
        let other = bob.joins_invite().await;
        other.shows("and me?").await;
        alice.says(room.id(), "members");
        bot_says(&room, &format!("Members:\n{}", bob.id())).await;
        alice.says(room.id(), &format!("remove-member {}", bob.id()));
        bot_says(&room, "is no member any more").await;
        eventually("bob is out of both rooms and of the space", SOON, || async {
            let out = |room: &crate::support::homeserver::Room| room.membership(bob.id()).as_deref() == Some("leave");
            (out(&portal) && out(&other) && out(&space)).then_some(())
        }).await;
        ana.says(&phone, "bye bob");
        portal.shows("bye bob").await;
        world.settles(SOON).await;
        assert_eq!(portal.membership(bob.id()).as_deref(), Some("leave"), "and is not asked back");
    }
}

/// B86: somebody without a device is named when a token is made, and speaks through the identity's device.
#[tokio::test(flavor = "multi_thread")]
async fn b86_a_matrix_user_named_with_a_token_speaks_through_its_device() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let wrong = json!({ "matrix_user": "alice" });
    let (status, answer) = world.rest.basic(Method::POST, "/api/v1/tokens", Some(wrong)).await;
    assert_eq!((status, answer), (400, json!({"error": "Invalid member: 'alice'"})));
    let body = json!({ "matrix_user": alice.id() });
    let (status, answer) = world.rest.basic(Method::POST, "/api/v1/tokens", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    let rest = world.rest.with(answer["token"].as_str().unwrap());
    let phone = world.whatsapp.phone("15550009999", "Owner");
    link(&rest, &phone).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello");
    let portal = alice.joins_invite().await;
    portal.shows("hello").await;
    alice.says(portal.id(), "hello through the device");
    assert_eq!(gets(&ana, "hello through the device").await.from, phone.number());
}

/// B64: the settings name members of the host identity, before and after it is made.
#[tokio::test(flavor = "multi_thread")]
async fn b64_members_of_the_host_identity_stand_in_the_settings() {
    let mut world = world_with(Engine::Sqlite, &[("access", "host_members = [\"@alice:hs.test\"]")]).await;
    let (alice, bob) = (world.homeserver.user("alice"), world.homeserver.user("bob"));
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "hello");
    let portal = alice.joins_invite().await;
    portal.shows("hello").await;
    world.wharf.stops().await;
    let path = world.dir().join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"@alice:hs.test\"", "\"@alice:hs.test\", \"@bob:hs.test\""),
    )
    .unwrap();
    world.wharf.start().await;
    assert_eq!(
        bob.joins_invite().await.id(),
        portal.id(),
        "into rooms that are there already"
    );
}
