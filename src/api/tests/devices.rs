//! `/api/v1/devices`.

use super::*;
use crate::model::Work;

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";

/// T01: the guide's way to a device.
#[tokio::test]
async fn t01_linking_begins_with_the_address_of_the_codes() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let expected = json!({
        "message": "Scan the QR code to link your device",
        "qr_code_url": format!("ws://localhost:8080/api/v1/devices/qr-code?token={token}"),
    });
    world
        .call("POST /api/v1/devices", &bearer, json!({ "platform": "wa" }))
        .await
        .is(201, &expected);
    until(async || world.network.open_attempts() == 1).await;
    // The same again keeps the attempt that runs.
    world
        .call("POST /api/v1/devices", &bearer, json!({ "platform": "wa" }))
        .await
        .is(201, &expected);
    assert_eq!(world.network.open_attempts(), 1);
}

#[tokio::test]
async fn the_address_of_the_codes_is_the_one_the_client_knows() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/devices")
        .header("authorization", &bearer)
        .header("host", "bridge.example")
        .header("x-forwarded-proto", "https")
        .body(Body::from(r#"{"platform":"wa"}"#))
        .unwrap();
    let answer = world.send(request).await.ok(201);
    let url = answer["qr_code_url"].as_str().unwrap();
    assert!(
        url.starts_with("wss://bridge.example/api/v1/devices/qr-code?token=mt_"),
        "{url}"
    );
}

/// T09: the devices as Authy reads them, without a body but with a content type.
#[tokio::test]
async fn t09_devices_are_listed_oldest_first() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    let list = async || {
        world
            .raw("GET /api/v1/devices", &bearer, Some("application/json"), "")
            .await
    };
    list().await.is(200, &json!([]));
    world.device(&bearer, "15550002222").await;
    world.behind.clock.advance(1000);
    world.device(&bearer, "15550001111").await;
    let expected = json!([
        { "platform": "wa", "device_id": "15550002222" }, { "platform": "wa", "device_id": "15550001111" },
    ]);
    list().await.is(200, &expected);
}

/// T10: devices belong to the identity.
#[tokio::test]
async fn t10_host_tokens_share_devices_and_others_see_nothing_of_them() {
    let world = World::start().await;
    let host = world.bearer().await;
    world.device(&host, "15550001111").await;
    let shared = world
        .call("POST /api/v1/tokens", &admin(), json!({ "use_host": true }))
        .await
        .ok(201);
    let shared = format!("Bearer {}", shared["token"].as_str().unwrap());
    let stranger = world.bearer().await;
    let one = json!([{ "platform": "wa", "device_id": "15550001111" }]);
    world
        .call("GET /api/v1/devices", &shared, Value::Null)
        .await
        .is(200, &one);
    world
        .call("GET /api/v1/devices", &stranger, Value::Null)
        .await
        .is(200, &json!([]));

    let body = json!({ "device_id": "15550001111", "platform": "wa" });
    world
        .call("DELETE /api/v1/devices", &stranger, body.clone())
        .await
        .fails(404, "Device not found");
    world
        .call("GET /api/v1/devices", &host, Value::Null)
        .await
        .is(200, &one);
    let deleted = world.call("DELETE /api/v1/devices", &shared, body.clone()).await;
    deleted.is(200, &json!({ "message": "Device deleted successfully" }));
    world
        .call("GET /api/v1/devices", &host, Value::Null)
        .await
        .is(200, &json!([]));
    world
        .call("DELETE /api/v1/devices", &host, body)
        .await
        .fails(404, "Device not found");
    let jobs = world.behind.take_jobs().await;
    assert!(matches!(jobs.as_slice(), [Work::Unlink { .. }]), "{jobs:?}");
}

/// Bad input: exact texts, and nothing begins or ends.
#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_text_and_changes_nothing() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    world.device(&bearer, "15550001111").await;
    let missing_platform = "Missing required field: platform";
    for (body, sentence) in [
        (Value::Null, missing_platform),
        (json!({ "platform": " " }), missing_platform),
        (json!({ "platform": null }), missing_platform),
        (json!({ "platform": "signal" }), "Unsupported platform: signal"),
        (json!({ "platform": "WA" }), "Unsupported platform: WA"),
        (json!({ "platform": 1 }), BAD_BODY),
        (json!([]), BAD_BODY),
    ] {
        world
            .call("POST /api/v1/devices", &bearer, body)
            .await
            .fails(400, sentence);
    }
    for (body, status, sentence) in [
        (Value::Null, 400, "Missing required field: device_id"),
        (
            json!({ "device_id": " ", "platform": "wa" }),
            400,
            "Missing required field: device_id",
        ),
        (json!({ "device_id": "15550001111" }), 400, missing_platform),
        (
            json!({ "device_id": "15550001111", "platform": "tg" }),
            400,
            "Unsupported platform: tg",
        ),
        (
            json!({ "device_id": 15_550_001_111_u64, "platform": "wa" }),
            400,
            BAD_BODY,
        ),
        (
            json!({ "device_id": "15550009999", "platform": "wa" }),
            404,
            "Device not found",
        ),
        (
            json!({ "device_id": "1555000111_", "platform": "wa" }),
            404,
            "Device not found",
        ),
    ] {
        world
            .call("DELETE /api/v1/devices", &bearer, body)
            .await
            .fails(status, sentence);
    }
    world
        .raw("DELETE /api/v1/devices", &bearer, Some("application/json"), "{")
        .await
        .fails(400, BAD_BODY);
    assert_eq!(world.network.open_attempts(), 0);
    let one = json!([{ "platform": "wa", "device_id": "15550001111" }]);
    world
        .call("GET /api/v1/devices", &bearer, Value::Null)
        .await
        .is(200, &one);
    assert!(world.behind.take_jobs().await.is_empty());
}

#[tokio::test]
async fn a_plus_before_the_number_is_not_part_of_it() {
    let world = World::start().await;
    let bearer = world.bearer().await;
    world.device(&bearer, "15550001111").await;
    let body = json!({ "device_id": "+15550001111", "platform": "wa" });
    world.call("DELETE /api/v1/devices", &bearer, body).await.ok(200);
}
