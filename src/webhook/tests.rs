//! Attempts against a receiver on this machine.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::model::{Clock, DeliveryId, Timestamp};

/// Answers every request with the same words and keeps what it was sent.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                while !whole(&bytes) {
                    let n = socket.read(&mut chunk).await.unwrap_or(0);
                    bytes.extend_from_slice(&chunk[..n]);
                    if n == 0 {
                        break;
                    }
                }
                kept.lock().unwrap().push(String::from_utf8(bytes).unwrap());
                if answer.is_empty() {
                    // Says nothing until the client hangs up.
                    let _ = socket.read(&mut chunk).await;
                } else {
                    let _ = socket.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}

fn local() -> Webhooks {
    Webhooks::new(&Config {
        allow_loopback: true,
        timeout: 2,
        ..Config::default()
    })
    .unwrap()
}

fn now() -> Timestamp {
    Clock::System.now()
}

async fn attempt(answer: &'static str) -> Result<(), Error> {
    let receiver = Receiver::answering(answer).await;
    local()
        .deliver(
            &receiver.url(),
            &new_secret(),
            DeliveryId::generate(),
            now(),
            "{}".into(),
        )
        .await
}

#[tokio::test]
async fn a_delivery_is_posted_with_headers_that_the_standard_library_verifies() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (secret, id) = (new_secret(), DeliveryId::generate());
    local()
        .deliver(&receiver.url(), &secret, id, now(), r#"{"message":"Grüße"}"#.into())
        .await
        .unwrap();

    let requests = receiver.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"message":"Grüße"}"#);
    assert!(head.starts_with("POST /in HTTP/1.1"), "{head}");
    let mut headers = reqwest::header::HeaderMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: reqwest::header::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["user-agent"], "Shortmesh-Webhook/1.0");
    assert_eq!(headers["webhook-id"], id.to_string().as_str());
    Webhook::new(&secret)
        .unwrap()
        .verify(body.as_bytes(), &headers)
        .unwrap();
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    assert!(attempt("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_ok());
    assert!(matches!(attempt("HTTP/1.1 410 Gone\r\n\r\n").await, Err(Error::Gone)));
    assert!(matches!(
        attempt("HTTP/1.1 404 Not Found\r\n\r\n").await,
        Err(Error::Refused(404))
    ));
    assert!(matches!(
        attempt("HTTP/1.1 408 Request Timeout\r\n\r\n").await,
        Err(Error::Failed(408))
    ));
    assert!(matches!(
        attempt("HTTP/1.1 500 Oops\r\n\r\n").await,
        Err(Error::Failed(500))
    ));
    assert!(matches!(
        attempt("HTTP/1.1 429 Slow\r\n\r\n").await,
        Err(Error::Limited(None))
    ));
    let minute = Some(Duration::from_mins(1));
    let limited = attempt("HTTP/1.1 429 Slow\r\nretry-after: 60\r\n\r\n")
        .await
        .unwrap_err();
    assert_eq!(limited.retry_after(), minute);
    let busy = attempt("HTTP/1.1 503 Busy\r\nretry-after: 60\r\n\r\n")
        .await
        .unwrap_err();
    assert_eq!(busy.retry_after(), minute);
    let dated = attempt("HTTP/1.1 429 Slow\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n\r\n")
        .await
        .unwrap_err();
    assert!(dated.retry_after().unwrap() > Duration::from_hours(24));
    assert!(matches!(
        attempt("not http at all\r\n\r\n").await,
        Err(Error::Unreachable(_))
    ));
}

#[tokio::test]
async fn w12_a_redirect_is_a_failure_and_is_not_followed() {
    let target = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answer = format!(
        "HTTP/1.1 307 Elsewhere\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        target.url()
    );
    let result = attempt(Box::leak(answer.into_boxed_str())).await;
    assert!(matches!(result, Err(Error::Failed(307))));
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn w03_a_silent_receiver_costs_only_the_timeout() {
    let error = attempt("").await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable(source) if source.is_timeout()),
        "{error:?}"
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_closed_port_is_worth_another_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = local()
        .deliver(&url, &new_secret(), DeliveryId::generate(), now(), "{}".into())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

/// W6: neither by number nor by name does a delivery reach this machine, unless the settings say so.
#[tokio::test]
async fn a_receiver_on_this_machine_is_blocked_by_number_and_by_name() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let strict = Webhooks::new(&Config::default()).unwrap();
    let port = receiver.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[::1]",
    ] {
        let url = format!("http://{host}:{port}/in");
        let error = strict
            .deliver(&url, &new_secret(), DeliveryId::generate(), now(), "{}".into())
            .await
            .unwrap_err();
        // A system that does not know the dotted spelling cannot reach it either.
        assert!(
            matches!(error, Error::Blocked) || host == "localhost.",
            "{host}: {error:?}"
        );
    }
    assert!(receiver.requests().is_empty());

    let url = format!("http://localhost:{port}/in");
    local()
        .deliver(&url, &new_secret(), DeliveryId::generate(), now(), "{}".into())
        .await
        .unwrap();
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_for_good() {
    let webhooks = local();
    let (id, at) = (DeliveryId::generate(), now());
    let bad_url = webhooks
        .deliver("/path", &new_secret(), id, at, "{}".into())
        .await
        .unwrap_err();
    assert!(matches!(bad_url, Error::BadUrl) && !bad_url.is_transient());
    let bad_secret = webhooks
        .deliver("http://127.0.0.1:1/", "whsec_?", id, at, "{}".into())
        .await
        .unwrap_err();
    assert!(matches!(bad_secret, Error::BadSecret(_)) && !bad_secret.is_transient());
}
