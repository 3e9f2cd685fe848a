//! What was said before the device was linked: stored, shown with its own times before anything new, and asked for later.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, HistoryForm, MediaKind, Phone, Remembered, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    rest::Rest,
    waiting::{SOON, eventually},
    world::{OWNER, World, gets, link},
};

const ANA: &str = "15550001111";
const BEN: &str = "15550002222";
const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

#[expect(clippy::disallowed_methods, reason = "chats are recent as counted from today")]
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Where a chat with somebody stands in a phone's memory.
fn chat_with(number: &str) -> String {
    format!("{number}@s.whatsapp.net")
}

/// `line 0` … said by somebody and the owner in turn, one a minute, the last one an hour ago.
fn lines(author: &str, count: u64) -> Vec<Remembered> {
    let begin = now() - 3600 - 60 * count;
    (0..count)
        .map(|number| {
            let author = (number % 2 == 0).then_some(author);
            Remembered::text(author, begin + 60 * number, &format!("line {number}"))
        })
        .collect()
}

/// The texts of a room that begin like this, in order.
fn texts(room: &Room, begin: &str) -> Vec<String> {
    let said = room.said().into_iter().map(|(_, text)| text);
    said.filter(|text| text.starts_with(begin)).collect()
}

fn expected(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

/// A world with a person in Matrix, an identity of theirs, and a phone that is not linked yet.
struct Before {
    world: World,
    alice: User,
    rest: Rest,
    phone: Phone,
    ana: Contact,
}

/// `settings` are those of the section `bridge`.
async fn before(engine: Engine, settings: &str) -> Before {
    let mut world = World::prepare(engine, "").await;
    world.sets("bridge", settings);
    world.wharf.start().await;
    let alice = world.homeserver.user("alice");
    // The first token of all cannot be told from the others but by its rights.
    world.rest.new_token(&[]).await;
    let rest = world.rest.new_token(&[alice.id()]).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    let ana = world.contact(ANA, "Ana");
    Before {
        world,
        alice,
        rest,
        phone,
        ana,
    }
}

/// The room in which a text is shown.
async fn room_with(world: &World, text: &str) -> Room {
    let has = |room: &Room| room.said().iter().any(|(_, said)| said == text);
    world.homeserver.waits_for_room(text, has).await
}

on_both_engines! {
    /// B71: the newest fifty of a chat are in its room, in order, with their own times and by their own people, before
    /// anything new; and once. B70: all of them are stored.
    async fn b71_a_chat_of_before_has_its_newest_messages_before_anything_new(engine: Engine) {
        let Before { world, alice, rest, phone, ana } = before(engine, "").await;
        let said = lines(ANA, 70);
        let times: Vec<u64> = said.iter().map(|line| line.timestamp).collect();
        phone.has_history(&chat_with(ANA), said);
        link(&rest, &phone).await;
        let room = room_with(&world, "line 69").await;
        ana.says(&phone, "something new");
        room.shows("something new").await;
        alice.joins(room.id());
        world.settles(SOON).await;

        assert_eq!(texts(&room, "line "), expected(20..70));
        assert_eq!(room.said().last().unwrap().1, "something new");
        let shown: Vec<Value> = room.messages();
        let seconds = |event: &Value| event["origin_server_ts"].as_u64().unwrap() / 1000;
        let shown_at: Vec<u64> = shown.iter().map(seconds).collect();
        assert_eq!(shown_at[..50], times[20..]);
        assert_eq!(shown[0]["sender"], format!("@whatsapp_{ANA}:hs.test"));
        assert!(shown[1]["sender"].as_str().unwrap().starts_with("@wharf_"), "{}", shown[1]);
        assert_eq!(world.count("select count(*) as number from messages where content is not null").await, 71);
        assert_eq!(world.count("select count(*) as number from keys where kind like 'history%'").await, 0);
    }

    /// B71: whenever the process dies, the room has them all, in order, once.
    async fn b71_a_crash_anywhere_in_history_leaves_no_gap_and_no_double(engine: Engine) {
        let points = [
            "whatsapp.history.kept=panic",
            "bridge.history.page=panic",
            "bridge.history.told=panic",
            "bridge.history.forgotten=panic",
            "bridge.portal.create.after=panic",
            "bridge.history.message.before=3*off->panic",
            "bridge.show.send.after=5*off->panic",
            "bridge.history.message.after=7*off->panic",
            "bridge.history.placed.before=panic",
            "bridge.history.placed.after=panic",
        ];
        let Before { mut world, rest, .. } = before(engine, "").await;
        for (number, point) in points.into_iter().enumerate() {
            world.wharf.is_killed().await;
            world.wharf.spawn(point);
            rest.waits_for_doors().await;
            let phone = world.whatsapp.phone(&format!("155500088{number:02}"), "Owner");
            let friend = format!("155500077{number:02}");
            let contact = world.contact(&friend, "Friend");
            let said: Vec<_> = (0..12)
                .map(|line| Remembered::text(Some(&friend), now() - 900 + line, &format!("{number}: line {line}")))
                .collect();
            phone.has_history(&chat_with(&friend), said);
            let linking = tokio::spawn({
                let (rest, phone) = (rest.clone(), phone.clone());
                async move { link(&rest, &phone).await }
            });
            let died = world.wharf.ends(Duration::from_secs(20)).await;
            linking.abort();
            assert!(died, "{point} was not reached");
            world.wharf.start().await;
            let (_, devices) = rest.call(Method::GET, "/api/v1/devices", None).await;
            if !devices.as_array().unwrap().iter().any(|device| device["device_id"] == phone.number()) {
                // It died before the device was written down: nobody was told that it is linked.
                link(&rest, &phone).await;
            }
            let room = room_with(&world, &format!("{number}: line 11")).await;
            contact.says(&phone, &format!("{number}: new"));
            room.shows(&format!("{number}: new")).await;
            world.settles(SOON).await;
            let mut all: Vec<String> = (0..12).map(|line| format!("{number}: line {line}")).collect();
            all.push(format!("{number}: new"));
            assert_eq!(texts(&room, &format!("{number}: ")), all, "{point}");
        }
    }
}

/// B71: a chat that nobody spoke in lately gets its room, and its history, with the first new message.
#[tokio::test(flavor = "multi_thread")]
async fn b71_an_old_chat_gets_its_history_with_its_first_message() {
    let Before {
        world,
        alice,
        rest,
        phone,
        ana,
    } = before(Engine::Sqlite, "").await;
    let begin = now() - 60 * 24 * 3600;
    let said: Vec<_> = (0..5)
        .map(|number| Remembered::text(Some(ANA), begin + number, &format!("line {number}")))
        .collect();
    phone.has_history(&chat_with(ANA), said);
    let ben = world.contact(BEN, "Ben");
    phone.has_history(&chat_with(BEN), lines(BEN, 3));
    link(&rest, &phone).await;
    room_with(&world, "line 2").await;
    world.settles(SOON).await;
    let rooms = |world: &World| {
        let rooms = world.homeserver.rooms().into_iter();
        let portals = rooms.filter(|room| room.events().iter().any(|event| event["type"] == "m.bridge"));
        portals.count()
    };
    assert_eq!(rooms(&world), 1, "only the chat with Ben is recent");
    let ghosts = world
        .count("select count(*) as number from ghosts where contact = '15550001111'")
        .await;
    assert_eq!(ghosts, 0, "nobody made a user of Ana for what is only stored");
    drop(ben);

    ana.says(&phone, "new after long");
    let room = room_with(&world, "new after long").await;
    alice.joins(room.id());
    assert_eq!(texts(&room, "line "), expected(0..5));
    assert_eq!(room.said().last().unwrap().1, "new after long");
}

/// B71: a file that the network does not give now holds nobody up: it stands in the room by its name, and is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn b71_a_file_of_before_that_does_not_come_holds_no_message_up() {
    let Before {
        world,
        rest,
        phone,
        ana,
        ..
    } = before(Engine::Sqlite, "").await;
    let image = world.whatsapp.upload(MediaKind::Image, PNG).unwrap().image();
    let image = wa::Message {
        image_message: MessageField::some(image),
        ..wa::Message::default()
    };
    let mut said = lines(ANA, 2);
    said.insert(1, Remembered::message(Some(ANA), said[0].timestamp + 1, image));
    phone.has_history(&chat_with(ANA), said);
    world.whatsapp.refuses_downloads(503, 10_000);
    link(&rest, &phone).await;
    let room = room_with(&world, "line 1").await;
    let texts: Vec<String> = room.said().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts[0], "line 0");
    assert!(texts[1].contains("could not be fetched yet"), "{texts:?}");
    let body = json!({ "contact": ANA, "platform": "wa", "text": "at once" });
    let path = format!("/api/v1/devices/{OWNER}/message");
    let (status, answer) = rest.call(Method::POST, &path, Some(body)).await;
    assert!(status < 300, "{status}: {answer}");
    gets(&ana, "at once").await;
    let promised = world
        .count("select count(*) as number from jobs where kind = 'fetch'")
        .await;
    assert_eq!(promised, 1);
}

