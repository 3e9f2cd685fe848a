//! What people write in Matrix reaches WhatsApp.

use reqwest::Method;
use serde_json::json;

use super::bot::bot_says;
use crate::support::{
    database::Engine,
    waiting::SOON,
    world::{OWNER, Talking, World, gets, texts},
};

on_both_engines! {
    /// B01, B04; alice is a member of the identity and writes through its device: B64, B86
    async fn an_answer_in_matrix_reaches_ana_with_the_quote_filled(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, .. } = world.talking().await;
        let question = room.shows("hello").await["event_id"].as_str().unwrap().to_owned();
        alice.replies(room.id(), &question, "hello yourself");
        let got = gets(&ana, "hello yourself").await;
        assert_eq!(got.from, OWNER);
        assert_eq!(got.quoted_text.as_deref(), Some("hello"));
        world.settles(SOON).await;
        assert_eq!(ana.raw_count(&got.id), 1);
    }
}

/// B02
#[tokio::test(flavor = "multi_thread")]
async fn formatting_in_matrix_is_markup_on_whatsapp() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let html = "<p><strong>Look</strong> at <em>this</em>:</p>\n<ol>\n<li>one</li>\n<li><del>two</del></li>\n</ol>\n";
    let content = json!({
        "msgtype": "m.text", "body": "**Look** at *this*:\n\n1. one\n2. ~~two~~",
        "format": "org.matrix.custom.html", "formatted_body": html,
    });
    alice.sends(room.id(), "m.room.message", &content);
    gets(&ana, "*Look* at _this_:\n1. one\n2. ~two~").await;
    alice.says(room.id(), "*as* it is, 2*3*4");
    gets(&ana, "*as* it is, 2*3*4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_keep_their_order() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let said: Vec<String> = (0..30).map(|number| format!("number {number}")).collect();
    for text in &said {
        alice.says(room.id(), text);
    }
    gets(&ana, "number 29").await;
    assert_eq!(texts(&ana), said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_gets_one_notice_in_the_room() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let image = json!({ "msgtype": "m.image", "body": "cat.png", "url": "mxc://hs.test/cat" });
    alice.sends(room.id(), "m.room.message", &image);
    bot_says(&room, "no longer there").await;
    world.whatsapp.nacks_next(463);
    alice.says(room.id(), "refused");
    bot_says(&room, "Not sent").await;
    alice.says(room.id(), "goes on");
    gets(&ana, "goes on").await;
    world.settles(SOON).await;
    let notices = room
        .said()
        .into_iter()
        .filter(|(who, _)| who == "@whatsappbot:hs.test")
        .count();
    assert_eq!(notices, 2, "{:?}", room.said());
    assert_eq!(texts(&ana), ["goes on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_in_the_room_is_not_heard() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    let mallory = world.homeserver.user("mallory");
    alice.invites(room.id(), mallory.id()).await;
    mallory.joins(room.id());
    mallory.says(room.id(), "listen to me");
    bot_says(&room, "only the owner and members").await;
    alice.says(room.id(), "just me");
    gets(&ana, "just me").await;
    assert_eq!(texts(&ana), ["just me"]);
}

/// B43: that a stranger was not heard is kept and told; what they said is not.
#[tokio::test(flavor = "multi_thread")]
async fn b43_what_a_stranger_says_in_the_room_fails_without_its_words() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        linked, alice, room, ..
    } = world.talking().await;
    let mallory = world.homeserver.user("mallory");
    alice.invites(room.id(), mallory.id()).await;
    mallory.joins(room.id());
    let event = mallory.says(room.id(), "listen to me");
    bot_says(&room, "only the owner and members").await;
    let about = |it: &serde_json::Value| {
        it["type"] == "com.beeper.message_send_status" && it["content"]["m.relates_to"]["event_id"] == event.as_str()
    };
    let status = room.waits_for("its state", about).await;
    assert_eq!(status["content"]["status"], "FAIL_PERMANENT");
    let path = format!("/api/v1/chats/{}/messages/{event}", room.id());
    let (status, shown) = linked.rest.call(Method::GET, &path, None).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        json!([shown["state"], shown["error"], shown["text"]]),
        json!(["failed", "only the owner and members are heard here", null])
    );
    // What they command is no message.
    let event = mallory.says(room.id(), "!wa retry");
    world.homeserver.has_pushed_everything().await;
    world.settles(SOON).await;
    let path = format!("/api/v1/chats/{}/messages/{event}", room.id());
    assert_eq!(linked.rest.call(Method::GET, &path, None).await.0, 404);
    assert!(world.holding("listen to me").await.is_empty());
}

/// A lost answer of WhatsApp's server is asked for again under the same id: Ana sees one message.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_makes_no_second_message() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    world.whatsapp.loses_next_ack();
    alice.says(room.id(), "once");
    alice.says(room.id(), "then this");
    gets(&ana, "then this").await;
    assert_eq!(texts(&ana), ["once", "then this"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_delays_and_loses_nothing() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    for round in 0..3 {
        world.whatsapp.drops_connections();
        alice.says(room.id(), &format!("round {round}"));
        gets(&ana, &format!("round {round}")).await;
    }
    assert_eq!(texts(&ana), ["round 0", "round 1", "round 2"]);
}

on_both_engines! {
    /// R7: the same event in several transactions is one message, and a transaction id that comes again with other events
    /// hides none of them.
    async fn r7_repeated_events_change_nothing_and_repeated_transaction_ids_hide_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, .. } = world.talking().await;
        let event = alice.says(room.id(), "three times");
        gets(&ana, "three times").await;
        world.homeserver.has_pushed_everything().await;
        let (transaction, pushed) = world
            .homeserver
            .pushed()
            .into_iter()
            .find(|(_, body)| {
                body["events"]
                    .as_array()
                    .is_some_and(|events| events.iter().any(|e| e["event_id"] == *event))
            })
            .unwrap();
        let events = pushed["events"].as_array().unwrap().clone();
        for number in [transaction, transaction + 1000, transaction + 1001] {
            assert_eq!(world.homeserver.pushes_again(number, &events).await, 200);
        }
        let mut other = events.iter().find(|e| e["event_id"] == *event).unwrap().clone();
        other["event_id"] = json!("$another_event");
        other["content"]["body"] = json!("same transaction, other event");
        assert_eq!(world.homeserver.pushes_again(transaction, &[other]).await, 200);
        gets(&ana, "same transaction, other event").await;
        world.settles(SOON).await;
        assert_eq!(texts(&ana), ["three times", "same transaction, other event"]);
    }
}
