//! R1: how long the homeserver waits for our answer to a transaction, at a hundred events a second. The answer comes
//! after the commit.
//!
//! `cargo bench --features simulator --bench acknowledge` prints the percentiles; the target is 20 ms for the 99th. A
//! PostgreSQL that it starts itself does not wait for the disk; with `WHARF_TEST_POSTGRES=$(scripts/postgres start DIR
//! --durable | tail -n 1)` before it, a commit does. SQLite always does here (`database.synchronous` is `full`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement fails by panicking"
)]
#![expect(unreachable_pub, reason = "the support is shared by several binaries")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use support::{
    database::Engine,
    world::{Talking, World},
};

const EVENTS: u32 = 2000;
const A_SECOND: u32 = 100;

#[tokio::main]
async fn main() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut took = measure(engine).await;
        took.sort();
        let percentile = |n: usize| took[(took.len() - 1) * n / 100];
        println!(
            "{engine:?}: p50 {:?}, p99 {:?}, max {:?}",
            percentile(50),
            percentile(99),
            percentile(100)
        );
    }
}

async fn measure(engine: Engine) -> Vec<Duration> {
    let world = World::start(engine).await;
    let Talking { room, .. } = world.talking().await;
    let registration = std::fs::read_to_string(world.dir().join("registration.yaml")).unwrap();
    let line = registration.lines().find(|line| line.starts_with("hs_token:")).unwrap();
    let token = line
        .split_once(':')
        .unwrap()
        .1
        .trim()
        .trim_matches(['"', '\''])
        .to_owned();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    let mut took = Vec::new();
    for number in 0..EVENTS {
        ticks.tick().await;
        let event = json!({
            "type": "m.room.message", "event_id": format!("$measured{number}"), "room_id": room.id(),
            "sender": "@alice:hs.test", "origin_server_ts": 1_700_000_000_000_u64 + u64::from(number),
            "content": { "msgtype": "m.text", "body": format!("number {number}") },
        });
        let path = format!("/_matrix/app/v1/transactions/measured{number}");
        let request = world
            .rest
            .raw(Method::PUT, &path)
            .bearer_auth(&token)
            .json(&json!({ "events": [event] }));
        let asked = Instant::now();
        assert_eq!(request.send().await.unwrap().status(), 200);
        took.push(asked.elapsed());
    }
    took
}
