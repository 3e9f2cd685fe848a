//! What surrounds every route: unknown paths, limits, forms of failure, headers, documents, health.

use std::{
    io::{self, Write},
    sync::Mutex,
};

use futures_util::{StreamExt as _, stream};
use tokio::time::{Duration, interval};

use super::*;
use crate::api::{body::RawBody, routes::surrounded};

/// T21: unknown routes and methods.
#[tokio::test]
async fn t21_unknown_routes_and_methods_are_answered_in_json() {
    let world = World::start().await;
    for path in [
        "/",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/tokens",
        "/api/v1/tokens/",
        "/api/v1/devices/1/nothing",
        "/admin/nothing/there",
    ] {
        world
            .call(&format!("GET {path}"), "", Value::Null)
            .await
            .fails(404, "Not Found");
    }
    for line in [
        "PATCH /api/v1/tokens",
        "DELETE /api/v1/tokens",
        "GET /api/v1/tokens/1",
        "POST /api/v1/credentials/x",
        "PUT /api/v1/devices",
        "GET /api/v1/devices/1/message",
        "POST /api/v1/webhooks/1",
        "POST /healthz",
        "POST /api/v1/devices/qr-code",
        "BREW /api/v1/tokens",
    ] {
        world.call(line, "", Value::Null).await.fails(405, "Method Not Allowed");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused_in_json() {
    let world = World::start().await;
    let answer = world
        .call("DELETE /api/v1/credentials/%FF", &admin(), Value::Null)
        .await;
    answer.fails(400, "Bad Request");
    let answer = world
        .call("DELETE /api/v1/credentials/%00", &admin(), Value::Null)
        .await;
    answer.fails(404, "Credential not found");
}

/// T21: HEAD is not GET, and its failures have no body.
#[tokio::test]
async fn t21_head_is_not_routed_to_get() {
    let world = World::start().await;
    for (path, status) in [
        ("/api/v1/tokens", 405),
        ("/api/v1/credentials", 405),
        ("/api/v1/devices", 405),
        ("/api/v1/webhooks", 405),
        ("/api/v1/devices/qr-code", 405),
        ("/api/v1/chats", 405),
        ("/api/v1/live", 405),
        ("/api/v1/admin/logout", 405),
        ("/api/v1/admin/matrix-token-status", 405),
        ("/docs", 405),
        ("/docs/index.html", 405),
        ("/docs/swagger.json", 405),
        ("/docs/console.json", 405),
        ("/admin", 405),
        ("/admin/console.js", 405),
        ("/admin/nothing/there", 404),
        ("/healthz", 200),
        ("/api/v1/nothing", 404),
    ] {
        let answer = world.call(&format!("HEAD {path}"), &admin(), Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, ""), "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_changes_nothing() {
    let world = World::with(Config {
        body_limit: 4096,
        ..Config::default()
    })
    .await;
    let bearer = world.bearer().await;
    let large = json!({ "client_id": "a", "description": "x".repeat(5000), "url": "https://a.example/" }).to_string();
    for (line, header) in [
        ("POST /api/v1/credentials", admin()),
        ("PUT /api/v1/credentials/admin", admin()),
        ("POST /api/v1/tokens", admin()),
        ("POST /api/v1/devices", bearer.clone()),
        ("DELETE /api/v1/devices", bearer.clone()),
        ("POST /api/v1/devices/1/message", bearer.clone()),
        ("POST /api/v1/webhooks", bearer.clone()),
        ("PUT /api/v1/webhooks/1", bearer.clone()),
    ] {
        let answer = world.raw(line, &header, Some("application/json"), large.clone()).await;
        answer.fails(413, "Request body too large");
    }
    let form = format!("contact=1&platform=wa&text={}", "x".repeat(5000));
    let form_type = Some("application/x-www-form-urlencoded");
    world
        .raw("POST /api/v1/devices/1/message", &bearer, form_type, form)
        .await
        .fails(413, "Request body too large");
    let part = format!(
        "--e\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\n{}\r\n--e--\r\n",
        "x".repeat(5000)
    );
    let multipart = Some("multipart/form-data; boundary=e");
    world
        .raw("POST /api/v1/devices/1/message", &bearer, multipart, part)
        .await
        .fails(413, "Request body too large");
    assert_eq!(
        world
            .call("GET /api/v1/credentials", &admin(), Value::Null)
            .await
            .ok(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        world.call("GET /api/v1/webhooks", &bearer, Value::Null).await.ok(200),
        json!([])
    );
}

/// A request to one route that reads its body, surrounded like all others.
async fn read_a_body(body: Body) -> Answer {
    let route = axum::routing::post(async |_: RawBody| axum::Json(json!({})));
    let router = surrounded(Router::new().route("/", route), &Config::default());
    let response = router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    Answer::read(response).await
}

/// A client that went to sleep in the middle of its body.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    read_a_body(Body::from("{}")).await.is(200, &json!({}));
    let stuck = stream::pending::<Result<Vec<u8>, io::Error>>();
    read_a_body(Body::from_stream(stuck))
        .await
        .fails(408, "Request timed out");
}

/// Bytes that come one by one, for ever: each soon enough, all of them too late.
fn dripping(first: &str) -> Body {
    let first = stream::iter([Ok(first.to_owned())]);
    let drops = stream::unfold(interval(Duration::from_millis(50)), async |mut drops| {
        drops.tick().await;
        Some((Ok::<_, io::Error>(" ".to_owned()), drops))
    });
    Body::from_stream(first.chain(drops))
}

#[tokio::test]
async fn a_body_that_drips_is_given_up_when_its_time_is_over() {
    let world = World::with(Config {
        timeout: 1,
        ..Config::default()
    })
    .await;
    let bearer = world.bearer().await;
    world
        .raw("POST /api/v1/webhooks", &bearer, None, dripping("{"))
        .await
        .fails(408, "Request timed out");
    let upload = "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\nPDF";
    let multipart = Some("multipart/form-data; boundary=edge");
    let line = "POST /api/v1/devices/1/message";
    world
        .raw(line, &bearer, multipart, dripping(upload))
        .await
        .fails(408, "Request timed out");
    let stuck = stream::iter([Ok::<_, io::Error>(upload.to_owned())]).chain(stream::pending());
    world
        .raw(line, &bearer, multipart, Body::from_stream(stuck))
        .await
        .fails(408, "Request timed out");
    assert_eq!(
        world.call("GET /api/v1/webhooks", &bearer, Value::Null).await.ok(200),
        json!([])
    );
}

/// Whatever goes wrong in a handler is one failed request and nothing more.
#[tokio::test]
async fn a_panic_is_a_failure_like_others() {
    async fn panics() {
        panic!("a test");
    }
    let route = axum::routing::get(panics);
    let router = surrounded(Router::new().route("/", route), &Config::default());
    let response = router
        .oneshot(Request::get("/").body(Body::empty()).unwrap())
        .await
        .unwrap();
    Answer::read(response)
        .await
        .fails(500, "Oops! something went wrong. Please try again later.");
}

#[tokio::test]
async fn a_failure_has_the_form_the_client_asks_for() {
    let world = World::start().await;
    let request = |path: &str| {
        let request = Request::builder()
            .uri(path)
            .header("accept", "application/problem+json, */*;q=0.1");
        request.body(Body::empty()).unwrap()
    };
    let unknown = world.send(request("/nothing")).await;
    assert_eq!(unknown.headers[CONTENT_TYPE], "application/problem+json");
    unknown.is(
        404,
        &json!({
            "type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found", "error": "Not Found",
        }),
    );
    let stranger = world.send(request("/api/v1/tokens")).await;
    stranger.is(
        401,
        &json!({
            "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "missing authorization header",
            "error": "missing authorization header",
        }),
    );
    let plain = world.call("GET /api/v1/tokens", "", Value::Null).await;
    assert_eq!(plain.headers[CONTENT_TYPE], "application/json");
    assert!(!plain.headers.contains_key("www-authenticate"));
}

/// W-23: what fails inside says nothing of the inside.
#[tokio::test]
async fn w23_a_broken_database_is_one_fixed_sentence() {
    let world = World::start().await;
    world.behind.store.close().await;
    let answer = world.call("GET /api/v1/tokens", &admin(), Value::Null).await;
    answer.fails(500, "Oops! something went wrong. Please try again later.");
}

/// W-23: every answer has an id, chosen by the client when it makes sense.
#[tokio::test]
async fn w23_every_answer_has_a_request_id() {
    let world = World::start().await;
    let with = async |id: &str| {
        let request = Request::builder()
            .uri("/healthz")
            .header("x-request-id", id)
            .body(Body::empty())
            .unwrap();
        world.send(request).await.headers["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(with("abc-123").await, "abc-123");
    for odd in ["", "a b", "a\"b", &"a".repeat(65)] {
        assert_eq!(with(odd).await.len(), 36, "{odd}");
    }
    let failed = world.call("GET /nothing", "", Value::Null).await;
    assert_eq!(failed.headers["x-request-id"].len(), 36);
}

/// W-13: only named pages may call from a browser.
#[tokio::test]
async fn w13_browsers_hear_which_pages_may_call() {
    let world = World::with(Config {
        allowed_origins: vec!["https://page.example".into()],
        ..Config::default()
    })
    .await;
    let preflight = async |origin: &str| {
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/api/v1/tokens")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let allowed = preflight("https://page.example").await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://page.example");
    assert_eq!(allowed.headers["access-control-allow-credentials"], "true");
    assert_eq!(allowed.headers["access-control-max-age"], "300");
    for origin in [
        "https://evil.example",
        "null",
        "https://page.example.evil.example",
        "http://page.example",
    ] {
        assert!(
            !preflight(origin)
                .await
                .headers
                .contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
    let request = Request::builder()
        .uri("/api/v1/tokens")
        .header("origin", "https://page.example");
    let failure = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(failure.headers["access-control-allow-origin"], "https://page.example");
    failure.fails(401, "missing authorization header");
}

/// T21: the documents.
#[tokio::test]
async fn t21_the_description_names_the_address_the_client_used() {
    let world = World::start().await;
    let request = |proto: &str| {
        let request = Request::builder()
            .uri("/docs/swagger.json")
            .header("host", "bridge.example");
        request.header("x-forwarded-proto", proto).body(Body::empty()).unwrap()
    };
    let secure = world.send(request("https")).await.ok(200);
    assert_eq!(secure["servers"][0]["url"], "https://bridge.example");
    assert_eq!(
        world.send(request("http")).await.ok(200)["servers"][0]["url"],
        "http://bridge.example"
    );
    let schemes = &secure["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["BasicAuth"]["scheme"], &schemes["BearerAuth"]["scheme"]),
        (&json!("basic"), &json!("bearer"))
    );
    for (path, methods) in [
        ("/api/v1/credentials", vec!["get", "post"]),
        ("/api/v1/credentials/{client_id}", vec!["delete", "put"]),
        ("/api/v1/tokens", vec!["get", "post"]),
        ("/api/v1/tokens/{id}", vec!["delete"]),
        ("/api/v1/devices", vec!["delete", "get", "post"]),
        ("/api/v1/devices/qr-code", vec!["get"]),
        ("/api/v1/devices/{device_id}/message", vec!["post"]),
        ("/api/v1/webhooks", vec!["get", "post"]),
        ("/api/v1/webhooks/{id}", vec!["delete", "put"]),
    ] {
        let mut found: Vec<_> = secure["paths"][path].as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, methods, "{path}");
    }
    let schema = secure["components"]["schemas"]["MessageForm"]["properties"]
        .as_object()
        .unwrap();
    assert!(schema.contains_key("reply_id") && schema.contains_key("group_url"));
}

/// T21: the page that shows them, all of it from this binary.
#[tokio::test]
async fn t21_the_description_can_be_looked_at() {
    let world = World::start().await;
    let page = world.call("GET /docs/index.html", "", Value::Null).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("swagger-ui") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    let script = world.call("GET /docs/swagger-initializer.js", "", Value::Null).await;
    assert!(script.text.contains("/docs/swagger.json"), "{}", script.text);
    assert!(world.call("GET /docs", "", Value::Null).await.status.is_redirection());
    world
        .call("GET /docs/nothing.js", "", Value::Null)
        .await
        .fails(404, "Not Found");
}

#[tokio::test]
async fn w23_health_says_what_is_missing() {
    let world = World::start().await;
    world
        .call("GET /healthz", "", Value::Null)
        .await
        .is(200, &json!({ "status": "ok" }));
    let ready = world.call("GET /readyz", "", Value::Null).await;
    ready.is(503, &json!({ "database": true, "homeserver": false }));
    let metrics = world.call("GET /metrics", "", Value::Null).await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(
        metrics.headers[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// W-11: whatever the level, no log line holds a secret, a token, a number or a word of a message.
#[tokio::test]
async fn w11_w21_nothing_that_is_secret_reaches_the_log() {
    let kept = Kept::default();
    let writer = kept.clone();
    // With only one subscriber alive, tests on other threads would decide for it what is worth logging.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let world = World::start().await;
    let bearer = world.bearer().await;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    world.device(&bearer, "15550001111").await;
    let body = json!({ "contact": "15550002222", "platform": "wa", "text": "open sesame", "reply_id": "$x" });
    world
        .call("POST /api/v1/devices/15550001111/message", &bearer, body)
        .await
        .ok(200);
    let url = json!({ "url": "https://user:hunter2@a.example/" });
    let webhook = world.call("POST /api/v1/webhooks", &bearer, url).await.ok(201);
    world
        .call(&format!("GET /api/v1/devices/qr-code?token={token}"), "", Value::Null)
        .await;
    world
        .call("GET /api/v1/devices/qr-code?token=mt_guessed", "", Value::Null)
        .await;
    world
        .call("GET /api/v1/devices", "Bearer not-a-token", Value::Null)
        .await;
    world
        .call("GET /api/v1/tokens", &basic("admin", "wrong-secret"), Value::Null)
        .await;
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("api.request") && log.contains("/api/v1/devices/{device_id}/message"),
        "{log}"
    );
    let secret = webhook["secret"].as_str().unwrap();
    for word in [
        token,
        "mt_",
        "not-a-token",
        "wrong-secret",
        ADMIN.1,
        "15550001111",
        "15550002222",
        "sesame",
        "hunter2",
        secret,
        &admin(),
    ] {
        let line = log.lines().find(|line| line.contains(word));
        assert!(line.is_none(), "{word} in {line:?}");
    }
}
