//! The door with a bridge that writes down what it is given.

use std::sync::Mutex;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;

#[derive(Default)]
struct Notebook {
    broken: Mutex<Option<Error>>,
    events: Mutex<Vec<String>>,
    typing: Mutex<Vec<(String, Vec<OwnedUserId>)>>,
    read: Mutex<Vec<ReadUpTo>>,
    present: Mutex<Vec<(OwnedUserId, bool)>>,
    typed: Notify,
}

#[async_trait]
impl Inside for Notebook {
    async fn accept(&self, events: Vec<RoomEvent>) -> Result<(), Error> {
        if let Some(error) = self.broken.lock().unwrap().take() {
            return Err(error);
        }
        self.events
            .lock()
            .unwrap()
            .extend(events.into_iter().map(|event| event.event.to_string()));
        Ok(())
    }

    async fn read(&self, receipts: Vec<ReadUpTo>) -> Result<(), Error> {
        self.read.lock().unwrap().extend(receipts);
        Ok(())
    }

    async fn presence(&self, user: &UserId, online: bool) {
        self.present.lock().unwrap().push((user.to_owned(), online));
        self.typed.notify_one();
    }

    async fn typing(&self, room: &RoomId, users: &[OwnedUserId]) {
        self.typing.lock().unwrap().push((room.to_string(), users.to_vec()));
        self.typed.notify_one();
    }

    async fn user_exists(&self, user: &UserId) -> Result<bool, Error> {
        Ok(user.localpart() == "whatsapp_15550001111")
    }

    fn is_ours(&self, user: &UserId) -> bool {
        user.localpart().starts_with("whatsapp") && user.server_name() == "hs.test"
    }
}

struct Case {
    notebook: Arc<Notebook>,
    router: Router,
}

impl Case {
    fn new() -> Self {
        let notebook = Arc::new(Notebook::default());
        Self {
            router: routes(Arc::clone(&notebook) as _, SecretString::from("the-token")),
            notebook,
        }
    }

    async fn asks(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, body) = (answer.status(), answer.into_body());
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (
            status,
            serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{status} without JSON")),
        )
    }

    async fn pushes(&self, body: impl Into<Body>) -> (StatusCode, Value) {
        self.asks(request(Method::PUT, "/_matrix/app/v1/transactions/1", body))
            .await
    }

    fn events(&self) -> Vec<String> {
        self.notebook.events.lock().unwrap().clone()
    }
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer the-token");
    request.body(body.into()).unwrap()
}

fn event(id: &str, sender: &str) -> Value {
    json!({
        "type": "m.room.message", "event_id": id, "room_id": "!room-without-server", "sender": sender,
        "user_id": sender, "origin_server_ts": 1_577_836_800_000_i64, "age": 24, "unsigned": {"age": 24},
        "content": {"msgtype": "m.text", "body": "hello"},
    })
}

/// The status of an answer that is a refusal with exactly this errcode and the words that belong to it.
fn refusal(errcode: &str) -> impl Fn(&(StatusCode, Value)) -> StatusCode + '_ {
    move |(status, body)| {
        let error = match (errcode, *status) {
            ("M_UNAUTHORIZED", _) => "Missing hs_token",
            ("M_FORBIDDEN", _) => "Wrong hs_token",
            ("M_NOT_JSON", _) => "Request body is not JSON",
            ("M_BAD_JSON", _) => "Request body has the wrong shape",
            ("M_TOO_LARGE", _) => "Request body too large",
            ("M_NOT_FOUND", _) => "Not found",
            ("M_UNRECOGNIZED", _) => "Unrecognized request",
            (_, StatusCode::SERVICE_UNAVAILABLE) => "Not possible at the moment",
            _ => "Internal server error",
        };
        assert_eq!(*body, json!({"errcode": errcode, "error": error}));
        *status
    }
}

#[tokio::test]
async fn events_of_others_are_taken_and_echoes_of_ours_dropped() {
    let case = Case::new();
    let body = json!({
        "events": [event("$one", "@alice:hs.test"), event("$echo", "@whatsapp_1:hs.test"), event("$two", "@whatsapp_1:far.test")],
        "de.sorunome.msc2409.to_device": [], "org.matrix.msc3202.device_lists": {"changed": []}, "something_new": 1,
    });
    assert_eq!(case.pushes(body.to_string()).await, (StatusCode::OK, json!({})));
    assert_eq!(case.events(), ["$one", "$two"]);
}

