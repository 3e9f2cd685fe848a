//! What messages hold besides words, and what happens to them after they were said, both ways.

use serde_json::{Value, json};
use simulator::Speech;
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::{
    rows::receives,
    support::{
        database::Engine,
        homeserver::Room,
        world::{Talking, World, gets, text_of},
    },
};

const ANA: &str = "@whatsapp_15550001111:hs.test";

/// Waits for an event of a kind by somebody.
async fn event(room: &Room, kind: &str, sender: &str) -> Value {
    room.waits_for(kind, |event| event["type"] == kind && event["sender"] == sender)
        .await
}

fn relates_to(event: &Value) -> &Value {
    &event["content"]["m.relates_to"]
}

on_both_engines! {
    /// B08: one mark for each person, changed and taken away, both ways.
    async fn reactions_cross_and_there_is_one_for_each_person(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let id = ana.says(&linked.phone, "what do you think?");
        let asked = room.shows("what do you think?").await["event_id"].clone();

        ana.speaks(&linked.phone, Speech::Reaction { id: id.clone(), emoji: "👍".into() }).unwrap();
        let thumb = room.waits_for("a thumb", |event| relates_to(event)["key"] == "👍").await;
        assert_eq!((&thumb["sender"], &relates_to(&thumb)["event_id"]), (&json!(ANA), &asked));
        ana.speaks(&linked.phone, Speech::Reaction { id: id.clone(), emoji: "🎉".into() }).unwrap();
        room.waits_for("another mark", |event| relates_to(event)["key"] == "🎉").await;
        room.waits_for("the first mark taken back", |event| {
            event["type"] == "m.room.redaction" && event["content"]["redacts"] == thumb["event_id"]
        })
        .await;

        let relation = json!({"rel_type": "m.annotation", "event_id": asked, "key": "❤️"});
        let heart = alice.sends(room.id(), "m.reaction", &json!({"m.relates_to": relation}));
        let got = receives(&ana, "a heart", |got| got.message.reaction_message.is_set()).await;
        let reaction = got.message.reaction_message.as_option().unwrap();
        assert_eq!(reaction.text.as_deref(), Some("❤"));
        assert_eq!(reaction.key.as_option().unwrap().id.as_deref(), Some(id.as_str()));
        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": heart}));
        receives(&ana, "the heart taken back", |got| {
            got.message.reaction_message.as_option().is_some_and(|it| it.text.as_deref() == Some(""))
        })
        .await;
    }

    /// B05
    async fn edits_cross_and_show_the_new_words_in_place(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let id = ana.says(&linked.phone, "at ten");
        let said = room.shows("at ten").await["event_id"].clone();
        ana.speaks(&linked.phone, Speech::Edit { id, text: "at eleven".into() }).unwrap();
        let edit = room.waits_for("the edit", |event| event["content"]["m.new_content"]["body"] == "at eleven").await;
        assert_eq!(relates_to(&edit)["rel_type"], "m.replace");
        assert_eq!(relates_to(&edit)["event_id"], said);
        assert_eq!(edit["sender"], ANA);

        let mine = alice.says(room.id(), "at eight");
        let first = gets(&ana, "at eight").await;
        let new = json!({"msgtype": "m.text", "body": "at nine"});
        let content = json!({
            "msgtype": "m.text", "body": "* at nine", "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": mine},
        });
        alice.sends(room.id(), "m.room.message", &content);
        let got = receives(&ana, "the new words", |got| {
            got.message.protocol_message.as_option().is_some_and(|it| it.edited_message.is_set())
                || got.message.edited_message.is_set()
        })
        .await;
        assert_ne!(got.id, first.id);
    }

    /// B06
    async fn deletions_cross(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let id = ana.says(&linked.phone, "a secret");
        let said = room.shows("a secret").await["event_id"].clone();
        ana.speaks(&linked.phone, Speech::Delete { id }).unwrap();
        room.waits_for("a redaction", |event| {
            event["type"] == "m.room.redaction" && event["content"]["redacts"] == said
        })
        .await;
        let mine = alice.says(room.id(), "my secret");
        let sent = gets(&ana, "my secret").await;
        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": mine}));
        let got = receives(&ana, "the deletion", |got| {
            got.message.protocol_message.as_option().is_some_and(|it| it.key.is_set() && !it.edited_message.is_set())
        })
        .await;
        let key = got.message.protocol_message.as_option().unwrap().key.as_option().unwrap().clone();
        assert_eq!(key.id.as_deref(), Some(sent.id.as_str()));
    }

    /// B11: a real poll on each side; votes of both sides count on both.
    async fn polls_and_votes_cross(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let options = vec!["Monday".to_owned(), "Friday".to_owned()];
        let poll = Speech::Poll { question: "When?".into(), options, selectable: 1, ends: None };
        let id = ana.speaks(&linked.phone, poll).unwrap();
        let asked = event(&room, "org.matrix.msc3381.poll.start", ANA).await;
        let answers = asked["content"]["org.matrix.msc3381.poll.start"]["answers"].clone();
        ana.speaks(&linked.phone, Speech::Vote { id, options: vec!["Friday".into()] }).unwrap();
        let vote = event(&room, "org.matrix.msc3381.poll.response", ANA).await;
        assert_eq!(vote["content"]["org.matrix.msc3381.poll.response"]["answers"], json!([answers[1]["id"]]));

        let content = json!({
            "m.relates_to": {"rel_type": "m.reference", "event_id": asked["event_id"]},
            "org.matrix.msc3381.poll.response": {"answers": [answers[0]["id"]]},
        });
        alice.sends(room.id(), "org.matrix.msc3381.poll.response", &content);
        receives(&ana, "a vote", |got| got.message.poll_update_message.is_set()).await;
    }
}

