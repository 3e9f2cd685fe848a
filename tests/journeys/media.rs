//! Pictures, sound, films and files, both ways, by REST and to webhooks; and what happens when they are gone or too large.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, Received};

use crate::support::{
    database::Engine,
    homeserver::Room,
    waiting::{SOON, eventually},
    world::{OWNER, Talking, World, text_of, webhook},
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");

async fn shows(room: &Room, msgtype: &str) -> Value {
    room.waits_for(msgtype, |event| event["content"]["msgtype"] == msgtype)
        .await
}

async fn receives(contact: &Contact, what: &str, is: impl Fn(&Received) -> bool) -> Received {
    eventually(what, SOON, || async { contact.received().into_iter().find(&is) }).await
}

on_both_engines! {
    /// B20: with its caption, byte for byte; the webhook gets the bytes too (T14).
    async fn t14_w04_a_picture_from_ana_reaches_her_room_and_the_webhook(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        ana.sends_image(&linked.phone, PNG, Some("the harbour")).unwrap();
        let shown = shows(&room, "m.image").await;
        let content = &shown["content"];
        assert_eq!(content["body"], "the harbour");
        let stored = world.homeserver.file(text_of(content, "url")).unwrap();
        assert_eq!(stored.bytes, PNG);
        let got = receiver.gets("the harbour").await.body;
        assert_eq!(got["type"], "m.image");
        assert_eq!(got["media"]["info"]["size"], PNG.len());
        assert_eq!(got["media"]["content"], STANDARD.encode(PNG));
    }

    /// B20, B25: what people send in Matrix arrives byte for byte, once.
    async fn files_of_matrix_reach_ana(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, .. } = world.talking().await;
        let paper = world.homeserver.keeps_file(Some("paper.pdf"), "application/pdf", &b"%PDF-1.7 words"[..]);
        let content = json!({
            "msgtype": "m.file", "body": "read this", "filename": "paper.pdf", "url": paper,
            "info": {"mimetype": "application/pdf", "size": 14},
        });
        alice.sends(room.id(), "m.room.message", &content);
        let got = receives(&ana, "a document", |got| {
            got.message.document_message.is_set() || got.message.document_with_caption_message.is_set()
        })
        .await;
        assert_eq!(ana.media_of(&got).unwrap(), b"%PDF-1.7 words");
        world.settles(SOON).await;
        assert_eq!(ana.raw_count(&got.id), 1);
    }
}

/// B22, B23, B25
#[tokio::test(flavor = "multi_thread")]
async fn sound_voice_and_files_keep_what_they_are() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    ana.sends_voice(&linked.phone, OGG, 2).unwrap();
    let voice = shows(&room, "m.audio").await;
    assert!(voice["content"]["org.matrix.msc3245.voice"].is_object(), "{voice}");
    assert_eq!(voice["content"]["info"]["duration"], 2000);
    ana.sends_document(&linked.phone, b"some words", "notes.txt", Some("look"))
        .unwrap();
    let file = shows(&room, "m.file").await;
    assert_eq!(file["content"]["filename"], "notes.txt");
    assert_eq!(file["content"]["body"], "look");
}

/// B30: gone from the server, the phone brings it again, and it takes the place of the placeholder.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_expired_is_asked_for_again_and_takes_its_place() {
    let mut world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    world.wharf.stops().await;
    ana.sends_image(&linked.phone, PNG, Some("late")).unwrap();
    world.whatsapp.expires_all_media(410);
    world.wharf.start().await;
    let edit = room
        .waits_for("the picture in its place", |event| {
            event["content"]["m.new_content"]["msgtype"] == "m.image"
        })
        .await;
    let stored = world
        .homeserver
        .file(text_of(&edit["content"]["m.new_content"], "url"))
        .unwrap();
    assert_eq!(stored.bytes, PNG);
}

/// B31: a notice tells how large it is and what the homeserver takes.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_homeserver_does_not_take_is_told_with_its_size() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.homeserver.takes_files_up_to(1024);
    world.wharf.start().await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    ana.sends_document(&linked.phone, &[7; 4096], "big.bin", None).unwrap();
    room.waits_for("a notice", |event| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("4 KiB") && body.contains("1 KiB"))
    })
    .await;
}

/// T13: a file by REST, with the words under it, to a person; and its echo in the room.
#[tokio::test(flavor = "multi_thread")]
async fn t13_w18_a_file_by_rest_reaches_ana_and_is_echoed() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let mut form = Vec::new();
    for (name, value) in [("contact", ana.number()), ("platform", "wa"), ("text", "look")] {
        form.extend(format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"harbour.png\"\r\n\
                Content-Type: image/png\r\n\r\n";
    form.extend(head.bytes().chain(PNG.iter().copied()).chain(*b"\r\n--cut--\r\n"));
    let answer = linked
        .rest
        .raw(Method::POST, &format!("/api/v1/devices/{OWNER}/message"))
        .bearer_auth(linked.rest.token())
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let got = receives(&ana, "a picture", |got| got.message.image_message.is_set()).await;
    assert!(!ana.media_of(&got).unwrap().is_empty());
    let caption = got.message.image_message.as_option().unwrap().caption.clone();
    assert_eq!(caption.as_deref(), Some("look"));
    let echo = shows(&room, "m.image").await;
    assert_eq!(echo["content"]["body"], "look");
}
