//! Rooms of one alias on a real Synapse: made once, and made anew when they were never finished.

use ruma::{room_alias_id, user_id};

use super::Synapse;
use crate::matrix::{NewRoom, rooms};

#[tokio::test(flavor = "multi_thread")]
async fn rooms_made_at_once_under_one_alias_are_one_room() {
    let synapse = Synapse::start().await;
    let person = user_id!("@nobody:hs.test");
    let rooms = futures_util::future::join_all((0..6).map(|_| synapse.room_with("whatsapp_at_once", person))).await;
    assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
}

#[tokio::test]
async fn a_room_that_was_never_finished_gives_its_alias_to_a_new_one() {
    let synapse = Synapse::start().await;
    let homeserver = &synapse.homeserver;
    let new = NewRoom {
        alias: "whatsapp_half".into(),
        name: Some("Ana".into()),
        ..NewRoom::default()
    };
    let lost = homeserver.create_room(&new).await.unwrap();
    homeserver.as_bot().leave(&lost).await.unwrap();
    let room = homeserver.create_room(&new).await.unwrap();
    assert_ne!(room, lost);
    let found = rooms::resolve(homeserver, room_alias_id!("#whatsapp_half:hs.test"))
        .await
        .unwrap();
    assert_eq!(found, Some(room.clone()));
    assert_eq!(homeserver.create_room(&new).await.unwrap(), room);
}
