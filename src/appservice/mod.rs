//! The door the homeserver calls: transactions of events, pings, and whether a user or an alias exists.
//!
//! Everything under `/_matrix/app` is answered as Matrix wants it, unknown paths and wrong methods too. Deliberately not
//! here: what events mean, and any state of its own: a transaction is known by its events, never by its id.

mod answer;
mod queries;
#[cfg(test)]
mod tests;
mod token;
mod transactions;

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, get, post, put},
};
use ruma::{OwnedUserId, RoomId, UserId};
use secrecy::SecretString;

use self::answer::Refusal;
use crate::{
    bridge::{Bridge, Error},
    model::{ReadUpTo, RoomEvent},
};

/// A hundred events of 64 KiB and as much again of everything else is far below.
const LARGEST_BODY: usize = 50 * 1024 * 1024;

/// What this door needs of the bridge.
#[async_trait]
trait Inside: Send + Sync {
    /// Takes events for good.
    async fn accept(&self, events: Vec<RoomEvent>) -> Result<(), Error>;
    /// Takes read receipts for good.
    async fn read(&self, receipts: Vec<ReadUpTo>) -> Result<(), Error>;
    /// Somebody types; may be lost.
    async fn typing(&self, room: &RoomId, users: &[OwnedUserId]);
    /// Somebody came or went; may be lost.
    async fn presence(&self, user: &UserId, online: bool);
    /// Whether that user can exist; registers it first.
    async fn user_exists(&self, user: &UserId) -> Result<bool, Error>;
    /// Whether we made that user.
    fn is_ours(&self, user: &UserId) -> bool;
}

#[async_trait]
impl Inside for Bridge {
    async fn accept(&self, events: Vec<RoomEvent>) -> Result<(), Error> {
        self.accept(events).await
    }

    async fn read(&self, receipts: Vec<ReadUpTo>) -> Result<(), Error> {
        self.read(receipts).await
    }

    async fn typing(&self, room: &RoomId, users: &[OwnedUserId]) {
        self.typing(room, users).await;
    }

    async fn presence(&self, user: &UserId, online: bool) {
        self.presence(user, online).await;
    }

    async fn user_exists(&self, user: &UserId) -> Result<bool, Error> {
        self.user_exists(user).await
    }

    fn is_ours(&self, user: &UserId) -> bool {
        self.is_ours(user)
    }
}

#[derive(Clone)]
struct Door {
    inside: Arc<dyn Inside>,
    hs_token: Arc<SecretString>,
}

/// The routes; `hs_token` is what the homeserver must show.
pub(crate) fn router(bridge: Bridge, hs_token: SecretString) -> Router {
    routes(Arc::new(bridge), hs_token)
}

fn routes(inside: Arc<dyn Inside>, hs_token: SecretString) -> Router {
    let wrong_method = async || Refusal::WRONG_METHOD;
    // No fallback of the router: it is merged with others.
    Router::new()
        .route(
            "/_matrix/app/v1/transactions/{txn_id}",
            put(transactions::put).fallback(wrong_method),
        )
        .route("/_matrix/app/v1/ping", post(queries::ping).fallback(wrong_method))
        .route(
            "/_matrix/app/v1/users/{user_id}",
            get(queries::user).fallback(wrong_method),
        )
        .route(
            "/_matrix/app/v1/rooms/{alias}",
            get(queries::room).fallback(wrong_method),
        )
        .route("/_matrix/app/{*other}", any(async || Refusal::UNKNOWN_PATH))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Door {
            inside,
            hs_token: Arc::new(hs_token),
        })
}
