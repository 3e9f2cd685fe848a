//! The control API of channels: made, posted in, followed, looked at.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::profile::phone;
use super::routes::{Answer, App};
use crate::newsletter::Newsletter;
use crate::server::newsletters;
use crate::server::state::Shared;

/// The routes under `/admin`; `{id}` is what making one answers.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/newsletters", post(make))
        .route("/newsletters/{id}/posts", get(posts).post(publish))
        .route("/newsletters/{id}/posts/{post}", post(change).delete(remove))
        .route("/newsletters/{id}/followers", get(followers).post(follow))
}

#[derive(Deserialize)]
struct Make {
    name: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Publish {
    text: String,
}

/// What happens to a post.
#[derive(Deserialize)]
struct Change {
    text: Option<String>,
    views: Option<u64>,
    /// A reaction and how often others gave it.
    reactions: Option<(String, u64)>,
}

#[derive(Deserialize)]
struct Follow {
    number: String,
}

async fn make(State(shared): App, Json(make): Json<Make>) -> Answer {
    let id = shared.act(|state| newsletters::create(state, &make.name, &make.description, None));
    let channel = Newsletter { shared, id };
    Ok(Json(
        json!({ "id": channel.id, "jid": channel.jid(), "invite": channel.invite() }),
    ))
}

async fn publish(State(shared): App, Path(id): Path<String>, Json(publish): Json<Publish>) -> Answer {
    let post = channel(shared, id)?.posts(&publish.text);
    Ok(Json(json!({ "server_id": post })))
}

async fn posts(State(shared): App, Path(id): Path<String>) -> Answer {
    let posts = channel(shared, id)?.published();
    Ok(Json(json!({ "posts": posts })))
}

async fn change(State(shared): App, Path((id, post)): Path<(String, u64)>, Json(change): Json<Change>) -> Answer {
    let channel = channel(shared, id)?;
    if let Some(text) = change.text {
        channel.edits(post, &text);
    }
    if let Some(views) = change.views {
        channel.gets_views(post, views);
    }
    if let Some((code, count)) = change.reactions {
        channel.gets_reactions(post, &code, count);
    }
    Ok(Json(json!({})))
}

async fn remove(State(shared): App, Path((id, post)): Path<(String, u64)>) -> Answer {
    channel(shared, id)?.deletes(post);
    Ok(Json(json!({})))
}

async fn followers(State(shared): App, Path(id): Path<String>) -> Answer {
    let followers = channel(shared, id)?.followers();
    Ok(Json(json!({ "followers": followers })))
}

async fn follow(State(shared): App, Path(id): Path<String>, Json(follow): Json<Follow>) -> Answer {
    let phone = phone(Arc::clone(&shared), follow.number)?;
    channel(shared, id)?.is_followed(&phone);
    Ok(Json(json!({})))
}

fn channel(shared: Arc<Shared>, id: String) -> anyhow::Result<Newsletter> {
    shared
        .look(|state| state.newsletters.get(&id).map(|_| ()))
        .context("no such channel")?;
    Ok(Newsletter { shared, id })
}
