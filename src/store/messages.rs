//! Messages: which message of a network is which Matrix event, and what became of it.

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::{
    Any,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{
    Error, Tx,
    types::{Columns, maybe, sender, text, word},
};
use crate::model::{ChatId, Content, MessageId, PortalKey, Sender, Timestamp};

/// A message that crossed the bridge, or is about to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Message {
    /// In which chat of which device.
    pub(crate) portal: PortalKey,
    /// Its id on the network, unique with the sender.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: Sender,
    /// The Matrix room.
    pub(crate) room: Option<OwnedRoomId>,
    /// The Matrix event, once there is one.
    pub(crate) event: Option<OwnedEventId>,
    /// Which way it crosses.
    pub(crate) direction: Direction,
    /// Its words, for quoting.
    pub(crate) text: Option<String>,
    /// What it holds.
    pub(crate) kind: String,
    /// The message it answers.
    pub(crate) reply_to: Option<MessageId>,
    /// When it was said.
    pub(crate) at: Timestamp,
    /// What became of it.
    pub(crate) state: MessageState,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// The Matrix transaction id under which it is or was sent.
    pub(crate) transaction: Option<String>,
    /// What it holds, whole.
    pub(crate) content: Option<Content>,
    /// The Matrix user whose event it is.
    pub(crate) speaker: Option<OwnedUserId>,
    /// When it was edited last, by the clock of who edited it.
    pub(crate) edited_at: Option<Timestamp>,
}

/// Which way a message crosses the bridge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From the network to Matrix.
    In,
    /// From Matrix or REST to the network.
    Out,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageState {
    /// Not there yet.
    Pending,
    /// The other side's server has it.
    Sent,
    /// The other side's person has it.
    Delivered,
    /// They read it.
    Read,
    /// They listened to it, or looked at it.
    Played,
    /// It will not arrive.
    Failed,
}

/// What a message of a chat holds from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageContent<'a> {
    /// Which message.
    pub(crate) id: &'a MessageId,
    /// Who said it.
    pub(crate) sender: &'a Sender,
    /// Its words.
    pub(crate) text: Option<&'a str>,
    /// What it holds, in a word.
    pub(crate) kind: &'a str,
    /// What it holds, whole; `None` when it was taken back.
    pub(crate) content: Option<&'a Content>,
}

/// What a message that was taken back holds, in a word.
pub(crate) const DELETED: &str = "deleted";
/// The same of a message of which nothing was sent, so that the network knows nothing of it.
pub(crate) const REFUSED: &str = "refused";

pub(super) fn read(row: &AnyRow) -> Result<Message, Error> {
    let row = Columns::new(row, "messages", "message");
    Ok(Message {
        portal: PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?)),
        id: MessageId::from_adapter(row.text("message")?),
        sender: row.sender("sender")?,
        room: row.maybe_parsed("room")?,
        event: match row.maybe_parsed("event")? {
            Some(event) => Some(event),
            None => row.maybe_parsed("shown_in")?,
        },
        direction: row.word("direction")?,
        text: row.maybe_text("body")?,
        kind: row.text("kind")?,
        reply_to: row.maybe_text("reply_to")?.map(MessageId::from_adapter),
        at: row.time("at")?,
        state: row.word("state")?,
        error: row.maybe_text("error")?,
        transaction: row.maybe_text("matrix_transaction")?,
        content: row.maybe_json("content")?,
        speaker: row.maybe_parsed("speaker")?,
        edited_at: row.maybe_time("edited_at")?,
    })
}

/// A statement that adds a message.
pub(super) fn insert(statement: &'static str, message: &Message) -> Query<'static, Any, AnyArguments> {
    named(statement, &message.portal, &message.id)
        .bind(sender(&message.sender))
        .bind(message.room.as_ref().map(|room| room.as_str()))
        .bind(message.event.as_ref().map(|event| event.as_str()))
        .bind(word(&message.direction))
        .bind(maybe(message.text.as_deref()))
        .bind(text(&message.kind))
        .bind(message.reply_to.as_ref().map(|id| text(id.as_str())))
        .bind(message.at.millis())
        .bind(word(&message.state))
        .bind(maybe(message.error.as_deref()))
        .bind(maybe(message.transaction.as_deref()))
        .bind(maybe(message.content.as_ref().map(json).as_deref()))
        .bind(message.speaker.as_ref().map(|user| user.as_str()))
        .bind(message.edited_at.map(Timestamp::millis))
}

fn json(content: &Content) -> String {
    // Cannot fail: no key of a map in it is anything but text, and a number that is none becomes null.
    serde_json::to_string(content).unwrap_or_default()
}

/// A statement whose first three places name a message, the sender aside.
pub(super) fn named(statement: &'static str, portal: &PortalKey, id: &MessageId) -> Query<'static, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(id.as_str()))
}

