//! B61: calls are one notice that changes with the call; the phone rings, not we.

use serde_json::Value;

use crate::support::{
    database::Engine,
    homeserver::Room,
    waiting::SOON,
    world::{Talking, World},
};

/// Waits for a notice of a call, new or in the place of another; tells the event.
async fn says(room: &Room, words: &str) -> Value {
    room.waits_for(words, |event| {
        let content = &event["content"];
        let now = if content["m.new_content"].is_object() {
            &content["m.new_content"]
        } else {
            content
        };
        now["msgtype"] == "m.notice" && now["body"] == words
    })
    .await
}

/// How many notices of calls began in a room.
fn begun(room: &Room) -> usize {
    let messages = room.messages();
    let is_new = |event: &&Value| event["content"]["m.relates_to"].is_null();
    let calls = messages.iter().filter(|event| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("📞"))
    });
    calls.filter(is_new).count()
}

on_both_engines! {
    async fn b61_a_call_is_one_notice_from_its_ringing_to_its_end(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let call = ana.calls(&linked.phone, true);
        let first = says(&room, "📞 Incoming video call. Answer it on your phone.").await;
        assert_eq!(first["sender"], "@whatsapp_15550001111:hs.test");
        linked.phone.answers_call(&call);
        let edit = says(&room, "📞 Answered video call, on another device.").await;
        assert_eq!(edit["content"]["m.relates_to"]["event_id"], first["event_id"]);
        ana.hangs_up(&call);
        room.waits_for("how long it was", |event| {
            event["content"]["m.new_content"]["body"].as_str().is_some_and(|body| body.ends_with("long."))
        }).await;
        assert_eq!(begun(&room), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b61_calls_that_were_missed_and_declined_say_so() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let missed = ana.calls(&linked.phone, false);
    says(&room, "📞 Incoming voice call. Answer it on your phone.").await;
    ana.hangs_up(&missed);
    says(&room, "📞 Missed voice call.").await;
    let declined = ana.calls(&linked.phone, false);
    says(&room, "📞 Incoming voice call. Answer it on your phone.").await;
    linked.phone.rejects_call(&declined);
    says(&room, "📞 Declined voice call.").await;
    ana.announces_group_call(&linked.phone, true);
    says(&room, "📞 Incoming group video call. Answer it on your phone.").await;
    world.settles(SOON).await;
    assert_eq!(begun(&room), 3);
}

/// A call while nobody was there was missed; webhooks hear of messages, not of calls.
#[tokio::test(flavor = "multi_thread")]
async fn b61_a_call_while_we_were_away_was_missed() {
    let mut world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let (receiver, _) = crate::support::world::webhook(&linked.rest).await;
    world.wharf.stops().await;
    ana.calls(&linked.phone, false);
    world.wharf.start().await;
    says(&room, "📞 Missed voice call.").await;
    ana.says(&linked.phone, "you were away");
    receiver.gets("you were away").await;
    assert_eq!(receiver.got().len(), 1);
}
