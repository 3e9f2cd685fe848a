//! The bot on a real homeserver: linking by code, what it answers, unlinking; and its one notice for what cannot be sent.

use serde_json::json;

use crate::{
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{OWNER, gets, texts},
    },
    synapse::{self, BOT, Talk},
};

#[tokio::test(flavor = "multi_thread")]
async fn b80_a_person_links_by_phone_number_asks_and_unlinks() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let room = alice.creates_dm_with(BOT).await;
    alice.hears(&room, BOT, "Hello").await;
    alice.says(&room, "ping").await;
    alice.hears(&room, BOT, "Pong").await;
    alice.says(&room, "devices").await;
    alice.hears(&room, BOT, "You have no linked device").await;

    let phone = world.whatsapp.phone(OWNER, "Alice");
    alice.says(&room, &format!("login phone +{OWNER}")).await;
    let shown = alice.hears(&room, BOT, "Link with phone number").await;
    let code = shown["content"]["body"].as_str().unwrap().rsplit(' ').next().unwrap();
    phone.types(code).await.unwrap();
    alice.hears(&room, BOT, "Linked: ").await;
    let events = alice.reads(&room).await;
    assert!(
        !events.iter().any(|event| event.to_string().contains(code)),
        "the code stays in the room"
    );
    alice.says(&room, "devices").await;
    let devices = alice.hears(&room, BOT, &format!("WhatsApp +{OWNER}: ")).await;
    assert!(
        devices["content"]["body"].as_str().unwrap().contains(": connected"),
        "{devices}"
    );

    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello alice");
    let chat = alice.is_shown_anywhere("hello alice").await;
    alice.says(&chat, "hello ana").await;
    gets(&ana, "hello ana").await;

    alice.says(&room, "logout").await;
    alice.hears(&room, BOT, "is unlinked").await;
    phone.waits_for_companions(0, SOON).await.unwrap();
    alice.says(&room, "devices").await;
    eventually("the bot says again that there is none", SOON, || async {
        let answers = alice.texts_of(&room, BOT).await;
        let none = answers.iter().filter(|text| text.contains("You have no linked device"));
        (none.count() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_gets_one_notice_in_the_room() {
    let Talk {
        world,
        alice,
        ana,
        room,
        ..
    } = &Talk::begin(Engine::Sqlite).await;
    let image = json!({ "msgtype": "m.image", "body": "cat.png", "url": "mxc://hs.test/cat" });
    alice.sends(room, "m.room.message", image).await;
    alice.hears(room, BOT, "no longer there").await;
    world.whatsapp.nacks_next(463);
    alice.says(room, "refused").await;
    alice.hears(room, BOT, "Not sent").await;
    alice.says(room, "goes on").await;
    gets(ana, "goes on").await;
    world.settles(SOON).await;
    let notices = alice.texts_of(room, BOT).await;
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert_eq!(texts(ana), ["goes on"]);
}
