//! Chats and messages as resources: what applications see and change of them by REST.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, Group, Phone, Setting};

use super::groups_out;
use crate::support::{
    database::Engine,
    homeserver::Room,
    rest::Rest,
    waiting::{SOON, eventually, until},
    world::{Linked, OWNER, Talking, World, gets},
};

const ANA: &str = "15550001111";
const GHOST: &str = "@whatsapp_15550001111:hs.test";
const BOT: &str = "@whatsappbot:hs.test";
const CHAT: &str = "15550001111@s.whatsapp.net";

async fn shows(rest: &Rest, path: &str) -> Value {
    let (status, body) = rest.call(Method::GET, path, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn patches(rest: &Rest, path: &str, body: Value) -> Value {
    let (status, answer) = rest.call(Method::PATCH, path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Waits until a resource is as `is` wants it.
async fn becomes(rest: &Rest, path: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, SOON, || async {
        let shown = shows(rest, path).await;
        is(&shown).then_some(shown)
    })
    .await
}

/// Sends by REST and answers the path of the message.
async fn sends(rest: &Rest, contact: &str, text: &str) -> String {
    let (status, sent) = rest.says(OWNER, contact, text, None).await;
    assert_eq!(status, 200, "{sent}");
    let id = sent["results"][0]["message_id"].as_str().unwrap();
    format!("/api/v1/chats/{contact}/messages/{id}")
}

/// Waits until the phone has a setting of this kind for Ana's chat that is as `is` wants it.
async fn is_set(phone: &Phone, kind: &str, is: impl Fn(&Setting) -> bool) {
    let set = |setting: &Setting| setting.index == [kind, CHAT] && is(setting);
    let set = phone.waits_for_setting(set, SOON).await;
    assert!(set.is_ok(), "{kind}: {:?}", phone.app_state());
}

/// A group with a room, in which Ana has said hello.
struct InGroup {
    linked: Linked,
    ana: Contact,
    group: Group,
    room: Room,
    path: String,
}

async fn in_group(world: &World, owner_made_it: bool) -> InGroup {
    let groups_out::InGroup {
        linked,
        ana,
        group,
        room,
        ..
    } = groups_out::in_group_of(world, owner_made_it).await;
    let path = format!("/api/v1/chats/{}", room.id());
    InGroup {
        linked,
        ana,
        group,
        room,
        path,
    }
}

on_both_engines! {
    /// From the moment it is accepted until she has listened to it, and why it failed.
    async fn b43_what_became_of_a_message_is_read_by_rest(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let rest = &linked.rest;
        world.whatsapp.is_down();
        let path = sends(rest, ANA, "are you there?").await;
        let pending = shows(rest, &path).await;
        assert_eq!(pending["state"], "pending");
        assert_eq!(pending["text"], "are you there?");
        world.restarts().await;
        assert_eq!(shows(rest, &path).await["state"], "pending", "and it survives a crash");
        world.whatsapp.is_up();
        let got = gets(&ana, "are you there?").await;
        let delivered = becomes(rest, &path, "delivered", |message| message["state"] == "delivered").await;
        assert_eq!(delivered["id"], got.id.as_str());

        let event = delivered["event_id"].as_str().unwrap();
        let path = format!("/api/v1/chats/{}/messages/{event}", room.id());
        ana.reads(&linked.phone, std::slice::from_ref(&got.id));
        let read = becomes(rest, &format!("{path}?expand=receipts"), "read", |message| message["state"] == "read").await;
        let receipt = &read["receipts"][0];
        assert_eq!(receipt["contact"], json!({ "id": GHOST, "name": "Ana" }));
        assert_eq!(receipt["state"], "read");
        assert!(receipt["delivered_at"].is_string() && receipt["read_at"].is_string(), "{receipt}");
        assert_eq!(read["receipts"].as_array().unwrap().len(), 1);
        let list = shows(rest, &format!("/api/v1/devices/wa/{OWNER}/chats/{ANA}/messages")).await;
        assert_eq!((&list["data"][0]["event_id"], &list["data"][0]["state"]), (&json!(event), &json!("read")));
        ana.plays(&linked.phone, &[got.id]);
        becomes(rest, &path, "played", |message| message["state"] == "played").await;

        world.whatsapp.nacks_next_to(&ana, 479);
        let refused = sends(rest, ANA, "refused").await;
        let failed = becomes(rest, &refused, "failed", |message| message["state"] == "failed").await;
        assert!(failed["error"].is_string(), "{failed}");
        let list = shows(rest, &format!("/api/v1/devices/wa/{OWNER}/chats/{ANA}/messages?limit=1")).await;
        assert_eq!((&list["data"][0]["text"], &list["data"][0]["state"]), (&json!("refused"), &json!("failed")));
        world.contact("15550004444", "Nobody").is_registered(false);
        let nobody = sends(rest, "15550004444", "hello?").await;
        let failed = becomes(rest, &nobody, "failed", |message| message["state"] == "failed").await;
        assert_eq!(failed["error"], "not_on_whatsapp");

        let stranger = world.rest.new_token(&[]).await;
        for path in [path, refused, nobody] {
            assert_eq!(stranger.call(Method::GET, &path, None).await.0, 404, "{path}");
        }
    }

    /// Marks reach the phone, also after a crash, and what the phone changes is seen.
    async fn b46_marks_on_a_chat_are_set_and_seen_by_rest(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let (rest, phone) = (&linked.rest, &linked.phone);
        let path = format!("/api/v1/chats/{}", room.id());
        world.settles(SOON).await;
        let shown = shows(rest, &path).await;
        assert_eq!((&shown["id"], &shown["title"], &shown["contact"]["id"]), (&json!(ANA), &json!("Ana"), &json!(GHOST)));
        assert_eq!(shown["last_message"]["text"], "hello");

        world.whatsapp.is_down();
        let wish = json!({ "pinned": true, "muted_until": "forever", "marked_unread": true });
        let answer = patches(rest, &path, wish.clone()).await;
        assert_eq!(
            json!([answer["pinned"], answer["muted_until"], answer["marked_unread"]]),
            json!([true, "forever", true])
        );
        world.restarts().await;
        assert_eq!(shows(rest, &path).await["pinned"], true, "it is promised");
        world.whatsapp.is_up();
        is_set(phone, "pin_v1", |it| it.value.pin_action.pinned == Some(true)).await;
        is_set(phone, "mute", |it| it.value.mute_action.muted == Some(true)).await;
        is_set(phone, "markChatAsRead", |it| it.value.mark_chat_as_read_action.read == Some(false)).await;
        world.settles(SOON).await;
        let changes = world.count("select count(*) from buried_jobs").await;
        patches(rest, &path, wish).await;
        world.settles(SOON).await;
        assert_eq!(world.count("select count(*) from buried_jobs").await, changes);
        let answer = patches(rest, &path, json!({ "archived": true })).await;
        assert_eq!(answer["pinned"], false, "what is archived is not pinned");
        is_set(phone, "archive", |it| it.value.archive_chat_action.archived == Some(true)).await;
        world.settles(SOON).await;

        phone.archives(CHAT, false).unwrap();
        phone.mutes(CHAT, None).unwrap();
        becomes(rest, &path, "as the phone set it", |chat| {
            chat["archived"] == false && chat["muted_until"].is_null()
        })
        .await;
        let answer = patches(rest, &path, json!({ "muted_until": "2100-01-01T00:00:00Z" })).await;
        assert_eq!(answer["muted_until"], "2100-01-01T00:00:00Z");
        is_set(phone, "mute", |it| it.value.mute_action.mute_end_timestamp == Some(4_102_444_800_000)).await;

        patches(rest, &path, json!({ "disappearing_timer": 604_800 })).await;
        ana.waits_for(
            |received| received.message.protocol_message.ephemeral_expiration == Some(604_800),
            SOON,
        )
        .await
        .unwrap();
        room.hears(BOT, "New messages disappear after 7 days.").await;
        world.settles(SOON).await;
        let chats = shows(rest, "/api/v1/chats").await;
        let chat = &chats["data"][0];
        assert_eq!(
            json!([chat["room_id"], chat["device_id"], chat["disappearing_timer"], chat["marked_unread"]]),
            json!([room.id(), OWNER, 604_800, true])
        );
    }

    /// Nobody else, and nothing that makes no sense.
    async fn b46_bad_wishes_and_strangers_change_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, .. } = world.talking().await;
        let rest = &linked.rest;
        let path = format!("/api/v1/chats/{}", room.id());
        world.settles(SOON).await;
        let before = shows(rest, &path).await;
        let settings = linked.phone.app_state().len();
        for (body, status) in [
            (json!({ "pinned": "yes" }), 400),
            (json!({ "muted_until": "2001-01-01T00:00:00Z" }), 400),
            (json!({ "disappearing_timer": 5 }), 400),
            (json!({ "title": "Ana" }), 422),
            (json!({ "announce": true, "pinned": true }), 422),
        ] {
            let field = body.as_object().unwrap().keys().next().unwrap().clone();
            let (got, answer) = rest.call(Method::PATCH, &path, Some(body)).await;
            assert_eq!(got, status, "{answer}");
            assert!(answer["error"].as_str().unwrap().contains(&field), "{answer}");
        }
        let stranger = world.rest.new_token(&[]).await;
        let wish = || Some(json!({ "pinned": true }));
        assert_eq!(stranger.call(Method::PATCH, &path, wish()).await.0, 404);
        assert_eq!(stranger.call(Method::GET, &path, None).await.0, 404);
        assert_eq!(stranger.call(Method::POST, &format!("{path}/receipts"), Some(json!({}))).await.0, 404);
        assert_eq!(shows(&stranger, "/api/v1/chats").await["data"], json!([]));
        world.settles(SOON).await;
        assert_eq!(shows(rest, &path).await, before);
        assert_eq!(linked.phone.app_state().len(), settings);
    }

    /// Up to a message and no further, then all of it.
    async fn b42_a_chat_is_read_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, room, ana, .. } = world.talking().await;
        let rest = &linked.rest;
        let path = format!("/api/v1/chats/{}", room.id());
        let ids = ["one", "two"].map(|text| ana.says(&linked.phone, text));
        let one = room.shows("one").await["event_id"].clone();
        room.shows("two").await;
        world.settles(SOON).await;
        assert_eq!(shows(rest, &path).await["unread_count"], 3);
        let receipts = format!("{path}/receipts");
        let read = async |body| rest.call(Method::POST, &receipts, Some(body)).await;
        assert_eq!(read(json!({ "up_to": one })).await, (200, json!({ "unread_count": 1 })));
        ana.waits_for_receipt(&ids[0], "read", SOON).await.unwrap();
        world.settles(SOON).await;
        assert!(!ana.has_receipt(&ids[1], "read"));
        assert_eq!(shows(rest, &path).await["unread_count"], 1);
        assert_eq!(read(json!({})).await, (200, json!({ "unread_count": 0 })));
        ana.waits_for_receipt(&ids[1], "read", SOON).await.unwrap();
        world.settles(SOON).await;
        assert_eq!(shows(rest, &path).await["unread_count"], 0);
        assert_eq!(read(json!({})).await, (200, json!({ "unread_count": 0 })));

        // A program that never read anything: all of it is told, however much.
        world.changes_database(
            "insert into messages (device, chat, message, sender, room, event, direction, kind, at, state, stored_at) \
             with recursive n (i) as (select 1 union all select i + 1 from n where i < 1100) \
             select device, chat, 'MANY' || i, sender, room, '$many' || i, direction, kind, at, state, stored_at + i \
             from messages, n where body = 'two'",
        ).await;
        assert_eq!(read(json!({})).await, (200, json!({ "unread_count": 0 })));
        for id in ["MANY1", "MANY1100"] {
            ana.waits_for_receipt(id, "read", SOON).await.unwrap();
        }
    }

    /// A group is renamed, described and closed; what its people change is seen.
    async fn b46_a_group_is_changed_and_seen_by_rest(engine: Engine) {
        let world = World::start(engine).await;
        let InGroup { linked, ana, group, room, path } = in_group(&world, true).await;
        let rest = &linked.rest;
        let shown = shows(rest, &path).await;
        assert_eq!(
            json!([shown["type"], shown["title"], shown["member_count"], shown["my_role"], shown["announce"]]),
            json!(["group", "Tea", 3, "owner", false])
        );
        let wish = json!({ "title": "Coffee", "topic": "No milk", "announce": true, "locked": true, "disappearing_timer": 86400 });
        patches(rest, &path, wish.clone()).await;
        let stands = patches(rest, &path, wish).await;
        assert_eq!(stands["title"], "Coffee");
        until("the group is as it was asked for", || {
            let named = (group.subject() == "Coffee", group.description().as_deref() == Some("No milk"));
            named == (true, true) && group.is_announcement() && group.is_locked() && group.timer() == Some(86_400)
        })
        .await;
        until("and the room shows it", || {
            room.state("m.room.name", "").is_some_and(|state| state["name"] == "Coffee")
                && room.state("m.room.topic", "").is_some_and(|state| state["topic"] == "No milk")
        })
        .await;
        world.settles(SOON).await;
        let renamed = group.past().into_iter().filter(|past| past.what == "subject").count();
        assert_eq!(renamed, 1, "asked for twice, done once");

        group.promotes(&linked.phone, &[&ana]).unwrap();
        group.renames(&ana, "Cocoa").unwrap();
        becomes(rest, &path, "her name for it", |chat| chat["title"] == "Cocoa").await;
        patches(rest, &path, json!({ "topic": null, "announce": false })).await;
        until("no topic any more", || group.description().is_none() && !group.is_announcement()).await;
    }

    /// Who is no administrator hears so; what the network refuses is taken back.
    async fn b46_what_a_group_does_not_let_us_change_stays(engine: Engine) {
        let mut world = World::start(engine).await;
        let InGroup { linked, ana, group, room, path } = in_group(&world, false).await;
        let rest = &linked.rest;
        let (status, answer) = rest.call(Method::PATCH, &path, Some(json!({ "announce": true }))).await;
        assert_eq!((status, answer), (422, json!({ "error": "announce: only administrators of the group may change it" })));
        group.promotes(&ana, &[&linked.phone]).unwrap();
        becomes(rest, &path, "an administrator", |chat| chat["my_role"] == "admin").await;
        world.settles(SOON).await;
        world.wharf.is_killed().await;
        world.whatsapp.is_down();
        group.demotes(&ana, &[&linked.phone]).unwrap();
        world.wharf.start().await;
        let answer = patches(rest, &path, json!({ "announce": true })).await;
        assert_eq!(answer["announce"], true, "nobody knows better yet");
        world.whatsapp.is_up();
        room.hears(BOT, "Not done, change of the group's settings: only administrators").await;
        becomes(rest, &path, "as it is", |chat| chat["announce"] == false && chat["my_role"] == "member").await;
        assert!(!group.is_announcement());
    }

    /// B07: accepted while WhatsApp is away, kept over a crash, done then; in a room that is the owner's alone it is gone.
    async fn b07_a_message_is_deleted_for_oneself_by_rest(engine: Engine) {
        let mut world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let rest = &linked.rest;
        let ana = world.contact(ANA, "Ana");
        let id = ana.says(&linked.phone, "forget this");
        let room = eventually("a room shows it", SOON, || async {
            let mut rooms = world.homeserver.rooms().into_iter();
            rooms.find(|room| room.said().iter().any(|(_, text)| text == "forget this"))
        })
        .await;
        let event = room.shows("forget this").await["event_id"].clone();
        world.settles(SOON).await;
        let path = format!("/api/v1/chats/{}/messages/{}", room.id(), event.as_str().unwrap());
        let forgets = async || rest.call(Method::DELETE, &format!("{path}?for=me"), None).await;

        world.whatsapp.is_down();
        for _ in 0..2 {
            let (status, answer) = forgets().await;
            assert_eq!(status, 202, "{answer}");
            assert_eq!(
                json!([answer["event_id"], answer["deleted"], answer["type"], answer["text"]]),
                json!([event, true, "deleted", null])
            );
        }
        let promised = world.count("select count(*) from jobs where kind = 'change'").await;
        assert_eq!(promised, 1, "asked for twice, promised once");
        world.restarts().await;
        world.whatsapp.is_up();
        let is_it = |setting: &Setting| setting.index[0] == "deleteMessageForMe" && setting.index.contains(&id);
        let known = linked.phone.waits_for_setting(is_it, SOON).await;
        assert!(known.is_ok(), "{:?}", linked.phone.app_state());
        becomes(rest, &path, "it is gone", |message| message["deleted"] == true).await;
        room.waits_for("a redaction", |it| it["type"] == "m.room.redaction" && it["content"]["redacts"] == event).await;
        assert_eq!(forgets().await.0, 202, "and again");
        world.settles(SOON).await;
        assert!(ana.received().is_empty(), "only here");
        assert!(world.holding("forget this").await.is_empty());
        let stranger = world.rest.new_token(&[]).await;
        assert_eq!(stranger.call(Method::DELETE, &format!("{path}?for=me"), None).await.0, 404);
    }
}
