//! Groups of WhatsApp on a real homeserver, as a person with a real client sees them.

use std::{collections::BTreeSet, time::Duration};

use matrix_sdk::{Room, ruma::api::client::membership::joined_members};
use serde_json::{Value, json};
use simulator::Contact;

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::SERVER,
    },
    synapse::{self, BOT},
};

fn ghost(contact: &Contact) -> String {
    format!("@whatsapp_{}:{SERVER}", contact.number())
}

impl Person {
    /// Waits for a piece of a room's state.
    async fn has(&self, room: &Room, kind: &str, key: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.sees(room, &format!("{kind} {key}"), |event| {
            event["type"] == kind && event["state_key"] == key && is(&event["content"])
        })
        .await
    }

    /// Waits until somebody stands to a room like this, and tells who brought that about.
    async fn has_member(&self, room: &Room, user: &str, membership: &str) -> Value {
        let event = self
            .has(room, "m.room.member", user, |is| is["membership"] == membership)
            .await;
        event["sender"].clone()
    }
}

/// B52, B53, B54, B56, B58: one group, from its first minute to the owner's last in it.
#[tokio::test(flavor = "multi_thread")]
async fn b52_b53_b54_b56_a_person_sees_a_group_as_it_is_on_whatsapp() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
    let group = world.whatsapp.group("Tea", &[&ana, &linked.phone, &bob]).unwrap();
    let room = alice.joins_invite().await;
    group.says(&ana, "hello").unwrap();
    alice.shows(&room, "hello").await;
    eventually("the name of the room", SOON, || async {
        (room.name().as_deref() == Some("Tea")).then_some(())
    })
    .await;
    alice.has_member(&room, &ghost(&bob), "join").await;

    group.renames(&bob, "Green tea").unwrap();
    let renamed = alice
        .has(&room, "m.room.name", "", |is| is["name"] == "Green tea")
        .await;
    assert_eq!(renamed["sender"], json!(ghost(&bob)));
    group.describes(&ana, Some("Leaves")).unwrap();
    alice.has(&room, "m.room.topic", "", |is| is["topic"] == "Leaves").await;
    group.sets_picture(&ana, Some(b"a cup")).unwrap();
    let avatar = alice.has(&room, "m.room.avatar", "", |is| is["url"].is_string()).await;
    assert_eq!(avatar["sender"], json!(ghost(&ana)));
    assert_eq!(
        alice.downloads(avatar["content"]["url"].as_str().unwrap()).await,
        b"a cup"
    );

    group.promotes(&ana, &[&bob]).unwrap();
    let promoted = alice
        .has(&room, "m.room.power_levels", "", |is| is["users"][ghost(&bob)] == 50)
        .await;
    assert_eq!(promoted["sender"], json!(ghost(&ana)));
    assert_eq!(promoted["content"]["users"][ghost(&ana)], 75);
    group.announces(&bob, true).unwrap();
    alice
        .has(&room, "m.room.power_levels", "", |is| is["events_default"] == 50)
        .await;
    group.says(&bob, "hear, hear").unwrap();
    alice.shows(&room, "hear, hear").await;
    group.locks(&ana, true).unwrap();
    alice
        .has(&room, "m.room.power_levels", "", |is| is["events"]["m.room.name"] == 50)
        .await;
    group.renames(&bob, "Locked tea").unwrap();
    let renamed = alice
        .has(&room, "m.room.name", "", |is| is["name"] == "Locked tea")
        .await;
    assert_eq!(renamed["sender"], json!(ghost(&bob)));

    // Only administrators hear of those who want to come in.
    group.promotes(&ana, &[&linked.phone]).unwrap();
    alice
        .has(&room, "m.room.power_levels", "", |is| is["users"][alice.id()] == 50)
        .await;
    group.needs_approval(&ana, true).unwrap();
    alice
        .has(&room, "m.room.join_rules", "", |is| is["join_rule"] == "knock")
        .await;
    let carol = world.contact("15550003333", "Carol");
    assert!(!carol.follows(&group.invite_link(&ana).unwrap()).unwrap());
    alice.has_member(&room, &ghost(&carol), "knock").await;
    group.decides(&ana, true, &[&carol]).unwrap();
    alice.has_member(&room, &ghost(&carol), "join").await;

    group.removes(&ana, &[&carol]).unwrap();
    let by = alice.has_member(&room, &ghost(&carol), "leave").await;
    assert_eq!(by, json!(ghost(&ana)));
    group.removes(&ana, &[&linked.phone]).unwrap();
    alice.hears(&room, BOT, "Ana removed you from the group").await;
    alice
        .has(&room, "m.room.power_levels", "", |is| is["events_default"] == 100)
        .await;
    group.adds(&ana, &[&linked.phone]).unwrap();
    alice.hears(&room, BOT, "in this group again").await;
    group.says(&bob, "welcome back").unwrap();
    alice.shows(&room, "welcome back").await;
}

