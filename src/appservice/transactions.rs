//! `PUT /transactions/{txnId}`: events of rooms, answered once they are stored, as are read
//! receipts; typing on the side.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tracing::Instrument;

use super::{Door, answer::Refusal, token::Homeserver};
use crate::model::{ReadUpTo, RoomEvent};

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
        let news = read_ephemeral(&ephemeral.or(unstable_ephemeral).unwrap_or_default());
        let receipts: Vec<_> = news.iter().flat_map(receipts).collect();
        let receipts: Vec<_> = receipts
            .into_iter()
            .filter(|receipt| !door.inside.is_ours(&receipt.user))
            .collect();
        if !receipts.is_empty() {
            door.inside.read(receipts).await?;
        }
        pass_on(&door, news);
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
    #[serde(rename = "m.receipt")]
    Receipt { room_id: OwnedRoomId, content: Receipts },
    #[serde(rename = "m.presence")]
    Presence { sender: OwnedUserId, content: Presence },
}

#[derive(Deserialize)]
struct Presence {
    presence: String,
}

#[derive(Deserialize)]
struct Typing {
    user_ids: Vec<OwnedUserId>,
}

/// By event, kind of receipt, and user.
type Receipts = BTreeMap<OwnedEventId, BTreeMap<String, BTreeMap<OwnedUserId, Value>>>;

/// What is not known, or not well formed, is left out.
fn read_ephemeral(ephemeral: &[Box<RawValue>]) -> Vec<Ephemeral> {
    ephemeral
        .iter()
        .filter_map(|json| serde_json::from_str(json.get()).ok())
        .collect()
}

/// Who read how far.
fn receipts(ephemeral: &Ephemeral) -> Vec<ReadUpTo> {
    let Ephemeral::Receipt { room_id, content } = ephemeral else {
        return Vec::new();
    };
    let mut receipts = Vec::new();
    for (event, kinds) in content {
        for (kind, users) in kinds {
            let quietly = match kind.as_str() {
                "m.read" => false,
                "m.read.private" => true,
                _ => continue,
            };
            receipts.extend(users.keys().map(|user| ReadUpTo {
                room: room_id.clone(),
                event: event.clone(),
                user: user.clone(),
                quietly,
            }));
        }
    }
    receipts
}

/// Passes on who types and who is there, without letting the homeserver wait for it.
fn pass_on(door: &Door, news: Vec<Ephemeral>) {
    let news: Vec<_> = news
        .into_iter()
        .filter(|news| !matches!(news, Ephemeral::Receipt { .. }))
        .collect();
    if news.is_empty() {
        return;
    }
    let inside = Arc::clone(&door.inside);
    let passing = async move {
        for news in news {
            match news {
                Ephemeral::Typing { room_id, content } => {
                    let users: Vec<_> = content
                        .user_ids
                        .into_iter()
                        .filter(|user| !inside.is_ours(user))
                        .collect();
                    inside.typing(&room_id, &users).await;
                }
                Ephemeral::Presence { sender, content } if !inside.is_ours(&sender) => {
                    inside.presence(&sender, content.presence == "online").await;
                }
                Ephemeral::Presence { .. } | Ephemeral::Receipt { .. } => {}
            }
        }
    };
    tokio::spawn(tokio::time::timeout(PATIENCE, passing).in_current_span());
}
