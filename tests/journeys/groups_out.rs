//! Groups and chats as people make, change and leave them from Matrix.

use serde_json::json;
use simulator::{Contact, Group, Phone};

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    waiting::{SOON, until},
    world::{Linked, OWNER, World, gets},
};

const PICTURE: &[u8] = include_bytes!("../simulator/media/harbour.png");
const BOT: &str = "@whatsappbot:hs.test";
const ANA: &str = "15550001111";
const BOB: &str = "15550002222";
const ANA_GHOST: &str = "@whatsapp_15550001111:hs.test";
const BOB_GHOST: &str = "@whatsapp_15550002222:hs.test";

/// A direct chat with the bot that has begun.
async fn chat_with_bot(who: &User) -> Room {
    let room = who.creates_dm_with(BOT).await;
    room.hears(BOT, "Hello").await;
    room
}

/// A group with the owner of a linked device in it, which alice is a member of.
pub(super) struct InGroup {
    pub(super) linked: Linked,
    alice: User,
    pub(super) ana: Contact,
    bob: Contact,
    pub(super) group: Group,
    pub(super) room: Room,
}

impl InGroup {
    fn phone(&self) -> &Phone {
        &self.linked.phone
    }
}

/// The owner is an administrator of a group with Ana and Bob, and Ana has said hello.
async fn in_group(world: &World) -> InGroup {
    in_group_of(world, true).await
}

pub(super) async fn in_group_of(world: &World, owner_made_it: bool) -> InGroup {
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
    let group = if owner_made_it {
        world.whatsapp.group("Tea", &[&linked.phone, &ana, &bob])
    } else {
        world.whatsapp.group("Tea", &[&ana, &linked.phone, &bob])
    };
    let group = group.unwrap();
    group.says(&ana, "hello all").unwrap();
    let room = alice.joins_invite().await;
    room.shows("hello all").await;
    world.settles(SOON).await;
    InGroup {
        linked,
        alice,
        ana,
        bob,
        group,
        room,
    }
}

/// The owner administers a group that Ana made, and is demoted while wharf does not run: the room does not know yet.
async fn demoted_meanwhile(world: &mut World) -> InGroup {
    let here = in_group_of(world, false).await;
    here.group.promotes(&here.ana, &[here.phone()]).unwrap();
    until("alice may do more", || {
        let levels = here.room.state("m.room.power_levels", "");
        levels.is_some_and(|levels| levels["users"][here.alice.id()] == 50)
    })
    .await;
    until("bob is there", || {
        here.room.membership(BOB_GHOST).as_deref() == Some("join")
    })
    .await;
    world.settles(SOON).await;
    world.wharf.is_killed().await;
    here.group.demotes(&here.ana, &[here.phone()]).unwrap();
    here
}

