//! The room list of a person with a real client: which rooms, what they are called, and how they are filed.

use std::collections::BTreeSet;

use matrix_sdk::Room;

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::SERVER,
    },
    synapse::{self, Owner},
};

/// A line of a room list: what it is called, and whether it is a direct chat or a space.
type Line = (String, &'static str);

async fn line(room: &Room) -> Line {
    let kind = match (room.is_direct().await.unwrap(), room.is_space()) {
        (true, _) => "direct",
        (_, true) => "space",
        _ => "room",
    };
    (room.display_name().await.unwrap().to_string(), kind)
}

/// Waits until the client shows these rooms and no others.
async fn lists(person: &Person, expected: &[(&str, &'static str)]) {
    let expected: BTreeSet<Line> = expected
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), *kind))
        .collect();
    eventually(&format!("the list is {expected:?}"), SOON, || async {
        let rooms = person.client().joined_rooms();
        let mut lines = BTreeSet::new();
        for room in &rooms {
            lines.insert(line(room).await);
        }
        // What a failure shows.
        println!("{lines:?}");
        let invited = person.client().invited_rooms();
        (lines == expected && rooms.len() == expected.len() && invited.is_empty()).then_some(())
    })
    .await;
}

/// B40, B45, B57, B58, B63, B85: everything that there is for the owner of a device, without their doing anything.
#[tokio::test(flavor = "multi_thread")]
async fn b40_b45_b57_b58_b63_the_room_list_has_every_chat_once_and_nothing_else() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    lists(&alice, &[("WhatsApp bridge bot", "direct")]).await;
    let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
    ana.says(&phone, "hello");
    alice.is_shown_anywhere("hello").await;
    phone.says(&bob, "from my phone");
    alice.is_shown_anywhere("from my phone").await;
    let group = world.whatsapp.group("Tea", &[&ana, &phone, &bob]).unwrap();
    group.says(&ana, "hello all").unwrap();
    let tea = alice.is_shown_anywhere("hello all").await;
    // Only now it is known what he calls himself.
    group.says(&bob, "hello too").unwrap();
    let drinks = world.whatsapp.community("Drinks", &[&ana, &phone]).unwrap();
    drinks.links(&ana, &group, true).unwrap();
    let bobs_ghost = format!("@whatsapp_15550002222:{SERVER}");
    alice.sees_joined(&tea, &bobs_ghost).await;
    world.settles(SOON).await;
    let chats = [
        ("WhatsApp +15550009999", "space"),
        ("Ana", "direct"),
        ("Bob", "direct"),
        ("Tea", "room"),
        ("Drinks", "space"),
        // The announcements of the community, which are called like it.
        ("Drinks", "room"),
    ];
    let with_bot = [&[("WhatsApp bridge bot", "direct")][..], &chats].concat();
    lists(&alice, &with_bot).await;
}
