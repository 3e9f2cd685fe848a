//! Files by REST, rule by rule of the contract (§4.5): which names they may have, what they become, to whom they go, once,
//! as an answer, and how large they may be.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Contact, Received};

use crate::{
    rows::receives,
    support::{
        database::Engine,
        homeserver::Room,
        rest::{Rest, uploads},
        waiting::SOON,
        world::{OWNER, Talking, World, text_of},
    },
};

const FILM: &[u8] = include_bytes!("../rows/media/film.mp4");
const DANCE: &[u8] = include_bytes!("../rows/media/dance.gif");
const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");

/// A request that sends a message.
fn request(rest: &Rest) -> RequestBuilder {
    let path = format!("/api/v1/devices/{OWNER}/message");
    rest.raw(Method::POST, &path).bearer_auth(rest.token())
}

/// Sends a file with these fields beside the platform; status and answer.
async fn posts(request: RequestBuilder, fields: &[(&str, &str)], file: (&str, &str, &[u8])) -> (u16, Value) {
    let fields: Vec<_> = [("platform", "wa")].into_iter().chain(fields.iter().copied()).collect();
    let answer = uploads(request, &fields, file).await;
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// The file of this name that somebody gets.
async fn gets_file(who: &Contact, name: &str) -> Received {
    let is_it = |got: &Received| {
        let wrapped = got.message.document_with_caption_message.as_option();
        let inner = wrapped.and_then(|wrapped| wrapped.message.as_option());
        let document = inner.unwrap_or(&got.message).document_message.as_option();
        document.is_some_and(|document| document.file_name.as_deref() == Some(name))
    };
    receives(who, name, is_it).await
}

/// How many files somebody has.
fn files(who: &Contact) -> usize {
    let received = who.received().into_iter();
    received.filter(|got| got.message.document_message.is_set()).count()
}

async fn shows_file(room: &Room, name: &str) -> Value {
    room.waits_for(name, |event| event["content"]["filename"] == name).await
}

/// T13: whatever stands behind the last dot is the extension.
#[tokio::test(flavor = "multi_thread")]
async fn t13_a_name_needs_an_extension_and_no_more() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    for (name, mime) in [
        (".env", "application/octet-stream"),
        ("a.tar.gz", "application/gzip"),
        ("Plan.PDF", "application/pdf"),
        ("v1.2", "application/octet-stream"),
    ] {
        let file = (name, "application/octet-stream", name.as_bytes());
        let (status, answer) = posts(request(&linked.rest), &[("contact", ana.number())], file).await;
        assert_eq!(status, 200, "{name}: {answer}");
        let got = gets_file(&ana, name).await;
        assert_eq!(ana.media_of(&got).unwrap(), name.as_bytes());
        let shown = shows_file(&room, name).await;
        assert_eq!(
            (&shown["content"]["msgtype"], &shown["content"]["info"]["mimetype"]),
            (&json!("m.file"), &json!(mime)),
            "{name}"
        );
    }
    for name in ["env", "env.", "a.tar."] {
        let file: (_, _, &[u8]) = (name, "text/plain", b"words");
        let refused = posts(request(&linked.rest), &[("contact", ana.number())], file).await;
        let sentence = json!({ "error": "Uploaded file must have a file extension" });
        assert_eq!(refused, (400, sentence), "{name}");
    }
}

/// T13, B21, B22: sound and film are what they are on both sides; a picture that moves is a film to phones.
#[tokio::test(flavor = "multi_thread")]
async fn t13_b21_b22_sound_and_film_by_rest_are_sound_and_film() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    let goes = async |name: &str, mime: &str, bytes: &[u8]| {
        let to = [("contact", ana.number())];
        let (status, answer) = posts(request(&linked.rest), &to, (name, mime, bytes)).await;
        assert_eq!(status, 200, "{answer}");
        let shown = shows_file(&room, name).await["content"].clone();
        let stored = world.homeserver.file(text_of(&shown, "url")).unwrap();
        assert_eq!(stored.bytes, bytes);
        text_of(&shown, "msgtype").to_owned()
    };
    assert_eq!(goes("film.mp4", "video/mp4", FILM).await, "m.video");
    let is_film = |got: &Received| {
        let film = got.message.video_message.as_option();
        film.is_some_and(|film| film.gif_playback != Some(true))
    };
    let got = receives(&ana, "a film", is_film).await;
    assert_eq!(ana.media_of(&got).unwrap(), FILM);
    let film = got.message.video_message.as_option().unwrap();
    assert_eq!((film.seconds, film.width, film.height), (Some(1), Some(64), Some(48)));

    assert_eq!(goes("song.ogg", "audio/ogg", OGG).await, "m.audio");
    let got = receives(&ana, "sound", |got| got.message.audio_message.is_set()).await;
    assert_eq!(ana.media_of(&got).unwrap(), OGG);
    let sound = got.message.audio_message.as_option().unwrap();
    assert_ne!(sound.ptt, Some(true), "nobody said that it is spoken");

    assert_eq!(goes("dance.gif", "image/gif", DANCE).await, "m.image");
    let repeats = |got: &Received| got.message.video_message.gif_playback == Some(true);
    let got = receives(&ana, "a film that repeats", repeats).await;
    assert_eq!(&ana.media_of(&got).unwrap()[4..8], b"ftyp", "an MP4");
}

