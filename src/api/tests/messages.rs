//! `POST /api/v1/devices/{device_id}/message`.

use std::io;

use futures_util::{StreamExt as _, stream};

use super::*;
use crate::model::{Outgoing, Work};

const PATH: &str = "POST /api/v1/devices/15550001111/message";
const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";

struct Linked {
    world: World,
    bearer: String,
}

impl Linked {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let world = World::with(config).await;
        let bearer = world.bearer().await;
        world.device(&bearer, "15550001111").await;
        Self { world, bearer }
    }

    async fn post(&self, body: Value) -> Answer {
        self.world.call(PATH, &self.bearer, body).await
    }

    /// What was accepted, taken away.
    async fn accepted(&self) -> Vec<Outgoing> {
        let outgoing = |work| match work {
            Work::Resolve(outgoing) => outgoing,
            other => panic!("{other:?}"),
        };
        self.world.behind.take_jobs().await.into_iter().map(outgoing).collect()
    }

    async fn recipients(&self) -> Vec<String> {
        let mut found: Vec<_> = self
            .accepted()
            .await
            .into_iter()
            .map(|outgoing| outgoing.recipient)
            .collect();
        found.sort();
        found
    }
}

/// T01 and T12: the guide's message, its answer key for key, and the stored promise behind it.
#[tokio::test]
async fn t01_t12_a_message_is_accepted_for_good() {
    let linked = Linked::start().await;
    let body = json!({
        "contact": "1234567890", "platform": "wa", "text": "This is a reply",
        "reply_id": "$eCLf_5pzs8ZBhEs5ZojVRS0K3SBLf73cHs2q_Je4kfQ",
    });
    let answer = linked.post(body).await.ok(200);
    let id = &answer["results"][0]["message_id"];
    assert_eq!(
        answer,
        json!({
            "message": "Message queued successfully",
            "results": [{ "recipient": "1234567890", "message_id": id, "status": "queued" }],
        })
    );
    let accepted = linked.accepted().await;
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].id.to_string(), id.as_str().unwrap());
    assert_eq!(accepted[0].text, "This is a reply");
    assert_eq!(
        accepted[0].reply_to.as_ref().unwrap(),
        "$eCLf_5pzs8ZBhEs5ZojVRS0K3SBLf73cHs2q_Je4kfQ"
    );
}

/// T12: comma lists with spaces, repeats, gaps and anything that is not empty.
#[tokio::test]
async fn t12_every_recipient_of_a_list_gets_a_promise_of_its_own() {
    let linked = Linked::start().await;
    let body =
        json!({ "contact": "1234567890, 0987654321,, another_address ,1234567890", "platform": "wa", "text": "Hi" });
    let answer = linked.post(body).await.ok(200);
    let results: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["recipient"].clone())
        .collect();
    assert_eq!(json!(results), json!(["1234567890", "0987654321", "another_address"]));
    assert_eq!(
        linked.recipients().await,
        ["0987654321", "1234567890", "another_address"]
    );
}

/// T12: groups win.
#[tokio::test]
async fn t12_group_links_win_over_contacts() {
    let linked = Linked::start().await;
    let body = json!({
        "contact": "1234567890", "group_url": "https://chat.whatsapp.com/invite123, https://chat.whatsapp.com/invite456",
        "platform": "wa", "text": "Hello groups!",
    });
    let answer = linked.post(body).await.ok(200);
    assert_eq!(answer["message"], "Message queued successfully");
    let mut recipients: Vec<_> = linked.accepted().await.into_iter().map(|one| one.recipient).collect();
    recipients.sort();
    assert_eq!(
        recipients,
        [
            "https://chat.whatsapp.com/invite123",
            "https://chat.whatsapp.com/invite456"
        ]
    );
}

/// T12: a form and multipart say the same as JSON.
#[tokio::test]
async fn t12_forms_and_multipart_are_read_like_json() {
    let linked = Linked::start().await;
    let form = "contact=%2B1234567890&platform=wa&text=a+b%26c&unknown=1";
    let form_type = Some("application/x-www-form-urlencoded");
    linked.world.raw(PATH, &linked.bearer, form_type, form).await.ok(200);
    let parts = [
        ("contact", "1234567890, 0987654321"),
        ("platform", "wa"),
        ("text", "Grüße\r\nan alle"),
        ("x", "y"),
    ];
    let body = multipart(&parts, None);
    linked
        .world
        .raw(PATH, &linked.bearer, Some(MULTIPART), body)
        .await
        .ok(200);
    let mut texts: Vec<_> = linked
        .accepted()
        .await
        .into_iter()
        .map(|o| (o.recipient, o.text))
        .collect();
    texts.sort();
    assert_eq!(
        texts,
        [
            ("+1234567890".to_owned(), "a b&c".to_owned()),
            ("0987654321".into(), "Grüße\r\nan alle".into()),
            ("1234567890".into(), "Grüße\r\nan alle".into()),
        ]
    );
}

