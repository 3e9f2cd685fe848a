//! Who may give commands about messages; the commands themselves are in `rows`.

use serde_json::Value;

use crate::support::{
    database::Engine,
    world::{Talking, World},
};

/// Nobody but the owner and the members commands in a room.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_in_the_room_commands_nothing() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, .. } = world.talking().await;
    let eve = world.homeserver.user("eve");
    alice.invites(room.id(), eve.id()).await;
    eve.joins(room.id());
    eve.says(room.id(), "!wa retry");
    let refused = |event: &Value| {
        let words = event["content"]["body"].as_str().unwrap_or_default();
        event["sender"] == "@whatsappbot:hs.test" && words.contains("only the owner and members are heard here")
    };
    room.waits_for("a refusal", refused).await;
}
