//! `/api/v1/chats`: chats and messages as resources.

use ruma::{OwnedRoomId, owned_event_id, owned_room_id};

use super::*;
use crate::{
    model::{
        Action, ChatId, ChatKind, ChatMark, ContactId, Group, GroupMember, Lane, Mute, PortalKey, Rank, Sender, Work,
    },
    store::{Direction, Message, MessageState, Portal, Receipt},
};

const OWNER: &str = "15550009999";
const ANA: &str = "15550001111";

/// A device with a chat that has a room.
struct Chatting {
    world: World,
    bearer: String,
    key: PortalKey,
    path: String,
}

impl Chatting {
    async fn direct() -> Self {
        Self::with(ANA, ChatKind::Direct, owned_room_id!("!ana:hs.test")).await
    }

    async fn group(rank: Rank) -> Self {
        let chatting = Self::with("120363@g.us", ChatKind::Group, owned_room_id!("!tea:hs.test")).await;
        let member = |who, rank| GroupMember { who, rank };
        let ana = Sender::Contact(ContactId::from_adapter(ANA));
        let group = Group {
            title: "Tea".into(),
            members: vec![member(Sender::Owner, rank), member(ana, Rank::Superadmin)],
            ..Group::default()
        };
        let now = crate::model::Timestamp::from_secs(0);
        let mut tx = chatting.world.behind.store.begin().await.unwrap();
        tx.save_group(&chatting.key, (&group, false), now).await.unwrap();
        tx.commit().await.unwrap();
        chatting
    }

    async fn with(chat: &str, kind: ChatKind, room: OwnedRoomId) -> Self {
        let world = World::start().await;
        let bearer = world.bearer().await;
        Self::of((world, bearer), chat, kind, room).await
    }

    async fn of((world, bearer): (World, String), chat: &str, kind: ChatKind, room: OwnedRoomId) -> Self {
        world.device(&bearer, OWNER).await;
        let mut tx = world.behind.store.begin().await.unwrap();
        let device = tx.list_all_devices().await.unwrap().remove(0);
        let key = PortalKey::new(device.id, ChatId::from_adapter(chat));
        let path = format!("/api/v1/chats/{room}");
        tx.upsert_portal(&Portal {
            key: key.clone(),
            room: Some(room),
            kind,
            name: Some("Ana".into()),
            ready: true,
        })
        .await
        .unwrap();
        tx.commit().await.unwrap();
        Self {
            world,
            bearer,
            key,
            path,
        }
    }

    async fn show(&self) -> Value {
        let line = format!("GET {}", self.path);
        self.world.call(&line, &self.bearer, Value::Null).await.ok(200)
    }

    async fn patch(&self, body: Value) -> Answer {
        let line = format!("PATCH {}", self.path);
        self.world.call(&line, &self.bearer, body).await
    }

