//! B80: linking in a chat with the bot: one code that changes, joined, ended.

use serde_json::Value;

use super::bot::{BOT, bot_says, chat_with_bot};
use crate::support::{
    database::Engine,
    homeserver::Room,
    waiting::{SOON, eventually},
    world::{OWNER, World},
};

/// The events that show codes to scan.
fn codes(room: &Room) -> Vec<Value> {
    let messages = room.messages().into_iter();
    messages
        .filter(|event| event["content"]["msgtype"] == "m.image")
        .collect()
}

/// Waits until every code was taken back.
async fn are_taken_back(room: &Room) {
    eventually("no code stays", SOON, || async {
        let events = room.events();
        let is_gone = |code: &Value| {
            let id = &code["event_id"];
            events
                .iter()
                .any(|event| event["redacts"] == *id || event["content"]["redacts"] == *id)
        };
        codes(room).iter().all(is_gone).then_some(())
    })
    .await;
}

on_both_engines! {
    async fn b80_a_code_that_changes_is_one_message_and_a_linking_can_be_ended(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, room) = chat_with_bot(&world).await;
        alice.says(room.id(), "cancel");
        bot_says(&room, "There is nothing to cancel.").await;
        alice.says(room.id(), "login qr");
        let first = bot_says(&room, "2@").await;
        alice.says(room.id(), "login qr");
        bot_says(&room, "I am linking a phone already").await;
        alice.says(room.id(), &format!("login phone +{OWNER}"));
        bot_says(&room, "in another way already").await;
        world.whatsapp.renews_qr_codes();
        let second = eventually("another code", SOON, || async {
            codes(&room).into_iter().find(|code| code["content"]["body"] != *first)
        }).await;
        let original = &codes(&room)[0];
        assert_eq!(second["content"]["m.relates_to"]["event_id"], original["event_id"]);
        alice.says(room.id(), "cancel");
        bot_says(&room, "Linking is cancelled.").await;
        are_taken_back(&room).await;
        let phone = world.whatsapp.phone(OWNER, "Alice");
        let old = second["content"]["body"].as_str().unwrap().to_owned();
        assert!(phone.scans(&old).is_err(), "a code of an ended linking is worth nothing");
        alice.says(room.id(), "login qr");
        let code = eventually("a new code", SOON, || async {
            let new = codes(&room).into_iter().filter_map(|code| code["content"]["body"].as_str().map(str::to_owned));
            new.into_iter().find(|code| *code != first && *code != old)
        }).await;
        phone.scans(&code).unwrap();
        bot_says(&room, "Linked: ").await;
        are_taken_back(&room).await;
        let shown = room.said().iter().filter(|(who, text)| who == BOT && text.starts_with("2@")).count();
        assert_eq!(shown, 3, "each code once");
    }
}
