//! What is kept of the time before: read by REST, asked for later, and erased when its time is over.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{HistoryForm, Remembered, Speech};

use super::history::{Before, before, chat_with, expected, lines, room_with, texts};
use crate::support::{
    database::Engine,
    past::{now, remembers_old_and_new},
    rest::Rest,
    waiting::{SOON, eventually},
    world::{OWNER, gets, link},
};

const ANA: &str = "15550001111";
const BEN: &str = "15550002222";

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
        let begin = remembers_old_and_new(&phone, ANA);
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

    /// B72: a program asks too: what the phone tells then is stored and read by it, and is shown in no room.
    async fn b72_older_messages_are_stored_when_a_program_asks(engine: Engine) {
        let Before { world, rest, phone, .. } = before(engine, "history_messages = 5").await;
        remembers_old_and_new(&phone, ANA);
        link(&rest, &phone).await;
        let room = room_with(&world, "line 29").await;
        world.settles(SOON).await;
        let stored = async || {
            let mut stored = words(&page(&rest, &format!("/{ANA}/messages?limit=100")).await);
            stored.reverse();
            stored
        };
        assert_eq!(stored().await, expected(20..30));

        let asks = async |rest: &Rest, chat: &str, count: u32| {
            let path = format!("/api/v1/devices/wa/{OWNER}/chats/{chat}/history");
            rest.call(Method::POST, &path, Some(json!({ "count": count }))).await
        };
        let (status, answer) = asks(&rest, ANA, 12).await;
        assert_eq!((status, &answer["message"]), (202, &json!("The phone is asked for older messages")));
        eventually("what the phone tells is stored", SOON, || async {
            (stored().await == expected(8..30)).then_some(())
        })
        .await;
        // By its room, and more than there is.
        assert_eq!(asks(&rest, room.id(), 100).await.0, 202);
        eventually("everything is stored", SOON, || async {
            (stored().await == expected(0..30)).then_some(())
        })
        .await;
        let oldest = page(&rest, &format!("/{ANA}/messages?limit=100")).await["data"][29].clone();
        assert_eq!((&oldest["text"], &oldest["event_id"]), (&json!("line 0"), &Value::Null), "{oldest}");
        world.settles(SOON).await;
        assert_eq!(texts(&room, "line "), expected(25..30));

        assert_eq!(asks(&rest, ANA, 0).await.0, 400);
        assert_eq!(asks(&rest, "15559990000", 5).await.0, 404);
        let stranger = world.rest.new_token(&[]).await;
        assert_eq!(asks(&stranger, ANA, 5).await.0, 404);
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
