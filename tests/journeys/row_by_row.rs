//! What crosses the bridge, row by row, with the stub homeserver; the journeys are in `rows`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    history::{self, Before},
    rows::{self, Client, Talk},
    support::{
        database::Engine,
        homeserver::{Homeserver, Room, User},
        past::now,
        waiting::{SOON, eventually},
        world::{Linked, OWNER, Talking, World, gets, link},
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

    fn room(&self) -> String {
        self.room.id().to_owned()
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
    /// B01
    b01_notices_of_bots_stay_in_matrix: rows::changes::b01_without_notices;
    /// B02
    b02_formatting_is_formatting_on_both_sides: rows::words::b02;
    /// B03
    b03_people_are_named_on_both_sides: rows::words::b03;
    /// B03
    b03_the_owners_number_is_the_identitys_user: rows::words::b03_owner;
    /// B04
    b04_answers_quote_what_they_answer: rows::words::b04;
    /// B04
    b04_answers_to_what_is_not_here_quote_it: rows::quotes::b04_unknown;
    /// B04
    b04_answers_to_what_was_said_elsewhere_quote_it: rows::quotes::b04_elsewhere;
    /// B05
    b05_edits_take_the_place_of_words_and_captions: rows::changes::b05;
    b05_b06_an_edit_that_is_taken_back_brings_back_what_was_said: rows::changes::b05_taken_back;
    b05_b06_nobody_changes_what_others_said: rows::changes::b05_b06_of_others;
    b05_b08_b14_what_was_not_sent_is_neither_edited_nor_marked: rows::changes::b05_of_what_was_not_sent;
    /// B05.
    b05_another_file_in_an_edit_is_told_of: rows::changes::b05_files;
    /// B05
    b05_an_edit_that_is_too_late_is_told_so: rows::changes::b05_late;
    /// B05
    b05_the_words_under_a_picture_of_matrix_are_edited: rows::changes::b05_captions;
    /// B05, B06, B08, B11, B14, B15, B16
    b05_b06_b08_b11_b14_b15_b16_what_is_done_too_early_waits_for_its_message: rows::early::early;
    /// B06
    b06_both_people_take_back_what_they_said: rows::changes::b06;
    /// B06
    b06_an_administrator_takes_back_what_members_said: rows::groups::b06_in_groups;
    /// B06
    b06_the_owner_takes_back_what_members_said: rows::groups::b06_as_admin;
    /// B07
    b07_what_is_deleted_for_oneself_by_command_goes_from_ones_own_devices: rows::forgotten::b07_by_command;
    /// B07, B28
    b07_b28_what_is_deleted_for_oneself_by_rest_goes_from_ones_own_devices: rows::forgotten::b07_by_rest;
    /// B08
    b08_each_person_has_one_mark: rows::marks::b08;
    /// B08, B11, B14
    b08_b11_b14_what_is_done_to_no_message_is_not_passed_over: rows::marks::b08_of_nothing;
    /// B09
    b09_what_was_passed_on_says_so: rows::words::b09;
    /// B10
    b10_previews_travel_with_links: rows::words::b10;
    /// B11
    b11_polls_are_polls_on_both_sides: rows::questions::b11;
    /// B11
    b11_of_an_account_one_vote_counts: rows::votes::b11_of_one_account;
    /// B11
    b11_options_that_are_added_can_be_voted_for: rows::votes::b11_added;
    /// B11
    b11_polls_end_when_their_time_is_over: rows::votes::b11_ending;
    /// B11, B82
    b11_a_vote_that_came_before_its_poll_counts: rows::questions::b11_early;
    /// B11
    b11_what_the_owner_chooses_on_the_phone_is_shown: rows::questions::b11_on_the_phone;
    /// B12
    b12_the_timer_is_set_by_rest: rows::changes::b12_by_rest;
    /// B12
    b12_what_disappears_is_gone_on_both_sides: rows::changes::b12;
    /// B12
    b12_a_timer_is_set_by_command_and_by_state: rows::timers::b12_set;
    /// B12
    b12_a_timer_of_a_group_is_set_by_command_and_by_state: rows::timers::b12_set_in_groups;
    /// B12
    b12_messages_tell_the_timer_of_their_chat: rows::timers::b12_told;
    /// B12
    b12_a_timer_comes_with_the_past_of_a_chat: rows::timers::b12_with_history;
    /// B12
    b12_what_is_kept_stays_until_nobody_keeps_it: rows::timers::b12_kept;
    /// B13
    b13_invitations_are_accepted_by_command: rows::groups::b13;
    /// B13
    b13_an_invitation_that_is_over_is_told_so: rows::groups::b13_over;
    /// B14
    b14_pins_are_pins_on_both_sides: rows::marks::b14;
    /// B14
    b14_pins_end_when_their_time_is_over: rows::marks::b14_for_a_time;
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
    /// B20
    b20_what_moves_and_cannot_is_told: rows::moving::b20;
    /// B20
    b20_a_webp_becomes_a_jpeg: rows::made::b20_webp;
    /// B21
    b21_films_are_what_they_are: rows::media::b21;
    /// B21
    b21_films_become_what_phones_play: rows::made::b21_made;
    /// B22
    b22_sound_is_sound: rows::sound::b22;
    /// B05, B06, B22
    b22_words_under_sound_follow_it: rows::sound::b22_words;
    /// B05, B22
    b22_no_words_are_put_under_sound_later: rows::sound::b22_other_words;
    /// B22, B28
    b28_galleries_of_sound_have_their_words_after_the_first: rows::sound::b28_of_sound;
    /// B23
    b23_voice_keeps_its_waveform: rows::sound::b23;
    /// B23
    b23_voice_of_other_formats_becomes_opus: rows::made::b23_made;
    /// B24
    b24_stickers_are_stickers: rows::media::b24;
    /// B24
    b24_pictures_become_stickers: rows::made::b24_made;
    /// B25
    b25_files_keep_their_names: rows::media::b25;
    /// B26
    b26_places_are_places_and_move: rows::places::b26;
    /// B26
    b26_of_what_is_shared_live_the_beginning_crosses: rows::places::b26_shared;
    /// B26
    b26_places_that_nobody_shares_hold_nothing_up: rows::places::b26_shared_by_nobody;
    /// B26
    b26_wherever_the_next_place_comes_from_it_stands_in_one_event: rows::places::b26_moving;
    /// B26
    b26_where_only_the_phone_sees_it_is_said_once: rows::places::b26_unseen;
    /// B27
    b27_cards_can_be_read_and_kept: rows::people::b27;
    /// B05, B06, B27
    b27_words_with_cards_follow_them: rows::people::b27_words;
    /// B28
    b28_albums_belong_together: rows::media::b28;
    /// B28
    b28_galleries_become_albums: rows::galleries::b28_galleries;
    /// B28
    b28_what_is_done_to_an_album_is_done_to_its_pictures: rows::albums::b28_as_one;
    /// B12, B28
    b28_galleries_that_pass_go_whole: rows::galleries::b28_that_pass;
    /// B29
    b29_what_is_seen_once_is_marked: rows::once::b29;
    /// B29
    b29_films_and_voice_are_for_once_too: rows::once::b29_films_and_voice;
    /// B30
    b30_what_is_gone_is_asked_of_the_phone: rows::gone::b30;
    /// B30
    b30_a_reaction_on_a_placeholder_asks_once_more: rows::gone::b30_by_mark;
    /// B30
    b30_the_command_retry_asks_for_the_answered_or_the_latest_file: rows::gone::b30_by_command;
    /// B30
    b30_a_file_is_asked_for_once_more_by_rest: rows::gone::b30_by_rest;
    /// B31
    b31_what_is_too_large_is_told: rows::media::b31;
    /// B31
    b31_what_is_too_large_for_whatsapp_is_told: rows::media::b31_to_whatsapp;
    /// B43
    b43_every_state_of_a_message_is_kept_and_told: rows::states::b43;
    /// B43
    b43_what_is_refused_fails_and_says_why: rows::states::b43_refused;
    /// B45
    b45_what_goes_to_a_list_stands_in_the_chat_with_each: rows::strangers::b45_lists;
    /// B82
    b82_assistants_are_ghosts_and_their_answers_are_told: rows::strangers::b82_assistants;
    /// B82
    b82_what_is_newer_than_the_library_is_told: rows::strangers::b82_newer;
    /// B43
    b43_the_state_of_a_message_is_told_by_rest: rows::states::b43_by_rest;
    /// B82
    b82_what_comes_again_takes_its_place: rows::lost::b82_again;
    /// B30, B82
    b82_what_comes_again_without_its_file_gets_it_later: rows::lost::b82_without_its_file;
    /// B04, B09, B82
    b82_what_comes_again_says_what_it_answers: rows::lost::b82_an_answer;
    /// B04, B08, B14, B82
    b82_a_sticker_that_comes_again_has_all_that_was_done_to_its_placeholder: rows::lost::b82_a_sticker;
    /// B82
    b82_the_phone_brings_what_was_lost: rows::lost::b82_from_the_phone;
    /// B82
    b82_what_never_comes_holds_nothing_up: rows::lost::b82_never;
    /// B82
    b82_what_people_cannot_read_of_ours_is_sent_again: rows::lost::b82_of_ours;
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
    /// B01, B05
    async fn b01_b05_notices_and_their_edits_cross_where_that_is_wanted(engine: Engine) {
        let world = world_with(engine, "notices = true").await;
        row_in(world, async |talk| rows::changes::b01_notices(talk).await).await;
    }

    /// B07, B28
    async fn b07_b28_a_gallery_goes_from_ones_own_devices_and_room_as_a_whole(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        let chat = Seat { homeserver: world.homeserver.clone(), user: alice, room };
        rows::forgotten::b07_gallery(Talk { world: &world, linked: &linked, ana, chat }).await;
    }

    /// B10
    async fn b10_links_travel_alone_where_previews_are_not_wanted(engine: Engine) {
        let world = world_with(engine, "url_previews = false").await;
        row_in(world, async |talk| b10_without(talk).await).await;
    }

    /// B05, B06, B08, B11, B14, B15, B16
    async fn b05_b06_b08_b11_b14_b15_b16_what_waits_too_long_is_told_and_done_all_the_same(engine: Engine) {
        let world = world_with(engine, "wait_for_target = 0").await;
        row_in(world, async |talk| rows::early::too_early(talk).await).await;
    }

    /// B05, B06, B08, B11, B14, B15, B16
    async fn b05_b06_b08_b11_b14_b15_b16_what_waits_for_its_message_survives_a_restart(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let homeserver = world.homeserver.clone();
        let seat = || Seat { homeserver: homeserver.clone(), user: alice.clone(), room: room.clone() };
        let lost = Box::pin(rows::early::done(&Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat() })).await;
        world.restarts().await;
        let talk = Talk { world: &world, linked: &linked, ana, chat: seat() };
        Box::pin(rows::early::come(&talk, &lost)).await;
        talk.needs_no_notice().await;
    }

    /// B21, B23
    async fn b23_without_ffmpeg_sound_goes_as_a_plain_file_and_that_is_told(engine: Engine) {
        let mut world = World::prepare(engine, "[media]\nffmpeg = \"\"").await;
        world.wharf.start().await;
        row_in(world, async |talk| rows::made::b23_without(talk).await).await;
    }

    /// B03, B11
    async fn b03_b11_whoever_linked_their_own_phone_is_named_and_votes_as_themselves(engine: Engine) {
        let (world, Talking { linked, alice, room, ana }) = World::of_alice(engine).await;
        let seat = || Seat { homeserver: world.homeserver.clone(), user: alice.clone(), room: room.clone() };
        rows::words::b03_myself(Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat() }).await;
        rows::questions::b11_on_the_phone(Talk { world: &world, linked: &linked, ana, chat: seat() }).await;
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
        rows::forgotten::b07(Talk { world: &world, linked: &linked, ana, chat }).await;
    }

    /// B11
    async fn b11_a_poll_that_ends_while_nobody_is_there_ends_once(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let homeserver = world.homeserver.clone();
        let seat = || Seat { homeserver: homeserver.clone(), user: alice.clone(), room: room.clone() };
        let poll = rows::votes::about_to_end(Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat() }).await;
        world.restarts().await;
        Box::pin(rows::votes::has_ended(Talk { world: &world, linked: &linked, ana, chat: seat() }, poll)).await;
    }

    /// B11, B64: bob and alice are members of one account.
    async fn b11_b64_of_two_members_the_later_vote_counts(engine: Engine) {
        let world = World::start(engine).await;
        let [alice, bob] = ["alice", "bob"].map(|name| world.homeserver.user(name));
        let linked = world.linked_device(&[alice.id(), bob.id()]).await;
        let ana = world.contact("15550001111", "Ana");
        ana.says(&linked.phone, "hello");
        let room = alice.joins_invite().await;
        assert_eq!(bob.joins_invite().await.id(), room.id());
        let seat = |user: &User| Seat { homeserver: world.homeserver.clone(), user: user.clone(), room: room.clone() };
        let talk = |user: &User| Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat(user) };
        rows::votes::of_two_members(talk(&alice), talk(&bob)).await;
    }

    /// B12: also in the room's state and by REST.
    async fn b12_a_timer_of_before_the_linking_counts(engine: Engine) {
        let Before { world, alice, rest, phone, ana } = history::before(engine, "").await;
        let chat = history::chat_with(ana.number());
        phone.has_history(&chat, history::lines(ana.number(), 4));
        phone.has_timer(&chat, 2, now() - 7200);
        link(&rest, &phone).await;
        let room = history::room_with(&world, "line 3").await;
        alice.joins(room.id());
        let shown = || room.state("com.beeper.disappearing_timer", "");
        eventually("the room shows it", SOON, || async {
            (shown()? == json!({"type": "after_send", "timer": 2000})).then_some(())
        })
        .await;
        let path = format!("/api/v1/chats/{}", room.id());
        let (_, told) = rest.call(Method::GET, &path, None).await;
        assert_eq!(told["disappearing_timer"], 2, "{told}");
        let wish = json!({ "contact": ana.number(), "platform": "wa", "text": "by rest" });
        rest.call(Method::POST, &format!("/api/v1/devices/{OWNER}/message"), Some(wish)).await;
        let got = gets(&ana, "by rest").await;
        assert_eq!(got.message.extended_text_message.context_info.expiration, Some(2));
        let linked = Linked { rest, phone };
        let chat = Seat { homeserver: world.homeserver.clone(), user: alice, room };
        rows::timers::b12_of_before(Talk { world: &world, linked: &linked, ana, chat }).await;
    }

    /// B04, B05, B06, B08, B11, B14, B15, B82
    async fn b04_b05_b06_b08_b11_b14_b15_b82_what_is_done_to_messages_of_before_a_restart_finds_them(engine: Engine) {
        let mut world = World::start(engine).await;
        let Talking { linked, alice, room, ana } = world.talking().await;
        let homeserver = world.homeserver.clone();
        let seat = || Seat { homeserver: homeserver.clone(), user: alice.clone(), room: room.clone() };
        let said = rows::past::said(&Talk { world: &world, linked: &linked, ana: ana.clone(), chat: seat() }).await;
        world.restarts().await;
        Box::pin(rows::past::done(Talk { world: &world, linked: &linked, ana, chat: seat() }, said)).await;
    }
}
