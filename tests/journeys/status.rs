//! B59: what contacts show to all, in one room for each device.

use serde_json::json;
use whatsapp_rust::{prelude::MessageBuilderExt as _, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{Talking, World, gets, texts},
};

const STATUS: &str = "status@broadcast";
const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
const ANA: &str = "@whatsapp_15550001111:hs.test";

on_both_engines! {
    async fn b59_statuses_stand_in_one_quiet_room_and_answers_go_to_their_authors(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        let bob = world.contact("15550002222", "Bob");
        let posted = ana.posts("at the harbour", &[&linked.phone]);
        let statuses = world.homeserver.waits_for_room("the room of statuses", |room| {
            room.state("m.room.name", "").is_some_and(|name| name["name"] == "WhatsApp status")
        }).await;
        let event = statuses.shows("at the harbour").await;
        assert_eq!(event["sender"], ANA);
        bob.posts("in the hills", &[&linked.phone]);
        statuses.shows("in the hills").await;
        assert_ne!(statuses.id(), room.id());
        eventually("it is muted and low", SOON, || async {
            let mute = alice.keeps(statuses.id(), "silence")?;
            let low = alice.keeps(statuses.id(), "tags/m.lowpriority");
            (mute["actions"] == json!([]) && low.is_some()).then_some(())
        }).await;

        alice.replies(statuses.id(), event["event_id"].as_str().unwrap(), "save me a seat");
        let got = gets(&ana, "save me a seat").await;
        assert_eq!((got.chat.as_deref(), got.quoted_id.as_deref()), (None, Some(posted.as_str())));
        let around = got.message.extended_text_message.as_option().unwrap().context_info.as_option().unwrap().clone();
        assert_eq!(around.remote_jid.as_deref(), Some(STATUS));
        let mark = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": event["event_id"], "key": "⛵"}});
        alice.sends(statuses.id(), "m.reaction", &mark);
        let marked = ana.waits_for(|received| received.message.reaction_message.is_set(), SOON).await.unwrap();
        let mark = marked.message.reaction_message.as_option().unwrap();
        assert_eq!(mark.text.as_deref(), Some("⛵"));
        assert_eq!(mark.key.as_option().unwrap().id.as_deref(), Some(posted.as_str()));
        assert_eq!(mark.key.as_option().unwrap().remote_jid.as_deref(), Some(STATUS));

        alice.reads(statuses.id(), event["event_id"].as_str().unwrap());
        ana.waits_for_receipt(&posted, "read", SOON).await.unwrap();
        linked.phone.posts("from my phone", &[&ana]);
        let own = statuses.shows("from my phone").await;
        assert_eq!(own["sender"], alice.id());

        alice.says(statuses.id(), "look at me");
        statuses.waits_for("a refusal", |event| {
            let body = event["content"]["body"].as_str().unwrap_or_default();
            body.contains("Not sent") && body.contains("on the phone")
        }).await;
        ana.revokes_status(&posted, &[&linked.phone]);
        statuses.waits_for("it is taken back", |it| {
            it["type"] == "m.room.redaction" && (it["redacts"] == event["event_id"] || it["content"]["redacts"] == event["event_id"])
        }).await;
        assert!(world.count("select count(*) as number from jobs where kind = 'expire'").await >= 1, "the rest ends in a day");
    }
}

