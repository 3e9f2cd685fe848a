//! B50: a person begins a chat by inviting a ghost.

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{World, gets},
};

#[tokio::test(flavor = "multi_thread")]
async fn inviting_a_ghost_begins_a_chat() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let room = alice.creates_dm_with("@whatsapp_15550001111:hs.test").await;
    let portal = eventually("there is a room to write in", SOON, || async {
        world.homeserver.rooms_of(alice.id()).into_iter().find(|it| {
            it.membership("@whatsappbot:hs.test").as_deref() == Some("join")
                && it.membership("@whatsapp_15550001111:hs.test").as_deref() == Some("join")
        })
    })
    .await;
    if portal.id() != room.id() {
        alice.joins(portal.id());
    }
    alice.says(portal.id(), "hello ana");
    let got = gets(&ana, "hello ana").await;
    assert_eq!(got.from, linked.phone.number());
    ana.says(&linked.phone, "hello alice");
    portal.shows("hello alice").await;
}

on_both_engines! {
    /// B50: a person opens a chat with a ghost, and whoever it stands for writes at the same time: one room is the chat.
    async fn b50_a_chat_that_two_begin_at_once_has_one_room(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact("15550001111", "Ana");
        let (ghost, bot) = ("@whatsapp_15550001111:hs.test", "@whatsappbot:hs.test");
        // Asked when the chat was seen to have no room, and before the room that alice opened becomes it.
        let asked = "/state/m.room.encryption";
        world.homeserver.holds(asked);
        let opened = alice.creates_dm_with(ghost).await;
        eventually("the room that alice opened is about to be the chat", SOON, || async {
            world.homeserver.requests().iter().any(|line| line.contains(asked)).then_some(())
        })
        .await;
        ana.says(&linked.phone, "hello alice");
        let portal = world.homeserver.waits_for_room("hello", |room| room.said().iter().any(|(_, text)| text == "hello alice")).await;
        assert_ne!(portal.id(), opened.id());
        world.homeserver.lets_go();
        opened.shows(&format!("This chat is bridged in another room: https://matrix.to/#/{}", portal.id())).await;
        eventually("ours are out of the room that alice opened", SOON, || async {
            [ghost, bot].iter().all(|user| opened.membership(user).as_deref() == Some("leave")).then_some(())
        })
        .await;
        alice.joins(portal.id());
        alice.says(portal.id(), "hello ana");
        gets(&ana, "hello ana").await;
        ana.says(&linked.phone, "and again");
        portal.shows("and again").await;
        assert_eq!(world.count("select count(*) as number from portals").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_not_on_whatsapp_is_declined_in_words() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let _linked = world.linked_device(&[alice.id()]).await;
    world.contact("15550004444", "Nobody").is_registered(false);
    let ghost = "@whatsapp_15550004444:hs.test";
    let room = alice.creates_dm_with(ghost).await;
    room.shows("This number is not on WhatsApp.").await;
    eventually("the ghost leaves", SOON, || async {
        (room.membership(ghost).as_deref() == Some("leave")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_device_is_told_what_to_do() {
    let world = World::start(Engine::Sqlite).await;
    let bob = world.homeserver.user("bob");
    let room = bob.creates_dm_with("@whatsapp_15550001111:hs.test").await;
    let said = eventually("the ghost explains", SOON, || async {
        room.said().into_iter().find(|(_, text)| text.contains("login qr"))
    })
    .await;
    assert_eq!(said.0, "@whatsapp_15550001111:hs.test");
}
