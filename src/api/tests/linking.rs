//! `GET /api/v1/devices/qr-code`, over a real socket.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};
use tungstenite::Message;

use super::*;
use crate::bridge::testing::LinkStep;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = world.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn open(address: SocketAddr, token: &str) -> Socket {
    connect_async(format!("ws://{address}/api/v1/devices/qr-code?token={token}"))
        .await
        .unwrap()
        .0
}

/// What comes next: the words of a text frame, or `close CODE REASON`.
async fn next(socket: &mut Socket) -> String {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(10), socket.next())
            .await
            .expect("a frame in time");
        match frame.expect("a frame before the end").unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(Some(close)) => return format!("close {} {}", u16::from(close.code), close.reason),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn qr(code: &str) -> LinkStep {
    LinkStep::Qr {
        code: code.into(),
        valid_for: Duration::from_mins(1),
    }
}

/// A door with a linking attempt that runs.
async fn linking() -> (World, SocketAddr, String) {
    let world = World::start().await;
    let address = serve(&world).await;
    let bearer = world.bearer().await;
    world
        .call("POST /api/v1/devices", &bearer, json!({ "platform": "wa" }))
        .await
        .ok(201);
    until(async || world.network.open_attempts() == 1).await;
    let token = bearer.strip_prefix("Bearer ").unwrap().to_owned();
    (world, address, token)
}

/// T11: the current code at once, then each new one, to every socket; success is a close without words.
#[tokio::test]
async fn t11_w06_every_socket_sees_the_current_code_and_each_new_one() {
    let (world, address, token) = linking().await;
    let mut early = open(address, &token).await;
    world.network.shows(qr("2@first"));
    let first = next(&mut early).await;
    let first = if first == "2@first" {
        first
    } else {
        next(&mut early).await
    };
    assert_eq!(first, "2@first");
    let mut late = open(address, &token).await;
    assert_eq!(next(&mut late).await, "2@first");
    world.network.shows(qr("2@second"));
    for socket in [&mut early, &mut late] {
        assert_eq!(next(socket).await, "2@second");
    }
    world.network.links_with("15550001111").unwrap();
    for socket in [&mut early, &mut late] {
        assert_eq!(next(socket).await, "close 1000 linked");
    }
    // The device is there before the socket closes: clients look at once.
    let devices = world
        .call("GET /api/v1/devices", &format!("Bearer {token}"), Value::Null)
        .await;
    devices.is(200, &json!([{ "platform": "wa", "device_id": "15550001111" }]));
}

/// T11: whatever goes wrong says so before it closes.
#[tokio::test]
async fn t11_w06_an_end_without_a_device_says_why() {
    for (step, words, close) in [
        (
            LinkStep::Expired,
            "Error: QR code expired. Add the device again.",
            "close 4408 expired",
        ),
        (
            LinkStep::Failed {
                reason: "The phone said no.".into(),
            },
            "Error: The phone said no.",
            "close 4500 failed",
        ),
    ] {
        let (world, address, token) = linking().await;
        let mut socket = open(address, &token).await;
        world.network.shows(qr("2@code"));
        while next(&mut socket).await != "2@code" {}
        world.network.shows(step);
        assert_eq!(next(&mut socket).await, words);
        assert_eq!(next(&mut socket).await, close);
    }
}

#[tokio::test]
async fn without_an_attempt_there_is_nothing_to_show() {
    let world = World::start().await;
    let address = serve(&world).await;
    let bearer = world.bearer().await;
    let mut socket = open(address, bearer.strip_prefix("Bearer ").unwrap()).await;
    let words = "Error: You have no pending devices to add. Add a device and try again.";
    assert_eq!(next(&mut socket).await, words);
    assert!(next(&mut socket).await.starts_with("close 4500"));
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let (world, address, token) = linking().await;
    let mut socket = open(address, &token).await;
    world.network.shows(qr("2@code"));
    while next(&mut socket).await != "2@code" {}
    world.stop.cancel();
    assert_eq!(next(&mut socket).await, "close 1001 shutting down");
}

#[tokio::test]
async fn a_token_that_is_deleted_ends_its_sockets() {
    let (world, address, token) = linking().await;
    let mut socket = open(address, &token).await;
    world.network.shows(qr("2@code"));
    while next(&mut socket).await != "2@code" {}
    world
        .call("DELETE /api/v1/tokens/1", &admin(), Value::Null)
        .await
        .ok(200);
    assert_eq!(next(&mut socket).await, "Error: Your token is no longer valid.");
    assert_eq!(next(&mut socket).await, "close 4403 token revoked");
}

#[tokio::test]
async fn what_clients_say_is_ignored_unless_it_is_large() {
    let (world, address, token) = linking().await;
    let mut socket = open(address, &token).await;
    socket.send(Message::text("hello")).await.unwrap();
    socket.send(Message::binary(vec![0; 1024])).await.unwrap();
    world.network.shows(qr("2@code"));
    while next(&mut socket).await != "2@code" {}
    socket.send(Message::text("x".repeat(2000))).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(10), async {
        while let Some(Ok(_)) = socket.next().await {}
    });
    end.await.expect("the socket ends");
}

/// T11: no upgrade for a stranger.
#[tokio::test]
async fn t11_a_bad_token_is_refused_before_the_upgrade() {
    let world = World::start().await;
    let address = serve(&world).await;
    for (query, status) in [("", 401), ("?token=abc", 401), ("?token=mt_abc", 403)] {
        let error = connect_async(format!("ws://{address}/api/v1/devices/qr-code{query}"))
            .await
            .unwrap_err();
        let tungstenite::Error::Http(response) = error else {
            panic!("{error}")
        };
        assert_eq!(response.status().as_u16(), status);
    }
}
