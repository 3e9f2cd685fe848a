//! B60: channels are rooms in which the channel itself speaks.

use super::bot::{bot_says, linked};
use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::World,
};
use serde_json::{Value, json};

on_both_engines! {
    async fn b60_a_channel_that_is_followed_has_a_room_until_it_is_not(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, chat, _phone) = linked(&world).await;
        let channel = world.whatsapp.newsletter("Harbour News");
        alice.says(chat.id(), "follow https://whatsapp.com/somewhere");
        bot_says(&chat, "There is no channel behind this link.").await;
        alice.says(chat.id(), &format!("follow https://whatsapp.com/channel/{}", channel.invite()));
        bot_says(&chat, "You follow Harbour News").await;
        let room = alice.joins_invite().await;
        assert_eq!(room.state("m.room.name", "").unwrap()["name"], "Harbour News");

        let post = channel.posts("ship 6 is in");
        let shown = room.shows("ship 6 is in").await;
        let voice = shown["sender"].as_str().unwrap().to_owned();
        assert!(voice.starts_with("@whatsapp_channel_"), "{voice}");
        assert_eq!(world.homeserver.display_name(&voice).as_deref(), Some("Harbour News (WA)"));
        for text in ["ship six is in", "ship six has left"] {
            channel.edits(post, text);
            let edit = room.waits_for(text, |event| event["content"]["m.new_content"]["body"] == text).await;
            assert_eq!(edit["content"]["m.relates_to"]["event_id"], shown["event_id"]);
        }

        let mark = serde_json::json!({
            "m.relates_to": {"rel_type": "m.annotation", "event_id": shown["event_id"], "key": "⛵"},
        });
        alice.sends(room.id(), "m.reaction", &mark);
        channel.waits_for(|post| post.reactions.contains_key("⛵"), SOON).await.unwrap();
        let level = |value: &Value, who: &str| value["users"][who].as_i64().unwrap_or_default();
        room.has("m.room.power_levels", "", |levels| levels["events_default"] == 50 && level(levels, alice.id()) < 50).await;

        channel.deletes(post);
        room.waits_for("it is taken back", |event| {
            event["type"] == "m.room.redaction"
                && (event["redacts"] == shown["event_id"] || event["content"]["redacts"] == shown["event_id"])
        }).await;
        alice.says(chat.id(), "unfollow");
        bot_says(&chat, "Write this in the room of the channel.").await;
        alice.says(chat.id(), &format!("in https://matrix.to/#/{} unfollow", room.id()));
        bot_says(&chat, "You follow this channel no more.").await;
        assert!(channel.followers().is_empty());
        bot_says(&room, "You do not follow this channel any more").await;
    }

    async fn b60_who_runs_a_channel_writes_in_its_room_and_who_only_follows_cannot(engine: Engine) {
        let world = World::start(engine).await;
        let (alice, chat, phone) = linked(&world).await;
        let channel = world.whatsapp.newsletter("Harbour News");
        alice.says(chat.id(), &format!("follow https://whatsapp.com/channel/{}", channel.invite()));
        let room = alice.joins_invite().await;
        let can_write = |levels: &Value| {
            let own = levels["users"][alice.id()].as_i64().unwrap_or_default();
            own >= levels["events_default"].as_i64().unwrap_or_default()
        };
        let reads_only = |levels: &Value| !can_write(levels) && levels["events"]["m.reaction"] == 0;
        room.has("m.room.power_levels", "", reads_only).await;

        channel.is_run_by(&phone, true);
        room.has("m.room.power_levels", "", can_write).await;
        alice.says(room.id(), "the ferry is late");
        channel.waits_for(|post| post.text.as_deref() == Some("the ferry is late"), SOON).await.unwrap();
        alice.sets(room.id(), "m.room.name", &json!({"name": "Harbour Daily"}));
        eventually("the channel has its new name", SOON, || async { (channel.name() == "Harbour Daily").then_some(()) }).await;

        channel.is_run_by(&phone, false);
        room.has("m.room.power_levels", "", reads_only).await;
        channel.is_left(&phone);
        bot_says(&room, "You do not follow this channel any more").await;
        channel.is_followed(&phone);
        bot_says(&room, "You follow this channel again").await;
        channel.posts("the ferry is here");
        room.shows("the ferry is here").await;
    }

    async fn b60_the_mark_that_most_followers_gave_stands_once_on_the_message(engine: Engine) {
        let mut world = World::prepare(engine, "").await;
        // What is done to a message that is not here is told at once.
        world.sets("bridge", "wait_for_target = 0");
        world.wharf.start().await;
        let (alice, chat, _phone) = linked(&world).await;
        let channel = world.whatsapp.newsletter("Harbour News");
        let before = channel.posts("ship 5 was in");
        channel.gets_reactions(before, "🦀", 9);
        alice.says(chat.id(), &format!("follow https://whatsapp.com/channel/{}", channel.invite()));
        let room = alice.joins_invite().await;
        let post = channel.posts("ship 6 is in");
        let shown = room.shows("ship 6 is in").await;
        channel.gets_reactions(post, "⛵", 7);
        channel.gets_reactions(post, "👍", 2);
        let event = shown["event_id"].as_str().unwrap();
        alice.reads(room.id(), event);
        let marks = |key: &'static str| {
            let room = room.clone();
            move || room.events().into_iter().filter(|it| it["content"]["m.relates_to"]["key"] == key).collect::<Vec<_>>()
        };
        let mark = room.waits_for("the mark of most", |it| it["content"]["m.relates_to"]["key"] == "⛵").await;
        assert_eq!(mark["sender"], shown["sender"]);
        assert_eq!(mark["content"]["m.relates_to"]["event_id"], event);
        channel.gets_reactions(post, "⛵", 8);
        channel.gets_reactions(post, "👍", 30);
        room.waits_for("another mark of most", |it| it["content"]["m.relates_to"]["key"] == "👍").await;
        room.waits_for("the old mark is gone", |it| {
            it["type"] == "m.room.redaction"
                && (it["redacts"] == mark["event_id"] || it["content"]["redacts"] == mark["event_id"])
        }).await;
        world.settles(SOON).await;
        let given = [marks("⛵")(), marks("👍")()].concat();
        assert_eq!(given.len(), 2, "one for each change, none for each count");
        let events = room.events();
        let is_gone = |id: &Value| {
            let mut redactions = events.iter().filter(|it| it["type"] == "m.room.redaction");
            redactions.any(|it| it["redacts"] == *id || it["content"]["redacts"] == *id)
        };
        let standing: Vec<_> = given.iter().filter(|mark| !is_gone(&mark["event_id"])).collect();
        let keys: Vec<_> = standing.iter().map(|mark| &mark["content"]["m.relates_to"]["key"]).collect();
        assert_eq!(keys, ["👍"], "what most followers gave stands once");
        assert!(!room.said().iter().any(|(_, text)| text.contains("not here")), "nobody hears of posts of before");
    }
}
