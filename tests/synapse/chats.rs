//! Direct chats that a person opens with a real client: with the bot and with a ghost; and the person's own phone.

use serde_json::{Value, json};

use crate::{
    support::{
        database::Engine,
        waiting::SOON,
        world::{OWNER, gets, texts},
    },
    synapse::{self, BOT},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";

fn is_taken_back(events: &[Value], event: &Value) -> bool {
    events
        .iter()
        .any(|it| it["type"] == "m.room.redaction" && it["content"]["redacts"] == event["event_id"])
}

/// B45, B80: links through the bot, then writes on the phone: shown as the real user by double puppeting.
#[tokio::test(flavor = "multi_thread")]
async fn b45_b80_a_person_links_through_the_bot_and_is_shown_as_themselves() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let room = alice.creates_dm_with(BOT).await;
    alice.hears(&room, BOT, "Hello").await;
    alice.says(&room, "help").await;
    alice.hears(&room, BOT, "login phone <number>").await;

    let phone = world.whatsapp.phone(OWNER, "Alice");
    alice.says(&room, "login qr").await;
    let image = alice
        .sees(&room, "the image of a code", |event| {
            event["content"]["msgtype"] == "m.image"
        })
        .await;
    let png = alice.downloads(image["content"]["url"].as_str().unwrap()).await;
    let size = image::load_from_memory(&png).expect("a picture").width();
    assert_eq!(image["content"]["info"]["w"], json!(size));
    let code = alice.hears(&room, BOT, "2@").await;
    phone.scans(code["content"]["body"].as_str().unwrap()).unwrap();
    alice.hears(&room, BOT, "Linked: ").await;
    let events = alice.reads(&room).await;
    assert!(
        is_taken_back(&events, &image) && is_taken_back(&events, &code),
        "codes stay in the room"
    );
    assert!(
        !events
            .iter()
            .any(|it| it["content"]["body"].as_str().is_some_and(|text| text.contains("2@")))
    );

    let ana = world.contact("15550001111", "Ana");
    phone.says(&ana, "from my phone");
    let chat = alice.is_shown_anywhere("from my phone").await;
    let own = alice.shows(&chat, "from my phone").await;
    assert_eq!(own["sender"], alice.id());
    ana.says(&phone, "I see");
    alice.shows(&chat, "I see").await;
    alice.says(&chat, "from Matrix").await;
    gets(&ana, "from Matrix").await;
    world.settles(SOON).await;
    let (on_whatsapp, in_room) = (texts(&ana), alice.texts_of(&chat, alice.id()).await);
    assert_eq!(
        on_whatsapp,
        ["from my phone", "from Matrix"],
        "the echo is not sent back"
    );
    assert_eq!(in_room, ["from my phone", "from Matrix"], "shown once");
}

/// B50, B63: and the room says what it is.
#[tokio::test(flavor = "multi_thread")]
async fn b50_b63_inviting_a_ghost_begins_a_chat() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let room = alice.creates_dm_with(GHOST).await;
    alice.sees_joined(&room, GHOST).await;
    alice.sees_joined(&room, BOT).await;
    alice.says(&room, "hello ana").await;
    gets(&ana, "hello ana").await;
    ana.says(&linked.phone, "hello alice");
    let event = alice.shows(&room, "hello alice").await;
    assert_eq!(event["sender"], GHOST);
    alice.sees_bridge(&room, BOT).await;
}