#[tokio::test]
async fn a_file_without_an_extension_is_refused_and_nothing_is_sent() {
    let linked = Linked::start().await;
    for name in ["a", "a."] {
        let body = multipart(
            &[("contact", "1234567890"), ("platform", "wa"), ("text", "See")],
            Some(name),
        );
        let answer = linked.world.raw(PATH, &linked.bearer, Some(MULTIPART), body).await;
        answer.fails(400, "Uploaded file must have a file extension");
    }
    assert!(linked.accepted().await.is_empty());
}

/// A body as it comes over the wire: each piece some time after the one before.
fn in_pieces(pieces: [io::Result<String>; 2]) -> Body {
    let one_by_one = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        piece
    });
    Body::from_stream(one_by_one)
}

/// A file that is none: the exact texts of the contract.
#[tokio::test]
async fn a_file_that_is_empty_too_large_or_without_an_end_is_refused_and_nothing_is_sent() {
    let linked = Linked::with(Config {
        file_limit: 8,
        ..Config::default()
    })
    .await;
    let head = "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n";
    let fields = multipart(&[("contact", "1234567890"), ("platform", "wa")], None);
    let fields = fields.strip_suffix("--edge--\r\n").unwrap();
    for (file, status, sentence) in [
        ("\r\n--edge--\r\n", 400, "Uploaded file is empty"),
        ("123456789\r\n--edge--\r\n", 413, "File too large"),
        (&"x".repeat(2 * 1024 * 1024), 413, "File too large"),
        ("1234567", 400, "Failed to process uploaded file"),
    ] {
        let body = in_pieces([format!("{fields}{head}"), file.to_owned()].map(Ok));
        let answer = linked.world.raw(PATH, &linked.bearer, Some(MULTIPART), body).await;
        answer.fails(status, sentence);
    }
    let broken = [
        Ok(format!("{fields}{head}1234567")),
        Err(io::Error::other("the line is cut")),
    ];
    let broken = in_pieces(broken);
    let answer = linked.world.raw(PATH, &linked.bearer, Some(MULTIPART), broken).await;
    answer.fails(400, "Failed to read uploaded file");
    assert!(linked.accepted().await.is_empty());
}

/// Bad input: exact texts, and nothing is promised.
#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_text_and_promises_nothing() {
    let linked = Linked::start().await;
    let nobody = "Missing required field: contact or group_url";
    let many = (0..257).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for (body, sentence) in [
        (Value::Null, nobody),
        (
            json!({ "contact": " , ,", "group_url": "", "platform": "wa", "text": "x" }),
            nobody,
        ),
        (
            json!({ "contact": "1", "text": "x" }),
            "Missing required field: platform",
        ),
        (
            json!({ "contact": "1", "platform": " ", "text": "x" }),
            "Missing required field: platform",
        ),
        (
            json!({ "contact": "1", "platform": "signal", "text": "x" }),
            "Unsupported platform: signal",
        ),
        (
            json!({ "contact": "1", "platform": "wa" }),
            "Either text or file must be provided",
        ),
        (
            json!({ "contact": "1", "platform": "wa", "text": "" }),
            "Either text or file must be provided",
        ),
        (json!({ "contact": 1, "platform": "wa", "text": "x" }), BAD_BODY),
        (json!({ "contact": ["1"], "platform": "wa", "text": "x" }), BAD_BODY),
        (json!({ "contact": "1", "platform": "wa", "text": "a\u{0}b" }), BAD_BODY),
        (json!([]), BAD_BODY),
        (
            json!({ "contact": many, "platform": "wa", "text": "x" }),
            "Invalid contact: at most 256 recipients in one request",
        ),
        (
            json!({ "contact": "1", "group_url": many, "platform": "wa", "text": "x" }),
            "Invalid group_url: at most 256 recipients in one request",
        ),
        (
            json!({ "contact": "1", "platform": "wa", "text": "x".repeat(70_000) }),
            "Invalid text: at most 65536 characters",
        ),
    ] {
        linked.post(body).await.fails(400, sentence);
    }
    let raw = async |kind, body: &'static str| linked.world.raw(PATH, &linked.bearer, Some(kind), body).await;
    raw("application/json", "{\"contact\":").await.fails(400, BAD_BODY);
    raw("text/plain", "{\"contact\":\"1\"}").await.fails(400, BAD_BODY);
    raw("multipart/form-data", "x")
        .await
        .fails(400, "Invalid multipart form data");
    raw(MULTIPART, "--nothing")
        .await
        .fails(400, "Invalid multipart form data");
    raw("application/x-www-form-urlencoded", "contact=1&platform=wa&text=%00")
        .await
        .fails(400, BAD_BODY);
    assert!(linked.accepted().await.is_empty());
}

