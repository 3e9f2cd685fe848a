//! What happens to rooms on a real homeserver: the bot is sent away, a room is upgraded, members come and go.

use crate::{
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{OWNER, gets, texts},
    },
    synapse::{self, BOT, Owner},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// A person's own room became the portal, so that they may do anything there; then they send the bot away.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_was_sent_away_makes_one_new_room_with_the_next_message() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let room = alice.creates_dm_with(GHOST).await;
    alice.sees_joined(&room, BOT).await;
    alice.says(&room, "hello ana").await;
    gets(&ana, "hello ana").await;
    alice.kicks(&room, BOT).await;
    alice.sees_gone(&room, GHOST).await;
    ana.says(&linked.phone, "where are you?");
    let next = alice.joins_invite().await;
    assert_ne!(next.room_id(), room.room_id());
    alice.shows(&next, "where are you?").await;
    ana.says(&linked.phone, "here, then");
    alice.shows(&next, "here, then").await;
    alice.says(&next, "here").await;
    gets(&ana, "here").await;
    world.settles(SOON).await;
    assert_eq!(texts(&ana), ["hello ana", "here"]);
}

/// B63: Synapse makes the successor of a room, the client invites everybody into it, and the chat goes on there. Synapse does
/// not copy what says that the room is bridged.
#[tokio::test(flavor = "multi_thread")]
async fn b63_a_room_that_was_upgraded_is_followed() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let room = alice.creates_dm_with(GHOST).await;
    alice.sees_joined(&room, BOT).await;
    alice.says(&room, "in the old room").await;
    gets(&ana, "in the old room").await;
    let next = alice.upgrades(&room, &[GHOST]).await;
    alice.sees_joined(&next, BOT).await;
    alice.sees_joined(&next, GHOST).await;
    alice.says(&next, "in the new room").await;
    gets(&ana, "in the new room").await;
    ana.says(&linked.phone, "I follow");
    alice.shows(&next, "I follow").await;
    assert!(!alice.texts_of(&room, GHOST).await.contains(&"I follow".to_owned()));
}

/// B64, B86: by command, in all rooms, and out of them again.
#[tokio::test(flavor = "multi_thread")]
async fn b64_a_member_comes_writes_and_goes() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner {
        alice,
        bot: chat,
        phone,
    } = Owner::of(&world).await;
    let bob = world.homeserver.person("bob").await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello");
    let portal = alice.is_shown_anywhere("hello").await;
    alice.says(&chat, &format!("set-member {}", bob.id())).await;
    let shared = bob.joins_invite().await;
    assert_eq!(shared.room_id(), portal.room_id());
    bob.says(&shared, "bob speaks").await;
    assert_eq!(gets(&ana, "bob speaks").await.from, OWNER);
    ana.says(&phone, "hello bob");
    bob.shows(&shared, "hello bob").await;
    alice.says(&chat, &format!("remove-member {}", bob.id())).await;
    alice.sees_gone(&portal, bob.id()).await;
    eventually("bob is out of the room", SOON, || async {
        (shared.state() == matrix_sdk::RoomState::Left).then_some(())
    })
    .await;
    ana.says(&phone, "only alice hears");
    alice.shows(&portal, "only alice hears").await;
}
