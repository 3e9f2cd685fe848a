//! People speak over HTTP: any message as anyone, and everything a person received. See the README.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use whatsapp_rust::buffa::Message as _;

use super::routes::{Answer, App, known};
use crate::contact::{self, Speech, place, polls, speech};
use crate::server::state::{Shared, State as World};

/// The routes under `/admin`; phones speak as contacts do.
pub(super) fn router() -> Router<Arc<Shared>> {
    ["/phones", "/contacts"].into_iter().fold(Router::new(), |router, who| {
        router
            .route(&format!("{who}/{{number}}/send"), post(send))
            .route(&format!("{who}/{{number}}/messages"), get(messages))
            .route(&format!("{who}/{{number}}/receipts"), get(receipts))
    })
}

/// Something to say to somebody or in a group, perhaps under an id of the caller's choice.
#[derive(Deserialize)]
struct Send {
    to: String,
    /// The id, when the caller chooses it.
    as_id: Option<String>,
    #[serde(flatten)]
    speech: Speech,
}

async fn send(State(shared): App, Path(number): Path<String>, Json(send): Json<Send>) -> Answer {
    known(&shared, &[&number])?;
    let id = shared.act(|state| {
        place::check(state, &send.to)?;
        let message = speech::compose(state, &number, &send.to, send.speech)?;
        place::say(state, &number, &send.to, send.as_id.as_deref(), message)
    })?;
    Ok(Json(json!({ "id": id })))
}

/// Everything, decrypted: what `received` shows, what it is about, and the whole protobuf.
async fn messages(State(shared): App, Path(number): Path<String>) -> Answer {
    known(&shared, &[&number])?;
    let messages = shared.look(|state| {
        let person = state.person(&number)?;
        let shown = person.inbox.all().map(|received| show(state, &number, received));
        anyhow::Ok(shown.collect::<Vec<Value>>())
    })?;
    Ok(Json(json!({ "messages": messages })))
}

async fn receipts(State(shared): App, Path(number): Path<String>) -> Answer {
    known(&shared, &[&number])?;
    let seen = shared.look(|state| state.person(&number).map(|person| person.conduct.seen.all()))?;
    Ok(Json(json!({ "receipts": seen })))
}

fn show(state: &World, reader: &str, received: &contact::Received) -> Value {
    let message = &received.message;
    let base = BASE64_STANDARD.encode(message.encode_to_vec());
    let mut shown = serde_json::to_value(received).unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("protobuf".into(), base.into());
        if let Some(reaction) = message.reaction_message.as_option() {
            fields.insert("about".into(), json!(reaction.key.id));
            fields.insert("emoji".into(), json!(reaction.text));
        }
        if let Some(protocol) = message.protocol_message.as_option() {
            fields.insert("about".into(), json!(protocol.key.id));
            fields.insert(
                "protocol".into(),
                json!(protocol.r#type.map(|kind| format!("{kind:?}"))),
            );
            let edited = protocol.edited_message.as_option();
            fields.insert("edited_text".into(), json!(edited.and_then(contact::text)));
        }
        if let Some(options) = polls::chosen(state, reader, received) {
            fields.insert("chosen".into(), json!(options));
        }
    }
    shown
}
