//! What is taken back is nowhere in the database any more, on whichever side it was taken back.

use serde_json::json;
use simulator::Speech;

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{Talking, World, gets, webhook},
};

/// Waits until no table holds a text.
async fn is_gone(world: &World, text: &str) {
    let mut last = Vec::new();
    for _ in 0..2 {
        world.settles(SOON).await;
        last = world.holding(text).await;
    }
    assert!(last.is_empty(), "{text:?} stands in {last:?}");
}

on_both_engines! {
    async fn b06_what_is_taken_back_on_either_side_is_in_no_table_any_more(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;

        // Ours: edited, so that it was sent twice; and a poll, whose options are kept to count votes.
        let said = alice.says(room.id(), "marmalade at noon");
        gets(&ana, "marmalade at noon").await;
        let edit = json!({
            "msgtype": "m.text", "body": "* quinces at noon",
            "m.new_content": {"msgtype": "m.text", "body": "quinces at noon"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": said},
        });
        alice.sends(room.id(), "m.room.message", &edit);
        ana.waits_for(|got| got.message.protocol_message.is_set() || got.message.edited_message.is_set(), SOON)
            .await
            .unwrap();
        let answers = json!([{"id": "1", "org.matrix.msc1767.text": "apricots"}, {"id": "2", "org.matrix.msc1767.text": "plums"}]);
        let poll = alice.sends(room.id(), "org.matrix.msc3381.poll.start", &json!({
            "org.matrix.msc1767.text": "Which?",
            "org.matrix.msc3381.poll.start": {
                "kind": "org.matrix.msc3381.poll.disclosed", "max_selections": 1,
                "question": {"org.matrix.msc1767.text": "Which?"}, "answers": answers,
            },
        }));
        let is_poll = |got: &simulator::Received| {
            got.message.poll_creation_message.is_set() || got.message.poll_creation_message_v3.is_set()
        };
        ana.waits_for(is_poll, SOON).await.unwrap();

        // Theirs: delivered to a program, and quoted by us.
        let id = ana.says(&linked.phone, "rhubarb at dawn");
        let theirs = room.shows("rhubarb at dawn").await;
        receiver.gets("rhubarb at dawn").await;
        alice.replies(room.id(), theirs["event_id"].as_str().unwrap(), "agreed");
        gets(&ana, "agreed").await;
        world.settles(SOON).await;
        for text in ["quinces at noon", "apricots", "rhubarb at dawn"] {
            assert!(!world.holding(text).await.is_empty(), "{text:?} must be findable");
        }
        assert!(world.holding("marmalade at noon").await.contains(&"keys".to_owned()), "kept to be sent again");

        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": said}));
        alice.sends(room.id(), "m.room.redaction", &json!({"redacts": poll}));
        ana.speaks(&linked.phone, Speech::Delete { id }).unwrap();
        let event = theirs["event_id"].as_str().unwrap();
        eventually("theirs is taken back", SOON, || async {
            room.events()
                .iter()
                .any(|it| it["redacts"] == event || it["content"]["redacts"] == event)
                .then_some(())
        })
        .await;
        world.homeserver.has_pushed_everything().await;
        for text in ["marmalade at noon", "quinces at noon", "apricots", "plums", "rhubarb at dawn"] {
            is_gone(&world, text).await;
        }
        assert!(!world.holding("agreed").await.is_empty(), "nothing else is lost");
    }

    /// B07: a chat that is emptied on the phone is emptied in a room that is its owner's alone, and in the tables.
    async fn b07_of_a_chat_that_is_cleared_nothing_that_was_said_is_left(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        for number in 0..60 {
            ana.says(&linked.phone, &format!("plum number {number}"));
        }
        room.shows("plum number 59").await;
        alice.says(room.id(), "figs in August");
        gets(&ana, "figs in August").await;
        world.settles(SOON).await;
        let said = room.messages().into_iter().filter(|event| event["sender"] != "@whatsappbot:hs.test");
        let shown: Vec<_> = said.map(|event| event["event_id"].clone()).collect();
        linked.phone.clears_chat("15550001111@s.whatsapp.net").unwrap();
        eventually("everything is taken back", SOON, || async {
            let events = room.events();
            let gone = |id: &serde_json::Value| events.iter().any(|it| it["content"]["redacts"] == *id || it["redacts"] == *id);
            shown.iter().all(gone).then_some(())
        })
        .await;
        for text in ["plum number", "figs in August"] {
            is_gone(&world, text).await;
        }
        ana.says(&linked.phone, "pears in September");
        room.shows("pears in September").await;
    }

    /// B07: whoever shares the chat keeps it.
    async fn b07_a_chat_that_others_read_is_not_cleared(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        ana.says(&linked.phone, "cherries in June");
        room.shows("cherries in June").await;
        linked.phone.clears_chat("15550001111@s.whatsapp.net").unwrap();
        // Settings come one after the other: when this one is here, that one was.
        linked.phone.pins("15550001111@s.whatsapp.net", true).unwrap();
        eventually("the mark is known", SOON, || async {
            (world.count("select count(*) as number from chat_marks").await == 1).then_some(())
        })
        .await;
        world.settles(SOON).await;
        assert!(!room.events().iter().any(|event| event["type"] == "m.room.redaction"));
        assert!(!world.holding("cherries in June").await.is_empty());
    }

    async fn b62_of_a_chat_that_is_deleted_nothing_that_was_said_is_left(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        linked.phone.mutes("15550001111@s.whatsapp.net", Some(-1)).unwrap();
        ana.says(&linked.phone, "cherries in June");
        room.shows("cherries in June").await;
        alice.says(room.id(), "figs in August");
        gets(&ana, "figs in August").await;
        eventually("the mark is known", SOON, || async {
            (world.count("select count(*) as number from chat_marks").await == 1).then_some(())
        })
        .await;
        alice.says(room.id(), "!wa delete-chat");
        eventually("the portal is gone", SOON, || async {
            (world.count("select count(*) as number from portals where kind = 'direct'").await == 0).then_some(())
        })
        .await;
        for text in ["hello", "cherries in June", "figs in August"] {
            is_gone(&world, text).await;
        }
        assert_eq!(world.count("select count(*) as number from chat_marks").await, 0);
        ana.says(&linked.phone, "pears in September");
        world
            .homeserver
            .waits_for_room("another room", |next| {
                next.id() != room.id() && next.said().iter().any(|(_, text)| text == "pears in September")
            })
            .await;
    }
}
