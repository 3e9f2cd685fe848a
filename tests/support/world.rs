//! A world: a homeserver, WhatsApp, an integrator, and wharf between them. Each test has its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, Options, Phone, Server};
use tempfile::TempDir;

use super::{
    database::{Database, Engine},
    homeserver::{Homeserver, Room, User},
    port::free_port,
    process::Wharf,
    receiver::Receiver,
    rest::{CLIENT_ID, CLIENT_SECRET, Rest},
    waiting::{SOON, eventually},
};

/// Where Matrix ids of tests end.
pub const SERVER: &str = "hs.test";
/// Lanes whose jobs have a time of their own, which may be far away.
const TIMED: [&str; 8] = [
    "expiry", "closing", "pin", "orphan", "silence", "link", "fetch", "house",
];
/// The number of the phone that most tests link.
pub const OWNER: &str = "15550009999";

/// Everything there is, around the stub homeserver or a real one.
pub struct World<H = Homeserver> {
    /// wharf.
    pub wharf: Wharf,
    /// The homeserver.
    pub homeserver: H,
    /// WhatsApp.
    pub whatsapp: Server,
    /// The REST door, without a token.
    pub rest: Rest,
    dir: TempDir,
    database: Database,
}

/// A conversation that has begun.
pub struct Talking {
    /// The device.
    pub linked: Linked,
    /// Who reads and writes in Matrix.
    pub alice: User,
    /// Their room.
    pub room: Room,
    /// Who reads and writes on WhatsApp.
    pub ana: Contact,
}

impl Talking {
    /// All of it, one by one: the device, who is in Matrix, their room, who is on WhatsApp.
    pub fn parts(self) -> (Linked, User, Room, Contact) {
        (self.linked, self.alice, self.room, self.ana)
    }
}

/// A linked device, its owner's phone and a token that opens it.
pub struct Linked {
    /// The REST door with the token.
    pub rest: Rest,
    /// The owner's phone.
    pub phone: Phone,
}

impl World {
    /// A world with SQLite or PostgreSQL; wharf runs.
    pub async fn start(engine: Engine) -> Self {
        let mut world = Self::prepare(engine, "").await;
        world.wharf.start().await;
        world
    }

    /// A world in which wharf was not started yet; `settings` are added to its config file.
    pub async fn prepare(engine: Engine, settings: &str) -> Self {
        Self::around(engine, settings, async |dir, port| {
            Homeserver::start(SERVER, port, &dir.join("registration.yaml")).await
        })
        .await
    }

    /// Alice is a member of a linked device's identity, and Ana has said hello to it: alice is in their room.
    pub async fn talking(&self) -> Talking {
        let alice = self.homeserver.user("alice");
        let linked = self.linked_device(&[alice.id()]).await;
        let ana = self.contact("15550001111", "Ana");
        ana.says(&linked.phone, "hello");
        let room = alice.joins_invite().await;
        room.shows("hello").await;
        // It is shown before it is written down: a webhook that comes in between would hear of it.
        self.settles(SOON).await;
        Talking {
            linked,
            alice,
            room,
            ana,
        }
    }
}

/// Lets wharf speak as real users.
const DOUBLE_PUPPETING: &str = r#"double_puppet_registration = "registration-doublepuppet.yaml""#;
const BOT: &str = "@whatsappbot:hs.test";

impl World {
    /// A world in which wharf speaks as real users and alice has linked her own phone through the bot; she is in the room
    /// where Ana has said hello.
    pub async fn of_alice(engine: Engine) -> (Self, Talking) {
        Self::of_alice_with(engine, "").await
    }

