//! The life of a device and of its rooms, as its owner sees it in a real client.

use matrix_sdk::Room;
use simulator::Goodbye;

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{OWNER, World, gets},
    },
    synapse::{self, BOT, Synapse},
};

/// The codes to scan that were shown so far.
fn codes(alice: &Person, bot: &Room) -> Vec<String> {
    let told = alice.heard(bot, BOT).into_iter();
    told.filter(|text| text.starts_with("2@")).collect()
}

/// Asks for a code to scan, and waits for it.
async fn new_code(alice: &Person, bot: &Room) -> String {
    let before = codes(alice, bot);
    alice.says(bot, "login qr").await;
    let is_new = || async { codes(alice, bot).into_iter().find(|code| !before.contains(code)) };
    eventually("another code", SOON, is_new).await
}

/// Everything in one life: linked by a code that is typed, lost, told of, replaced, logged out, linked again.
async fn a_life(world: &World<Synapse>, alice: &Person, bot: &Room) -> (simulator::Phone, Room) {
    let phone = world.whatsapp.phone(OWNER, "Alice");
    alice.says(bot, &format!("login phone +{OWNER}")).await;
    let told = alice.hears(bot, BOT, "Link with phone number").await;
    let code = told["content"]["body"].as_str().unwrap().rsplit(' ').next().unwrap();
    phone.types(code).await.unwrap();
    alice.hears(bot, BOT, "Linked: ").await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "before");
    let chat = alice.is_shown_anywhere("before").await;

    world.whatsapp.is_down();
    alice.hears(bot, BOT, "has not been connected for").await;
    world.whatsapp.is_up();
    alice.hears(bot, BOT, "is connected again").await;
    world.whatsapp.says_goodbye(&Goodbye::Replaced);
    alice
        .hears(bot, BOT, "is replaced: another program took its session over")
        .await;
    alice.says(bot, "reconnect").await;
    ana.says(&phone, "taken back over");
    alice.shows(&chat, "taken back over").await;

    phone.unlinks_all();
    alice.hears(bot, BOT, "Its rooms stay").await;
    alice.says(&chat, "into the void").await;
    alice.hears(&chat, BOT, "Not sent").await;
    phone.scans(&new_code(alice, bot).await).unwrap();
    eventually("linked again", SOON, || async {
        let told = alice.heard(bot, BOT).into_iter();
        (told.filter(|text| text.starts_with("Linked: ")).count() == 2).then_some(())
    })
    .await;
    ana.says(&phone, "after");
    alice.shows(&chat, "after").await;
    alice.says(&chat, "it works again").await;
    assert_eq!(gets(&ana, "it works again").await.from, OWNER);
    alice.says(bot, &format!("devices +{OWNER}")).await;
    let past = alice.hears(bot, BOT, "newest first").await;
    let past = past["content"]["body"].as_str().unwrap();
    assert!(past.contains("logged out") && past.contains("replaced"), "{past}");
    (phone, chat)
}

/// B80, B81
#[tokio::test(flavor = "multi_thread")]
async fn b80_b81_a_device_is_linked_lost_and_linked_again_into_its_rooms() {
    let world = synapse::world_with(Engine::Sqlite, "link_grace = 1").await;
    let alice = world.homeserver.person("alice").await;
    let bot = alice.creates_dm_with(BOT).await;
    alice.hears(&bot, BOT, "Hello").await;
    let (phone, chat) = a_life(&world, &alice, &bot).await;
    let ana = world.contact("15550001111", "Ana");

    // A second phone of hers has rooms of its own.
    let second = world.whatsapp.phone("15550008888", "Alice at work");
    second.scans(&new_code(&alice, &bot).await).unwrap();
    alice.hears(&bot, BOT, "Linked: WhatsApp +15550008888").await;
    ana.says(&second, "to the second");
    let work = alice.is_shown_anywhere("to the second").await;
    assert_ne!(work.room_id(), chat.room_id());
    alice.says(&work, "from work").await;
    assert_eq!(gets(&ana, "from work").await.from, "15550008888");

    // A chat that is deleted comes back as another room.
    alice.says(&chat, "!wa delete-chat").await;
    alice.hears(&bot, BOT, "The chat is deleted, on the phone too.").await;
    alice.is_out_of(&chat).await;
    ana.says(&phone, "are you there?");
    let again = alice.is_shown_anywhere("are you there?").await;
    assert_ne!(again.room_id(), chat.room_id());
    alice.says(&again, "I am").await;
    assert_eq!(gets(&ana, "I am").await.from, OWNER);
    alice.says(&bot, "logout 15550008888").await;
    alice.hears(&bot, BOT, "+15550008888 is unlinked").await;
}
