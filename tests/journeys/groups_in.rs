//! Groups of WhatsApp in Matrix: what happens to them there is seen in their rooms.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use simulator::{Contact, Group};

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    waiting::{SOON, eventually},
    world::{Linked, SERVER, World, link},
};

const BOT: &str = "@whatsappbot:hs.test";

/// The ghost of a contact.
fn ghost(contact: &Contact) -> String {
    format!("@whatsapp_{}:{SERVER}", contact.number())
}

/// A group that Ana made, with the owner and Bob in it, and alice in its room.
struct Tea {
    linked: Linked,
    alice: User,
    ana: Contact,
    bob: Contact,
    group: Group,
    room: Room,
}

impl Tea {
    async fn is_made(world: &World) -> Self {
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact("15550001111", "Ana");
        let bob = world.contact("15550002222", "Bob");
        let group = world.whatsapp.group("Tea", &[&ana, &linked.phone, &bob]).unwrap();
        let room = alice.joins_invite().await;
        room.is_there(&[&ana, &bob]).await;
        Self {
            linked,
            alice,
            ana,
            bob,
            group,
            room,
        }
    }
}

impl Room {
    /// Waits until these people are in it.
    async fn is_there(&self, people: &[&Contact]) {
        for person in people {
            self.has("m.room.member", &ghost(person), |is| is["membership"] == "join")
                .await;
        }
    }

    /// Waits until somebody has this level.
    async fn has_level(&self, user: &str, level: Option<i64>) {
        self.has("m.room.power_levels", "", |levels| {
            levels["users"][user].as_i64() == level
        })
        .await;
    }

    /// How many came in before an event.
    fn joined_before(&self, event: &Value) -> usize {
        let events = self.events().into_iter();
        let before = events.take_while(|it| it["event_id"] != event["event_id"]);
        let joins = before.filter(|it| it["type"] == "m.room.member" && it["content"]["membership"] == "join");
        joins
            .map(|it| it["state_key"].to_string())
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Waits for a notice of the bot with these words.
    async fn is_told(&self, words: &str) {
        self.waits_for(words, |event| {
            event["sender"] == BOT
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(words))
        })
        .await;
    }
}

