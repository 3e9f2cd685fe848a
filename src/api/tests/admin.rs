//! `/api/v1/admin`: the session of the console, and what lies behind its cookie.

use axum::http::header::SET_COOKIE;

use super::*;

pub(super) const NO_SESSION: &str = "Invalid or missing session. Please log in.";

/// A browser: keeps its cookie, and says where its page comes from.
pub(super) struct Browser<'a> {
    pub(super) world: &'a World,
    pub(super) cookie: String,
    pub(super) origin: &'static str,
}

impl<'a> Browser<'a> {
    /// A browser in which the super admin signed in.
    async fn signed_in(world: &'a World) -> Self {
        Self::signed_in_as(world, ADMIN.0, ADMIN.1).await
    }

    async fn signed_in_as(world: &'a World, name: &str, secret: &str) -> Self {
        let answer = login(world, &json!({ "username": name, "password": secret })).await;
        let browser = Self::with(world, &answer);
        answer.ok(200);
        browser
    }

    /// A browser that was given its cookie by this answer.
    pub(super) fn with(world: &'a World, answer: &Answer) -> Self {
        let cookie = cookie(answer);
        Self {
            world,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            origin: "http://localhost:8080",
        }
    }

    /// A browser with a token attached, and that token.
    async fn working(world: &'a World) -> (Self, String) {
        let browser = Self::signed_in(world).await;
        let made = browser.call("POST tokens", json!({})).await.ok(201);
        let token = made["token"].as_str().unwrap().to_owned();
        browser
            .call("POST matrix-token", json!({ "token": token }))
            .await
            .ok(200);
        (browser, token)
    }

    pub(super) async fn call(&self, line: &str, body: Value) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/admin/{path}"))
            .header("host", "localhost:8080")
            .header("origin", self.origin)
            .header("cookie", &self.cookie)
            .header(CONTENT_TYPE, "application/json");
        let body = if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        };
        self.world.send(request.body(body).unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(&format!("GET {path}"), Value::Null).await
    }
}

async fn login(world: &World, body: &Value) -> Answer {
    world.call("POST /api/v1/admin/login", "", body.clone()).await
}

