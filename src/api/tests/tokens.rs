//! `/api/v1/tokens`.

use super::*;

async fn listed(world: &World, header: &str) -> Vec<Value> {
    let list = world.call("GET /api/v1/tokens", header, Value::Null).await.ok(200);
    list.as_array().unwrap().clone()
}

/// T01 and T02: the guide's first token, key for key.
#[tokio::test]
async fn t01_t02_the_first_token_is_the_admins() {
    let world = World::start().await;
    let too_early = world
        .call("POST /api/v1/tokens", &admin(), json!({ "use_host": true }))
        .await;
    too_early.fails(400, "No admin identity found. Create first token with use_host=false");
    assert!(listed(&world, &admin()).await.is_empty());

    let made = world
        .call("POST /api/v1/tokens", &admin(), json!({ "use_host": false }))
        .await
        .ok(201);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("mt_") && token.len() == 46);
    let row = listed(&world, &admin()).await[0].clone();
    let user = format!("@{}:hs.test", row["matrix_username"].as_str().unwrap());
    assert_eq!(
        made,
        json!({
            "message": "Matrix token created successfully", "token": token, "id": row["id"], "expires_at": null,
            "matrix_user_id": user,
        })
    );
    let device = row["matrix_device_id"].as_str().unwrap();
    assert_eq!(
        row,
        json!({
            "id": 1, "matrix_username": row["matrix_username"], "matrix_device_id": device, "is_admin": true,
            "expires_at": null, "last_used_at": null, "created_at": "2026-04-27T10:00:00Z",
            "updated_at": "2026-04-27T10:00:00Z", "credential_id": 1, "client_id": "admin",
        })
    );

    let deleted = world.call("DELETE /api/v1/tokens/1", &admin(), Value::Null).await;
    deleted.is(200, &json!({ "message": "Token deleted successfully" }));
    world
        .call("DELETE /api/v1/tokens/1", &admin(), Value::Null)
        .await
        .fails(404, "Token not found");
}

