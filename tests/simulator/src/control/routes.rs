//! The control API: what scripts and curl can make people and the server do. Described in the README.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::contact::{self, Contact, Received};
use crate::phone::Phone;
use crate::server::naming;
use crate::server::state::Shared;

/// The phone that scans when nobody says which.
const DEFAULT_PHONE: (&str, &str) = ("15550001111", "Demo Phone");

pub(super) type App = State<Arc<Shared>>;
pub(super) type Answer = Result<Json<Value>, Refusal>;

/// A request that could not be done.
pub(crate) struct Refusal(anyhow::Error);

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": format!("{:#}", self.0) }));
        (StatusCode::BAD_REQUEST, body).into_response()
    }
}

/// All routes under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/mock-phone/scan-qr", post(scan_qr))
        .route("/phones", post(add))
        .route("/phones/{number}/scan-qr", post(scan_qr_with))
        .route("/phones/{number}/type-code", post(type_code))
        .route("/phones/{number}/say", post(say))
        .route("/phones/{number}/received", get(received))
        .route("/phones/{number}/unlink", post(unlink))
        .route("/contacts", post(add))
        .route("/contacts/{number}/say", post(say))
        .route("/contacts/{number}/type", post(types))
        .route("/contacts/{number}/read", post(read))
        .route("/contacts/{number}/received", get(received))
        .route("/state", get(state))
}

#[derive(Deserialize)]
struct Person {
    number: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Say {
    to: String,
    text: String,
    reply_to: Option<String>,
}

#[derive(Deserialize)]
struct Typing {
    to: String,
    composing: bool,
}

#[derive(Deserialize)]
struct Read {
    from: String,
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: usize,
}

async fn scan_qr(State(shared): App, Query(person): Query<Person>, qr: String) -> Answer {
    let named = shared.look(|state| state.phones_by_name.then(|| naming::owner(state, &qr)).flatten());
    let (usual_number, usual_name) = named.unwrap_or((DEFAULT_PHONE.0.to_owned(), DEFAULT_PHONE.1.to_owned()));
    let number = person.number.unwrap_or(usual_number);
    let name = person.name.unwrap_or(usual_name);
    ensure(&shared, &number, &name)?;
    scan_qr_with(State(shared), Path(number), qr).await
}

async fn scan_qr_with(State(shared): App, Path(number): Path<String>, qr: String) -> Answer {
    let phone = Phone { shared, number };
    phone.scans(&qr)?;
    Ok(Json(json!({ "number": phone.number })))
}

async fn type_code(State(shared): App, Path(number): Path<String>, code: String) -> Answer {
    let phone = Phone { shared, number };
    phone.types(code.trim()).await?;
    Ok(Json(json!({ "number": phone.number })))
}

async fn add(State(shared): App, Json(person): Json<Person>) -> Answer {
    let number = person.number.unwrap_or_default();
    ensure(&shared, &number, person.name.as_deref().unwrap_or(&number))?;
    let lid = shared.look(|state| state.person(&number).map(|person| person.lid.clone()))?;
    Ok(Json(json!({ "number": number, "lid": lid })))
}

async fn say(State(shared): App, Path(number): Path<String>, Json(say): Json<Say>) -> Answer {
    known(&shared, &[&number, &say.to])?;
    let id = shared.act(|state| match &say.reply_to {
        Some(quoted) => contact::reply(state, &number, &say.to, quoted, &say.text),
        None => contact::say(state, &number, &say.to, None, wa::Message::text(&say.text)),
    });
    Ok(Json(json!({ "id": id })))
}

async fn types(State(shared): App, Path(number): Path<String>, Json(typing): Json<Typing>) -> Answer {
    known(&shared, &[&number, &typing.to])?;
    let (contact, phone) = pair(&shared, number, typing.to);
    contact.types_to(&phone, typing.composing);
    Ok(Json(json!({})))
}

async fn read(State(shared): App, Path(number): Path<String>, Json(read): Json<Read>) -> Answer {
    known(&shared, &[&number, &read.from])?;
    let (contact, phone) = pair(&shared, number, read.from);
    contact.reads(&phone, &read.ids);
    Ok(Json(json!({})))
}

async fn received(State(shared): App, Path(number): Path<String>, Query(query): Query<Since>) -> Answer {
    known(&shared, &[&number])?;
    let received: Vec<Received> = contact::received(&shared, &number);
    let total = received.len();
    let received: Vec<Received> = received.into_iter().skip(query.since).collect();
    Ok(Json(json!({ "received": received, "total": total })))
}

async fn unlink(State(shared): App, Path(number): Path<String>) -> Answer {
    known(&shared, &[&number])?;
    Phone { shared, number }.unlinks_all();
    Ok(Json(json!({})))
}

async fn state(State(shared): App) -> Json<Value> {
    shared.look(|state| {
        let people: Vec<Value> = state
            .people
            .values()
            .map(|person| {
                let companions: Vec<Value> = person
                    .companions
                    .values()
                    .map(|companion| {
                        json!({
                            "id": companion.id,
                            "connected": companion.socket.is_some(),
                            "owed": companion.queue.len(),
                            "dropped": companion.queue.dropped(),
                            "one_time_keys": companion.keys.one_time.len(),
                        })
                    })
                    .collect();
                json!({
                    "number": person.number,
                    "lid": person.lid,
                    "name": person.name,
                    "received": person.inbox.count(),
                    "forgotten": person.forgotten(),
                    "companions": companions,
                })
            })
            .collect();
        Json(json!({ "people": people }))
    })
}

fn ensure(shared: &Shared, number: &str, name: &str) -> anyhow::Result<()> {
    shared.act(|state| state.ensure_person(number, name).map(|_| ()))
}

pub(super) fn known(shared: &Shared, numbers: &[&str]) -> anyhow::Result<()> {
    shared.look(|state| numbers.iter().try_for_each(|number| state.person(number).map(|_| ())))
}

fn pair(shared: &Arc<Shared>, contact: String, phone: String) -> (Contact, Phone) {
    (
        Contact {
            shared: Arc::clone(shared),
            number: contact,
        },
        Phone {
            shared: Arc::clone(shared),
            number: phone,
        },
    )
}
