//! The control API of people: what they tell about themselves, keep private and do right now.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::routes::{Answer, App, known};
use crate::contact::Contact;
use crate::phone::Phone;
use crate::server::Business;
use crate::server::state::Shared;

/// The routes under `/admin`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/contacts/{number}/picture", put(set_picture).delete(remove_picture))
        .route("/contacts/{number}/profile", post(profile))
        .route("/contacts/{number}/presence", post(presence))
        .route("/contacts/{number}/privacy", post(privacy))
        .route("/contacts/{number}/move", post(change_number))
}

/// What changes; everything left out stays.
#[derive(Deserialize)]
struct Profile {
    name: Option<String>,
    about: Option<String>,
    username: Option<String>,
    disappearing: Option<u32>,
    business: Option<Business>,
}

#[derive(Deserialize)]
struct Presence {
    online: Option<bool>,
    last_seen: Option<u64>,
    /// The account it records a voice message for.
    recording_to: Option<String>,
}

#[derive(Deserialize)]
struct Privacy {
    /// A setting and its value, in the words of the protocol.
    set: Option<(String, String)>,
    block: Option<String>,
    unblock: Option<String>,
    trust: Option<String>,
    refuses_strangers: Option<bool>,
}

#[derive(Deserialize)]
struct Move {
    to: String,
}

/// `GET /v/pictures/{id}/{size}`: the bytes of a picture, for clients.
pub(crate) async fn picture(State(shared): App, Path((id, size)): Path<(u64, String)>) -> Result<Vec<u8>, StatusCode> {
    shared
        .look(|state| state.pictures.bytes(id, &size))
        .ok_or(StatusCode::NOT_FOUND)
}

async fn set_picture(State(shared): App, Path(number): Path<String>, picture: Bytes) -> Answer {
    let id = person(shared, number)?.sets_picture(picture.to_vec());
    Ok(Json(json!({ "id": id })))
}

async fn remove_picture(State(shared): App, Path(number): Path<String>) -> Answer {
    person(shared, number)?.removes_picture();
    Ok(Json(json!({})))
}

async fn profile(State(shared): App, Path(number): Path<String>, Json(profile): Json<Profile>) -> Answer {
    let person = person(shared, number)?;
    if let Some(name) = profile.name {
        person.is_called(&name);
    }
    if let Some(about) = profile.about {
        person.sets_about(&about);
    }
    if let Some(username) = profile.username {
        person.sets_username(&username);
    }
    if let Some(seconds) = profile.disappearing {
        person.lets_messages_disappear(seconds);
    }
    if profile.business.is_some() {
        person.is_business(profile.business)?;
    }
    Ok(Json(json!({})))
}

async fn presence(State(shared): App, Path(number): Path<String>, Json(presence): Json<Presence>) -> Answer {
    let person = person(Arc::clone(&shared), number)?;
    match presence.online {
        Some(true) => person.goes_online(),
        Some(false) => person.goes_offline(presence.last_seen),
        None => {}
    }
    if let Some(to) = presence.recording_to {
        person.records_to(&phone(shared, to)?, true);
    }
    Ok(Json(json!({})))
}

async fn privacy(State(shared): App, Path(number): Path<String>, Json(privacy): Json<Privacy>) -> Answer {
    let person = person(Arc::clone(&shared), number)?;
    if let Some((setting, value)) = privacy.set {
        person.keeps_private(&setting, &value)?;
    }
    if let Some(whom) = privacy.block {
        person.blocks(&phone(Arc::clone(&shared), whom)?);
    }
    if let Some(whom) = privacy.unblock {
        person.unblocks(&phone(Arc::clone(&shared), whom)?);
    }
    if let Some(refuses) = privacy.refuses_strangers {
        person.refuses_strangers(refuses);
    }
    if let Some(whom) = privacy.trust {
        person.trusts(&phone(shared, whom)?);
    }
    Ok(Json(json!({})))
}

async fn change_number(State(shared): App, Path(number): Path<String>, Json(to): Json<Move>) -> Answer {
    let moved = person(shared, number)?.changes_number(&to.to)?;
    Ok(Json(json!({ "number": moved.number() })))
}

/// Somebody known.
pub(super) fn person(shared: Arc<Shared>, number: String) -> anyhow::Result<Contact> {
    known(&shared, &[&number])?;
    Ok(Contact { shared, number })
}

/// The phone of somebody known.
pub(super) fn phone(shared: Arc<Shared>, number: String) -> anyhow::Result<Phone> {
    known(&shared, &[&number])?;
    Ok(Phone { shared, number })
}
