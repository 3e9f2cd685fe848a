//! What happens to messages that are several events, to the words under media, and to what comes before its message.

use serde_json::Value;
use simulator::Speech;
use whatsapp_rust::{buffa::MessageField, prelude::MessageBuilderExt as _, waproto::whatsapp as wa};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{Talking, World, text_of},
};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");

fn replaces(event: &Value) -> &Value {
    &event["content"]["m.relates_to"]["event_id"]
}

on_both_engines! {
    /// B05: each event of a long text is edited in its place, and what is left over goes.
    async fn b05_an_edit_of_a_text_of_several_events_leaves_nothing_old(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { room, ana, linked, .. } = world.talking().await;
        let line = |word: &str| format!("{word}{}\n", "x".repeat(1000));
        let long: String = (0..120).map(|_| line("old")).collect();
        let id = ana.says(&linked.phone, &long);
        let begins = |it: &Value, word: &str| it["content"]["body"].as_str().is_some_and(|body| body.starts_with(word));
        room.waits_for("its beginning", |it| begins(it, "old")).await;
        world.settles(SOON).await;
        let events: Vec<Value> = room.messages().iter().filter(|it| begins(it, "old")).map(|it| it["event_id"].clone()).collect();
        let seen: Vec<_> = room.messages().iter().map(|it| text_of(&it["content"], "body").len()).collect();
        assert!(events.len() > 2, "{seen:?}");

        ana.speaks(&linked.phone, Speech::Edit { id: id.clone(), text: line("new") }).unwrap();
        room.waits_for("an edit in its place", |it| {
            *replaces(it) == events[0] && text_of(&it["content"]["m.new_content"], "body").starts_with("new")
        })
        .await;
        for event in &events[1..] {
            room.waits_for("the others go", |it| it["type"] == "m.room.redaction" && it["content"]["redacts"] == *event).await;
        }

        let longer: String = (0..120).map(|_| line("longer")).collect();
        ana.speaks(&linked.phone, Speech::Edit { id: id.clone(), text: longer }).unwrap();
        let second = room.waits_for("more events", |it| begins(it, "longer")).await;
        assert!(!room.messages().iter().any(|it| begins(it, "new")), "nothing beside the edits");
        ana.speaks(&linked.phone, Speech::Delete { id }).unwrap();
        for event in [&events[0], &second["event_id"]] {
            room.waits_for("all of it goes", |it| it["type"] == "m.room.redaction" && it["content"]["redacts"] == *event).await;
        }
    }

    /// B20: other words under a picture do not bring the picture again.
    async fn b20_an_edit_of_a_caption_does_not_fetch_the_picture_again(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { room, ana, linked, .. } = world.talking().await;
        let id = ana.sends_image(&linked.phone, PNG, Some("the harbor")).unwrap();
        let shown = room.shows("the harbor").await;
        // Whoever fetches it again finds nothing.
        world.whatsapp.expires_all_media(410);
        ana.speaks(&linked.phone, Speech::Edit { id, text: "the harbour".into() }).unwrap();
        let edit = room.waits_for("the edit", |it| it["content"]["m.new_content"]["body"] == "the harbour").await;
        let (new, old) = (&edit["content"]["m.new_content"], &shown["content"]);
        assert_eq!(replaces(&edit), &shown["event_id"]);
        assert_eq!((&new["url"], &new["info"], &new["msgtype"]), (&old["url"], &old["info"], &old["msgtype"]));
    }
}

/// A world that waits only a moment for messages that have not come.
async fn impatient() -> World {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.sets("bridge", "wait_for_target = 0");
    world.wharf.start().await;
    world
}

fn about(id: &str, jid: String, what: wa::message::ProtocolMessage) -> wa::Message {
    let key = wa::MessageKey {
        remote_jid: Some(jid),
        from_me: Some(true),
        id: Some(id.into()),
        ..Default::default()
    };
    let word = wa::message::ProtocolMessage {
        key: MessageField::some(key),
        ..what
    };
    wa::Message {
        protocol_message: MessageField::some(word),
        ..Default::default()
    }
}

/// B05, B06: an edit or a deletion that came long before its message is done when the message comes.
#[tokio::test(flavor = "multi_thread")]
async fn b06_what_came_before_its_message_is_done_when_the_message_comes() {
    use wa::message::{ProtocolMessage, protocol_message::Type};
    let world = impatient().await;
    let Talking { room, ana, linked, .. } = world.talking().await;
    let edit = ProtocolMessage {
        r#type: Some(Type::MESSAGE_EDIT),
        edited_message: MessageField::some(wa::Message::text("at eleven")),
        timestamp_ms: Some(4_000_000_000_000),
        ..Default::default()
    };
    ana.sends(&linked.phone, about("3EB0AAAAAAAAAAAAAAAA01", ana.jid(), edit));
    let delete = ProtocolMessage {
        r#type: Some(Type::REVOKE),
        ..Default::default()
    };
    ana.sends(&linked.phone, about("3EB0AAAAAAAAAAAAAAAA02", ana.jid(), delete));
    for words in [
        "edited a message that is not here",
        "deleted a message that is not here",
    ] {
        room.waits_for(words, |it| {
            it["content"]["body"].as_str().is_some_and(|body| body.contains(words))
        })
        .await;
    }
    ana.says_with_id(&linked.phone, "3EB0AAAAAAAAAAAAAAAA01", "at ten");
    let said = room.shows("at ten").await["event_id"].clone();
    let edit = room
        .waits_for("the edit", |it| it["content"]["m.new_content"]["body"] == "at eleven")
        .await;
    assert_eq!(replaces(&edit), &said);
    ana.says_with_id(&linked.phone, "3EB0AAAAAAAAAAAAAAAA02", "a secret");
    let said = room.shows("a secret").await["event_id"].clone();
    room.waits_for("a redaction", |it| {
        it["type"] == "m.room.redaction" && it["content"]["redacts"] == said
    })
    .await;
    eventually("nothing waits any more", SOON, || async {
        (world
            .count("select count(*) from jobs where lane_kind <> 'house'")
            .await
            == 0)
            .then_some(())
    })
    .await;
}
