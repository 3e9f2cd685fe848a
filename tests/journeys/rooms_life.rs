//! Rooms that are there already: the bot is sent away, the owner leaves, a room is replaced or gone, a second phone.

use std::{collections::BTreeSet, time::Duration};

use super::bot::{BOT, bot_says, linked};
use crate::support::{
    database::Engine,
    homeserver::User,
    waiting::{SOON, eventually},
    world::{Talking, World, gets},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";

fn rooms_with_ghost(world: &World) -> BTreeSet<String> {
    let rooms = world.homeserver.rooms();
    let with = rooms.iter().filter(|room| room.membership(GHOST).is_some());
    with.map(|room| room.id().to_owned()).collect()
}

async fn is(user: &User, room: &crate::support::homeserver::Room, membership: &str) {
    eventually(&format!("{} is {membership}", user.id()), SOON, || async {
        (room.membership(user.id()).as_deref() == Some(membership)).then_some(())
    })
    .await;
}

/// A chat in a room that alice opened herself, so that she may do anything there.
async fn opened(world: &World) -> Talking {
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let room = alice.creates_dm_with(GHOST).await;
    eventually("the bot and the ghost come in", SOON, || async {
        let is_in = |user| room.membership(user).as_deref() == Some("join");
        (is_in(BOT) && is_in(GHOST)).then_some(())
    })
    .await;
    alice.says(room.id(), "hello ana");
    gets(&ana, "hello ana").await;
    Talking {
        linked,
        alice,
        room,
        ana,
    }
}

on_both_engines! {
    async fn a_bot_that_was_sent_away_makes_one_new_room_with_the_next_message(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = opened(&world).await;
        alice.kicks(room.id(), BOT);
        eventually("the ghost goes out too", SOON, || async {
            (room.membership(GHOST).as_deref() == Some("leave")).then_some(())
        }).await;
        ana.says(&linked.phone, "where are you?");
        let next = alice.joins_invite().await;
        next.shows("where are you?").await;
        assert_ne!(next.id(), room.id());
        ana.says(&linked.phone, "here, then");
        next.shows("here, then").await;
        alice.says(next.id(), "here");
        gets(&ana, "here").await;
        assert_eq!(rooms_with_ghost(&world).len(), 2, "no room too many");
    }

    async fn a_room_that_was_replaced_is_followed(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = opened(&world).await;
        let next = alice.upgrades(room.id()).await;
        eventually("the bot and the ghost are in the new room", SOON, || async {
            let is_in = |user| next.membership(user).as_deref() == Some("join");
            (is_in(BOT) && is_in(GHOST)).then_some(())
        }).await;
        alice.says(next.id(), "new room, same chat");
        gets(&ana, "new room, same chat").await;
        ana.says(&linked.phone, "so it is");
        next.shows("so it is").await;
        assert!(!room.said().iter().any(|(_, text)| text == "so it is"));
    }

    /// The news wait behind a message, and the invitations into the new room do not.
    async fn a_room_is_followed_whose_invitations_come_before_the_news(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = opened(&world).await;
        world.settles(SOON).await;
        world.whatsapp.is_down();
        alice.says(room.id(), "this waits");
        let next = alice.upgrades(room.id()).await;
        eventually("an invitation is looked at", SOON, || async {
            let is_in = next.membership(BOT).as_deref() == Some("join");
            let waiting = world.count("select count(*) as number from jobs where attempts > 0").await;
            (is_in || waiting > 1).then_some(())
        }).await;
        world.whatsapp.is_up();
        gets(&ana, "this waits").await;
        // What comes before the news are done stands in the old room still.
        eventually("the bot and the ghost are in the new room", SOON, || async {
            let is_in = |user| next.membership(user).as_deref() == Some("join");
            (is_in(BOT) && is_in(GHOST)).then_some(())
        }).await;
        ana.says(&linked.phone, "still the same chat");
        next.shows("still the same chat").await;
        alice.says(next.id(), "so it is");
        gets(&ana, "so it is").await;
        world.settles(SOON).await;
        let said: Vec<_> = next.said().into_iter().map(|(_, text)| text).collect();
        assert_eq!(said, ["still the same chat", "so it is"]);
        assert_eq!(next.membership(GHOST).as_deref(), Some("join"));
    }

    async fn a_crash_while_a_room_is_followed_makes_no_place_for_commands_of_it(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = opened(&world).await;
        world.settles(SOON).await;
        world.wharf.stops().await;
        world.wharf.spawn("bridge.moving.followed=panic");
        world.wharf.answers().await;
        let next = alice.upgrades(room.id()).await;
        assert!(world.wharf.ends(SOON).await, "it died");
        world.wharf.start().await;
        ana.says(&linked.phone, "still the same chat");
        next.shows("still the same chat").await;
        world.settles(SOON).await;
        assert!(!next.said().iter().any(|(_, text)| text.starts_with("Hello!")), "{:?}", next.said());
        alice.says(next.id(), "so it is");
        gets(&ana, "so it is").await;
    }
}

/// The chat with the bot is no portal: that it was replaced is nobody's business, and holds nobody up.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_with_the_bot_that_was_replaced_holds_nobody_up() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = opened(&world).await;
    let management = alice.creates_dm_with(BOT).await;
    bot_says(&management, "Hello").await;
    let next = alice.upgrades(management.id()).await;
    alice.invites(next.id(), BOT).await;
    alice.says(room.id(), "still here?");
    gets(&ana, "still here?").await;
    // The store gives up on a second write within the first after half a minute.
    world.settles(Duration::from_secs(25)).await;
}

