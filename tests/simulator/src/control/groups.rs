//! The routes about groups and status: what people do there from their phones.
//!
//! Merged into the control API by [`super`]. Each is a thin cover over the verbs of [`crate::Group`].

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::Refusal;
use crate::contact::Contact;
use crate::group::{self, Group, Somebody};
use crate::server::state::Shared;

type App = State<Arc<Shared>>;
type Answer = Result<Json<Value>, Refusal>;

/// All routes under `/admin/groups`, and status.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/groups", post(create).get(list))
        .route("/groups/{id}", get(show))
        .route("/groups/{id}/say", post(say))
        .route("/groups/{id}/type", post(types))
        .route("/groups/{id}/read", post(read))
        .route("/groups/{id}/change", post(change))
        .route("/contacts/{number}/join", post(join))
        .route("/contacts/{number}/status", post(status))
}

#[derive(Deserialize)]
struct Create {
    subject: String,
    members: Vec<String>,
    #[serde(default)]
    lid: bool,
    #[serde(default)]
    community: bool,
}

#[derive(Deserialize)]
struct Say {
    from: String,
    text: String,
    reply_to: Option<String>,
}

#[derive(Deserialize)]
struct Typing {
    from: String,
    composing: bool,
}

#[derive(Deserialize)]
struct Read {
    from: String,
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Change {
    by: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Add(Vec<String>),
    Remove(Vec<String>),
    Promote(Vec<String>),
    Demote(Vec<String>),
    Approve(Vec<String>),
    Reject(Vec<String>),
    Leave(bool),
    Subject(String),
    Description(Option<String>),
    /// JPEG in base64.
    Picture(Option<String>),
    Announcement(bool),
    Locked(bool),
    Approval(bool),
    MembersAdd(bool),
    Timer(Option<u32>),
    ResetLink(bool),
    Link(String),
    Unlink(String),
}

#[derive(Deserialize)]
struct Join {
    link: String,
}

#[derive(Deserialize)]
struct Status {
    text: String,
    readers: Vec<String>,
}

/// Somebody known by number alone.
struct Number(String);

impl Somebody for Number {
    fn number(&self) -> &str {
        &self.0
    }
}

async fn create(State(shared): App, Json(wanted): Json<Create>) -> Answer {
    let group = group::create(&shared, &wanted.subject, &wanted.members, |draft| {
        draft.by_lid = wanted.lid;
        draft.community.is_parent = wanted.community;
    })?;
    Ok(Json(described(&group)))
}

async fn list(State(shared): App) -> Json<Value> {
    let ids: Vec<String> = shared.look(|state| state.groups.ids());
    let groups: Vec<Value> = ids
        .into_iter()
        .map(|id| {
            described(&Group {
                shared: Arc::clone(&shared),
                id,
            })
        })
        .collect();
    Json(json!({ "groups": groups }))
}

async fn show(State(shared): App, Path(id): Path<String>) -> Answer {
    Ok(Json(described(&group::find(&shared, &id)?)))
}

async fn say(State(shared): App, Path(id): Path<String>, Json(say): Json<Say>) -> Answer {
    let group = group::find(&shared, &id)?;
    let from = Number(say.from);
    let id = match &say.reply_to {
        Some(quoted) => group.replies(&from, quoted, &say.text)?,
        None => group.says(&from, &say.text)?,
    };
    Ok(Json(json!({ "id": id })))
}

async fn types(State(shared): App, Path(id): Path<String>, Json(typing): Json<Typing>) -> Answer {
    group::find(&shared, &id)?.types(&Number(typing.from), typing.composing)?;
    Ok(Json(json!({})))
}

async fn read(State(shared): App, Path(id): Path<String>, Json(read): Json<Read>) -> Answer {
    group::find(&shared, &id)?.reads(&Number(read.from), &read.ids);
    Ok(Json(json!({})))
}

async fn change(State(shared): App, Path(id): Path<String>, Json(change): Json<Change>) -> Answer {
    let group = group::find(&shared, &id)?;
    apply(&group, &Number(change.by), change.what)?;
    Ok(Json(if group.exists() { described(&group) } else { json!({}) }))
}

fn apply(group: &Group, by: &Number, what: What) -> anyhow::Result<()> {
    let people = |numbers: Vec<String>| numbers.into_iter().map(Number).collect::<Vec<_>>();
    match what {
        What::Add(numbers) => group.adds(by, &named(&people(numbers))),
        What::Remove(numbers) => group.removes(by, &named(&people(numbers))),
        What::Promote(numbers) => group.promotes(by, &named(&people(numbers))),
        What::Demote(numbers) => group.demotes(by, &named(&people(numbers))),
        What::Approve(numbers) => group.decides(by, true, &named(&people(numbers))),
        What::Reject(numbers) => group.decides(by, false, &named(&people(numbers))),
        What::Leave(true) => group.leaves(by),
        What::Subject(subject) => group.renames(by, &subject),
        What::Description(text) => group.describes(by, text.as_deref()),
        What::Picture(None) => group.sets_picture(by, None),
        What::Picture(Some(jpeg)) => group.sets_picture(by, Some(&BASE64_STANDARD.decode(jpeg)?)),
        What::Announcement(on) => group.announces(by, on),
        What::Locked(on) => group.locks(by, on),
        What::Approval(on) => group.needs_approval(by, on),
        What::MembersAdd(all) => group.lets_members_add(by, all),
        What::Timer(seconds) => group.sets_timer(by, seconds),
        What::ResetLink(true) => group.resets_invite_link(by).map(|_| ()),
        What::Leave(false) | What::ResetLink(false) => Ok(()),
        What::Link(other) => group.links(by, &group::find(&group.shared, &other)?, true),
        What::Unlink(other) => group.links(by, &group::find(&group.shared, &other)?, false),
    }
}

fn named(people: &[Number]) -> Vec<&dyn Somebody> {
    people.iter().map(|one| one as &dyn Somebody).collect()
}

async fn join(State(shared): App, Path(number): Path<String>, Json(join): Json<Join>) -> Answer {
    let contact = contact(&shared, number)?;
    Ok(Json(json!({ "joined": contact.follows(&join.link)? })))
}

async fn status(State(shared): App, Path(number): Path<String>, Json(status): Json<Status>) -> Answer {
    let contact = contact(&shared, number)?;
    let readers: Vec<Number> = status.readers.into_iter().map(Number).collect();
    Ok(Json(json!({ "id": contact.posts(&status.text, &named(&readers)) })))
}

fn contact(shared: &Arc<Shared>, number: String) -> anyhow::Result<Contact> {
    shared.look(|state| state.person(&number).map(|_| ()))?;
    Ok(Contact {
        shared: Arc::clone(shared),
        number,
    })
}

fn described(group: &Group) -> Value {
    let admins = group.admins();
    let link = admins
        .first()
        .and_then(|admin| group.invite_link(&Number(admin.clone())).ok());
    json!({
        "id": group.jid(),
        "subject": group.subject(),
        "description": group.description(),
        "members": group.members(),
        "admins": admins,
        "requests": group.requests(),
        "announcement": group.is_announcement(),
        "locked": group.is_locked(),
        "timer": group.timer(),
        "invite_link": link,
        "past": group.past(),
    })
}