/// B70: no room is made of history when nobody wants that; it is stored all the same.
#[tokio::test(flavor = "multi_thread")]
async fn b70_history_is_stored_without_rooms_when_none_are_wanted() {
    let Before {
        world,
        rest,
        phone,
        ana,
        ..
    } = before(Engine::Sqlite, "history_messages = 0").await;
    phone.shares_history(HistoryForm {
        chunk_messages: 40,
        largest_inline: 0,
        ..HistoryForm::default()
    });
    phone.has_history(&chat_with(ANA), lines(ANA, 300));
    link(&rest, &phone).await;
    eventually("all messages are stored", SOON, || async {
        (world.count("select count(*) as number from messages").await == 300).then_some(())
    })
    .await;
    drop(ana);
}

/// B05: phones take no edits of what was said more than twenty minutes ago.
#[tokio::test(flavor = "multi_thread")]
async fn b05_what_was_said_long_ago_is_not_edited() {
    let Before {
        world,
        alice,
        rest,
        phone,
        ana,
    } = before(Engine::Sqlite, "").await;
    phone.has_history(&chat_with(ANA), lines(ANA, 4));
    link(&rest, &phone).await;
    let room = room_with(&world, "line 3").await;
    alice.joins(room.id());
    world.settles(SOON).await;
    let old = room
        .messages()
        .iter()
        .find(|event| event["content"]["body"] == "line 3")
        .unwrap()["event_id"]
        .clone();
    let new = json!({"msgtype": "m.text", "body": "line three"});
    let edit = json!({
        "msgtype": "m.text", "body": "* line three", "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": old},
    });
    alice.sends(room.id(), "m.room.message", &edit);
    eventually("the edit is refused", SOON, || async {
        let said = room.said().into_iter();
        said.map(|(_, text)| text)
            .find(|text| text.contains("can be edited for 20 minutes"))
    })
    .await;
    world.settles(SOON).await;
    assert!(ana.received().is_empty(), "nothing is told on WhatsApp");
}

