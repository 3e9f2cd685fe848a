//! The targets of reliability that need no real homeserver; the others stand in `tests/synapse`.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{Talking, World, gets, texts},
};

/// Messages each way, and how often the process is killed meanwhile.
const MESSAGES: usize = 2000;
const KILLS: usize = 50;
const CHATS: usize = 4;
/// How soon a backlog must flow (R6).
const TARGET: Duration = Duration::from_secs(2);
/// A machine with much else to do is late now and then, so one round in time is enough. The homeserver's own next attempt
/// is minutes away in each: whoever waits for it is in time in none.
const ROUNDS: usize = 10;

on_both_engines! {
    /// R2: `kill -9` at 50 random instants during 2,000 messages each way: none lost, none doubled, in order.
    async fn r2_fifty_kills_in_two_thousand_messages_each_way(engine: Engine) {
        let seed = rand::rng().random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::start(engine).await;
        let alice = world.homeserver.user("alice");
        let linked = world.linked_device(&[alice.id()]).await;
        let mut chats = Vec::new();
        for number in 0..CHATS {
            let contact = world.contact(&format!("1555000111{number}"), &format!("Contact {number}"));
            contact.says(&linked.phone, "hello");
            let room = alice.joins_invite().await;
            room.shows("hello").await;
            chats.push((contact, room));
        }
        let started = Instant::now();
        let each = MESSAGES / KILLS;
        for round in 0..KILLS {
            for number in 0..each {
                let (contact, room) = &chats[number % CHATS];
                contact.says(&linked.phone, &format!("in {}", round * each + number));
                alice.says(room.id(), &format!("out {}", round * each + number));
            }
            let instant = Duration::from_millis(random.random_range(20..900));
            // The instant is what is tested: nothing is waited for.
            let _ = tokio::time::timeout(instant, std::future::pending::<()>()).await;
            world.wharf.is_killed().await;
            world.wharf.spawn("");
        }
        world.wharf.answers().await;
        world.settles(Duration::from_mins(4)).await;
        for (number, (contact, room)) in chats.iter().enumerate() {
            let mine = |way: &str| -> Vec<String> {
                (0..MESSAGES).filter(|n| n % each % CHATS == number).map(|n| format!("{way} {n}")).collect()
            };
            let last = mine("out").pop().unwrap();
            contact.waits_for(|received| received.text.as_deref() == Some(&last), SOON).await.unwrap();
            room.shows(&mine("in").pop().unwrap()).await;
            assert_eq!(texts(contact), mine("out"), "to WhatsApp");
            let shown: Vec<String> =
                room.said().into_iter().map(|(_, text)| text).filter(|text| text.starts_with("in ")).collect();
            assert_eq!(shown, mine("in"), "to Matrix");
            assert!(contact.unreadable().is_empty());
        }
        println!("{MESSAGES} messages each way and {KILLS} kills in {:?}", started.elapsed());
    }

    /// R1: a transaction is answered after its events are safe: killed right after the answer, nothing is lost.
    async fn r1_what_was_acknowledged_survives_a_kill(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { alice, room, ana, .. } = world.talking().await;
        // WhatsApp is away: whatever arrives must wait on disk.
        world.whatsapp.is_down();
        let said: Vec<String> = (0..200).map(|number| format!("number {number}")).collect();
        for text in &said {
            alice.says(room.id(), text);
        }
        world.homeserver.has_pushed_everything().await;
        world.wharf.is_killed().await;
        // All of them wait in the database: nothing needs to be shown to us again.
        assert_eq!(world.count("select count(*) from jobs where kind = 'from_matrix'").await, 200);
        // The homeserver forgets what it pushed; only we know it now.
        world.homeserver.drops_push(true);
        world.whatsapp.is_up();
        world.wharf.start().await;
        ana.waits_for(|received| received.text.as_deref() == Some("number 199"), Duration::from_mins(1)).await.unwrap();
        assert_eq!(texts(&ana), said);
    }

    /// R6: a homeserver that means to wait for 512 seconds has pushed its backlog, and the last of it is on the phone,
    /// within two seconds of our start.
    async fn r6_a_backlog_flows_within_two_seconds_of_the_start(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { alice, room, ana, .. } = world.talking().await;
        let (mut said, mut took) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            world.settles(SOON).await;
            world.homeserver.has_pushed_everything().await;
            world.wharf.is_killed().await;
            world.homeserver.has_failed_to_push();
            for number in 0..12 {
                said.push(format!("away {round}.{number}"));
                alice.says(room.id(), said.last().unwrap());
            }
            world.homeserver.has_given_up_for_long().await;
            let start = Instant::now();
            world.wharf.spawn("");
            world.homeserver.has_pushed_everything().await;
            gets(&ana, said.last().unwrap()).await;
            took.push(start.elapsed());
            println!("R6: pushed and bridged {took:?} after the start");
            if took.last() <= Some(&TARGET) {
                break;
            }
        }
        assert!(took.last() <= Some(&TARGET), "R6: in no round within {TARGET:?}: {took:?}");
        world.settles(SOON).await;
        assert_eq!(texts(&ana), said);
    }
}

/// A homeserver that could not reach us when we started pushes as soon as it can, and meanwhile nothing waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_did_not_reach_us_is_woken_again_until_it_does() {
    let mut world = World::start(Engine::Sqlite).await;
    let Talking { alice, room, ana, .. } = world.talking().await;
    world.wharf.stops().await;
    world.homeserver.cannot_reach_service(true);
    alice.says(room.id(), "without push");
    world.wharf.start().await;
    gets(&ana, "without push").await;
    eventually("wharf knows", SOON, || async {
        world.wharf.logs().contains("cannot reach us").then_some(())
    })
    .await;
    alice.says(room.id(), "still without push");
    gets(&ana, "still without push").await;
    world.homeserver.cannot_reach_service(false);
    eventually("wharf woke it", SOON, || async {
        world.wharf.logs().contains("reaches us again").then_some(())
    })
    .await;
    world.homeserver.has_pushed_everything().await;
    world.settles(SOON).await;
    assert_eq!(texts(&ana), ["without push", "still without push"]);
    assert_eq!(world.wharf.logs().matches("cannot reach us").count(), 1);
}