on_both_engines! {
    /// B52: a group comes with its name, its topic and its picture, and who changes them is seen doing so.
    async fn b52_a_group_shows_its_name_topic_and_picture_and_who_changed_them(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { linked, ana, group, room, bob, .. } = Tea::is_made(&world).await;
        assert_eq!(room.state("m.room.name", "").unwrap()["name"], "Tea");

        group.renames(&ana, "Green tea").unwrap();
        room.has("m.room.name", "", |is| is["name"] == "Green tea").await;
        assert_eq!(room.set_by("m.room.name", ""), Some(ghost(&ana)));
        let bridge = format!("net.wharf.whatsapp/{}", group.jid());
        room.has("m.bridge", &bridge, |is| is["channel"]["displayname"] == "Green tea").await;

        group.describes(&bob, Some("Leaves and water")).unwrap();
        room.has("m.room.topic", "", |is| is["topic"] == "Leaves and water").await;
        assert_eq!(room.set_by("m.room.topic", ""), Some(ghost(&bob)));
        group.describes(&bob, None).unwrap();
        room.has("m.room.topic", "", |is| is["topic"] == "").await;

        group.sets_picture(&ana, Some(b"a cup")).unwrap();
        let avatar = room.has("m.room.avatar", "", |is| is["url"].is_string()).await;
        assert!(avatar["url"].as_str().unwrap().starts_with("mxc://"));
        assert_eq!(room.set_by("m.room.avatar", ""), Some(ghost(&ana)));
        group.sets_picture(&ana, None).unwrap();
        room.has("m.room.avatar", "", |is| is["url"].is_null()).await;

        group.renames(&linked.phone, "My tea").unwrap();
        room.has("m.room.name", "", |is| is["name"] == "My tea").await;
        let by = room.set_by("m.room.name", "").unwrap();
        assert!(by.starts_with("@wharf_"), "{by}");
    }

    /// B53: who comes and goes on WhatsApp comes and goes in the room, by whom they did.
    async fn b53_members_come_and_go_as_they_do_on_whatsapp(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, bob, group, room, linked, .. } = Tea::is_made(&world).await;
        let carol = world.contact("15550003333", "Carol");
        group.adds(&ana, &[&carol]).unwrap();
        room.is_there(&[&carol]).await;
        let invite = room
            .waits_for("the invite", |event| {
                event["state_key"] == ghost(&carol) && event["content"]["membership"] == "invite"
            })
            .await;
        assert_eq!(invite["sender"], json!(ghost(&ana)));

        group.removes(&ana, &[&bob]).unwrap();
        room.has("m.room.member", &ghost(&bob), |is| is["membership"] == "leave").await;
        assert_eq!(room.set_by("m.room.member", &ghost(&bob)), Some(ghost(&ana)));
        group.leaves(&carol).unwrap();
        room.has("m.room.member", &ghost(&carol), |is| is["membership"] == "leave").await;
        assert_eq!(room.set_by("m.room.member", &ghost(&carol)), Some(ghost(&carol)));
        group.adds(&ana, &[&bob]).unwrap();
        room.is_there(&[&bob]).await;

        // The owner is put out, and comes back.
        group.removes(&ana, &[&linked.phone]).unwrap();
        room.is_told("Ana removed you from the group").await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 100).await;
        group.adds(&ana, &[&linked.phone]).unwrap();
        room.is_told("in this group again").await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 0).await;
        group.says(&bob, "welcome back").unwrap();
        room.shows("welcome back").await;
    }

    /// B53: the owner goes by themselves on the phone, and is taken in again: the room is the same, and can be written in.
    async fn b53_who_leaves_on_the_phone_reads_on_and_writes_again_when_added(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, group, room, linked, alice, .. } = Tea::is_made(&world).await;
        group.leaves(&linked.phone).unwrap();
        room.is_told("You left the group").await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 100).await;
        group.says(&ana, "she is gone").unwrap();
        group.adds(&ana, &[&linked.phone]).unwrap();
        room.is_told("in this group again").await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 0).await;
        alice.says(room.id(), "I am back");
        ana.waits_for(|got| got.text.as_deref() == Some("I am back"), SOON).await.unwrap();
        group.says(&ana, "so you are").unwrap();
        room.shows("so you are").await;
        assert!(!room.said().iter().any(|(_, text)| text == "she is gone"), "what was said meanwhile is not hers");
    }

    /// B53: whoever made a group ends it: nobody can write any more, and the bot says who did it.
    async fn b53_a_group_that_is_ended_can_only_be_read(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, bob, group, room, linked, alice } = Tea::is_made(&world).await;
        group.says(&bob, "last words").unwrap();
        room.shows("last words").await;
        group.ends(&ana).unwrap();
        room.is_told("Ana ended the group").await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 100 && is["invite"] == 100).await;
        let told = room.said().into_iter().filter(|(who, _)| who == BOT).count();
        // The comparison after the next connect finds nothing new.
        linked.phone.unlinks_all();
        link(&linked.rest, &linked.phone).await;
        world.settles(SOON).await;
        assert_eq!(room.said().into_iter().filter(|(who, _)| who == BOT).count(), told);
        assert_eq!(room.membership(alice.id()).as_deref(), Some("join"));
    }

    /// B54: administrators have levels, and what only they may do needs them.
    async fn b54_administrators_and_settings_become_power_levels(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, bob, group, room, alice, linked } = Tea::is_made(&world).await;
        room.has_level(&ghost(&ana), Some(75)).await;
        room.has_level(alice.id(), None).await;
        group.promotes(&ana, &[&bob]).unwrap();
        room.has_level(&ghost(&bob), Some(50)).await;
        assert_eq!(room.set_by("m.room.power_levels", ""), Some(ghost(&ana)));
        group.demotes(&ana, &[&bob]).unwrap();
        room.has_level(&ghost(&bob), None).await;
        group.promotes(&ana, &[&linked.phone]).unwrap();
        room.has_level(alice.id(), Some(50)).await;

        group.announces(&ana, true).unwrap();
        room.has("m.room.power_levels", "", |is| is["events_default"] == 50).await;
        room.is_told("Ana allowed only administrators to write").await;
        group.says(&ana, "hear, hear").unwrap();
        room.shows("hear, hear").await;
        group.announces(&ana, false).unwrap();
        room.has("m.room.power_levels", "", |is| is["events_default"] == 0).await;

        group.locks(&ana, true).unwrap();
        room.has("m.room.power_levels", "", |is| is["events"]["m.room.name"] == 50).await;
        group.renames(&ana, "Locked tea").unwrap();
        room.has("m.room.name", "", |is| is["name"] == "Locked tea").await;
        assert_eq!(room.set_by("m.room.name", ""), Some(ghost(&ana)));
        group.locks(&ana, false).unwrap();
        room.has("m.room.power_levels", "", |is| is["events"]["m.room.name"] == 0).await;
    }

    /// B56: who must be let in knocks.
    async fn b56_whoever_asks_to_be_let_in_knocks(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, group, room, linked, .. } = Tea::is_made(&world).await;
        let (carol, dora) = (world.contact("15550003333", "Carol"), world.contact("15550004444", "Dora"));
        // Only administrators are told of requests.
        group.promotes(&ana, &[&linked.phone]).unwrap();
        group.needs_approval(&ana, true).unwrap();
        room.has("m.room.join_rules", "", |is| is["join_rule"] == "knock").await;
        let link = group.invite_link(&ana).unwrap();
        assert!(!carol.follows(&link).unwrap());
        room.has("m.room.member", &ghost(&carol), |is| is["membership"] == "knock").await;
        group.decides(&ana, true, &[&carol]).unwrap();
        room.is_there(&[&carol]).await;
        assert!(!dora.follows(&link).unwrap());
        room.has("m.room.member", &ghost(&dora), |is| is["membership"] == "knock").await;
        group.decides(&ana, false, &[&dora]).unwrap();
        room.has("m.room.member", &ghost(&dora), |is| is["membership"] == "leave").await;
        group.needs_approval(&ana, false).unwrap();
        room.has("m.room.join_rules", "", |is| is["join_rule"] == "invite").await;
    }

    /// B12: the timer of a group is told, and new messages go when their time is over.
    async fn b12_the_timer_of_a_group_is_told(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, group, room, .. } = Tea::is_made(&world).await;
        group.sets_timer(&ana, Some(86_400)).unwrap();
        room.is_told("Ana has set new messages to disappear after 1 day").await;
        group.sets_timer(&ana, None).unwrap();
        room.is_told("Ana has turned off disappearing messages").await;
    }

    /// B53: a group that hides numbers has the same people as every other.
    async fn b53_who_is_known_by_number_is_the_same_in_a_group_that_hides_numbers(engine: Engine) {
        let world = World::start(engine).await;
        let talking = world.talking().await;
        let hidden = world.contact("15550005555", "Hidden");
        hidden.hides_number();
        let people: [&dyn simulator::Somebody; 3] = [&talking.ana, &talking.linked.phone, &hidden];
        let group = world.whatsapp.lid_group("Masks", &people).unwrap();
        let room = talking.alice.joins_invite().await;
        room.is_there(&[&talking.ana]).await;
        let masked = format!("@whatsapp_lid_{}:{SERVER}", hidden.lid());
        room.has("m.room.member", &masked, |is| is["membership"] == "join").await;
        group.says(&hidden, "guess who").unwrap();
        let event = room.shows("guess who").await;
        assert_eq!(event["sender"], json!(masked));
        group.removes(&talking.ana, &[&hidden]).unwrap();
        room.has("m.room.member", &masked, |is| is["membership"] == "leave").await;
    }

    /// B57, B58: a community is a space with its groups, and stands in the space of the device, beside direct chats.
    async fn b57_a_community_is_a_space_in_the_space_of_its_device(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, group, room, alice, linked, .. } = Tea::is_made(&world).await;
        let home = alice.is_invited_to_space().await;
        alice.joins(home.id());
        let child = |is: &Value| is["via"].is_array();
        home.has("m.space.child", room.id(), child).await;
        assert!(home.state("m.room.name", "").unwrap()["name"].as_str().unwrap().contains(linked.phone.number()));

        let drinks = world.whatsapp.community("Drinks", &[&ana, &linked.phone]).unwrap();
        drinks.links(&ana, &group, true).unwrap();
        let community = alice.is_invited_to_space().await;
        alice.joins(community.id());
        community.has("m.space.child", room.id(), child).await;
        room.has("m.space.parent", community.id(), child).await;
        home.has("m.space.child", community.id(), child).await;
        home.has("m.space.child", room.id(), |is| !child(is)).await;
        assert_eq!(community.state("m.room.name", "").unwrap()["name"], "Drinks");
        assert_eq!(community.state("m.room.power_levels", "").unwrap()["events_default"], 50);

        // Its announcements stand there too.
        drinks.announcements().unwrap().says(&ana, "new leaves").unwrap();
        let announcements = alice.joins_invite().await;
        announcements.shows("new leaves").await;
        community.has("m.space.child", announcements.id(), child).await;

        drinks.links(&ana, &group, false).unwrap();
        home.has("m.space.child", room.id(), child).await;
        community.has("m.space.child", room.id(), |is| !child(is)).await;
    }

    /// B58, B63: a direct chat stands in the space of its device and says who of its members does not count.
    async fn b58_b63_a_direct_chat_stands_in_the_space_and_names_its_bot(engine: Engine) {
        let world = World::start(engine).await;
        let talking = world.talking().await;
        let service = talking.room.state("io.element.functional_members", "").unwrap();
        assert_eq!(service["service_members"], json!([BOT]));
        let home = talking.alice.is_invited_to_space().await;
        home.has("m.space.child", talking.room.id(), |is| is["via"] == json!([SERVER])).await;
        talking.room.has("m.space.parent", home.id(), |is| is["canonical"] == true).await;
    }

    /// B52: what was not told is found when somebody asks for it.
    async fn b52_groups_are_compared_with_their_rooms_on_request(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, group, room, alice, .. } = Tea::is_made(&world).await;
        group.describes(&ana, Some("Leaves and water")).unwrap();
        room.has("m.room.topic", "", |is| is["topic"] == "Leaves and water").await;
        world.settles(SOON).await;
        // As if the change had not been told: another topic is known, and shown.
        let forgets = "update group_chats set content = replace(content, 'Leaves and water', 'Dust'), \
                       shown = replace(shown, 'Leaves and water', 'Dust')";
        world.changes_database(forgets).await;
        world.homeserver.user("whatsappbot").sets(room.id(), "m.room.topic", &json!({"topic": "Dust"}));
        let chat = alice.creates_dm_with(BOT).await;
        chat.is_told("Hello").await;
        alice.says(chat.id(), "sync everything");
        chat.is_told("`sync groups`").await;
        alice.says(chat.id(), "sync groups");
        chat.is_told("I compare your groups with their 1 rooms.").await;
        room.has("m.room.topic", "", |is| is["topic"] == "Leaves and water").await;
        assert_eq!(room.set_by("m.room.topic", "").as_deref(), Some(BOT));
    }

    /// B53: what is lost on the way is found by the comparison after the next connect.
    async fn b53_what_was_not_told_is_found_after_the_next_connect(engine: Engine) {
        let world = World::start(engine).await;
        let Tea { ana, bob, group, room, linked, .. } = Tea::is_made(&world).await;
        let carol = world.contact("15550003333", "Carol");
        world.settles(SOON).await;
        // A device that is linked anew is told nothing of what happened before.
        linked.phone.unlinks_all();
        group.renames(&ana, "Coffee").unwrap();
        group.removes(&ana, &[&bob]).unwrap();
        group.adds(&ana, &[&carol]).unwrap();
        group.announces(&ana, true).unwrap();
        link(&linked.rest, &linked.phone).await;
        room.has("m.room.name", "", |is| is["name"] == "Coffee").await;
        room.has("m.room.member", &ghost(&bob), |is| is["membership"] == "leave").await;
        room.is_there(&[&carol]).await;
        room.has("m.room.power_levels", "", |is| is["events_default"] == 50).await;
    }
}

/// B53: a group of a thousand is usable at once; its members come in while messages pass them, also after a kill.
#[tokio::test(flavor = "multi_thread")]
async fn b53_a_thousand_members_delay_nobodys_message() {
    let mut world = World::start(Engine::Sqlite).await;
    let alice = world.homeserver.user("alice");
    let linked = world.linked_device(&[alice.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    let crowd: Vec<Contact> = (0..998)
        .map(|number| world.contact(&format!("1555100{number:04}"), "Somebody"))
        .collect();
    let mut everybody: Vec<&dyn simulator::Somebody> = vec![&ana, &linked.phone];
    everybody.extend(crowd.iter().map(|one| one as &dyn simulator::Somebody));
    let group = world.whatsapp.group("Crowd", &everybody).unwrap();
    let room = alice.joins_invite().await;

    let all = 1_000 + 2;
    group.says(&ana, "first").unwrap();
    let first = room.shows("first").await;
    let joined = room.joined_before(&first);
    assert!(joined < all, "everybody was in the room before the first message");

    world.restarts().await;
    group.says(&crowd[700], "late").unwrap();
    room.shows("late").await;
    eventually("everybody is in the room", Duration::from_mins(3), || async {
        (room.joined() >= all).then_some(())
    })
    .await;
}
