//! What webhooks hear of each kind of message, with its file; of what they hear nothing; and files that come late.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use simulator::{Attachment, Card, MediaKind, Speech, UploadAgain};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    receiver::{Got, Receiver},
    waiting::{SOON, eventually},
    world::{Talking, World, text_of, webhook},
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");
const FILM: &[u8] = include_bytes!("../rows/media/film.mp4");
const STILL: &[u8] = include_bytes!("../rows/media/still.webp");

/// Waits for a payload of this type.
async fn gets_type(receiver: &Receiver, kind: &str) -> Value {
    eventually(&format!("the webhook gets {kind}"), SOON, || async {
        receiver.got().into_iter().find(|got| got.body["type"] == kind)
    })
    .await
    .body
}

/// The file that a payload carries.
fn carried(payload: &Value) -> Vec<u8> {
    STANDARD.decode(text_of(&payload["media"], "content")).unwrap()
}

fn told(got: &[Got]) -> Vec<String> {
    got.iter().map(|got| text_of(&got.body, "message").to_owned()).collect()
}

/// T14: everything that is known of a picture and of a film stands beside its bytes.
#[tokio::test(flavor = "multi_thread")]
async fn t14_w04_pictures_films_and_sound_reach_the_webhook_with_what_is_known_of_them() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    ana.sends_image(&linked.phone, PNG, Some("the harbour")).unwrap();
    let got = gets_type(&receiver, "m.image").await;
    assert_eq!(carried(&got), PNG);
    let info = &got["media"]["info"];
    let size = image::load_from_memory(PNG).unwrap();
    assert_eq!(
        (&info["width"], &info["height"], &info["size"]),
        (&json!(size.width()), &json!(size.height()), &json!(PNG.len()))
    );
    assert!(text_of(info, "mime_type").starts_with("image/"), "{info}");
    assert!(text_of(info, "blur_hash").len() > 6, "{info}");
    assert_eq!(got["message"], "the harbour");

    ana.sends_video(&linked.phone, FILM, None).unwrap();
    let got = gets_type(&receiver, "m.video").await;
    assert_eq!(carried(&got), FILM);
    let info = &got["media"]["info"];
    assert_eq!(
        (&info["mime_type"], &info["width"], &info["height"]),
        (&json!("video/mp4"), &json!(64), &json!(48))
    );
    assert_eq!(got["message"], "", "media without words have none");

    ana.sends_voice(&linked.phone, OGG, 2).unwrap();
    let got = gets_type(&receiver, "m.audio").await;
    assert_eq!(carried(&got), OGG);
    let info = &got["media"]["info"];
    assert!(text_of(info, "mime_type").starts_with("audio/ogg"), "{info}");
    assert_eq!(
        (&info["width"], &info["height"], &info["blur_hash"]),
        (&json!(0), &json!(0), &json!(""))
    );
}

/// T14: places are told in words, cards come as the file they are in Matrix.
#[tokio::test(flavor = "multi_thread")]
async fn t14_places_and_cards_reach_the_webhook_as_what_they_are() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let (receiver, _) = webhook(&linked.rest).await;
    let harbour = Speech::Location {
        latitude: 53.54,
        longitude: 9.98,
        name: Some("Harbour".into()),
        address: Some("Pier 3".into()),
        live: false,
    };
    ana.speaks(&linked.phone, harbour).unwrap();
    let got = gets_type(&receiver, "m.location").await;
    assert!(text_of(&got, "message").contains("Harbour"), "{got}");
    assert_eq!(
        (&got["media"]["content"], &got["file_name"]),
        (&Value::Null, &Value::Null)
    );

    let card = |name: &str, number: &str| Card {
        name: name.into(),
        number: number.into(),
    };
    for (people, name, cards) in [
        (vec![card("Bob Stone", "15550002222")], "Bob Stone.vcf", 1),
        (
            vec![card("Cleo", "15550003333"), card("Dora", "15550004444")],
            "contacts.vcf",
            2,
        ),
    ] {
        let number = people[0].number.clone();
        ana.speaks(&linked.phone, Speech::Contacts { people }).unwrap();
        let got = eventually(name, SOON, || async {
            receiver.got().into_iter().find(|got| got.body["file_name"] == name)
        })
        .await
        .body;
        assert_eq!(got["type"], "m.file");
        let file = carried(&got);
        let info = json!({
            "size": file.len(), "mime_type": "text/vcard", "width": 0, "height": 0, "blur_hash": "",
        });
        assert_eq!(got["media"]["info"], info);
        let file = String::from_utf8(file).unwrap();
        assert_eq!(file.matches("BEGIN:VCARD").count(), cards);
        assert!(text_of(&got, "message").contains(&number), "{got}");
        let shown = room.waits_for(name, |event| event["event_id"] == got["id"]).await;
        assert_eq!(shown["content"]["filename"], name);
    }
}

