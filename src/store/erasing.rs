//! Erasing: what a message held goes, its ids stay, so that it never comes back.

use super::{
    Error, Tx,
    messages::{self, DELETED, Message},
    types::{Columns, sender, text},
};
use crate::model::{JobId, Lane, MessageRef, PortalKey, Timestamp};

impl Tx {
    /// Erases everything that is stored of what a message said: its row keeps ids, sender and time. Jobs that were
    /// given up and jobs that wait for this message go with it, but for the one that does this.
    pub(crate) async fn erase_message(
        &mut self,
        key: &PortalKey,
        message: &MessageRef,
        current: Option<JobId>,
    ) -> Result<(), Error> {
        let statement = "update messages set body = null, content = null, said = null, frame = null, error = null, \
             kept = 0, kind = $5 where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, key, &message.id)
            .bind(sender(&message.sender))
            .bind(DELETED);
        self.execute(query).await?;
        self.forget_past_marks(key, message).await?;
        self.forget_quotes(key, &message.id).await?;
        for marks in [
            "delete from reactions where device = $1 and chat = $2 and message = $3 and message_sender = $4",
            "delete from votes where device = $1 and chat = $2 and message = $3 and message_sender = $4",
        ] {
            self.execute(messages::named(marks, key, &message.id).bind(sender(&message.sender)))
                .await?;
        }
        let waiting = sqlx::query("delete from jobs where lane = $1 and id <> $2")
            .bind(text(Lane::late(key, &message.id).as_str()))
            .bind(current.map_or(0, |job| job.0));
        self.execute(waiting).await?;
        self.erase_buried(key, message).await
    }

    /// What was said in a chat until a moment and is not erased yet, the oldest first; at most so many.
    pub(crate) async fn list_said_until(
        &mut self,
        key: &PortalKey,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        let query = sqlx::query(
            "select * from messages where device = $1 and chat = $2 and at <= $3 and kind <> $4 \
             order by at, message, sender limit $5",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(until.millis())
        .bind(DELETED)
        .bind(i64::from(limit));
        self.rows(query).await?.iter().map(messages::read).collect()
    }

    /// Jobs that were given up hold what they were about; a delivery names the message by its event.
    async fn erase_buried(&mut self, key: &PortalKey, message: &MessageRef) -> Result<(), Error> {
        let query = messages::named(
            "select event from messages where device = $1 and chat = $2 and message = $3 and sender = $4 \
             and event is not null \
             union select event from message_parts where device = $1 and chat = $2 and message = $3 and sender = $4",
            key,
            &message.id,
        );
        let rows = self.rows(query.bind(sender(&message.sender))).await?;
        let events: Vec<String> = rows
            .iter()
            .map(|row| Columns::new(row, "messages", "event").text("event"))
            .collect::<Result<_, _>>()?;
        for event in &events {
            let query = sqlx::query("delete from buried_jobs where payload like '%' || $1 || '%'");
            self.execute(query.bind(event)).await?;
            self.forget_payloads(event).await?;
        }
        // Strangers choose these: only in the lanes of the chat, and only whole.
        let query = sqlx::query(
            "delete from buried_jobs where lane in ($1, $2, $3) and payload like '%\"id\":\"' || $4 || '\"%'",
        )
        .bind(text(Lane::incoming(key).as_str()))
        .bind(text(Lane::outgoing(key).as_str()))
        .bind(text(Lane::late(key, &message.id).as_str()))
        .bind(text(message.id.as_str()));
        self.execute(query).await?;
        Ok(())
    }

    /// Forgets jobs that were given up before `cutoff`: they hold what they were about.
    pub(crate) async fn forget_buried(&mut self, cutoff: Timestamp) -> Result<(), Error> {
        let query = sqlx::query("delete from buried_jobs where buried_at < $1").bind(cutoff.millis());
        self.execute(query).await.map(drop)
    }

    /// Erases what messages older than `cutoff` held, at most `limit` of them; how many. Jobs that were given up and
    /// what became of messages by REST before then go with them.
    pub(crate) async fn erase_older(&mut self, cutoff: Timestamp, limit: u32) -> Result<u64, Error> {
        let marks = sqlx::query("delete from history_marks where at < $1").bind(cutoff.millis());
        self.execute(marks).await?;
        let buried = sqlx::query("delete from buried_jobs where created_at < $1").bind(cutoff.millis());
        self.execute(buried).await?;
        let sends = sqlx::query("delete from sends where created_at < $1 and status <> 'queued'").bind(cutoff.millis());
        self.execute(sends).await?;
        let deliveries = sqlx::query(
            "update deliveries set payload = null where created_at < $1 and payload is not null and state <> 'waiting'",
        );
        self.execute(deliveries.bind(cutoff.millis())).await?;
        let query = sqlx::query(
            "select device, chat, message, sender from messages where at < $1 and content is not null \
             order by at limit $2",
        )
        .bind(cutoff.millis())
        .bind(i64::from(limit));
        let rows = self.rows(query).await?;
        let mut erased = 0;
        for row in &rows {
            let row = Columns::new(row, "messages", "message");
            // Votes repeat what a poll says.
            for (statement, counts) in [
                (
                    "delete from votes where device = $1 and chat = $2 and message = $3 and message_sender = $4",
                    0,
                ),
                (
                    "update messages set body = null, content = null, said = null, frame = null, error = null \
                     where device = $1 and chat = $2 and message = $3 and sender = $4",
                    1,
                ),
            ] {
                let query = sqlx::query(statement)
                    .bind(row.text("device")?)
                    .bind(row.text("chat")?)
                    .bind(row.text("message")?)
                    .bind(row.text("sender")?);
                erased += counts * self.execute(query).await?;
            }
        }
        Ok(erased)
    }
}
