//! What crosses the bridge, row by row, on Synapse with a real client; the journeys are in `rows`. Rows of one test share a
//! Synapse, each in a room of its own; what fails says which row it was.

use std::cell::Cell;

use matrix_sdk::Room;
use serde_json::Value;
use simulator::Remembered;

use crate::{
    person::Person,
    rows::{self, Client, Talk},
    support::{
        database::Engine,
        past::now,
        world::{Linked, OWNER, World, link},
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

    fn room(&self) -> String {
        self.room.room_id().to_string()
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
        rows::changes::b01_without_notices,
        rows::words::b02,
        rows::words::b03,
        rows::words::b03_owner,
        rows::words::b04,
        rows::quotes::b04_unknown,
        rows::quotes::b04_elsewhere,
        rows::words::b09,
        rows::words::b10,
    }

    /// B05, B06, B07, B08, B11, B12, B13, B14, B15, B16
    b05_b06_b07_b08_b12_b13_b14_b16_changes_and_marks_cross_synapse {
        rows::changes::b05,
        rows::changes::b05_taken_back,
        rows::changes::b05_of_what_was_not_sent,
        rows::changes::b05_b06_of_others,
        rows::changes::b05_files,
        rows::changes::b05_late,
        rows::changes::b05_captions,
        rows::early::early,
        rows::changes::b06,
        rows::groups::b06_in_groups,
        rows::groups::b06_as_admin,
        rows::marks::b08,
        rows::marks::b08_of_nothing,
        rows::changes::b12,
        rows::changes::b12_by_rest,
        rows::marks::b14,
        rows::marks::b14_for_a_time,
        rows::groups::b16,
        rows::groups::b16_comments,
        rows::groups::b13,
        rows::groups::b13_over,
        rows::forgotten::b07_by_command,
        rows::forgotten::b07_by_rest,
    }

    /// B12
    b12_timers_and_what_is_kept_cross_synapse {
        rows::timers::b12_set,
        rows::timers::b12_set_in_groups,
        rows::timers::b12_told,
        rows::timers::b12_with_history,
        rows::timers::b12_kept,
    }

    /// B20, B21, B22, B23, B24, B25, B28, B29, B30, B31
    b20_b21_b22_b23_b24_b25_b28_b29_b30_b31_media_cross_synapse {
        rows::media::b20,
        rows::moving::b20,
        rows::made::b20_webp,
        rows::media::b21,
        rows::made::b21_made,
        rows::sound::b22,
        rows::sound::b22_words,
        rows::sound::b22_other_words,
        rows::sound::b28_of_sound,
        rows::sound::b23,
        rows::made::b23_made,
        rows::media::b24,
        rows::made::b24_made,
        rows::media::b25,
        rows::media::b28,
        rows::albums::b28_as_one,
        rows::galleries::b28_galleries,
        rows::galleries::b28_that_pass,
        rows::once::b29,
        rows::once::b29_films_and_voice,
        rows::gone::b30,
        rows::gone::b30_by_mark,
        rows::gone::b30_by_command,
        rows::gone::b30_by_rest,
        rows::media::b31,
        rows::media::b31_to_whatsapp,
    }

    /// B11, B15, B26, B27, B43, B82
    b11_b15_b26_b27_b43_b82_questions_places_states_and_losses_cross_synapse {
        rows::questions::b11,
        rows::questions::b11_early,
        rows::votes::b11_of_one_account,
        rows::votes::b11_added,
        rows::votes::b11_ending,
        rows::questions::b11_on_the_phone,
        rows::questions::b15,
        rows::questions::b15_polls,
        rows::questions::b15_answers,
        rows::places::b26,
        rows::places::b26_shared,
        rows::places::b26_shared_by_nobody,
        rows::places::b26_moving,
        rows::places::b26_unseen,
        rows::people::b27,
        rows::people::b27_words,
        rows::states::b43,
        rows::states::b43_refused,
        rows::states::b43_by_rest,
        rows::lost::b82_again,
        rows::lost::b82_without_its_file,
        rows::lost::b82_an_answer,
        rows::lost::b82_a_sticker,
        rows::lost::b82_from_the_phone,
        rows::lost::b82_never,
        rows::lost::b82_of_ours,
    }

    /// B45, B82
    b45_b82_lists_assistants_and_what_nobody_knows_cross_synapse {
        rows::strangers::b45_lists,
        rows::strangers::b82_assistants,
        rows::strangers::b82_newer,
    }
}

/// B05, B06, B08, B11, B14, B15, B16, B21, B23: where nothing is waited for, and no program is there.
#[tokio::test(flavor = "multi_thread")]
async fn b05_b06_b08_b11_b14_b15_b16_b21_b23_what_waits_in_vain_and_what_cannot_be_made_is_told_on_synapse() {
    let world = synapse::world_of(Engine::Sqlite, "wait_for_target = 0", "[media]\nffmpeg = \"\"").await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let proof = Proof {
        world: &world,
        linked: &linked,
        alice: &alice,
        people: Cell::default(),
    };
    proof
        .of("early::too_early", async |talk| rows::early::too_early(talk).await)
        .await;
    proof
        .of("made::b23_without", async |talk| rows::made::b23_without(talk).await)
        .await;
}

/// B05, B06, B08, B11, B14, B15, B16: wharf is killed while things wait for their messages.
#[tokio::test(flavor = "multi_thread")]
async fn b05_b06_b08_b11_b14_b15_b16_what_waits_for_its_message_survives_a_restart_on_synapse() {
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
    let lost = Box::pin(rows::early::done(&Talk {
        world: &world,
        linked: &linked,
        ana: ana.clone(),
        chat: seat(),
    }))
    .await;
    world.restarts().await;
    let talk = Talk {
        world: &world,
        linked: &linked,
        ana,
        chat: seat(),
    };
    Box::pin(rows::early::come(&talk, &lost)).await;
    talk.needs_no_notice().await;
}

/// B03, B07, B11: of somebody who linked their own phone, in a room that is hers alone.
#[tokio::test(flavor = "multi_thread")]
async fn b03_b07_b11_whoever_linked_their_own_phone_is_named_votes_and_deletes_on_synapse() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello");
    let room = alice.is_shown_anywhere("hello").await;
    let linked = Linked {
        rest: world.rest.clone(),
        phone,
    };
    let talk = || Talk {
        world: &world,
        linked: &linked,
        ana: ana.clone(),
        chat: Seat {
            person: &alice,
            room: room.clone(),
        },
    };
    rows::words::b03_myself(talk()).await;
    rows::questions::b11_on_the_phone(talk()).await;
    rows::forgotten::b07(talk()).await;
}