#[tokio::test]
async fn w20_a_device_that_is_not_there_or_not_ones_own_is_not_found() {
    let linked = Linked::start().await;
    let stranger = linked.world.bearer().await;
    let body = json!({ "contact": "1234567890", "platform": "wa", "text": "x" });
    for (number, bearer) in [
        ("15550009999", &linked.bearer),
        ("nonsense", &linked.bearer),
        ("15550001111", &stranger),
    ] {
        let path = format!("POST /api/v1/devices/{number}/message");
        linked
            .world
            .call(&path, bearer, body.clone())
            .await
            .fails(404, "Device not found");
    }
    for path in [
        "POST /api/v1/devices/%20/message",
        "POST /api/v1/devices/+/message",
        "POST /api/v1/devices//message",
    ] {
        linked
            .world
            .call(path, &linked.bearer, body.clone())
            .await
            .fails(400, "device_id is required");
        // Before anything else of the request.
        let raw = async |kind, body: &'static str| linked.world.raw(path, &linked.bearer, Some(kind), body).await;
        for (kind, body) in [("application/json", "{"), ("text/plain", "x"), (MULTIPART, "--nothing")] {
            raw(kind, body).await.fails(400, "device_id is required");
        }
    }
    assert!(linked.accepted().await.is_empty());
}

/// T09: Authy puts the number with its plus into the path.
#[tokio::test]
async fn t09_a_plus_in_the_path_is_not_part_of_the_number() {
    let linked = Linked::start().await;
    for path in [
        "POST /api/v1/devices/+15550001111/message",
        "POST /api/v1/devices/%2B15550001111/message",
    ] {
        let body = json!({ "contact": "+1234567890", "platform": "wa", "text": "Your code is 123456" });
        linked.world.call(path, &linked.bearer, body).await.ok(200);
    }
    assert_eq!(linked.recipients().await, ["+1234567890", "+1234567890"]);
}

/// W-14: the same key and request is done once; the same key with another request is a mistake.
#[tokio::test]
async fn w14_a_request_with_an_idempotency_key_is_done_once() {
    let linked = Linked::start().await;
    let send = async |bearer: &str, key: &str, text: &str| {
        let body = json!({ "contact": "1234567890", "platform": "wa", "text": text });
        let request = Request::builder()
            .method("POST")
            .uri("/api/v1/devices/15550001111/message")
            .header("authorization", bearer)
            .header("idempotency-key", key);
        linked
            .world
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await
    };
    let first = send(&linked.bearer, "k1", "hello").await.ok(200);
    send(&linked.bearer, "k1", "hello").await.is(200, &first);
    send(&linked.bearer, "k1", "other")
        .await
        .fails(422, "Idempotency-Key was used for another request");
    let second = send(&linked.bearer, "k2", "hello").await.ok(200);
    assert_ne!(first, second);
    send(&linked.bearer, "", "hello")
        .await
        .fails(400, "Invalid Idempotency-Key");
    send(&linked.bearer, &"k".repeat(256), "hello")
        .await
        .fails(400, "Invalid Idempotency-Key");
    assert_eq!(linked.accepted().await.len(), 2);

    linked.world.behind.clock.advance(25 * 60 * 60 * 1000);
    let next_day = send(&linked.bearer, "k1", "hello").await.ok(200);
    assert_ne!(first, next_day);
    assert_eq!(linked.accepted().await.len(), 1);
}

const MULTIPART: &str = "multipart/form-data; boundary=edge";

fn multipart(fields: &[(&str, &str)], file: Option<&str>) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = file.map(|name| {
        format!("--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\nPDF\r\n")
    });
    fields
        .iter()
        .map(field)
        .chain(file)
        .chain(["--edge--\r\n".to_owned()])
        .collect()
}
