//! How files fare with a homeserver that is old, limits, fails and breaks off: a server that answers by script.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    sync::Mutex,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State as Shared},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    super::{Config, Names, registration},
    *,
};
use crate::model::Clock;

/// What it was asked: method, path and query, and what it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    line: String,
    length: Option<String>,
    token: bool,
    body: Bytes,
}

/// Gives the answers it was told, and keeps what it was asked.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Response>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    async fn start(answers: impl IntoIterator<Item = Response>) -> (Self, Homeserver) {
        let scripted = Self::default();
        scripted.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config {
            address: format!("http://{}", listener.local_addr().unwrap()).parse().unwrap(),
            server_name: "hs.test".try_into().unwrap(),
            request_timeout_seconds: 2,
            ..Config::default()
        };
        let router = Router::new().fallback(answer).with_state(scripted.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (bridge, puppet) = registration::generate(&Names::new(&config).unwrap(), "http://127.0.0.1:1");
        let homeserver = Homeserver::new(&config, bridge, Some(puppet), Clock::System).unwrap();
        (scripted, homeserver)
    }

    fn lines(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|asked| asked.line.clone())
            .collect()
    }

    fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

async fn answer(Shared(scripted): Shared<Scripted>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked {
        line: format!("{} {}", parts.method, parts.uri),
        length: text(&parts.headers, &header::CONTENT_LENGTH),
        token: parts.headers.contains_key(header::AUTHORIZATION),
        body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
    };
    scripted.asked.lock().unwrap().push(asked);
    let next = scripted.answers.lock().unwrap().pop_front();
    next.expect("no answer is left")
}

fn says(status: u16, body: &Value) -> Response {
    let status = http::StatusCode::from_u16(status).unwrap();
    (status, axum::Json(body.clone())).into_response()
}

fn gives(bytes: &[u8]) -> Response {
    let headers = [
        ("content-type", "image/png"),
        ("content-disposition", "attachment; filename*=UTF-8''caf%C3%A9.png"),
    ];
    (headers, bytes.to_vec()).into_response()
}

/// Announces more than it gives.
fn breaks_off() -> Response {
    let parts = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    Body::from_stream(parts).into_response()
}

/// More than any file here has.
const LIMIT: u64 = 1 << 30;

fn limit(bytes: u64) -> Response {
    says(200, &json!({ "m.upload.size": bytes }))
}

fn stored() -> Response {
    says(200, &json!({"content_uri": "mxc://hs.test/abc"}))
}

fn unrecognized() -> Response {
    says(404, &json!({"errcode": "M_UNRECOGNIZED", "error": "?"}))
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(mut download: Download) -> Vec<u8> {
    let mut bytes = Vec::new();
    download.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, download.size);
    bytes
}

fn mxc() -> OwnedMxcUri {
    "mxc://hs.test/abc".into()
}