on_both_engines! {
    /// B42, B71: whoever opens a room of before tells nobody that they read what the phone had read long ago.
    async fn b42_what_the_phone_had_read_is_not_told_as_read_again(engine: Engine) {
        let Before { world, alice, rest, phone, ana } = before(engine, "").await;
        phone.has_history(&chat_with(ANA), lines(ANA, 10));
        link(&rest, &phone).await;
        let room = room_with(&world, "line 9").await;
        alice.joins(room.id());
        world.settles(SOON).await;
        let last = room.messages().last().unwrap()["event_id"].as_str().unwrap().to_owned();
        alice.reads(room.id(), &last);
        let new = ana.says(&phone, "something new");
        let shown = room.shows("something new").await;
        alice.reads(room.id(), shown["event_id"].as_str().unwrap());
        eventually("the new one is told as read", SOON, || async {
            ana.receipts().iter().any(|seen| seen.kind == "read" && seen.ids.contains(&new)).then_some(())
        })
        .await;
        world.settles(SOON).await;
        let told: Vec<_> = ana.receipts().into_iter().filter(|seen| seen.kind == "read").flat_map(|seen| seen.ids).collect();
        assert_eq!(told, [new]);
    }
}

/// A page of what is stored of a chat.
async fn page(rest: &Rest, rest_of_path: &str) -> Value {
    let path = format!("/api/v1/devices/wa/{OWNER}/chats{rest_of_path}");
    let (status, answer) = rest.call(Method::GET, &path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn words(page: &Value) -> Vec<String> {
    let messages = page["data"].as_array().unwrap().iter();
    messages
        .map(|message| message["text"].as_str().unwrap_or("-").to_owned())
        .collect()
}

on_both_engines! {
    /// B70: what is stored is read page by page, newest first, by whoever it belongs to, and by nobody else.
    async fn b70_stored_messages_are_read_page_by_page(engine: Engine) {
        let Before { world, rest, phone, ana, .. } = before(engine, "history_messages = 5").await;
        phone.has_history(&chat_with(ANA), lines(ANA, 25));
        phone.has_history(&chat_with(BEN), vec![Remembered::text(Some(BEN), now() - 90 * 24 * 3600, "long ago")]);
        world.contact(BEN, "Ben");
        link(&rest, &phone).await;
        room_with(&world, "line 24").await;
        world.settles(SOON).await;
        ana.says(&phone, "new");
        room_with(&world, "new").await;
        world.settles(SOON).await;

        let chats = page(&rest, "").await;
        let ids: Vec<_> = chats["data"].as_array().unwrap().iter().map(|chat| chat["id"].clone()).collect();
        assert_eq!(ids, [ANA, BEN]);
        assert!(chats["data"][0]["room_id"].is_string() && chats["data"][1]["room_id"].is_null(), "{chats}");
        let first = page(&rest, "?limit=1").await;
        let second = page(&rest, &format!("?limit=1&cursor={}", first["pagination"]["next_cursor"].as_str().unwrap())).await;
        assert_eq!(second["data"][0]["id"], BEN);
        assert_eq!(second["pagination"]["next_cursor"], "");

        let mut all = Vec::new();
        let mut place = format!("/{ANA}/messages?limit=10");
        loop {
            let page = page(&rest, &place).await;
            all.extend(words(&page));
            let next = page["pagination"]["next_cursor"].as_str().unwrap().to_owned();
            if next.is_empty() {
                break;
            }
            // What comes meanwhile moves no page.
            ana.says(&phone, "meanwhile");
            place = format!("/{ANA}/messages?limit=10&cursor={next}");
        }
        let mut expected: Vec<String> = expected(0..25);
        expected.push("new".into());
        expected.reverse();
        assert_eq!(all, expected);

        let room = chats["data"][0]["room_id"].as_str().unwrap().to_owned();
        let newest = page(&rest, &format!("/{room}/messages?limit=100")).await;
        let message = newest["data"].as_array().unwrap().iter().find(|one| one["text"] == "line 24").unwrap().clone();
        assert_eq!((&message["direction"], &message["sender"]["name"]), (&"in".into(), &"Ana".into()), "{message}");
        assert!(message["event_id"].is_string(), "{message}");
        let id = message["id"].as_str().unwrap();
        let older = page(&rest, &format!("/+{ANA}/messages?limit=2&before={id}")).await;
        assert_eq!(words(&older), ["line 23", "line 22"]);
        assert_eq!(older["data"][0]["direction"], "out");

        for (path, status) in [
            (format!("/{ANA}/messages?limit=0"), 400),
            (format!("/{ANA}/messages?cursor=nonsense"), 400),
            (format!("/{ANA}/messages?before=nothing"), 400),
            ("/15559990000/messages".to_owned(), 404),
        ] {
            let path = format!("/api/v1/devices/wa/{OWNER}/chats{path}");
            assert_eq!(rest.call(Method::GET, &path, None).await.0, status, "{path}");
        }
        let stranger = world.rest.new_token(&[]).await;
        for path in [String::new(), format!("/{ANA}/messages"), format!("/{room}/messages")] {
            let path = format!("/api/v1/devices/wa/{OWNER}/chats{path}");
            assert_eq!(stranger.call(Method::GET, &path, None).await.0, 404, "{path}");
        }
    }

    /// B72: older messages come by command, out of the memory of the phone, in a thread, with their own times.
    async fn b72_older_messages_come_in_a_thread_when_somebody_asks(engine: Engine) {
        let Before { world, alice, rest, phone, .. } = before(engine, "history_messages = 5").await;
        phone.shares_history(HistoryForm { first_messages: 10, ..HistoryForm::default() });
        // The older ones are from before the time that phones tell by themselves.
        let begin = now() - 200 * 24 * 3600;
        let old = (0..20).map(|number| Remembered::text(Some(ANA), begin + number, &format!("line {number}")));
        let new = (20..30).map(|number| Remembered::text(Some(ANA), now() - 600 + number, &format!("line {number}")));
        phone.has_history(&chat_with(ANA), old.chain(new).collect());
        link(&rest, &phone).await;
        let room = room_with(&world, "line 29").await;
        alice.joins(room.id());
        world.settles(SOON).await;
        assert_eq!(texts(&room, "line "), expected(25..30));

        alice.says(room.id(), "!wa sync history 12");
        room.shows("line 24").await;
        world.settles(SOON).await;
        assert_eq!(texts(&room, "line ")[5..], expected(13..25));
        let events = room.messages();
        let head = events.iter().find(|event| event["content"]["body"].as_str().is_some_and(|body| body.contains("Older messages"))).unwrap();
        let oldest = events.iter().find(|event| event["content"]["body"] == "line 13").unwrap();
        assert_eq!(oldest["content"]["m.relates_to"]["rel_type"], "m.thread");
        assert_eq!(oldest["content"]["m.relates_to"]["event_id"], head["event_id"]);
        assert_eq!(oldest["origin_server_ts"].as_u64().unwrap() / 1000, begin + 13);

        alice.says(room.id(), "!wa sync history 100");
        room.shows("line 12").await;
        world.settles(SOON).await;
        assert_eq!(texts(&room, "line ")[17..], expected(0..13));
        alice.says(room.id(), "!wa sync history");
        room.shows("There are no older messages.").await;
    }

    /// B72: what the process dies with is not lost: kept parts are told of again, others are announced again.
    async fn b72_a_crash_while_the_phone_tells_loses_nothing(engine: Engine) {
        let Before { mut world, alice, rest, phone, .. } = before(engine, "history_messages = 5").await;
        phone.shares_history(HistoryForm { first_messages: 5, ..HistoryForm::default() });
        let begin = now() - 200 * 24 * 3600;
        let old = (0..25).map(|number| Remembered::text(Some(ANA), begin + number, &format!("line {number}")));
        let new = (25..30).map(|number| Remembered::text(Some(ANA), now() - 600 + number, &format!("line {number}")));
        phone.has_history(&chat_with(ANA), old.chain(new).collect());
        link(&rest, &phone).await;
        let room = room_with(&world, "line 29").await;
        alice.joins(room.id());
        let points = ["whatsapp.history.kept", "whatsapp.history.keep", "whatsapp.past.after", "whatsapp.ask_for_older.after"];
        for (number, point) in (0_u64..).zip(points) {
            world.settles(SOON).await;
            world.wharf.is_killed().await;
            world.wharf.spawn(&format!("{point}=panic"));
            rest.waits_for_doors().await;
            alice.says(room.id(), "!wa sync history 5");
            assert!(world.wharf.ends(Duration::from_secs(20)).await, "{point} was not reached");
            world.wharf.start().await;
            room.shows(&format!("line {}", 24 - 5 * number)).await;
            world.settles(SOON).await;
        }
        let mut shown = texts(&room, "line ");
        shown.sort_by_key(|text| text[5..].parse::<u64>().unwrap());
        assert_eq!(shown, expected(5..30));
        eventually("nothing is awaited", SOON, || async {
            let left = world.count("select count(*) as number from keys where kind like 'history%'").await;
            (left == 0).then_some(())
        })
        .await;
    }

    /// What is taken back on either side is erased from what is stored: nothing of it is left in the database.
    async fn b70_what_is_taken_back_leaves_nothing_in_the_database(engine: Engine) {
        let Before { world, alice, rest, phone, ana } = before(engine, "history_messages = 2").await;
        let said = [
            Remembered::text(Some(ANA), now() - 500, "secret of before"),
            Remembered::text(Some(ANA), now() - 400, "line 1"),
            Remembered::text(Some(ANA), now() - 300, "secret in the room"),
        ];
        let before_id = said[0].id.clone();
        let shown_id = said[2].id.clone();
        phone.has_history(&chat_with(ANA), said.to_vec());
        link(&rest, &phone).await;
        let room = room_with(&world, "secret in the room").await;
        alice.joins(room.id());
        let own = alice.says(room.id(), "secret of my own");
        gets(&ana, "secret of my own").await;
        world.settles(SOON).await;
        assert_eq!(world.count(SECRETS).await, 3);

        ana.speaks(&phone, Speech::Delete { id: before_id }).unwrap();
        ana.speaks(&phone, Speech::Delete { id: shown_id }).unwrap();
        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": own}));
        eventually("nothing of it is left", SOON, || async { (world.count(SECRETS).await == 0).then_some(()) }).await;
        world.settles(SOON).await;
        assert_eq!(world.count("select count(*) as number from messages where kind = 'deleted'").await, 3);
        assert_eq!(world.count("select count(*) as number from jobs where payload like '%secret%'").await, 0);
        assert_eq!(world.count("select count(*) as number from buried_jobs where payload like '%secret%'").await, 0);
    }

    /// B70: with its last token an identity is gone, and everything that was stored for it.
    async fn b70_nothing_is_left_of_an_identity_that_is_gone(engine: Engine) {
        let Before { world, rest, phone, ana, .. } = before(engine, "history_messages = 2").await;
        phone.has_history(&chat_with(ANA), lines(ANA, 10));
        link(&rest, &phone).await;
        room_with(&world, "line 9").await;
        ana.says(&phone, "new");
        room_with(&world, "new").await;
        world.settles(SOON).await;
        assert_eq!(world.count(LEFT).await, 11 + 1 + 1);
        let (_, tokens) = world.rest.basic(Method::GET, "/api/v1/tokens", None).await;
        let last = tokens.as_array().unwrap().iter().map(|token| token["id"].as_i64().unwrap()).max().unwrap();
        world.rest.basic(Method::DELETE, &format!("/api/v1/tokens/{last}"), None).await;
        eventually("nothing is left", SOON, || async { (world.count(LEFT).await == 0).then_some(()) }).await;
        assert_eq!(world.count("select count(*) as number from keys").await, 0);
    }

    /// Content that is older than it may be kept is erased; its ids are kept, so that it never comes back.
    async fn b70_content_is_kept_only_as_long_as_it_may_be(engine: Engine) {
        let Before { mut world, rest, phone, .. } = before(engine, "").await;
        let old = Remembered::text(Some(ANA), now() - 20 * 24 * 3600, "secret of before");
        phone.has_history(&chat_with(ANA), vec![old, Remembered::text(Some(ANA), now() - 60, "line 1")]);
        link(&rest, &phone).await;
        room_with(&world, "line 1").await;
        world.settles(SOON).await;
        assert_eq!(world.count(SECRETS).await, 1);
        world.wharf.is_killed().await;
        world.sets("bridge", "keep_messages_days = 10");
        world.wharf.start().await;
        eventually("it is erased", SOON, || async { (world.count(SECRETS).await == 0).then_some(()) }).await;
        assert_eq!(world.count("select count(*) as number from messages where content is not null").await, 1);
        assert_eq!(world.count("select count(*) as number from messages").await, 2);
        // Linked again, the phone tells everything again: nothing comes twice.
        phone.unlinks_all();
        link(&rest, &phone).await;
        eventually("the history is read", SOON, || async {
            let waiting = world.count("select count(*) as number from keys where kind like 'history%'").await;
            (waiting == 0).then_some(())
        })
        .await;
        assert_eq!(world.count(SECRETS).await, 0);
        assert_eq!(world.count("select count(*) as number from messages").await, 2);
    }
}

/// Everything that is stored of chats.
const LEFT: &str = "select (select count(*) from messages) + (select count(*) from history_chats) \
     + (select count(*) from history_marks) + (select count(*) from portals) as number";

/// Messages that hold a secret, in any column.
const SECRETS: &str = "select count(*) as number from messages where body like '%secret%' or content like '%secret%' \
     or said like '%secret%'";
