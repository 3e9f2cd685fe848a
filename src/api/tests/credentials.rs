//! `/api/v1/credentials`.

use super::*;

const PATH: &str = "/api/v1/credentials";

async fn listed(world: &World) -> Value {
    world
        .call("GET /api/v1/credentials", &admin(), Value::Null)
        .await
        .ok(200)
}

/// T01: the guide's own example, key for key.
#[tokio::test]
async fn t01_the_guides_credential_is_created_updated_and_deleted() {
    let world = World::start().await;
    let body = json!({ "client_id": "my-app", "description": "Production API client" });
    let made = world.call("POST /api/v1/credentials", &admin(), body).await.ok(201);
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    let mut credential = json!({
        "client_id": "my-app", "role": "user", "scopes": [], "description": "Production API client", "active": true,
        "created_at": "2026-04-27T10:00:00Z", "updated_at": "2026-04-27T10:00:00Z",
    });
    assert_eq!(
        made,
        json!({
            "message": "Credential created successfully", "credential": credential, "client_secret": secret,
        })
    );
    assert_eq!(secret.len(), 44);

    world.behind.clock.advance(61_000);
    let body = json!({
        "description": "Updated description", "active": true,
        "scopes": ["tokens:read:*", "tokens:write:create", "tokens:write:delete"],
    });
    credential["description"] = body["description"].clone();
    credential["scopes"] = body["scopes"].clone();
    credential["updated_at"] = json!("2026-04-27T10:01:01Z");
    let changed = world.call("PUT /api/v1/credentials/my-app", &admin(), body).await;
    changed.is(
        200,
        &json!({ "message": "Credential updated successfully", "credential": credential }),
    );

    let all = listed(&world).await;
    assert_eq!(all[0]["client_id"], "admin");
    assert_eq!(all[0]["role"], "super_admin");
    assert_eq!(all[0]["scopes"], json!(["*"]));
    assert_eq!(all[1], credential);

    let deleted = world
        .call("DELETE /api/v1/credentials/my-app", &admin(), Value::Null)
        .await;
    deleted.is(200, &json!({ "message": "Credential deleted successfully" }));
    let again = world
        .call("DELETE /api/v1/credentials/my-app", &admin(), Value::Null)
        .await;
    again.fails(404, "Credential not found");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let world = World::start().await;
    world.credential("app", None).await;
    let path = "PUT /api/v1/credentials/app";
    let before = listed(&world).await[1].clone();
    for body in [
        Value::Null,
        json!({}),
        json!({ "scopes": null, "active": null, "unknown": 1 }),
    ] {
        let same = world.call(path, &admin(), body).await.ok(200);
        assert_eq!(same["credential"], before);
        assert!(same.get("client_secret").is_none());
    }
    let off = world.call(path, &admin(), json!({ "active": false })).await.ok(200);
    assert_eq!(off["credential"]["active"], false);
    assert_eq!(off["credential"]["description"], before["description"]);
    let renewed = world
        .call(path, &admin(), json!({ "regenerate_secret": true, "active": true }))
        .await
        .ok(200);
    let header = basic("app", renewed["client_secret"].as_str().unwrap());
    world
        .call("GET /api/v1/tokens", &header, Value::Null)
        .await
        .is(200, &json!([]));
    let empty = world.call(path, &admin(), json!({ "scopes": [] })).await.ok(200);
    let shown = &empty["credential"];
    assert_eq!((&shown["scopes"], &shown["without_scopes"]), (&json!([]), &json!(true)));
    world
        .call("GET /api/v1/tokens", &header, Value::Null)
        .await
        .fails(403, "insufficient permissions");
}

#[tokio::test]
async fn names_are_taken_from_the_path_as_they_are_written_there() {
    let world = World::start().await;
    world.credential("my app/ü", None).await;
    world
        .call(
            "PUT /api/v1/credentials/my%20app%2F%C3%BC",
            &admin(),
            json!({ "active": false }),
        )
        .await
        .ok(200);
    world
        .call("PUT /api/v1/credentials/my%20app", &admin(), json!({}))
        .await
        .fails(404, "Credential not found");
}

