//! T01: every command of the usage guide that our REST API follows works as it stands there, in the guide's order, and
//! is answered as the guide shows.
//!
//! `guide.txt` holds the guide's commands and the bodies it shows, and none of its prose. They are run by the real
//! `curl` in a shell. Where the guide says localhost:8080, curl's own configuration leads to this test's wharf, so that
//! the lines stay as they are; what differs is named where it is done.

use std::{collections::VecDeque, path::Path};

use serde_json::{Value, json};
use simulator::Phone;
use tokio::process::Command;

use crate::support::{
    database::Engine,
    receiver::Receiver,
    rest::{Answer, CLIENT_ID, CLIENT_SECRET, Codes},
    waiting::SOON,
    world::{World, gets, text_of},
};

/// The number of the linked phone in the guide.
const PHONE: &str = "237123456789";
/// The first two recipients in the guide, and who writes in its payload.
const CONTACTS: [&str; 3] = ["1234567890", "0987654321", "2376987654321"];
/// 2026-12-31T23:59:59Z: until then the guide's token with an end can be made.
const GUIDE_EXPIRES: u64 = 1_798_761_599;
/// What we add to the answers that the guide shows; never in place of something.
const OURS: &[&str] = &["id", "expires_at", "matrix_user_id", "secret", "results"];
/// What is another value each time.
const FREE: &[&str] = &["token", "qr_code_url", "client_secret", "created_at", "updated_at"];

/// The guide, read from top to bottom.
struct Guide<'a> {
    blocks: VecDeque<&'a str>,
    home: &'a Path,
    address: String,
    token: String,
}

impl<'a> Guide<'a> {
    /// Opens the guide for a wharf on this port; `home` is where curl finds its configuration.
    fn open(home: &'a Path, port: &str) -> Self {
        let address = format!("127.0.0.1:{port}");
        let settings = format!(
            "silent\nshow-error\nconnect-to = \"localhost:8080:{address}\"\nwrite-out = \"\\n%{{http_code}}\"\n"
        );
        std::fs::write(home.join(".curlrc"), settings).unwrap();
        std::fs::write(home.join("document.pdf"), "%PDF-1.4").unwrap();
        Self {
            blocks: include_str!("guide.txt").split("\n\n").map(str::trim_end).collect(),
            home,
            address,
            token: String::new(),
        }
    }