pub(super) fn cookie(answer: &Answer) -> String {
    answer.headers[SET_COOKIE].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn signing_in_reads_every_form_and_says_what_is_wrong() {
    let world = World::start().await;
    let form = Some("application/x-www-form-urlencoded");
    let line = "POST /api/v1/admin/login";
    world
        .raw(line, "", form, "username=admin&password=admin-secret")
        .await
        .ok(200);
    for body in ["", "username=admin", "password=x", "username=&password="] {
        world
            .raw(line, "", form, body)
            .await
            .fails(400, "Username and password required");
    }
    for body in [
        json!({}),
        json!({ "username": 1, "password": "x" }),
        json!({ "username": "admin" }),
    ] {
        login(&world, &body).await.fails(400, "Username and password required");
    }
    let table = [("admin", "wrong"), ("nobody", "admin-secret")];
    for (username, password) in table {
        let answer = login(&world, &json!({ "username": username, "password": password })).await;
        assert!(answer.headers.get(SET_COOKIE).is_none());
        answer.fails(401, "Invalid credentials");
    }
    world
        .call("GET /api/v1/admin/login", "", Value::Null)
        .await
        .fails(405, "Method Not Allowed");
}

/// W-13: the cookie goes by TLS only when we are reached by it.
#[tokio::test]
async fn the_cookie_is_secure_behind_tls() {
    let world = World::start().await;
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/admin/login")
        .header("x-forwarded-proto", "https")
        .body(Body::from(r#"{"username":"admin","password":"admin-secret"}"#))
        .unwrap();
    let answer = world.send(request).await;
    assert!(cookie(&answer).ends_with("; HttpOnly; SameSite=Strict; Secure"));
}

/// W-13: guessing secrets is slow.
#[tokio::test]
async fn signing_in_is_throttled() {
    let world = World::start().await;
    let wrong = json!({ "username": "admin", "password": "guess" });
    let mut refused = 0;
    for _ in 0..60 {
        let answer = login(&world, &wrong).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            answer.fails(429, "Too many failed attempts");
            refused += 1;
        } else {
            answer.fails(401, "Invalid credentials");
        }
    }
    assert!(refused > 0);
}

/// W-13: what a foreign page makes a browser ask is refused, even with the cookie.
#[tokio::test]
async fn w13_another_site_can_change_nothing() {
    let world = World::start().await;
    let (browser, _) = Browser::working(&world).await;
    let elsewhere = Browser {
        origin: "https://evil.example",
        cookie: browser.cookie.clone(),
        world: &world,
    };
    for line in [
        "POST tokens",
        "DELETE tokens/1",
        "POST webhooks",
        "PUT credentials/admin",
        "POST devices",
        "POST logout",
        "GET logout",
    ] {
        elsewhere
            .call(line, json!({}))
            .await
            .fails(403, "Request from another site refused");
    }
    let upgrade = Request::builder()
        .uri("/api/v1/admin/devices/qr-code")
        .header("cookie", &browser.cookie)
        .header("host", "localhost:8080")
        .header("origin", "https://evil.example")
        .header("upgrade", "websocket");
    let answer = world.send(upgrade.body(Body::empty()).unwrap()).await;
    answer.fails(403, "Request from another site refused");
    browser.get("matrix-token-status").await.ok(200);
    let answer = browser.call("GET logout", Value::Null).await;
    answer.is(200, &json!({ "message": "Logged out successfully" }));
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_with_what_it_rests_on() {
    let world = World::start().await;
    for cookie in ["", "a=b", "shortmesh_admin_token=", "shortmesh_admin_token=00"] {
        let stranger = Browser {
            world: &world,
            cookie: cookie.into(),
            origin: "http://localhost:8080",
        };
        stranger.get("tokens").await.fails(401, NO_SESSION);
        stranger
            .call("POST matrix-token", json!({}))
            .await
            .fails(401, NO_SESSION);
    }
    for end in ["secret", "inactive", "deleted"] {
        let basic = world.credential(end, None).await;
        let decoded = STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
        let (_, secret) = std::str::from_utf8(&decoded).unwrap().split_once(':').unwrap();
        let browser = Browser::signed_in_as(&world, end, secret).await;
        browser.get("tokens").await.is(200, &json!([]));
        let path = format!("/api/v1/credentials/{end}");
        match end {
            "secret" => {
                let body = json!({ "regenerate_secret": true });
                world.call(&format!("PUT {path}"), &admin(), body).await.ok(200);
            }
            "inactive" => {
                let body = json!({ "active": false });
                world.call(&format!("PUT {path}"), &admin(), body).await.ok(200);
            }
            _ => {
                world
                    .call(&format!("DELETE {path}"), &admin(), Value::Null)
                    .await
                    .ok(200);
            }
        }
        browser.get("tokens").await.fails(401, NO_SESSION);
    }
    let browser = Browser::signed_in(&world).await;
    world.behind.clock.advance(2 * 60 * 60 * 1000 - 1);
    browser.get("tokens").await.ok(200);
    world.behind.clock.advance(1);
    browser.get("tokens").await.fails(401, NO_SESSION);
}

#[tokio::test]
async fn scopes_hold_behind_the_cookie_too() {
    let world = World::start().await;
    let basic = world.credential("reader", Some(json!(["tokens:read:*"]))).await;
    let decoded = STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
    let (_, secret) = std::str::from_utf8(&decoded).unwrap().split_once(':').unwrap();
    let answer = login(&world, &json!({ "username": "reader", "password": secret })).await;
    answer.is(200, &json!({ "status": "ok", "scopes": ["tokens:read:*"] }));
    let browser = Browser::signed_in_as(&world, "reader", secret).await;
    browser.get("tokens").await.is(200, &json!([]));
    for line in ["POST tokens", "DELETE tokens/1", "GET credentials", "POST credentials"] {
        browser
            .call(line, json!({ "client_id": "x" }))
            .await
            .fails(403, "insufficient permissions");
    }
    let body = json!({ "token_id": 1, "password": secret });
    browser
        .call("POST matrix-token", body)
        .await
        .fails(403, "insufficient permissions");
    let shown = browser.get("session").await.ok(200);
    assert_eq!(
        (shown["client_id"].as_str(), &shown["token_id"]),
        (Some("reader"), &Value::Null)
    );
}

/// Whoever has a credential's secret renewed and signs in with it must not get at the chats of those who used it before.
#[tokio::test]
async fn a_renewed_secret_does_not_open_what_was_made_with_the_one_before() {
    let world = World::start().await;
    let shop = world.credential("shop", None).await;
    let made = world.call("POST /api/v1/tokens", &shop, json!({})).await.ok(201);
    world.behind.clock.advance(1);
    let renew = json!({ "regenerate_secret": true });
    let path = "PUT /api/v1/credentials/shop";
    let renewed = world.call(path, &admin(), renew).await.ok(200);
    let secret = renewed["client_secret"].as_str().unwrap();
    let browser = Browser::signed_in_as(&world, "shop", secret).await;
    browser
        .call(
            "POST matrix-token",
            json!({ "token_id": made["id"], "password": secret }),
        )
        .await
        .fails(404, "Token not found");
    browser
        .call("POST matrix-token", json!({ "token": made["token"] }))
        .await
        .ok(200);
    let own = browser.call("POST tokens", json!({})).await.ok(201);
    browser
        .call(
            "POST matrix-token",
            json!({ "token_id": own["id"], "password": secret }),
        )
        .await
        .ok(200);
}

#[tokio::test]
async fn a_session_works_with_a_token_that_is_given_or_was_made_by_its_credential() {
    let world = World::start().await;
    let theirs = world.credential("other", None).await;
    let made = world.call("POST /api/v1/tokens", &theirs, json!({})).await.ok(201);
    let browser = Browser::signed_in(&world).await;
    for (body, status, sentence) in [
        (json!({}), 400, "Token is required"),
        (json!({ "token": " " }), 400, "Token is required"),
        (json!({ "token": "mt_unknown" }), 400, "Invalid matrix token"),
        (json!({ "token": "unknown" }), 400, "Invalid matrix token"),
        (json!({ "token": 1 }), 400, "Invalid request body"),
        (
            json!({ "token_id": made["id"] }),
            400,
            "Missing required field: password",
        ),
        (
            json!({ "token_id": made["id"], "password": "guessed" }),
            403,
            "Invalid credentials",
        ),
        (
            json!({ "token_id": made["id"], "password": ADMIN.1 }),
            404,
            "Token not found",
        ),
        (
            json!({ "token_id": 12345, "password": ADMIN.1 }),
            404,
            "Token not found",
        ),
    ] {
        browser.call("POST matrix-token", body).await.fails(status, sentence);
    }
    let own = browser.call("POST tokens", json!({})).await.ok(201);
    // What was stolen is a cookie, not the secret: it opens no identity that its holder has no token of.
    for (body, status) in [
        (json!({ "token_id": own["id"] }), 400),
        (json!({ "token_id": own["id"], "password": "x" }), 403),
    ] {
        assert_eq!(browser.call("POST matrix-token", body).await.status.as_u16(), status);
        browser
            .get("devices")
            .await
            .fails(403, "Matrix token not set for this session. Please set it first.");
    }
    let with_secret = json!({ "token_id": own["id"], "password": ADMIN.1 });
    for body in [json!({ "token": made["token"] }), with_secret] {
        browser.call("POST matrix-token", body).await.ok(200);
        browser.get("devices").await.is(200, &json!([]));
    }
    assert_eq!(browser.get("session").await.ok(200)["token_id"], own["id"]);
}

/// The page is not told the token; what it gets instead opens the codes of linking and nothing else.
#[tokio::test]
async fn the_address_of_the_codes_holds_a_ticket() {
    let world = World::start().await;
    let (browser, token) = Browser::working(&world).await;
    let begun = browser.call("POST devices", json!({ "platform": "wa" })).await.ok(201);
    let url = begun["qr_code_url"].as_str().unwrap().to_owned();
    let ticket = url.split_once("token=").unwrap().1;
    assert!(!url.contains(&token));
    let refused = world
        .call("GET /api/v1/devices", &format!("Bearer {ticket}"), Value::Null)
        .await;
    refused.fails(403, "invalid or expired token");
    let opens = async |ticket: &str| {
        let path = format!("GET /api/v1/devices/qr-code?token={ticket}");
        world.call(&path, "", Value::Null).await.status.as_u16()
    };
    // Past the check of the token, only the upgrade is missing.
    assert_eq!(opens(ticket).await, 400);
    assert_eq!(opens(&format!("{ticket}x")).await, 403);
    world.behind.clock.advance(10 * 60 * 1000);
    assert_eq!(opens(ticket).await, 403);
}