/// B57, B58, B63: the space of the device holds a direct chat and a community, and that its groups.
#[tokio::test(flavor = "multi_thread")]
async fn b57_b58_b63_a_person_finds_all_rooms_in_spaces() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "alone");
    let direct = alice.joins_invite().await;
    alice.shows(&direct, "alone").await;
    alice
        .has(&direct, "io.element.functional_members", "", |is| {
            is["service_members"] == json!([BOT])
        })
        .await;
    let home = alice.joins_space(linked.phone.number()).await;
    let stands = |is: &Value| is["via"] == json!([SERVER]);
    alice
        .has(&home, "m.space.child", direct.room_id().as_str(), stands)
        .await;

    let drinks = world.whatsapp.community("Drinks", &[&ana, &linked.phone]).unwrap();
    let community = alice.joins_space("Drinks").await;
    alice
        .has(&home, "m.space.child", community.room_id().as_str(), stands)
        .await;
    let group = world.whatsapp.group("Tea", &[&ana, &linked.phone]).unwrap();
    let tea = alice.joins_invite().await;
    // Whoever is in a group of a community hears its announcements.
    drinks.links(&ana, &group, true).unwrap();
    alice
        .has(&community, "m.space.child", tea.room_id().as_str(), stands)
        .await;
    drinks.announcements().unwrap().says(&ana, "new leaves").unwrap();
    let announcements = alice.joins_invite().await;
    alice.shows(&announcements, "new leaves").await;
    alice
        .has(&community, "m.space.child", announcements.room_id().as_str(), stands)
        .await;
    alice
        .has(&announcements, "m.space.parent", community.room_id().as_str(), stands)
        .await;
}

/// B53: a large group is usable at once, and its members come in while messages pass them. Two hundred of them: for Synapse
/// each is a new user who is invited and joins, which takes it minutes for a thousand; the thousand stand in the journeys.
#[tokio::test(flavor = "multi_thread")]
async fn b53_two_hundred_members_delay_nobodys_message() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let crowd: Vec<Contact> = (0..198)
        .map(|number| world.contact(&format!("1555100{number:04}"), "Somebody"))
        .collect();
    let mut everybody: Vec<&dyn simulator::Somebody> = vec![&ana, &linked.phone];
    everybody.extend(crowd.iter().map(|one| one as &dyn simulator::Somebody));
    let group = world.whatsapp.group("Crowd", &everybody).unwrap();
    group.says(&ana, "first").unwrap();
    let room = alice.joins_invite().await;
    alice.shows(&room, "first").await;
    group.says(&crowd[197], "second").unwrap();
    alice.shows(&room, "second").await;
    // Those of WhatsApp, alice and the bot.
    let all = 200 + 2;
    let events = alice.reads(&room).await;
    let joined_before = |text: &str| {
        let before = events.iter().take_while(|event| event["content"]["body"] != text);
        let joins = before.filter(|it| it["type"] == "m.room.member" && it["content"]["membership"] == "join");
        joins
            .map(|it| it["state_key"].to_string())
            .collect::<BTreeSet<_>>()
            .len()
    };
    let (first, second) = (joined_before("first"), joined_before("second"));
    assert!(first < all / 2, "{first} were in the room before the first message");
    assert!(second < all, "everybody was in the room before the second message");
    eventually("everybody is in the room", Duration::from_mins(5), || async {
        let asked = joined_members::v3::Request::new(room.room_id().to_owned());
        let members = alice.client().send(asked).await.unwrap();
        (members.joined.len() == all).then_some(())
    })
    .await;
    group.says(&crowd[150], "late").unwrap();
    let late = alice.shows(&room, "late").await;
    assert_eq!(late["sender"], json!(ghost(&crowd[150])));
}
