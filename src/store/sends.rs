//! Messages accepted by REST and their fate, and the keys under which requests are answered only once.

use ruma::{EventId, OwnedEventId};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text, word},
};
use crate::model::{DeviceId, IdentityId, MessageId, SendId, Timestamp, TokenId};

/// How long an answer is remembered: a day.
const REMEMBERED: i64 = 24 * 60 * 60 * 1000;

/// A message accepted by REST for one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SendRow {
    /// Its id.
    pub(crate) id: SendId,
    /// Whose message.
    pub(crate) identity: IdentityId,
    /// Through which device.
    pub(crate) device: DeviceId,
    /// The recipient as it was spelled.
    pub(crate) recipient: String,
    /// What became of it.
    pub(crate) status: SendStatus,
    /// Why it failed.
    pub(crate) reason: Option<String>,
    /// The message on the network, once it is chosen.
    pub(crate) message: Option<MessageId>,
    /// The Matrix event that echoes it.
    pub(crate) event: Option<OwnedEventId>,
    /// When it was accepted.
    pub(crate) created_at: Timestamp,
}

/// What became of a message accepted by REST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SendStatus {
    /// On its way.
    Queued,
    /// The network has it.
    Sent,
    /// It will not arrive.
    Failed,
}

fn read(row: &AnyRow) -> Result<SendRow, Error> {
    let row = Columns::new(row, "sends", "id");
    Ok(SendRow {
        id: row.parsed("id")?,
        identity: row.parsed("identity")?,
        device: row.parsed("device")?,
        recipient: row.text("recipient")?,
        status: row.word("status")?,
        reason: row.maybe_text("reason")?,
        message: row.maybe_text("message")?.map(MessageId::from_adapter),
        event: row.maybe_parsed("event")?,
        created_at: row.time("created_at")?,
    })
}

impl Tx {
    /// Adds a message.
    pub(crate) async fn insert_send(&mut self, send: &SendRow) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into sends (id, identity, device, recipient, status, reason, message, event, created_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(send.id.to_string())
        .bind(send.identity.to_string())
        .bind(send.device.to_string())
        .bind(text(&send.recipient))
        .bind(word(&send.status))
        .bind(maybe(send.reason.as_deref()))
        .bind(send.message.as_ref().map(|id| text(id.as_str())))
        .bind(send.event.as_ref().map(|event| event.as_str()))
        .bind(send.created_at.millis());
        self.execute(query)
            .await
            .map_err(|error| error.or_taken("send"))
            .map(drop)
    }

    /// A message of an identity.
    pub(crate) async fn find_send(&mut self, identity: IdentityId, id: SendId) -> Result<Option<SendRow>, Error> {
        let query = sqlx::query("select * from sends where identity = $1 and id = $2")
            .bind(identity.to_string())
            .bind(id.to_string());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Remembers what became of a message; a message or event that is `None` stays as it was.
    pub(crate) async fn set_send_status(
        &mut self,
        id: SendId,
        status: SendStatus,
        reason: Option<&str>,
        message: Option<&MessageId>,
        event: Option<&EventId>,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "update sends set status = $2, reason = $3, message = coalesce($4, message), event = coalesce($5, event) \
             where id = $1",
        )
        .bind(id.to_string())
        .bind(word(&status))
        .bind(maybe(reason))
        .bind(message.map(|id| text(id.as_str())))
        .bind(event.map(EventId::as_str));
        self.execute(query).await.map(drop)
    }

    /// The hash of the request that used this key within a day, and what it was answered.
    pub(crate) async fn find_idempotent(
        &mut self,
        token: TokenId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(Vec<u8>, String)>, Error> {
        let query =
            sqlx::query("select * from idempotency_keys where token = $1 and idempotency_key = $2 and created_at > $3")
                .bind(token.0)
                .bind(text(key))
                .bind(now.plus_millis(-REMEMBERED).millis());
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let row = Columns::new(&row, "idempotency_keys", "idempotency_key");
        Ok(Some((row.bytes("request_hash")?, row.text("response")?)))
    }

    /// Remembers the answer to a request, and forgets those that are a day old.
    ///
    /// # Errors
    /// `Taken("idempotency key")`.
    pub(crate) async fn insert_idempotent(
        &mut self,
        token: TokenId,
        key: &str,
        request_hash: &[u8],
        response: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let old = sqlx::query("delete from idempotency_keys where created_at <= $1")
            .bind(now.plus_millis(-REMEMBERED).millis());
        self.execute(old).await?;
        let query = sqlx::query(
            "insert into idempotency_keys (token, idempotency_key, request_hash, response, created_at) \
             values ($1, $2, $3, $4, $5) on conflict (token, idempotency_key) do nothing",
        )
        .bind(token.0)
        .bind(text(key))
        .bind(request_hash)
        .bind(text(response))
        .bind(now.millis());
        if self.execute(query).await? == 0 {
            Err(Error::Taken("idempotency key"))
        } else {
            Ok(())
        }
    }
}
