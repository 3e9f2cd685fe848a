//! `GET /api/v1/devices/qr-code`, over a real socket.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};
use tungstenite::Message;

use super::*;
use crate::bridge::{LinkAnswer, testing::LinkStep};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn serve(world: &World) -> SocketAddr {
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
    assert_eq!(next(&mut socket).await, "close 1009 too large");
}

/// Reads nothing and answers no ping: the socket of somebody who went away without a word.
#[tokio::test]
async fn a_socket_that_answers_no_ping_is_let_go() {
    let world = World::with(Config {
        ping: 1,
        ..Config::default()
    })
    .await;
    let address = serve(&world).await;
    let bearer = world.bearer().await;
    world
        .call("POST /api/v1/devices", &bearer, json!({ "platform": "wa" }))
        .await
        .ok(201);
    let mut client = TcpStream::connect(address).await.unwrap();
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let request = format!(
        "GET /api/v1/devices/qr-code?token={token} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let ends = tokio::time::timeout(Duration::from_secs(20), client.read_to_end(&mut said));
    ends.await.expect("the socket ends").unwrap();
    assert!(said.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&said));
    // An empty ping, as RFC 6455 (5.5.2) writes it.
    assert!(said.windows(2).any(|two| two == [0x89, 0]), "it was asked before");
}

/// The steps that are no codes to draw are told to those who ask for them; others hear where to go on.
#[tokio::test]
async fn t11_b80_a_passkey_is_told_to_those_who_want_all_steps() {
    let (world, address, token) = linking().await;
    let mut old = open(address, &token).await;
    let mut new = open(address, &format!("{token}&steps=true")).await;
    let request = r#"{"challenge":"eA"}"#;
    world.network.shows(LinkStep::Passkey {
        request: request.into(),
    });
    loop {
        match next(&mut old).await.as_str() {
            words if words.starts_with("Error: WhatsApp asks for a passkey. ") => break,
            code => assert!(code.starts_with("2@") || code.starts_with("fake"), "{code}"),
        }
    }
    assert_eq!(next(&mut old).await, "close 4500 passkey");
    let step = loop {
        let said = next(&mut new).await;
        if let Ok(step) = serde_json::from_str::<Value>(&said) {
            break step;
        }
    };
    assert_eq!(step["passkey"]["request"], json!({ "challenge": "eA" }));
    assert!(step["passkey"]["line"].as_str().unwrap().contains(request));
    let bearer = format!("Bearer {token}");
    let answer = json!({ "answer": { "id": "a2V5" } });
    world
        .call("POST /api/v1/devices/linking/passkey", &bearer, answer)
        .await
        .ok(200);
    world.network.shows(LinkStep::Compare {
        code: "ABCD-1234".into(),
    });
    assert_eq!(next(&mut new).await, r#"{"step":"compare","code":"ABCD-1234"}"#);
    world
        .call("POST /api/v1/devices/linking/confirm", &bearer, Value::Null)
        .await
        .ok(200);
    let given = [LinkAnswer::Passkey(r#"{"id":"a2V5"}"#.into()), LinkAnswer::Same];
    assert_eq!(world.network.answers(), given);
    world.network.links_with("15550001111").unwrap();
    assert_eq!(next(&mut new).await, "close 1000 linked");
    for (path, body) in [("passkey", json!({ "answer": "x" })), ("confirm", Value::Null)] {
        let line = format!("POST /api/v1/devices/linking/{path}");
        world
            .call(&line, &bearer, body)
            .await
            .fails(404, "Linking attempt not found");
    }
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
