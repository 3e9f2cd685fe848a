//! B46: silence, pins, the archive and unread marks of chats, both ways.

use serde_json::json;
use simulator::Setting;

use crate::support::{
    database::Engine,
    homeserver::User,
    waiting::{SOON, eventually},
    world::{Talking, World},
};

const CHAT: &str = "15550001111@s.whatsapp.net";

/// Waits until the phone has a setting of this kind for the chat that is as `is` wants it.
async fn is_set(talking: &Talking, kind: &str, is: impl Fn(&Setting) -> bool) {
    let set = |setting: &Setting| setting.index == [kind, CHAT] && is(setting);
    let set = talking.linked.phone.waits_for_setting(set, SOON).await;
    assert!(set.is_ok(), "{kind}: {:?}", talking.linked.phone.app_state());
}

/// Waits until a person's account holds something of a room, or holds it no more.
async fn holds(user: &User, room: &str, what: &str, held: bool) {
    eventually(&format!("{what}: {held}"), SOON, || async {
        (user.keeps(room, what).is_some() == held).then_some(())
    })
    .await;
}

on_both_engines! {
    /// By commands: the phone has it, and where wharf may speak for the person, their account has it too.
    async fn b46_what_is_said_to_the_bot_is_set_on_the_phone(engine: Engine) {
        let (world, talking) = World::of_alice(engine).await;
        let Talking { alice, room, .. } = &talking;
        let asks = async |command: &str, answer: &str| {
            alice.says(room.id(), &format!("!wa {command}"));
            room.shows(answer).await;
        };
        asks("pin", "This chat is held above the others.").await;
        is_set(&talking, "pin_v1", |it| it.value.pin_action.pinned == Some(true)).await;
        holds(alice, room.id(), "tags/m.favourite", true).await;
        asks("archive", "This chat is put away.").await;
        is_set(&talking, "archive", |it| it.value.archive_chat_action.archived == Some(true)).await;
        holds(alice, room.id(), "tags/m.lowpriority", true).await;
        holds(alice, room.id(), "tags/m.favourite", false).await;
        asks("unarchive", "This chat is back.").await;
        is_set(&talking, "archive", |it| it.value.archive_chat_action.archived == Some(false)).await;
        holds(alice, room.id(), "tags/m.lowpriority", false).await;
        asks("mute 8", "This chat is silent for so long.").await;
        is_set(&talking, "mute", |it| it.value.mute_action.mute_end_timestamp.is_some_and(|end| end > 0)).await;
        holds(alice, room.id(), "silence", true).await;
        asks("unmute", "This chat makes a sound again.").await;
        is_set(&talking, "mute", |it| it.value.mute_action.muted == Some(false)).await;
        holds(alice, room.id(), "silence", false).await;
        asks("unread", "This chat is marked as unread.").await;
        is_set(&talking, "markChatAsRead", |it| it.value.mark_chat_as_read_action.read == Some(false)).await;
        let id = talking.ana.says(&talking.linked.phone, "read this");
        room.shows("read this").await;
        asks("read", "This chat is read.").await;
        is_set(&talking, "markChatAsRead", |it| it.value.mark_chat_as_read_action.read == Some(true)).await;
        talking.ana.waits_for_receipt(&id, "read", SOON).await.unwrap();
        world.settles(SOON).await;
        let unread = alice.keeps(room.id(), "account_data/m.marked_unread").unwrap();
        assert_eq!(unread, json!({ "unread": false }));
    }

    /// The mark goes with what is read: dying right after leaves none behind.
    async fn b46_a_crash_after_reading_leaves_no_mark_on_the_chat(engine: Engine) {
        let (mut world, talking) = World::of_alice(engine).await;
        let Talking { alice, room, linked, ana } = &talking;
        linked.phone.marks_read(CHAT, false).unwrap();
        eventually("unread", SOON, || async {
            (alice.keeps(room.id(), "account_data/m.marked_unread")? == json!({ "unread": true })).then_some(())
        })
        .await;
        ana.says(&linked.phone, "read me");
        let event = room.shows("read me").await;
        world.settles(SOON).await;
        world.wharf.stops().await;
        world.wharf.spawn("bridge.read.seen.after=panic");
        world.wharf.answers().await;
        alice.reads(room.id(), event["event_id"].as_str().unwrap());
        assert!(world.wharf.ends(SOON).await, "it died");
        world.wharf.start().await;
        is_set(&talking, "markChatAsRead", |it| it.value.mark_chat_as_read_action.read == Some(true)).await;
    }

    /// From the phone, also before there is a room; a silence ends by itself.
    async fn b46_what_is_set_on_the_phone_is_shown_in_the_persons_account(engine: Engine) {
        let (world, talking) = World::of_alice(engine).await;
        let Talking { alice, room, linked, ana } = &talking;
        let phone = &linked.phone;
        phone.pins(CHAT, true).unwrap();
        phone.mutes(CHAT, Some(-1)).unwrap();
        phone.marks_read(CHAT, false).unwrap();
        holds(alice, room.id(), "tags/m.favourite", true).await;
        holds(alice, room.id(), "silence", true).await;
        eventually("unread", SOON, || async {
            (alice.keeps(room.id(), "account_data/m.marked_unread")? == json!({ "unread": true })).then_some(())
        })
        .await;
        ana.says(phone, "new");
        let event = room.shows("new").await;
        phone.marks_read(CHAT, true).unwrap();
        eventually("all is read", SOON, || async {
            let read = room.read().into_iter().rev().find(|(who, _)| who == alice.id())?;
            (event["event_id"] == read.1.as_str()).then_some(())
        })
        .await;
        phone.pins(CHAT, false).unwrap();
        phone.mutes(CHAT, None).unwrap();
        holds(alice, room.id(), "tags/m.favourite", false).await;
        holds(alice, room.id(), "silence", false).await;

        let bob = world.contact("15550002222", "Bob");
        phone.archives("15550002222@s.whatsapp.net", true).unwrap();
        eventually("it is remembered", SOON, || async {
            (world.count("select count(*) from chat_marks where archived = 1").await == 1).then_some(())
        })
        .await;
        bob.says(phone, "from the archive");
        let chat = world.homeserver.waits_for_room("Bob's room", |room| {
            room.said().iter().any(|(_, text)| text == "from the archive")
        });
        holds(alice, chat.await.id(), "tags/m.lowpriority", true).await;
    }
}
