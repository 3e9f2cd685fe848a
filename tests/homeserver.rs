//! The stub homeserver of the journeys keeps the habits of Synapse that wharf has to live with
//! (the same were measured on Synapse itself).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]
#![expect(unreachable_pub, reason = "the support is shared by several test binaries")]

mod support;

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::Request, http::StatusCode, response::IntoResponse};
use serde_json::{Value, json};
use support::{
    homeserver::Homeserver,
    port::free_port,
    waiting::{SOON, eventually},
};

/// An application service that writes down what it is asked, and the client of its users.
struct Service {
    homeserver: Homeserver,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    is_down: Arc<Mutex<bool>>,
    client: reqwest::Client,
}

impl Service {
    async fn start() -> Self {
        let (heard, is_down) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<bool>>::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (kept, down) = (Arc::clone(&heard), Arc::clone(&is_down));
        let router = Router::new().fallback(move |request: Request| async move {
            if *down.lock().unwrap() {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            assert_eq!(request.headers()["authorization"], "Bearer hs");
            let path = request.uri().path().to_owned();
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
            kept.lock()
                .unwrap()
                .push((path, serde_json::from_slice(&body).unwrap_or_default()));
            Json(json!({})).into_response()
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registration.yaml");
        let users = json!([{"exclusive": true, "regex": "^@ghost_.*:hs\\.test$"}, {"exclusive": true, "regex": "^@bot:hs\\.test$"}]);
        let registration = json!({
            "id": "wa", "url": url, "as_token": "as", "hs_token": "hs", "sender_localpart": "sender_1",
            "namespaces": {"users": users, "aliases": [{"exclusive": true, "regex": "#ghost_.*:hs\\.test"}]},
        });
        std::fs::write(&path, registration.to_string()).unwrap();
        let homeserver = Homeserver::start("hs.test", free_port(), &path).await;
        let client = reqwest::Client::builder().build().unwrap();
        Self {
            homeserver,
            heard,
            is_down,
            client,
        }
    }

    async fn asks(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.homeserver.address()));
        let answer = request.bearer_auth("as").json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn registers(&self, name: &str) {
        let body = json!({"type": "m.login.application_service", "username": name, "inhibit_login": true});
        assert_eq!(self.asks("POST", "/_matrix/client/v3/register", body).await.0, 200);
        let device = format!("/_matrix/client/v3/devices/D?user_id=@{name}:hs.test");
        assert_eq!(self.asks("PUT", &device, json!({})).await.0, 200);
    }

    /// A room of the bot with a ghost and alice in it.
    async fn room(&self) -> String {
        self.registers("bot").await;
        self.registers("ghost_1").await;
        let wish = json!({"invite": ["@ghost_1:hs.test", "@alice:hs.test"], "room_alias_name": "ghost_room"});
        let (status, answer) = self
            .asks("POST", "/_matrix/client/v3/createRoom?user_id=@bot:hs.test", wish)
            .await;
        assert_eq!(status, 200, "{answer}");
        let room = answer["room_id"].as_str().unwrap().to_owned();
        self.asks(
            "POST",
            &format!("/_matrix/client/v3/join/{room}?user_id=@ghost_1:hs.test"),
            json!({}),
        )
        .await;
        self.homeserver.user("alice").joins(&room);
        room
    }

    async fn sends(&self, room: &str, user: &str, device: &str, transaction: &str) -> Value {
        let path = format!(
            "/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}?user_id=@{user}:hs.test{device}&ts=7"
        );
        let (status, answer) = self
            .asks("PUT", &path, json!({"msgtype": "m.text", "body": user}))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["event_id"].clone()
    }

    /// The bodies of pushed messages, in order.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let events = heard.iter().filter_map(|(_, body)| body["events"].as_array()).flatten();
        events
            .filter_map(|event| event["content"]["body"].as_str().map(str::to_owned))
            .collect()
    }

    async fn hears(&self, expected: &[&str]) {
        eventually(&format!("{expected:?} is pushed"), SOON, || async {
            (self.heard() == expected).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn transactions_are_remembered_by_path_until_a_crash_and_by_device_after_it() {
    let service = Service::start().await;
    let room = service.room().await;
    let first = service.sends(&room, "bot", "&device_id=D", "one").await;
    assert_eq!(service.sends(&room, "bot", "&device_id=D", "one").await, first);
    assert_eq!(
        service.sends(&room, "ghost_1", "&device_id=D", "one").await,
        first,
        "another ghost's message is swallowed"
    );
    let bare = service.sends(&room, "bot", "", "two").await;
    service.homeserver.is_killed();
    service.homeserver.is_up();
    assert_eq!(service.sends(&room, "bot", "&device_id=D", "one").await, first);
    assert_ne!(
        service.sends(&room, "bot", "", "two").await,
        bare,
        "without a device there is a duplicate"
    );
    let messages = service.homeserver.room(&room).messages();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["origin_server_ts"], 7);
}

#[tokio::test]
async fn a_service_that_fails_gets_the_same_transaction_again_and_a_ping_hurries_it() {
    let service = Service::start().await;
    let room = service.room().await;
    let alice = service.homeserver.user("alice");
    alice.says(&room, "one");
    service.hears(&["one"]).await;
    service.homeserver.has_pushed_everything().await;
    *service.is_down.lock().unwrap() = true;
    alice.says(&room, "two");
    eventually("a ping fails", SOON, || async {
        let ping = service
            .asks("POST", "/_matrix/client/v1/appservice/wa/ping", json!({}))
            .await;
        (ping.0 == 502 && ping.1["errcode"] == "M_BAD_STATUS").then_some(())
    })
    .await;
    alice.says(&room, "three");
    *service.is_down.lock().unwrap() = false;
    assert_eq!(
        service
            .asks("POST", "/_matrix/client/v1/appservice/wa/ping", json!({}))
            .await
            .0,
        200
    );
    service.hears(&["one", "two", "three"]).await;
    let event = alice.says(&room, "four");
    service.hears(&["one", "two", "three", "four"]).await;
    let events = service.homeserver.room(&room).events();
    let event = events.iter().find(|it| it["event_id"] == event.as_str()).unwrap();
    assert_eq!(
        service.homeserver.pushes_again(77, std::slice::from_ref(event)).await,
        200
    );
    service.hears(&["one", "two", "three", "four", "four"]).await;
}

#[tokio::test]
async fn what_a_crash_kept_from_push_is_in_sync() {
    let service = Service::start().await;
    let room = service.room().await;
    let alice = service.homeserver.user("alice");
    let filter =
        |limit: usize| json!({"room": {"timeline": {"limit": limit, "not_senders": ["@bot:hs.test"]}}}).to_string();
    let path = |since: &str, limit: usize| {
        let filter = filter(limit)
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('"', "%22");
        format!("/_matrix/client/v3/sync?user_id=@bot:hs.test&device_id=D&timeout=0{since}&filter={filter}")
    };
    let begun = service.asks("GET", &path("", 1), Value::Null).await.1;
    let since = begun["next_batch"].as_str().unwrap().to_owned();
    service.homeserver.has_pushed_everything().await;
    *service.is_down.lock().unwrap() = true;
    for number in 0..5 {
        alice.says(&room, &number.to_string());
    }
    service.homeserver.is_killed();
    assert_eq!(
        service.asks("GET", "/_matrix/client/versions", Value::Null).await.0,
        502
    );
    *service.is_down.lock().unwrap() = false;
    service.homeserver.is_up();
    let missed = service
        .asks("GET", &path(&format!("&since={since}"), 2), Value::Null)
        .await
        .1;
    let timeline = &missed["rooms"]["join"][&room]["timeline"];
    assert_eq!(
        (&timeline["limited"], timeline["events"].as_array().unwrap().len()),
        (&json!(true), 2)
    );
    let from = timeline["prev_batch"].as_str().unwrap();
    let path =
        format!("/_matrix/client/v3/rooms/{room}/messages?user_id=@bot:hs.test&dir=b&limit=9&from={from}&to={since}");
    let older = service.asks("GET", &path, Value::Null).await.1;
    let bodies: Vec<_> = older["chunk"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["content"]["body"])
        .collect();
    assert_eq!(bodies, ["2", "1", "0"]);
    let sender = "/_matrix/client/v3/sync?user_id=@sender_1:hs.test";
    assert_eq!(service.asks("GET", sender, Value::Null).await.0, 500);
}

#[tokio::test]
async fn an_unknown_ghost_is_asked_for_before_it_is_invited() {
    let service = Service::start().await;
    let alice = service.homeserver.user("alice");
    let room = alice.creates_dm_with("@ghost_9:hs.test").await;
    assert_eq!(
        service.heard.lock().unwrap()[0].0,
        "/_matrix/app/v1/users/%40ghost_9%3Ahs.test"
    );
    assert_eq!(room.membership("@ghost_9:hs.test").as_deref(), Some("invite"));
    eventually("the invite is pushed", SOON, || async {
        let heard = service.heard.lock().unwrap();
        let events = heard.iter().filter_map(|(_, body)| body["events"].as_array()).flatten();
        let mut invites = events.filter(|event| event["content"]["membership"] == "invite");
        invites
            .next()
            .filter(|event| event["content"]["is_direct"] == true)
            .map(drop)
    })
    .await;
}

#[tokio::test]
async fn faults_come_as_they_were_ordered() {
    let service = Service::start().await;
    let room = service.room().await;
    service.homeserver.answers(503, 1);
    assert_eq!(
        service.asks("GET", "/_matrix/client/versions", Value::Null).await.0,
        503
    );
    service.homeserver.loses_answers(1);
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/x?user_id=@bot:hs.test&device_id=D");
    assert_eq!(service.asks("PUT", &path, json!({"body": "lost"})).await.0, 502);
    assert_eq!(service.asks("PUT", &path, json!({"body": "lost"})).await.0, 200);
    assert_eq!(service.homeserver.room(&room).messages().len(), 1);
    let alias = "/_matrix/client/v3/createRoom?user_id=@bot:hs.test";
    let (status, refused) = service
        .asks("POST", alias, json!({"room_alias_name": "ghost_room"}))
        .await;
    assert_eq!((status, &refused["errcode"]), (400, &json!("M_ROOM_IN_USE")));
    for (path, expected) in [
        ("?user_id=@alice:hs.test", 403),
        ("?user_id=@ghost_8:hs.test", 403),
        ("?device_id=D", 500),
    ] {
        assert_eq!(
            service
                .asks("GET", &format!("/_matrix/client/v3/account/whoami{path}"), Value::Null)
                .await
                .0,
            expected
        );
    }
    let unknown = "/_matrix/client/v3/account/whoami?user_id=@bot:hs.test&device_id=E";
    assert_eq!(
        service.asks("GET", unknown, Value::Null).await.1["errcode"],
        "M_UNKNOWN_DEVICE"
    );
}

#[tokio::test]
async fn files_come_back_as_they_were_stored_and_not_above_the_limit() {
    let service = Service::start().await;
    service.registers("ghost_1").await;
    let (homeserver, client) = (&service.homeserver, &service.client);
    let ask = |method: &str, path: &str| {
        let address = format!("{}/_matrix/{path}", homeserver.address());
        client.request(method.parse().unwrap(), address).bearer_auth("as")
    };
    let stored = ask("POST", "media/v3/upload?filename=a%20b.png&user_id=@ghost_1:hs.test")
        .header("content-type", "image/png")
        .body("picture");
    let stored: Value = stored.send().await.unwrap().json().await.unwrap();
    let address = stored["content_uri"].as_str().unwrap();
    let file = homeserver.file(address).unwrap();
    assert_eq!(
        (file.mime.as_str(), file.name.as_deref()),
        ("image/png", Some("a b.png"))
    );
    let path = address.trim_start_matches("mxc://");
    let fetched = ask("GET", &format!("client/v1/media/download/{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        fetched.headers()["content-disposition"],
        "inline; filename*=utf-8''a%20b.png"
    );
    assert_eq!(fetched.bytes().await.unwrap(), "picture");
    homeserver.takes_files_up_to(3);
    let refused = ask("POST", "media/v3/upload").body("picture").send().await.unwrap();
    assert_eq!(refused.status(), 413);
    let config: Value = ask("GET", "client/v1/media/config")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(config["m.upload.size"], 3);
    let kept = homeserver.keeps_file(None, "text/plain", "words").replace("mxc://", "");
    let fetched = ask("GET", &format!("client/v1/media/download/{kept}"))
        .send()
        .await
        .unwrap();
    assert_eq!(fetched.headers()["content-disposition"], "inline");
    let none = ask("GET", "client/v1/media/download/hs.test/media9")
        .send()
        .await
        .unwrap();
    assert_eq!(none.status(), 404);
}
