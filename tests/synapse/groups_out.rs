//! Groups as a person with a real client makes and changes them: rename, promote, kick, and what is refused.

use matrix_sdk::{Room, ruma::UserId};
use serde_json::{Value, json};

use crate::{
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{OWNER, gets},
    },
    synapse,
};

const BOT: &str = "@whatsappbot:hs.test";
const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const ANA_GHOST: &str = "@whatsapp_15550001111:hs.test";
const BOB_GHOST: &str = "@whatsapp_15550002222:hs.test";

async fn until(what: &str, holds: impl Fn() -> bool) {
    eventually(what, SOON, || async { holds().then_some(()) }).await;
}

async fn sets(room: &Room, kind: &str, content: Value) {
    room.send_state_event_raw(kind, "", content).await.unwrap();
}

/// The levels of a room, with one more.
async fn levels_with(room: &Room, user: &str, level: i64) -> Value {
    let levels = room.power_levels().await.unwrap();
    let mut users: serde_json::Map<_, _> = levels
        .users
        .iter()
        .map(|(user, level)| (user.to_string(), json!(level)))
        .collect();
    users.insert(user.to_owned(), json!(level));
    let events: serde_json::Map<_, _> = levels
        .events
        .iter()
        .map(|(kind, level)| (kind.to_string(), json!(level)))
        .collect();
    json!({
        "users": users, "users_default": levels.users_default, "events": events,
        "events_default": levels.events_default, "state_default": levels.state_default, "invite": levels.invite,
        "kick": levels.kick, "ban": levels.ban, "redact": levels.redact,
    })
}

/// B51, B52, B53, B54: made by command, renamed, an administrator named, somebody sent away.
#[tokio::test(flavor = "multi_thread")]
async fn b51_b52_b53_b54_a_group_is_made_and_changed_from_a_real_client() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let _linked = world.linked_device(&[alice.id()]).await;
    let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
    let bot = alice.creates_dm_with(BOT).await;
    alice.hears(&bot, BOT, "Hello").await;
    alice.says(&bot, &format!("create-group Tea +{ANA} +{BOB}")).await;
    alice.hears(&bot, BOT, "The group Tea is here").await;
    let room = alice.joins_group("Tea").await;
    for ghost in [ANA_GHOST, BOB_GHOST] {
        alice.sees_joined(&room, ghost).await;
    }
    alice.says(&room, "hello all").await;
    let to = gets(&ana, "hello all").await.chat.unwrap();
    gets(&bob, "hello all").await;
    let group = world.whatsapp.find_group(&to).unwrap();

    sets(&room, "m.room.name", json!({"name": "Coffee"})).await;
    until("the group is renamed", || group.subject() == "Coffee").await;
    let levels = levels_with(&room, ANA_GHOST, 50).await;
    sets(&room, "m.room.power_levels", levels).await;
    until("ana is an administrator", || group.admins().contains(&ANA.to_owned())).await;
    room.kick_user(&UserId::parse(BOB_GHOST).unwrap(), None).await.unwrap();
    until("bob is out", || !group.members().contains(&BOB.to_owned())).await;
    world.settles(SOON).await;
    let names = alice.reads(&room).await;
    let names = names
        .iter()
        .filter(|event| event["type"] == "m.room.name" && event["content"]["name"] == "Coffee");
    assert_eq!(names.count(), 1, "what comes back from WhatsApp is no news");
}

/// B52: the account may not rename the group, although the room allowed it.
#[tokio::test(flavor = "multi_thread")]
async fn b52_a_refused_change_is_taken_back_in_front_of_a_real_client() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact(ANA, "Ana");
    let group = world.whatsapp.group("Tea", &[&ana, &linked.phone]).unwrap();
    group.says(&ana, "hello all").unwrap();
    let room = alice.joins_group("Tea").await;
    alice.shows(&room, "hello all").await;
    world.settles(SOON).await;
    // More than a name of a group may have: only WhatsApp knows.
    sets(&room, "m.room.name", json!({ "name": "Tea ".repeat(40) })).await;
    alice.hears(&room, BOT, "Taken back: ").await;
    let is_back = |event: &Value| {
        event["type"] == "m.room.name"
            && event["content"]["name"] == "Tea"
            && event["unsigned"]["prev_content"]["name"] != Value::Null
    };
    alice.sees(&room, "the old name", is_back).await;
    assert_eq!(group.subject(), "Tea");
    assert!(group.members().contains(&OWNER.to_owned()));
}
