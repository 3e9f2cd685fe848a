//! Which Matrix events were accepted, by event id, and how far the bot has read with `/sync`.

use ruma::{EventId, UserId};

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::Timestamp;

impl Tx {
    /// Accepts an event; `false` when it was accepted before.
    pub(crate) async fn accept_event(&mut self, event: &EventId, now: Timestamp) -> Result<bool, Error> {
        let query = sqlx::query(
            "insert into accepted_events (event, accepted_at) values ($1, $2) on conflict (event) do nothing",
        )
        .bind(event.as_str())
        .bind(now.millis());
        Ok(self.execute(query).await? == 1)
    }

    /// Forgets events that were accepted before a moment; how many.
    pub(crate) async fn forget_events_before(&mut self, before: Timestamp) -> Result<u64, Error> {
        self.execute(sqlx::query("delete from accepted_events where accepted_at < $1").bind(before.millis()))
            .await
    }

    /// Where the bot's next `/sync` begins.
    pub(crate) async fn sync_token(&mut self) -> Result<Option<String>, Error> {
        let row = self
            .row(sqlx::query("select * from notes where name = 'sync_token'"))
            .await?;
        row.as_ref()
            .map(|row| Columns::new(row, "notes", "name").text("content"))
            .transpose()
    }

    /// Remembers where the bot's next `/sync` begins.
    pub(crate) async fn set_sync_token(&mut self, token: &str) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into notes (name, content) values ('sync_token', $1) \
             on conflict (name) do update set content = excluded.content",
        )
        .bind(text(token));
        self.execute(query).await.map(drop)
    }

    /// How far the account of a real person was followed.
    pub(crate) async fn find_account_token(&mut self, user: &UserId) -> Result<Option<String>, Error> {
        let query = sqlx::query("select * from notes where name = $1").bind(format!("account:{user}"));
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "notes", "name").text("content"))
            .transpose()
    }

    /// Remembers how far.
    pub(crate) async fn set_account_token(&mut self, user: &UserId, token: &str) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into notes (name, content) values ($1, $2) \
             on conflict (name) do update set content = excluded.content",
        )
        .bind(format!("account:{user}"))
        .bind(text(token));
        self.execute(query).await.map(drop)
    }
}
