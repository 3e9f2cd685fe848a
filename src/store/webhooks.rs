//! Webhooks: who hears what contacts say.

use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text},
};
use crate::model::{IdentityId, Webhook, WebhookEvent, WebhookId};

fn read(row: &AnyRow) -> Result<Webhook, Error> {
    let row = Columns::new(row, "webhooks", "id");
    Ok(Webhook {
        id: WebhookId(row.int("id")?),
        identity: row.parsed("identity")?,
        url: row.text("url")?,
        secret: row.text("secret")?,
        events: row.maybe_text("events")?.map_or_else(
            || vec![WebhookEvent::Message],
            |names| names.split(',').filter_map(WebhookEvent::parse).collect(),
        ),
        active: row.flag("active")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

impl Tx {
    /// Adds a webhook.
    ///
    /// # Errors
    /// `Taken("webhook url")`.
    pub(crate) async fn insert_webhook(
        &mut self,
        identity: IdentityId,
        url: &str,
        secret: &str,
    ) -> Result<Webhook, Error> {
        let query = sqlx::query(
            "insert into webhooks (identity, url, secret, active, created_at, updated_at) \
             values ($1, $2, $3, 1, $4, $4) on conflict (identity, url) do nothing returning *",
        )
        .bind(identity.to_string())
        .bind(text(url))
        .bind(text(secret))
        .bind(self.now().millis());
        self.row(query)
            .await?
            .as_ref()
            .map_or(Err(Error::Taken("webhook url")), read)
    }

    /// The webhooks of an identity, oldest first.
    pub(crate) async fn list_webhooks(&mut self, identity: IdentityId) -> Result<Vec<Webhook>, Error> {
        let query = sqlx::query("select * from webhooks where identity = $1 order by id").bind(identity.to_string());
        self.rows(query).await?.iter().map(read).collect()
    }

    /// A webhook of an identity.
    pub(crate) async fn find_webhook(&mut self, identity: IdentityId, id: WebhookId) -> Result<Option<Webhook>, Error> {
        let query = sqlx::query("select * from webhooks where identity = $1 and id = $2")
            .bind(identity.to_string())
            .bind(id.0);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// A webhook, whosever it is: for delivering.
    pub(crate) async fn find_webhook_by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, Error> {
        let query = sqlx::query("select * from webhooks where id = $1").bind(id.0);
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Changes a webhook of an identity; what is `None` stays.
    ///
    /// # Errors
    /// `Taken("webhook url")`: the transaction is over then.
    pub(crate) async fn update_webhook(
        &mut self,
        identity: IdentityId,
        id: WebhookId,
        url: Option<&str>,
        active: Option<bool>,
    ) -> Result<Option<Webhook>, Error> {
        let query = sqlx::query(
            "update webhooks set url = coalesce($3, url), active = coalesce($4, active), updated_at = $5 \
             where identity = $1 and id = $2 returning *",
        )
        .bind(identity.to_string())
        .bind(id.0)
        .bind(maybe(url))
        .bind(active.map(i64::from))
        .bind(self.now().millis());
        let row = self.row(query).await.map_err(|error| error.or_taken("webhook url"))?;
        row.as_ref().map(read).transpose()
    }

    /// Says what a webhook hears.
    pub(crate) async fn set_webhook_events(&mut self, id: WebhookId, events: &[WebhookEvent]) -> Result<(), Error> {
        let names: Vec<_> = events.iter().map(|event| event.as_str()).collect();
        let query = sqlx::query("update webhooks set events = $2, updated_at = $3 where id = $1")
            .bind(id.0)
            .bind(names.join(","))
            .bind(self.now().millis());
        self.execute(query).await.map(drop)
    }

    /// Removes a webhook of an identity; whether it was there.
    pub(crate) async fn remove_webhook(&mut self, identity: IdentityId, id: WebhookId) -> Result<bool, Error> {
        let query = sqlx::query("delete from webhooks where identity = $1 and id = $2")
            .bind(identity.to_string())
            .bind(id.0);
        let was_there = self.execute(query).await? == 1;
        if was_there {
            self.remove_deliveries_of(id).await?;
        }
        Ok(was_there)
    }

    /// Makes a webhook hear nothing more.
    pub(crate) async fn deactivate_webhook(&mut self, id: WebhookId) -> Result<(), Error> {
        let query = sqlx::query("update webhooks set active = 0, updated_at = $2 where id = $1")
            .bind(id.0)
            .bind(self.now().millis());
        self.execute(query).await.map(drop)
    }
}
