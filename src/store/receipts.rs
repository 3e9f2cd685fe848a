//! Receipts: how far each message of the owner came with each recipient. A state never goes back.

use sqlx::any::AnyRow;

use super::{
    Error, MessageState, Tx,
    types::{Columns, text, word},
};
use crate::model::{ContactId, MessageId, PortalKey, Sender, Timestamp};

/// How far a message came with one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Receipt {
    /// With whom.
    pub(crate) contact: ContactId,
    /// How far.
    pub(crate) state: MessageState,
    /// Since when.
    pub(crate) at: Timestamp,
}

/// How far a message came with one recipient, and when it came to each step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TimedReceipt {
    /// The last step.
    pub(crate) receipt: Receipt,
    /// When their phone had it.
    pub(crate) delivered_at: Option<Timestamp>,
    /// When they had read it.
    pub(crate) read_at: Option<Timestamp>,
    /// When they had listened to it.
    pub(crate) played_at: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<TimedReceipt, Error> {
    let row = Columns::new(row, "receipts", "message");
    Ok(TimedReceipt {
        receipt: Receipt {
            contact: ContactId::from_adapter(row.text("contact")?),
            state: row.word("state")?,
            at: row.time("at")?,
        },
        delivered_at: row.maybe_time("delivered_at")?,
        read_at: row.maybe_time("read_at")?,
        played_at: row.maybe_time("played_at")?,
    })
}

impl Tx {
    /// Remembers how far a message of the owner came with a recipient, and the message itself with it; `false` when
    /// that was known, or there is no such message.
    pub(crate) async fn record_receipt(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        receipt: &Receipt,
    ) -> Result<bool, Error> {
        self.hold_message(portal, id).await?;
        let Some(message) = self.find_message(portal, id, &Sender::Owner).await? else {
            return Ok(false);
        };
        let known = self.list_receipts(portal, id).await?;
        let before = known.iter().find(|known| known.contact == receipt.contact);
        if before.is_some_and(|before| before.state >= receipt.state) {
            return Ok(false);
        }
        let step = |state| (receipt.state == state).then_some(receipt.at.millis());
        let query = sqlx::query(
            "insert into receipts (device, chat, message, contact, state, at, delivered_at, read_at, played_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             on conflict (device, chat, message, contact) do update set state = excluded.state, at = excluded.at, \
             delivered_at = coalesce(excluded.delivered_at, receipts.delivered_at), \
             read_at = coalesce(excluded.read_at, receipts.read_at), \
             played_at = coalesce(excluded.played_at, receipts.played_at)",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(id.as_str()))
        .bind(text(receipt.contact.as_str()))
        .bind(word(&receipt.state))
        .bind(receipt.at.millis())
        .bind(step(MessageState::Delivered))
        .bind(step(MessageState::Read))
        .bind(step(MessageState::Played));
        self.execute(query).await?;
        // A message still on its way out is marked by whoever sends it.
        if message.state < receipt.state && message.state != MessageState::Pending {
            self.set_message_state(portal, id, &Sender::Owner, receipt.state, None)
                .await?;
        }
        Ok(true)
    }

    /// A message of the owner has left: it is where its recipients say it is, who may have been faster than we.
    pub(crate) async fn set_message_sent(&mut self, portal: &PortalKey, id: &MessageId) -> Result<(), Error> {
        self.hold_message(portal, id).await?;
        let receipts = self.list_receipts(portal, id).await?;
        let furthest = receipts.into_iter().map(|receipt| receipt.state).max();
        let state = furthest.unwrap_or(MessageState::Sent);
        self.set_message_state(portal, id, &Sender::Owner, state, None).await
    }

    /// Waits for whoever else changes what became of a message of the owner: a receipt and the end of sending it may come
    /// at once, and each must see the other.
    async fn hold_message(&mut self, portal: &PortalKey, id: &MessageId) -> Result<(), Error> {
        let query = sqlx::query(
            "update messages set state = state where device = $1 and chat = $2 and message = $3 and sender = 'owner'",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(id.as_str()));
        self.execute(query).await.map(drop)
    }

    /// How far a message of the owner came, by recipient.
    pub(crate) async fn list_receipts(&mut self, portal: &PortalKey, id: &MessageId) -> Result<Vec<Receipt>, Error> {
        let timed = self.list_timed_receipts(portal, id).await?;
        Ok(timed.into_iter().map(|timed| timed.receipt).collect())
    }

    /// How far a message of the owner came, by recipient, and when.
    pub(crate) async fn list_timed_receipts(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
    ) -> Result<Vec<TimedReceipt>, Error> {
        let query =
            sqlx::query("select * from receipts where device = $1 and chat = $2 and message = $3 order by contact")
                .bind(portal.device.to_string())
                .bind(text(portal.chat.as_str()))
                .bind(text(id.as_str()));
        self.rows(query).await?.iter().map(read).collect()
    }
}
