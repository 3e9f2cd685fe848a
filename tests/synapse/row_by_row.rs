//! What crosses the bridge, row by row, on Synapse with a real client; the journeys are in `rows`. Rows of one test share a
//! Synapse, each in a room of its own; what fails says which row it was.

use std::cell::Cell;

use matrix_sdk::Room;
use serde_json::Value;

use crate::{
    person::Person,
    rows::{self, Client, Talk},
    support::{
        database::Engine,
        world::{Linked, World},
    },
    synapse::{self, Owner, Synapse},
};

/// A person with a real client, in a room.
struct Seat<'a> {
    person: &'a Person,
    room: Room,
}

impl Client for Seat<'_> {
    fn id(&self) -> String {
        self.person.id().to_owned()
    }

    async fn sends(&self, kind: &str, content: Value) -> String {
        self.person.sends(&self.room, kind, content).await
    }

    async fn sets(&self, kind: &str, content: Value) {
        self.person.sets(&self.room, kind, content).await;
    }

    async fn sets_own(&self, kind: &str, content: Value) -> String {
        self.person.sets_own(&self.room, kind, content).await
    }

    async fn state(&self, kind: &str) -> Option<Value> {
        self.person.state(&self.room, kind)
    }

    async fn takes_back(&self, event: &str) {
        self.person.takes_back(&self.room, event).await;
    }

    async fn uploads(&self, _name: &str, mime: &str, bytes: &[u8]) -> String {
        self.person.uploads(mime, bytes).await
    }

    async fn downloads(&self, address: &str) -> Vec<u8> {
        self.person.downloads(address).await
    }

    async fn reads(&self) -> Vec<Value> {
        self.person.reads(&self.room).await
    }

    async fn event(&self, id: &str) -> Value {
        self.person.event(&self.room, id).await
    }

    async fn is_let_into_another(&self) -> Self {
        Self {
            person: self.person,
            room: self.person.joins_invite().await,
        }
    }

    async fn sees(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.person.sees(&self.room, what, is).await
    }
}

/// A Synapse on which rows are proved.
struct Proof<'a> {
    world: &'a World<Synapse>,
    linked: &'a Linked,
    alice: &'a Person,
    people: Cell<u32>,
}

impl<'a> Proof<'a> {
    /// Proves a row with somebody new in a new room.
    async fn of(&self, row: &str, journey: impl AsyncFnOnce(Talk<'a, Synapse, Seat<'a>>)) {
        println!("row {row}");
        let number = self.people.get() + 1;
        self.people.set(number);
        let ana = self.world.contact(&format!("155500011{number:02}"), "Ana");
        ana.says(&self.linked.phone, "hello");
        let room = self.alice.joins_invite().await;
        self.alice.shows(&room, "hello").await;
        let person = self.alice;
        let talk = Talk {
            world: self.world,
            linked: self.linked,
            ana,
            chat: Seat { person, room },
        };
        journey(talk).await;
    }
}

macro_rules! proofs {
    ($($(#[$doc:meta])* $name:ident { $($journey:path,)* })*) => { $(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let world = synapse::world(Engine::Sqlite).await;
            let alice = world.homeserver.person("alice").await;
            let linked = world.linked_device(&[alice.id()]).await;
            let proof = Proof { world: &world, linked: &linked, alice: &alice, people: Cell::default() };
            $( proof.of(stringify!($journey), async |talk| $journey(talk).await).await; )*
        }
    )* };
}

proofs! {
    /// B01, B02, B03, B04, B09, B10
    b01_b02_b03_b04_b09_b10_words_cross_synapse {
        rows::words::b01,
        rows::words::b02,
        rows::words::b03,
        rows::words::b04,
        rows::words::b09,
        rows::words::b10,
    }

    /// B05, B06, B07, B08, B12, B13, B14, B16
    b05_b06_b07_b08_b12_b13_b14_b16_changes_and_marks_cross_synapse {
        rows::changes::b05,
        rows::changes::b06,
        rows::groups::b06_in_groups,
        rows::groups::b06_as_admin,
        rows::marks::b08,
        rows::changes::b12,
        rows::marks::b14,
        rows::groups::b16,
        rows::groups::b16_comments,
        rows::groups::b13,
        rows::groups::b13_over,
        rows::changes::b07_by_command,
    }

    /// B20, B21, B22, B23, B24, B25, B28, B29, B30, B31
    b20_b21_b22_b23_b24_b25_b28_b29_b30_b31_media_cross_synapse {
        rows::media::b20,
        rows::media::b21,
        rows::sound::b22,
        rows::sound::b23,
        rows::media::b24,
        rows::media::b25,
        rows::media::b28,
        rows::media::b28_galleries,
        rows::media::b28_that_pass,
        rows::media::b29,
        rows::media::b30,
        rows::media::b31,
        rows::media::b31_to_whatsapp,
    }

    /// B11, B15, B26, B27, B43, B82
    b11_b15_b26_b27_b43_b82_questions_places_states_and_losses_cross_synapse {
        rows::questions::b11,
        rows::questions::b11_early,
        rows::questions::b15,
        rows::questions::b15_polls,
        rows::questions::b15_answers,
        rows::places::b26,
        rows::places::b26_shared,
        rows::places::b26_moving,
        rows::places::b26_unseen,
        rows::people::b27,
        rows::states::b43,
        rows::lost::b82_again,
        rows::lost::b82_without_its_file,
        rows::lost::b82_from_the_phone,
        rows::lost::b82_never,
    }
}

/// B07: in a room that is hers alone.
#[tokio::test(flavor = "multi_thread")]
async fn b07_what_the_phone_deletes_for_itself_goes_from_ones_own_room_on_synapse() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello");
    let room = alice.is_shown_anywhere("hello").await;
    let linked = Linked {
        rest: world.rest.clone(),
        phone,
    };
    let person = &alice;
    let chat = Seat { person, room };
    rows::changes::b07(Talk {
        world: &world,
        linked: &linked,
        ana,
        chat,
    })
    .await;
}

/// B05, B06, B08, B11
#[tokio::test(flavor = "multi_thread")]
async fn b05_b06_b08_b11_what_is_done_to_messages_of_before_a_restart_finds_them_on_synapse() {
    let synapse::Talk {
        mut world,
        linked,
        alice,
        ana,
        room,
    } = synapse::Talk::begin(Engine::Sqlite).await;
    let seat = || Seat {
        person: &alice,
        room: room.clone(),
    };
    let said = rows::past::said(&Talk {
        world: &world,
        linked: &linked,
        ana: ana.clone(),
        chat: seat(),
    })
    .await;
    world.restarts().await;
    let talk = Talk {
        world: &world,
        linked: &linked,
        ana,
        chat: seat(),
    };
    Box::pin(rows::past::done(talk, said)).await;
}
