//! A webhook receiver: a small real server that keeps what it got and can be told to fail.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::Value;

use super::waiting::{SOON, eventually};

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Got {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub raw: Bytes,
    /// Its body as JSON.
    pub body: Value,
}

impl Got {
    /// The id of the delivery.
    pub fn id(&self) -> String {
        self.headers.get("webhook-id").unwrap().to_str().unwrap().to_owned()
    }
}

#[derive(Debug, Default)]
struct Inner {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<u16>>,
}

/// The receiver.
#[derive(Clone, Debug)]
pub struct Receiver {
    inner: Arc<Inner>,
    url: String,
}

impl Receiver {
    /// Listens on a free port of loopback.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let inner = Arc::new(Inner::default());
        let router = Router::new()
            .route("/hook", post(take))
            // Payloads hold whole files.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests so, then 200 again.
    pub fn answers(&self, codes: &[u16]) {
        self.inner.answers.lock().unwrap().extend(codes);
    }

    /// Everything that arrived, also what was answered with an error.
    pub fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }

    /// Waits for a request with this text and returns it.
    pub async fn gets(&self, text: &str) -> Got {
        self.gets_within(text, SOON).await
    }

    /// Waits so long for a request with this text.
    pub async fn gets_within(&self, text: &str, deadline: Duration) -> Got {
        eventually(&format!("the webhook gets {text:?}"), deadline, || async {
            self.got().into_iter().find(|got| got.body["message"] == text)
        })
        .await
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, raw: Bytes) -> StatusCode {
    let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
    inner.got.lock().unwrap().push(Got { headers, raw, body });
    let code = inner.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(code).unwrap()
}
