//! Chats that were asked for by REST, and the groups that were made for somebody.

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{ChatId, ChatRequestId, DeviceId, Opened, Timestamp};

/// How long it is remembered what became of a request: as long as its key is.
const REMEMBERED: i64 = 24 * 60 * 60 * 1000;

impl Tx {
    /// Adds a request, and forgets those that are a day old.
    pub(crate) async fn insert_chat_request(&mut self, id: ChatRequestId, now: Timestamp) -> Result<(), Error> {
        let old =
            sqlx::query("delete from chat_requests where created_at <= $1").bind(now.plus_millis(-REMEMBERED).millis());
        self.execute(old).await?;
        let query = sqlx::query("insert into chat_requests (id, created_at) values ($1, $2)")
            .bind(id.to_string())
            .bind(now.millis());
        self.execute(query).await.map(drop)
    }

    /// What became of a request; `None` while it is being done, and when it is forgotten.
    pub(crate) async fn find_opened(&mut self, id: ChatRequestId) -> Result<Option<Opened>, Error> {
        let query = sqlx::query("select * from chat_requests where id = $1").bind(id.to_string());
        match self.row(query).await? {
            Some(row) => Columns::new(&row, "chat_requests", "id").maybe_json("opened"),
            None => Ok(None),
        }
    }

    /// Remembers what became of a request.
    pub(crate) async fn set_opened(&mut self, id: ChatRequestId, opened: &Opened) -> Result<(), Error> {
        let json = serde_json::to_string(opened).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let query = sqlx::query("update chat_requests set opened = $2 where id = $1")
            .bind(id.to_string())
            .bind(text(&json));
        self.execute(query).await.map(drop)
    }

    /// Says that a group was made for a request; `false`: another request has it already.
    pub(crate) async fn claim_made_group(
        &mut self,
        device: DeviceId,
        chat: &ChatId,
        request: &str,
    ) -> Result<bool, Error> {
        let query = sqlx::query(
            "insert into made_groups (device, chat, request) values ($1, $2, $3) \
             on conflict (device, chat) do update set request = made_groups.request \
             where made_groups.request = excluded.request",
        )
        .bind(device.to_string())
        .bind(text(chat.as_str()))
        .bind(text(request));
        Ok(self.execute(query).await? == 1)
    }

    /// The groups of a device that were made for other requests than this one.
    pub(crate) async fn list_groups_of_others(
        &mut self,
        device: DeviceId,
        request: &str,
    ) -> Result<Vec<ChatId>, Error> {
        let query = sqlx::query("select * from made_groups where device = $1 and request <> $2 order by chat")
            .bind(device.to_string())
            .bind(text(request));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                Ok(ChatId::from_adapter(
                    Columns::new(row, "made_groups", "chat").text("chat")?,
                ))
            })
            .collect()
    }
}
