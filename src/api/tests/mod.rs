//! The door as its clients see it: exact status and exact body, over a real database, the real access and the real
//! bridge on a scripted network.

mod admin;
mod authentication;
mod console;
mod credentials;
mod description;
mod devices;
mod framework;
mod linking;
mod messages;
mod page;
mod resources;
mod tokens;
mod webhooks;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{Api, Config, router};
use crate::{
    access::testing::{self, ADMIN},
    bridge::{self, testing::Fake},
};

/// What was answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {:?}", self.text))
    }

    /// Exactly this status and this body.
    #[track_caller]
    fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status.as_u16(), &self.json()), (status, body));
    }

    /// Exactly this failure.
    #[track_caller]
    fn fails(&self, status: u16, sentence: &str) {
        self.is(status, &json!({ "error": sentence }));
    }

    #[track_caller]
    fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

/// The door and what is behind it.
struct World {
    behind: testing::World,
    network: Arc<Fake>,
    stop: CancellationToken,
    router: Router,
}

impl World {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        config.check().unwrap();
        let behind = testing::World::start().await;
        let (bridge, network, stop) = bridge::testing::quiet(&behind.store);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let router = router(Api::new(behind.access.clone(), bridge, config, metrics));
        Self {
            behind,
            network,
            stop,
            router,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// A request as `"GET /path"` with this `Authorization` and this JSON; `Value::Null` sends no body.
    async fn call(&self, line: &str, authorization: &str, body: Value) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:8080");
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        self.send(request.body(body).unwrap()).await
    }

    /// The same with a raw body.
    async fn raw(&self, line: &str, authorization: &str, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", authorization);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// A new token of the super admin, as a `Bearer` header.
    async fn bearer(&self) -> String {
        let token = self.call("POST /api/v1/tokens", &admin(), json!({})).await.ok(201);
        format!("Bearer {}", token["token"].as_str().unwrap())
    }

    /// A new credential as a `Basic` header; with `scopes`, exactly these.
    async fn credential(&self, client_id: &str, scopes: Option<Value>) -> String {
        let made = self
            .call("POST /api/v1/credentials", &admin(), json!({ "client_id": client_id }))
            .await
            .ok(201);
        if let Some(scopes) = scopes {
            let path = format!("PUT /api/v1/credentials/{client_id}");
            self.call(&path, &admin(), json!({ "scopes": scopes })).await.ok(200);
        }
        basic(client_id, made["client_secret"].as_str().unwrap())
    }

    /// A linked device of whoever holds `bearer`.
    async fn device(&self, bearer: &str, number: &str) {
        // The attempt before may be in its last moment still, and then it is the one that is kept.
        until(async || {
            let body = json!({ "platform": "wa" });
            self.call("POST /api/v1/devices", bearer, body).await.ok(201);
            self.network.open_attempts() > 0
        })
        .await;
        self.network.links_with(number).unwrap();
        until(async || {
            let devices = self.call("GET /api/v1/devices", bearer, Value::Null).await.ok(200);
            devices
                .as_array()
                .unwrap()
                .iter()
                .any(|device| device["device_id"] == number)
        })
        .await;
    }
}

fn basic(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

fn admin() -> String {
    basic(ADMIN.0, ADMIN.1)
}

/// Waits until `condition` holds, ten seconds at most.
async fn until(condition: impl AsyncFn() -> bool) {
    let patience = std::time::Duration::from_secs(10);
    let waiting = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, waiting)
        .await
        .expect("it happens in time");
}