    /// What the network is to be told, in its order.
    async fn promised(&self) -> Vec<Action> {
        let mut read = self.world.behind.store.read().await.unwrap();
        let jobs = read.list_jobs(&Lane::outgoing(&self.key), "change").await.unwrap();
        jobs.into_iter()
            .map(|work| match work {
                Work::Change(change) => change.action,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    async fn says(&self, id: &str, sender: Sender, event: ruma::OwnedEventId) {
        self.world.behind.clock.advance(1000);
        let at = self.world.behind.clock.now();
        let mut tx = self.world.behind.store.begin().await.unwrap();
        let message = Message {
            portal: self.key.clone(),
            id: crate::model::MessageId::from_adapter(id),
            direction: if sender == Sender::Owner {
                Direction::Out
            } else {
                Direction::In
            },
            sender,
            room: None,
            event: Some(event),
            text: Some("hello".into()),
            kind: "m.text".into(),
            reply_to: None,
            at,
            state: MessageState::Sent,
            error: None,
            transaction: None,
            content: None,
            speaker: None,
            edited_at: None,
        };
        tx.insert_message(&message).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn ana() -> Sender {
    Sender::Contact(ContactId::from_adapter(ANA))
}

#[tokio::test]
async fn b46_what_is_asked_for_is_stored_before_it_is_answered_and_once() {
    let chat = Chatting::direct().await;
    let wish =
        json!({ "archived": true, "muted_until": "forever", "marked_unread": true, "disappearing_timer": 86400 });
    let answer = chat.patch(wish.clone()).await.ok(200);
    for answer in [answer, chat.show().await] {
        assert_eq!(answer["room_id"], "!ana:hs.test");
        assert_eq!(answer["type"], "direct");
        for (field, value) in wish.as_object().unwrap() {
            assert_eq!(answer[field], *value, "{field}");
        }
        assert_eq!(answer["contact"]["id"], "@whatsapp_15550001111:hs.test");
    }
    let promised = [
        Action::Timer(Some(86_400)),
        Action::Mark(ChatMark::Muted(Mute::Forever)),
        Action::Mark(ChatMark::Unread(true)),
        Action::Mark(ChatMark::Archived(true)),
    ];
    assert_eq!(chat.promised().await, promised);
    chat.patch(wish).await.ok(200);
    assert_eq!(chat.promised().await.len(), 4, "what stands already is no change");
    // What is pinned is not archived.
    let answer = chat.patch(json!({ "pinned": true, "muted_until": null })).await.ok(200);
    assert_eq!(
        (&answer["archived"], &answer["muted_until"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(chat.promised().await.len(), 6);
}

#[tokio::test]
async fn b46_a_group_is_changed_by_who_may() {
    let chat = Chatting::group(Rank::Admin).await;
    let wish = json!({ "title": "Coffee", "topic": "No milk", "announce": true, "locked": true });
    let answer = chat.patch(wish).await.ok(200);
    assert_eq!(
        json!([
            answer["title"],
            answer["topic"],
            answer["announce"],
            answer["locked"],
            answer["my_role"],
            answer["member_count"]
        ]),
        json!(["Coffee", "No milk", true, true, "admin", 2])
    );
    assert_eq!(chat.promised().await.len(), 4);
    assert_eq!(chat.patch(json!({ "topic": null })).await.ok(200)["topic"], Value::Null);
    assert_eq!(chat.promised().await.len(), 5);

    let chat = Chatting::group(Rank::Member).await;
    chat.patch(json!({ "pinned": true, "announce": true }))
        .await
        .fails(422, "announce: only administrators of the group may change it");
    assert_eq!(chat.promised().await, [], "all of it or nothing");
    chat.patch(json!({ "title": "Coffee" })).await.ok(200);
}

#[tokio::test]
async fn b46_bad_wishes_name_their_field_and_change_nothing() {
    let chat = Chatting::direct().await;
    let before = chat.show().await;
    for (body, status, sentence) in [
        (json!({ "archived": "yes" }), 400, "Invalid archived: true or false"),
        (
            json!({ "pinned": true, "disappearing_timer": 5 }),
            400,
            "Invalid disappearing_timer: 86400, 604800, 7776000, or null",
        ),
        (
            json!({ "muted_until": "2001-01-01T00:00:00Z" }),
            400,
            "Invalid muted_until: a time to come (RFC 3339), \"forever\", or null",
        ),
        (
            json!({ "pinned": true, "title": "Ana" }),
            422,
            "title: a direct chat has none of its own",
        ),
        (
            json!({ "announce": true }),
            422,
            "announce: a direct chat has none of its own",
        ),
        (json!({ "hidden": true }), 422, "hidden: it cannot be changed here"),
        (
            json!({ "pinned": true, "archived": true }),
            422,
            "pinned: what is archived cannot be pinned",
        ),
        (json!(["archived"]), 400, "Invalid request body. Must be a JSON object."),
    ] {
        chat.patch(body).await.fails(status, sentence);
    }
    assert_eq!(chat.promised().await, []);
    assert_eq!(chat.show().await, before);
    chat.patch(json!({ "unknown": true })).await.ok(200);
    assert_eq!(chat.promised().await, []);
}

#[tokio::test]
async fn b43_b46_chats_and_messages_of_others_are_not_there() {
    let chat = Chatting::direct().await;
    chat.says("3EB0", ana(), owned_event_id!("$hello")).await;
    let stranger = chat.world.bearer().await;
    let body = || json!({});
    for (line, what) in [
        (format!("GET {}", chat.path), "Chat"),
        (format!("PATCH {}", chat.path), "Chat"),
        (format!("POST {}/receipts", chat.path), "Chat"),
        (format!("GET {}/messages/$hello", chat.path), "Chat"),
        (format!("DELETE {}/messages/$hello?for=me", chat.path), "Chat"),
        ("GET /api/v1/chats/15550001111".to_owned(), "Chat"),
    ] {
        let answer = chat.world.call(&line, &stranger, body()).await;
        answer.fails(404, &format!("{what} not found"));
    }
    let list = chat
        .world
        .call("GET /api/v1/chats", &stranger, Value::Null)
        .await
        .ok(200);
    assert_eq!(list["data"], json!([]));
    for line in [
        "GET /api/v1/chats/!nowhere:hs.test",
        "GET /api/v1/chats/!%00:hs.test",
        "GET /api/v1/chats/%00",
    ] {
        let answer = chat.world.call(line, &chat.bearer, Value::Null).await;
        answer.fails(404, "Chat not found");
    }
    for message in ["$nothing", "%00", "0195b1f4-7e43-7c3a-8000-000000000000", "3EB1"] {
        let line = format!("GET {}/messages/{message}", chat.path);
        let answer = chat.world.call(&line, &chat.bearer, Value::Null).await;
        answer.fails(404, "Message not found");
    }
}

#[tokio::test]
async fn chats_of_all_devices_are_listed_page_by_page() {
    let chat = Chatting::direct().await;
    chat.world.behind.clock.advance(1000);
    chat.world.device(&chat.bearer, "15550008888").await;
    let mut tx = chat.world.behind.store.begin().await.unwrap();
    let second = tx.list_all_devices().await.unwrap().remove(1);
    let key = PortalKey::new(second.id, chat.key.chat.clone());
    tx.upsert_portal(&Portal {
        key,
        room: Some(owned_room_id!("!other:hs.test")),
        kind: ChatKind::Direct,
        name: None,
        ready: true,
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut rooms = Vec::new();
    let mut cursor = String::new();
    loop {
        let line = format!("GET /api/v1/chats?limit=1&cursor={cursor}");
        let page = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
        for chat in page["data"].as_array().unwrap() {
            rooms.push((chat["room_id"].clone(), chat["device_id"].clone()));
        }
        cursor = page["pagination"]["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    rooms.sort_by_key(|(room, _)| room.to_string());
    assert_eq!(
        rooms,
        [
            (json!("!ana:hs.test"), json!(OWNER)),
            (json!("!other:hs.test"), json!("15550008888")),
        ]
    );
    let bad = chat
        .world
        .call("GET /api/v1/chats?limit=0", &chat.bearer, Value::Null)
        .await;
    bad.fails(400, "Invalid limit: 1 to 100");
}

#[tokio::test]
async fn b43_a_message_is_pending_from_the_moment_it_was_accepted() {
    let chat = Chatting::direct().await;
    let line = format!("POST /api/v1/devices/{OWNER}/message");
    let body = json!({ "contact": "+1 (555) 000-2222", "platform": "wa", "text": "are you there?" });
    let sent = chat.world.call(&line, &chat.bearer, body).await.ok(200);
    let id = sent["results"][0]["message_id"].as_str().unwrap();
    let line = format!("GET /api/v1/chats/15550002222/messages/{id}");
    let message = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
    assert_eq!(
        json!([
            message["state"],
            message["direction"],
            message["type"],
            message["text"],
            message["device_id"],
            message["event_id"],
            message["error"]
        ]),
        json!(["pending", "out", "text", "are you there?", OWNER, null, null])
    );
    let elsewhere = format!("GET {}/messages/{id}", chat.path);
    let answer = chat.world.call(&elsewhere, &chat.bearer, Value::Null).await;
    answer.fails(404, "Message not found");
    let stranger = chat.world.bearer().await;
    let answer = chat.world.call(&line, &stranger, Value::Null).await;
    assert_eq!(answer.status, 404);
}

/// Who came into a group later is no recipient of what was said before; who is gone and had it is one.
#[tokio::test]
async fn b43_a_message_to_a_group_goes_to_those_who_are_in_it_at_that_time() {
    let chat = Chatting::group(Rank::Member).await;
    let (id, key) = (crate::model::MessageId::from_adapter("3EB0"), &chat.key);
    chat.says("3EB0", Sender::Owner, owned_event_id!("$mine")).await;
    let contact = |number: &str| ContactId::from_adapter(number);
    let mut tx = chat.world.behind.store.begin().await.unwrap();
    let said = tx.find_message(key, &id, &Sender::Owner).await.unwrap().unwrap().at;
    let receipt = Receipt {
        contact: contact("15550003333"),
        state: MessageState::Delivered,
        at: said,
    };
    assert!(tx.record_receipt(key, &id, &receipt).await.unwrap());
    let mut group = tx.find_group(key).await.unwrap().unwrap().group;
    group.members.push(GroupMember {
        who: Sender::Contact(contact("15550002222")),
        rank: Rank::Member,
    });
    chat.world.behind.clock.advance(1000);
    let later = chat.world.behind.clock.now();
    tx.save_group(key, (&group, false), later).await.unwrap();
    tx.commit().await.unwrap();
    let line = format!("GET {}/messages/$mine?expand=receipts", chat.path);
    let message = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
    let receipts = message["receipts"].as_array().unwrap();
    let states: Vec<_> = receipts
        .iter()
        .map(|one| (&one["contact"]["id"], &one["state"]))
        .collect();
    let expected = [
        (&json!("@whatsapp_15550001111:hs.test"), &json!("sent")),
        (&json!("@whatsapp_15550003333:hs.test"), &json!("delivered")),
    ];
    assert_eq!(states, expected, "{message}");
}

#[tokio::test]
async fn b43_the_state_of_each_recipient_is_shown_on_demand() {
    let chat = Chatting::direct().await;
    chat.says("3EB0", Sender::Owner, owned_event_id!("$mine")).await;
    let mut tx = chat.world.behind.store.begin().await.unwrap();
    for (state, at) in [
        (MessageState::Delivered, "2026-05-01T10:00:00Z"),
        (MessageState::Read, "2026-05-01T10:05:00Z"),
    ] {
        let receipt = Receipt {
            contact: ContactId::from_adapter(ANA),
            state,
            at: crate::model::Timestamp::parse_rfc3339(at).unwrap(),
        };
        let id = crate::model::MessageId::from_adapter("3EB0");
        assert!(tx.record_receipt(&chat.key, &id, &receipt).await.unwrap());
    }
    tx.commit().await.unwrap();
    for name in ["$mine", "3EB0"] {
        let line = format!("GET {}/messages/{name}?expand=receipts", chat.path);
        let message = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
        assert_eq!(
            (&message["state"], &message["event_id"]),
            (&json!("read"), &json!("$mine"))
        );
        let expected = json!([{
            "contact": { "id": "@whatsapp_15550001111:hs.test", "name": null }, "state": "read", "error": null,
            "delivered_at": "2026-05-01T10:00:00Z", "read_at": "2026-05-01T10:05:00Z", "played_at": null,
        }]);
        assert_eq!(message["receipts"], expected);
    }
    chat.says("3EB1", Sender::Owner, owned_event_id!("$next")).await;
    let line = format!("GET {}/messages/$next?expand=receipts", chat.path);
    let next = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
    let expected = json!([{
        "contact": { "id": "@whatsapp_15550001111:hs.test", "name": null }, "state": "sent", "error": null,
        "delivered_at": null, "read_at": null, "played_at": null,
    }]);
    assert_eq!(next["receipts"], expected, "nobody told anything of it");
    let line = format!("GET {}/messages/$mine", chat.path);
    let bare = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(200);
    assert_eq!(bare.get("receipts"), None);
    let line = format!("{line}?expand=members");
    let answer = chat.world.call(&line, &chat.bearer, Value::Null).await;
    answer.fails(400, "Invalid expand: receipts");
}

#[tokio::test]
async fn b42_reading_by_rest_is_stored_and_told_what_stays() {
    let chat = Chatting::direct().await;
    chat.says("1", ana(), owned_event_id!("$1")).await;
    chat.says("2", ana(), owned_event_id!("$2")).await;
    chat.says("3", Sender::Owner, owned_event_id!("$3")).await;
    assert_eq!(chat.show().await["unread_count"], 2);
    chat.world.behind.take_jobs().await;
    let line = format!("POST {}/receipts", chat.path);
    let read = async |body| chat.world.call(&line, &chat.bearer, body).await;
    read(json!({ "up_to": "$1" }))
        .await
        .is(200, &json!({ "unread_count": 1 }));
    read(json!({})).await.is(200, &json!({ "unread_count": 0 }));
    let jobs = chat.world.behind.take_jobs().await;
    let told: Vec<_> = jobs
        .into_iter()
        .filter_map(|work| match work {
            Work::TellRead { event, quietly, .. } => Some((event.to_string(), quietly)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("$1".to_owned(), false), ("$3".to_owned(), false)]);
    read(json!({ "up_to": "$nothing" }))
        .await
        .fails(400, "Invalid up_to: no such message");
    read(json!({ "up_to": 1 }))
        .await
        .fails(400, "Invalid request body. Must be a JSON object.");
}

#[tokio::test]
async fn b07_what_is_deleted_for_the_owner_by_rest_is_stored_before_it_is_answered_and_once() {
    let chat = Chatting::direct().await;
    chat.says("3EB0", ana(), owned_event_id!("$hello")).await;
    let delete = async |message: &str, query: &str| {
        let line = format!("DELETE {}/messages/{message}{query}", chat.path);
        chat.world.call(&line, &chat.bearer, Value::Null).await
    };
    delete("$hello", "").await.fails(400, "Missing required field: for");
    for other in ["everyone", "", "Me"] {
        let query = format!("?for={other}");
        delete("$hello", &query).await.fails(400, "Invalid for: me");
    }
    delete("$nothing", "?for=me").await.fails(404, "Message not found");
    assert_eq!(chat.promised().await, []);
    for name in ["$hello", "3EB0"] {
        let answer = delete(name, "?for=me").await.ok(202);
        assert_eq!(
            json!([answer["id"], answer["event_id"], answer["deleted"], answer["text"]]),
            json!(["3EB0", "$hello", true, null])
        );
    }
    let target = crate::model::MessageRef {
        id: crate::model::MessageId::from_adapter("3EB0"),
        sender: ana(),
    };
    assert_eq!(chat.promised().await, [Action::Forget { target }]);
}

#[tokio::test]
async fn b07_a_device_that_is_not_linked_deletes_nothing() {
    let chat = Chatting::direct().await;
    chat.says("3EB0", ana(), owned_event_id!("$hello")).await;
    let mut tx = chat.world.behind.store.begin().await.unwrap();
    let unlinked = crate::model::LinkState::Unlinked;
    tx.set_device_link(chat.key.device, &unlinked).await.unwrap();
    tx.commit().await.unwrap();
    let line = format!("DELETE {}/messages/$hello?for=me", chat.path);
    let answer = chat.world.call(&line, &chat.bearer, Value::Null).await;
    answer.fails(409, "Device is not linked");
    assert_eq!(chat.promised().await, []);
}

#[tokio::test]
async fn b07_where_members_read_a_message_that_is_deleted_for_the_owner_stays() {
    let world = World::start().await;
    let body = json!({ "use_host": false, "members": ["@alice:hs.test"] });
    let token = world.call("POST /api/v1/tokens", &admin(), body).await.ok(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let chat = Chatting::of((world, bearer), ANA, ChatKind::Direct, owned_room_id!("!ana:hs.test")).await;
    chat.says("3EB0", ana(), owned_event_id!("$hello")).await;
    let line = format!("DELETE {}/messages/$hello?for=me", chat.path);
    let answer = chat.world.call(&line, &chat.bearer, Value::Null).await.ok(202);
    assert_eq!(answer["deleted"], false);
    assert_eq!(chat.promised().await.len(), 1);
}
