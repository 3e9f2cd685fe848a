//! Who gets in, and what everybody else is told.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;

use super::*;

/// T03: every row of the table for Basic, on every route that wants it.
#[tokio::test]
async fn t03_basic_failures_have_their_exact_texts() {
    let world = World::start().await;
    let powerless = world.credential("powerless", Some(json!([]))).await;
    let routes = [
        "GET /api/v1/credentials",
        "POST /api/v1/credentials",
        "PUT /api/v1/credentials/x",
        "DELETE /api/v1/credentials/x",
        "GET /api/v1/tokens",
        "POST /api/v1/tokens",
        "DELETE /api/v1/tokens/1",
    ];
    let no_colon = format!("Basic {}", STANDARD.encode("adminsecret"));
    let not_text = format!("Basic {}", STANDARD.encode(b"admin\xff:x"));
    let table = [
        ("", 401, "missing authorization header"),
        ("Basic", 401, "invalid authorization header"),
        ("Bearer mt_x", 401, "invalid authorization header"),
        ("Digest x", 401, "invalid authorization header"),
        ("Basic ???", 401, "invalid credentials"),
        (no_colon.as_str(), 401, "invalid credentials"),
        (not_text.as_str(), 401, "invalid credentials"),
        (powerless.as_str(), 403, "insufficient permissions"),
    ];
    for route in routes {
        for (header, status, sentence) in table {
            world.call(route, header, Value::Null).await.fails(status, sentence);
        }
    }
    for header in [
        basic("admin", "wrong"),
        basic("nobody", "admin-secret"),
        basic("admin", ""),
        basic("", ""),
    ] {
        world
            .call("GET /api/v1/tokens", &header, Value::Null)
            .await
            .fails(401, "invalid credentials");
    }
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case_and_secrets_may_hold_colons() {
    let world = World::start().await;
    let header = format!("bAsIc {}", STANDARD.encode("admin:admin-secret"));
    world
        .call("GET /api/v1/tokens", &header, Value::Null)
        .await
        .is(200, &json!([]));
    let access = world.behind.with_super_admin(("colon", "a:b:c"));
    access.bootstrap().await.unwrap();
    world
        .call("GET /api/v1/tokens", &basic("colon", "a:b:c"), Value::Null)
        .await
        .is(200, &json!([]));
}

/// T03: every row of the table for Bearer, on every route that wants it.
#[tokio::test]
async fn t03_bearer_failures_have_their_exact_texts() {
    let world = World::start().await;
    let expiring = json!({ "expires_at": "2026-04-27T10:00:01Z" });
    let expired = world.call("POST /api/v1/tokens", &admin(), expiring).await.ok(201);
    let expired = format!("Bearer {}", expired["token"].as_str().unwrap());
    world.behind.clock.advance(1000);
    let routes = [
        "GET /api/v1/devices",
        "POST /api/v1/devices",
        "DELETE /api/v1/devices",
        "POST /api/v1/devices/1/message",
        "POST /api/v1/devices//message",
        "GET /api/v1/webhooks",
        "POST /api/v1/webhooks",
        "PUT /api/v1/webhooks/1",
        "DELETE /api/v1/webhooks/1",
    ];
    let table = [
        ("", 401, "missing authorization header"),
        ("mt_abc", 401, "invalid authorization header format"),
        ("Basic mt_abc", 401, "unsupported authorization scheme"),
        ("Bearer abc", 401, "invalid token format"),
        ("Bearer ", 401, "invalid token format"),
        ("bearer mt_abc", 403, "invalid or expired token"),
        ("Bearer mt_", 403, "invalid or expired token"),
        (expired.as_str(), 403, "invalid or expired token"),
    ];
    for route in routes {
        for (header, status, sentence) in table {
            world.call(route, header, Value::Null).await.fails(status, sentence);
        }
    }
}

/// T03: the rows of the WebSocket, as plain answers before any upgrade.
#[tokio::test]
async fn t03_websocket_failures_are_plain_answers() {
    let world = World::start().await;
    let table = [
        ("/api/v1/devices/qr-code", "", 401, "missing token query parameter"),
        (
            "/api/v1/devices/qr-code?token=",
            "",
            401,
            "missing token query parameter",
        ),
        ("/api/v1/devices/qr-code?token=abc", "", 401, "invalid token format"),
        (
            "/api/v1/devices/qr-code?token=mt_abc",
            "",
            403,
            "invalid or expired token",
        ),
        (
            "/api/v1/devices/qr-code",
            "Bearer mt_abc",
            403,
            "invalid or expired token",
        ),
        ("/api/v1/devices/qr-code", "Bearer abc", 401, "invalid token format"),
        (
            "/api/v1/devices/qr-code",
            "Basic abc",
            401,
            "unsupported authorization scheme",
        ),
    ];
    for (path, header, status, sentence) in table {
        world
            .call(&format!("GET {path}"), header, Value::Null)
            .await
            .fails(status, sentence);
    }
    let plain = world
        .call("GET /api/v1/devices/qr-code", &world.bearer().await, Value::Null)
        .await;
    assert!(
        plain.status.is_client_error() && plain.json()["error"].is_string(),
        "{}",
        plain.text
    );
}

/// T04: which scopes open which route, over HTTP.
#[tokio::test]
async fn t04_scopes_open_exactly_their_routes() {
    let world = World::start().await;
    let routes = [
        "POST /api/v1/credentials",
        "GET /api/v1/credentials",
        "PUT /api/v1/credentials/nobody",
        "DELETE /api/v1/credentials/nobody",
        "POST /api/v1/tokens",
        "GET /api/v1/tokens",
        "DELETE /api/v1/tokens/999",
    ];
    let all = [true; 7];
    let table = [
        ("none", json!([]), [false; 7]),
        ("all", json!(["*"]), all),
        (
            "tokens",
            json!(["tokens:*"]),
            [false, false, false, false, true, true, true],
        ),
        (
            "read",
            json!(["tokens:read:*"]),
            [false, false, false, false, false, true, false],
        ),
        ("list", json!(["tokens:read:list"]), [false; 7]),
        (
            "guide",
            json!(["tokens:read:*", "tokens:write:create", "tokens:write:delete"]),
            [false, false, false, false, true, true, true],
        ),
        (
            "credentials",
            json!(["credentials:write:*"]),
            [true, false, true, true, false, false, false],
        ),
    ];
    for (client_id, scopes, expected) in table {
        let header = world.credential(client_id, Some(scopes)).await;
        for (route, is_open) in routes.into_iter().zip(expected) {
            let answer = world.call(route, &header, Value::Null).await;
            assert_eq!(
                answer.status != StatusCode::FORBIDDEN,
                is_open,
                "{client_id} {route}: {}",
                answer.text
            );
            if !is_open {
                answer.fails(403, "insufficient permissions");
            }
        }
    }
    let defaults = world.credential("defaults", None).await;
    for (route, is_open) in routes.into_iter().zip([false, false, false, false, true, true, true]) {
        let answer = world.call(route, &defaults, Value::Null).await;
        assert_eq!(answer.status != StatusCode::FORBIDDEN, is_open, "{route}");
    }
}

/// W-13: guessing secrets is slow; the right secret from elsewhere still opens.
#[tokio::test]
async fn w13_too_many_failed_attempts_from_one_address_are_refused_before_the_secret_is_looked_at() {
    let world = World::start().await;
    let from = |address: &str, header: String| {
        let mut request = Request::builder().uri("/api/v1/tokens").header("authorization", header);
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().unwrap().insert(ConnectInfo(address));
        request.body(Body::empty()).unwrap()
    };
    let mut refused = 0;
    for n in 0..60 {
        let answer = world.send(from("203.0.113.5:1", basic("admin", &n.to_string()))).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            answer.fails(429, "Too many failed attempts");
            assert_eq!(answer.headers["retry-after"], "1");
            refused += 1;
        }
    }
    assert!(refused > 0);
    world.send(from("203.0.113.6:1", admin())).await.is(200, &json!([]));
}

#[tokio::test]
async fn success_is_never_counted_as_an_attempt() {
    let world = World::start().await;
    for _ in 0..50 {
        world
            .call("GET /api/v1/tokens", &admin(), Value::Null)
            .await
            .is(200, &json!([]));
    }
}
