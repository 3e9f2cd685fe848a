//! B40, B41, B45, B47, B83, B85: who people are and how they appear.

use serde_json::json;
use simulator::{Business, Typing};

use crate::support::{
    database::Engine,
    homeserver::{Homeserver, Room},
    waiting::{SOON, eventually},
    world::{OWNER, Talking, World, gets, link, texts},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";
const BOT: &str = "@whatsappbot:hs.test";

async fn is_called(homeserver: &Homeserver, user: &str, name: &str) {
    eventually(&format!("{user} is called {name}"), SOON, || async {
        (homeserver.display_name(user).as_deref() == Some(name)).then_some(())
    })
    .await;
}

/// Waits until a user shows this picture.
async fn looks_like(homeserver: &Homeserver, user: &str, picture: &[u8]) {
    eventually(&format!("{user} shows the picture"), SOON, || async {
        let file = homeserver.file(&homeserver.picture(user)?)?;
        (file.bytes == picture).then_some(())
    })
    .await;
}

async fn types(room: &Room, user: &str, typing: bool) {
    eventually(&format!("{user} types: {typing}"), SOON, || async {
        (room.typing().iter().any(|who| who == user) == typing).then_some(())
    })
    .await;
}

/// Asks the bot in a direct chat and tells what it answers with these words in it.
async fn asks(world: &World, talking: &Talking, question: &str, words: &str) -> String {
    let rooms = world.homeserver.rooms_of(talking.alice.id());
    let chat = rooms
        .into_iter()
        .find(|room| room.membership(BOT).is_some() && room.membership(GHOST).is_none())
        .unwrap();
    let asked = talking.alice.says(chat.id(), question);
    let answer = chat.waits_for(words, |event| {
        event["sender"] == BOT
            && event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked.as_str()
            && event["content"]["body"]
                .as_str()
                .is_some_and(|text| text.contains(words))
    });
    answer.await["content"]["body"].as_str().unwrap().to_owned()
}

on_both_engines! {
    /// B40: the name a contact gives itself, a business's verified one before it; the picture, changed and taken away.
    async fn b40_a_ghost_looks_like_the_contact(engine: Engine) {
        let world = World::start(engine).await;
        let homeserver = &world.homeserver;
        let first: &[u8] = b"\x89PNG first";
        world.contact("15550001111", "Ana").sets_picture(first);
        let Talking { room, ana, linked, .. } = world.talking().await;
        is_called(homeserver, GHOST, "Ana (WA)").await;
        looks_like(homeserver, GHOST, first).await;
        let second: &[u8] = b"another";
        ana.sets_picture(second);
        looks_like(homeserver, GHOST, second).await;
        ana.removes_picture();
        eventually("no picture", SOON, || async { (homeserver.picture(GHOST)? == *"").then_some(()) }).await;

        ana.is_called("Ana Maria");
        ana.says(&linked.phone, "I married");
        is_called(homeserver, GHOST, "Ana Maria (WA)").await;
        eventually("their room is called so too", SOON, || async {
            room.state("m.room.name", "").filter(|state| state["name"] == "Ana Maria")
        })
        .await;
        ana.is_business(Some(Business { name: "Ana's Bakery".into(), ..Business::default() })).unwrap();
        is_called(homeserver, GHOST, "Ana's Bakery (WA)").await;
        ana.says(&linked.phone, "we bake now");
        room.shows("we bake now").await;
        is_called(homeserver, GHOST, "Ana's Bakery (WA)").await;
    }

    /// B41: both ways, writing and recording, ended, and ended by what was said.
    async fn b41_typing_crosses_both_ways(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        ana.types_to(&linked.phone, true);
        types(&room, GHOST, true).await;
        ana.types_to(&linked.phone, false);
        types(&room, GHOST, false).await;
        ana.records_to(&linked.phone, true);
        types(&room, GHOST, true).await;
        ana.says(&linked.phone, "a word");
        room.shows("a word").await;
        types(&room, GHOST, false).await;

        alice.types(room.id(), true);
        ana.waits_to_see(&linked.phone, Typing::Composing, SOON).await.unwrap();
        alice.types(room.id(), false);
        ana.waits_to_see(&linked.phone, Typing::Paused, SOON).await.unwrap();

        let bob = world.contact("15550002222", "Bob");
        let group = world.whatsapp.group("Family", &[&linked.phone, &ana, &bob]).unwrap();
        group.says(&ana, "all together").unwrap();
        let family = alice.joins_invite().await;
        family.shows("all together").await;
        group.types(&ana, true).unwrap();
        types(&family, GHOST, true).await;
        alice.types(family.id(), true);
        group.waits_for_typing(&linked.phone, true, SOON).await.unwrap();
    }

    /// B85: what the phone writes is the person's own, once, and nothing of it goes back.
    async fn b85_the_phone_speaks_as_the_real_user(engine: Engine) {
        let (world, Talking { alice, room, ana, linked }) = World::of_alice(engine).await;
        linked.phone.says(&ana, "from my phone");
        let own = room.shows("from my phone").await;
        assert_eq!(own["sender"], alice.id());
        linked.phone.replies(&ana, &gets(&ana, "from my phone").await.id, "and more");
        room.shows("and more").await;
        alice.says(room.id(), "from Matrix");
        gets(&ana, "from Matrix").await;
        ana.says(&linked.phone, "stop");
        room.shows("stop").await;
        world.settles(SOON).await;
        assert_eq!(texts(&ana), ["from my phone", "and more", "from Matrix"], "nothing comes back");
        let mine = room.said().into_iter().filter(|(who, _)| who == alice.id()).count();
        assert_eq!(mine, 3);
        // She was brought in: no invite tells her clients that this is a direct chat.
        assert_eq!(alice.account("m.direct"), Some(json!({GHOST: [room.id()]})));
        world.contact("15550002222", "Bob").says(&linked.phone, "hello from Bob");
        let other = world.homeserver.waits_for_room("Bob's room", |room| {
            room.said().iter().any(|(_, text)| text == "hello from Bob")
        });
        let filed = json!({GHOST: [room.id()], "@whatsapp_15550002222:hs.test": [other.await.id()]});
        assert_eq!(alice.account("m.direct"), Some(filed), "beside those of before");
    }

    /// B83: first seen in a group under a LID that hides the number, later in a chat by number: one ghost.
    async fn b83_known_by_lid_first_is_one_ghost_for_life(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, linked, ana, .. } = world.talking().await;
        let bob = world.contact("15550002222", "Bob");
        bob.hides_number();
        let lid = bob.lid_jid();
        let ghost = format!("@whatsapp_lid_{}:hs.test", lid.split('@').next().unwrap());
        let group = world.whatsapp.lid_group("Hidden", &[&linked.phone, &ana, &bob]).unwrap();
        group.says(&bob, "you do not know my number").unwrap();
        let hidden = alice.joins_invite().await;
        let said = hidden.shows("you do not know my number").await;
        assert_eq!(said["sender"], ghost.as_str());
        bob.number_addressed();
        bob.says(&linked.phone, "now you do");
        let chat = alice.joins_invite().await;
        let said = chat.shows("now you do").await;
        assert_eq!(said["sender"], ghost.as_str());
        alice.says(chat.id(), "I see");
        gets(&bob, "I see").await;
        bob.lid_addressed();
        bob.says(&linked.phone, "by lid again");
        chat.shows("by lid again").await;
        assert_eq!(world.count("select count(*) from people where lid is not null and phone = '15550002222'").await, 1);
        let ghosts = world.count("select count(*) from ghosts where contact like '%15550002222%'").await;
        assert_eq!(ghosts, 0, "nobody second");
    }

    /// And the other way round: by number first, then only by LID.
    async fn b83_known_by_number_first_is_one_ghost_for_life(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, linked, ana } = world.talking().await;
        ana.lid_addressed();
        ana.says(&linked.phone, "by lid with the number beside it");
        let said = room.shows("by lid with the number beside it").await;
        assert_eq!(said["sender"], GHOST);
        ana.hides_number();
        ana.says(&linked.phone, "by lid alone");
        let said = room.shows("by lid alone").await;
        assert_eq!(said["sender"], GHOST);
        let group = world.whatsapp.lid_group("Hidden", &[&linked.phone, &ana]).unwrap();
        group.says(&ana, "in the group too").unwrap();
        let hidden = alice.joins_invite().await;
        let said = hidden.shows("in the group too").await;
        assert_eq!(said["sender"], GHOST);
        alice.says(hidden.id(), "hello all");
        gets(&ana, "hello all").await;
        assert_eq!(world.count("select count(*) from ghosts").await, 1);
    }

    /// Names of the address book answer their owner and nobody else, and no ghost ever wears one.
    async fn b47_an_address_book_is_its_owners(engine: Engine) {
        let (world, talking) = World::of_alice(engine).await;
        let phone = &talking.linked.phone;
        phone.names_contact("15550001111", "Mum 100%").unwrap();
        phone.names_contact("15550002222", "Bob the Builder").unwrap();
        world.counts("the address book is known", "select count(*) from address_book", 2).await;
        let found = asks(&world, &talking, "search mum 100%", "Mum").await;
        assert!(found.contains("+15550001111") && found.contains(GHOST), "{found}");
        let found = asks(&world, &talking, "search BUILD", "Builder").await;
        assert!(found.contains("+15550002222") && !found.contains("Mum"), "{found}");
        asks(&world, &talking, "search Ana", GHOST).await;
        asks(&world, &talking, "search nobody_", "nobody").await;
        let synced = asks(&world, &talking, "sync contacts", "look anew").await;
        assert!(synced.contains("names 2 people") && synced.contains("at 1 whom"), "{synced}");
        talking.ana.says(phone, "it is me");
        talking.room.shows("it is me").await;
        world.settles(SOON).await;
        assert_eq!(world.homeserver.display_name(GHOST).as_deref(), Some("Ana (WA)"));
        talking.alice.says(talking.room.id(), "!wa search Mum");
        talking.room.shows("Your address book is yours: ask me in a direct chat.").await;
        phone.forgets_contact("15550002222").unwrap();
        assert_eq!(phone.number(), OWNER);
    }

    /// B47: the library tells what other devices had set before it says that the device is connected.
    async fn b47_names_of_before_the_link_are_known(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        world.rest.new_token(&[]).await;
        let rest = world.rest.new_token(&[alice.id()]).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        phone.names_contact("15550001111", "Mum").unwrap();
        link(&rest, &phone).await;
        world.counts("the address book is known", "select count(*) from address_book", 1).await;
    }

    /// B44: opt-in, both ways; what cannot be known any more is taken back.
    async fn b44_who_is_there_is_shown_both_ways(engine: Engine) {
        let (world, Talking { alice, linked, ana, .. }) = World::of_alice_with(engine, "presence = true").await;
        let is = async |presence: &str, said: &str| {
            eventually(&format!("Ana is {presence} {said}"), SOON, || async {
                let (is, told) = world.homeserver.presence(GHOST)?;
                (is == presence && told.unwrap_or_default().contains(said)).then_some(())
            })
            .await;
        };
        ana.goes_online();
        let owner = world.contact(OWNER, "Alice");
        alice.is_online(true);
        owner.waits_for_presence(true, SOON).await.unwrap();
        is("online", "").await;
        ana.goes_offline(Some(1_700_000_000));
        is("offline", "last seen 2023-11-14").await;
        ana.goes_online();
        is("online", "").await;
        alice.is_online(false);
        owner.waits_for_presence(false, SOON).await.unwrap();
        is("offline", "not known").await;
        alice.is_online(true);
        is("online", "").await;
        linked.phone.unlinks_all();
        is("offline", "not known").await;
    }

    /// B44: homeservers tell changes only: whether the owner is there is asked for when a device connects.
    async fn b44_whoever_was_there_before_appears_online_too(engine: Engine) {
        let (mut world, Talking { alice, ana, .. }) = World::of_alice_with(engine, "presence = true").await;
        let owner = world.contact(OWNER, "Alice");
        alice.is_online(true);
        owner.waits_for_presence(true, SOON).await.unwrap();
        world.homeserver.has_pushed_everything().await;
        world.wharf.is_killed().await;
        eventually("the device is gone", SOON, || async {
            (world.whatsapp.connections(OWNER) == 0).then_some(())
        })
        .await;
        owner.is_online(false);
        ana.goes_offline(Some(1_700_000_000));
        world.wharf.start().await;
        owner.waits_for_presence(true, SOON).await.unwrap();
        // The library may hand over what comes at once in another order, so the first answer is waited for.
        eventually("Ana was there long ago", SOON, || async {
            world.homeserver.presence(GHOST)?.1?.contains("2023-11-14").then_some(())
        })
        .await;
        ana.goes_online();
        eventually("Ana is online", SOON, || async {
            (world.homeserver.presence(GHOST)?.0 == "online").then_some(())
        })
        .await;
        assert!(owner.is_seen_online(), "and she still is");
    }
}
