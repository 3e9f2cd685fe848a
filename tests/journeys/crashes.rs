//! The process dies at named points of each journey. Started again, each message is on the other side exactly once, in
//! order. Before and after every commit and every request to the homeserver: see `crash_sweeps`.

use std::{future::Future, time::Duration};

use reqwest::Method;
use serde_json::json;

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    receiver::Receiver,
    rest::{Rest, tries_to_upload},
    waiting::{SOON, eventually},
    world::{Linked, OWNER, World, gets, link, settled, texts, webhook},
};

const OGG: &[u8] = include_bytes!("../simulator/media/voice.ogg");

/// By then wharf has died, or everything is done.
const DONE: Duration = Duration::from_mins(3);

/// Every point on the way of a message, in either direction.
const POINTS: &[&str] = &[
    "whatsapp.accept.before",
    "whatsapp.accept.after",
    "bridge.show.send.before",
    "bridge.show.send.after",
    "bridge.accept.before",
    "bridge.accept.after",
    "bridge.outgoing.act.before",
    "whatsapp.send.before",
    "whatsapp.send.after",
    "whatsapp.ack.after",
    "bridge.outgoing.act.after",
    "bridge.sending.act.before",
    "bridge.sending.act.after",
    "bridge.deliver.before",
    "bridge.deliver.after",
];

/// A talk, and how many rounds of it there were.
pub(super) struct Talk {
    pub(super) world: World,
    pub(super) linked: Linked,
    pub(super) alice: User,
    ends: Ends,
    round: usize,
}

/// Where what is said arrives.
struct Ends {
    rest: Rest,
    room: Room,
    ana: simulator::Contact,
    receiver: Receiver,
}

impl Talk {
    pub(super) async fn begin(engine: Engine) -> Self {
        let world = World::start(engine).await;
        let (linked, alice, room, ana) = world.talking().await.parts();
        let (receiver, _) = webhook(&linked.rest).await;
        let rest = linked.rest.clone();
        Self {
            world,
            linked,
            alice,
            ends: Ends {
                rest,
                room,
                ana,
                receiver,
            },
            round: 0,
        }
    }

    /// Lets wharf run into `failpoints` while a message goes each way and one by REST, and waits until it died or all is
    /// done; then it is started anew, and all is done. Tells whether it died.
    pub(super) async fn survives(&mut self, failpoints: &str) -> bool {
        self.begins_round(failpoints).await;
        let round = self.round;
        self.ends.ana.says(&self.linked.phone, &format!("in {round}"));
        self.alice.says(self.ends.room.id(), &format!("out {round}"));
        let died = dies_before(&mut self.world, self.ends.have_all(round)).await;
        // What was not met so far shall not be met later.
        self.world.restarts().await;
        self.ends.have_all(round).await;
        died
    }

    /// The same with one message by REST.
    pub(super) async fn echoes(&mut self, failpoints: &str) -> bool {
        self.begins_round(failpoints).await;
        let died = dies_before(&mut self.world, self.ends.have_what_rest_said(self.round)).await;
        self.world.restarts().await;
        self.ends.have_what_rest_said(self.round).await;
        died
    }

    async fn begins_round(&mut self, failpoints: &str) {
        self.round += 1;
        self.world.settles(SOON).await;
        self.world.wharf.is_killed().await;
        self.world.wharf.spawn(failpoints);
    }

    /// Everything exactly once on both sides, each way in order.
    pub(super) async fn is_whole(&self) {
        self.says_once_by(&["in", "out", "rest"]).await;
    }

