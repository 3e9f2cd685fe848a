//! B70, B71: what was said before, as a person with a real client finds it on a real Synapse.

use reqwest::Method;
use serde_json::Value;
use simulator::Remembered;

use crate::{
    support::{
        database::Engine,
        past::{now, remembers_old_and_new},
        waiting::{SOON, eventually},
        world::{OWNER, link},
    },
    synapse::{self, BOT},
};

const ANA: &str = "15550001111";
const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// B71: in order, with their own times and by their own people, before what is new; and only what is new counts as unread.
#[tokio::test(flavor = "multi_thread")]
async fn b71_a_person_finds_what_was_said_before_in_order_and_is_not_told_of_it() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let phone = world.whatsapp.phone(OWNER, "Alice");
    let ana = world.contact(ANA, "Ana");
    let begin = now() - 7200;
    let said: Vec<_> = (0..12)
        .map(|number| {
            let author = (number % 3 != 0).then_some(ANA);
            Remembered::text(author, begin + 60 * number, &format!("line {number}"))
        })
        .collect();
    phone.has_history(&format!("{ANA}@s.whatsapp.net"), said);

    let bot = alice.creates_dm_with(BOT).await;
    alice.hears(&bot, BOT, "Hello").await;
    alice.says(&bot, "login qr").await;
    let code = alice.hears(&bot, BOT, "2@").await;
    phone.scans(code["content"]["body"].as_str().unwrap()).unwrap();
    alice.hears(&bot, BOT, "Linked: ").await;

    let chat = alice.is_shown_anywhere("line 11").await;
    world.settles(SOON).await;
    let unread = || async { chat.unread_notification_counts().notification_count };
    eventually("nothing of before counts", SOON, || async {
        (unread().await == 0).then_some(())
    })
    .await;
    let events = alice.reads(&chat).await;
    let lines: Vec<&Value> = events
        .iter()
        .filter(|event| {
            event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.starts_with("line "))
        })
        .collect();
    assert_eq!(lines.len(), 12);
    for (number, event) in (0_u64..).zip(&lines) {
        assert_eq!(event["content"]["body"], format!("line {number}"));
        assert_eq!(event["origin_server_ts"], (begin + 60 * number) * 1000);
        let sender = if number % 3 == 0 {
            alice.id().to_owned()
        } else {
            format!("@whatsapp_{ANA}:hs.test")
        };
        assert_eq!(event["sender"], sender);
    }

    ana.says(&phone, "something new");
    alice.shows(&chat, "something new").await;
    let events = alice.reads(&chat).await;
    let place = |text: &str| {
        events
            .iter()
            .position(|event| event["content"]["body"] == text)
            .unwrap()
    };
    assert!(place("line 11") < place("something new"));
    eventually("what is new counts", SOON, || async {
        (unread().await == 1).then_some(())
    })
    .await;
}

/// B70, B72, B73: stored and told by REST; older ones come in a thread when somebody asks; and what is said while wharf is
/// away, or was killed, comes in order and once.
#[tokio::test(flavor = "multi_thread")]
async fn b70_b72_b73_older_messages_come_when_asked_for_and_missed_ones_in_order() {
    let mut world = synapse::world_with(Engine::Sqlite, "history_messages = 5").await;
    let alice = world.homeserver.person("alice").await;
    let rest = world.rest.new_token(&[alice.id()]).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    let ana = world.contact(ANA, "Ana");
    let begin = remembers_old_and_new(&phone, ANA);
    link(&rest, &phone).await;
    let chat = alice.joins_invite().await;
    alice.shows(&chat, "line 29").await;
    world.settles(SOON).await;
    let lines = async || {
        let texts = alice.texts_of(&chat, GHOST).await.into_iter();
        texts.filter(|text| text.starts_with("line ")).collect::<Vec<_>>()
    };
    let numbered = |range: std::ops::Range<u64>| range.map(|number| format!("line {number}")).collect::<Vec<_>>();
    assert_eq!(lines().await, numbered(25..30));
    let path = format!("/api/v1/devices/wa/{OWNER}/chats/{ANA}/messages?limit=100");
    let (status, page) = rest.call(Method::GET, &path, None).await;
    assert_eq!(
        (status, page["data"].as_array().map(Vec::len)),
        (200, Some(10)),
        "{page}"
    );

    alice.says(&chat, "!wa sync history 12").await;
    alice.shows(&chat, "line 24").await;
    world.settles(SOON).await;
    assert_eq!(lines().await[5..], numbered(13..25));
    let head = alice.hears(&chat, BOT, "Older messages").await;
    let oldest = alice.shows(&chat, "line 13").await;
    let relation = &oldest["content"]["m.relates_to"];
    assert_eq!(
        (&relation["rel_type"], &relation["event_id"]),
        (&"m.thread".into(), &head["event_id"])
    );
    assert_eq!(oldest["origin_server_ts"], (begin + 13) * 1000);

    world.wharf.stops().await;
    let away: Vec<String> = (0..20).map(|number| format!("away {number}")).collect();
    for text in &away {
        ana.says(&phone, text);
    }
    world.wharf.start().await;
    // It dies in the midst of them.
    alice.shows(&chat, "away 5").await;
    world.restarts().await;
    alice.shows(&chat, "away 19").await;
    world.settles(SOON).await;
    let shown = alice.texts_of(&chat, GHOST).await.into_iter();
    let shown: Vec<_> = shown.filter(|text| text.starts_with("away ")).collect();
    assert_eq!(shown, away);
}
