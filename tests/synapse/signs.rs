//! What passes and is not kept: who types and who is there, as a real client hears of it; and people found by name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use matrix_sdk::{
    Client, Room,
    ruma::{
        OwnedRoomId, UserId,
        events::{presence::PresenceEvent, typing::SyncTypingEvent},
    },
};
use simulator::{Contact, Typing};

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::{SOON, eventually},
        world::{OWNER, World},
    },
    synapse::{self, BOT, Owner, Synapse},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// What a client shows right now.
#[derive(Default)]
struct Signs {
    typing: Arc<Mutex<HashMap<OwnedRoomId, Vec<String>>>>,
    present: Arc<Mutex<HashMap<String, (String, String)>>>,
}

impl Signs {
    fn of(client: &Client) -> Self {
        let signs = Self::default();
        let typing = Arc::clone(&signs.typing);
        client.add_event_handler(async move |event: SyncTypingEvent, room: Room| {
            let users = event.content.user_ids.iter().map(ToString::to_string).collect();
            typing.lock().unwrap().insert(room.room_id().to_owned(), users);
        });
        let present = Arc::clone(&signs.present);
        client.add_event_handler(async move |event: PresenceEvent| {
            let said = event.content.status_msg.unwrap_or_default();
            let state = event.content.presence.to_string();
            present.lock().unwrap().insert(event.sender.to_string(), (state, said));
        });
        signs
    }

    async fn types(&self, room: &Room, user: &str, typing: bool) {
        eventually(&format!("{user} types: {typing}"), SOON, || async {
            let shown = self.typing.lock().unwrap();
            let users = shown.get(room.room_id()).map(Vec::as_slice).unwrap_or_default();
            (users.iter().any(|who| who == user) == typing).then_some(())
        })
        .await;
    }

    async fn is(&self, user: &str, presence: &str, words: &str) {
        eventually(&format!("{user} is {presence} {words}"), SOON, || async {
            let shown = self.present.lock().unwrap();
            let (state, said) = shown.get(user)?;
            (state == presence && said.contains(words)).then_some(())
        })
        .await;
    }
}

/// Both ways, in a chat of two and in a group.
async fn who_types(world: &World<Synapse>, (alice, phone): (&Person, &simulator::Phone), signs: &Signs, ana: &Contact) {
    ana.says(phone, "hello");
    let room = alice.is_shown_anywhere("hello").await;
    ana.types_to(phone, true);
    signs.types(&room, GHOST, true).await;
    ana.types_to(phone, false);
    signs.types(&room, GHOST, false).await;
    ana.records_to(phone, true);
    signs.types(&room, GHOST, true).await;
    ana.says(phone, "a word");
    alice.shows(&room, "a word").await;
    signs.types(&room, GHOST, false).await;

    room.typing_notice(true).await.unwrap();
    ana.waits_to_see(phone, Typing::Composing, SOON).await.unwrap();
    room.typing_notice(false).await.unwrap();
    ana.waits_to_see(phone, Typing::Paused, SOON).await.unwrap();

    let bob = world.contact("15550002222", "Bob");
    let group = world.whatsapp.group("Family", &[phone, ana, &bob]).unwrap();
    group.says(ana, "all together").unwrap();
    let family = alice.is_shown_anywhere("all together").await;
    group.types(ana, true).unwrap();
    signs.types(&family, GHOST, true).await;
    family.typing_notice(true).await.unwrap();
    group.waits_for_typing(phone, true, SOON).await.unwrap();
}

/// B41, B44, B47: who types, who is there, and whom the owner's address book names.
#[tokio::test(flavor = "multi_thread")]
async fn b41_b44_b47_a_person_sees_who_types_and_is_there_and_finds_people() {
    let world = synapse::world_with(Engine::Sqlite, "presence = true").await;
    let Owner { alice, bot, phone } = Owner::of(&world).await;
    let signs = Signs::of(alice.client());
    let ana = world.contact("15550001111", "Ana");
    // Her client was there before her phone was linked.
    let owner = world.contact(OWNER, "Alice");
    owner.waits_for_presence(true, SOON).await.unwrap();
    who_types(&world, (&alice, &phone), &signs, &ana).await;

    ana.goes_online();
    signs.is(GHOST, "online", "").await;
    ana.goes_offline(Some(1_700_000_000));
    signs.is(GHOST, "offline", "last seen 2023-11-14").await;
    ana.goes_online();
    signs.is(GHOST, "online", "").await;
    alice.is_here(false).await;
    owner.waits_for_presence(false, SOON).await.unwrap();
    signs.is(GHOST, "offline", "not known").await;
    alice.is_here(true).await;
    owner.waits_for_presence(true, SOON).await.unwrap();
    signs.is(GHOST, "online", "").await;

    phone.names_contact("15550001111", "Mum 100%").unwrap();
    phone.names_contact("15550002222", "Bob the Builder").unwrap();
    let named = "select count(*) from address_book";
    world.counts("the address book is known", named, 2).await;
    alice.says(&bot, "search mum").await;
    let found = alice.hears(&bot, BOT, "Mum 100%").await;
    let found = found["content"]["body"].as_str().unwrap();
    assert!(found.contains("+15550001111") && found.contains(GHOST), "{found}");
    assert!(!found.contains("Builder"), "{found}");
    alice.says(&bot, "sync contacts").await;
    alice.hears(&bot, BOT, "names 2 people").await;
    let family = alice.is_shown_anywhere("all together").await;
    let ghost = UserId::parse(GHOST).unwrap();
    let member = family.get_member(&ghost).await.unwrap().unwrap();
    assert_eq!(
        member.display_name(),
        Some("Ana (WA)"),
        "the address book is its owner's"
    );
}
