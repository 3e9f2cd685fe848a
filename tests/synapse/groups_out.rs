//! Groups as a person with a real client makes and changes them: rename, promote, kick, and what is refused.

use matrix_sdk::{Room, ruma::UserId};
use serde_json::{Value, json};

use crate::{
    support::{
        database::Engine,
        waiting::{SOON, until},
        world::{OWNER, gets},
    },
    synapse::{self, BOT},
};

const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const ANA_GHOST: &str = "@whatsapp_15550001111:hs.test";
const BOB_GHOST: &str = "@whatsapp_15550002222:hs.test";

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

/// The last word of what the bot said.
fn link_in(told: &Value) -> String {
    let body = told["content"]["body"].as_str().unwrap();
    body.rsplit(' ').next().unwrap().trim_end_matches('.').to_owned()
}

/// B55: links of a group are made, reset, looked behind and followed.
#[tokio::test(flavor = "multi_thread")]
async fn b55_links_are_made_and_followed_from_a_real_client() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
    let bot = alice.creates_dm_with(BOT).await;
    alice.hears(&bot, BOT, "Hello").await;
    let group = world.whatsapp.group("Tea", &[&linked.phone, &ana]).unwrap();
    group.says(&ana, "hello all").unwrap();
    let room = alice.joins_group("Tea").await;
    alice.shows(&room, "hello all").await;
    alice.says(&room, "!wa invite-link").await;
    let told = alice.hears(&room, BOT, "Whoever has this link can join: ").await;
    let link = link_in(&told);
    assert_eq!(link, group.invite_link(&linked.phone).unwrap());
    alice.says(&room, "!wa invite-link --reset").await;
    alice.hears(&room, BOT, "The new link is ").await;
    assert_ne!(link, group.invite_link(&linked.phone).unwrap());
    alice.says(&bot, &format!("resolve-link {link}")).await;
    alice.hears(&bot, BOT, "This link leads nowhere").await;

    let cake = world.whatsapp.group("Cake", &[&ana, &bob]).unwrap();
    let link = cake.invite_link(&ana).unwrap();
    alice.says(&bot, &format!("resolve-link {link}")).await;
    alice.hears(&bot, BOT, "Behind this link is the group Cake").await;
    alice.says(&bot, &format!("join {link}")).await;
    alice.hears(&bot, BOT, "You are in the group Cake is here").await;
    assert!(cake.members().contains(&OWNER.to_owned()));
    let room = alice.joins_group("Cake").await;
    cake.says(&bob, "welcome").unwrap();
    alice.shows(&room, "welcome").await;
}

/// B62: a group is left and come back to; a chat is deleted, on either side.
#[tokio::test(flavor = "multi_thread")]
async fn b62_chats_are_left_and_deleted_on_either_side() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let phone = &linked.phone;
    let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
    let bot = alice.creates_dm_with(BOT).await;
    alice.hears(&bot, BOT, "Hello").await;
    let group = world.whatsapp.group("Tea", &[&ana, phone, &bob]).unwrap();
    group.says(&ana, "hello all").unwrap();
    let room = alice.joins_group("Tea").await;
    alice.shows(&room, "hello all").await;
    world.settles(SOON).await;
    alice.says(&room, "!wa leave").await;
    alice.hears(&room, BOT, "You left the group.").await;
    until("the owner is out", || !group.members().contains(&OWNER.to_owned())).await;
    group.adds(&ana, &[phone]).unwrap();
    group.says(&bob, "there you are").unwrap();
    alice.shows(&room, "there you are").await;

    ana.says(phone, "alone");
    let chat = alice.joins_invite().await;
    alice.shows(&chat, "alone").await;
    alice.says(&chat, "!wa delete-chat").await;
    alice.hears(&bot, BOT, "The chat is deleted, on the phone too.").await;
    let is_deletion = |setting: &simulator::Setting| setting.index.first().is_some_and(|kind| kind == "deleteChat");
    phone.waits_for_setting(is_deletion, SOON).await.unwrap();
    alice.is_out_of(&chat).await;
    ana.says(phone, "are you there?");
    let again = alice.joins_invite().await;
    assert_ne!(again.room_id(), chat.room_id());
    alice.shows(&again, "are you there?").await;
    world.settles(SOON).await;
    phone.deletes_chat(&ana.jid()).unwrap();
    alice.is_out_of(&again).await;
    ana.says(phone, "once more");
    let third = alice.joins_invite().await;
    alice.shows(&third, "once more").await;
    alice.says(&third, "here").await;
    gets(&ana, "here").await;
}
