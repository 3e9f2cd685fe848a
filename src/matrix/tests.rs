//! How requests fare with a homeserver that limits, fails and dawdles: a server that answers by script.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ruma::{room_id, user_id};
use serde_json::{Value, json};

use super::*;
use crate::model::Timestamp;

/// A homeserver that gives the answers it was told, then 200 to everything, and keeps what it was asked.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

/// Status, headers, body.
type Answer = (u16, Vec<(&'static str, &'static str)>, Value);

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    asked: Vec<String>,
}

impl Scripted {
    async fn start() -> (Self, Homeserver) {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> (Self, Homeserver) {
        let scripted = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(scripted.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut config = Config {
            address: format!("http://{address}/").parse().unwrap(),
            server_name: "hs.test".try_into().unwrap(),
            ..Config::default()
        };
        change(&mut config);
        let (bridge, puppet) = registration::generate(&Names::new(&config).unwrap(), "http://127.0.0.1:1");
        let clock = Clock::fixed(Timestamp::from_secs(1));
        (scripted, Homeserver::new(&config, bridge, Some(puppet), clock).unwrap())
    }

    fn answers(&self, status: u16, body: Value) {
        self.answers_with(status, vec![], body);
    }

    fn answers_with(&self, status: u16, headers: Vec<(&'static str, &'static str)>, body: Value) {
        self.0.lock().unwrap().answers.push_back((status, headers, body));
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }
}

async fn answer(Shared(scripted): Shared<Scripted>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let next = {
        let mut script = scripted.0.lock().unwrap();
        script.asked.push(line);
        script.answers.pop_front()
    };
    let Some((status, headers, body)) = next else {
        return Json(json!({"event_id": "$sent", "room_id": "!room"})).into_response();
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let mut answer = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    for (name, value) in headers {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}

async fn send(homeserver: &Homeserver) -> Result<ruma::OwnedEventId, Error> {
    let ghost = homeserver.names().ghost("1");
    let at = Some(Timestamp::from_millis(1_577_836_800_000));
    homeserver
        .as_user(&ghost)
        .send(
            room_id!("!room"),
            "m.room.message",
            &outgoing::text("hi", None),
            "txn/1",
            at,
        )
        .await
}

fn limited(body: &Value) -> Value {
    let mut limited = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "slower"});
    limited
        .as_object_mut()
        .unwrap()
        .extend(body.as_object().unwrap().clone());
    limited
}

#[tokio::test]
async fn a_message_names_its_sender_device_time_and_transaction() {
    let (scripted, homeserver) = Scripted::start().await;
    assert_eq!(send(&homeserver).await.unwrap(), "$sent");
    let asked = scripted.asked();
    let expected = "PUT /_matrix/client/v3/rooms/!room/send/m.room.message/txn%2F1?ts=1577836800000&user_id=%40whatsapp_1%3Ahs.test&device_id=WHARF";
    assert_eq!(asked, [expected]);
}

#[tokio::test]
async fn a_failing_homeserver_is_asked_again_with_the_same_transaction() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(502, json!("a proxy"));
    scripted.answers(500, json!({"errcode": "M_UNKNOWN", "error": "Internal server error"}));
    assert_eq!(send(&homeserver).await.unwrap(), "$sent");
    let asked = scripted.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|line| line == &asked[0]), "{asked:?}");
}

#[tokio::test]
async fn the_wait_a_homeserver_asks_for_is_kept() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers_with(429, vec![("retry-after", "1")], limited(&json!({"retry_after_ms": 1})));
    scripted.answers(429, limited(&json!({"retry_after_ms": 30})));
    let started = std::time::Instant::now();
    send(&homeserver).await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(1030),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(scripted.asked().len(), 3);
}