on_both_engines! {
    /// T12, T13: a file to several people, one of whom does not exist, and to a group by its address.
    async fn t12_t13_a_file_reaches_every_recipient_and_a_group_by_its_address(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
        let plan: (_, _, &[u8]) = ("plan.pdf", "application/pdf", b"%PDF-1.7 plan");
        let (status, answer) =
            posts(request(&linked.rest), &[("contact", "15550001111, another_address,+15550002222")], plan).await;
        assert_eq!((status, answer["results"].as_array().map(Vec::len)), (200, Some(3)), "{answer}");
        for person in [&ana, &bob] {
            let got = gets_file(person, "plan.pdf").await;
            assert_eq!((person.media_of(&got).unwrap().as_slice(), got.chat.as_deref()), (plan.2, None));
        }
        let group = world.whatsapp.group("Sailing", &[&ana, &bob, &linked.phone]).unwrap();
        let map: (_, _, &[u8]) = ("map.pdf", "application/pdf", b"%PDF-1.7 map");
        let (status, answer) = posts(request(&linked.rest), &[("contact", &group.jid())], map).await;
        assert_eq!(status, 200, "{answer}");
        for person in [&ana, &bob] {
            let got = gets_file(person, "map.pdf").await;
            assert_eq!(got.chat.as_deref(), Some(&*group.jid()));
            assert_eq!(person.media_of(&got).unwrap(), map.2);
        }
        world.settles(SOON).await;
        for person in [&ana, &bob] {
            assert_eq!(files(person), 2, "each once");
        }
    }

    /// T13, B22: words with sound follow it on WhatsApp, where sound has no place for them. Both are one message to whoever
    /// sent it, stand in one event, and are taken back with it.
    async fn t13_b22_words_with_sound_by_rest_follow_it(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, alice } = world.talking().await;
        let question = ana.says(&linked.phone, "which song?");
        let asked = text_of(&room.shows("which song?").await, "event_id").to_owned();
        let fields = [("contact", ana.number()), ("text", "this one"), ("reply_id", &*asked)];
        let (status, answer) = posts(request(&linked.rest), &fields, ("song.ogg", "audio/ogg", OGG)).await;
        assert_eq!((status, answer["results"].as_array().map(Vec::len)), (200, Some(1)), "{answer}");
        let sound = receives(&ana, "sound", |got| got.message.audio_message.is_set()).await;
        let words = receives(&ana, "its words", |got| got.text.as_deref() == Some("this one")).await;
        assert_eq!((sound.quoted_id.as_ref(), words.quoted_id.as_ref()), (Some(&question), None));
        assert_eq!(ana.media_of(&sound).unwrap(), OGG);
        let shown = shows_file(&room, "song.ogg").await;
        assert_eq!(shown["content"]["body"], "this one");
        world.settles(SOON).await;
        let ids: Vec<String> = ana.received().into_iter().map(|got| got.id).collect();
        assert_eq!(ids, [sound.id.clone(), words.id.clone()], "each once, in this order");
        assert_eq!(room.said().iter().filter(|(_, text)| text == "this one").count(), 1);
        let sent = format!("/api/v1/chats/{}/messages/{}", ana.number(), text_of(&answer["results"][0], "message_id"));
        let (status, told) = linked.rest.call(Method::GET, &sent, None).await;
        assert_eq!((status, &told["event_id"]), (200, &shown["event_id"]), "{told}");

        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": shown["event_id"]}));
        for id in [&sound.id, &words.id] {
            let is_its_end = |got: &Received| got.message.protocol_message.key.id.as_ref() == Some(id);
            receives(&ana, "its end", is_its_end).await;
        }
    }

    /// W-14: the same file under the same key is sent once; another one under it is a mistake.
    async fn w14_a_file_with_an_idempotency_key_is_sent_once(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let ana = world.contact("15550001111", "Ana");
        let send = async |name: &str, bytes: &[u8]| {
            let request = request(&linked.rest).header("Idempotency-Key", "k1");
            posts(request, &[("contact", ana.number())], (name, "application/pdf", bytes)).await
        };
        let (status, first) = send("plan.pdf", b"%PDF-1.7 plan").await;
        assert_eq!(status, 200, "{first}");
        assert_eq!(send("plan.pdf", b"%PDF-1.7 plan").await, (200, first));
        let mistake = json!({ "error": "Idempotency-Key was used for another request" });
        assert_eq!(send("plan.pdf", b"%PDF-1.7 another").await, (422, mistake.clone()));
        assert_eq!(send("other.pdf", b"%PDF-1.7 plan").await, (422, mistake));
        gets_file(&ana, "plan.pdf").await;
        world.settles(SOON).await;
        assert_eq!(files(&ana), 1);
    }

    /// §6.5: a file quotes what it answers; whatever else `reply_id` says, the file goes without a quote.
    async fn t14_a_file_answers_a_message_and_goes_without_a_quote_when_there_is_none(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, alice } = world.talking().await;
        ana.says(&linked.phone, "which plan?");
        let question = text_of(&room.shows("which plan?").await, "event_id").to_owned();
        let bob = world.contact("15550002222", "Bob");
        bob.says(&linked.phone, "elsewhere");
        let elsewhere = alice.joins_invite().await;
        let elsewhere = text_of(&elsewhere.shows("elsewhere").await, "event_id").to_owned();
        for (number, (reply, quoted)) in [
            (question.as_str(), Some("which plan?")),
            ("$eCLf_5pzs8ZBhEs5ZojVRS0K3SBLf73cHs2q_Je4kfQ", None),
            ("no event at all", None),
            (elsewhere.as_str(), None),
            (" ", None),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("plan-{number}.pdf");
            let fields = [("contact", ana.number()), ("reply_id", reply)];
            let file: (_, _, &[u8]) = (&*name, "application/pdf", b"%PDF-1.7 plan");
            let (status, answer) = posts(request(&linked.rest), &fields, file).await;
            assert_eq!((status, &answer["results"][0]["status"]), (200, &json!("queued")), "{reply}");
            let got = gets_file(&ana, &name).await;
            assert_eq!(got.quoted_text.as_deref(), quoted, "{reply}");
            let shown = shows_file(&room, &name).await;
            let answered = &shown["content"]["m.relates_to"]["m.in_reply_to"]["event_id"];
            assert_eq!(answered.as_str(), quoted.map(|_| reply), "{reply}");
        }
        // Words do the same.
        let (status, _) = linked.rest.says(OWNER, ana.number(), "no quote", Some("$nothing")).await;
        assert_eq!(status, 200);
        assert_eq!(crate::support::world::gets(&ana, "no quote").await.quoted_text, None);
    }
}