/// B26, B27
#[tokio::test(flavor = "multi_thread")]
async fn places_and_cards_can_be_read_in_matrix() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        room,
        ana,
        linked,
        alice,
    } = world.talking().await;
    let place = Speech::Location {
        latitude: 53.54,
        longitude: 9.98,
        name: Some("Harbour".into()),
        address: None,
        live: false,
    };
    ana.speaks(&linked.phone, place).unwrap();
    let shown = room
        .waits_for("a place", |event| event["content"]["msgtype"] == "m.location")
        .await;
    assert!(text_of(&shown["content"], "geo_uri").starts_with("geo:53.54,9.98"));
    assert!(text_of(&shown["content"], "body").contains("Harbour"));

    let content = json!({"msgtype": "m.location", "body": "here", "geo_uri": "geo:48.2,16.37"});
    alice.sends(room.id(), "m.room.message", &content);
    let got = receives(&ana, "a place", |got| got.message.location_message.is_set()).await;
    let location = got.message.location_message.as_option().unwrap();
    assert_eq!(location.degrees_latitude, Some(48.2));
}

/// What is done to a message that never came is told after a while, and holds nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_to_a_message_that_never_came_becomes_a_notice_and_nobody_waits_for_it() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    world.sets("bridge", "wait_for_target = 1");
    world.wharf.start().await;
    let Talking { room, ana, linked, .. } = world.talking().await;
    let key = wa::MessageKey {
        remote_jid: Some(ana.jid()),
        from_me: Some(true),
        id: Some("3EB0FFFFFFFFFFFFFFFF".into()),
        ..Default::default()
    };
    let reaction = wa::message::ReactionMessage {
        key: MessageField::some(key),
        text: Some("👍".into()),
        ..Default::default()
    };
    let message = wa::Message {
        reaction_message: MessageField::some(reaction),
        ..Default::default()
    };
    ana.sends(&linked.phone, message);
    ana.says(&linked.phone, "go on");
    room.shows("go on").await;
    room.waits_for("a notice", |event| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("a message that is not here"))
    })
    .await;
}
