//! Pictures, sound, films and files, both ways, by REST and to webhooks; and what happens when they are gone or too large.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, Received};

use crate::{
    rows::receives,
    support::{
        database::Engine,
        homeserver::Room,
        rest::{CLIENT_ID, CLIENT_SECRET, Rest, uploads},
        waiting::SOON,
        world::{OWNER, Talking, World, text_of, webhook},
    },
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");

async fn shows(room: &Room, msgtype: &str) -> Value {
    room.waits_for(msgtype, |event| event["content"]["msgtype"] == msgtype)
        .await
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

/// B31: what is larger than anything that goes is not even fetched, and its size is told.
#[tokio::test(flavor = "multi_thread")]
async fn b31_what_no_network_takes_is_told_with_its_size() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, .. } = world.talking().await;
    let address = world
        .homeserver
        .keeps_file(Some("disk.img"), "application/octet-stream", vec![0; 2001 << 20]);
    let content = json!({"msgtype": "m.file", "body": "disk.img", "filename": "disk.img", "url": address});
    alice.sends(room.id(), "m.room.message", &content);
    let notice = room
        .waits_for("a notice", |event| event["content"]["msgtype"] == "m.notice")
        .await;
    let body = text_of(&notice["content"], "body");
    assert!(body.contains("2001 MiB") && body.contains("2000 MiB"), "{body}");
}

/// Sends a file by REST, with these fields beside it; the middle of the file is what its part says of itself.
async fn posts(rest: &Rest, fields: &[(&str, &str)], file: (&str, &str, &[u8])) {
    let request = rest.raw(Method::POST, &format!("/api/v1/devices/{OWNER}/message"));
    let answer = uploads(request.bearer_auth(rest.token()), fields, file).await;
    assert_eq!(answer.status(), 200);
}

/// What stands beside a file for a person.
fn beside<'a>(person: &'a str, words: &'a str) -> [(&'a str, &'a str); 3] {
    [("contact", person), ("platform", "wa"), ("text", words)]
}

/// The picture that somebody gets, with its words.
async fn gets_picture(person: &Contact, caption: &str) -> Received {
    let got = receives(person, "a picture", |got| got.message.image_message.is_set()).await;
    assert!(!person.media_of(&got).unwrap().is_empty());
    assert_eq!(got.message.image_message.caption.as_deref(), Some(caption));
    got
}

/// T19: the same behind the cookie of the console, as the original's page does it.
#[tokio::test(flavor = "multi_thread")]
async fn t19_a_file_is_sent_behind_the_cookie_too() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, ana, .. } = world.talking().await;
    let rest = &world.rest;
    let form = [("username", CLIENT_ID), ("password", CLIENT_SECRET)];
    let login = rest
        .raw(Method::POST, "/api/v1/admin/login")
        .form(&form)
        .send()
        .await
        .unwrap();
    let cookie = login.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let behind = |path: &str| {
        let request = rest.raw(Method::POST, &format!("/api/v1/admin/{path}"));
        request.header("cookie", &cookie).header("origin", world.wharf.url())
    };
    let token = json!({ "token": linked.rest.token() });
    assert_eq!(behind("matrix-token").json(&token).send().await.unwrap().status(), 200);
    let request = behind(&format!("devices/{OWNER}/message"));
    let file: (_, _, &[u8]) = ("notes.txt", "text/plain", b"some words");
    let answer = uploads(request, &beside("+15550001111", "look"), file).await;
    assert_eq!(answer.status(), 200);
    let got = receives(&ana, "the file", |got| got.text.as_deref() == Some("look")).await;
    assert_eq!(ana.media_of(&got).unwrap(), b"some words");
}

/// T13: a picture by REST, with the words under it, to a person; its echo in the room knows how large it is.
#[tokio::test(flavor = "multi_thread")]
async fn t13_w18_a_picture_by_rest_reaches_ana_and_is_echoed() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let file = ("harbour.png", "image/png", PNG);
    posts(&linked.rest, &beside(ana.number(), "look"), file).await;
    let got = receives(&ana, "a picture", |got| got.message.image_message.is_set()).await;
    assert!(!ana.media_of(&got).unwrap().is_empty());
    let picture = got.message.image_message.as_option().unwrap();
    assert_eq!(picture.caption.as_deref(), Some("look"));
    let content = &shows(&room, "m.image").await["content"];
    assert_eq!(
        (&content["body"], &content["filename"]),
        (&json!("look"), &json!("harbour.png"))
    );
    let size = |at: usize| u32::from_be_bytes(PNG[at..at + 4].try_into().unwrap());
    let info = &content["info"];
    assert_eq!(
        (&info["mimetype"], &info["w"], &info["h"], &info["size"]),
        (
            &json!("image/png"),
            &json!(size(16)),
            &json!(size(20)),
            &json!(PNG.len())
        )
    );
    assert_eq!(world.homeserver.file(text_of(content, "url")).unwrap().bytes, PNG);
}