/// The homeserver keeps the file, so its limit counts too, where it is the smaller one.
#[tokio::test(flavor = "multi_thread")]
async fn b31_a_file_that_the_homeserver_does_not_take_is_refused_at_once() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.homeserver.takes_files_up_to(1024);
    world.wharf.start().await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    let to = [("contact", ana.number())];
    let large = posts(request(&linked.rest), &to, ("large.bin", "text/plain", &[7; 1025])).await;
    assert_eq!(large, (413, json!({ "error": "File too large" })));
    let (status, answer) = posts(request(&linked.rest), &to, ("small.bin", "text/plain", &[7; 1024])).await;
    assert_eq!(status, 200, "{answer}");
    gets_file(&ana, "small.bin").await;
    world.settles(SOON).await;
    assert_eq!(files(&ana), 1, "nothing of the large one");
}

/// A message has one file: of two parts of that name the first counts, as with every field.
#[tokio::test(flavor = "multi_thread")]
async fn t13_of_two_files_the_first_is_sent() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    // A field whose part has the name of a file.
    let first = ("file\"; filename=\"first.txt", "first words");
    let second: (_, _, &[u8]) = ("second.txt", "text/plain", b"second words");
    let (status, answer) = posts(request(&linked.rest), &[("contact", ana.number()), first], second).await;
    assert_eq!(
        (status, answer["results"].as_array().map(Vec::len)),
        (200, Some(1)),
        "{answer}"
    );
    let got = gets_file(&ana, "first.txt").await;
    assert_eq!(ana.media_of(&got).unwrap(), b"first words");
    world.settles(SOON).await;
    assert_eq!(files(&ana), 1);
}
