//! B30: media that did not come are asked for once more when a person wants it: by ♻️, by command, by REST.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::UploadAgain;

use crate::support::{
    database::Engine,
    homeserver::Room,
    world::{Talking, World, text_of},
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

/// A conversation in which a picture did not come, because neither the server nor the phone has it; and its placeholder.
async fn without_a_picture(engine: Engine) -> (World, Talking, Value) {
    let mut world = World::start(engine).await;
    let talking = world.talking().await;
    talking.linked.phone.uploads_again(UploadAgain::HasLost);
    world.wharf.stops().await;
    talking
        .ana
        .sends_image(&talking.linked.phone, PNG, Some("late"))
        .unwrap();
    world.whatsapp.expires_all_media(410);
    world.wharf.start().await;
    let placeholder = talking
        .room
        .waits_for("a placeholder", |event| {
            says(event, "is no longer on the server. The phone")
        })
        .await;
    talking
        .room
        .waits_for("what the phone said", |event| {
            says(&event["content"]["m.new_content"], "the phone did not bring it")
                || says(event, "the phone did not bring it")
        })
        .await;
    (world, talking, placeholder["event_id"].clone())
}

fn says(event: &Value, words: &str) -> bool {
    event["content"]["body"]
        .as_str()
        .or(event["body"].as_str())
        .is_some_and(|body| body.contains(words))
}

/// Waits for the picture in the place of the placeholder.
async fn is_there(world: &World, room: &Room, placeholder: &Value) {
    let edit = room
        .waits_for("the picture in its place", |event| {
            event["content"]["m.new_content"]["msgtype"] == "m.image"
        })
        .await;
    assert_eq!(edit["content"]["m.relates_to"]["event_id"], *placeholder);
    let file = world
        .homeserver
        .file(text_of(&edit["content"]["m.new_content"], "url"))
        .unwrap();
    assert_eq!(file.bytes, PNG);
    assert_eq!(edit["content"]["m.new_content"]["body"], "late");
}

on_both_engines! {
    /// B30
    async fn b30_a_reaction_on_a_placeholder_asks_once_more(engine: Engine) {
        let (world, talking, placeholder) = without_a_picture(engine).await;
        let Talking { alice, room, linked, ana } = &talking;
        linked.phone.uploads_again(UploadAgain::Does);
        let before = ana.received().len();
        let relation = json!({"rel_type": "m.annotation", "event_id": placeholder, "key": "♻"});
        alice.sends(room.id(), "m.reaction", &json!({ "m.relates_to": relation }));
        room.waits_for("an answer", |event| says(event, "Asked for the image once more")).await;
        is_there(&world, room, &placeholder).await;
        assert_eq!(ana.received().len(), before, "the mark was for us");
        // On what is there it is a mark like any other.
        let relation = json!({"rel_type": "m.annotation", "event_id": placeholder, "key": "♻️"});
        alice.sends(room.id(), "m.reaction", &json!({ "m.relates_to": relation }));
        ana.waits_for(|got| got.message.reaction_message.is_set(), crate::support::waiting::SOON).await.unwrap();
    }

    /// B30
    async fn b30_the_command_retry_asks_for_the_answered_or_the_latest_file(engine: Engine) {
        let (world, talking, placeholder) = without_a_picture(engine).await;
        let Talking { alice, room, linked, .. } = &talking;
        let asked = alice.says(room.id(), "!wa retry");
        room.waits_for("an answer", |event| {
            says(event, "Asked for the image once more") && event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked
        })
        .await;
        linked.phone.uploads_again(UploadAgain::Does);
        alice.replies(room.id(), placeholder.as_str().unwrap(), "!wa retry");
        is_there(&world, room, &placeholder).await;
        alice.replies(room.id(), placeholder.as_str().unwrap(), "!wa retry");
        room.waits_for("an answer", |event| says(event, "It is here already")).await;
        alice.says(room.id(), "!wa retry");
        room.waits_for("an answer", |event| says(event, "No file is missing")).await;
    }

    /// B30
    async fn b30_a_file_is_asked_for_once_more_by_rest(engine: Engine) {
        let (world, talking, placeholder) = without_a_picture(engine).await;
        let Talking { room, linked, .. } = &talking;
        linked.phone.uploads_again(UploadAgain::Does);
        let path = |room: &str, event: &str| {
            format!("/api/v1/chats/{}/messages/{}/retry", room.replace('!', "%21"), event.replace('$', "%24"))
        };
        let event = placeholder.as_str().unwrap();
        let (status, answer) = linked.rest.call(Method::POST, &path(room.id(), event), None).await;
        assert_eq!((status, &answer["status"]), (202, &json!("asked")));
        is_there(&world, room, &placeholder).await;
        let there = crate::support::waiting::eventually("the file is there", crate::support::waiting::SOON, || async {
            let (status, answer) = linked.rest.call(Method::POST, &path(room.id(), event), None).await;
            (status == 200).then_some(answer)
        });
        assert_eq!(there.await["status"], "here");

        let hello = room.shows("hello").await;
        let (status, answer) = linked.rest.call(Method::POST, &path(room.id(), text_of(&hello, "event_id")), None).await;
        assert_eq!((status, answer), (400, json!({"error": "Invalid message: it has no file that could be asked for"})));
        for (room, event) in [("!other:hs.test", event), (room.id(), "$other"), ("nothing", "nothing")] {
            let (status, answer) = linked.rest.call(Method::POST, &path(room, event), None).await;
            assert_eq!((status, answer), (404, json!({"error": "Message not found"})));
        }
        let stranger = world.rest.new_token(&[]).await;
        let (status, _) = stranger.call(Method::POST, &path(room.id(), event), None).await;
        assert_eq!(status, 404);
    }
}