    /// Each of these was said in each round, and is exactly once where it belongs, in order.
    pub(super) async fn says_once_by(&self, ways: &[&str]) {
        self.world.settles(SOON).await;
        let Ends {
            room, ana, receiver, ..
        } = &self.ends;
        let in_room: Vec<String> = room.said().into_iter().map(|(_, text)| text).collect();
        // Webhooks are delivered at least once: the same delivery keeps its id.
        let mut heard: Vec<_> = receiver
            .got()
            .iter()
            .map(|got| (got.body["message"].clone(), got.id()))
            .collect();
        heard.dedup();
        let heard: Vec<String> = heard
            .into_iter()
            .map(|(text, _)| text.as_str().unwrap().to_owned())
            .collect();
        for way in ways {
            let expected: Vec<String> = (1..=self.round).map(|round| format!("{way} {round}")).collect();
            let with = |texts: &[String]| -> Vec<String> {
                texts
                    .iter()
                    .filter(|text| text.starts_with(&format!("{way} ")))
                    .cloned()
                    .collect()
            };
            if *way == "in" {
                assert_eq!(with(&heard), expected);
            } else {
                assert_eq!(with(&texts(ana)), expected);
            }
            assert_eq!(with(&in_room), expected);
        }
        assert!(ana.unreadable().is_empty(), "{:?}", ana.unreadable());
    }
}

impl Ends {
    /// Waits until everything of a round is where it belongs, and nothing is left to do.
    async fn have_all(&self, round: usize) {
        sends_by_rest(&self.rest, round).await;
        self.room.shows(&format!("in {round}")).await;
        gets(&self.ana, &format!("out {round}")).await;
        self.receiver.gets(&format!("in {round}")).await;
        self.have_what_rest_said(round).await;
    }

    async fn have_what_rest_said(&self, round: usize) {
        sends_by_rest(&self.rest, round).await;
        gets(&self.ana, &format!("rest {round}")).await;
        self.room.shows(&format!("rest {round}")).await;
        settled(&self.rest, SOON).await;
    }
}

/// Waits until wharf dies or all is done; tells whether it died.
pub(super) async fn dies_before(world: &mut World, all: impl Future<Output = ()>) -> bool {
    tokio::select! {
        died = world.wharf.ends(DONE) => {
            assert!(died, "neither dead nor done within {DONE:?}");
            true
        }
        () = all => false,
    }
}

/// Repeats the request until it is answered, as an application with an idempotency key may.
async fn sends_by_rest(rest: &Rest, round: usize) {
    let path = &format!("/api/v1/devices/{OWNER}/message");
    let body = &json!({ "contact": "15550001111", "platform": "wa", "text": format!("rest {round}") });
    eventually("REST answers", SOON, || async move {
        let request = rest.raw(Method::POST, path).bearer_auth(rest.token());
        let request = request.header("Idempotency-Key", format!("round {round}")).json(body);
        request
            .timeout(Duration::from_secs(2))
            .send()
            .await
            .ok()
            .filter(|answer| answer.status() == 200)
    })
    .await;
}

/// The same with sound and words.
async fn sends_sound_by_rest(rest: &Rest, words: &str) {
    let path = &format!("/api/v1/devices/{OWNER}/message");
    let fields = &[("contact", "15550001111"), ("platform", "wa"), ("text", words)];
    eventually("REST answers", SOON, || async move {
        let request = rest.raw(Method::POST, path).bearer_auth(rest.token());
        let request = request.header("Idempotency-Key", words).timeout(Duration::from_secs(2));
        let answer = tries_to_upload(request, fields, ("song.ogg", "audio/ogg", OGG)).await;
        answer.ok().filter(|answer| answer.status() == 200)
    })
    .await;
}

