//! Faults over HTTP: everything that can be made go wrong, by name. Described in the README.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::routes::{Answer, App, known};
use crate::server::Refusal;
use crate::server::goodbye::{self, Goodbye};
use crate::server::handle::drop_connections;
use crate::server::refresh;
use crate::server::state::{Shared, State as World};
use crate::server::wrongs;
use crate::wire::Identity;

/// The routes under `/admin`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/faults", post(fault))
}

/// A fault of the server. A number limits it to that person or account.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    Drop,
    Down,
    Up,
    Delay(u64),
    Nack(u32),
    NackTo { number: String, code: u32 },
    LoseAck,
    CorruptFrame,
    Duplicate(String),
    Swap(String),
    Lose(String),
    StreamError(Goodbye),
    StreamErrorTo { number: String, goodbye: Goodbye },
    RefuseLogin(u32),
    RefuseLoginWith(Refusal),
    RefuseLoginOf { number: String, refusal: Refusal },
    Ban(u64),
    Outdated,
    LoggedOut,
    Accept,
    RefuseCodes(Option<u32>),
    SpoilLink,
    RetireCode { number: String, manually: bool },
    ChangeKey,
    FailDecrypt(String),
    Garble(String),
    Register { number: String, registered: bool },
}

async fn fault(State(shared): App, Json(fault): Json<Fault>) -> Answer {
    if let Some(number) = fault.number() {
        known(&shared, &[number])?;
    }
    match &fault {
        Fault::Delay(millis) => shared.pace.set_delay(Duration::from_millis(*millis)),
        Fault::CorruptFrame => shared.pace.damage_next(),
        _ => shared.act(|state| happen(state, fault))?,
    }
    Ok(Json(json!({})))
}

impl Fault {
    fn number(&self) -> Option<&str> {
        match self {
            Self::Duplicate(number)
            | Self::Swap(number)
            | Self::Lose(number)
            | Self::FailDecrypt(number)
            | Self::Garble(number)
            | Self::NackTo { number, .. }
            | Self::StreamErrorTo { number, .. }
            | Self::RefuseLoginOf { number, .. }
            | Self::RetireCode { number, .. }
            | Self::Register { number, .. } => Some(number),
            _ => None,
        }
    }
}

fn happen(state: &mut World, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Drop => drop_connections(state),
        Fault::Down => {
            state.faults.is_down = true;
            drop_connections(state);
        }
        Fault::Up => state.faults.is_down = false,
        Fault::Nack(code) => state.faults.nack_next(None, code),
        Fault::NackTo { number, code } => state.faults.nack_next(Some(number), code),
        Fault::LoseAck => state.faults.lose_next_ack(),
        Fault::Duplicate(number) => wrongs::play(state, Some(&number), |tricks| tricks.duplicates += 1),
        Fault::Swap(number) => wrongs::play(state, Some(&number), |tricks| tricks.swaps += 1),
        Fault::Lose(number) => wrongs::play(state, Some(&number), |tricks| tricks.losses += 1),
        Fault::StreamError(goodbye) => goodbye::say(state, None, &goodbye),
        Fault::StreamErrorTo { number, goodbye } => goodbye::say(state, Some(&number), &goodbye),
        Fault::RefuseLogin(reason) => state.faults.refuse_logins(None, Refusal::new(reason)),
        Fault::RefuseLoginWith(refusal) => state.faults.refuse_logins(None, refusal),
        Fault::RefuseLoginOf { number, refusal } => state.faults.refuse_logins(Some(number), refusal),
        Fault::Ban(seconds) => turn_away(state, Refusal::ban(seconds, 101)),
        Fault::Outdated => turn_away(state, Refusal::new(405)),
        Fault::LoggedOut => turn_away(state, Refusal::new(401)),
        Fault::Accept => state.faults.accept_logins(),
        Fault::RefuseCodes(code) => state.faults.refused_codes = code,
        Fault::SpoilLink => state.faults.spoiled_links += 1,
        Fault::RetireCode { number, manually } => refresh::retire_code(state, &number, manually)?,
        Fault::ChangeKey => state.noise = Identity::new(),
        Fault::FailDecrypt(number) => state.person_mut(&number)?.conduct.failures_left += 1,
        Fault::Garble(number) => state.person_mut(&number)?.conduct.garbled_left += 1,
        Fault::Register { number, registered } => {
            state.person_mut(&number)?.conduct.is_unregistered = !registered;
        }
        // These are the wire's, and done.
        Fault::Delay(_) | Fault::CorruptFrame => {}
    }
    Ok(())
}

/// Everybody is sent away, and told why when they come back.
fn turn_away(state: &mut World, refusal: Refusal) {
    state.faults.refuse_logins(None, refusal);
    drop_connections(state);
}
