//! The same against a real Synapse, brought by `scripts/synapse` (250 MB of Python packages, once).

#[expect(unreachable_pub, reason = "the tests of the whole product share it")]
#[path = "../../../tests/support/port.rs"]
mod port;
mod rooms_made;
mod woken;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::Request, http::StatusCode, response::IntoResponse};
use ruma::user_id;
use serde_json::{Value, json};

use self::port::free_port;
use super::{repair::Repair, *};
use crate::{
    matrix::incoming::{Incoming, read},
    model::{RoomEvent, Timestamp},
};

/// A Synapse with our registrations, and a listener where it pushes to.
struct Synapse {
    folder: tempfile::TempDir,
    address: String,
    homeserver: Homeserver,
    pushed: Arc<Mutex<Pushed>>,
}

#[derive(Default)]
struct Pushed {
    down: bool,
    refused: usize,
    bodies: Vec<String>,
}

fn script(arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/synapse");
    let status = Command::new(script).args(arguments).status().unwrap();
    assert!(status.success(), "scripts/synapse {arguments:?}");
}

impl Synapse {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let pushed = Arc::<Mutex<Pushed>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::clone(&pushed);
        let router = Router::new().fallback(move |request: Request| {
            let kept = Arc::clone(&kept);
            async move {
                let is_push = request.uri().path().contains("/transactions/");
                let body = axum::body::to_bytes(request.into_body(), 1 << 26).await.unwrap();
                let mut kept = kept.lock().unwrap();
                if kept.down && is_push {
                    kept.refused += 1;
                    return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({}))).into_response();
                }
                kept.bodies.push(String::from_utf8(body.to_vec()).unwrap());
                Json(json!({})).into_response()
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });

        let config = Config {
            address: format!("http://127.0.0.1:{port}").parse().unwrap(),
            server_name: "hs.test".try_into().unwrap(),
            ..Config::default()
        };
        let (bridge, puppet) = registration::generate(&Names::new(&config).unwrap(), &door);
        let files = ["registration.yaml", "double-puppet.yaml"].map(|name| folder.path().join(name));
        bridge.write(&files[0]).unwrap();
        puppet.write(&files[1]).unwrap();
        let files = files.each_ref().map(|file| file.to_str().unwrap());
        let synapse = Self {
            address: config.address.to_string(),
            homeserver: Homeserver::new(&config, bridge, Some(puppet), Clock::System).unwrap(),
            pushed,
            folder,
        };
        script(&["install"]);
        script(&[
            "configure",
            synapse.dir().to_str().unwrap(),
            "hs.test",
            &port.to_string(),
            files[0],
            files[1],
        ]);
        script(&["start", synapse.dir().to_str().unwrap()]);
        synapse.homeserver.ensure_bot().await.unwrap();
        synapse
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("synapse")
    }

    fn is_killed(&self) {
        script(&["kill", self.dir().to_str().unwrap()]);
    }

    fn starts(&self) {
        script(&["start", self.dir().to_str().unwrap()]);
    }

    async fn person(&self, name: &str) -> Person {
        script(&["user", self.dir().to_str().unwrap(), name, "secret"]);
        let login = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": "secret"});
        let http = reqwest::Client::builder().build().unwrap();
        let address = format!("{}_matrix/client/v3/", self.address);
        let answer: Value = http
            .post(format!("{address}login"))
            .json(&login)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        Person {
            http,
            address,
            token: answer["access_token"].as_str().unwrap().to_owned(),
            sent: 0,
        }
    }

    async fn waits_for_push(&self, text: &str) {
        self.waits(|pushed| pushed.bodies.iter().any(|body| body.contains(text)), text)
            .await;
    }

    async fn waits(&self, is: impl Fn(&Pushed) -> bool, what: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is(&self.pushed.lock().unwrap()) {
            assert!(Instant::now() < deadline, "{what}: not pushed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The last pushed event with this text in it.
    fn pushed_event(&self, text: &str) -> RoomEvent {
        #[derive(serde::Deserialize)]
        struct Body {
            events: Vec<Box<serde_json::value::RawValue>>,
        }
        let pushed = self.pushed.lock().unwrap();
        let bodies = pushed
            .bodies
            .iter()
            .filter_map(|body| serde_json::from_str::<Body>(body).ok());
        let found = bodies
            .flat_map(|body| body.events)
            .rfind(|event| event.get().contains(text));
        RoomEvent::read(&found.expect("it was pushed"), None).unwrap()
    }

    async fn room_with(&self, alias: &str, invite: &UserId) -> OwnedRoomId {
        let room = NewRoom {
            alias: alias.into(),
            invite: vec![invite.to_owned()],
            ..NewRoom::default()
        };
        self.homeserver.create_room(&room).await.unwrap()
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        self.is_killed();
    }
}

/// A real user with a client.
struct Person {
    http: reqwest::Client,
    address: String,
    token: String,
    sent: usize,
}

impl Person {
    async fn asks(&self, method: &str, path: &str, body: &Value) -> Value {
        let method = method.parse().unwrap();
        let request = self
            .http
            .request(method, format!("{}{path}", self.address))
            .bearer_auth(&self.token);
        let answer = request.json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn joins(&self, room: &RoomId) {
        self.asks("POST", &format!("join/{room}"), &json!({})).await;
    }

    async fn says(&mut self, room: &RoomId, text: &str) {
        self.sent += 1;
        let path = format!("rooms/{room}/send/m.room.message/t{}", self.sent);
        self.asks("PUT", &path, &json!({"msgtype": "m.text", "body": text}))
            .await;
    }

    async fn messages(&self, room: &RoomId) -> Vec<Value> {
        let mut all = self.events(room).await;
        all.retain(|event| event["type"] == "m.room.message");
        all
    }

    async fn events(&self, room: &RoomId) -> Vec<Value> {
        let answer = self
            .asks("GET", &format!("rooms/{room}/messages?dir=b&limit=200"), &Value::Null)
            .await;
        answer["chunk"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn users_and_rooms_are_made_once_however_often_they_are_asked_for() {
    let synapse = Synapse::start().await;
    let (homeserver, alice) = (&synapse.homeserver, user_id!("@alice:hs.test"));
    let person = synapse.person("alice").await;
    assert!(homeserver.names().is_ours(&homeserver.whoami().await.unwrap()));
    assert!(!homeserver.versions().await.unwrap().is_empty());
    homeserver.ping().await.unwrap();

    let ghost = homeserver.names().ghost("15550001111");
    homeserver.register(&ghost).await.unwrap();
    homeserver.register(&ghost).await.unwrap();
    let (actor, bot) = (homeserver.as_user(&ghost), homeserver.as_bot());
    actor.set_display_name("Ana").await.unwrap();
    let info = outgoing::BridgeInfo {
        bot: homeserver.names().bot(),
        creator: Some(alice),
        network: "whatsapp",
        network_name: "WhatsApp",
        chat: "dev/15550001111@s.whatsapp.net",
        title: Some("Ana"),
    };
    let new = NewRoom {
        is_space: false,
        alias: homeserver.names().portal_alias("abc"),
        name: Some("Ana".into()),
        topic: Some("WhatsApp".into()),
        is_direct: true,
        invite: vec![ghost.clone(), alice.to_owned()],
        levels: [(alice.to_owned(), 50)].into(),
        state: outgoing::bridge_state(&info),
    };
    let room = homeserver.create_room(&new).await.unwrap();
    assert_eq!(
        homeserver.create_room(&new).await.unwrap(),
        room,
        "the alias is the same room"
    );
    actor.join(&*room).await.unwrap();
    actor.join(&*room).await.unwrap();
    bot.invite(&room, alice).await.unwrap();
    person.joins(&room).await;
    bot.invite(&room, alice).await.unwrap();
    let levels = bot.get_state(&room, "m.room.power_levels", "").await.unwrap().unwrap();
    assert_eq!(levels["users"], json!({"@alice:hs.test": 50}));
    assert!(
        bot.get_state(&room, "uk.half-shot.bridge", "nothing")
            .await
            .unwrap()
            .is_none()
    );
    actor.set_display_name("Ana B.").await.unwrap();
    homeserver.shows_as(&room, &ghost, "Ana B.").await.unwrap();
    let member = bot.get_state(&room, "m.room.member", ghost.as_str()).await.unwrap();
    assert_eq!(member.unwrap()["displayname"], "Ana B.");
    actor.leave(&room).await.unwrap();
    actor.leave(&room).await.unwrap();
    homeserver.shows_as(&room, &ghost, "Whoever").await.unwrap();
}

#[tokio::test]
async fn messages_of_ghosts_and_puppets_are_shown_once_and_come_back_as_ours() {
    let synapse = Synapse::start().await;
    let (homeserver, alice) = (&synapse.homeserver, user_id!("@alice:hs.test"));
    let mut person = synapse.person("alice").await;
    let ghost = homeserver.names().ghost("15550001111");
    homeserver.register(&ghost).await.unwrap();
    let room = synapse.room_with("whatsapp_abc", alice).await;
    person.joins(&room).await;
    homeserver.as_bot().invite(&room, &ghost).await.unwrap();
    let actor = homeserver.as_user(&ghost);
    actor.join(&*room).await.unwrap();

    let (hello, at) = (
        outgoing::text("hello", None),
        Some(Timestamp::from_millis(1_577_836_800_000)),
    );
    let first = actor.send(&room, "m.room.message", &hello, "one", at).await.unwrap();
    assert_eq!(
        actor.send(&room, "m.room.message", &hello, "one", at).await.unwrap(),
        first
    );
    actor.typing(&room, true, Duration::from_secs(5)).await.unwrap();
    let shown = person.messages(&room).await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["sender"], json!(ghost));
    assert_eq!(shown[0]["origin_server_ts"], 1_577_836_800_000_i64);
    person.says(&room, "hi Ana").await;
    synapse.waits_for_push("hi Ana").await;

    let puppet = homeserver.as_puppet(alice).unwrap();
    let own = outgoing::text("from my phone", None);
    puppet.send(&room, "m.room.message", &own, "two", None).await.unwrap();
    synapse.waits_for_push("from my phone").await;
    let pushed = synapse.pushed_event("from my phone");
    assert_eq!(pushed.sender, alice);
    assert_eq!(read(&pushed.json).unwrap(), Incoming::Ours);

    let mxc = homeserver.upload(vec![1, 2, 3], "image/png", "qr.png").await.unwrap();
    assert_eq!(mxc.server_name().unwrap(), "hs.test");
}

#[tokio::test]
async fn b20_b31_files_go_up_and_come_down_whole_and_within_its_limit() {
    use std::io::{Read as _, Write as _};
    let synapse = Synapse::start().await;
    let homeserver = &synapse.homeserver;
    let limit = homeserver.upload_limit().await.unwrap().expect("Synapse has a limit");
    let bytes: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let mxc = homeserver.upload_file(file, "video/mp4", "my film.mp4").await.unwrap();
    let mut download = homeserver.download(&mxc, u64::MAX).await.unwrap();
    let mut read = Vec::new();
    download.file.read_to_end(&mut read).unwrap();
    assert!(read == bytes && download.size == 8_000_000);
    assert_eq!(download.mime.as_deref(), Some("video/mp4"));
    assert_eq!(download.name.as_deref(), Some("my film.mp4"));

    let file = tempfile::tempfile().unwrap();
    file.set_len(limit + 1).unwrap();
    let refused = homeserver.upload_file(file, "video/mp4", "too much.mp4").await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: Some(_), .. })));
    let nothing = homeserver.download("mxc://hs.test/doesNotExist".into(), u64::MAX).await;
    assert!(matches!(nothing, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn b06_b08_marks_pins_and_what_is_taken_back_are_there_once_also_after_synapse_was_killed() {
    let synapse = Synapse::start().await;
    let (homeserver, alice) = (&synapse.homeserver, user_id!("@alice:hs.test"));
    let person = synapse.person("alice").await;
    let room = synapse.room_with("whatsapp_marks", alice).await;
    person.joins(&room).await;
    let (bot, puppet) = (homeserver.as_bot(), homeserver.as_puppet(alice).unwrap());
    let text = outgoing::text("take me back", None);
    let said = bot.send(&room, "m.room.message", &text, "say", None).await.unwrap();
    let kept = bot.send(&room, "m.room.message", &text, "say two", None).await.unwrap();
    bot.pin(&room, &said, true).await.unwrap();
    bot.pin(&room, &said, true).await.unwrap();
    bot.pin(&room, &kept, true).await.unwrap();
    let heart = outgoing::reaction(&said, "\u{2764}");
    let react = || bot.send(&room, heart.event_type, &heart.content, "mark", None);
    let mark = react().await.unwrap();
    let taken = bot.redact(&room, &mark, "unmark", None).await.unwrap();
    let gone = puppet.redact(&room, &said, "back", Some("gone")).await;
    assert!(gone.unwrap_err().is("M_FORBIDDEN"), "alice is no moderator");
    let gone = bot.redact(&room, &said, "back", Some("gone")).await.unwrap();
    // What is not pushed when Synapse dies is for `/sync` to find.
    synapse.waits_for_push(gone.as_str()).await;
    synapse.is_killed();
    synapse.starts();
    assert_eq!(react().await.unwrap(), mark);
    assert_eq!(bot.redact(&room, &mark, "unmark", None).await.unwrap(), taken);
    assert_eq!(bot.redact(&room, &said, "back", Some("gone")).await.unwrap(), gone);
    bot.pin(&room, &said, false).await.unwrap();
    let pins = bot.get_state(&room, "m.room.pinned_events", "").await.unwrap();
    assert_eq!(pins, Some(json!({"pinned": [kept]})));

    let all = person.events(&room).await;
    let count = |kind: &str| all.iter().filter(|event| event["type"] == kind).count();
    let counts = [
        count("m.room.redaction"),
        count("m.reaction"),
        count("m.room.pinned_events"),
    ];
    assert_eq!(counts, [2, 1, 3], "{all:#?}");
    let empty = all.iter().filter(|event| event["content"] == json!({}));
    assert_eq!(empty.count(), 2);
    let pushed = synapse.pushed_event(gone.as_str());
    assert_eq!(read(&pushed.json).unwrap(), Incoming::Redact { target: said });
}

#[tokio::test]
async fn r5_a_message_sent_again_after_synapse_was_killed_is_there_once() {
    let synapse = Synapse::start().await;
    let person = synapse.person("alice").await;
    let room = synapse.room_with("whatsapp_r5", user_id!("@alice:hs.test")).await;
    person.joins(&room).await;
    let (bot, text) = (synapse.homeserver.as_bot(), outgoing::text("once", None));
    let alice = synapse.homeserver.as_puppet(user_id!("@alice:hs.test")).unwrap();
    let first = bot.send(&room, "m.room.message", &text, "same", None).await.unwrap();
    let own = alice.send(&room, "m.room.message", &text, "own", None).await.unwrap();
    synapse.is_killed();
    let retried = tokio::spawn({
        let (bot, room, text) = (bot.clone(), room.clone(), text.clone());
        async move { bot.send(&room, "m.room.message", &text, "same", None).await }
    });
    synapse.starts();
    assert_eq!(retried.await.unwrap().unwrap(), first);
    assert_eq!(
        alice.send(&room, "m.room.message", &text, "own", None).await.unwrap(),
        own
    );
    assert_eq!(person.messages(&room).await.len(), 2);
}

#[tokio::test]
async fn what_push_lost_in_a_crash_is_found_by_sync_in_order() {
    let synapse = Synapse::start().await;
    let mut person = synapse.person("alice").await;
    let room = synapse.room_with("whatsapp_r3", user_id!("@alice:hs.test")).await;
    person.joins(&room).await;
    let repair = Repair::new(synapse.homeserver.clone());
    person.says(&room, "before the first token").await;
    let begun = repair.sync(None).await.unwrap();
    assert!(begun.events.is_empty());
    synapse.pushed.lock().unwrap().down = true;
    for number in 0..130 {
        person.says(&room, &format!("message {number}")).await;
    }
    let invite = json!({"invite": [synapse.homeserver.names().bot()], "is_direct": true, "preset": "private_chat"});
    person.asks("POST", "createRoom", &invite).await;
    synapse.is_killed();
    synapse.starts();
    let found = repair.sync(Some(&begun.next)).await.unwrap();
    let texts: Vec<_> = found
        .events
        .iter()
        .filter_map(|event| match read(&event.json).unwrap() {
            Incoming::Say(said) => said.content.text().map(str::to_owned),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = (0..130).map(|number| format!("message {number}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(found.invites.len(), 1);
    assert!(matches!(
        read(&found.invites[0].json).unwrap(),
        Incoming::Invite { is_direct: true, .. }
    ));
    let next = repair.sync(Some(&found.next)).await.unwrap();
    assert!(next.events.is_empty());
}
