//! The process dies at named points of each journey, before and after every commit and every call to the outside.
//! Started again, each message is on the other side exactly once, in order.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{
    database::Engine,
    homeserver::{Room, User},
    receiver::Receiver,
    rest::Rest,
    waiting::{SOON, eventually},
    world::{Linked, OWNER, Talking, World, gets, link, texts, webhook},
};

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

struct Talk {
    world: World,
    linked: Linked,
    alice: User,
    room: Room,
    ana: simulator::Contact,
    receiver: Receiver,
    round: usize,
}

impl Talk {
    async fn begin(engine: Engine) -> Self {
        let world = World::start(engine).await;
        let Talking {
            linked,
            alice,
            room,
            ana,
        } = world.talking().await;
        let (receiver, _) = webhook(&linked.rest).await;
        Self {
            world,
            linked,
            alice,
            room,
            ana,
            receiver,
            round: 0,
        }
    }

    /// Lets wharf run into `failpoints` while a message goes each way and one by REST; then starts it again and waits
    /// until everything is where it belongs. Tells whether it died.
    async fn survives(&mut self, failpoints: &str) -> bool {
        self.round += 1;
        let round = self.round;
        let rest = self.linked.rest.clone();
        self.world.settles(SOON).await;
        self.world.wharf.is_killed().await;
        self.world.wharf.spawn(failpoints);
        self.ana.says(&self.linked.phone, &format!("in {round}"));
        self.alice.says(self.room.id(), &format!("out {round}"));
        let (accepted, died) = tokio::join!(
            sends_by_rest(rest.clone(), round),
            self.world.wharf.ends(Duration::from_secs(8))
        );
        self.world.wharf.is_killed().await;
        self.world.wharf.start().await;
        if !accepted {
            assert!(
                sends_by_rest(rest.clone(), round).await,
                "round {round}: REST answers after the restart"
            );
        }
        self.room.shows(&format!("in {round}")).await;
        self.room.shows(&format!("rest {round}")).await;
        gets(&self.ana, &format!("out {round}")).await;
        gets(&self.ana, &format!("rest {round}")).await;
        self.receiver.gets(&format!("in {round}")).await;
        died
    }

    /// Everything exactly once on both sides, each way in order.
    async fn is_whole(&self) {
        self.world.settles(SOON).await;
        let expected = |way: &str| {
            (1..=self.round)
                .map(|round| format!("{way} {round}"))
                .collect::<Vec<_>>()
        };
        let with = |way: &str, texts: Vec<String>| -> Vec<String> {
            texts.into_iter().filter(|text| text.starts_with(way)).collect()
        };
        let on_phone = texts(&self.ana);
        assert_eq!(with("out ", on_phone.clone()), expected("out"));
        assert_eq!(with("rest ", on_phone), expected("rest"));
        let in_room: Vec<String> = self.room.said().into_iter().map(|(_, text)| text).collect();
        assert_eq!(with("in ", in_room.clone()), expected("in"));
        assert_eq!(with("rest ", in_room), expected("rest"));
        assert!(self.ana.unreadable().is_empty(), "{:?}", self.ana.unreadable());
        // Webhooks are delivered at least once: the same delivery keeps its id.
        let mut heard: Vec<_> = self
            .receiver
            .got()
            .iter()
            .map(|got| (got.body["message"].clone(), got.id()))
            .collect();
        heard.dedup();
        let heard: Vec<String> = heard
            .into_iter()
            .map(|(text, _)| text.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(with("in ", heard), expected("in"));
    }
}

/// Repeats the request until it is answered, as an application with an idempotency key may.
async fn sends_by_rest(rest: Rest, round: usize) -> bool {
    let path = format!("/api/v1/devices/{OWNER}/message");
    let body = json!({ "contact": "15550001111", "platform": "wa", "text": format!("rest {round}") });
    let (rest, path, body) = (&rest, &path, &body);
    let asking = eventually("REST answers", Duration::from_mins(1), || async move {
        let request = rest.raw(Method::POST, path).bearer_auth(rest.token());
        let request = request.header("Idempotency-Key", format!("round {round}")).json(body);
        request
            .timeout(Duration::from_secs(2))
            .send()
            .await
            .ok()
            .filter(|answer| answer.status() == 200)
    });
    tokio::time::timeout(Duration::from_secs(5), asking).await.is_ok()
}

on_both_engines! {
    async fn t20_w03_a_crash_at_any_named_point_loses_nothing_and_doubles_nothing(engine: Engine) {
        let mut talk = Talk::begin(engine).await;
        for point in POINTS {
            assert!(talk.survives(&format!("{point}=panic")).await, "{point} was not reached");
        }
        talk.is_whole().await;
    }

    async fn a_crash_around_any_commit_loses_nothing_and_doubles_nothing(engine: Engine) {
        let mut talk = Talk::begin(engine).await;
        // Between them the engines meet every commit of the start and of the three messages.
        for count in (usize::from(engine == Engine::Postgres)..40).step_by(2) {
            for side in ["before", "after"] {
                talk.survives(&format!("store.commit.{side}={count}*off->panic")).await;
            }
        }
        talk.is_whole().await;
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

    /// A first message makes a ghost and a room, in a dozen requests to the homeserver: whichever is the last one, there
    /// is one room with one message in the end.
    async fn a_crash_around_any_request_of_a_first_message_leaves_one_room_with_it(engine: Engine) {
        let mut talk = Talk::begin(engine).await;
        for count in (usize::from(engine == Engine::Postgres)..24).step_by(2) {
            for (number, side) in ["before", "after"].into_iter().enumerate() {
                let stranger = talk.world.contact(&format!("1555100{count:02}{number}0"), "Stranger");
                talk.world.wharf.is_killed().await;
                talk.world.wharf.spawn(&format!("matrix.request.{side}={count}*off->panic"));
                stranger.says(&talk.linked.phone, "hello stranger");
                talk.world.wharf.ends(Duration::from_secs(3)).await;
                talk.world.wharf.is_killed().await;
                talk.world.wharf.start().await;
                let room = talk.alice.joins_invite().await;
                room.shows("hello stranger").await;
                talk.world.settles(SOON).await;
                let said: Vec<_> = room.said().into_iter().filter(|(_, text)| text == "hello stranger").collect();
                assert_eq!(said.len(), 1, "{side} request {count}: {said:?}");
                assert_eq!(room.membership(&format!("@whatsapp_{}:hs.test", stranger.number())).as_deref(), Some("join"));
            }
        }
        let rooms = talk.world.homeserver.rooms();
        let portals = rooms.iter().filter(|room| room.events().iter().any(|event| event["type"] == "m.bridge"));
        assert_eq!(portals.count(), 1 + 12 * 2, "one for each person");
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
        world.settles(SOON).await;
        // A delivery that the kill cut off comes again, under its own id.
        let ids: std::collections::BTreeSet<_> = receiver.got().iter().map(crate::support::receiver::Got::id).collect();
        assert_eq!(ids.len(), 6, "each text once");
    }
}