impl Tx {
    /// Adds a message; `false` when it was there already, and then nothing changed.
    ///
    /// # Errors
    /// `Taken("event")` when the event is another message of this device.
    pub(crate) async fn insert_message(&mut self, message: &Message) -> Result<bool, Error> {
        let statement = "insert into messages (device, chat, message, sender, room, event, direction, body, kind, \
             reply_to, at, state, error, matrix_transaction, content, speaker, edited_at, stored_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             on conflict (device, chat, message, sender) do nothing";
        let stored_at = self.now().millis();
        let rows = self
            .execute(insert(statement, message).bind(stored_at))
            .await
            .map_err(|error| error.or_taken("event"))?;
        Ok(rows == 1)
    }

    /// Adds a message that a room shows now, or gives its event to what is known of it from before; `false` when a room
    /// showed it already, and then nothing changed.
    ///
    /// # Errors
    /// `Taken("event")` when the event is another message of this device.
    pub(crate) async fn show_message(&mut self, message: &Message) -> Result<bool, Error> {
        let statement = "insert into messages (device, chat, message, sender, room, event, direction, body, kind, \
             reply_to, at, state, error, matrix_transaction, content, speaker, edited_at, stored_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             on conflict (device, chat, message, sender) do update set room = excluded.room, event = excluded.event, \
             body = excluded.body, kind = excluded.kind, matrix_transaction = excluded.matrix_transaction, \
             content = excluded.content, speaker = excluded.speaker, said = null, stored_at = excluded.stored_at \
             where messages.event is null and messages.direction = 'in' and messages.kind <> 'deleted'";
        let stored_at = self.now().millis();
        let rows = self
            .execute(insert(statement, message).bind(stored_at))
            .await
            .map_err(|error| error.or_taken("event"))?;
        Ok(rows == 1)
    }

    /// Whether anything was said in a chat after this moment.
    pub(crate) async fn is_chat_used_since(&mut self, key: &PortalKey, since: Timestamp) -> Result<bool, Error> {
        let query = sqlx::query("select 1 from messages where device = $1 and chat = $2 and at > $3 limit 1")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(since.millis());
        Ok(self.row(query).await?.is_some())
    }