    /// The next command, which must begin so.
    fn command(&mut self, begin: &str) -> &'a str {
        let block = self.blocks.pop_front().expect("the guide goes on");
        assert!(block.starts_with(begin), "{block}");
        block
    }

    /// The next body the guide shows.
    fn shown(&mut self) -> Value {
        serde_json::from_str(self.blocks.pop_front().expect("the guide goes on")).unwrap()
    }

    /// Runs a command in a shell and answers what curl got.
    async fn run(&self, command: &str) -> Answer {
        let ran = Command::new("bash")
            .args(["-c", command])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("CURL_HOME", self.home)
            .envs([
                ("CLIENT_ID", CLIENT_ID),
                ("CLIENT_SECRET", CLIENT_SECRET),
                ("TOKEN", &self.token),
            ])
            .output()
            .await
            .unwrap();
        assert_ne!(
            ran.status.code(),
            Some(127),
            "curl is not installed; scripts/test installs it"
        );
        assert!(
            ran.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let said = String::from_utf8(ran.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Runs the next command, which must begin with `method` and `path`, as it stands.
    async fn does(&mut self, method: &str, path: &str) -> Answer {
        let command = self.command(&format!("curl -X {method} http://localhost:8080/api/v1/{path} "));
        self.run(command).await
    }

    /// The same; the answer must be the one the guide shows next.
    async fn does_as_shown(&mut self, method: &str, path: &str, status: u16) -> Value {
        let (got, body) = self.does(method, path).await;
        assert_eq!(got, status, "{body}");
        is_like(&self.shown(), &body, FREE);
        body
    }

    /// The same; the answer must be this message, and perhaps something of ours.
    async fn is_told(&mut self, method: &str, path: &str, message: &str) -> Value {
        let (status, body) = self.does(method, path).await;
        assert_eq!(status, 200, "{body}");
        is_like(&json!({ "message": message }), &body, FREE);
        body
    }

    /// Follows the address of an answer until the phone has scanned.
    async fn is_scanned(&self, url: &str, phone: &Phone) {
        let mut codes = Codes::open_at(url, &self.address).await;
        phone.scans(&codes.code().await).unwrap();
        codes.is_linked().await;
    }
}

/// Every key of `shown` is there with the same kind of value, with the same value unless it is `free`; every key beyond
/// them is one of ours.
fn is_like(shown: &Value, got: &Value, free: &[&str]) {
    match (shown, got) {
        (Value::Object(shown), Value::Object(body)) => {
            for (key, value) in shown {
                let there = body.get(key).unwrap_or_else(|| panic!("{key} is missing in {got}"));
                if free.contains(&key.as_str()) {
                    assert!(there.is_string() && value.is_string(), "{key} in {got}");
                } else {
                    is_like(value, there, free);
                }
            }
            for key in body.keys().filter(|key| !shown.contains_key(*key)) {
                assert!(OURS.contains(&key.as_str()), "{key} in {got}");
            }
        }
        _ => assert_eq!(shown, got),
    }
}

on_both_engines! {
    async fn t01_every_curl_of_the_guide_runs_unchanged(engine: Engine) {
        let world = World::start(engine).await;
        let url = world.wharf.url();
        let mut guide = Guide::open(world.dir(), url.rsplit(':').next().unwrap());
        let [ana, ben, cleo] = CONTACTS.map(|number| world.contact(number, "Contact"));
        let phone = world.whatsapp.phone(PHONE, "Owner");

        tokens(&mut guide).await;
        let add_device = devices(&mut guide, &phone).await;
        messages(&mut guide).await;
        for text in ["Hello from API", "Hello to multiple recipients", "This is a reply"] {
            gets(&ana, text).await;
        }
        gets(&ben, "Hello to multiple recipients").await;
        guide.is_told("DELETE", "devices", "Device deleted successfully").await;
        phone.waits_for_companions(0, SOON).await.unwrap();

        let add_webhook = guide.command("curl -X POST http://localhost:8080/api/v1/webhooks ");
        let (status, body) = guide.run(add_webhook).await;
        assert_eq!(status, 201, "{body}");
        is_like(&guide.shown(), &body, FREE);
        // The guide's receiver is nobody's: another one, and a device again, hear what the guide shows.
        let receiver = Receiver::start().await;
        let (status, body) = guide.run(&add_webhook.replace("https://your-server.com/webhook", receiver.url())).await;
        assert_eq!(status, 201, "{body}");
        let (_, body) = guide.run(add_device).await;
        guide.is_scanned(text_of(&body, "qr_code_url"), &phone).await;
        cleo.says(&phone, "Good morning");
        is_the_payload(&guide.shown(), &receiver.gets("Good morning").await.body);

        webhooks(&mut guide).await;
        credentials(&mut guide).await;
        assert!(guide.blocks.is_empty(), "the guide was read to its end");
    }
}

async fn tokens(guide: &mut Guide<'_>) {
    let first = guide.does_as_shown("POST", "tokens", 201).await;
    text_of(&first, "token").clone_into(&mut guide.token);
    assert!(guide.token.starts_with("mt_"));
    let (status, host) = guide.does("POST", "tokens").await;
    assert_eq!(status, 201, "{host}");
    assert_eq!(host["matrix_user_id"], first["matrix_user_id"], "the host's identity");
    let (status, other) = guide.does("POST", "tokens").await;
    if std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() < GUIDE_EXPIRES {
        assert_eq!((status, text_of(&other, "expires_at")), (201, "2026-12-31T23:59:59Z"));
        assert_ne!(
            other["matrix_user_id"], first["matrix_user_id"],
            "an identity of its own"
        );
    } else {
        assert_eq!(
            (status, other),
            (400, json!({ "error": "expires_at must be in the future" }))
        );
    }
    let (status, listed) = guide.does("GET", "tokens").await;
    let last = listed.as_array().unwrap().last().unwrap();
    assert_eq!((status, last["is_admin"].as_bool()), (200, Some(false)));
    // As the guide says, the id comes from the list.
    let delete = guide.command("curl -X DELETE http://localhost:8080/api/v1/tokens/{token_id} ");
    let deleted = guide.run(&delete.replace("{token_id}", &last["id"].to_string())).await;
    assert_eq!(deleted, (200, json!({ "message": "Token deleted successfully" })));
}

/// Answers the command that adds a device.
async fn devices<'a>(guide: &mut Guide<'a>, phone: &Phone) -> &'a str {
    let add = guide.command("curl -X POST http://localhost:8080/api/v1/devices ");
    let (status, body) = guide.run(add).await;
    assert_eq!(status, 201, "{body}");
    is_like(&guide.shown(), &body, FREE);
    // Our own WebSocket at the same address: Debian has no websocat, and the guide's line is compared to the letter.
    let websocat = guide.command("websocat ").replace("$TOKEN", &guide.token);
    let url = text_of(&body, "qr_code_url");
    assert_eq!(websocat, format!("websocat \"{url}\""));
    guide.is_scanned(url, phone).await;
    let (status, listed) = guide.does("GET", "devices").await;
    assert_eq!((status, listed), (200, guide.shown()));
    add
}

