//! Control routes for the settings the devices of an account share.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use whatsapp_rust::buffa::Message as _;

use super::routes::Refusal;
use crate::phone::Phone;
use crate::server::state::Shared;

type App = State<Arc<Shared>>;
type Answer = Result<Json<Value>, Refusal>;

/// The routes of this family under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/phones/{number}/settings", get(list).post(change))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    NameContact { number: String, name: String },
    ForgetContact(String),
    Mute { chat: String, until: Option<i64> },
    Pin { chat: String, on: bool },
    Archive { chat: String, on: bool },
    Read { chat: String, on: bool },
    Star(Star),
    DeleteChat(String),
    ClearChat(String),
    EditLabel { label: String, name: String, color: i32 },
    Label { label: String, chat: String, on: bool },
    Compact,
    ExternalPatches(bool),
    RotateKey { shared: bool },
    Conflict(usize),
    Refuse { code: u32, times: usize },
}

#[derive(Deserialize)]
struct Star {
    chat: String,
    id: String,
    #[serde(default)]
    own: bool,
    author: Option<String>,
    on: bool,
}

/// Values are protobuf (`SyncActionValue`) in base64.
async fn list(State(shared): App, Path(number): Path<String>) -> Answer {
    let settings: Vec<Value> = known(shared, number)?
        .app_state()
        .into_iter()
        .map(|setting| {
            json!({
                "collection": setting.collection,
                "index": setting.index,
                "value": BASE64_STANDARD.encode(setting.value.encode_to_vec()),
            })
        })
        .collect();
    Ok(Json(json!({ "settings": settings })))
}

async fn change(State(shared): App, Path(number): Path<String>, Json(change): Json<Change>) -> Answer {
    let phone = known(shared, number)?;
    match change {
        Change::NameContact { number, name } => phone.names_contact(&number, &name)?,
        Change::ForgetContact(number) => phone.forgets_contact(&number)?,
        Change::Mute { chat, until } => phone.mutes(&chat, until)?,
        Change::Pin { chat, on } => phone.pins(&chat, on)?,
        Change::Archive { chat, on } => phone.archives(&chat, on)?,
        Change::Read { chat, on } => phone.marks_read(&chat, on)?,
        Change::Star(star) => phone.stars(&star.chat, (&star.id, star.own), star.author.as_deref(), star.on)?,
        Change::DeleteChat(chat) => phone.deletes_chat(&chat)?,
        Change::ClearChat(chat) => phone.clears_chat(&chat)?,
        Change::EditLabel { label, name, color } => phone.edits_label(&label, &name, color)?,
        Change::Label { label, chat, on } => phone.labels(&label, &chat, on)?,
        Change::Compact => phone.compacts_app_state(),
        Change::ExternalPatches(external) => phone.has_external_patches(external),
        Change::RotateKey { shared } => phone.rotates_app_state_key(shared),
        Change::Conflict(times) => phone.is_faster_next(times),
        Change::Refuse { code, times } => phone.refuses_settings(code, times),
    }
    Ok(Json(json!({})))
}

fn known(shared: Arc<Shared>, number: String) -> anyhow::Result<Phone> {
    shared.look(|state| state.person(&number).map(|_| ()))?;
    Ok(Phone { shared, number })
}
