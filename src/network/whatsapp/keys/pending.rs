//! Messages between their decryption and their commit, and the memory of those that were committed.
//!
//! The library asks here what a message said that it can no longer decrypt, because it did so before (see `delivery`).
//! There are three answers: here it is; it was committed, so acknowledge it; and, in the one gap that the library
//! leaves, nobody knows it. Then its sender is asked to send it again, and only when nobody does, people are told.

use std::sync::{Arc, OnceLock, Weak};

use whatsapp_rust::{
    Client, Jid,
    buffa::{Message as _, MessageField},
    features::{RetryReason, RetryRequestOptions},
    wacore::store::{
        error::{Result, StoreError},
        traits::{PendingInboundKey, PendingInboundRow},
    },
    wacore_binary::builder::NodeBuilder,
    waproto::whatsapp as wa,
};

use super::{Keys, count, failed, joined, kind};
use crate::store::keyring::Change;

/// How often a lost message is asked for, once for each time it is delivered, before it is given up.
const MOST_REQUESTS: u8 = 3;
/// The library would forget pending messages after a week; the server delivers them for about a month.
const LONGER_KEPT: i64 = 23 * 24 * 60 * 60;

impl Keys {
    pub(super) async fn store_pending(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let now = Some(self.now_secs());
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (joined(&[row.chat, row.sender, row.id]), row.message, now))
            .collect();
        self.keyring
            .put(self.device, kind::PENDING_INBOUND, &rows)
            .await
            .map_err(failed)
    }

    /// What a message said that cannot be decrypted twice; `None` when it was committed.
    pub(super) async fn pending(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let key = joined(&[chat, sender, id]);
        let get = async |kind| self.keyring.get(self.device, kind, &key).await.map_err(failed);
        if let Some(message) = get(kind::PENDING_INBOUND).await? {
            return Ok(Some(message));
        }
        // Groups are left out: what only carries keys is never committed there, and is no loss.
        if !is_direct(chat) || get(kind::SEEN_INBOUND).await?.is_some() {
            return Ok(None);
        }
        let mut requests = 0;
        let counted = self.keyring.update(self.device, kind::LOST_INBOUND, &key, |asked| {
            requests = asked
                .and_then(|asked| asked.first().copied())
                .unwrap_or(0)
                .saturating_add(1);
            Some(vec![requests])
        });
        counted.await.map_err(failed)?;
        if requests > MOST_REQUESTS {
            return Ok(Some(placeholder()));
        }
        tracing::warn!(device.id = %self.device, requests, "a message was lost in a crash; its sender is asked for it");
        self.resend.ask(chat, sender, id);
        // An error keeps the library from acknowledging it.
        Err(StoreError::Validation("the message is asked for again".to_owned()))
    }

    /// The messages were committed.
    pub(super) async fn settle_pending(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let now = Some(self.now_secs());
        let mut changes = Vec::with_capacity(keys.len() * 3);
        for key in keys {
            let key = joined(&[key.chat, key.sender, key.id]);
            for kind in [kind::PENDING_INBOUND, kind::LOST_INBOUND] {
                changes.push(Change::Remove {
                    kind: kind.into(),
                    key: key.clone(),
                });
            }
            changes.push(Change::Put {
                kind: kind::SEEN_INBOUND.into(),
                key,
                bytes: Vec::new(),
                expires: now,
            });
        }
        self.keyring.batch(self.device, changes).await.map_err(failed)
    }

    /// Forgets what the server no longer delivers.
    pub(super) async fn forget_pending(&self, cutoff: i64) -> Result<u32> {
        let cutoff = cutoff.saturating_sub(LONGER_KEPT).saturating_sub(1);
        let remove = async |kind| {
            self.keyring
                .remove_expired(self.device, kind, cutoff)
                .await
                .map_err(failed)
        };
        remove(kind::SEEN_INBOUND).await?;
        remove(kind::PENDING_INBOUND).await.map(count)
    }
}

fn is_direct(chat: &str) -> bool {
    chat.parse::<Jid>()
        .is_ok_and(|jid| jid.server.is_pn_family() || jid.server.is_lid_family())
}

/// `incoming` shows it as a message that did not get through.
fn placeholder() -> Vec<u8> {
    wa::Message {
        placeholder_message: MessageField::some(wa::message::PlaceholderMessage::default()),
        ..wa::Message::default()
    }
    .encode_to_vec()
}

/// Asks senders to send again, with the client once there is one.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Resend(Arc<OnceLock<Weak<Client>>>);

impl Resend {
    /// From now on this client asks.
    pub(in super::super) fn with(&self, client: &Arc<Client>) {
        // Set once: a session has one client.
        let _ = self.0.set(Arc::downgrade(client));
    }

    /// Asks the sender of a message to send it again.
    pub(in super::super) fn ask(&self, chat: &str, sender: &str, id: &str) {
        let Some(client) = self.0.get().and_then(Weak::upgrade) else {
            return;
        };
        let (Ok(chat), Ok(sender)) = (chat.parse::<Jid>(), sender.parse::<Jid>()) else {
            return;
        };
        let own = [client.pn(), client.lid()]
            .into_iter()
            .flatten()
            .any(|own| own.is_same_chat_as(&sender));
        let mut stanza = NodeBuilder::new("message").attr("id", id).attr("from", sender);
        if own {
            stanza = stanza.attr("recipient", chat);
        }
        let stanza = stanza.build();
        tokio::spawn(async move {
            let options = RetryRequestOptions::new()
                .with_reason(RetryReason::NoSession)
                .with_force_include_keys(true);
            if let Err(error) = client.request_message_retry(&stanza.as_node_ref(), options).await {
                tracing::warn!(%error, "a lost message could not be asked for");
            }
        });
    }
}
