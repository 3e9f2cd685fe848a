//! B60: channels are rooms in which the channel itself speaks.

use super::bot::{bot_says, linked};
use crate::support::{database::Engine, waiting::SOON, world::World};

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
        alice.says(room.id(), "may I speak?");
        bot_says(&room, "Not sent").await;

        channel.deletes(post);
        room.waits_for("it is taken back", |event| {
            event["type"] == "m.room.redaction"
                && (event["redacts"] == shown["event_id"] || event["content"]["redacts"] == shown["event_id"])
        }).await;
        alice.says(room.id(), "!wa unfollow");
        bot_says(&room, "You follow this channel no more.").await;
        assert!(channel.followers().is_empty());
        alice.says(chat.id(), "unfollow");
        bot_says(&chat, "Write this in the room of the channel.").await;
    }
}
