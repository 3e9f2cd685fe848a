//! B70, B71: what was said before, as a person with a real client finds it on a real Synapse.

use serde_json::Value;
use simulator::Remembered;

use crate::{
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::OWNER,
    },
    synapse,
};

const BOT: &str = "@whatsappbot:hs.test";
const ANA: &str = "15550001111";

#[expect(clippy::disallowed_methods, reason = "chats are recent as counted from today")]
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// In order, with their own times and by their own people, before what is new; and only what is new counts as unread.
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
