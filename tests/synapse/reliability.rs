//! The targets of reliability that a real homeserver decides.

use std::time::{Duration, Instant};

use matrix_sdk::Room;
use reqwest::Method;
use serde_json::json;
use simulator::Contact;

use crate::{
    person::Person,
    support::{
        database::Engine,
        waiting::SOON,
        world::{Linked, OWNER, World, gets, texts},
    },
    synapse::{self, Synapse},
};

const ANA: &str = "15550001111";
const GHOST: &str = "@whatsapp_15550001111:hs.test";

/// A world in which Ana and alice have a room.
struct Talk {
    world: World<Synapse>,
    linked: Linked,
    alice: Person,
    ana: Contact,
    room: Room,
}

impl Talk {
    async fn begin(engine: Engine) -> Self {
        let world = synapse::world(engine).await;
        let alice = world.homeserver.person("alice").await;
        let linked = world.linked_device(&[alice.id()]).await;
        let ana = world.contact(ANA, "Ana");
        ana.says(&linked.phone, "hello");
        let room = alice.joins_invite().await;
        alice.shows(&room, "hello").await;
        world.settles(SOON).await;
        Self {
            world,
            linked,
            alice,
            ana,
            room,
        }
    }

    /// Alice writes these one after the other.
    async fn says_all(&self, said: &[String]) {
        for text in said {
            self.alice.says(&self.room, text).await;
        }
    }

    /// Sends to Ana by REST. wharf may die right after it accepted: then no answer comes.
    async fn sends_by_rest(&self, text: &str) {
        let rest = &self.linked.rest;
        let path = format!("/api/v1/devices/{OWNER}/message");
        let body = json!({ "contact": ANA, "platform": "wa", "text": text });
        let request = rest.raw(Method::POST, &path).bearer_auth(rest.token()).json(&body);
        if let Ok(answer) = request.send().await {
            assert_eq!(answer.status(), 200);
        }
    }

    /// Waits until Ana has the last of these.
    async fn arrives(&self, said: &[String], deadline: Duration) {
        let last = said.last().map(String::as_str);
        let got = self
            .ana
            .waits_for(|received| received.text.as_deref() == last, deadline)
            .await;
        got.unwrap_or_else(|error| panic!("{last:?}: {error}; got {:?}", texts(&self.ana)));
    }
}

fn numbered(word: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{word} {number}")).collect()
}

