//! The bot in a direct chat: a person links a phone and writes, without REST.

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    waiting::{SOON, eventually},
    world::{OWNER, World, gets},
};

pub(super) const BOT: &str = "@whatsappbot:hs.test";

/// A direct chat of alice with the bot, which has said hello.
pub(super) async fn chat_with_bot(world: &World) -> (User, Room) {
    let alice = world.homeserver.user("alice");
    let room = alice.creates_dm_with(BOT).await;
    bot_says(&room, "Hello").await;
    (alice, room)
}

pub(super) async fn bot_says(room: &Room, words: &str) -> String {
    room.hears(BOT, words).await
}

/// Links alice's phone through the bot.
pub(super) async fn linked(world: &World) -> (User, Room, simulator::Phone) {
    let (alice, room) = chat_with_bot(world).await;
    let phone = world.whatsapp.phone(OWNER, "Alice");
    alice.says(room.id(), "login qr");
    let code = bot_says(&room, "2@").await;
    phone.scans(&code).unwrap();
    bot_says(&room, "Linked: ").await;
    (alice, room, phone)
}

on_both_engines! {
    /// B80: by QR, as an image and as text; the codes do not stay in the room.
    async fn a_person_links_by_qr_and_writes_from_their_own_account(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, room, phone) = linked(&world).await;
        let events = room.events();
        let taken_back = |id: &str| events.iter().any(|event| event["content"]["redacts"] == id || event["redacts"] == id);
        let codes: Vec<_> = events.iter().filter(|event| event["content"]["msgtype"] == "m.image").collect();
        assert!(!codes.is_empty());
        for code in codes {
            assert!(taken_back(code["event_id"].as_str().unwrap()), "{code} stays in the room");
        }
        let ana = world.contact("15550001111", "Ana");
        ana.says(&phone, "hello alice");
        let portal = alice.joins_invite().await;
        portal.shows("hello alice").await;
        alice.says(portal.id(), "hello ana");
        gets(&ana, "hello ana").await;
    }
}

/// B80: a code that could not be shown is shown as soon as it can be, and none stays in the room.
#[tokio::test(flavor = "multi_thread")]
async fn b80_a_code_that_the_homeserver_refused_is_shown_again() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room) = chat_with_bot(&world).await;
    let phone = world.whatsapp.phone(OWNER, "Alice");
    world.homeserver.takes_files_up_to(10);
    alice.says(room.id(), "login qr");
    eventually("a code is refused", SOON, || async {
        let requests = world.homeserver.requests();
        requests.iter().any(|line| line.contains("/upload")).then_some(())
    })
    .await;
    assert!(!room.said().iter().any(|(_, text)| text.contains("2@")));
    world.homeserver.takes_files_up_to(1 << 20);
    let code = bot_says(&room, "2@").await;
    phone.scans(&code).unwrap();
    bot_says(&room, "Linked: ").await;
    let events = room.events();
    let shown = events
        .iter()
        .find(|event| event["content"]["msgtype"] == "m.image")
        .unwrap();
    let taken_back = |event: &serde_json::Value| event["content"]["redacts"] == shown["event_id"];
    assert!(
        events
            .iter()
            .any(|event| taken_back(event) || event["redacts"] == shown["event_id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_answers_what_it_understands_and_says_what_it_does_not() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room) = chat_with_bot(&world).await;
    alice.says(room.id(), "help");
    bot_says(&room, "login phone <number>").await;
    alice.says(room.id(), "ping");
    bot_says(&room, "Pong").await;
    alice.says(room.id(), "dance");
    bot_says(&room, "I do not understand `dance`").await;
    alice.says(room.id(), "devices");
    bot_says(&room, "You have no linked device").await;
}

/// B80: by code, typed into the phone.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_links_by_phone_number() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room) = chat_with_bot(&world).await;
    let phone = world.whatsapp.phone(OWNER, "Alice");
    alice.says(room.id(), &format!("login phone +{OWNER}"));
    let text = bot_says(&room, "Link with phone number").await;
    let code = text.rsplit(' ').next().unwrap();
    phone.types(code).await.unwrap();
    bot_says(&room, "Linked: ").await;
    let log = world.wharf.logs();
    assert!(
        !log.contains(OWNER) && !log.contains(code),
        "codes and numbers stay out of the log"
    );
    alice.says(room.id(), "devices");
    let text = bot_says(&room, &format!("WhatsApp +{OWNER}: ")).await;
    assert!(text.contains(": connected"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_unlinks_and_says_so() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room, phone) = linked(&world).await;
    alice.says(room.id(), "logout");
    bot_says(&room, "is unlinked").await;
    phone.waits_for_companions(0, SOON).await.unwrap();
    alice.says(room.id(), "devices");
    bot_says(&room, "You have no linked device").await;
}

/// B81: the owner hears of it when the phone removes the device.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_told_once() {
    let world = World::start(Engine::Sqlite).await;
    let (_alice, room, phone) = linked(&world).await;
    phone.unlinks_all();
    bot_says(&room, "logged out").await;
    world.settles(SOON).await;
    let told = room
        .said()
        .iter()
        .filter(|(_, text)| text.contains("logged out"))
        .count();
    assert_eq!(told, 1);
}
