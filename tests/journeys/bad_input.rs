//! Bad input at every door: the exact answer, and nothing changed. The table of authentication failures and every
//! route's own texts are tested beside `api`; here the doors stand open as they do in life.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    database::Engine,
    waiting::{SOON, eventually},
    world::{OWNER, Talking, World, gets, texts},
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

/// What the door has taken: events it knows, and what is to be done about them.
async fn taken(world: &World) -> i64 {
    world
        .count("select (select count(*) from accepted_events) + (select count(*) from jobs where kind = 'from_matrix')")
        .await
}

/// An event that alice might have sent just now.
fn event(room: &str, text: &str) -> Value {
    json!({
        "type": "m.room.message", "event_id": format!("${}", text.replace(' ', "_")), "room_id": room,
        "sender": "@alice:hs.test", "origin_server_ts": 1_577_836_800_000_i64,
        "content": { "msgtype": "m.text", "body": text },
    })
}

on_both_engines! {
    async fn the_appservice_door_answers_bad_input_as_matrix_wants_it_and_takes_nothing(engine: Engine) {
        let world = World::start(engine).await;
        let Talking { room, ana, .. } = world.talking().await;
        world.homeserver.has_pushed_everything().await;
        world.settles(SOON).await;
        let token = hs_token(&world);
        let (right, wrong) = (Some(token.as_str()), Some("wrong"));
        let real = event(room.id(), "let me in");
        let good = json!({ "events": [real] }).to_string();
        let cut_off = good[..good.len() - 1].to_owned();
        let no_list = json!({ "events": real }).to_string();
        let no_events = json!({ "more": [real] }).to_string();
        let no_object = json!([real]).to_string();
        let odd = json!({ "events": [real], "ephemeral": 1 }).to_string();
        let put = "/transactions/1";
        let (unrecognized, not_found) = (("M_UNRECOGNIZED", "Unrecognized request"), ("M_NOT_FOUND", "Not found"));
        let (not_json, bad_json) = (("M_NOT_JSON", "Request body is not JSON"), ("M_BAD_JSON", "Request body has the wrong shape"));
        let cases = [
            (Method::PUT, put, None, &good, 401, ("M_UNAUTHORIZED", "Missing hs_token")),
            (Method::PUT, put, wrong, &good, 403, ("M_FORBIDDEN", "Wrong hs_token")),
            (Method::PUT, put, Some(""), &good, 403, ("M_FORBIDDEN", "Wrong hs_token")),
            (Method::PUT, put, right, &cut_off, 400, not_json),
            (Method::PUT, put, right, &no_list, 400, bad_json),
            (Method::PUT, put, right, &no_events, 400, bad_json),
            (Method::PUT, put, right, &no_object, 400, bad_json),
            (Method::PUT, put, right, &odd, 400, bad_json),
            (Method::GET, put, right, &good, 405, unrecognized),
            (Method::POST, put, right, &good, 405, unrecognized),
            (Method::PUT, "/ping", right, &good, 405, unrecognized),
            (Method::PUT, "/transactions", right, &good, 404, unrecognized),
            (Method::PUT, "/transactions/1/2", right, &good, 404, unrecognized),
            (Method::PUT, "/nothing", right, &good, 404, unrecognized),
            (Method::GET, "/users/%40nobody%3Ahs.test", right, &good, 404, not_found),
            (Method::GET, "/users/nonsense", right, &good, 404, not_found),
            (Method::GET, "/rooms/%23nothing%3Ahs.test", right, &good, 404, not_found),
            (Method::GET, "/users/%40nobody%3Ahs.test", None, &good, 401, ("M_UNAUTHORIZED", "Missing hs_token")),
            (Method::GET, "/rooms/%23nothing%3Ahs.test", wrong, &good, 403, ("M_FORBIDDEN", "Wrong hs_token")),
            (Method::POST, "/ping", wrong, &good, 403, ("M_FORBIDDEN", "Wrong hs_token")),
            (Method::POST, "/ping", right, &cut_off, 400, not_json),
        ];
        let before = taken(&world).await;
        for (method, path, token, body, status, (errcode, error)) in cases {
            let answer = appservice(&world, method.clone(), path, token, body.clone().into_bytes()).await;
            assert_eq!(answer, (status, json!({ "errcode": errcode, "error": error })), "{method} {path} {body}");
            assert_eq!(taken(&world).await, before, "{method} {path} {body}");
        }
        // The event was good all the time.
        assert_eq!(appservice(&world, Method::PUT, put, right, good.into_bytes()).await, (200, json!({})));
        gets(&ana, "let me in").await;
        world.settles(SOON).await;
        assert_eq!(texts(&ana), ["let me in"]);
        assert_eq!(taken(&world).await, before + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_event_does_not_hold_up_the_others() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { room, ana, .. } = world.talking().await;
    let token = hs_token(&world);
    let events = json!({ "events": [
        7, { "type": "m.room.message" }, { "event_id": 5 },
        { "type": "m.room.message", "event_id": "$x", "room_id": "!r", "sender": "@alice:hs.test", "origin_server_ts": 1,
          "content": { "msgtype": 9, "body": [] } },
        event(room.id(), "behind them"),
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
    gets(&ana, "behind them").await;
    world.settles(SOON).await;
    assert_eq!(texts(&ana), ["behind them"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_too_large_are_refused_at_both_doors() {
    let world = World::start(Engine::Sqlite).await;
    let Talking { linked, room, ana, .. } = world.talking().await;
    world.homeserver.has_pushed_everything().await;
    world.settles(SOON).await;
    let (rest, before) = (linked.rest, taken(&world).await);
    let message = format!("/api/v1/devices/{OWNER}/message");
    let text = json!({ "contact": ana.number(), "platform": "wa", "text": "x".repeat(3 * 1024 * 1024) });
    let transaction = "/_matrix/app/v1/transactions/1";
    let huge = json!({ "events": [event(room.id(), "too much")] }).to_string() + &" ".repeat(51 * 1024 * 1024);
    let cases = [
        (
            Method::POST,
            message.as_str(),
            rest.token().to_owned(),
            text.to_string(),
            json!({ "error": "Request body too large" }),
        ),
        (
            Method::PUT,
            transaction,
            hs_token(&world),
            huge,
            json!({ "errcode": "M_TOO_LARGE", "error": "Request body too large" }),
        ),
    ];
    let door = &world.rest;
    for (method, path, token, body, words) in &cases {
        // A client that still sends when the answer comes may be cut off before it reads it: then it asks again.
        let (status, answer) = eventually("the door answers", SOON, || async move {
            let request = door.raw(method.clone(), path).bearer_auth(token).body(body.clone());
            let answer = request.header("content-type", "application/json").send().await.ok()?;
            Some((answer.status().as_u16(), answer.json::<Value>().await.ok()?))
        })
        .await;
        assert_eq!((status, &answer), (413, words), "{path}");
        assert_eq!(taken(&world).await, before, "{path}");
    }
    world.settles(SOON).await;
    assert_eq!(world.count("select count(*) from sends").await, 0);
    assert!(texts(&ana).is_empty());
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
    gets(&ana, "a very secret sentence").await;
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