/// R3: what Synapse had not pushed when it was killed is lost to push; wharf finds it within 10 s of its return.
async fn a_killed_synapse_loses_nothing_of_its_backlog(engine: Engine) {
    let talk = Talk::begin(engine).await;
    let said = numbered("backlog", 16);
    // It holds the first push open, and the rest waits in Synapse's memory.
    talk.world.wharf.is_paused().await;
    talk.says_all(&said).await;
    talk.world.homeserver.is_killed().await;
    talk.world.homeserver.starts().await;
    let back = Instant::now();
    talk.world.wharf.goes_on().await;
    talk.arrives(&said, Duration::from_secs(10)).await;
    println!("R3: 16 messages {:?} after Synapse's return", back.elapsed());
    // Also what is pushed later, or twice, adds nothing.
    talk.alice.says(&talk.room, "and on").await;
    gets(&talk.ana, "and on").await;
    talk.world.settles(SOON).await;
    let expected: Vec<_> = said.into_iter().chain(["and on".to_owned()]).collect();
    assert_eq!(texts(&talk.ana), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_killed_synapse_loses_nothing_of_its_backlog_on_sqlite() {
    a_killed_synapse_loses_nothing_of_its_backlog(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_killed_synapse_loses_nothing_of_its_backlog_on_postgres() {
    a_killed_synapse_loses_nothing_of_its_backlog(Engine::Postgres).await;
}

/// R5: sent, and Synapse is killed before its answer arrives: sent again and shown once. One text by a ghost and one by
/// REST, each round.
#[tokio::test(flavor = "multi_thread")]
async fn r5_what_a_killed_synapse_did_not_answer_is_shown_once() {
    let talk = Talk::begin(Engine::Sqlite).await;
    let homeserver = &talk.world.homeserver;
    let (said, by_rest) = (numbered("number", 6), numbered("by REST", 3));
    for (round, texts) in said.chunks(2).enumerate() {
        homeserver.line.loses_answers(true);
        talk.ana.says(&talk.linked.phone, &texts[0]);
        talk.sends_by_rest(&by_rest[round]).await;
        // It is in the room, and wharf does not know.
        talk.alice.shows(&talk.room, &texts[0]).await;
        talk.alice.shows(&talk.room, &by_rest[round]).await;
        talk.ana.says(&talk.linked.phone, &texts[1]);
        homeserver.is_killed().await;
        homeserver.line.loses_answers(false);
        homeserver.starts().await;
        talk.alice.shows(&talk.room, &texts[1]).await;
        talk.world.settles(SOON).await;
    }
    let events = talk.alice.reads(&talk.room).await;
    let with = |word: &str| -> Vec<String> {
        let shown = events.iter().filter_map(|event| event["content"]["body"].as_str());
        shown.filter(|text| text.starts_with(word)).map(str::to_owned).collect()
    };
    assert_eq!(with("number"), said);
    assert_eq!(with("by REST"), by_rest);
    assert_eq!(texts(&talk.ana), by_rest);
}

/// R5 without choosing the instant: Ana writes while Synapse is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn r5_a_synapse_that_dies_again_and_again_shows_each_text_once_in_order() {
    let talk = Talk::begin(Engine::Sqlite).await;
    let said = numbered("number", 24);
    for (round, texts) in said.chunks(8).enumerate() {
        for text in texts {
            talk.ana.says(&talk.linked.phone, text);
        }
        // It dies while it shows them: each round at another of them.
        talk.alice.shows(&talk.room, &texts[round]).await;
        talk.world.homeserver.is_killed().await;
        talk.world.homeserver.starts().await;
    }
    talk.alice.shows(&talk.room, said.last().unwrap()).await;
    talk.world.settles(SOON).await;
    let shown = talk.alice.texts_of(&talk.room, GHOST).await;
    assert_eq!(shown[0], "hello");
    assert_eq!(shown[1..], said);
}

/// R6: however long Synapse meant to wait, its backlog flows when wharf starts.
#[tokio::test(flavor = "multi_thread")]
async fn r6_a_backlog_flows_when_wharf_starts() {
    let mut talk = Talk::begin(Engine::Sqlite).await;
    let said = numbered("away", 12);
    talk.world.wharf.is_killed().await;
    let away = Instant::now();
    talk.says_all(&said).await;
    // Pushes were refused after 0, 2, 6 and 14 seconds; the next would come at 30.
    let _ = tokio::time::timeout(
        Duration::from_secs(15).saturating_sub(away.elapsed()),
        std::future::pending::<()>(),
    )
    .await;
    talk.world.wharf.start().await;
    let running = Instant::now();
    gets(&talk.ana, &said[0]).await;
    println!("R6: the first message {:?} after the doors answered", running.elapsed());
    assert!(
        away.elapsed() < Duration::from_secs(30),
        "it came by Synapse's own next attempt"
    );
    talk.arrives(&said, SOON).await;
    talk.world.settles(SOON).await;
    assert_eq!(texts(&talk.ana), said);
}

/// The process dies where it hurts most: after a message is on the other side and before that is written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_an_act_makes_no_second_one() {
    let mut talk = Talk::begin(Engine::Sqlite).await;
    let points = [
        "bridge.show.send.after",
        "bridge.accept.after",
        "bridge.sending.act.after",
    ];
    for (round, point) in points.iter().enumerate() {
        talk.world.settles(SOON).await;
        talk.world.wharf.is_killed().await;
        talk.world.wharf.spawn(&format!("{point}=panic"));
        talk.world.wharf.answers().await;
        let text = format!("round {round}");
        match round {
            0 => drop(talk.ana.says(&talk.linked.phone, &text)),
            1 => drop(talk.alice.says(&talk.room, &text).await),
            _ => talk.sends_by_rest(&text).await,
        }
        assert!(talk.world.wharf.ends(SOON).await, "{point} was not reached");
        talk.world.wharf.start().await;
        talk.alice.shows(&talk.room, &text).await;
        if round > 0 {
            gets(&talk.ana, &text).await;
        }
    }
    talk.world.settles(SOON).await;
    assert_eq!(texts(&talk.ana), ["round 1", "round 2"]);
    let events = talk.alice.reads(&talk.room).await;
    let rounds = events.iter().filter_map(|event| event["content"]["body"].as_str());
    let rounds: Vec<_> = rounds.filter(|text| text.starts_with("round")).collect();
    assert_eq!(rounds, ["round 0", "round 1", "round 2"]);
}