/// A room that an administrator deleted is made anew with the next message, which is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_gone_from_the_homeserver_is_made_anew() {
    let world = World::start(Engine::Sqlite).await;
    let (linked, alice, room, ana) = world.talking().await.parts();
    world.homeserver.deletes_room(room.id());
    ana.says(&linked.phone, "is anybody there?");
    let next = alice.joins_invite().await;
    next.shows("is anybody there?").await;
    assert_ne!(next.id(), room.id());
}

/// A room that says it replaces a portal room, but was not made for it, is not gone into for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_only_says_it_is_a_successor_is_left() {
    let world = World::start(Engine::Sqlite).await;
    let (linked, alice, room, ana) = world.talking().await.parts();
    let other = alice.creates_dm_with(BOT).await;
    bot_says(&other, "Hello").await;
    let tombstone = serde_json::json!({"body": "", "replacement_room": other.id()});
    alice.sets(room.id(), "m.room.tombstone", &tombstone);
    eventually("the bot goes out again", SOON, || async {
        (other.membership(BOT).as_deref() == Some("leave")).then_some(())
    })
    .await;
    ana.says(&linked.phone, "still here");
    room.shows("still here").await;
}

/// Whoever leaves is asked back with the next message, but not again and again.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_left_is_asked_back_once_a_day() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, _, phone) = linked(&world).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "one");
    let portal = alice.joins_invite().await;
    portal.shows("one").await;
    alice.leaves(portal.id());
    world.homeserver.has_pushed_everything().await;
    world.settles(SOON).await;
    ana.says(&phone, "two");
    is(&alice, &portal, "invite").await;
    alice.leaves(portal.id());
    world.homeserver.has_pushed_everything().await;
    world.settles(SOON).await;
    ana.says(&phone, "three");
    portal.shows("three").await;
    world.settles(SOON).await;
    is(&alice, &portal, "leave").await;
    assert_eq!(rooms_with_ghost(&world).len(), 1);
}

/// A second phone of the same person has rooms of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_phone_of_the_same_person_has_its_own_rooms() {
    let world = World::start(Engine::Sqlite).await;
    let (alice, room, phone) = linked(&world).await;
    let first = bot_says(&room, "2@").await;
    alice.says(room.id(), "login qr");
    let code = eventually("another code", SOON, || async {
        let mut said = room.said().into_iter().map(|(_, text)| text);
        said.find(|text| text.starts_with("2@") && *text != first)
    })
    .await;
    let second = world.whatsapp.phone("15550008888", "Alice at work");
    second.scans(&code).unwrap();
    bot_says(&room, "Linked: WhatsApp +15550008888").await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "to the first");
    let private = alice.joins_invite().await;
    private.shows("to the first").await;
    ana.says(&second, "to the second");
    let work = alice.joins_invite().await;
    work.shows("to the second").await;
    assert_ne!(private.id(), work.id());
    alice.says(work.id(), "from work");
    assert_eq!(gets(&ana, "from work").await.from, "15550008888");
    alice.says(room.id(), "logout");
    bot_says(&room, "You have several devices").await;
    alice.says(room.id(), "logout 15550008888");
    bot_says(&room, "+15550008888 is unlinked").await;
    alice.says(private.id(), "from home");
    assert_eq!(gets(&ana, "from home").await.from, phone.number());
}