    /// The same, with settings added to the section `bridge`.
    pub async fn of_alice_with(engine: Engine, bridge: &str) -> (Self, Talking) {
        let mut world = Self::prepare(engine, DOUBLE_PUPPETING).await;
        world.sets("bridge", bridge);
        world
            .homeserver
            .loads(&world.dir().join("registration-doublepuppet.yaml"));
        world.wharf.start().await;
        let alice = world.homeserver.user("alice");
        let chat = alice.creates_dm_with(BOT).await;
        let says = |words: &'static str| {
            let chat = chat.clone();
            async move {
                let said = eventually(words, SOON, || async {
                    let said = chat.said().into_iter();
                    said.map(|(_, text)| text).find(|text| text.contains(words))
                });
                said.await
            }
        };
        says("Hello").await;
        let phone = world.whatsapp.phone(OWNER, "Alice");
        alice.says(chat.id(), "login qr");
        phone.scans(&says("2@").await).unwrap();
        says("Linked: ").await;
        let ana = world.contact("15550001111", "Ana");
        ana.says(&phone, "hello");
        let room = eventually("alice is in Ana's room", SOON, || async {
            let rooms = world.homeserver.rooms_of(alice.id());
            rooms
                .into_iter()
                .find(|room| room.said().iter().any(|(_, text)| text == "hello"))
        })
        .await;
        let rest = world.rest.clone();
        let linked = Linked { rest, phone };
        let talking = Talking {
            linked,
            alice,
            room,
            ana,
        };
        (world, talking)
    }
}

impl<H> World<H> {
    /// A world around a homeserver that `bring` starts on the given port, with the registrations in the given folder.
    /// `settings` go on in the section `homeserver` of the config file. wharf was not started yet.
    pub async fn around(engine: Engine, settings: &str, bring: impl AsyncFnOnce(PathBuf, u16) -> H) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::new(engine, dir.path()).await;
        let whatsapp = Server::start(Options::default()).await.unwrap();
        let (port, home_port) = (free_port(), free_port());
        let config = config(port, home_port, database.url(), &whatsapp.url(), settings);
        std::fs::write(dir.path().join("config.toml"), config).unwrap();
        let made = Wharf::command(dir.path()).arg("registration").output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let homeserver = bring(dir.path().to_owned(), home_port).await;
        let wharf = Wharf::new(dir.path(), port);
        let rest = Rest::new(wharf.url());
        Self {
            wharf,
            homeserver,
            whatsapp,
            rest,
            dir,
            database,
        }
    }

    /// Where wharf lives.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A device linked by QR, of an identity with these members.
    pub async fn linked_device(&self, members: &[&str]) -> Linked {
        self.linked_number(OWNER, members).await
    }

    /// A device of this phone, linked by QR.
    pub async fn linked_number(&self, number: &str, members: &[&str]) -> Linked {
        let rest = self.rest.new_token(members).await;
        let phone = self.whatsapp.phone(number, "Owner");
        link(&rest, &phone).await;
        Linked { rest, phone }
    }

    /// Somebody on WhatsApp.
    pub fn contact(&self, number: &str, name: &str) -> Contact {
        self.whatsapp.contact(number, name)
    }

    /// What a question to its database answers, as a number.
    pub async fn count(&self, question: &'static str) -> i64 {
        self.database.number(question).await
    }

    /// Waits until a question to its database is answered by this number.
    pub async fn counts(&self, what: &str, question: &'static str, wanted: i64) {
        eventually(what, SOON, || async {
            (self.count(question).await == wanted).then_some(())
        })
        .await;
    }

    /// The tables of its database that hold a text.
    pub async fn holding(&self, text: &str) -> Vec<String> {
        self.database.holding(text).await
    }

    /// Changes its database behind its back.
    pub async fn changes_database(&self, statement: &'static str) {
        self.database.change(statement).await;
    }

    /// Ends wharf as abruptly as a power cut and starts it again.
    pub async fn restarts(&mut self) {
        self.wharf.is_killed().await;
        self.wharf.start().await;
    }

    /// Adds settings to a section of the config file, before wharf starts.
    pub fn sets(&self, section: &str, settings: &str) {
        let path = self.dir().join("config.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        let head = format!("[{section}]\n");
        assert!(config.contains(&head), "the config has a section {section}");
        std::fs::write(&path, config.replacen(&head, &format!("{head}{settings}\n"), 1)).unwrap();
    }

    /// Waits until no job is left but those that have their own time: everything that was accepted is done.
    pub async fn settles(&self, deadline: Duration) {
        settled(&self.rest, deadline).await;
    }

    /// The same where jobs in these lanes may wait: parts of history wait two minutes for a device of which nothing is
    /// known.
    pub async fn settles_but(&self, lanes: &[&str], deadline: Duration) {
        settled_but(&self.rest, lanes, deadline).await;
    }
}