#[tokio::test]
async fn a_long_wait_goes_up_to_the_job_at_once() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(429, limited(&json!({"retry_after_ms": 600_000})));
    let error = send(&homeserver).await.unwrap_err();
    assert!(
        matches!(error, Error::Limited(after) if after == Duration::from_mins(10)),
        "{error:?}"
    );
    assert!(error.is_transient());
    assert_eq!(scripted.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_trouble_that_passes() {
    let (scripted, homeserver) = Scripted::start_with(|config| {
        config.request_timeout_seconds = 1;
        config.retry_seconds = 0;
    })
    .await;
    scripted.answers(0, Value::Null);
    let error = send(&homeserver).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_homeserver_that_is_not_there_is_trouble_that_passes_and_shows_no_address() {
    let (_, homeserver) = Scripted::start_with(|config| {
        config.address = "http://127.0.0.1:9/".parse().unwrap();
        config.retry_seconds = 0;
    })
    .await;
    let error = send(&homeserver).await.unwrap_err();
    assert!(error.is_transient());
    assert!(!format!("{error:?}").contains("whatsapp_1"), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_words() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(403, json!({"errcode": "M_FORBIDDEN", "error": "not in room"}));
    let error = send(&homeserver).await.unwrap_err();
    assert!(!error.is_transient());
    assert!(error.is("M_FORBIDDEN"));
    assert_eq!(
        error.to_string(),
        "refused by the homeserver: 403 M_FORBIDDEN: not in room"
    );
    assert_eq!(scripted.asked().len(), 1);
}

#[tokio::test]
async fn a_token_the_homeserver_does_not_know_keeps_the_work_waiting() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(
        401,
        json!({"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"}),
    );
    assert!(send(&homeserver).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_refusal() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(404, json!("nothing here"));
    let error = send(&homeserver).await.unwrap_err();
    assert!(
        matches!(error, Error::BadAnswer(_)) && error.is_transient(),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_not_repeated_in_the_error() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(200, json!({"secret words": true}));
    let error = send(&homeserver).await.unwrap_err();
    assert!(matches!(error, Error::BadAnswer(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret words"));
}

#[tokio::test]
async fn a_user_that_exists_is_registered_all_the_same() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(
        400,
        json!({"errcode": "M_USER_IN_USE", "error": "User ID already taken."}),
    );
    homeserver.register(&homeserver.names().ghost("1")).await.unwrap();
    let asked = scripted.asked();
    assert_eq!(asked[0], "POST /_matrix/client/v3/register");
    assert_eq!(
        asked[1],
        "PUT /_matrix/client/v3/devices/WHARF?user_id=%40whatsapp_1%3Ahs.test"
    );
}

#[tokio::test]
async fn a_missing_device_is_made_and_the_request_repeated() {
    let (scripted, homeserver) = Scripted::start().await;
    scripted.answers(400, json!({"errcode": "M_UNKNOWN_DEVICE", "error": "unknown device"}));
    scripted.answers(201, json!({}));
    let alice = homeserver.as_puppet(user_id!("@alice:hs.test")).unwrap();
    alice
        .send(
            room_id!("!room"),
            "m.room.message",
            &outgoing::text("hi", None),
            "t",
            None,
        )
        .await
        .unwrap();
    let methods: Vec<_> = scripted
        .asked()
        .iter()
        .map(|line| line.split('?').next().unwrap().to_owned())
        .collect();
    let sent = "PUT /_matrix/client/v3/rooms/!room/send/m.room.message/t";
    assert_eq!(methods, [sent, "PUT /_matrix/client/v3/devices/WHARF", sent]);
}

#[tokio::test]
async fn only_real_people_of_this_homeserver_are_puppets() {
    let (_, homeserver) = Scripted::start().await;
    assert!(homeserver.as_puppet(user_id!("@alice:elsewhere.test")).is_none());
    assert!(homeserver.as_puppet(&homeserver.names().ghost("1")).is_none());
}

#[tokio::test]
async fn an_invite_of_somebody_inside_is_success_and_of_a_banned_one_is_not() {
    let (scripted, homeserver) = Scripted::start().await;
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "is already in the room."});
    scripted.answers(403, forbidden.clone());
    scripted.answers(200, json!({"membership": "join"}));
    let bot = homeserver.as_bot();
    bot.invite(room_id!("!room"), user_id!("@alice:hs.test")).await.unwrap();
    scripted.answers(403, forbidden);
    scripted.answers(200, json!({"membership": "ban"}));
    assert!(
        bot.invite(room_id!("!room"), user_id!("@alice:hs.test"))
            .await
            .unwrap_err()
            .is("M_FORBIDDEN")
    );
}

#[tokio::test]
async fn a_failed_ping_says_what_is_wrong() {
    let (scripted, homeserver) = Scripted::start().await;
    for (status, errcode) in [
        (400, "M_URL_NOT_SET"),
        (502, "M_CONNECTION_FAILED"),
        (504, "M_CONNECTION_TIMEOUT"),
        (502, "M_BAD_STATUS"),
    ] {
        scripted.answers(status, json!({"errcode": errcode, "error": "why"}));
        let error = homeserver.ping().await.unwrap_err();
        let expected = match errcode {
            "M_URL_NOT_SET" => matches!(error, PingError::NoAddress),
            "M_CONNECTION_FAILED" => matches!(error, PingError::Connection(_)),
            "M_CONNECTION_TIMEOUT" => matches!(error, PingError::Timeout),
            _ => matches!(error, PingError::WrongAnswer(_)),
        };
        assert!(expected, "{errcode}: {error:?}");
    }
    for (answered, is_token) in [(401, true), (403, true), (500, false)] {
        let told = json!({"errcode": "M_BAD_STATUS", "error": "why", "status": answered, "body": "{}"});
        scripted.answers(502, told);
        let error = homeserver.ping().await.unwrap_err();
        assert_eq!(
            matches!(error, PingError::WrongToken(_)),
            is_token,
            "{answered}: {error:?}"
        );
    }
    assert_eq!(scripted.asked().len(), 7, "a ping is not repeated");
}

#[tokio::test]
async fn an_alias_taken_while_the_room_was_made_gives_the_room_behind_it_once_it_is_finished() {
    let (scripted, homeserver) = Scripted::start().await;
    let room = NewRoom {
        alias: "whatsapp_abc".into(),
        ..NewRoom::default()
    };
    let said = "Room alias #whatsapp_abc:hs.test already exists";
    scripted.answers(409, json!({"errcode": "M_UNKNOWN", "error": said}));
    scripted.answers(200, json!({"room_id": "!there", "servers": []}));
    scripted.answers(403, json!({"errcode": "M_FORBIDDEN", "error": "not yet in it"}));
    scripted.answers(200, json!({"users": {}})); // power levels
    scripted.answers(200, json!({"membership": "join"})); // the bot
    assert_eq!(homeserver.create_room(&room).await.unwrap(), "!there");
    assert_eq!(scripted.asked().len(), 5, "{:#?}", scripted.asked());
}

#[tokio::test]
async fn an_alias_in_use_gives_the_room_behind_it_and_adds_what_is_missing() {
    let (scripted, homeserver) = Scripted::start().await;
    let room = NewRoom {
        alias: "whatsapp_abc".into(),
        name: Some("Ana".into()),
        invite: vec![user_id!("@alice:hs.test").to_owned()],
        ..NewRoom::default()
    };
    let missing = json!({"errcode": "M_NOT_FOUND", "error": "Event not found."});
    scripted.answers(
        400,
        json!({"errcode": "M_ROOM_IN_USE", "error": "Room alias already taken"}),
    );
    scripted.answers(200, json!({"room_id": "!there", "servers": []}));
    scripted.answers(200, json!({"users": {}})); // power levels
    scripted.answers(200, json!({"membership": "join"})); // the bot
    scripted.answers(200, json!({"name": "Ana, renamed"}));
    scripted.answers(404, missing); // alice
    assert_eq!(homeserver.create_room(&room).await.unwrap(), "!there");
    let asked = scripted.asked();
    assert_eq!(asked.len(), 7, "{asked:#?}");
    assert!(
        asked[6].starts_with("POST /_matrix/client/v3/rooms/!there/invite"),
        "{}",
        asked[6]
    );
}
