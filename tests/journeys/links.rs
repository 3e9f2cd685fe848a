//! The life of a link: what its owner and their programs hear of it, and what stays when it ends.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Goodbye, Refusal};

use super::bot::{BOT, bot_says, linked};
use crate::support::{
    database::Engine,
    homeserver::Room,
    receiver::Receiver,
    waiting::{SOON, eventually},
    world::{OWNER, World, gets},
};

/// A world whose bridge has these settings.
async fn world_with(engine: Engine, settings: &str) -> World {
    let mut world = World::prepare(engine, "").await;
    world.sets("bridge", settings);
    world.wharf.start().await;
    world
}

fn told(room: &Room, words: &str) -> usize {
    room.said()
        .iter()
        .filter(|(who, text)| who == BOT && text.contains(words))
        .count()
}

async fn is_connected(world: &World) {
    eventually("the metric says connected", SOON, || async {
        let metrics = world.rest.metrics().await?;
        metrics.contains("wharf_devices{link=\"connected\"} 1").then_some(())
    })
    .await;
}

on_both_engines! {
    async fn b81_a_flap_shows_nothing(engine: Engine) {
        let world = world_with(engine, "link_grace = 60").await;
        let (alice, room, phone) = linked(&world).await;
        world.whatsapp.drops_connections();
        eventually("the loss is counted", SOON, || async {
            let metrics = world.rest.metrics().await?;
            metrics.contains("wharf_link_changes_total{link=\"reconnecting\"}").then_some(())
        })
        .await;
        is_connected(&world).await;
        let ana = world.contact("15550001111", "Ana");
        ana.says(&phone, "after the flap");
        alice.joins_invite().await.shows("after the flap").await;
        alice.says(room.id(), &format!("devices +{OWNER}"));
        let past = bot_says(&room, "newest first").await;
        assert!(past.contains("reconnecting"), "{past}");
        assert_eq!(told(&room, "has not been connected for"), 0);
    }

    async fn b81_a_loss_that_lasts_is_told_with_its_end(engine: Engine) {
        let world = world_with(engine, "link_grace = 1").await;
        let (_, room, _) = linked(&world).await;
        world.whatsapp.is_down();
        bot_says(&room, "has not been connected for").await;
        world.whatsapp.is_up();
        bot_says(&room, "is connected again").await;
        assert_eq!(told(&room, "has not been connected for"), 1);
        assert_eq!(told(&room, "is connected again"), 1);
    }

    async fn b81_a_logged_out_device_keeps_its_rooms_and_is_linked_again_into_them(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, room, phone) = linked(&world).await;
        let ana = world.contact("15550001111", "Ana");
        ana.says(&phone, "before");
        let portal = alice.joins_invite().await;
        portal.shows("before").await;
        phone.unlinks_all();
        bot_says(&room, "Its rooms stay").await;
        alice.says(portal.id(), "into the void");
        bot_says(&portal, "Not sent").await;
        alice.says(room.id(), "login qr");
        let first = bot_says(&room, "2@").await;
        let code = eventually("another code", SOON, || async {
            room.said().into_iter().map(|(_, text)| text).find(|text| text.starts_with("2@") && *text != first)
        }).await;
        phone.scans(&code).unwrap();
        eventually("linked again", SOON, || async { (told(&room, "Linked: ") == 2).then_some(()) }).await;
        ana.says(&phone, "after");
        portal.shows("after").await;
        alice.says(portal.id(), "it works again");
        gets(&ana, "it works again").await;
        assert_eq!(world.homeserver.rooms_of(alice.id()).len(), 2, "no room was made anew");
        alice.says(room.id(), &format!("devices +{OWNER}"));
        let past = bot_says(&room, "newest first").await;
        assert!(past.contains("logged out"), "{past}");
    }
}

/// B81: closed states with what to do about each.
#[tokio::test(flavor = "multi_thread")]
async fn b81_a_device_that_was_replaced_says_so_and_is_connected_again_on_request() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room, _phone) = linked(&world).await;
    world.whatsapp.says_goodbye(&Goodbye::Replaced);
    bot_says(&room, "is replaced: another program took its session over").await;
    alice.says(room.id(), "devices");
    let text = bot_says(&room, "replaced, last connected").await;
    assert!(text.contains("phone last seen"), "{text}");
    alice.says(room.id(), "reconnect");
    bot_says(&room, "is connected again").await;
    alice.says(room.id(), "reconnect");
    bot_says(&room, "It is connected.").await;
}

/// B81
#[tokio::test(flavor = "multi_thread")]
async fn b81_a_ban_is_told_with_what_to_do_and_ends() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room, _phone) = linked(&world).await;
    world.whatsapp.refuses_logins(None, Refusal::ban(3600, 101));
    world.whatsapp.drops_connections();
    bot_says(&room, "is banned: WhatsApp has locked the account").await;
    world.whatsapp.accepts_logins();
    alice.says(room.id(), "reconnect");
    bot_says(&room, "is connected again").await;
}

/// B81: a phone that stays away is told of before WhatsApp ends the session.
#[tokio::test(flavor = "multi_thread")]
async fn b81_a_phone_that_shows_no_sign_of_life_is_told_until_it_does() {
    let world = world_with(Engine::Sqlite, "phone_offline_after = 4").await;
    let (alice, room, phone) = linked(&world).await;
    bot_says(&room, "phone offline").await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "messages still cross");
    alice.joins_invite().await.shows("messages still cross").await;
    phone.says(&ana, "here I am");
    bot_says(&room, "is connected again").await;
}

/// B81: programs hear of it when they asked for it; others hear messages alone.
#[tokio::test(flavor = "multi_thread")]
async fn b81_a_webhook_that_asks_for_it_hears_how_a_device_stands() {
    let world = World::start(Engine::Sqlite).await;
    let device = world.linked_device(&[]).await;
    let (asks, does_not) = (Receiver::start().await, Receiver::start().await);
    let body = json!({ "url": asks.url(), "events": ["device.updated", "message.created"] });
    let (status, hook) = device.rest.call(Method::POST, "/api/v1/webhooks", Some(body)).await;
    assert_eq!(
        (status, &hook["events"]),
        (201, &json!(["message.created", "device.updated"]))
    );
    device.rest.subscribes(does_not.url()).await;
    let wrong = json!({ "url": "https://example.org", "events": ["device.exploded"] });
    let (status, answer) = device.rest.call(Method::POST, "/api/v1/webhooks", Some(wrong)).await;
    assert_eq!(status, 400, "{answer}");
    world.contact("15550001111", "Ana").says(&device.phone, "hello");
    asks.gets("hello").await;
    does_not.gets("hello").await;
    device.phone.unlinks_all();
    let got = eventually("the webhook hears of the device", SOON, || async {
        asks.got().into_iter().find(|got| got.body["type"] == "device.updated")
    })
    .await;
    assert_eq!(
        got.id(),
        got.body["id"],
        "the id of the delivery is the id of the event"
    );
    assert_eq!(got.body["device_id"], OWNER);
    assert_eq!(got.body["chat_id"], Value::Null);
    assert_eq!(got.body["data"]["state"], "logged out");
    world.settles(SOON).await;
    assert!(does_not.got().iter().all(|got| got.body["type"] == "m.text"));
}
