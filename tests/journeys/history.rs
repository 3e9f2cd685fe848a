//! What was said before the device was linked: stored, shown with its own times before anything new, and asked for later.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, HistoryForm, MediaKind, Phone, Remembered};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    past::now,
    rest::Rest,
    waiting::{SOON, eventually},
    world::{OWNER, World, gets, link},
};

const ANA: &str = "15550001111";
const BEN: &str = "15550002222";
const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

/// Where a chat with somebody stands in a phone's memory.
pub(super) fn chat_with(number: &str) -> String {
    format!("{number}@s.whatsapp.net")
}

/// `line 0` … said by somebody and the owner in turn, one a minute, the last one an hour ago.
pub(super) fn lines(author: &str, count: u64) -> Vec<Remembered> {
    let begin = now() - 3600 - 60 * count;
    (0..count)
        .map(|number| {
            let author = (number % 2 == 0).then_some(author);
            Remembered::text(author, begin + 60 * number, &format!("line {number}"))
        })
        .collect()
}

/// The texts of a room that begin like this, in order.
pub(super) fn texts(room: &Room, begin: &str) -> Vec<String> {
    let said = room.said().into_iter().map(|(_, text)| text);
    said.filter(|text| text.starts_with(begin)).collect()
}

pub(super) fn expected(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

/// A world with a person in Matrix, an identity of theirs, and a phone that is not linked yet.
pub(super) struct Before {
    pub(super) world: World,
    pub(super) alice: User,
    pub(super) rest: Rest,
    pub(super) phone: Phone,
    pub(super) ana: Contact,
}

/// `settings` are those of the section `bridge`.
pub(super) async fn before(engine: Engine, settings: &str) -> Before {
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
pub(super) async fn room_with(world: &World, text: &str) -> Room {
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
            // Parts of a device that died before it was written down wait for it.
            world.settles_but(&["history"], SOON).await;
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
