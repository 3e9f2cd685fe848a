//! Commands about one message, and what the phone does to messages on the owner's devices only.

use serde_json::Value;

use crate::support::{
    database::Engine,
    homeserver::Room,
    waiting::{SOON, eventually},
    world::{Talking, World},
};

async fn answers(room: &Room, words: &str) -> Value {
    room.waits_for(words, |event| {
        event["sender"] == "@whatsappbot:hs.test"
            && event["content"]["body"]
                .as_str()
                .is_some_and(|body| body.contains(words))
    })
    .await
}

on_both_engines! {
    /// B13: an invitation is accepted by an answer to it; the room of the group is there.
    async fn b13_an_invitation_is_accepted_by_command(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let bob = world.contact("15550002222", "Bob");
        let group = world.whatsapp.group("Sailing", &[&ana, &bob]).unwrap();
        alice.says(room.id(), "!wa accept");
        answers(&room, "There is no invitation").await;

        let message = group.invites(&ana, &linked.phone).unwrap();
        ana.sends(&linked.phone, message);
        let shown = room
            .waits_for("the invitation", |event| {
                event["content"]["body"].as_str().is_some_and(|body| body.contains("Sailing") && body.contains("!wa accept"))
            })
            .await;
        alice.replies(room.id(), shown["event_id"].as_str().unwrap(), "!wa accept");
        answers(&room, "You are in the group “Sailing” now").await;
        let joined = alice.joins_invite().await;
        group.says(&ana, "welcome").unwrap();
        joined.shows("welcome").await;
        // Once more is the same.
        alice.says(room.id(), "!wa accept");
        eventually("a second answer", SOON, || async {
            let said = room.said();
            (said.iter().filter(|(_, text)| text.contains("You are in the group")).count() == 2).then_some(())
        })
        .await;
    }
}

/// B13
#[tokio::test(flavor = "multi_thread")]
async fn b13_an_invitation_that_is_over_is_told_so() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        linked,
        alice,
        room,
        ana,
    } = world.talking().await;
    let bob = world.contact("15550002222", "Bob");
    let group = world.whatsapp.group("Sailing", &[&ana, &bob]).unwrap();
    let mut message = group.invites(&ana, &linked.phone).unwrap();
    if let Some(invitation) = message.group_invite_message.as_option_mut() {
        invitation.invite_expiration = Some(1_000_000_000);
    }
    ana.sends(&linked.phone, message);
    room.waits_for("the invitation", |event| {
        event["content"]["body"]
            .as_str()
            .is_some_and(|body| body.contains("Sailing"))
    })
    .await;
    alice.says(room.id(), "!wa accept");
    answers(&room, "not valid any more").await;
}

/// Nobody but the owner and the members commands in a room.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_in_the_room_commands_nothing() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, .. } = world.talking().await;
    let eve = world.homeserver.user("eve");
    alice.invites(room.id(), eve.id()).await;
    eve.joins(room.id());
    eve.says(room.id(), "!wa retry");
    answers(&room, "only the owner and members are heard here").await;
}

/// B07: →WA by command, on the owner's own devices; others read the room too, so it stays there.
#[tokio::test(flavor = "multi_thread")]
async fn b07_a_message_is_deleted_on_the_own_devices_by_command() {
    let world = World::start(Engine::Sqlite).await;
    let Talking {
        linked,
        alice,
        room,
        ana,
    } = world.talking().await;
    let id = ana.says(&linked.phone, "forget this");
    let shown = room.shows("forget this").await;
    alice.says(room.id(), "!wa delete-for-me");
    answers(&room, "Answer the message with this command").await;
    alice.replies(room.id(), shown["event_id"].as_str().unwrap(), "!wa delete-for-me");
    answers(&room, "Deleted on the devices of this account").await;
    eventually("the phone knows", SOON, || async {
        let settings = linked.phone.app_state();
        settings
            .iter()
            .any(|setting| {
                setting.index.first().is_some_and(|it| it == "deleteMessageForMe") && setting.index.contains(&id)
            })
            .then_some(())
    })
    .await;
    assert!(
        !ana.received().iter().any(|got| got.message.protocol_message.is_set()),
        "only here"
    );
}

on_both_engines! {
    /// B07: →MX where the room is the owner's alone.
    async fn b07_what_the_phone_deletes_for_itself_goes_from_the_owners_own_room(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let ana = world.contact("15550001111", "Ana");
        let id = ana.says(&linked.phone, "forget this");
        let room = eventually("the room", SOON, || async {
            world.homeserver.rooms_of("@whatsapp_15550001111:hs.test").into_iter().next()
        })
        .await;
        let shown = room.shows("forget this").await["event_id"].clone();
        linked.phone.deletes_for_itself(&ana.jid(), (&id, false), None).unwrap();
        room.waits_for("a redaction", |event| {
            event["type"] == "m.room.redaction" && event["content"]["redacts"] == shown
        })
        .await;
    }
}
