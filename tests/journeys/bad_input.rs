//! Bad input at every door: the exact answer, and nothing changed. The table of authentication failures and every
//! route's own texts are tested beside `api`; here the doors stand open as they do in life.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{OWNER, World},
};

async fn appservice(world: &World, method: Method, path: &str, token: Option<&str>, body: Vec<u8>) -> (u16, Value) {
    let mut request = world.rest.raw(method, &format!("/_matrix/app/v1{path}")).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

fn hs_token(world: &World) -> String {
    let text = std::fs::read_to_string(world.dir().join("registration.yaml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("hs_token:")).unwrap();
    line.split_once(':')
        .unwrap()
        .1
        .trim()
        .trim_matches(['"', '\''])
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_appservice_door_answers_bad_input_as_matrix_wants_it() {
    let world = World::start(Engine::Sqlite).await;
    let token = hs_token(&world);
    let good = br#"{"events":[]}"#.to_vec();
    let cases = [
        (
            Method::PUT,
            "/transactions/1",
            None,
            good.clone(),
            401,
            "M_UNAUTHORIZED",
        ),
        (
            Method::PUT,
            "/transactions/1",
            Some("wrong"),
            good.clone(),
            403,
            "M_FORBIDDEN",
        ),
        (
            Method::PUT,
            "/transactions/1",
            Some(token.as_str()),
            b"{".to_vec(),
            400,
            "M_NOT_JSON",
        ),
        (
            Method::PUT,
            "/transactions/1",
            Some(token.as_str()),
            b"{\"events\":7}".to_vec(),
            400,
            "M_BAD_JSON",
        ),
        (
            Method::GET,
            "/transactions/1",
            Some(token.as_str()),
            vec![],
            405,
            "M_UNRECOGNIZED",
        ),
        (
            Method::GET,
            "/nothing",
            Some(token.as_str()),
            vec![],
            404,
            "M_UNRECOGNIZED",
        ),
        (
            Method::GET,
            "/users/%40nobody%3Ahs.test",
            Some(token.as_str()),
            vec![],
            404,
            "M_NOT_FOUND",
        ),
        (
            Method::GET,
            "/rooms/%23nothing%3Ahs.test",
            Some(token.as_str()),
            vec![],
            404,
            "M_NOT_FOUND",
        ),
    ];
    for (method, path, token, body, status, code) in cases {
        let (got, answer) = appservice(&world, method.clone(), path, token, body).await;
        assert_eq!(
            (got, &answer["errcode"]),
            (status, &json!(code)),
            "{method} {path}: {answer}"
        );
    }
    let (status, answer) = appservice(&world, Method::PUT, "/transactions/2", Some(&token), good).await;
    assert_eq!((status, answer), (200, json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_event_does_not_hold_up_the_others() {
    let world = World::start(Engine::Sqlite).await;
    let token = hs_token(&world);
    let events = json!({ "events": [
        7, { "type": "m.room.message" }, { "event_id": 5 },
        { "type": "m.room.message", "event_id": "$x", "room_id": "!r", "sender": "@alice:hs.test", "origin_server_ts": 1,
          "content": { "msgtype": 9, "body": [] } },
    ], "unknown": true });
    let (status, answer) = appservice(
        &world,
        Method::PUT,
        "/transactions/3",
        Some(&token),
        events.to_string().into_bytes(),
    )
    .await;
    assert_eq!((status, answer), (200, json!({})));
    let (status, _) = appservice(
        &world,
        Method::PUT,
        "/transactions/4",
        Some(&token),
        b"{\"events\":[]}".to_vec(),
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_too_large_are_refused_at_both_doors() {
    let world = World::start(Engine::Sqlite).await;
    let rest = world.rest.new_token(&[]).await;
    let message = format!("/api/v1/devices/{OWNER}/message");
    let text = json!({ "contact": "1", "platform": "wa", "text": "x".repeat(3 * 1024 * 1024) });
    let transaction = "/_matrix/app/v1/transactions/1";
    let cases = [
        (
            Method::POST,
            message.as_str(),
            rest.token().to_owned(),
            text.to_string(),
            "error",
        ),
        (
            Method::PUT,
            transaction,
            hs_token(&world),
            " ".repeat(51 * 1024 * 1024),
            "errcode",
        ),
    ];
    let door = &world.rest;
    for (method, path, token, body, key) in &cases {
        // A client that still sends when the answer comes may be cut off before it reads it: then it asks again.
        let (status, answer) = eventually("the door answers", SOON, || async move {
            let request = door.raw(method.clone(), path).bearer_auth(token).body(body.clone());
            let answer = request.header("content-type", "application/json").send().await.ok()?;
            Some((answer.status().as_u16(), answer.json::<Value>().await.ok()?))
        })
        .await;
        assert_eq!(status, 413, "{path}");
        assert!(answer[key].is_string(), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_messages_by_rest_change_nothing() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let path = format!("/api/v1/devices/{OWNER}/message");
    let cases = [
        (
            json!({ "platform": "wa", "text": "x" }),
            400,
            "Missing required field: contact or group_url",
        ),
        (
            json!({ "contact": " , ", "platform": "wa", "text": "x" }),
            400,
            "Missing required field: contact or group_url",
        ),
        (
            json!({ "contact": "15550001111", "text": "x" }),
            400,
            "Missing required field: platform",
        ),
        (
            json!({ "contact": "15550001111", "platform": "wa" }),
            400,
            "Either text or file must be provided",
        ),
        (
            json!({ "contact": "15550001111", "platform": "tg", "text": "x" }),
            400,
            "Unsupported platform: tg",
        ),
        (
            json!({ "contact": 7, "platform": "wa", "text": "x" }),
            400,
            "Invalid request body. Must be a JSON object.",
        ),
        (json!([1]), 400, "Invalid request body. Must be a JSON object."),
    ];
    for (body, status, error) in cases {
        let answer = linked.rest.call(Method::POST, &path, Some(body.clone())).await;
        assert_eq!(answer, (status, json!({ "error": error })), "{body}");
    }
    let unknown = linked.rest.says("15550000000", "15550001111", "x", None).await;
    assert_eq!(unknown, (404, json!({ "error": "Device not found" })));
    let metrics = world.rest.raw(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(metrics.status(), StatusCode::OK);
    let text = metrics.text().await.unwrap();
    assert!(
        text.contains("wharf_jobs_waiting{lane=\"send\"} 0"),
        "nothing was queued"
    );
}

/// Tokens, codes and bodies never stand in the log.
#[tokio::test(flavor = "multi_thread")]
async fn w11_w21_the_log_holds_no_tokens_codes_bodies_or_whole_numbers() {
    let world = World::start(Engine::Sqlite).await;
    let linked = world.linked_device(&[]).await;
    let ana = world.contact("15550001111", "Ana");
    linked
        .rest
        .says(OWNER, "15550001111", "a very secret sentence", None)
        .await;
    crate::support::world::gets(&ana, "a very secret sentence").await;
    ana.says(&linked.phone, "another very secret sentence");
    world.settles(SOON).await;
    let log = world.wharf.logs();
    for secret in [
        "very secret sentence",
        linked.rest.token(),
        "15550001111",
        "2@",
        OWNER,
        &hs_token(&world),
    ] {
        assert!(
            !log.contains(secret),
            "{secret} is in the log: {:?}",
            log.lines().find(|line| line.contains(secret))
        );
    }
}
