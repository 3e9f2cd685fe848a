//! The description of the door for people and programs: OpenAPI at `/docs/swagger.json`, Swagger UI beside it, all of
//! it from this binary. `docs/openapi.json` and `docs/openapi-console.json` are copies, compared in
//! a test.

mod console;
mod examples;
mod shared;

use axum::{Json, Router, routing::get};
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::{self, Server},
};
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use shared::{Failures, Schemes};

use super::{
    Api, chat, chats, client::Outside, contacts, credentials, devices, health, invites, linking, media, message_fate,
    messages, new_chats, pairing, retry, tokens, webhooks,
};

/// Where the description is served.
const DESCRIPTION: &str = "/docs/swagger.json";

#[derive(OpenApi)]
#[openapi(
    info(title = "wharf REST API", description = "Bridges WhatsApp to Matrix. Every failure is `{\"error\": \"…\"}`."),
    paths(
        credentials::create, credentials::list, credentials::update, credentials::remove,
        tokens::create, tokens::list, tokens::remove,
        devices::add, devices::list, devices::remove, linking::follow, pairing::answer, pairing::confirm, messages::send,
        chat::list, chat::show, chat::change, chat::read, message_fate::show, message_fate::forget, chats::list, chats::messages, chats::ask, media::fetch, retry::retry, new_chats::open, invites::look, invites::link, invites::reset, contacts::list, contacts::show, contacts::look_up, contacts::sync,
        webhooks::add, webhooks::list, webhooks::update, webhooks::remove,
        health::live, health::ready, health::metrics,
    ),
    tags(
        (name = "credentials", description = "Names and secrets of applications"),
        (name = "tokens", description = "Handles on Matrix identities"),
        (name = "devices", description = "Linked devices and their messages"),
        (name = "chats", description = "What is stored of chats and their messages"),
        (name = "contacts", description = "The people whom devices know"),
        (name = "media", description = "Files that were too large for a webhook, or did not come"),
        (name = "webhooks", description = "Who is told what contacts say"),
        (name = "watching", description = "Is it alive"),
    ),
    modifiers(&Schemes, &Failures)
)]
struct Description;

/// The routes of the documents.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route(DESCRIPTION, get(describe))
        .route(console::DESCRIPTION, get(console::describe))
        .merge(SwaggerUi::new("/docs").config(SwaggerConfig::new([DESCRIPTION])))
}

/// The description, with the address under which the client sees us.
async fn describe(outside: Outside) -> Json<Value> {
    let scheme = if outside.is_secure { "https" } else { "http" };
    let mut description = Description::openapi();
    description.servers = Some(vec![Server::new(format!("{scheme}://{}", outside.host))]);
    Json(complete(&description))
}

/// A description with its examples.
fn complete(description: &openapi::OpenApi) -> Value {
    let mut description = serde_json::to_value(description).unwrap_or_default();
    examples::fill(&mut description);
    description
}