on_both_engines! {
    async fn t20_w03_a_crash_at_any_named_point_loses_nothing_and_doubles_nothing(engine: Engine) {
        let mut talk = Talk::begin(engine).await;
        for point in POINTS {
            assert!(talk.survives(&format!("{point}=panic")).await, "{point} was not reached");
        }
        talk.is_whole().await;
    }

    /// B22: sound with words is two messages. Whichever of them the process dies at, each arrives once, in this order, and
    /// the room shows them as one.
    async fn b22_a_crash_between_sound_and_its_words_loses_and_doubles_neither(engine: Engine) {
        let mut world = World::start(engine).await;
        let (linked, alice, room, ana) = world.talking().await.parts();
        let file = world.homeserver.keeps_file(Some("song.ogg"), "audio/ogg", OGG.to_vec());
        let mut expected = Vec::new();
        for (way, point) in [
            ("outgoing", "act.after=panic"),
            ("outgoing", "act.before=1*off->panic"),
            ("outgoing", "act.after=1*off->panic"),
            ("sending", "act.after=panic"),
            ("sending", "act.before=1*off->panic"),
            ("sending", "act.after=1*off->panic"),
        ] {
            let words = format!("{way} {point}");
            world.settles(SOON).await;
            world.wharf.is_killed().await;
            world.wharf.spawn(&format!("bridge.{way}.{point}"));
            if way == "outgoing" {
                let info = json!({"mimetype": "audio/ogg", "size": OGG.len()});
                let song = json!({
                    "msgtype": "m.audio", "body": words, "filename": "song.ogg", "url": file, "info": info,
                });
                alice.sends(room.id(), "m.room.message", &song);
            }
            let arrives = || async {
                if way == "sending" {
                    sends_sound_by_rest(&linked.rest, &words).await;
                }
                gets(&ana, &words).await;
                room.shows(&words).await;
                settled(&linked.rest, SOON).await;
            };
            assert!(dies_before(&mut world, arrives()).await, "{point} was not reached");
            world.restarts().await;
            arrives().await;
            expected.extend(["sound".to_owned(), words]);
        }
        world.settles(SOON).await;
        let got = ana.received().into_iter().map(|got| got.text.unwrap_or_else(|| "sound".to_owned()));
        assert_eq!(got.collect::<Vec<_>>(), expected);
        for words in expected.iter().filter(|words| *words != "sound") {
            assert_eq!(room.said().iter().filter(|(_, text)| text == words).count(), 1, "{words}");
        }
    }

    /// The room is made once, also when we die around making it.
    async fn a_crash_around_the_making_of_a_room_leaves_one_room(engine: Engine) {
        let mut talk = Talk::begin(engine).await;
        for (number, point) in ["bridge.portal.create.before", "bridge.portal.create.after"].into_iter().enumerate() {
            let ben = talk.world.contact(&format!("1555000222{number}"), "Ben");
            talk.world.wharf.is_killed().await;
            talk.world.wharf.spawn(&format!("{point}=panic"));
            ben.says(&talk.linked.phone, &format!("I am number {number}"));
            assert!(talk.world.wharf.ends(SOON).await, "{point} was not reached");
            talk.world.wharf.start().await;
            let room = talk.alice.is_invited().await;
            talk.alice.joins(room.id());
            room.shows(&format!("I am number {number}")).await;
        }
        talk.world.settles(SOON).await;
        let portals = talk.world.homeserver.rooms().into_iter().filter(|room| {
            room.events().iter().any(|event| event["type"] == "m.bridge")
        });
        assert_eq!(portals.count(), 3, "Ana's and two of Ben's");
    }

    /// Linking is begun again after a crash, and there is one device in the end.
    async fn a_crash_while_a_device_is_linked_leaves_one_device_after_the_next_attempt(engine: Engine) {
        let mut world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        let (receiver, _) = webhook(&rest).await;
        for (round, count) in [1, 4, 8, 14, 20, 30].into_iter().enumerate() {
            let side = if round % 2 == 0 { "before" } else { "after" };
            world.wharf.is_killed().await;
            world.wharf.spawn(&format!("store.commit.{side}={count}*off->panic"));
            let linking = tokio::spawn({
                let (rest, phone) = (rest.clone(), phone.clone());
                async move {
                    rest.waits_for_doors().await;
                    link(&rest, &phone).await;
                }
            });
            world.wharf.ends(Duration::from_secs(4)).await;
            linking.abort();
            world.wharf.is_killed().await;
            world.wharf.start().await;
            link(&rest, &phone).await;
            let (_, devices) = rest.call(Method::GET, "/api/v1/devices", None).await;
            assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
            let text = format!("after round {round}");
            world.contact("15550001111", "Ana").says(&phone, &text);
            receiver.gets(&text).await;
        }
        // Parts of the history of a device that died before it was written down wait for it.
        world.settles_but(&["history"], SOON).await;
        // A delivery that the kill cut off comes again, under its own id.
        let ids: std::collections::BTreeSet<_> = receiver.got().iter().map(crate::support::receiver::Got::id).collect();
        assert_eq!(ids.len(), 6, "each text once");
    }
}
