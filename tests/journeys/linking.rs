//! From nothing to a device: by QR over the WebSocket. By chat: see `bot`.

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite;

use crate::support::{
    database::Engine,
    rest::Frame,
    waiting::{SOON, eventually},
    world::{OWNER, World, link},
};

on_both_engines! {
    /// T11, B80: linked is said by closing, and the device is listed by then.
    async fn a_phone_that_scans_becomes_a_device(engine: Engine) {
        let world = World::start(engine).await;
        let rest = world.rest.new_token(&[]).await;
        assert_eq!(rest.call(Method::GET, "/api/v1/devices", None).await, (200, json!([])));
        link(&rest, &world.whatsapp.phone(OWNER, "Owner")).await;
    }
}

/// T11: any number of sockets see the same codes, and a second request keeps the attempt that runs.
#[tokio::test(flavor = "multi_thread")]
async fn two_sockets_show_the_same_code() {
    let world = World::start(Engine::Sqlite).await;
    let rest = world.rest.new_token(&[]).await;
    let mut first = rest.links().await;
    let code = first.code().await;
    let mut second = rest.links().await;
    assert_eq!(second.code().await, code);
    world.whatsapp.phone(OWNER, "Owner").scans(&code).unwrap();
    first.is_linked().await;
    second.is_linked().await;
}

/// T11
#[tokio::test(flavor = "multi_thread")]
async fn without_an_attempt_the_socket_says_so_and_closes() {
    let world = World::start(Engine::Sqlite).await;
    let rest = world.rest.new_token(&[]).await;
    let url = format!(
        "{}/api/v1/devices/qr-code?token={}",
        world.wharf.url().replace("http", "ws"),
        rest.token()
    );
    let mut socket = crate::support::rest::Codes::open(&url).await;
    let text = "Error: You have no pending devices to add. Add a device and try again.";
    assert_eq!(socket.next().await, Frame::Text(text.into()));
    assert!(matches!(socket.next().await, Frame::Closed(_)));
}

/// T11: a wrong token is answered before the upgrade, as JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_with_a_wrong_token_is_not_opened() {
    let world = World::start(Engine::Sqlite).await;
    let base = world.wharf.url().replace("http", "ws");
    for (query, status) in [
        ("", 401),
        ("?token=", 401),
        ("?token=nonsense", 401),
        ("?token=mt_unknown", 403),
    ] {
        let url = format!("{base}/api/v1/devices/qr-code{query}");
        let Err(tungstenite::Error::Http(answer)) = tokio_tungstenite::connect_async(url).await else {
            panic!("{query} was let in")
        };
        assert_eq!(answer.status(), status, "{query}");
        let body: serde_json::Value = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap();
        assert!(body["error"].is_string(), "{body}");
    }
}

/// The session is stored: a device lives on after a restart without anybody's help, by a shorter handshake.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_comes_back_to_life_after_a_restart() {
    let mut world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    world.wharf.stops().await;
    eventually("the device is gone", SOON, || async {
        (world.whatsapp.connections(OWNER) == 0).then_some(())
    })
    .await;
    world.wharf.start().await;
    world.whatsapp.waits_for_connections(OWNER, 1, SOON).await.unwrap();
    assert_eq!(linked.phone.companions().len(), 1);
}

/// B81: a device that the phone removed says so, and the metric too.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_the_phone_removed_is_logged_out() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    linked.phone.unlinks_all();
    eventually("the metric says logged out", SOON, || async {
        let metrics = world.rest.metrics().await?;
        metrics.contains("wharf_devices{link=\"logged out\"} 1").then_some(())
    })
    .await;
}

/// A device that is deleted by REST is unlinked at WhatsApp too.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_device_is_unlinked_at_whatsapp() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let wrong = json!({ "platform": "wa", "device_id": "15550000000" });
    let (status, answer) = linked.rest.call(Method::DELETE, "/api/v1/devices", Some(wrong)).await;
    assert_eq!((status, answer), (404, json!({ "error": "Device not found" })));
    let body = json!({ "platform": "wa", "device_id": OWNER });
    let (status, answer) = linked.rest.call(Method::DELETE, "/api/v1/devices", Some(body)).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "message": "Device deleted successfully" }))
    );
    assert_eq!(
        linked.rest.call(Method::GET, "/api/v1/devices", None).await.1,
        json!([])
    );
    linked.phone.waits_for_companions(0, SOON).await.unwrap();
}