on_both_engines! {
    async fn b50_a_chat_begins_by_command(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact(ANA, "Ana");
        world.contact("15550004444", "Nobody").is_registered(false);
        let bot = chat_with_bot(&alice).await;

        alice.says(bot.id(), "start-chat");
        bot.hears(BOT, "start-chat +15550001111").await;
        alice.says(bot.id(), "start-chat +1 555 000 4444");
        bot.hears(BOT, "+15550004444 is not on WhatsApp.").await;

        alice.says(bot.id(), "start-chat +1 (555) 000-1111");
        let told = bot.hears(BOT, "Your chat with").await;
        let room = alice.joins_invite().await;
        assert!(told.ends_with(&format!("https://matrix.to/#/{}", room.id())), "{told}");
        alice.says(room.id(), "hello ana");
        assert_eq!(gets(&ana, "hello ana").await.from, linked.phone.number());

        alice.says(room.id(), "!wa id");
        let told = room.hears(BOT, "This direct chat is").await;
        assert!(told.contains(ANA) && told.contains(OWNER) && told.contains(room.id()), "{told}");
        alice.says(bot.id(), "version");
        bot.hears(BOT, concat!("wharf ", env!("CARGO_PKG_VERSION"))).await;
    }

    async fn b51_a_group_is_made_by_command_once(engine: Engine) {
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let _linked = world.linked_device(&[alice.id()]).await;
        let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
        bob.refuses_group_adds(Some(403));
        world.contact("15550004444", "Nobody").is_registered(false);
        let bot = chat_with_bot(&alice).await;

        alice.says(bot.id(), "create-group Tea +15550004444");
        bot.hears(BOT, "+15550004444 is not on WhatsApp. The group was not made.").await;

        alice.says(bot.id(), "create-group Tea party +15550001111 +15550002222");
        let told = bot.hears(BOT, "The group Tea party is here: https://matrix.to/#/").await;
        assert!(told.contains("+15550002222 could not be added"), "{told}");
        let room = alice.joins_invite().await;
        assert_eq!(room.state("m.room.name", "").unwrap()["name"], "Tea party");
        world.restarts().await;
        alice.says(room.id(), "who brings the cake?");
        gets(&ana, "who brings the cake?").await;

        // Answered by a stanza that got lost: the second attempt finds the group of the first.
        world.settles(SOON).await;
        let groups = world.homeserver.rooms_of(alice.id()).len();
        assert_eq!(groups, 2, "the direct chat with the bot, and the group");
    }

    async fn b55_links_are_made_looked_behind_followed_and_reset(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let bot = chat_with_bot(&here.alice).await;

        here.alice.says(here.room.id(), "!wa invite-link");
        let told = here.room.hears(BOT, "Whoever has this link can join: ").await;
        let link = told.rsplit(' ').next().unwrap().to_owned();
        assert_eq!(link, here.group.invite_link(here.phone()).unwrap());
        here.alice.says(here.room.id(), "!wa invite-link --reset");
        let told = here.room.hears(BOT, "The new link is ").await;
        let new = here.group.invite_link(here.phone()).unwrap();
        assert!(told.contains(&new) && new != link, "{told}");

        here.alice.says(bot.id(), &format!("resolve-link {link}"));
        bot.hears(BOT, "This link leads nowhere").await;
        let cake = world.whatsapp.group("Cake", &[&here.ana, &here.bob]).unwrap();
        cake.describes(&here.ana, Some("With cherries")).unwrap();
        let link = cake.invite_link(&here.ana).unwrap();
        here.alice.says(bot.id(), &format!("resolve-link {link}"));
        let told = bot.hears(BOT, "Behind this link is the group Cake").await;
        assert!(told.contains("2 people") && told.contains("With cherries"), "{told}");

        here.alice.says(bot.id(), &format!("join {link}"));
        bot.hears(BOT, "You are in the group Cake is here").await;
        assert!(cake.members().contains(&OWNER.to_owned()));
        here.alice.says(bot.id(), "join https://chat.whatsapp.com/AAAAAAAAAAAAAAAAAAAAAA");
        bot.hears(BOT, "This link leads nowhere").await;
    }

    async fn b56_a_group_that_asks_first_is_joined_when_an_administrator_agrees(engine: Engine) {
        let world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let (ana, bob) = (world.contact(ANA, "Ana"), world.contact(BOB, "Bob"));
        let cake = world.whatsapp.group("Cake", &[&ana, &bob]).unwrap();
        cake.needs_approval(&ana, true).unwrap();
        let link = cake.invite_link(&ana).unwrap();
        let bot = chat_with_bot(&alice).await;
        alice.says(bot.id(), &format!("resolve-link {link}"));
        bot.hears(BOT, "An administrator decides who comes in.").await;
        alice.says(bot.id(), &format!("join {link}"));
        bot.hears(BOT, "An administrator of the group must let this account in first").await;
        until("the request is there", || cake.requests() == [OWNER]).await;
        cake.decides(&ana, true, &[&linked.phone]).unwrap();
        cake.says(&ana, "welcome").unwrap();
        alice.joins_invite().await.shows("welcome").await;
    }

    /// B62: leaving, deleting, and coming back.
    async fn b62_leaving_is_a_command_and_the_owner_may_come_back(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        here.alice.says(here.room.id(), "!wa leave");
        here.room.hears(BOT, "You left the group.").await;
        until("the owner is out", || !here.group.members().contains(&OWNER.to_owned())).await;
        here.alice.says(here.room.id(), "anybody?");
        here.room.hears(BOT, "Not sent: ").await;
        here.group.promotes(&here.ana, &[&here.bob]).ok();
        here.group.adds(&here.ana, &[here.phone()]).unwrap();
        here.group.says(&here.ana, "there you are").unwrap();
        here.room.shows("there you are").await;
    }

    async fn b62_a_deleted_chat_is_gone_and_comes_back_with_the_next_message(engine: Engine) {
        let world = World::start(engine).await;
        let talking = world.talking().await;
        let (alice, room) = (&talking.alice, &talking.room);
        let bot = chat_with_bot(alice).await;
        alice.says(room.id(), "!wa delete-chat");
        bot.hears(BOT, "The chat is deleted, on the phone too.").await;
        talking
            .linked
            .phone
            .waits_for_setting(|setting| setting.index.first().is_some_and(|kind| kind == "deleteChat"), SOON)
            .await
            .unwrap();
        until("everybody is out", || {
            [alice.id(), BOT, ANA_GHOST].iter().all(|who| room.membership(who).as_deref() == Some("leave"))
        })
        .await;
        talking.ana.says(&talking.linked.phone, "are you there?");
        let again = alice.joins_invite().await;
        assert_ne!(again.id(), room.id());
        again.shows("are you there?").await;
        alice.says(again.id(), "I am");
        gets(&talking.ana, "I am").await;
    }

    async fn b62_a_chat_that_is_deleted_on_the_phone_takes_its_room_along(engine: Engine) {
        let world = World::start(engine).await;
        let talking = world.talking().await;
        world.settles(SOON).await;
        talking.linked.phone.deletes_chat(&talking.ana.jid()).unwrap();
        let (alice, room) = (&talking.alice, &talking.room);
        until("everybody is out", || {
            [alice.id(), BOT, ANA_GHOST].iter().all(|who| room.membership(who).as_deref() == Some("leave"))
        })
        .await;
        talking.ana.says(&talking.linked.phone, "are you there?");
        let again = alice.joins_invite().await;
        assert_ne!(again.id(), room.id());
        again.shows("are you there?").await;
    }

    async fn b62_whoever_leaves_the_room_is_brought_back_by_the_next_message_and_may_decline(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        here.alice.leaves(here.room.id());
        world.homeserver.has_pushed_everything().await;
        world.settles(SOON).await;
        assert!(here.group.members().contains(&OWNER.to_owned()), "leaving a room leaves no group");
        here.group.says(&here.ana, "where is everybody?").unwrap();
        here.room.shows("where is everybody?").await;
        until("alice is invited again", || {
            here.room.membership(here.alice.id()).as_deref() == Some("invite")
        })
        .await;
        here.alice.leaves(here.room.id());
        world.homeserver.has_pushed_everything().await;
        world.settles(SOON).await;
        here.group.says(&here.bob, "never mind").unwrap();
        here.room.shows("never mind").await;
        world.settles(SOON).await;
        assert_eq!(here.room.membership(here.alice.id()).as_deref(), Some("leave"));
    }

    async fn b52_name_topic_and_picture_go_to_the_group(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let room = here.room.id();
        here.alice.sets(room, "m.room.name", &json!({"name": "Coffee"}));
        until("the group is renamed", || here.group.subject() == "Coffee").await;
        here.alice.sets(room, "m.room.topic", &json!({"topic": "No milk"}));
        until("the group is described", || here.group.description().as_deref() == Some("No milk")).await;
        here.alice.sets(room, "m.room.topic", &json!({"topic": ""}));
        until("the group is not described", || here.group.description().is_none()).await;
        let pictures = || here.group.past().into_iter().filter(|past| past.what == "picture").count();
        let picture = world.homeserver.keeps_file(Some("harbour.png"), "image/png", PICTURE);
        here.alice.sets(room, "m.room.avatar", &json!({ "url": picture }));
        until("the group has a picture", || pictures() == 1).await;
        world.settles(SOON).await;
        assert_eq!(here.room.state("m.room.avatar", "").unwrap()["url"], picture, "and the room keeps its own");
        here.alice.sets(room, "m.room.avatar", &json!({}));
        until("the group has none", || pictures() == 2).await;
        here.alice.sets(room, "m.room.avatar", &json!({"url": "mxc://hs.test/nothing"}));
        here.room.hears(BOT, "Taken back: the picture is not there").await;
        world.settles(SOON).await;
        let names = here.room.events().into_iter().filter(|event| {
            event["type"] == "m.room.name" && event["content"]["name"] == "Coffee"
        });
        assert_eq!(names.count(), 1, "what comes back from WhatsApp is no news");
        let renamed = here.group.past().into_iter().filter(|past| past.what == "subject");
        assert_eq!(renamed.count(), 1, "and does not go out again");
    }

    /// The news of the lock waits while the topic goes out, and comes before what WhatsApp tells of the topic.
    async fn b52_news_of_something_else_overrules_no_person(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let room = here.room.id();
        here.group.promotes(here.phone(), &[&here.ana]).unwrap();
        let name = format!("PUT /_matrix/client/v3/rooms/{room}/state/m.room.name");
        world.homeserver.holds(&name);
        here.group.renames(&here.ana, "Coffee").unwrap();
        here.group.locks(&here.ana, true).unwrap();
        here.alice.sets(room, "m.room.topic", &json!({"topic": "No milk"}));
        until("the group is described", || here.group.description().as_deref() == Some("No milk")).await;
        world.homeserver.lets_go();
        world.counts("wharf heard of it", "select count(*) from group_chats where content like '%No milk%'", 1).await;
        world.settles(SOON).await;
        let topics = here.room.events().into_iter().filter(|event| event["type"] == "m.room.topic");
        let topics: Vec<_> = topics.map(|event| event["content"]["topic"].clone()).collect();
        assert_eq!(topics.last(), Some(&json!("No milk")));
        assert_eq!(topics.iter().filter(|topic| **topic == "No milk").count(), 1, "{topics:?}");
    }

    async fn b52_a_change_that_is_refused_is_taken_back(engine: Engine) {
        let mut world = World::start(engine).await;
        let here = demoted_meanwhile(&mut world).await;
        here.group.locks(&here.ana, true).unwrap();
        let room = here.room.id();
        here.alice.sets(room, "m.room.name", &json!({"name": "Coffee"}));
        here.alice.sets(room, "m.room.topic", &json!({"topic": "No milk"}));
        world.wharf.start().await;
        here.room.hears(BOT, "Taken back: only administrators").await;
        until("the name is what it was", || {
            here.room.state("m.room.name", "").is_some_and(|state| state["name"] == "Tea")
        })
        .await;
        until("the topic is what it was", || {
            here.room.state("m.room.topic", "").is_some_and(|state| state["topic"] != "No milk")
        })
        .await;
        world.settles(SOON).await;
        assert_eq!((here.group.subject().as_str(), here.group.description()), ("Tea", None));
    }

    async fn b53_people_are_added_and_removed_through_their_ghosts(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let carol = world.contact("15550003333", "Carol");
        let dave = world.contact("15550005555", "Dave");
        dave.refuses_group_adds(Some(403));
        let carols = "@whatsapp_15550003333:hs.test";
        here.alice.invites(here.room.id(), carols).await;
        until("carol is in the group", || here.group.members().contains(&carol.number().to_owned())).await;
        until("and in the room", || here.room.membership(carols).as_deref() == Some("join")).await;

        let daves = "@whatsapp_15550005555:hs.test";
        here.alice.invites(here.room.id(), daves).await;
        here.room.hears(BOT, "Not added: they let only their contacts add them").await;
        assert_eq!(here.room.membership(daves).as_deref(), Some("leave"));

        here.alice.kicks(here.room.id(), BOB_GHOST);
        until("bob is out of the group", || !here.group.members().contains(&BOB.to_owned())).await;
        world.settles(SOON).await;
        assert_eq!(here.room.membership(BOB_GHOST).as_deref(), Some("leave"));
        let removed = here.group.past().into_iter().filter(|past| past.what == "remove");
        assert_eq!(removed.count(), 1);
    }

    async fn b53_who_may_not_be_removed_comes_back(engine: Engine) {
        let mut world = World::start(engine).await;
        let here = demoted_meanwhile(&mut world).await;
        here.alice.kicks(here.room.id(), BOB_GHOST);
        world.wharf.start().await;
        here.room.hears(BOT, "Not removed: only administrators").await;
        until("bob is back", || here.room.membership(BOB_GHOST).as_deref() == Some("join")).await;
        assert!(here.group.members().contains(&BOB.to_owned()));
    }

    async fn b54_levels_are_ranks_and_switches(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let room = here.room.id();
        let levels = || here.room.state("m.room.power_levels", "").unwrap();
        let mut wanted = levels();
        wanted["users"][ANA_GHOST] = json!(50);
        here.alice.sets(room, "m.room.power_levels", &wanted);
        until("ana is an administrator", || here.group.admins().contains(&ANA.to_owned())).await;
        // What WhatsApp tells of it comes back before the next change.
        let admins = "select count(*) from group_members where rank = 'admin'";
        world.counts("wharf heard of it", admins, 1).await;
        world.settles(SOON).await;
        let mut wanted = levels();
        wanted["users"][ANA_GHOST] = json!(0);
        wanted["events_default"] = json!(50);
        here.alice.sets(room, "m.room.power_levels", &wanted);
        until("ana is none any more", || !here.group.admins().contains(&ANA.to_owned())).await;
        until("only administrators write", || here.group.is_announcement()).await;
        world.counts("wharf heard of her fall", admins, 0).await;
        let closed = "select count(*) from group_chats where content like '%\"announce\":true%'";
        world.counts("wharf heard who writes", closed, 1).await;
        world.settles(SOON).await;
        let mut wanted = levels();
        wanted["events_default"] = json!(0);
        for kind in ["m.room.name", "m.room.topic", "m.room.avatar"] {
            wanted["events"][kind] = json!(50);
        }
        here.alice.sets(room, "m.room.power_levels", &wanted);
        until("everybody writes", || !here.group.is_announcement()).await;
        until("only administrators describe it", || here.group.is_locked()).await;
        world.counts("wharf heard who writes now", closed, 0).await;
        world.counts("wharf heard who describes it", "select count(*) from group_chats where content like '%\"locked\":true%'", 1).await;
        world.settles(SOON).await;
        let only_admins_add = !here.group.everybody_adds();
        let mut wanted = levels();
        assert_eq!(wanted["invite"].as_i64().unwrap() >= 50, only_admins_add);
        wanted["invite"] = json!(if only_admins_add { 0 } else { 50 });
        here.alice.sets(room, "m.room.power_levels", &wanted);
        until("who may add is as the room says", || here.group.everybody_adds() == only_admins_add).await;
    }

    /// Nobody waits for what WhatsApp tells of the first change before the second: both count.
    async fn b54_of_two_changes_of_levels_in_one_moment_both_are_passed_on(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        let room = here.room.id();
        until("bob is there", || here.room.membership(BOB_GHOST).as_deref() == Some("join")).await;
        let levels = || here.room.state("m.room.power_levels", "").unwrap();
        for (level, admins) in [(50, 2), (0, 0), (50, 2), (0, 0), (50, 2)] {
            let mut wanted = levels();
            wanted["users"][ANA_GHOST] = json!(level);
            here.alice.sets(room, "m.room.power_levels", &wanted);
            wanted["users"][BOB_GHOST] = json!(level);
            here.alice.sets(room, "m.room.power_levels", &wanted);
            until("ana and bob are as the room says", || {
                let admins = here.group.admins();
                [ANA, BOB].iter().all(|who| admins.contains(&(*who).to_owned()) == (level == 50))
            })
            .await;
            world.counts("wharf heard of both", "select count(*) from group_members where rank = 'admin'", admins).await;
            world.settles(SOON).await;
        }
        for ghost in [ANA_GHOST, BOB_GHOST] {
            until("the room says so, too", || levels()["users"][ghost] == 50).await;
        }
    }

    async fn b54_a_promotion_that_is_refused_is_taken_back(engine: Engine) {
        let mut world = World::start(engine).await;
        let here = demoted_meanwhile(&mut world).await;
        let levels = || here.room.state("m.room.power_levels", "").unwrap();
        let mut wanted = levels();
        wanted["users"][BOB_GHOST] = json!(50);
        here.alice.sets(here.room.id(), "m.room.power_levels", &wanted);
        // The comparison, which brings the levels in order too, comes last.
        world.homeserver.holds(&format!("PUT /_matrix/client/v3/rooms/{}/state/m.room.power_levels", here.room.id()));
        world.wharf.start().await;
        here.room.hears(BOT, "Taken back: only administrators").await;
        world.homeserver.lets_go();
        until("bob has no level", || levels()["users"][BOB_GHOST].as_i64().unwrap_or(0) < 50).await;
        until("alice has none either", || levels()["users"][here.alice.id()].as_i64().unwrap_or(0) < 50).await;
        assert_eq!(here.group.admins(), [ANA]);
    }

    async fn b56_requests_are_knocks_that_are_answered_in_the_room(engine: Engine) {
        let world = World::start(engine).await;
        let here = in_group(&world).await;
        here.alice.sets(here.room.id(), "m.room.join_rules", &json!({"join_rule": "knock"}));
        until("the group asks first", || {
            here.group.past().iter().any(|past| past.what == "membership_approval_mode")
        })
        .await;
        let (carol, dave) = (world.contact("15550003333", "Carol"), world.contact("15550005555", "Dave"));
        let link = here.group.invite_link(here.phone()).unwrap();
        assert!(!carol.follows(&link).unwrap() && !dave.follows(&link).unwrap());
        let (carols, daves) = ("@whatsapp_15550003333:hs.test", "@whatsapp_15550005555:hs.test");
        for ghost in [carols, daves] {
            until("they knock", || here.room.membership(ghost).as_deref() == Some("knock")).await;
        }
        here.alice.invites(here.room.id(), carols).await;
        until("carol is let in", || here.group.members().contains(&carol.number().to_owned())).await;
        until("and is in the room", || here.room.membership(carols).as_deref() == Some("join")).await;
        here.alice.kicks(here.room.id(), daves);
        until("dave is not let in", || here.group.requests().is_empty()).await;
        assert!(!here.group.members().contains(&dave.number().to_owned()));
    }
}
