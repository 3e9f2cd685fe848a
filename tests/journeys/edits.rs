//! What happens to messages that are several events, and to the words under media.

use serde_json::Value;
use simulator::Speech;

use crate::support::{
    database::Engine,
    waiting::SOON,
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
