//! `PUT /transactions/{txnId}`: events of rooms, answered once they are stored; typing on the side.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tracing::Instrument;

use super::{Door, answer::Refusal, token::Homeserver};
use crate::model::RoomEvent;

/// What may be lost is not worth more time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The parts of a transaction we know. Homeservers add others.
#[derive(Deserialize)]
struct Transaction {
    events: Vec<Box<RawValue>>,
    ephemeral: Option<Vec<Box<RawValue>>>,
    /// Synapse sends the same again under the name from before Matrix 1.13 when the registration asks for both.
    #[serde(rename = "de.sorunome.msc2409.ephemeral")]
    unstable_ephemeral: Option<Vec<Box<RawValue>>>,
}

/// Stores what is new and says so. The id of the transaction is only for the log: some homeservers begin to count again.
pub(super) async fn put(
    _: Homeserver,
    State(door): State<Door>,
    txn_id: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let Path(txn_id) = txn_id.unwrap_or_else(|_| Path(String::new()));
    let span = tracing::debug_span!("appservice.transaction", transaction = txn_id);
    async {
        let Transaction {
            events,
            ephemeral,
            unstable_ephemeral,
        } = serde_json::from_slice(&body?)?;
        let events: Vec<_> = events.iter().filter_map(|json| read(json)).collect();
        let events: Vec<_> = events
            .into_iter()
            .filter(|event| !door.inside.is_ours(&event.sender))
            .collect();
        tracing::debug!(events = events.len(), "the homeserver pushed");
        if !events.is_empty() {
            door.inside.accept(events).await?;
        }
        pass_on(&door, &ephemeral.or(unstable_ephemeral).unwrap_or_default());
        Ok(Json(json!({})))
    }
    .instrument(span)
    .await
}

/// An event that is none must not hold up the others: the homeserver would send the same transaction for ever.
fn read(json: &RawValue) -> Option<RoomEvent> {
    // The error may quote the event.
    let event = RoomEvent::read(json, None).ok();
    if event.is_none() {
        tracing::warn!("an event without room, id, sender or time was left out");
    }
    event
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Ephemeral {
    #[serde(rename = "m.typing")]
    Typing { room_id: OwnedRoomId, content: Typing },
}

#[derive(Deserialize)]
struct Typing {
    user_ids: Vec<OwnedUserId>,
}

/// Passes on who types, without letting the homeserver wait for it.
fn pass_on(door: &Door, ephemeral: &[Box<RawValue>]) {
    let news: Vec<Ephemeral> = ephemeral
        .iter()
        .filter_map(|json| serde_json::from_str(json.get()).ok())
        .collect();
    if news.is_empty() {
        return;
    }
    let inside = Arc::clone(&door.inside);
    let passing = async move {
        for Ephemeral::Typing { room_id, content } in news {
            let users: Vec<_> = content
                .user_ids
                .into_iter()
                .filter(|user| !inside.is_ours(user))
                .collect();
            inside.typing(&room_id, &users).await;
        }
    };
    tokio::spawn(tokio::time::timeout(PATIENCE, passing).in_current_span());
}
