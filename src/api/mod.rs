//! The REST door: parse, check, call the floor below, answer. What applications see is fixed by a contract with the
//! clients of an older product: texts and codes are not ours to improve.
//!
//! The app builds [`Api`], serves [`router`] and passes the address of each client along
//! (`into_make_service_with_connect_info`). Deliberately not here: decisions about messages, devices and rights.

mod admin;
mod attempts;
mod auth;
mod body;
mod chat;
mod chat_patch;
mod chats;
mod client;
mod config;
mod console;
mod contacts;
mod cors;
mod credentials;
mod deliveries;
mod devices;
mod docs;
mod error;
mod file;
mod health;
mod invites;
mod linking;
mod live;
mod media;
mod message_fate;
mod message_form;
mod messages;
mod new_chats;
mod pairing;
mod proof;
mod retry;
mod routes;
mod session;
#[cfg(test)]
mod tests;

mod tokens;
mod watch;
mod webhooks;

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;

pub(crate) use config::Config;
pub(crate) use routes::router;

use crate::{access::Access, bridge::Bridge};
use attempts::Attempts;

/// What the door works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    access: Access,
    bridge: Bridge,
    config: Arc<Config>,
    metrics: PrometheusHandle,
    attempts: Arc<Attempts>,
    is_tls: bool,
}

impl Api {
    /// A door to `access` and `bridge`; `metrics` is rendered at `/metrics`.
    pub(crate) fn new(access: Access, bridge: Bridge, config: Config, metrics: PrometheusHandle) -> Self {
        Self {
            access,
            bridge,
            config: Arc::new(config),
            metrics,
            attempts: Arc::default(),
            is_tls: false,
        }
    }

    /// The same door, reached by TLS without a proxy in between when `is_tls`.
    #[must_use]
    pub(crate) fn reached_by_tls(self, is_tls: bool) -> Self {
        Self { is_tls, ..self }
    }
}

impl FromRef<Api> for Access {
    fn from_ref(api: &Api) -> Self {
        api.access.clone()
    }
}

impl FromRef<Api> for Bridge {
    fn from_ref(api: &Api) -> Self {
        api.bridge.clone()
    }
}
