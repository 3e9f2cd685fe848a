//! What became of deliveries: for those who look, and for sending one again. The jobs that deliver are in `jobs.rs`.
//!
//! Of each webhook the last [`KEPT`] that are settled are kept, and all that still wait.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text, word},
};
use crate::model::{Delivery, DeliveryId, Timestamp, WebhookId};

/// How many settled deliveries of a webhook are kept.
const KEPT: i64 = 50;

/// How far a delivery came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// It will be tried, perhaps again.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// The receiver refused it, or did not answer for too long.
    Failed,
    /// The webhook was switched off or removed meanwhile.
    Dropped,
}

/// A delivery and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DeliveryRecord {
    /// The same on every attempt.
    pub(crate) id: DeliveryId,
    /// How far it came.
    pub(crate) state: DeliveryState,
    /// How often it was tried.
    pub(crate) attempts: i64,
    /// What went wrong last.
    pub(crate) error: Option<String>,
    /// When it will be tried again.
    pub(crate) next_at: Option<Timestamp>,
    /// What is delivered; `None` when its message was taken back.
    pub(crate) payload: Option<Delivery>,
    /// When it was promised.
    pub(crate) created_at: Timestamp,
    /// When it came to its end.
    pub(crate) settled_at: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<DeliveryRecord, Error> {
    let row = Columns::new(row, "deliveries", "id");
    Ok(DeliveryRecord {
        id: row.parsed("id")?,
        state: row.word("state")?,
        attempts: row.int("attempts")?,
        error: row.maybe_text("error")?,
        next_at: row.maybe_time("next_at")?,
        payload: row.maybe_json("payload")?,
        created_at: row.time("created_at")?,
        settled_at: row.maybe_time("settled_at")?,
    })
}

impl Tx {
    /// Remembers a delivery that is being promised; `event` is what it tells of.
    pub(crate) async fn insert_delivery(&mut self, delivery: &Delivery, event: &str) -> Result<(), Error> {
        let payload = serde_json::to_string(delivery).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let query = sqlx::query(
            "insert into deliveries (id, webhook, event, state, attempts, next_at, payload, created_at) \
             values ($1, $2, $3, $4, 0, $5, $6, $5) on conflict (id) do nothing",
        )
        .bind(delivery.id.to_string())
        .bind(delivery.webhook.0)
        .bind(text(event))
        .bind(word(&DeliveryState::Waiting))
        .bind(delivery.created_at.millis())
        .bind(text(&payload));
        self.execute(query).await.map(drop)
    }

    /// Remembers that an attempt failed and when the next one is.
    pub(crate) async fn delivery_waits(
        &mut self,
        id: DeliveryId,
        error: &str,
        next_at: Timestamp,
    ) -> Result<(), Error> {
        let query =
            sqlx::query("update deliveries set attempts = attempts + 1, error = $2, next_at = $3 where id = $1")
                .bind(id.to_string())
                .bind(text(error))
                .bind(next_at.millis());
        self.execute(query).await.map(drop)
    }

    /// Remembers how a delivery ended, after another attempt unless it was dropped, and forgets old ones of its webhook.
    pub(crate) async fn delivery_ends(
        &mut self,
        (id, webhook): (DeliveryId, WebhookId),
        state: DeliveryState,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let tried = i64::from(state != DeliveryState::Dropped);
        let query = sqlx::query(
            "update deliveries set state = $2, attempts = attempts + $3, error = $4, next_at = null, settled_at = $5 \
             where id = $1",
        )
        .bind(id.to_string())
        .bind(word(&state))
        .bind(tried)
        .bind(maybe(error))
        .bind(self.now().millis());
        self.execute(query).await?;
        let old = sqlx::query(
            "delete from deliveries where webhook = $1 and settled_at < (select settled_at from deliveries \
             where webhook = $1 and settled_at is not null order by settled_at desc limit 1 offset $2)",
        )
        .bind(webhook.0)
        .bind(KEPT - 1);
        self.execute(old).await.map(drop)
    }

    /// A delivery that ended begins anew.
    pub(crate) async fn delivery_begins_again(&mut self, delivery: &Delivery) -> Result<(), Error> {
        let query = sqlx::query(
            "update deliveries set state = $2, error = null, next_at = $3, settled_at = null where id = $1",
        )
        .bind(delivery.id.to_string())
        .bind(word(&DeliveryState::Waiting))
        .bind(delivery.created_at.millis());
        self.execute(query).await.map(drop)
    }

    /// A delivery that waits is tried at once, as soon as those before it in its lane are through.
    pub(crate) async fn hurry_delivery(&mut self, webhook: WebhookId, id: DeliveryId) -> Result<(), Error> {
        let now = self.now().millis();
        let job = sqlx::query(
            "update jobs set run_at = $1 where lane like $2 and kind = 'deliver' and run_at > $1 \
             and locked_by is null and payload like $3",
        )
        .bind(now)
        .bind(format!("hook:{}/%", webhook.0))
        .bind(format!("%{id}%"));
        self.execute(job).await?;
        let row = sqlx::query("update deliveries set next_at = $2 where id = $1 and next_at > $2")
            .bind(id.to_string())
            .bind(now);
        self.execute(row).await?;
        self.wake_workers();
        Ok(())
    }

    /// The last deliveries of a webhook, newest first.
    pub(crate) async fn list_deliveries(&mut self, webhook: WebhookId) -> Result<Vec<DeliveryRecord>, Error> {
        let query = sqlx::query("select * from deliveries where webhook = $1 order by id desc limit $2")
            .bind(webhook.0)
            .bind(KEPT);
        self.rows(query).await?.iter().map(read).collect()
    }

    /// A delivery of a webhook.
    pub(crate) async fn find_delivery(
        &mut self,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRecord>, Error> {
        let query = sqlx::query("select * from deliveries where webhook = $1 and id = $2")
            .bind(webhook.0)
            .bind(id.to_string());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// What was taken back is not told any more, not even on request: deliveries of this event lose their payload.
    pub(crate) async fn forget_payloads(&mut self, event: &str) -> Result<(), Error> {
        let query = sqlx::query("update deliveries set payload = null where event = $1").bind(text(event));
        self.execute(query).await.map(drop)
    }

    /// Forgets what is known of the deliveries of a webhook that is gone.
    pub(crate) async fn remove_deliveries_of(&mut self, webhook: WebhookId) -> Result<(), Error> {
        let query = sqlx::query("delete from deliveries where webhook = $1").bind(webhook.0);
        self.execute(query).await.map(drop)
    }
}
