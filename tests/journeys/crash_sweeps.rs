//! The process dies before or after the first commit since its start, then the second, and so on, until a journey is whole
//! before its end comes: so every commit of it was met. The same with every request to the homeserver.

use super::{
    bot::{BOT, bot_says},
    crashes::{Talk, dies_before},
};
use crate::support::{
    database::Engine,
    homeserver::{Homeserver, Room, User},
    waiting::{SOON, eventually},
    world::{World, gets, settled, settled_but},
};

/// No journey has so many; a sweep that gets here does not know where the end is.
const BOUND: usize = 250;
/// So many rounds in a row outlive a sweep before it is over: what runs beside a journey may come sooner or later.
const OUTLIVED: usize = 2;

/// Plays a round for each count, until it is outlived. A round tells whether it was cut off by death. No journey is whole
/// before it met the point `at_least` so often.
async fn sweep(point: &str, at_least: usize, mut round: impl AsyncFnMut(usize, &str) -> bool) {
    let mut outlived = 0;
    for count in 0..BOUND {
        let died = round(count, &format!("{point}={count}*off->panic")).await;
        outlived = if died { 0 } else { outlived + 1 };
        if outlived == OUTLIVED {
            let met = count + 1 - OUTLIVED;
            println!("{point} was met {met} times");
            assert!(met >= at_least, "{point} was met {met} times only");
            return;
        }
    }
    panic!("{point} is still met after {BOUND} times");
}

async fn commits(engine: Engine, side: &str) {
    let mut talk = Talk::begin(engine).await;
    // A message that comes, its delivery, one that goes and one by REST are each taken and then done, and the last one is
    // written down in between.
    sweep(&format!("store.commit.{side}"), 8, async |_, failpoints| {
        talk.survives(failpoints).await
    })
    .await;
    talk.is_whole().await;
}

async fn requests_of_an_echo(engine: Engine, side: &str) {
    let mut talk = Talk::begin(engine).await;
    sweep(&format!("matrix.request.{side}"), 2, async |_, failpoints| {
        talk.echoes(failpoints).await
    })
    .await;
    talk.says_once_by(&["rest"]).await;
}

/// Somebody is in the room of a ghost, or goes into it.
async fn room_of(homeserver: &Homeserver, user: &User, ghost: &str) -> Room {
    let is_it = |room: &Room| {
        let invited = matches!(room.membership(user.id()).as_deref(), Some("invite" | "join"));
        invited && room.membership(ghost).as_deref() == Some("join")
    };
    let room = homeserver.waits_for_room("the room of a ghost", is_it).await;
    if room.membership(user.id()).as_deref() == Some("invite") {
        user.joins(room.id());
    }
    room
}

async fn requests_of_a_first_message(engine: Engine, side: &str) {
    let mut talk = Talk::begin(engine).await;
    let mut people = 0;
    // An account and its name, a room, two who go in, one who is invited, and the words.
    sweep(&format!("matrix.request.{side}"), 7, async |count, failpoints| {
        people += 1;
        let number = format!("1555100{count:04}");
        let ghost = format!("@whatsapp_{number}:hs.test");
        let stranger = talk.world.contact(&number, "Stranger");
        talk.world.wharf.is_killed().await;
        talk.world.wharf.spawn(failpoints);
        stranger.says(&talk.linked.phone, "hello stranger");
        let (rest, alice, homeserver) = (
            talk.world.rest.clone(),
            talk.alice.clone(),
            talk.world.homeserver.clone(),
        );
        let arrives = async {
            let room = room_of(&homeserver, &alice, &ghost).await;
            room.shows("hello stranger").await;
            settled(&rest, SOON).await;
        };
        let died = dies_before(&mut talk.world, arrives).await;
        // What was not met so far shall not be met later.
        talk.world.restarts().await;
        let room = room_of(&homeserver, &alice, &ghost).await;
        room.shows("hello stranger").await;
        talk.world.settles(SOON).await;
        let said = room
            .said()
            .into_iter()
            .filter(|(_, text)| text == "hello stranger")
            .count();
        assert_eq!(said, 1, "{failpoints}");
        died
    })
    .await;
    let rooms = talk.world.homeserver.rooms();
    let portals = rooms
        .iter()
        .filter(|room| room.events().iter().any(|event| event["type"] == "m.bridge"));
    assert_eq!(portals.count(), 1 + people, "one for each person");
}

