//! What the console shows beyond the frozen API, and the page itself: deliveries, devices, linking by a code. The session
//! in front of it is tested in `admin`.

use super::*;
use crate::model::{ContactId, Delivery, DeliveryId, Timestamp, WebhookId};

async fn delivery(world: &World, webhook: i64) -> DeliveryId {
    let delivery = Delivery {
        id: DeliveryId::generate(),
        webhook: WebhookId(webhook),
        contact: Some(ContactId::from_adapter("15550001111@s.whatsapp.net")),
        created_at: Timestamp::from_secs(1),
        body: "{}".into(),
        media: None,
    };
    let mut tx = world.behind.store.begin().await.unwrap();
    tx.insert_delivery(&delivery, "$event").await.unwrap();
    tx.delivery_ends(
        (delivery.id, delivery.webhook),
        bridge::DeliveryState::Failed,
        Some("the receiver refused with status 400"),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    delivery.id
}

#[tokio::test]
async fn deliveries_are_shown_and_sent_again_to_their_owner_alone() {
    let world = World::start().await;
    let (mine, theirs) = (world.bearer().await, world.bearer().await);
    let url = json!({ "url": "https://a.example/hook" });
    let hook = world.call("POST /api/v1/webhooks", &mine, url).await.ok(201);
    let hook = hook["id"].as_i64().unwrap();
    let id = delivery(&world, hook).await;
    let list = format!("GET /api/v1/webhooks/{hook}/deliveries");
    let again = format!("POST /api/v1/webhooks/{hook}/deliveries/{id}/redeliver");

    world
        .call(&list, &theirs, Value::Null)
        .await
        .fails(404, "Webhook not found");
    world
        .call(&again, &theirs, Value::Null)
        .await
        .fails(404, "Webhook not found");
    let shown = world.call(&list, &mine, Value::Null).await.ok(200);
    assert_eq!(shown[0]["status"], "failed");
    assert_eq!(shown[0]["error"], "the receiver refused with status 400");
    let begun = world.call(&again, &mine, Value::Null).await.ok(200);
    assert_eq!(
        (begun["status"].as_str(), begun["id"].as_str()),
        (Some("waiting"), Some(&*id.to_string()))
    );
    // Once more changes nothing: one job.
    world.call(&again, &mine, Value::Null).await.ok(200);
    assert_eq!(world.behind.take_jobs().await.len(), 1);

    for (line, sentence) in [
        (
            format!("POST /api/v1/webhooks/{hook}/deliveries/nothing/redeliver"),
            "Delivery not found",
        ),
        (
            format!(
                "POST /api/v1/webhooks/{hook}/deliveries/{}/redeliver",
                DeliveryId::generate()
            ),
            "Delivery not found",
        ),
    ] {
        world.call(&line, &mine, Value::Null).await.fails(404, sentence);
    }
    let mut tx = world.behind.store.begin().await.unwrap();
    tx.delivery_ends((id, WebhookId(hook)), bridge::DeliveryState::Delivered, None)
        .await
        .unwrap();
    tx.forget_payloads("$event").await.unwrap();
    tx.commit().await.unwrap();
    world
        .call(&again, &mine, Value::Null)
        .await
        .fails(422, "The message was taken back; there is nothing to send.");
}

#[tokio::test]
async fn a_device_reports_to_its_owner_alone() {
    let world = World::start().await;
    let (mine, theirs) = (world.bearer().await, world.bearer().await);
    world.device(&mine, "15550001111").await;
    let path = "GET /api/v1/devices/+15550001111";
    // It is listed a moment before it is known to be connected.
    until(async || world.call(path, &mine, Value::Null).await.ok(200)["logged_in"] == true).await;
    let report = world.call(path, &mine, Value::Null).await.ok(200);
    assert_eq!(report["device_id"], "15550001111");
    assert_eq!((&report["waiting"], &report["traffic"]), (&json!(0), &json!([])));
    world
        .call(path, &theirs, Value::Null)
        .await
        .fails(404, "Device not found");
}

#[tokio::test]
async fn linking_by_code_takes_the_place_of_linking_by_qr() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    let link = async |body: Value| world.call("POST /api/v1/devices", &bearer, body).await;
    link(json!({ "platform": "wa", "phone": "+1 (555) x" }))
        .await
        .fails(400, "Invalid phone: a whole number with its country, as +15550001111");
    link(json!({ "platform": "wa" })).await.ok(201);
    until(async || world.network.open_attempts() == 1).await;
    let begun = link(json!({ "platform": "wa", "phone": "+1 (555) 000-1111" }))
        .await
        .ok(201);
    assert_eq!(begun["message"], "Type the code into your phone to link your device");
    assert!(
        begun["pairing"]["code"].is_string() && begun["pairing"]["expires_at"].is_string(),
        "{begun}"
    );
    until(async || world.network.open_attempts() == 1).await;
    world
        .call("DELETE /api/v1/devices/linking", &bearer, Value::Null)
        .await
        .ok(200);
    until(async || world.network.open_attempts() == 0).await;
    // Nothing to give up is fine as well.
    world
        .call("DELETE /api/v1/devices/linking", &bearer, Value::Null)
        .await
        .ok(200);
    let steps = world.call("GET /api/v1/devices/linking", &bearer, Value::Null).await;
    assert!(steps.text.contains("No device is being linked."), "{}", steps.text);
}

/// The page and its rules for the browser.
#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let world = World::start().await;
    for path in [
        "/admin",
        "/admin/",
        "/admin/index.html",
        "/admin/console.js",
        "/admin/console.css",
    ] {
        let answer = world.call(&format!("GET {path}"), "", Value::Null).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; "),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        let tag = answer.headers["etag"].clone();
        let request = Request::builder().uri(path).header("if-none-match", tag);
        let again = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    }
    world
        .call("GET /admin/nothing.js", "", Value::Null)
        .await
        .fails(404, "Not Found");
    world
        .call("GET /admin/../mod.rs", "", Value::Null)
        .await
        .fails(404, "Not Found");
}

#[tokio::test]
async fn the_live_view_names_the_field_that_makes_no_sense() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    for value in ["x", "1", "", "TRUE"] {
        world
            .call(&format!("GET /api/v1/live?bodies={value}"), &bearer, Value::Null)
            .await
            .fails(400, "Invalid bodies: true or false");
    }
}
