//! What crosses the bridge, row by row, with the stub homeserver; the journeys are in `rows`.

use serde_json::{Value, json};

use crate::{
    rows::{self, Client, Talk},
    support::{
        database::Engine,
        homeserver::{Homeserver, Room, User},
        waiting::{SOON, eventually},
        world::{Talking, World},
    },
};

/// Somebody in a room of the stub.
struct Seat {
    homeserver: Homeserver,
    user: User,
    room: Room,
}

impl Client for Seat {
    fn id(&self) -> String {
        self.user.id().to_owned()
    }

    async fn sends(&self, kind: &str, content: Value) -> String {
        self.user.sends(self.room.id(), kind, &content)
    }

    async fn sets(&self, kind: &str, content: Value) {
        self.user.sets(self.room.id(), kind, &content);
    }

    async fn sets_own(&self, kind: &str, content: Value) -> String {
        self.user.sets_own(self.room.id(), kind, &content)
    }

    async fn state(&self, kind: &str) -> Option<Value> {
        self.room.state(kind, "")
    }

    async fn takes_back(&self, event: &str) {
        self.user
            .sends(self.room.id(), "m.room.redaction", &json!({"redacts": event}));
    }

    async fn uploads(&self, name: &str, mime: &str, bytes: &[u8]) -> String {
        self.homeserver.keeps_file(Some(name), mime, bytes.to_vec())
    }

    async fn downloads(&self, address: &str) -> Vec<u8> {
        self.homeserver.file(address).unwrap().bytes.to_vec()
    }

    async fn reads(&self) -> Vec<Value> {
        self.room.events()
    }

    async fn event(&self, id: &str) -> Value {
        let events = self.room.events();
        let mut event = events.iter().find(|event| event["event_id"] == id).unwrap().clone();
        let is_about = |it: &&Value| {
            let relation = &it["content"]["m.relates_to"];
            relation["rel_type"] == "m.replace" && relation["event_id"] == id && it["sender"] == event["sender"]
        };
        // The latest by its time, as homeservers tell it; which of two with the same time is chance there.
        let edits = events.iter().rev().filter(is_about);
        let edit = edits.max_by_key(|it| it["origin_server_ts"].as_i64()).cloned();
        if events.iter().any(|it| it["content"]["redacts"] == id) {
            event["content"] = json!({});
        } else if let Some(edit) = edit {
            event["unsigned"]["m.relations"]["m.replace"] = edit;
        }
        event
    }

    async fn is_let_into_another(&self) -> Self {
        let look = || async {
            let mut rooms = self.homeserver.rooms().into_iter();
            rooms.find(|room| !room.is_space() && room.membership(self.user.id()).as_deref() == Some("invite"))
        };
        let room = eventually("another invite", SOON, look).await;
        self.user.joins(room.id());
        Self {
            homeserver: self.homeserver.clone(),
            user: self.user.clone(),
            room,
        }
    }
}