#[tokio::test]
async fn an_event_that_is_none_does_not_hold_up_the_others() {
    let case = Case::new();
    let mut nameless = event("$x", "@alice:hs.test");
    nameless.as_object_mut().unwrap().remove("event_id");
    let body = json!({"events": [nameless, 7, null, event("$y", "not a user"), event("$one", "@alice:hs.test")]});
    assert_eq!(case.pushes(body.to_string()).await.0, StatusCode::OK);
    assert_eq!(case.events(), ["$one"]);
}

#[tokio::test]
async fn what_was_not_stored_is_not_acknowledged() {
    let case = Case::new();
    let body = json!({"events": [event("$one", "@alice:hs.test")]}).to_string();
    for (error, status) in [
        (Error::Internal("disk full".into()), StatusCode::INTERNAL_SERVER_ERROR),
        (Error::Unreachable("the database"), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        *case.notebook.broken.lock().unwrap() = Some(error);
        let answer = case.pushes(body.clone()).await;
        assert_eq!(refusal("M_UNKNOWN")(&answer), status);
        assert!(!answer.1.to_string().contains("disk"), "the cause stays inside");
    }
    assert_eq!(case.pushes(body).await.0, StatusCode::OK);
    assert_eq!(case.events(), ["$one"]);
}

#[tokio::test]
async fn typing_is_read_once_whichever_names_it_has() {
    let typing = |users: Value| json!({"type": "m.typing", "room_id": "!room", "content": {"user_ids": users}});
    let receipt = json!({"type": "m.receipt", "room_id": "!room", "content": {}});
    let alice = typing(json!(["@alice:hs.test", "@whatsapp_1:hs.test"]));
    for body in [
        json!({"events": [], "ephemeral": [receipt, alice], "de.sorunome.msc2409.ephemeral": [typing(json!([]))]}),
        json!({"events": [], "de.sorunome.msc2409.ephemeral": [alice, {"type": 1}]}),
    ] {
        let case = Case::new();
        assert_eq!(case.pushes(body.to_string()).await.0, StatusCode::OK);
        case.notebook.typed.notified().await;
        let expected = (
            "!room".to_owned(),
            vec![OwnedUserId::try_from("@alice:hs.test").unwrap()],
        );
        assert_eq!(*case.notebook.typing.lock().unwrap(), [expected]);
    }
}

#[tokio::test]
async fn presence_is_read_but_of_ours() {
    let presence = |user: &str, is: &str| json!({"type": "m.presence", "sender": user, "content": {"presence": is}});
    let news = [
        presence("@whatsapp_1:hs.test", "online"),
        presence("@alice:hs.test", "unavailable"),
    ];
    let case = Case::new();
    let body = json!({"events": [], "ephemeral": news});
    assert_eq!(case.pushes(body.to_string()).await.0, StatusCode::OK);
    case.notebook.typed.notified().await;
    let expected = (OwnedUserId::try_from("@alice:hs.test").unwrap(), false);
    assert_eq!(*case.notebook.present.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn receipts_are_read_whoever_made_them_but_ours() {
    let content = json!({
        "$one": {"m.read": {"@alice:hs.test": {"ts": 1}, "@whatsapp_1:hs.test": {"ts": 1}}},
        "$two": {"m.read.private": {"@bob:hs.test": {"ts": 1, "thread_id": "main"}}, "org.unknown": {"@bob:hs.test": {}}},
    });
    let body = json!({"events": [], "ephemeral": [{"type": "m.receipt", "room_id": "!room", "content": content}]});
    let case = Case::new();
    assert_eq!(case.pushes(body.to_string()).await.0, StatusCode::OK);
    let read = |event: &str, user: &str, quietly| ReadUpTo {
        room: "!room".try_into().unwrap(),
        event: event.try_into().unwrap(),
        user: user.try_into().unwrap(),
        quietly,
    };
    let expected = [
        read("$one", "@alice:hs.test", false),
        read("$two", "@bob:hs.test", true),
    ];
    assert_eq!(*case.notebook.read.lock().unwrap(), expected);
}

#[tokio::test]
async fn only_the_token_opens() {
    let case = Case::new();
    let ping = |uri: &str, header: Option<&str>| {
        let mut request = Request::post(uri);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        request.body(Body::from("{}")).unwrap()
    };
    let path = "/_matrix/app/v1/ping";
    let answer = case.asks(ping(path, None)).await;
    assert_eq!(refusal("M_UNAUTHORIZED")(&answer), StatusCode::UNAUTHORIZED);
    for header in [
        "Bearer the-tokem",
        "Bearer the-token-",
        "Bearer ",
        "Basic the-token",
        "the-token",
        "",
    ] {
        let answer = case.asks(ping(path, Some(header))).await;
        assert_eq!(refusal("M_FORBIDDEN")(&answer), StatusCode::FORBIDDEN, "{header:?}");
    }
    let wrong = format!("{path}?access_token=the-token");
    let answer = case.asks(ping(&wrong, Some("Bearer wrong"))).await;
    assert_eq!(answer.0, StatusCode::FORBIDDEN, "the header counts");
    assert_eq!(case.asks(ping(&wrong, None)).await.0, StatusCode::OK);
    assert_eq!(case.asks(ping(path, Some("bearer the-token"))).await.0, StatusCode::OK);
    let body = json!({"events": [event("$one", "@alice:hs.test")]}).to_string();
    let unsigned = Request::put("/_matrix/app/v1/transactions/1")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(case.asks(unsigned).await.0, StatusCode::UNAUTHORIZED);
    assert!(case.events().is_empty());
}

#[tokio::test]
async fn bad_bodies_are_told_apart_and_nothing_of_them_is_taken() {
    let case = Case::new();
    let real = event("$one", "@alice:hs.test").to_string();
    let typing = json!({"type": "m.typing", "room_id": "!room", "content": {"user_ids": ["@alice:hs.test"]}});
    for (body, errcode) in [
        (format!("{{\"events\": [{real}"), "M_NOT_JSON"),
        (format!("{{\"events\": [{real}]}} and more"), "M_NOT_JSON"),
        (String::new(), "M_NOT_JSON"),
        ("\u{0}".to_owned(), "M_NOT_JSON"),
        (format!("{{\"more\": [{real}]}}"), "M_BAD_JSON"),
        (format!("[{real}]"), "M_BAD_JSON"),
        (format!("{{\"events\": {real}}}"), "M_BAD_JSON"),
        (format!("{{\"events\": [{real}], \"ephemeral\": 1}}"), "M_BAD_JSON"),
        (format!("{{\"events\": 1, \"ephemeral\": [{typing}]}}"), "M_BAD_JSON"),
    ] {
        let answer = case.pushes(body.clone()).await;
        assert_eq!(refusal(errcode)(&answer), StatusCode::BAD_REQUEST, "{body}");
    }
    let huge = format!("{{\"events\": [{real}]}}{}", " ".repeat(LARGEST_BODY));
    assert_eq!(
        refusal("M_TOO_LARGE")(&case.pushes(huge).await),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert!(case.events().is_empty() && case.notebook.typing.lock().unwrap().is_empty());
    let large = format!("{{\"events\": [{real}{}]}}", " ".repeat(20 * 1024 * 1024));
    assert_eq!(case.pushes(large).await, (StatusCode::OK, json!({})));
    assert_eq!(case.events(), ["$one"]);
    let ping = request(Method::POST, "/_matrix/app/v1/ping", "no json");
    assert_eq!(refusal("M_NOT_JSON")(&case.asks(ping).await), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_users_that_can_exist_exist_and_no_alias_does() {
    let case = Case::new();
    let get = |path: &str| request(Method::GET, &format!("/_matrix/app/v1/{path}"), Body::empty());
    assert_eq!(
        case.asks(get("users/%40whatsapp_15550001111%3Ahs.test")).await,
        (StatusCode::OK, json!({}))
    );
    for path in [
        "users/%40whatsapp_nobody%3Ahs.test",
        "users/%40alice%3Ahs.test",
        "users/%40whatsapp_15550001111%3Afar.test",
        "users/nonsense",
        "users/%ff",
        "rooms/%23whatsapp_abc%3Ahs.test",
    ] {
        assert_eq!(
            refusal("M_NOT_FOUND")(&case.asks(get(path)).await),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_matrix() {
    let case = Case::new();
    for path in [
        "/_matrix/app/v1/thirdparty/protocol/x",
        "/_matrix/app/v2/ping",
        "/_matrix/app/v1",
        "/_matrix/app/x",
    ] {
        let answer = case.asks(request(Method::GET, path, Body::empty())).await;
        assert_eq!(refusal("M_UNRECOGNIZED")(&answer), StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path) in [
        (Method::GET, "transactions/1"),
        (Method::PUT, "ping"),
        (Method::DELETE, "users/x"),
    ] {
        let answer = case
            .asks(request(method, &format!("/_matrix/app/v1/{path}"), Body::empty()))
            .await;
        assert_eq!(
            refusal("M_UNRECOGNIZED")(&answer),
            StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
}
