//! Control routes for the history of phones.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::Refusal;
use crate::phone::Phone;
use crate::server::state::Shared;
use crate::server::{HistoryForm, Remembered};

type App = State<Arc<Shared>>;
type Answer = Result<Json<Value>, Refusal>;

/// The routes of this family under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/phones/{number}/history", get(count).post(add))
        .route("/phones/{number}/history/form", put(form))
}

#[derive(Deserialize)]
struct Before {
    chat: String,
    messages: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    author: Option<String>,
    timestamp: u64,
    text: String,
}

#[derive(Deserialize)]
struct Chat {
    chat: String,
}

async fn add(State(shared): App, Path(number): Path<String>, Json(before): Json<Before>) -> Answer {
    let phone = known(shared, number)?;
    let text = |line: &Line| Remembered::text(line.author.as_deref(), line.timestamp, &line.text);
    // In a step, so that the seed draws the ids.
    let step = |_: &mut _| before.messages.iter().map(text).collect();
    let messages: Vec<Remembered> = phone.shared.act(step);
    let ids: Vec<String> = messages.iter().map(|past| past.id.clone()).collect();
    phone.has_history(&before.chat, messages);
    Ok(Json(json!({ "ids": ids })))
}

async fn count(State(shared): App, Path(number): Path<String>, Query(chat): Query<Chat>) -> Answer {
    let phone = known(shared, number)?;
    let (messages, confirmed) = (phone.history_count(&chat.chat), phone.history_confirmed());
    Ok(Json(json!({ "messages": messages, "confirmed_parts": confirmed })))
}

async fn form(State(shared): App, Path(number): Path<String>, Json(form): Json<HistoryForm>) -> Answer {
    known(shared, number)?.shares_history(form);
    Ok(Json(json!({})))
}

fn known(shared: Arc<Shared>, number: String) -> anyhow::Result<Phone> {
    shared.look(|state| state.person(&number).map(|_| ()))?;
    Ok(Phone { shared, number })
}