#[tokio::test]
async fn a_token_is_made_from_no_body_at_all() {
    let world = World::start().await;
    world.call("POST /api/v1/tokens", &admin(), Value::Null).await.ok(201);
    world
        .raw("POST /api/v1/tokens", &admin(), Some("text/plain"), "")
        .await
        .ok(201);
    world
        .raw("POST /api/v1/tokens", &admin(), None, r#"{"use_host":true}"#)
        .await
        .ok(201);
    world
        .raw(
            "POST /api/v1/tokens",
            &admin(),
            Some("application/json; charset=utf-8"),
            "null",
        )
        .await
        .ok(201);
    assert_eq!(listed(&world, &admin()).await.len(), 4);
}

/// T05: over HTTP, each credential is alone with its tokens.
#[tokio::test]
async fn t05_tokens_of_others_do_not_exist() {
    let world = World::start().await;
    let (one, two) = (world.credential("one", None).await, world.credential("two", None).await);
    let token = world.call("POST /api/v1/tokens", &one, json!({})).await.ok(201);
    world.bearer().await;
    let path = format!("DELETE /api/v1/tokens/{}", token["id"]);
    assert_eq!(listed(&world, &one).await.len(), 1);
    assert!(listed(&world, &two).await.is_empty());
    assert_eq!(listed(&world, &admin()).await[0]["client_id"], "admin");
    for stranger in [&two, &admin()] {
        world
            .call(&path, stranger, Value::Null)
            .await
            .fails(404, "Token not found");
    }
    world.call(&path, &one, Value::Null).await.ok(200);
    assert!(listed(&world, &one).await.is_empty());
}

/// T06.
#[tokio::test]
async fn t06_only_super_admins_share_the_host_identity() {
    let world = World::start().await;
    world.bearer().await;
    let user = world.credential("user", None).await;
    let answer = world
        .call(
            "POST /api/v1/tokens",
            &user,
            json!({ "use_host": true, "expires_at": "bad" }),
        )
        .await;
    answer.fails(403, "Only super_admin can use use_host=true");
    world
        .call("POST /api/v1/tokens", &admin(), json!({ "use_host": true }))
        .await
        .ok(201);
}

/// T07: over HTTP, what an end may be, and what comes after it.
#[tokio::test]
async fn t07_an_end_is_checked_and_kept() {
    let world = World::start().await;
    let format = "Invalid expires_at format. Must be RFC3339 (e.g., 2026-12-31T23:59:59Z)";
    for (text, sentence) in [
        ("tomorrow", format),
        ("", format),
        ("2026-12-31", format),
        ("2026-04-27T09:59:59Z", "expires_at must be in the future"),
        ("2026-04-27T10:00:00Z", "expires_at must be in the future"),
        ("2026-04-27T11:30:00+02:00", "expires_at must be in the future"),
    ] {
        let answer = world
            .call("POST /api/v1/tokens", &admin(), json!({ "expires_at": text }))
            .await;
        answer.fails(400, sentence);
    }
    let wrong_type = world
        .call("POST /api/v1/tokens", &admin(), json!({ "expires_at": 1 }))
        .await;
    wrong_type.fails(400, "Invalid request body. Must be a JSON object.");
    assert!(listed(&world, &admin()).await.is_empty());
    for (text, shown) in [
        ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"),
        ("2026-12-31T23:59:59.123Z", "2026-12-31T23:59:59Z"),
        ("2027-01-01T00:59:59+01:00", "2026-12-31T23:59:59Z"),
    ] {
        let made = world
            .call("POST /api/v1/tokens", &admin(), json!({ "expires_at": text }))
            .await
            .ok(201);
        assert_eq!(made["expires_at"], shown);
    }
}

/// T08 and W-01: an id is digits and nothing else.
#[tokio::test]
async fn t08_w01_odd_ids_never_delete_anything() {
    let world = World::start().await;
    for _ in 0..3 {
        world.bearer().await;
    }
    for id in [
        "1=1",
        "1%20OR%201=1",
        "abc",
        "-1",
        "+1",
        "1.0",
        "0x1",
        "1;drop%20table%20tokens",
        "%20",
        "1%20",
        "*",
        "%D9%A1",
    ] {
        let answer = world
            .call(&format!("DELETE /api/v1/tokens/{id}"), &admin(), Value::Null)
            .await;
        answer.fails(400, "Invalid token ID");
    }
    for id in ["0", "999", "99999999999999999999999999"] {
        let answer = world
            .call(&format!("DELETE /api/v1/tokens/{id}"), &admin(), Value::Null)
            .await;
        answer.fails(404, "Token not found");
    }
    assert_eq!(listed(&world, &admin()).await.len(), 3);
}

#[tokio::test]
async fn members_are_checked() {
    let world = World::start().await;
    for (members, bad) in [(json!(["@alice:hs.test", "bob"]), "bob"), (json!([""]), "")] {
        let answer = world
            .call("POST /api/v1/tokens", &admin(), json!({ "members": members }))
            .await;
        answer.fails(400, &format!("Invalid member: '{bad}'"));
    }
    let wrong_type = world
        .call("POST /api/v1/tokens", &admin(), json!({ "members": "@alice:hs.test" }))
        .await;
    wrong_type.fails(400, "Invalid request body. Must be a JSON object.");
    assert!(listed(&world, &admin()).await.is_empty());
    world
        .call(
            "POST /api/v1/tokens",
            &admin(),
            json!({ "members": ["@alice:hs.test"] }),
        )
        .await
        .ok(201);
}

#[tokio::test]
async fn w10_a_list_shows_neither_tokens_nor_their_hashes() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    let list = world.call("GET /api/v1/tokens", &admin(), Value::Null).await;
    assert!(!list.text.contains("hash") && !list.text.contains(bearer.strip_prefix("Bearer mt_").unwrap()));
}