on_both_engines! {
    /// B04: WhatsApp tells which status it was, and what it said is known here.
    async fn b04_an_answer_to_a_status_of_the_owner_says_what_it_answers(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        let posted = linked.phone.posts("from my phone", &[&ana]);
        let statuses = world.homeserver.waits_for_room("the room of statuses", |room| {
            room.state("m.room.name", "").is_some_and(|name| name["name"] == "WhatsApp status")
        }).await;
        let own = statuses.shows("from my phone").await;
        assert_eq!(own["sender"], alice.id());
        let around = wa::ContextInfo {
            stanza_id: Some(posted),
            participant: Some(format!("{}@s.whatsapp.net", linked.phone.number())),
            remote_jid: Some(STATUS.to_owned()),
            ..Default::default()
        };
        ana.sends(&linked.phone, wa::Message::text_with_context("lovely", around));
        let answer = room.waits_for("an answer", |event| {
            event["content"]["body"].as_str().is_some_and(|body| body.ends_with("lovely"))
        }).await;
        assert_eq!(answer["content"]["body"], "> <alice> from my phone\nlovely");
        assert!(answer["content"]["m.relates_to"].is_null(), "{answer}");
    }

    async fn b59_own_statuses_reach_the_address_book_as_far_as_privacy_allows(engine: Engine) {
        let (world, Talking { linked, alice, ana, .. }) = World::of_alice_with(engine, "status_posts = true").await;
        let phone = &linked.phone;
        let (bob, carol) = (world.contact("15550002222", "Bob"), world.contact("15550003333", "Carol"));
        let dave = world.contact("15550004444", "Dave");
        for (contact, name) in [(&ana, "Ana"), (&bob, "Bob"), (&carol, "Carol")] {
            phone.names_contact(contact.number(), name).unwrap();
        }
        world.counts("the address book is known", "select count(*) as number from address_book", 3).await;
        ana.posts("at the harbour", &[phone]);
        let statuses = world.homeserver.waits_for_room("the room of statuses", |room| {
            room.said().iter().any(|(_, text)| text == "at the harbour")
        }).await;

        phone.hides_statuses_from(&[&carol]);
        let event = alice.says(statuses.id(), "six ships are in");
        for reader in [&ana, &bob] {
            let got = gets(reader, "six ships are in").await;
            assert_eq!(got.chat.as_deref(), Some(STATUS));
        }
        phone.shows_statuses_only_to(&[&carol]);
        alice.says(statuses.id(), "and one has left");
        gets(&carol, "and one has left").await;
        assert_eq!(texts(&carol), ["and one has left"], "she was left out before");
        assert!(!texts(&ana).contains(&"and one has left".to_owned()));
        assert!(texts(&dave).is_empty(), "nobody saved his number");
        let promised = "select count(*) as number from jobs where kind = 'expire'";
        eventually("both end in a day", SOON, || async { (world.count(promised).await >= 3).then_some(()) }).await;

        alice.sends(statuses.id(), "m.room.redaction", &json!({"redacts": event}));
        for reader in [&ana, &bob] {
            reader.waits_for(|received| received.message.protocol_message.is_set(), SOON).await.unwrap();
        }
        // Chosen on the phone, and in no address book.
        phone.shows_statuses_only_to(&[&dave]);
        let event = alice.says(statuses.id(), "for one alone");
        gets(&dave, "for one alone").await;
        alice.sends(statuses.id(), "m.room.redaction", &json!({"redacts": event}));
        dave.waits_for(|received| received.message.protocol_message.is_set(), SOON).await.unwrap();
    }

    async fn b59_a_picture_is_posted_with_its_words_and_taken_back(engine: Engine) {
        let (world, Talking { linked, alice, ana, .. }) = World::of_alice_with(engine, "status_posts = true").await;
        linked.phone.names_contact(ana.number(), "Ana").unwrap();
        world.counts("the address book is known", "select count(*) as number from address_book", 1).await;
        ana.posts("at the harbour", &[&linked.phone]);
        let statuses = world.homeserver.waits_for_room("the room of statuses", |room| {
            room.said().iter().any(|(_, text)| text == "at the harbour")
        }).await;
        let picture = world.homeserver.keeps_file(Some("harbour.png"), "image/png", PNG);
        let content = json!({
            "msgtype": "m.image", "body": "my harbour", "filename": "harbour.png", "url": picture,
            "info": {"mimetype": "image/png", "size": PNG.len()},
        });
        let event = alice.sends(statuses.id(), "m.room.message", &content);
        let got = ana.waits_for(|got| got.message.image_message.is_set(), SOON).await.unwrap();
        assert_eq!((got.chat.as_deref(), got.text.as_deref()), (Some(STATUS), Some("my harbour")));
        let width = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().width();
        assert_eq!(width(&ana.media_of(&got).unwrap()), width(PNG));
        alice.sends(statuses.id(), "m.room.redaction", &json!({"redacts": event}));
        ana.waits_for(|it| {
            let told = &it.message.protocol_message;
            told.is_set() && told.key.id.as_ref() == Some(&got.id)
        }, SOON).await.unwrap();
    }
}

/// What is shown to all is no message to a program.
#[tokio::test(flavor = "multi_thread")]
async fn b59_webhooks_do_not_hear_statuses() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let (receiver, _) = crate::support::world::webhook(&linked.rest).await;
    let ana = world.contact("15550001111", "Ana");
    ana.posts("for everybody", &[&linked.phone]);
    world
        .homeserver
        .waits_for_room("the room of statuses", |room| {
            room.said().iter().any(|(_, text)| text == "for everybody")
        })
        .await;
    ana.says(&linked.phone, "for you");
    receiver.gets("for you").await;
    assert_eq!(receiver.got().len(), 1);
}

/// Whoever does not want them has none.
#[tokio::test(flavor = "multi_thread")]
async fn b59_statuses_can_be_switched_off() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.sets("bridge", "status = false");
    world.wharf.start().await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    ana.posts("for everybody", &[&linked.phone]);
    ana.says(&linked.phone, "for you");
    room.shows("for you").await;
    world.settles(SOON).await;
    assert!(
        world
            .homeserver
            .rooms()
            .iter()
            .all(|room| { !room.said().iter().any(|(_, text)| text == "for everybody") })
    );
}
