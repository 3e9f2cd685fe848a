//! The description of what the console needs beyond the REST API, at `/docs/console.json`. It stands apart, so that the
//! description of the API stays what its clients know, and nothing that tries all of it follows a stream for ever.

use axum::Json;
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{
    super::{admin, deliveries, devices, live, pairing},
    complete,
    shared::Failures,
};

/// Where it is served.
pub(super) const DESCRIPTION: &str = "/docs/console.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "wharf console API",
        description = "What the console needs beyond the REST API. Behind the cookie of `POST /api/v1/admin/login` all \
                       routes of both lie once more, under `/api/v1/admin` instead of `/api/v1`."
    ),
    paths(
        admin::login, admin::logout, admin::set_token, admin::token_status, admin::show,
        devices::report, pairing::follow, pairing::stop, pairing::answer, pairing::confirm, deliveries::list, deliveries::redeliver, live::watch,
    ),
    tags(
        (name = "admin", description = "The session of the console"),
        (name = "devices", description = "How devices are doing, and linking them step by step"),
        (name = "webhooks", description = "What became of deliveries"),
        (name = "watching", description = "What crosses the bridge right now"),
    ),
    modifiers(&Schemes, &Failures)
)]
struct Description;

/// The ways to authenticate.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("shortmesh_admin_token")));
        components.add_security_scheme("BearerAuth", bearer);
        components.add_security_scheme("CookieAuth", cookie);
    }
}

/// Answers with it.
pub(super) async fn describe() -> Json<Value> {
    Json(complete(&Description::openapi()))
}
