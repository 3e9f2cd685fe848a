//! Who is named in messages, what is held at the top of a chat, what disappears, and how far messages came.

use serde_json::json;
use simulator::Speech;
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{OWNER, Talking, World, gets},
};

/// B03: a number in the words is a pill, and a pill is a number that rings.
#[tokio::test(flavor = "multi_thread")]
async fn mentions_cross_as_what_each_side_knows() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        alice,
        room,
        ana,
        linked,
    } = world.talking().await;
    world.contact("15550002222", "Bob");
    let text = Speech::Text {
        text: "ask @15550002222".into(),
        mentions: vec!["15550002222".into()],
    };
    ana.speaks(&linked.phone, text).unwrap();
    let bob = "@whatsapp_15550002222:hs.test";
    let event = room
        .waits_for("a mention", |event| {
            event["content"]["m.mentions"]["user_ids"] == json!([bob])
        })
        .await;
    let html = event["content"]["formatted_body"].as_str().unwrap();
    assert!(html.contains(&format!("https://matrix.to/#/{bob}")), "{html}");

    let her = "@whatsapp_15550001111:hs.test";
    let content = json!({
        "msgtype": "m.text", "body": "thanks Ana", "format": "org.matrix.custom.html",
        "formatted_body": format!("thanks <a href=\"https://matrix.to/#/{her}\">Ana</a>"),
        "m.mentions": {"user_ids": [her]},
    });
    alice.sends(room.id(), "m.room.message", &content);
    let got = gets(&ana, "thanks @15550001111").await;
    let around = got
        .message
        .extended_text_message
        .as_option()
        .unwrap()
        .context_info
        .as_option()
        .unwrap()
        .clone();
    assert_eq!(around.mentioned_jid.len(), 1, "{around:?}");
}

/// B14
#[tokio::test(flavor = "multi_thread")]
async fn a_message_pinned_on_whatsapp_is_pinned_in_matrix() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { room, ana, linked, .. } = world.talking().await;
    let id = ana.says(&linked.phone, "remember this");
    let event = room.shows("remember this").await["event_id"].clone();
    let pin = Speech::Pin {
        id,
        pinned: true,
        seconds: 0,
    };
    ana.speaks(&linked.phone, pin).unwrap();
    eventually("the pin", SOON, || async {
        room.state("m.room.pinned_events", "")
            .filter(|state| state["pinned"] == json!([event]))
    })
    .await;
}

/// B12: also when the time is over while nobody was there to see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_disappears_is_taken_back_in_matrix() {
    let mut world = World::start(Engine::Sqlite).await;
    let Talking { room, ana, linked, .. } = world.talking().await;
    let context = wa::ContextInfo {
        expiration: Some(3),
        ..Default::default()
    };
    let words = wa::message::ExtendedTextMessage {
        text: Some("for a moment".into()),
        context_info: MessageField::some(context),
        ..Default::default()
    };
    let message = wa::Message {
        extended_text_message: MessageField::some(words),
        ..Default::default()
    };
    ana.sends(&linked.phone, message);
    let event = room.shows("for a moment").await["event_id"].clone();
    world.restarts().await;
    room.waits_for("a redaction", |seen| {
        seen["type"] == "m.room.redaction" && seen["content"]["redacts"] == event
    })
    .await;
}

/// B43: each recipient's state is kept, and clients hear that the network has a message.
#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_message_came_is_kept_and_told() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        alice,
        room,
        ana,
        linked,
    } = world.talking().await;
    let said = alice.says(room.id(), "are you there?");
    let got = gets(&ana, "are you there?").await;
    assert_eq!(got.from, OWNER);
    let status = room
        .waits_for("its status", |event| event["type"] == "com.beeper.message_send_status")
        .await;
    assert_eq!(status["content"]["m.relates_to"]["event_id"], said);
    assert_eq!(status["content"]["status"], "SUCCESS");
    ana.reads(&linked.phone, &[got.id]);
    eventually("that she read it", SOON, || async {
        let read = world.count("select count(*) from receipts where state = 'read'").await;
        (read == 1).then_some(())
    })
    .await;
}