async fn messages(guide: &mut Guide<'_>) {
    let path = format!("devices/{PHONE}/message");
    // To one, to three, to a group, to two groups, as an answer, as an answer in a group.
    for recipients in [1, 3, 1, 2, 1, 1] {
        let body = guide.is_told("POST", &path, "Message queued successfully").await;
        assert_eq!(body["results"].as_array().unwrap().len(), recipients, "{body}");
    }
    for _ in 0..3 {
        let command = guide.command(&format!("curl -X POST http://localhost:8080/api/v1/{path} "));
        // The guide's document is on nobody's disk.
        let home = format!("@{}/", guide.home.display());
        let answer = guide.run(&command.replace("@/path/to/", &home)).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
        assert_eq!(answer.1["message"], "Message queued successfully");
    }
}

async fn webhooks(guide: &mut Guide<'_>) {
    let (status, listed) = guide.does("GET", "webhooks").await;
    assert_eq!((status, listed.as_array().map(Vec::len)), (200, Some(2)), "{listed}");
    let (status, changed) = guide.does("PUT", "webhooks/1").await;
    assert_eq!(status, 200, "{changed}");
    let mut expected = listed[0].clone();
    expected["url"] = "https://new-url.com/webhook".into();
    expected["active"] = false.into();
    is_like(&expected, &changed, FREE);
    guide
        .is_told("DELETE", "webhooks/1", "Webhook deleted successfully")
        .await;
}

async fn credentials(guide: &mut Guide<'_>) {
    let made = guide.does_as_shown("POST", "credentials", 201).await;
    let (status, listed) = guide.does("GET", "credentials").await;
    assert_eq!((status, &listed[1]), (200, &made["credential"]), "{listed}");
    let (status, changed) = guide.does("PUT", "credentials/my-app").await;
    assert_eq!(status, 200, "{changed}");
    let mut credential = made["credential"].clone();
    credential["description"] = "Updated description".into();
    credential["scopes"] = json!(["tokens:read:*", "tokens:write:create", "tokens:write:delete"]);
    let expected = json!({ "message": "Credential updated successfully", "credential": credential });
    is_like(&expected, &changed, FREE);
    guide
        .is_told("DELETE", "credentials/my-app", "Credential deleted successfully")
        .await;
}

/// The payload has the guide's keys and values, beside what we add.
fn is_the_payload(shown: &Value, body: &Value) {
    let shown_keys = shown.as_object().unwrap();
    let kept: serde_json::Map<String, Value> = body
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| shown_keys.contains_key(*key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    is_like(shown, &Value::Object(kept), &["id", "from", "to"]);
    assert!(text_of(body, "id").starts_with('$'));
    assert_eq!(text_of(body, "from"), "@whatsapp_2376987654321:hs.test");
    assert!(text_of(body, "to").starts_with('@') && text_of(body, "to").ends_with(":hs.test"));
}
