//! `/api/v1/webhooks`.

use super::*;

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";

async fn listed(world: &World, bearer: &str) -> Value {
    world.call("GET /api/v1/webhooks", bearer, Value::Null).await.ok(200)
}

/// T01: the guide's webhook, key for key, and the secret this once.
#[tokio::test]
async fn t01_the_guides_webhook_is_added_changed_and_deleted() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    assert_eq!(listed(&world, &bearer).await, json!([]));
    let body = json!({ "url": "https://your-server.com/webhook" });
    let mut made = world.call("POST /api/v1/webhooks", &bearer, body).await.ok(201);
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        made,
        json!({
            "id": 1, "url": "https://your-server.com/webhook", "active": true,
            "created_at": "2026-04-27T10:00:00Z", "updated_at": "2026-04-27T10:00:00Z",
        })
    );
    assert_eq!(listed(&world, &bearer).await, json!([made]));

    world.behind.clock.advance(1000);
    let body = json!({ "url": "https://new-url.com/webhook", "active": false });
    let changed = world.call("PUT /api/v1/webhooks/1", &bearer, body).await.ok(200);
    assert_eq!(
        changed,
        json!({
            "id": 1, "url": "https://new-url.com/webhook", "active": false,
            "created_at": "2026-04-27T10:00:00Z", "updated_at": "2026-04-27T10:00:01Z",
        })
    );
    let deleted = world.call("DELETE /api/v1/webhooks/1", &bearer, Value::Null).await;
    deleted.is(200, &json!({ "message": "Webhook deleted successfully" }));
    world
        .call("DELETE /api/v1/webhooks/1", &bearer, Value::Null)
        .await
        .fails(404, "Webhook not found");
}

/// T17: a change names what it changes.
#[tokio::test]
async fn t17_absent_fields_stay_as_they_are() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    world
        .call("POST /api/v1/webhooks", &bearer, json!({ "url": "https://a.example/" }))
        .await
        .ok(201);
    let off = world
        .call("PUT /api/v1/webhooks/1", &bearer, json!({ "active": false }))
        .await
        .ok(200);
    assert_eq!(
        (&off["url"], &off["active"]),
        (&json!("https://a.example/"), &json!(false))
    );
    let moved = world
        .call(
            "PUT /api/v1/webhooks/1",
            &bearer,
            json!({ "url": "https://b.example/" }),
        )
        .await
        .ok(200);
    assert_eq!(
        (&moved["url"], &moved["active"]),
        (&json!("https://b.example/"), &json!(false))
    );
    for body in [Value::Null, json!({}), json!({ "url": null, "active": null })] {
        let same = world.call("PUT /api/v1/webhooks/1", &bearer, body).await.ok(200);
        assert_eq!(
            (&same["url"], &same["active"]),
            (&json!("https://b.example/"), &json!(false))
        );
    }
}

/// T10: webhooks belong to the identity.
#[tokio::test]
async fn t10_host_tokens_share_webhooks_and_others_see_nothing_of_them() {
    let world = World::start().await;
    let host = world.bearer().await;
    let url = json!({ "url": "https://a.example/" });
    world.call("POST /api/v1/webhooks", &host, url.clone()).await.ok(201);
    let shared = world
        .call("POST /api/v1/tokens", &admin(), json!({ "use_host": true }))
        .await
        .ok(201);
    let shared = format!("Bearer {}", shared["token"].as_str().unwrap());
    let stranger = world.bearer().await;
    assert_eq!(listed(&world, &shared).await, listed(&world, &host).await);
    assert_eq!(listed(&world, &stranger).await, json!([]));
    let taken = world.call("POST /api/v1/webhooks", &shared, url.clone()).await;
    taken.fails(409, "Webhook URL already exists for this user");
    world
        .call("PUT /api/v1/webhooks/1", &stranger, json!({ "active": false }))
        .await
        .fails(404, "Webhook not found");
    world
        .call("DELETE /api/v1/webhooks/1", &stranger, Value::Null)
        .await
        .fails(404, "Webhook not found");
    world.call("POST /api/v1/webhooks", &stranger, url).await.ok(201);
    assert_eq!(listed(&world, &host).await[0]["active"], true);
}

const EVENTS: &str = "Invalid events: there are only message.created, device.updated";

/// Bad input: exact texts, and nothing changed.
#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_text_and_changes_nothing() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    for url in ["https://a.example/", "https://b.example/"] {
        world
            .call("POST /api/v1/webhooks", &bearer, json!({ "url": url }))
            .await
            .ok(201);
    }
    let before = listed(&world, &bearer).await;
    for (body, status, sentence) in [
        (Value::Null, 400, "Missing required field: url"),
        (json!({ "url": " " }), 400, "Missing required field: url"),
        (json!({ "url": 1 }), 400, BAD_BODY),
        (json!([]), 400, BAD_BODY),
        (json!({ "url": "/path" }), 400, "Invalid URL format"),
        (json!({ "url": "ftp://a.example/" }), 400, "Invalid URL format"),
        (json!({ "url": "https://" }), 400, "Invalid URL format"),
        (
            json!({ "url": "https://a.example/", "events": ["gossip"] }),
            400,
            EVENTS,
        ),
        (json!({ "url": "https://a.example/", "events": [] }), 400, EVENTS),
        (
            json!({ "url": "https://a.example/" }),
            409,
            "Webhook URL already exists for this user",
        ),
    ] {
        world
            .call("POST /api/v1/webhooks", &bearer, body)
            .await
            .fails(status, sentence);
    }
    for (body, status, sentence) in [
        (json!({ "url": "" }), 400, "URL cannot be empty"),
        (json!({ "url": " " }), 400, "URL cannot be empty"),
        (json!({ "url": "a.example" }), 400, "Invalid URL format"),
        (json!({ "active": 1 }), 400, BAD_BODY),
        (json!({ "events": ["message.created", "x"] }), 400, EVENTS),
        (
            json!({ "url": "https://b.example/" }),
            409,
            "Webhook URL already exists for this user",
        ),
    ] {
        world
            .call("PUT /api/v1/webhooks/1", &bearer, body)
            .await
            .fails(status, sentence);
    }
    for id in ["abc", "-1", "1=1", "4294967296", "1.5", "%20", "+1"] {
        for method in ["PUT", "DELETE"] {
            let answer = world
                .call(&format!("{method} /api/v1/webhooks/{id}"), &bearer, Value::Null)
                .await;
            answer.fails(400, "Invalid webhook ID");
        }
    }
    for id in ["0", "999", "4294967295"] {
        for method in ["PUT", "DELETE"] {
            let answer = world
                .call(&format!("{method} /api/v1/webhooks/{id}"), &bearer, Value::Null)
                .await;
            answer.fails(404, "Webhook not found");
        }
    }
    world
        .raw("PUT /api/v1/webhooks/1", &bearer, Some("application/json"), "{")
        .await
        .fails(400, BAD_BODY);
    assert_eq!(listed(&world, &bearer).await, before);
}
