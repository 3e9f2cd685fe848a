//! An integrator: talks to the REST door as the guide says.

use std::io;

use futures_util::{StreamExt as _, stream};
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::waiting::{SOON, eventually};

/// The credentials every world starts with.
pub const CLIENT_ID: &str = "admin";
/// Their secret.
pub const CLIENT_SECRET: &str = "a secret for tests";

/// Status and body of an answer.
pub type Answer = (u16, Value);

/// The REST door, as a caller with or without a token.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Rest {
    /// A caller without a token.
    pub fn new(base: String) -> Self {
        let client = Client::builder()
            .timeout(std::time::Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            client,
            base,
            token: None,
        }
    }

    /// The same caller with a token.
    pub fn with(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this caller has a token")
    }

    /// The bare client, for requests that are wrong on purpose.
    pub fn raw(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Returns when the door answers at all.
    pub async fn waits_for_doors(&self) {
        eventually("the door answers", SOON, || async {
            self.raw(Method::GET, "/healthz").send().await.ok().map(drop)
        })
        .await;
    }

    async fn answer(request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the door answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The metrics, when they are answered.
    pub async fn metrics(&self) -> Option<String> {
        self.raw(Method::GET, "/metrics").send().await.ok()?.text().await.ok()
    }

    /// A call with Basic auth.
    pub async fn basic(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.raw(method, path).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        if let Some(body) = body {
            request = request.json(&body);
        }
        Self::answer(request).await
    }

    /// A call with the token.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.raw(method, path).bearer_auth(self.token());
        if let Some(body) = body {
            request = request.json(&body);
        }
        Self::answer(request).await
    }

    /// Makes a token of a new identity with these members.
    pub async fn new_token(&self, members: &[&str]) -> Self {
        let body = json!({ "use_host": false, "members": members });
        let (status, answer) = self.basic(Method::POST, "/api/v1/tokens", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        self.with(answer["token"].as_str().unwrap())
    }

    /// Begins to link and returns the codes as they come, until the socket closes.
    pub async fn links(&self) -> Codes {
        let (status, answer) = self
            .call(Method::POST, "/api/v1/devices", Some(json!({ "platform": "wa" })))
            .await;
        assert_eq!(status, 201, "{answer}");
        Codes::open(answer["qr_code_url"].as_str().unwrap()).await
    }

    /// Sends a text and returns the answer.
    pub async fn says(&self, device: &str, contact: &str, text: &str, reply_id: Option<&str>) -> Answer {
        let mut body = json!({ "contact": contact, "platform": "wa", "text": text });
        if let Some(reply_id) = reply_id {
            body["reply_id"] = reply_id.into();
        }
        self.call(Method::POST, &format!("/api/v1/devices/{device}/message"), Some(body))
            .await
    }

    /// Subscribes a URL and returns the secret.
    pub async fn subscribes(&self, url: &str) -> String {
        let (status, answer) = self
            .call(Method::POST, "/api/v1/webhooks", Some(json!({ "url": url })))
            .await;
        assert_eq!(status, 201, "{answer}");
        answer["secret"].as_str().unwrap().to_owned()
    }
}

/// Sends a form in parts, as browsers do: its fields, then a file with its name and what its part says that it is.
pub async fn uploads(request: RequestBuilder, fields: &[(&str, &str)], file: (&str, &str, &[u8])) -> Response {
    tries_to_upload(request, fields, file).await.unwrap()
}

/// The same to a server that may not be there.
pub async fn tries_to_upload(
    request: RequestBuilder,
    fields: &[(&str, &str)],
    (name, kind, bytes): (&str, &str, &[u8]),
) -> reqwest::Result<Response> {
    const PART: &str = "--cut\r\nContent-Disposition: form-data; name=";
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{PART}\"{name}\"\r\n\r\n{value}\r\n"));
    let file = format!("{PART}\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n");
    let head = fields.chain([file]).map(String::into_bytes);
    let parts = head.chain(bytes.chunks(64 * 1024).map(<[u8]>::to_vec));
    let parts: Vec<_> = parts
        .chain([b"\r\n--cut--\r\n".to_vec()])
        .map(Ok::<_, io::Error>)
        .collect();
    let request = request.header("content-type", "multipart/form-data; boundary=cut");
    request.body(Body::wrap_stream(stream::iter(parts))).send().await
}

/// The WebSocket that shows codes.
pub struct Codes(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

/// What a WebSocket says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A text frame.
    Text(String),
    /// It closed, with this code.
    Closed(Option<u16>),
}

impl Codes {
    /// Opens a socket.
    pub async fn open(url: &str) -> Self {
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    /// Opens a socket that says it goes to `url`, at this address.
    pub async fn open_at(url: &str, address: &str) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let stream = tokio_tungstenite::MaybeTlsStream::Plain(stream);
        Self(tokio_tungstenite::client_async(url, stream).await.unwrap().0)
    }

    /// The next thing it says.
    pub async fn next(&mut self) -> Frame {
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_secs(40), self.0.next()).await;
            match next.expect("the socket says something") {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Frame::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Closed(None),
            }
        }
    }

    /// The next code.
    pub async fn code(&mut self) -> String {
        match self.next().await {
            Frame::Text(text) => {
                assert!(!text.starts_with("Error:"), "{text}");
                text
            }
            Frame::Closed(code) => panic!("closed with {code:?} before a code"),
        }
    }

    /// Waits until it closes as it does when the phone has scanned.
    pub async fn is_linked(&mut self) {
        loop {
            match self.next().await {
                Frame::Text(text) => assert!(!text.starts_with("Error:"), "{text}"),
                Frame::Closed(code) => return assert_eq!(code, Some(1000)),
            }
        }
    }
}
