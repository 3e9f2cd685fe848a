//! Chats that get another room: everything that was shown of them in the room before is there again.

use serde_json::Value;
use simulator::{Contact, Phone, Setting};

use super::bot::BOT;
use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    waiting::{SOON, eventually},
    world::{SERVER, Talking, World, gets, settings},
};

const CHAT: &str = "15550001111@s.whatsapp.net";
const GHOST: &str = "@whatsapp_15550001111:hs.test";

fn ghost(contact: &Contact) -> String {
    format!("@whatsapp_{}:{SERVER}", contact.number())
}

/// Whether a user is in a room.
async fn comes(room: &Room, user: &str) {
    room.has("m.room.member", user, |is| is["membership"] == "join").await;
}

/// What a group looks like in its room.
async fn is_as_it_was(room: &Room, ana: &Contact, bob: &Contact) {
    comes(room, &ghost(ana)).await;
    comes(room, &ghost(bob)).await;
    room.has("m.room.power_levels", "", |is| {
        is["users"][ghost(ana)] == 75 && is["events_default"] == 50 && is["events"]["m.room.name"] == 50
    })
    .await;
    room.has("m.room.join_rules", "", |is| is["join_rule"] == "knock").await;
    room.has("m.room.avatar", "", |is| is["url"].is_string()).await;
    room.has("m.room.name", "", |is| is["name"] == "Tea").await;
    room.has("m.room.topic", "", |is| is["topic"] == "Leaves and water")
        .await;
}

async fn keeps(user: &User, room: &str, what: &str) {
    eventually(what, SOON, || async { user.keeps(room, what).map(drop) }).await;
}

/// The account of the owner is listened to.
async fn is_followed(world: &World) {
    let followed = "select count(*) from notes where name like 'account:%'";
    world.counts("the account is followed", followed, 1).await;
}

/// What the person does in their own client arrives on the phone: whatever they did before it has, too.
async fn is_told(alice: &User, room: &Room, phone: &Phone) {
    alice.marks_unread(room.id(), true);
    let unread =
        |it: &Setting| it.index == ["markChatAsRead", CHAT] && it.value.mark_chat_as_read_action.read == Some(false);
    phone.waits_for_setting(unread, SOON).await.unwrap();
}

on_both_engines! {
    /// B53, B54: a group whose room an administrator deleted has all its members in the new one, also those who are
    /// silent, and its levels, its door, its name and its picture.
    async fn b53_b54_the_new_room_of_a_group_is_as_the_old_one_was(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let (ana, bob) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Bob"));
        let group = world.whatsapp.group("Tea", &[&ana, &linked.phone, &bob]).unwrap();
        group.describes(&ana, Some("Leaves and water")).unwrap();
        let room = alice.joins_invite().await;
        group.sets_picture(&ana, Some(b"a cup")).unwrap();
        group.promotes(&ana, &[&linked.phone]).unwrap();
        group.needs_approval(&ana, true).unwrap();
        group.announces(&ana, true).unwrap();
        group.locks(&ana, true).unwrap();
        is_as_it_was(&room, &ana, &bob).await;
        world.settles(SOON).await;

        world.homeserver.deletes_room(room.id());
        group.says(&ana, "is anybody there?").unwrap();
        let next = alice.joins_invite().await;
        next.shows("is anybody there?").await;
        assert_ne!(next.id(), room.id());
        is_as_it_was(&next, &ana, &bob).await;
        world.settles(SOON).await;
        let named = next.events().iter().filter(|event| event["type"] == "m.room.name").count();
        assert_eq!(named, 1, "it was made with its name");
        let space = alice.is_invited_to_space().await;
        let stands = |room: &Room| space.state("m.space.child", room.id()).is_some_and(|is| is["via"].is_array());
        assert!(stands(&next) && !stands(&room), "the old room is in the space no more");
    }

    /// B46: the new room of a chat is marked as the phone has it, and the phone is told nothing.
    async fn b46_the_new_room_of_a_chat_is_marked_as_the_old_one_was(engine: Engine) {
        let (world, talking) = World::of_alice(engine).await;
        let Talking { alice, room, linked, ana } = &talking;
        let phone = &linked.phone;
        is_followed(&world).await;
        phone.pins(CHAT, true).unwrap();
        phone.mutes(CHAT, Some(-1)).unwrap();
        keeps(alice, room.id(), "tags/m.favourite").await;
        keeps(alice, room.id(), "silence").await;
        world.settles(SOON).await;
        let set = settings(phone, CHAT);

        world.homeserver.deletes_room(room.id());
        ana.says(phone, "where are you?");
        let next = eventually("the new room", SOON, || async {
            let mut rooms = world.homeserver.rooms_of(alice.id()).into_iter();
            rooms.find(|it| it.said().iter().any(|(_, text)| text == "where are you?"))
        })
        .await;
        // Any change of the person's rules names all silent rooms.
        alice.silences("!elsewhere", true);
        keeps(alice, next.id(), "tags/m.favourite").await;
        keeps(alice, next.id(), "silence").await;
        is_told(alice, &next, phone).await;
        alice.silences("!elsewhere", false);
        world.settles(SOON).await;
        assert_eq!(settings(phone, CHAT), set, "as the phone set them, to the moment");
    }

    /// B46: a mark that the homeserver refuses holds no other up, and does not look as if the person had taken it away.
    async fn b46_a_mark_that_is_refused_is_not_taken_from_the_phone(engine: Engine) {
        let (world, talking) = World::of_alice(engine).await;
        let Talking { alice, room, linked, .. } = &talking;
        let phone = &linked.phone;
        is_followed(&world).await;
        world.homeserver.refuses("tags/m.favourite");
        phone.pins(CHAT, true).unwrap();
        phone.mutes(CHAT, Some(-1)).unwrap();
        keeps(alice, room.id(), "silence").await;
        world.settles(SOON).await;
        assert_eq!(alice.keeps(room.id(), "tags/m.favourite"), None);
        let set = settings(phone, CHAT);
        is_told(alice, room, phone).await;
        world.settles(SOON).await;
        assert_eq!(settings(phone, CHAT), set, "as the phone set them, to the moment");

        // The next mark brings it along.
        world.homeserver.refuses("");
        alice.marks_unread(room.id(), false);
        keeps(alice, room.id(), "tags/m.favourite").await;
        world.settles(SOON).await;
        assert_eq!(settings(phone, CHAT), set);
    }

    /// B63: a room that a person opened, in which the bot may say nothing of itself, is introduced by the ghost; so is the
    /// room that takes its place.
    async fn b63_rooms_that_a_person_opened_say_that_they_are_bridged(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact("15550001111", "Ana");
        let room = alice.creates_dm_with(GHOST).await;
        comes(&room, BOT).await;
        alice.says(room.id(), "hello ana");
        gets(&ana, "hello ana").await;
        let key = "net.wharf.whatsapp/15550001111";
        let is_introduced = async |room: &Room| {
            for kind in ["m.bridge", "uk.half-shot.bridge"] {
                room.has(kind, key, |is| is["bridgebot"] == BOT).await;
                assert_eq!(room.set_by(kind, key).as_deref(), Some(GHOST));
            }
            let names_bot = |is: &Value| is["service_members"].as_array().is_some_and(|all| all.contains(&BOT.into()));
            room.has("io.element.functional_members", "", names_bot).await;
        };
        is_introduced(&room).await;
        let next = alice.upgrades(room.id()).await;
        comes(&next, BOT).await;
        is_introduced(&next).await;
        ana.says(&linked.phone, "here, too");
        next.shows("here, too").await;
    }
}