#[tokio::test]
async fn a_file_goes_up_whole_with_its_length_type_and_name_also_when_it_is_tried_again() {
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let busy = says(502, &json!({}));
    let (scripted, homeserver) = Scripted::start([limit(1 << 20), busy, stored()]).await;
    let address = homeserver
        .upload_file(file_of(&bytes), "image/png", "my file.png")
        .await
        .unwrap();
    assert_eq!(address, "mxc://hs.test/abc");
    let asked = scripted.last();
    assert_eq!(
        asked.line,
        "POST /_matrix/media/v3/upload?filename=my+file.png&user_id=%40whatsappbot%3Ahs.test"
    );
    assert_eq!(asked.length.as_deref(), Some("800000"));
    assert!(asked.token && asked.body == bytes);
    assert_eq!(scripted.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn an_empty_file_goes_up_too() {
    let (scripted, homeserver) = Scripted::start([limit(10), stored()]).await;
    homeserver.upload_file(file_of(b""), "text/plain", "a").await.unwrap();
    assert_eq!(scripted.last().length.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_sent() {
    let (scripted, homeserver) = Scripted::start([limit(10)]).await;
    for _ in 0..2 {
        let refused = homeserver.upload_file(file_of(b"0123456789A"), "text/plain", "a").await;
        let error = refused.expect_err("too large");
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    size: Some(11),
                    limit: Some(10)
                }
            ) && !error.is_transient(),
            "{error}"
        );
    }
    assert_eq!(scripted.asked.lock().unwrap().len(), 1, "the limit is asked once");
}

#[tokio::test]
async fn a_homeserver_that_says_no_limit_has_its_word() {
    let too_large = says(413, &json!({"errcode": "M_TOO_LARGE", "error": "no"}));
    let behind = (http::StatusCode::PAYLOAD_TOO_LARGE, "nginx").into_response();
    let nothing = says(200, &json!({}));
    let (_, homeserver) = Scripted::start([nothing, too_large, behind]).await;
    assert_eq!(homeserver.upload_limit().await.unwrap(), None);
    for _ in 0..2 {
        let error = homeserver.upload_file(file_of(b"x"), "text/plain", "a").await;
        assert!(
            matches!(
                error,
                Err(Error::TooLarge {
                    size: None,
                    limit: None
                })
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_old_homeserver_is_asked_the_old_way() {
    let (scripted, homeserver) = Scripted::start([unrecognized(), limit(5), unrecognized(), gives(b"abc")]).await;
    assert_eq!(homeserver.upload_limit().await.unwrap(), Some(5));
    assert_eq!(read(homeserver.download(&mxc(), LIMIT).await.unwrap()), b"abc");
    let user = "user_id=%40whatsappbot%3Ahs.test";
    assert_eq!(
        scripted.lines(),
        [
            "GET /_matrix/client/v1/media/config".to_owned(),
            "GET /_matrix/media/v3/config".to_owned(),
            format!("GET /_matrix/client/v1/media/download/hs.test/abc?{user}"),
            format!("GET /_matrix/media/v3/download/hs.test/abc?{user}"),
        ]
    );
}

#[tokio::test]
async fn a_download_that_breaks_off_begins_again() {
    let bytes = vec![7; 300_000];
    let (_, homeserver) = Scripted::start([breaks_off(), says(503, &json!({})), gives(&bytes)]).await;
    let download = homeserver.download(&mxc(), LIMIT).await.unwrap();
    assert_eq!(download.mime.as_deref(), Some("image/png"));
    assert_eq!(download.name.as_deref(), Some("caf\u{e9}.png"));
    assert!(read(download) == bytes);
}

#[tokio::test]
async fn a_file_kept_elsewhere_is_fetched_there_without_our_token() {
    let there = (
        http::StatusCode::TEMPORARY_REDIRECT,
        [("location", "/elsewhere?signed=1")],
    );
    let (scripted, homeserver) = Scripted::start([there.into_response(), gives(b"abc")]).await;
    assert_eq!(read(homeserver.download(&mxc(), LIMIT).await.unwrap()), b"abc");
    let asked = scripted.last();
    assert_eq!((asked.line.as_str(), asked.token), ("GET /elsewhere?signed=1", false));
}

#[tokio::test]
async fn a_file_nobody_has_is_not_found() {
    let missing = says(404, &json!({"errcode": "M_NOT_FOUND", "error": "no"}));
    let (_, homeserver) = Scripted::start([missing]).await;
    let error = homeserver.download(&mxc(), LIMIT).await.expect_err("it is not there");
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    let error = homeserver
        .download("mxc://nonsense".into(), LIMIT)
        .await
        .expect_err("no address");
    assert!(matches!(error, Error::BadRequest(_)), "{error}");
}

#[tokio::test]
async fn a_file_that_nobody_would_want_is_not_fetched() {
    let (_, homeserver) = Scripted::start([gives(b"abc")]).await;
    let error = homeserver.download(&mxc(), 2).await.expect_err("too large");
    let (size, limit) = (Some(3), Some(2));
    assert!(
        matches!(error, Error::TooLarge { size: its, limit: most } if (its, most) == (size, limit)),
        "{error}"
    );
}

#[tokio::test]
async fn a_homeserver_that_falls_silent_is_not_waited_for() {
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()).into_response();
    let (_, homeserver) = Scripted::start([silent, gives(b"abc")]).await;
    assert_eq!(read(homeserver.download(&mxc(), LIMIT).await.unwrap()), b"abc");
}