async fn row(engine: Engine, journey: impl AsyncFnOnce(Talk<'_, Homeserver, Seat>)) {
    row_in(World::start(engine).await, journey).await;
}

async fn row_in(world: World, journey: impl AsyncFnOnce(Talk<'_, Homeserver, Seat>)) {
    let Talking {
        linked,
        alice,
        room,
        ana,
    } = world.talking().await;
    let chat = Seat {
        homeserver: world.homeserver.clone(),
        user: alice,
        room,
    };
    let talk = Talk {
        world: &world,
        linked: &linked,
        ana,
        chat,
    };
    journey(talk).await;
}

/// A world in which the bridge is set up like this.
async fn world_with(engine: Engine, setting: &str) -> World {
    let mut world = World::prepare(engine, "").await;
    world.sets("bridge", setting);
    world.wharf.start().await;
    world
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $journey:path;)*) => {
        on_both_engines! { $(
            $(#[$doc])*
            async fn $name(engine: Engine) {
                row(engine, async |talk| $journey(talk).await).await;
            }
        )* }
    };
}

rows! {
    /// B01
    b01_long_texts_lose_nothing: rows::words::b01;
    /// B02
    b02_formatting_is_formatting_on_both_sides: rows::words::b02;
    /// B03
    b03_people_are_named_on_both_sides: rows::words::b03;
    /// B04
    b04_answers_quote_what_they_answer: rows::words::b04;
    /// B05
    b05_edits_take_the_place_of_words_and_captions: rows::changes::b05;
    /// B06
    b06_both_people_take_back_what_they_said: rows::changes::b06;
    /// B06
    b06_an_administrator_takes_back_what_members_said: rows::groups::b06_in_groups;
    /// B06
    b06_the_owner_takes_back_what_members_said: rows::groups::b06_as_admin;
    /// B07
    b07_what_is_deleted_for_oneself_by_command_goes_from_ones_own_devices: rows::changes::b07_by_command;
    /// B08
    b08_each_person_has_one_mark: rows::marks::b08;
    /// B09
    b09_what_was_passed_on_says_so: rows::words::b09;
    /// B10
    b10_previews_travel_with_links: rows::words::b10;
    /// B11
    b11_polls_are_polls_on_both_sides: rows::questions::b11;
    /// B11, B82
    b11_a_vote_that_came_before_its_poll_counts: rows::questions::b11_early;
    /// B12
    b12_what_disappears_is_gone_on_both_sides: rows::changes::b12;
    /// B13
    b13_invitations_are_accepted_by_command: rows::groups::b13;
    /// B13
    b13_an_invitation_that_is_over_is_told_so: rows::groups::b13_over;
    /// B14
    b14_pins_are_pins_on_both_sides: rows::marks::b14;
    /// B15
    b15_what_happens_moves_where_it_stands: rows::questions::b15;
    /// B15
    b15_who_comes_is_told_on_both_sides: rows::questions::b15_answers;
    /// B15
    b15_polls_are_asked_otherwise_on_both_sides: rows::questions::b15_polls;
    /// B16
    b16_comments_stand_in_threads: rows::groups::b16;
    /// B16
    b16_threads_of_announcements_are_comments: rows::groups::b16_comments;
    /// B20
    b20_pictures_keep_their_bytes: rows::media::b20;
    /// B21
    b21_films_are_what_they_are: rows::media::b21;
    /// B22
    b22_sound_is_sound: rows::sound::b22;
    /// B23
    b23_voice_keeps_its_waveform: rows::sound::b23;
    /// B24
    b24_stickers_are_stickers: rows::media::b24;
    /// B25
    b25_files_keep_their_names: rows::media::b25;
    /// B26
    b26_places_are_places_and_move: rows::places::b26;
    /// B26
    b26_of_what_is_shared_live_the_beginning_crosses: rows::places::b26_shared;
    /// B26
    b26_wherever_the_next_place_comes_from_it_stands_in_one_event: rows::places::b26_moving;
    /// B26
    b26_where_only_the_phone_sees_it_is_said_once: rows::places::b26_unseen;
    /// B27
    b27_cards_can_be_read_and_kept: rows::people::b27;
    /// B28
    b28_albums_belong_together: rows::media::b28;
    /// B28
    b28_galleries_become_albums: rows::media::b28_galleries;
    /// B12, B28
    b28_galleries_that_pass_go_whole: rows::media::b28_that_pass;
    /// B29
    b29_what_is_seen_once_is_marked: rows::media::b29;
    /// B30
    b30_what_is_gone_is_asked_of_the_phone: rows::media::b30;
    /// B31
    b31_what_is_too_large_is_told: rows::media::b31;
    /// B31
    b31_what_is_too_large_for_whatsapp_is_told: rows::media::b31_to_whatsapp;
    /// B43
    b43_every_state_of_a_message_is_kept_and_told: rows::states::b43;
    /// B82
    b82_what_comes_again_takes_its_place: rows::lost::b82_again;
    /// B30, B82
    b82_what_comes_again_without_its_file_gets_it_later: rows::lost::b82_without_its_file;
    /// B82
    b82_the_phone_brings_what_was_lost: rows::lost::b82_from_the_phone;
    /// B82
    b82_what_never_comes_holds_nothing_up: rows::lost::b82_never;
}

/// B43: where clients are not to be told, nobody but the store knows.
async fn b43_without(talk: Talk<'_, Homeserver, Seat>) {
    let says = async |text: &str| talk.chat.says(json!({"msgtype": "m.text", "body": text})).await;
    says("are you there?").await;
    let got = talk.gets_text("are you there?").await;
    talk.ana.reads(talk.phone(), &[got.id]);
    eventually("it is stored", SOON, || async {
        let read = talk.world.count("select count(*) from receipts where state = 'read'");
        (read.await > 0).then_some(())
    })
    .await;
    talk.world.whatsapp.nacks_next_to(&talk.ana, 479);
    says("refused").await;
    talk.chat.hears("Not sent").await;
    talk.world.settles(SOON).await;
    let events = talk.chat.reads().await;
    let told = events
        .iter()
        .filter(|it| it["type"] == "com.beeper.message_send_status");
    assert_eq!(told.count(), 0, "{events:?}");
}

/// B10: where previews are not wanted, links travel alone.
async fn b10_without(talk: Talk<'_, Homeserver, Seat>) {
    let url = "https://example.org/ferry";
    talk.speaks(simulator::Speech::Link {
        text: format!("take the {url}"),
        url: url.into(),
        title: "The ferry".into(),
        description: String::new(),
    });
    let shown = talk.chat.hears("take the").await;
    for name in ["com.beeper.linkpreviews", "m.url_previews"] {
        assert!(shown["content"][name].is_null(), "{shown}");
    }
    let mut content = json!({"msgtype": "m.text", "body": format!("or this: {url}")});
    content["com.beeper.linkpreviews"] = json!([{"matched_url": url, "og:url": url, "og:title": "My ferry"}]);
    talk.chat.says(content).await;
    let got = talk.gets_text(&format!("or this: {url}")).await;
    assert!(got.message.extended_text_message.matched_text.is_none(), "{got:?}");
}

on_both_engines! {
    /// B10
    async fn b10_links_travel_alone_where_previews_are_not_wanted(engine: Engine) {
        let world = world_with(engine, "url_previews = false").await;
        row_in(world, async |talk| b10_without(talk).await).await;
    }

    /// B43
    async fn b43_nobody_is_told_the_state_of_messages_where_that_is_not_wanted(engine: Engine) {
        let world = world_with(engine, "send_status = false").await;
        row_in(world, async |talk| b43_without(talk).await).await;
    }

    /// B07
    async fn b07_what_the_phone_deletes_for_itself_goes_from_ones_own_room(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        let chat = Seat { homeserver: world.homeserver.clone(), user: alice, room };
        rows::changes::b07(Talk { world: &world, linked: &linked, ana, chat }).await;
    }

    /// B05, B06, B08, B11
    async fn b05_b06_b08_b11_what_is_done_to_messages_of_before_a_restart_finds_them(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let homeserver = world.homeserver.clone();
        let seat = || Seat { homeserver: homeserver.clone(), user: alice.clone(), room: room.clone() };
        let said = rows::past::said(&Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat() }).await;
        world.restarts().await;
        Box::pin(rows::past::done(Talk { world: &world, linked: &linked, ana, chat: seat() }, said)).await;
    }
}