/// B07, B28: the same of a gallery, by command.
#[tokio::test(flavor = "multi_thread")]
async fn b07_b28_a_gallery_goes_from_ones_own_devices_and_room_as_a_whole_on_synapse() {
    let world = synapse::world(Engine::Sqlite).await;
    let Owner { alice, phone, .. } = Owner::of(&world).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&phone, "hello");
    let room = alice.is_shown_anywhere("hello").await;
    let rest = world.rest.clone();
    let (linked, person) = (Linked { rest, phone }, &alice);
    rows::forgotten::b07_gallery(Talk {
        world: &world,
        linked: &linked,
        ana,
        chat: Seat { person, room },
    })
    .await;
}

/// B12
#[tokio::test(flavor = "multi_thread")]
async fn b12_a_timer_of_before_the_linking_counts_on_synapse() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let rest = world.rest.new_token(&[alice.id()]).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    let ana = world.contact("15550001111", "Ana");
    let chat = format!("{}@s.whatsapp.net", ana.number());
    let said = Remembered::text(Some(ana.number()), now() - 3600, "before");
    phone.has_history(&chat, vec![said]);
    phone.has_timer(&chat, 2, now() - 7200);
    link(&rest, &phone).await;
    let room = alice.joins_invite().await;
    alice.shows(&room, "before").await;
    let linked = Linked { rest, phone };
    let person = &alice;
    let chat = Seat { person, room };
    rows::timers::b12_of_before(Talk {
        world: &world,
        linked: &linked,
        ana,
        chat,
    })
    .await;
}

/// B01, B05
#[tokio::test(flavor = "multi_thread")]
async fn b01_b05_notices_and_their_edits_cross_where_that_is_wanted_on_synapse() {
    let world = synapse::world_with(Engine::Sqlite, "notices = true").await;
    let alice = world.homeserver.person("alice").await;
    let linked = world.linked_device(&[alice.id()]).await;
    let proof = Proof {
        world: &world,
        linked: &linked,
        alice: &alice,
        people: Cell::default(),
    };
    proof
        .of("rows::changes::b01_notices", async |talk| {
            rows::changes::b01_notices(talk).await;
        })
        .await;
}

/// B04, B05, B06, B08, B11, B14, B15, B82
#[tokio::test(flavor = "multi_thread")]
async fn b04_b05_b06_b08_b11_b14_b15_b82_what_is_done_to_messages_of_before_a_restart_finds_them_on_synapse() {
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

/// B11: a poll whose time is over while wharf is away.
#[tokio::test(flavor = "multi_thread")]
async fn b11_a_poll_that_ends_while_nobody_is_there_ends_once_on_synapse() {
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
    let poll = Box::pin(rows::votes::about_to_end(Talk {
        world: &world,
        linked: &linked,
        ana: ana.clone(),
        chat: seat(),
    }))
    .await;
    world.restarts().await;
    let talk = Talk {
        world: &world,
        linked: &linked,
        ana,
        chat: seat(),
    };
    Box::pin(rows::votes::has_ended(talk, poll)).await;
}

/// B11, B64: bob and alice are members of one account.
#[tokio::test(flavor = "multi_thread")]
async fn b11_b64_of_two_members_the_later_vote_counts_on_synapse() {
    let world = synapse::world(Engine::Sqlite).await;
    let alice = world.homeserver.person("alice").await;
    let bob = world.homeserver.person("bob").await;
    let linked = world.linked_device(&[alice.id(), bob.id()]).await;
    let ana = world.contact("15550001111", "Ana");
    ana.says(&linked.phone, "hello");
    let rooms = [alice.joins_invite().await, bob.joins_invite().await];
    let talk = |person, room: &Room| Talk {
        world: &world,
        linked: &linked,
        ana: ana.clone(),
        chat: Seat {
            person,
            room: room.clone(),
        },
    };
    rows::votes::of_two_members(talk(&alice, &rooms[0]), talk(&bob, &rooms[1])).await;
}