/// T14: whoever is mentioned is named as the event names them, in words and under a file, also by an internal number.
#[tokio::test(flavor = "multi_thread")]
async fn t14_b03_who_is_mentioned_in_a_group_is_named_to_the_webhook_as_in_the_event() {
    let world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let (receiver, _) = webhook(&linked.rest).await;
    let ana = world.contact("15550001111", "Ana");
    let bob = world.contact("15550002222", "Bob");
    let group = world.whatsapp.group("Family", &[&ana, &linked.phone, &bob]).unwrap();
    let room = alice.joins_invite().await;
    group.says(&bob, "here I am").unwrap();
    room.shows("here I am").await;
    let event_of = async |got: &Value| {
        room.waits_for("its event", |event| event["event_id"] == got["id"])
            .await
    };

    let text = Speech::Text {
        text: "ask @15550002222, *now*".into(),
        mentions: vec![bob.number().to_owned()],
    };
    group.speaks(&ana, text).unwrap();
    let got = receiver.gets("ask Bob, *now*").await.body;
    let event = event_of(&got).await;
    assert_eq!(event["content"]["body"], got["message"]);
    let ghost = json!([format!("@whatsapp_{}:hs.test", bob.number())]);
    assert_eq!(event["content"]["m.mentions"]["user_ids"], ghost);

    let mut picture = world.whatsapp.upload(MediaKind::Image, PNG).unwrap().image();
    picture.caption = Some("for @15550002222 and @42424242".into());
    picture.context_info = MessageField::some(wa::ContextInfo {
        mentioned_jid: vec!["15550002222@s.whatsapp.net".into(), "42424242@lid".into()],
        ..Default::default()
    });
    let message = wa::Message {
        image_message: MessageField::some(picture),
        ..Default::default()
    };
    group.sends(&ana, message).unwrap();
    let got = gets_type(&receiver, "m.image").await;
    let event = event_of(&got).await;
    assert_eq!(event["content"]["body"], got["message"]);
    let words = text_of(&got, "message");
    assert!(words.starts_with("for Bob and ") && !words.contains('@'), "{words}");
}

on_both_engines! {
    /// T14: what is no message to an application is not told to it.
    async fn t14_stickers_reactions_edits_and_what_is_taken_back_are_no_news_to_webhooks(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, ana, room, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        let speaks = |speech| ana.speaks(&linked.phone, speech).unwrap();
        let id = ana.says(&linked.phone, "first");
        receiver.gets("first").await;
        ana.sends_sticker(&linked.phone, STILL).unwrap();
        speaks(Speech::Reaction { id: id.clone(), emoji: "👍".into() });
        speaks(Speech::Edit { id: id.clone(), text: "first of all".into() });
        let poll = Speech::Poll { question: "When?".into(), options: vec!["now".into(), "never".into()], selectable: 1, ends: None };
        speaks(poll);
        speaks(Speech::Delete { id });
        ana.says(&linked.phone, "last");
        receiver.gets("last").await;
        room.shows("last").await;
        world.settles(SOON).await;
        assert_eq!(told(&receiver.got()), ["first", "last"]);
    }

    /// T14, W-04: a file from a group comes with its bytes.
    async fn t14_w04_a_file_of_a_group_reaches_the_webhook_with_its_bytes(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (receiver, _) = webhook(&linked.rest).await;
        let ana = world.contact("15550001111", "Ana");
        let group = world.whatsapp.group("Family", &[&ana, &linked.phone]).unwrap();
        let plan = b"%PDF-1.7 \x00\xFF plan";
        let document = Attachment::Document { bytes: plan, name: "plan.pdf", caption: Some("read this") };
        group.sends_medium(&ana, document).unwrap();
        let got = receiver.gets("read this").await.body;
        assert_eq!(carried(&got), plan);
        assert_eq!((&got["type"], &got["file_name"]), (&json!("m.file"), &json!("plan.pdf")));
        assert_eq!((&got["is_group"], &got["chat_id"]), (&json!(true), &json!(group.jid())));
        assert_eq!(got["media"]["info"]["size"], plan.len());
    }

    /// B30: a file that was gone and that the phone brings is told once more, under the same id, after its placeholder.
    async fn b30_a_file_that_comes_late_reaches_the_webhook_under_the_same_id(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        let mut gone = world.whatsapp.upload(MediaKind::Image, PNG).unwrap().image();
        gone.caption = Some("late".into());
        assert!(world.whatsapp.expires_media(&gone.direct_path.clone().unwrap(), 404));
        let message = wa::Message { image_message: MessageField::some(gone), ..Default::default() };
        ana.sends(&linked.phone, message);
        let late = receiver.gets("late").await;
        let (first, second) = (receiver.got()[0].clone(), &late.body);
        assert_eq!((&first.body["type"], &first.body["media"]["content"]), (&json!("m.text"), &Value::Null));
        assert!(text_of(&first.body, "message").contains("no longer on the server"), "{}", first.body);
        assert_eq!((&second["type"], &second["media"]["info"]["size"]), (&json!("m.image"), &json!(PNG.len())));
        assert_eq!(carried(second), PNG);
        for key in ["id", "from", "timestamp", "chat_id", "room_id"] {
            assert_eq!(second[key], first.body[key], "{key}");
        }
        assert_ne!(late.id(), first.id(), "a delivery of its own");
        let shown = room.waits_for("the placeholder", |event| event["event_id"] == second["id"]).await;
        assert_eq!(shown["content"]["body"], first.body["message"]);
        world.settles(SOON).await;
        assert_eq!(receiver.got().len(), 2, "once");
    }

    /// B30: also when a person had to ask for it once more.
    async fn b30_a_file_that_is_asked_for_by_hand_reaches_the_webhook(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, alice } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        linked.phone.uploads_again(UploadAgain::HasLost);
        let mut gone = world.whatsapp.upload(MediaKind::Image, PNG).unwrap().image();
        gone.caption = Some("late".into());
        assert!(world.whatsapp.expires_media(&gone.direct_path.clone().unwrap(), 404));
        let message = wa::Message { image_message: MessageField::some(gone), ..Default::default() };
        ana.sends(&linked.phone, message);
        room.waits_for("what the phone said", |event| {
            event["content"]["body"].as_str().is_some_and(|body| body.contains("the phone did not bring it"))
        })
        .await;
        linked.phone.uploads_again(UploadAgain::Does);
        alice.says(room.id(), "!wa retry");
        let late = receiver.gets("late").await.body;
        assert_eq!(carried(&late), PNG);
        world.settles(SOON).await;
        let told = told(&receiver.got());
        assert_eq!(told.len(), 2, "the placeholder and the file: {told:?}");
    }
}