/// Bad input: exact texts, and nothing changed.
#[tokio::test]
async fn what_cannot_be_done_is_refused_with_its_text_and_changes_nothing() {
    let world = World::start().await;
    world.credential("app", None).await;
    let before = listed(&world).await;
    let not_object = "Invalid request body. Must be a JSON object.";
    let post = format!("POST {PATH}");
    for (body, sentence) in [
        (json!({}), "missing required field: client_id"),
        (json!({ "client_id": "" }), "missing required field: client_id"),
        (json!({ "client_id": null }), "missing required field: client_id"),
        (json!({ "client_id": 1 }), not_object),
        (json!({ "client_id": "x", "description": [] }), not_object),
        (json!([]), not_object),
        (json!("text"), not_object),
        (json!({ "client_id": "a:b" }), "Invalid client_id: must not contain ':'"),
        (json!({ "client_id": "  " }), "Invalid client_id: must not be blank"),
        (
            json!({ "client_id": "a\u{1}" }),
            "Invalid client_id: must not contain control characters",
        ),
        (
            json!({ "client_id": "a".repeat(129) }),
            "Invalid client_id: must not be longer than 128 characters",
        ),
    ] {
        world.call(&post, &admin(), body).await.fails(400, sentence);
    }
    let taken = world.call(&post, &admin(), json!({ "client_id": "app" })).await;
    taken.fails(409, "Credential with client_id 'app' already exists");
    world
        .raw(&post, &admin(), Some("application/json"), "{")
        .await
        .fails(400, not_object);
    world
        .raw(&post, &admin(), Some("text/plain"), r#"{"client_id":"b"}"#)
        .await
        .fails(400, not_object);

    let put = "PUT /api/v1/credentials/app";
    for body in [
        json!({ "active": "yes" }),
        json!({ "scopes": "*" }),
        json!({ "scopes": [1] }),
        json!([1]),
    ] {
        world.call(put, &admin(), body).await.fails(400, "Invalid request body");
    }
    world
        .call(put, &admin(), json!({ "scopes": ["a b"] }))
        .await
        .fails(400, "Invalid scope: 'a b'");
    world
        .call("PUT /api/v1/credentials/nobody", &admin(), json!({}))
        .await
        .fails(404, "Credential not found");
    for (body, sentence) in [
        (json!({ "active": false }), "Cannot deactivate super admin credentials"),
        (
            json!({ "regenerate_secret": true }),
            "Cannot regenerate secret for super admin credentials",
        ),
        (
            json!({ "scopes": ["*"] }),
            "Cannot modify scopes of super admin credentials",
        ),
    ] {
        world
            .call("PUT /api/v1/credentials/admin", &admin(), body)
            .await
            .fails(403, sentence);
    }
    let delete = world
        .call("DELETE /api/v1/credentials/admin", &admin(), Value::Null)
        .await;
    delete.fails(403, "Cannot delete super admin credentials");
    assert_eq!(listed(&world).await, before);
}

/// T18: over HTTP, Basic and Bearer end in the same moment.
#[tokio::test]
async fn t18_a_credential_that_is_switched_off_or_deleted_ends_its_tokens() {
    let world = World::start().await;
    let app = world.credential("app", None).await;
    let token = world.call("POST /api/v1/tokens", &app, Value::Null).await.ok(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    world
        .call("GET /api/v1/devices", &bearer, Value::Null)
        .await
        .is(200, &json!([]));
    world
        .call("PUT /api/v1/credentials/app", &admin(), json!({ "active": false }))
        .await
        .ok(200);
    world
        .call("GET /api/v1/tokens", &app, Value::Null)
        .await
        .fails(401, "invalid credentials");
    world
        .call("GET /api/v1/devices", &bearer, Value::Null)
        .await
        .fails(403, "invalid or expired token");
    world
        .call("PUT /api/v1/credentials/app", &admin(), json!({ "active": true }))
        .await
        .ok(200);
    world
        .call("GET /api/v1/devices", &bearer, Value::Null)
        .await
        .is(200, &json!([]));
    world
        .call("DELETE /api/v1/credentials/app", &admin(), Value::Null)
        .await
        .ok(200);
    world
        .call("GET /api/v1/tokens", &app, Value::Null)
        .await
        .fails(401, "invalid credentials");
    world
        .call("GET /api/v1/devices", &bearer, Value::Null)
        .await
        .fails(403, "invalid or expired token");
}