on_both_engines! {
    /// T13, W-18: a document by REST comes as it is: name, type and every byte, at the contact and in the room.
    async fn t13_w18_a_document_by_rest_keeps_its_name_its_type_and_its_bytes(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let paper = b"%PDF-1.7 \x00\xFF words";
        // Its extension counts before what the part says, what the part says before the bytes.
        let files: [(&str, &str, &[u8], &str); 4] = [
            ("Rechnung März.pdf", "text/plain", paper, "application/pdf"),
            ("letter.unheard", "application/pdf", b"words", "application/pdf"),
            ("scan.unheard", "application/octet-stream", paper, "application/pdf"),
            ("notes.unheard", "application/octet-stream", b"words", "application/octet-stream"),
        ];
        for (number, (name, said, bytes, kind)) in files.into_iter().enumerate() {
            let words = format!("file {number}");
            posts(&linked.rest, &beside(ana.number(), &words), (name, said, bytes)).await;
            let got = receives(&ana, name, |got| got.text.as_deref() == Some(words.as_str())).await;
            let wrapped = got.message.document_with_caption_message.as_option();
            let inner = wrapped.and_then(|wrapped| wrapped.message.as_option()).unwrap_or(&got.message);
            let document = inner.document_message.as_option().expect("a document");
            assert_eq!((document.file_name.as_deref(), document.mimetype.as_deref()), (Some(name), Some(kind)));
            assert_eq!(ana.media_of(&got).unwrap(), bytes);
            let echo = room.waits_for(name, |event| event["content"]["filename"] == name).await;
            let content = &echo["content"];
            assert_eq!((&content["msgtype"], &content["body"]), (&json!("m.file"), &json!(words)));
            assert_eq!((&content["info"]["mimetype"], &content["info"]["size"]), (&json!(kind), &json!(bytes.len())));
            assert_eq!(world.homeserver.file(text_of(content, "url")).unwrap().bytes, bytes);
        }
    }

    /// T14, W-04: a small document stands in the payload, byte for byte, with its name.
    async fn t14_w04_a_document_from_ana_reaches_the_webhook(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, ana, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        let paper = b"%PDF-1.7 \x00\xFF words";
        ana.sends_document(&linked.phone, paper, "paper.pdf", Some("read this")).unwrap();
        let got = receiver.gets("read this").await.body;
        assert_eq!((&got["type"], &got["file_name"]), (&json!("m.file"), &json!("paper.pdf")));
        assert_eq!(got["media"]["content"], STANDARD.encode(paper));
        assert_eq!(got["media"]["info"]["size"], paper.len());
    }

    /// T13: to a group, by its invite link: everybody in it gets it there, once.
    async fn t13_w07_a_file_by_rest_reaches_a_group(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
        let group = world.whatsapp.group("Sailing", &[&ana, &bob, &linked.phone]).unwrap();
        let link = group.invite_link(&ana).unwrap();
        let fields = [("group_url", &*link), ("platform", "wa"), ("text", "look, all of you")];
        posts(&linked.rest, &fields, ("harbour.png", "image/png", PNG)).await;
        for person in [&ana, &bob] {
            let got = gets_picture(person, "look, all of you").await;
            assert_eq!(got.chat.as_deref(), Some(&*group.jid()), "in the group and nowhere else");
        }
        let room = alice.joins_invite().await;
        assert_eq!(shows(&room, "m.image").await["content"]["body"], "look, all of you");
        world.settles(SOON).await;
        let pictures = ana.received().into_iter().filter(|got| got.message.image_message.is_set());
        assert_eq!(pictures.count(), 1);
    }

    /// B23: who sent it by REST finds the reason with the message.
    async fn b23_without_ffmpeg_sound_by_rest_says_why_it_went_as_a_plain_file(engine: Engine) {
        let mut world = World::prepare(engine, "[media]\nffmpeg = \"\"").await;
        world.wharf.start().await;
        let Talking { linked, ana, .. } = world.talking().await;
        let wav = [&b"RIFF\x24\x00\x00\x00WAVEfmt "[..], &[0; 64]].concat();
        posts(&linked.rest, &beside(ana.number(), "listen"), ("speech.wav", "audio/wav", &wav)).await;
        receives(&ana, "a document", |got| {
            got.message.document_message.is_set() || got.message.document_with_caption_message.is_set()
        })
        .await;
        world.settles(SOON).await;
        let path = format!("/api/v1/devices/wa/{OWNER}/chats/{}/messages?limit=1", ana.number());
        let (_, page) = linked.rest.call(Method::GET, &path, None).await;
        let path = format!("/api/v1/chats/{}/messages/{}", ana.number(), text_of(&page["data"][0], "event_id"));
        let (_, shown) = linked.rest.call(Method::GET, &path, None).await;
        assert_eq!((&shown["type"], &shown["text"]), (&json!("file"), &json!("listen")));
        let note = text_of(&shown["attachment"], "note");
        assert!(note.contains("ffmpeg is not installed where wharf runs"), "{note}");
    }
}
