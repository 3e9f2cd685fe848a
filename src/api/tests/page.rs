//! The calls of the original's own page, which works here unchanged.

use futures_util::StreamExt as _;

use super::{
    admin::{Browser, NO_SESSION, cookie},
    *,
};

/// T19: every call of the original's page, in its order, and what it reads of the answers.
#[tokio::test]
async fn t19_a_page_written_for_the_original_works_unchanged() {
    let world = World::start().await;
    let form = "--x\r\ncontent-disposition: form-data; name=\"username\"\r\n\r\nadmin\r\n\
                --x\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\nadmin-secret\r\n--x--\r\n";
    let kind = Some("multipart/form-data; boundary=x");
    let answer = world.raw("POST /api/v1/admin/login", "", kind, form).await;
    let set = cookie(&answer);
    assert!(
        set.ends_with("; Path=/; Max-Age=7200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let browser = Browser::with(&world, &answer);
    answer.is(200, &json!({ "status": "ok", "scopes": ["*"] }));

    browser
        .get("matrix-token-status")
        .await
        .is(200, &json!({ "has_matrix_token": false }));
    // Its probe: 401 means "go to the login", 403 "ask for a token".
    for line in [
        "GET devices",
        "GET webhooks",
        "POST devices",
        "POST devices/1/message",
        "GET devices/qr-code",
    ] {
        browser
            .call(line, Value::Null)
            .await
            .fails(403, "Matrix token not set for this session. Please set it first.");
    }
    let ends = "2126-12-31T23:59:59.123Z";
    let made = browser
        .call("POST tokens", json!({ "use_host": false, "expires_at": ends }))
        .await
        .ok(201);
    browser
        .call("POST matrix-token", json!({ "token": made["token"] }))
        .await
        .is(
            200,
            &json!({ "status": "ok", "message": "Matrix token attached to session" }),
        );
    browser
        .get("matrix-token-status")
        .await
        .is(200, &json!({ "has_matrix_token": true }));
    browser.get("devices").await.is(200, &json!([]));
    let begun = browser.call("POST devices", json!({ "platform": "wa" })).await.ok(201);
    let url = begun["qr_code_url"].as_str().unwrap();
    assert!(
        url.starts_with("ws://localhost:8080/api/v1/devices/qr-code?token=mt_"),
        "{url}"
    );
    follows_the_codes(&world, url).await;
    sends_messages_and_removes_the_device(&browser).await;
    manages_webhooks_and_credentials(&browser).await;
    let tokens = browser.get("tokens").await.ok(200);
    browser
        .call(&format!("DELETE tokens/{}", tokens[0]["id"]), Value::Null)
        .await
        .ok(200);
    browser.get("devices").await.fails(403, "Invalid matrix token");

    let answer = browser.call("POST logout", Value::Null).await;
    assert!(cookie(&answer).contains("Max-Age=0"));
    answer.is(200, &json!({ "message": "Logged out successfully" }));
    browser.get("devices").await.fails(401, NO_SESSION);
}

/// What the page does with `qr_code_url`: text frames are codes, and the socket closes when the phone has scanned one.
async fn follows_the_codes(world: &World, url: &str) {
    let stream = tokio::net::TcpStream::connect(linking::serve(world).await)
        .await
        .unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().starts_with("fake-qr-"), "{first:?}");
    world.network.links_with("15550001111").unwrap();
    while let Some(Ok(frame)) = socket.next().await {
        assert!(
            !frame.is_text() || !frame.to_text().unwrap().starts_with("Error:"),
            "{frame:?}"
        );
    }
}

async fn sends_messages_and_removes_the_device(browser: &Browser<'_>) {
    browser
        .get("devices")
        .await
        .is(200, &json!([{ "platform": "wa", "device_id": "15550001111" }]));
    let body = json!({ "contact": "+15550002222", "platform": "wa", "text": "hello" });
    let sent = browser.call("POST devices/15550001111/message", body).await.ok(200);
    assert_eq!(sent["message"], "Message queued successfully");
    let field =
        |name: &str, value: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    // With a file too: a journey sends one, here is no homeserver to keep it.
    let form = [
        field("contact", "+15550002222"),
        field("platform", "wa"),
        field("text", "hello"),
        "--x--\r\n".into(),
    ];
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/admin/devices/15550001111/message")
        .header("host", "localhost:8080")
        .header("origin", browser.origin)
        .header("cookie", &browser.cookie)
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    let sent = browser
        .world
        .send(request.body(Body::from(form.concat())).unwrap())
        .await;
    assert_eq!(sent.ok(200)["results"][0]["recipient"], "+15550002222");
    let device = json!({ "device_id": "15550001111", "platform": "wa" });
    browser
        .call("DELETE devices", device)
        .await
        .is(200, &json!({ "message": "Device deleted successfully" }));
    browser.get("devices").await.is(200, &json!([]));
}

async fn manages_webhooks_and_credentials(browser: &Browser<'_>) {
    let hook = browser
        .call("POST webhooks", json!({ "url": "https://a.example/" }))
        .await
        .ok(201);
    assert_eq!(browser.get("webhooks").await.ok(200), json!([listed(&hook)]));
    browser
        .call(&format!("PUT webhooks/{}", hook["id"]), json!({ "active": false }))
        .await
        .ok(200);
    browser
        .call(&format!("DELETE webhooks/{}", hook["id"]), Value::Null)
        .await
        .ok(200);
    browser
        .call("POST credentials", json!({ "client_id": "app", "description": "" }))
        .await
        .ok(201);
    browser
        .call("PUT credentials/app", json!({ "regenerate_secret": true }))
        .await
        .ok(200);
    assert_eq!(browser.get("credentials").await.ok(200).as_array().unwrap().len(), 2);
    browser
        .call("DELETE credentials/app", Value::Null)
        .await
        .is(200, &json!({ "message": "Credential deleted successfully" }));
    assert_eq!(browser.get("credentials").await.ok(200).as_array().unwrap().len(), 1);
}

/// A webhook as the list shows it: its secret is told once.
fn listed(hook: &Value) -> Value {
    let mut listed = hook.clone();
    listed.as_object_mut().unwrap().remove("secret");
    listed
}