    /// The message of this sender with this id.
    pub(crate) async fn find_message(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
    ) -> Result<Option<Message>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and message = $3 and sender = $4";
        self.row(named(statement, portal, id).bind(sender(from)))
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The message with this id, whoever said it; the oldest when several did.
    pub(crate) async fn find_message_by_id(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
    ) -> Result<Option<Message>, Error> {
        let statement =
            "select * from messages where device = $1 and chat = $2 and message = $3 order by at, sender limit 1";
        self.row(named(statement, portal, id))
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The message that this Matrix event is, or is a part of.
    pub(crate) async fn find_message_by_event(&mut self, event: &EventId) -> Result<Option<Message>, Error> {
        let query = sqlx::query("select * from messages where event = $1 order by device limit 1").bind(event.as_str());
        if let Some(row) = self.row(query).await? {
            return read(&row).map(Some);
        }
        let query = sqlx::query(
            "select messages.* from messages join message_parts on message_parts.device = messages.device and \
             message_parts.chat = messages.chat and message_parts.message = messages.message and \
             message_parts.sender = messages.sender where message_parts.event = $1 order by messages.device limit 1",
        )
        .bind(event.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The latest message of others in a chat that is shown in words only, although it holds this (`media` that did not
    /// come, an `invitation`).
    pub(crate) async fn find_latest_told(&mut self, portal: &PortalKey, holds: &str) -> Result<Option<Message>, Error> {
        let query = sqlx::query(
            "select * from messages where device = $1 and chat = $2 and direction = 'in' and \
             kind in ('m.notice', 'm.text') and content like $3 order by at desc, message limit 1",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(format!("{{\"{holds}\":%"));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The newest live location that somebody began to share in a chat since then, or what stands for one that nobody here
    /// can see.
    pub(crate) async fn find_live_location(
        &mut self,
        portal: &PortalKey,
        from: &Sender,
        since: Timestamp,
    ) -> Result<Option<Message>, Error> {
        let query = sqlx::query(
            "select * from messages where device = $1 and chat = $2 and at >= $3 and sender = $4 and \
             (content like '{\"location\":%\"is_live\":true%' or content = '{\"unsupported\":\"live location\"}') \
             order by at desc, stored_at desc, message limit 1",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(since.millis())
        .bind(sender(from));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Whether something of this content that somebody said in a chat between two moments was refused.
    pub(crate) async fn was_refused(
        &mut self,
        portal: &PortalKey,
        speaker: &UserId,
        content: &Content,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<bool, Error> {
        let query = sqlx::query(
            "select 1 from messages where device = $1 and chat = $2 and at >= $3 and at <= $4 and kind = $5 and \
             speaker = $6 and content = $7 limit 1",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(from.millis())
        .bind(until.millis())
        .bind(REFUSED)
        .bind(speaker.as_str().to_owned())
        .bind(text(&json(content)));
        Ok(self.row(query).await?.is_some())
    }

    /// Remembers the events of a message after its first one.
    pub(crate) async fn set_message_parts(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
        parts: &[OwnedEventId],
    ) -> Result<(), Error> {
        let forget =
            "delete from message_parts where device = $1 and chat = $2 and message = $3 and sender = $4 and part > $5";
        let kept = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        self.execute(named(forget, portal, id).bind(sender(from)).bind(kept))
            .await?;
        for (part, event) in (1_i64..).zip(parts) {
            let statement = "insert into message_parts (device, chat, message, sender, part, event) \
                 values ($1, $2, $3, $4, $5, $6) \
                 on conflict (device, chat, message, sender, part) do update set event = excluded.event";
            let query = named(statement, portal, id)
                .bind(sender(from))
                .bind(part)
                .bind(event.as_str());
            self.execute(query).await?;
        }
        Ok(())
    }

    /// The events of a message after its first one, in order.
    pub(crate) async fn list_message_parts(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
    ) -> Result<Vec<OwnedEventId>, Error> {
        let statement = "select * from message_parts where device = $1 and chat = $2 and message = $3 and sender = $4 \
             order by part";
        let rows = self.rows(named(statement, portal, id).bind(sender(from))).await?;
        rows.iter()
            .map(|row| Columns::new(row, "message_parts", "message").parsed("event"))
            .collect()
    }

    /// Gives a message other content, unless it was taken back; `edited_at` when a person did so.
    pub(crate) async fn set_message_content(
        &mut self,
        portal: &PortalKey,
        message: MessageContent<'_>,
        edited_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let statement = "update messages set body = $5, kind = $6, content = $7, edited_at = coalesce($8, edited_at) \
             where device = $1 and chat = $2 and message = $3 and sender = $4 and kind <> $9";
        let query = named(statement, portal, message.id)
            .bind(sender(message.sender))
            .bind(maybe(message.text))
            .bind(text(message.kind))
            .bind(maybe(message.content.map(json).as_deref()))
            .bind(edited_at.map(Timestamp::millis))
            .bind(DELETED);
        self.execute(query).await.map(drop)
    }

    /// Remembers which Matrix event says what a message of the owner says now; `None`: its own.
    pub(crate) async fn set_message_edit(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        event: Option<&EventId>,
    ) -> Result<(), Error> {
        let statement =
            "update messages set edited_by = $5 where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, id)
            .bind(sender(&Sender::Owner))
            .bind(event.map(EventId::as_str));
        self.execute(query).await.map(drop)
    }

    /// The message of the owner that says what this edit says.
    pub(crate) async fn find_message_edited_by(&mut self, event: &EventId) -> Result<Option<Message>, Error> {
        let query =
            sqlx::query("select * from messages where edited_by = $1 order by device limit 1").bind(event.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Remembers which Matrix event a message is.
    ///
    /// # Errors
    /// `Taken("event")` when the event is another message of this device.
    pub(crate) async fn set_message_event(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
        event: &EventId,
    ) -> Result<(), Error> {
        let statement =
            "update messages set event = $5 where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, id).bind(sender(from)).bind(event.as_str());
        self.execute(query)
            .await
            .map_err(|error| error.or_taken("event"))
            .map(drop)
    }

    /// Waits for whoever else says that a message came, or that something waits for it: each must see the other.
    pub(crate) async fn hold_waiting(&mut self, portal: &PortalKey, id: &MessageId) -> Result<(), Error> {
        self.lock(&format!(
            "waiting:{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            id.as_str()
        ))
        .await
    }

    /// A message was not sent and never will be; `false` when it was sent before, which stays so.
    pub(crate) async fn fail_message(&mut self, portal: &PortalKey, id: &MessageId, why: &str) -> Result<bool, Error> {
        let statement = "update messages set state = 'failed', error = $4 \
             where device = $1 and chat = $2 and message = $3 and sender = 'owner' and state in ('pending', 'failed')";
        Ok(self.execute(named(statement, portal, id).bind(text(why))).await? > 0)
    }

    /// Remembers what became of a message.
    pub(crate) async fn set_message_state(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
        state: MessageState,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let statement = "update messages set state = $5, error = $6 \
             where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = named(statement, portal, id)
            .bind(sender(from))
            .bind(word(&state))
            .bind(maybe(error));
        self.execute(query).await.map(drop)
    }
}