/// Somebody who links a phone through the bot.
struct Newcomer {
    user: User,
    room: Room,
    phone: simulator::Phone,
    number: String,
}

impl Newcomer {
    async fn comes(world: &World, count: usize) -> Self {
        let number = format!("1555200{count:04}");
        let user = world.homeserver.user(&format!("person{count}"));
        let room = user.creates_dm_with(BOT).await;
        Self {
            phone: world.whatsapp.phone(&number, "Newcomer"),
            user,
            room,
            number,
        }
    }

    /// Asks for a code and scans the newest that is shown, as a person does who looks at the screen.
    async fn logs_in(&self) {
        bot_says(&self.room, "Hello").await;
        self.user.says(self.room.id(), "login qr");
        eventually("a code is good", SOON, || async {
            let said = self.room.said();
            let (_, code) = said.iter().rfind(|(who, text)| who == BOT && text.contains("2@"))?;
            self.phone.scans(code).ok()
        })
        .await;
        bot_says(&self.room, "Linked: ").await;
    }
}

async fn requests_of_a_login(engine: Engine, side: &str) {
    let mut world = World::start(engine).await;
    // The bot comes and says hello, a picture is uploaded and shown, and taken back before the last word.
    sweep(&format!("matrix.request.{side}"), 5, async |count, failpoints| {
        // Parts of the history of a device that died before it was written down wait for it.
        world.settles_but(&["history"], SOON).await;
        world.wharf.is_killed().await;
        let person = Newcomer::comes(&world, count).await;
        world.wharf.spawn(failpoints);
        let rest = world.rest.clone();
        let done = async {
            person.logs_in().await;
            settled_but(&rest, &["history"], SOON).await;
        };
        let died = dies_before(&mut world, done).await;
        world.restarts().await;
        world.settles_but(&["history"], SOON).await;
        if died {
            // Whoever was left without the last word asks again.
            if !person.room.said().iter().any(|(_, text)| text.starts_with("Linked: ")) {
                person.logs_in().await;
                world.settles_but(&["history"], SOON).await;
            }
        }
        person.phone.waits_for_companions(1, SOON).await.unwrap();
        let ben = world.contact("15550001111", "Ben");
        ben.says(&person.phone, &format!("hello {count}"));
        let room = person.user.joins_invite().await;
        room.shows(&format!("hello {count}")).await;
        person.user.says(room.id(), &format!("hello from {count}"));
        gets(&ben, &format!("hello from {count}")).await;
        person.user.says(person.room.id(), "devices");
        let devices = bot_says(&person.room, &format!("WhatsApp +{}: ", person.number)).await;
        assert_eq!(devices.matches("WhatsApp +").count(), 1, "{devices}");
        // The next rounds do without this device.
        person.phone.unlinks_all();
        bot_says(&person.room, "logged out").await;
        died
    })
    .await;
}

on_both_engines! {
    async fn a_crash_before_any_commit_loses_nothing_and_doubles_nothing(engine: Engine) {
        commits(engine, "before").await;
    }

    async fn a_crash_after_any_commit_loses_nothing_and_doubles_nothing(engine: Engine) {
        commits(engine, "after").await;
    }

    /// A first message makes a ghost and a room, in a dozen requests to the homeserver: whichever is the last one, there
    /// is one room with one message in the end.
    async fn a_crash_before_any_request_of_a_first_message_leaves_one_room_with_it(engine: Engine) {
        requests_of_a_first_message(engine, "before").await;
    }

    async fn a_crash_after_any_request_of_a_first_message_leaves_one_room_with_it(engine: Engine) {
        requests_of_a_first_message(engine, "after").await;
    }

    async fn a_crash_before_any_request_of_the_echo_of_a_rest_message_shows_it_once(engine: Engine) {
        requests_of_an_echo(engine, "before").await;
    }

    async fn a_crash_after_any_request_of_the_echo_of_a_rest_message_shows_it_once(engine: Engine) {
        requests_of_an_echo(engine, "after").await;
    }

    async fn a_crash_before_any_request_of_a_login_leaves_one_device_after_the_next_attempt(engine: Engine) {
        requests_of_a_login(engine, "before").await;
    }

    async fn a_crash_after_any_request_of_a_login_leaves_one_device_after_the_next_attempt(engine: Engine) {
        requests_of_a_login(engine, "after").await;
    }
}
