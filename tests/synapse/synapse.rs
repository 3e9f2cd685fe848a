//! A real Synapse of one world, brought by `scripts/synapse`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use matrix_sdk::Room;
use simulator::{Contact, Phone};
use tokio::process::Command;

use crate::{
    line::Line,
    person::Person,
    support::{
        database::Engine,
        port::free_port,
        waiting::SOON,
        world::{Linked, OWNER, SERVER, World},
    },
};

/// Whom people ask.
pub const BOT: &str = "@whatsappbot:hs.test";
/// What every person logs in with.
const PASSWORD: &str = "a password for tests";
/// Lets wharf speak as real users.
const DOUBLE_PUPPETING: &str = r#"double_puppet_registration = "registration-doublepuppet.yaml""#;

/// One homeserver in a folder of its own.
pub struct Synapse {
    /// How wharf reaches it; people have their own.
    pub line: Line,
    dir: PathBuf,
    port: u16,
}

/// A world whose homeserver is a Synapse; wharf runs.
pub async fn world(engine: Engine) -> World<Synapse> {
    world_with(engine, "").await
}

/// The same, with settings added to the section `bridge`.
pub async fn world_with(engine: Engine, bridge: &str) -> World<Synapse> {
    world_of(engine, bridge, "").await
}

/// The same, and with other sections.
pub async fn world_of(engine: Engine, bridge: &str, sections: &str) -> World<Synapse> {
    let settings = format!("{DOUBLE_PUPPETING}\n{sections}");
    let mut world = World::around(engine, &settings, Synapse::start).await;
    world.sets("bridge", bridge);
    world.wharf.start().await;
    world
}

/// The number of Ana.
pub const ANA: &str = "15550001111";

/// A world in which Ana and alice, a member, have a room.
pub struct Talk {
    /// Everything there is.
    pub world: World<Synapse>,
    /// The device.
    pub linked: Linked,
    /// Who reads and writes in Matrix.
    pub alice: Person,
    /// Who is on WhatsApp.
    pub ana: Contact,
    /// Where both meet.
    pub room: Room,
}

impl Talk {
    /// Ana has said "hello".
    pub async fn begin(engine: Engine) -> Self {
        let world = world(engine).await;
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
}

/// Somebody who linked their own phone; wharf may speak as them.
pub struct Owner {
    /// Who reads and writes in Matrix.
    pub alice: Person,
    /// Their chat with the bot.
    pub bot: Room,
    /// Their phone.
    pub phone: Phone,
}

impl Owner {
    /// Alice has linked her phone through the bot.
    pub async fn of(world: &World<Synapse>) -> Self {
        let alice = world.homeserver.person("alice").await;
        let bot = alice.creates_dm_with(BOT).await;
        alice.hears(&bot, BOT, "Hello").await;
        let phone = world.whatsapp.phone(OWNER, "Alice");
        alice.says(&bot, "login qr").await;
        let code = alice.hears(&bot, BOT, "2@").await;
        phone.scans(code["content"]["body"].as_str().unwrap()).unwrap();
        alice.hears(&bot, BOT, "Linked: ").await;
        Self { alice, bot, phone }
    }
}

impl Synapse {
    async fn start(dir: PathBuf, line_port: u16) -> Self {
        let port = free_port();
        let registrations = ["registration.yaml", "registration-doublepuppet.yaml"].map(|file| dir.join(file));
        let synapse = Self {
            line: Line::lay(line_port, port).await,
            dir: dir.join("synapse"),
            port,
        };
        let registrations = registrations.each_ref().map(|file| file.to_str().unwrap());
        run("install", &[]).await;
        let place = [synapse.dir(), SERVER, &port.to_string()];
        run("configure", &[&place[..], &registrations[..]].concat()).await;
        synapse.starts().await;
        synapse
    }

    fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    /// Somebody with an account here and a client that runs.
    pub async fn person(&self, name: &str) -> Person {
        run("user", &[self.dir(), name, PASSWORD]).await;
        Person::logs_in(&format!("http://127.0.0.1:{}", self.port), name, PASSWORD).await
    }

    /// Ends it as abruptly as a power cut.
    pub async fn is_killed(&self) {
        run("kill", &[self.dir()]).await;
    }

    /// Starts it and waits until it answers.
    pub async fn starts(&self) {
        run("start", &[self.dir()]).await;
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        // Nobody can wait here; a process that stays would only take memory.
        let _ = std::process::Command::new(script()).args(["kill", self.dir()]).status();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/synapse")
}

async fn run(verb: &str, arguments: &[&str]) {
    let mut command = Command::new(script());
    let done = command.arg(verb).args(arguments).stdin(Stdio::null()).status().await;
    assert!(done.unwrap().success(), "scripts/synapse {verb}");
}
