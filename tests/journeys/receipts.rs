//! B42: who has read what, both ways and on both sides.

use simulator::Contact;

use crate::support::{
    database::Engine,
    homeserver::Room,
    waiting::{SOON, eventually},
    world::{Talking, World, gets},
};

const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// Waits until somebody has read up to an event.
async fn is_read(room: &Room, user: &str, event: &str) {
    eventually(&format!("{user} reads up to {event}"), SOON, || async {
        let last = room.read().into_iter().rev().find(|(who, _)| who == user);
        last.is_some_and(|(_, at)| at == event).then_some(())
    })
    .await;
}

/// How many different messages of a contact the owner has read.
fn read_of(contact: &Contact) -> Vec<String> {
    let mut ids: Vec<_> = contact
        .receipts()
        .into_iter()
        .filter(|seen| seen.kind == "read")
        .flat_map(|seen| seen.ids)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

fn event_of(message: &serde_json::Value) -> &str {
    message["event_id"].as_str().unwrap()
}

on_both_engines! {
    /// The newest of what she read, at the right event, and never back.
    async fn b42_what_a_contact_reads_is_read_in_matrix(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let events: Vec<_> = ["one", "two", "three"].map(|text| alice.says(room.id(), text)).into();
        let mut ids = Vec::new();
        for text in ["one", "two", "three"] {
            ids.push(gets(&ana, text).await.id);
        }
        ana.reads(&linked.phone, &[ids[1].clone(), ids[0].clone()]);
        is_read(&room, GHOST, &events[1]).await;
        ana.reads(&linked.phone, &ids);
        is_read(&room, GHOST, &events[2]).await;
        ana.reads(&linked.phone, &ids[..1]);
        let last = alice.says(room.id(), "four");
        let four = gets(&ana, "four").await.id;
        ana.reads(&linked.phone, &[four]);
        is_read(&room, GHOST, &last).await;
        let way: Vec<_> = room.read().into_iter().filter(|(who, _)| who == GHOST).map(|(_, event)| event).collect();
        assert_eq!(way, [&events[1], &events[2], &last].map(Clone::clone), "never back, nothing twice");
    }

    /// Up to the event and no further; a reaction or a notice is an event too.
    async fn b42_what_a_member_reads_in_matrix_is_read_on_whatsapp(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        let bob = world.homeserver.user("bob");
        let ids: Vec<_> = ["one", "two", "three"].map(|text| ana.says(&linked.phone, text)).into();
        let two = room.shows("two").await;
        let three = room.shows("three").await;
        alice.invites(room.id(), bob.id()).await;
        bob.joins(room.id());
        bob.reads(room.id(), event_of(&three));
        alice.reads(room.id(), event_of(&two));
        ana.waits_for_receipt(&ids[1], "read", SOON).await.unwrap();
        world.settles(SOON).await;
        assert!(!ana.has_receipt(&ids[2], "read"), "nobody read that, and bob is a guest");
        let hello = read_of(&ana).len();
        assert_eq!(hello, 3, "hello, one and two: {:?}", read_of(&ana));
        let mark = alice.sends(room.id(), "m.reaction", &serde_json::json!({"m.relates_to":
            {"rel_type": "m.annotation", "event_id": event_of(&three), "key": "👍"}}));
        alice.reads(room.id(), &mark);
        ana.waits_for_receipt(&ids[2], "read", SOON).await.unwrap();
    }

    /// In a group each sender hears of their own messages, and everybody's reading is shown.
    async fn b42_reading_in_groups(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { alice, ana, linked, .. } = world.talking().await;
        let bob = world.contact("15550002222", "Bob");
        for group in [
            world.whatsapp.group("Family", &[&linked.phone, &ana, &bob]).unwrap(),
            world.whatsapp.lid_group("Hidden", &[&linked.phone, &ana, &bob]).unwrap(),
        ] {
            let subject = group.subject();
            let by_ana = group.says(&ana, &format!("ana in {subject}")).unwrap();
            let by_bob = group.says(&bob, &format!("bob in {subject}")).unwrap();
            let first = format!("ana in {subject}");
            let has_it = |room: &Room| room.said().iter().any(|(_, text)| *text == first);
            let room = world.homeserver.waits_for_room(&subject, has_it).await;
            alice.joins(room.id());
            let last = room.shows(&format!("bob in {subject}")).await;
            alice.reads(room.id(), event_of(&last));
            ana.waits_for_receipt(&by_ana, "read", SOON).await.unwrap();
            bob.waits_for_receipt(&by_bob, "read", SOON).await.unwrap();
            let words = format!("alice in {subject}");
            let said = alice.says(room.id(), &words);
            let id = gets(&ana, &words).await.id;
            gets(&bob, &words).await;
            group.reads(&bob, std::slice::from_ref(&id));
            group.reads(&ana, &[id]);
            is_read(&room, GHOST, &said).await;
            is_read(&room, "@whatsapp_15550002222:hs.test", &said).await;
        }
    }

    /// Three hundred at once, promised while WhatsApp cannot be reached and wharf dies: told all the same.
    async fn b42_what_was_read_while_nothing_worked_is_told_later(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { alice, room, ana, linked } = world.talking().await;
        for number in 0..300 {
            ana.says(&linked.phone, &format!("number {number}"));
        }
        world.settles(SOON * 6).await;
        let last = room.shows("number 299").await;
        world.whatsapp.is_down();
        alice.reads(room.id(), event_of(&last));
        eventually("it is promised", SOON, || async {
            (world.count("select count(*) from jobs where kind = 'tell_read'").await == 1).then_some(())
        })
        .await;
        world.restarts().await;
        world.whatsapp.is_up();
        eventually("all is read", SOON * 2, || async { (read_of(&ana).len() == 301).then_some(()) }).await;
        let largest = ana.receipts().into_iter().map(|seen| seen.ids.len()).max();
        assert!(largest.is_some_and(|largest| largest <= 256), "{largest:?}");
    }

    /// B85: what is read on the phone is read in Matrix, as the person; and that is not told to WhatsApp as news.
    async fn b42_b85_what_is_read_on_the_phone_is_read_by_the_real_user(engine: Engine) {
        let (world, Talking { alice, room, ana, linked }) = World::of_alice(engine).await;
        let one = ana.says(&linked.phone, "one");
        let two = ana.says(&linked.phone, "two");
        let event = room.shows("two").await;
        linked.phone.reads(&ana, &[one, two.clone()]);
        is_read(&room, alice.id(), event_of(&event)).await;
        ana.waits_for_receipt(&two, "read", SOON).await.unwrap();
        world.settles(SOON).await;
        let told = ana.receipts().into_iter().filter(|seen| seen.kind == "read" && seen.ids.contains(&two)).count();
        assert_eq!(told, 1, "the phone told it, and nobody else");

        let bob = world.contact("15550002222", "Bob");
        let group = world.whatsapp.group("Family", &[&linked.phone, &ana, &bob]).unwrap();
        let id = group.says(&bob, "in the family").unwrap();
        let family = world.homeserver.waits_for_room("the family", |room| {
            room.said().iter().any(|(_, text)| text == "in the family")
        });
        let family = family.await;
        let event = family.shows("in the family").await;
        group.reads(&linked.phone, &[id]);
        is_read(&family, alice.id(), event_of(&event)).await;
    }
}