/// Waits until the wharf behind this door has no job left but those that have their own time.
pub async fn settled(rest: &Rest, deadline: Duration) {
    settled_but(rest, &[], deadline).await;
}

/// The same where jobs in these lanes may wait.
pub async fn settled_but(rest: &Rest, lanes: &[&str], deadline: Duration) {
    eventually("all jobs are done", deadline, || async {
        let metrics = rest.metrics().await?;
        let waiting: Vec<_> = metrics
            .lines()
            .filter(|line| line.starts_with("wharf_jobs_waiting{") && !line.ends_with(" 0"))
            .filter(|line| {
                !TIMED
                    .iter()
                    .chain(lanes)
                    .any(|lane| line.contains(&format!("\"{lane}\"")))
            })
            .collect();
        // What a failure shows.
        println!("{}", waiting.join(", "));
        waiting.is_empty().then_some(())
    })
    .await;
}

/// Links a phone by the QR code of the WebSocket.
pub async fn link(rest: &Rest, phone: &Phone) {
    let mut codes = rest.links().await;
    phone.scans(&codes.code().await).unwrap();
    codes.is_linked().await;
    let (status, devices) = rest.call(Method::GET, "/api/v1/devices", None).await;
    assert_eq!(status, 200);
    let linked = json!({ "platform": "wa", "device_id": phone.number() });
    assert!(devices.as_array().unwrap().contains(&linked), "{devices}");
}

/// Subscribes a new receiver.
pub async fn webhook(rest: &Rest) -> (Receiver, String) {
    let receiver = Receiver::start().await;
    let secret = rest.subscribes(receiver.url()).await;
    (receiver, secret)
}

/// Waits until a contact has a message with this text.
pub async fn gets(contact: &Contact, text: &str) -> simulator::Received {
    contact
        .waits_for(|received| received.text.as_deref() == Some(text), SOON)
        .await
        .unwrap_or_else(|error| {
            panic!(
                "{} did not get {text:?}: {error}; got {:?}",
                contact.number(),
                texts(contact)
            )
        })
}

/// The texts a contact has, in the order in which they first arrived.
pub fn texts(contact: &Contact) -> Vec<String> {
    contact
        .received()
        .into_iter()
        .filter_map(|received| received.text)
        .collect()
}

/// What a phone holds of a chat: silence and pin, with the moment at which they were set.
pub fn settings(phone: &Phone, chat: &str) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    let all = phone.app_state().into_iter();
    let chosen = all.filter(|it| it.index == ["mute", chat] || it.index == ["pin_v1", chat]);
    chosen.map(|it| it.value).collect()
}

/// A member of an answer that must be text.
pub fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is no text in {value}"))
}

fn config(port: u16, home_port: u16, database: &str, whatsapp: &str, settings: &str) -> String {
    // The simulator has one address for everything; of this one only the host counts.
    let media = whatsapp.replacen("ws", "http", 1);
    format!(
        r#"
[server]
port = {port}
[log]
level = "info,wharf=debug"
[database]
url = "{database}"
[whatsapp]
url = "{whatsapp}"
media_url = "{media}"
ack_timeout_seconds = 5
[bridge]
messages_per_minute = 600000
burst = 10000
[webhook]
allow_loopback = true
[access]
hash_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
[homeserver]
address = "http://127.0.0.1:{home_port}"
server_name = "{SERVER}"
{settings}
"#
    )
}
