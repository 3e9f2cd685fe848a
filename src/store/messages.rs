//! Messages: which message of a network is which Matrix event, and what became of it.

use ruma::{EventId, OwnedEventId, OwnedRoomId};
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
use crate::model::{ChatId, MessageId, PortalKey, Sender, Timestamp};

/// A message that crossed the bridge, or is about to.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// It will not arrive.
    Failed,
}

fn read(row: &AnyRow) -> Result<Message, Error> {
    let row = Columns::new(row, "messages", "message");
    Ok(Message {
        portal: PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?)),
        id: MessageId::from_adapter(row.text("message")?),
        sender: row.sender("sender")?,
        room: row.maybe_parsed("room")?,
        event: row.maybe_parsed("event")?,
        direction: row.word("direction")?,
        text: row.maybe_text("body")?,
        kind: row.text("kind")?,
        reply_to: row.maybe_text("reply_to")?.map(MessageId::from_adapter),
        at: row.time("at")?,
        state: row.word("state")?,
        error: row.maybe_text("error")?,
        transaction: row.maybe_text("matrix_transaction")?,
    })
}

fn insert(statement: &'static str, message: &Message) -> Query<'static, Any, AnyArguments> {
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
}

/// A statement whose first three places name a message, the sender aside.
fn named(statement: &'static str, portal: &PortalKey, id: &MessageId) -> Query<'static, Any, AnyArguments> {
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
             reply_to, at, state, error, matrix_transaction) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
             on conflict (device, chat, message, sender) do nothing";
        let rows = self
            .execute(insert(statement, message))
            .await
            .map_err(|error| error.or_taken("event"))?;
        Ok(rows == 1)
    }

    /// Adds a message or changes it.
    ///
    /// # Errors
    /// `Taken("event")` when the event is another message of this device.
    #[cfg_attr(not(test), expect(dead_code, reason = "edits need it"))]
    pub(crate) async fn upsert_message(&mut self, message: &Message) -> Result<(), Error> {
        let statement = "insert into messages (device, chat, message, sender, room, event, direction, body, kind, \
             reply_to, at, state, error, matrix_transaction) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
             on conflict (device, chat, message, sender) do update set room = excluded.room, event = excluded.event, \
             direction = excluded.direction, body = excluded.body, kind = excluded.kind, \
             reply_to = excluded.reply_to, at = excluded.at, state = excluded.state, error = excluded.error, \
             matrix_transaction = excluded.matrix_transaction";
        self.execute(insert(statement, message))
            .await
            .map_err(|error| error.or_taken("event"))
            .map(drop)
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

    /// The message that is this Matrix event.
    pub(crate) async fn find_message_by_event(&mut self, event: &EventId) -> Result<Option<Message>, Error> {
        let query = sqlx::query("select * from messages where event = $1 order by device limit 1").bind(event.as_str());
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
