//! When messages disappear: the timers of chats, and which messages are kept from it.

use super::{
    Error, Tx, messages,
    types::{Columns, sender, text},
};
use crate::model::{MessageRef, PortalKey, Timestamp};

fn of_chat(
    statement: &'static str,
    key: &PortalKey,
) -> sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(statement)
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
}

impl Tx {
    /// Seconds after which new messages of a chat disappear; `None`: they stay.
    pub(crate) async fn find_portal_timer(&mut self, key: &PortalKey) -> Result<Option<u32>, Error> {
        Ok(self.find_dated_timer(key).await?.0)
    }

    /// The timer of a chat, and since when it is known to be so.
    pub(crate) async fn find_dated_timer(
        &mut self,
        key: &PortalKey,
    ) -> Result<(Option<u32>, Option<Timestamp>), Error> {
        let query = of_chat("select * from portals where device = $1 and chat = $2", key);
        let Some(row) = self.row(query).await? else {
            return Ok((None, None));
        };
        let row = Columns::new(&row, "portals", "chat");
        let timer = row.maybe_int("timer")?;
        Ok((
            timer.and_then(|seconds| u32::try_from(seconds).ok()),
            row.maybe_time("timer_at")?,
        ))
    }

    /// Remembers after how many seconds new messages of a chat disappear, and since when.
    pub(crate) async fn set_portal_timer(
        &mut self,
        key: &PortalKey,
        timer: Option<u32>,
        at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let query = of_chat(
            "update portals set timer = $3, timer_at = coalesce($4, timer_at) where device = $1 and chat = $2",
            key,
        )
        .bind(timer.map(i64::from))
        .bind(at.map(Timestamp::millis));
        self.execute(query).await.map(drop)
    }

    /// The same of a timer that was told beside something else: unless a newer one is known, or, when it is not told since
    /// when it is so, any. Tells whether the timer is another one now.
    pub(crate) async fn learn_portal_timer(
        &mut self,
        key: &PortalKey,
        timer: Option<u32>,
        at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let (known, known_at) = self.find_dated_timer(key).await?;
        let is_news = match (at, known_at) {
            (Some(at), Some(known_at)) => at > known_at,
            (Some(_), None) => true,
            (None, _) => known.is_none() && known_at.is_none(),
        };
        if !is_news {
            return Ok(false);
        }
        // Somebody may have set it since it was looked up.
        let query = of_chat(
            "update portals set timer = $3, timer_at = coalesce($4, timer_at) \
             where device = $1 and chat = $2 and coalesce(timer_at, -1) = $5",
            key,
        )
        .bind(timer.map(i64::from))
        .bind(at.map(Timestamp::millis))
        .bind(known_at.map_or(-1, Timestamp::millis));
        Ok(self.execute(query).await? > 0 && timer != known)
    }

    async fn change_kept(
        &mut self,
        statement: &'static str,
        key: &PortalKey,
        message: &MessageRef,
    ) -> Result<bool, Error> {
        let query = messages::named(statement, key, &message.id).bind(sender(&message.sender));
        Ok(self.execute(query).await? > 0)
    }

    /// Keeps a message from disappearing.
    pub(crate) async fn keep_message(&mut self, key: &PortalKey, message: &MessageRef) -> Result<(), Error> {
        let statement = "update messages set kept = 1 \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and kept = 0";
        self.change_kept(statement, key, message).await.map(drop)
    }

    /// Keeps a message no longer; tells whether its time was over while it was kept, and nobody takes it away any more.
    pub(crate) async fn keep_message_no_longer(
        &mut self,
        key: &PortalKey,
        message: &MessageRef,
    ) -> Result<bool, Error> {
        // In this order: a message whose time ends between the two is found by the second.
        let in_time = "update messages set kept = 0 \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and kept = 1";
        let too_late = "update messages set kept = 0 \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and kept = 2";
        if self.change_kept(in_time, key, message).await? {
            return Ok(false);
        }
        self.change_kept(too_late, key, message).await
    }

    /// The time of a message is over: tells whether it is kept all the same, and remembers that nobody takes it away.
    pub(crate) async fn outlives_its_time(&mut self, key: &PortalKey, message: &MessageRef) -> Result<bool, Error> {
        let statement = "update messages set kept = 2 \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and kept > 0";
        self.change_kept(statement, key, message).await
    }

    /// Whether a message is kept from disappearing.
    pub(crate) async fn is_message_kept(&mut self, key: &PortalKey, message: &MessageRef) -> Result<bool, Error> {
        let query = messages::named(
            "select 1 from messages where device = $1 and chat = $2 and message = $3 and sender = $4 and kept > 0",
            key,
            &message.id,
        )
        .bind(sender(&message.sender));
        Ok(self.row(query).await?.is_some())
    }
}
