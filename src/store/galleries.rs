//! Galleries: one Matrix event that is several messages of a network. One of them, the one that is found by the event,
//! leads; the others are its pieces.

use ruma::EventId;

use super::{
    Error, Tx,
    messages::{self, DELETED, Message},
    types::{sender, text},
};
use crate::model::{MessageId, PortalKey, Sender};

impl Tx {
    /// Adds a message that stands in the event of another one; `false` when it was there already, and then nothing
    /// changed.
    pub(crate) async fn insert_piece(&mut self, message: &Message) -> Result<bool, Error> {
        let statement = "insert into messages (device, chat, message, sender, room, shown_in, direction, body, kind, \
             reply_to, at, state, error, matrix_transaction, content, speaker, edited_at, stored_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             on conflict (device, chat, message, sender) do nothing";
        let stored_at = self.now().millis();
        let rows = self
            .execute(messages::insert(statement, message).bind(stored_at))
            .await?;
        Ok(rows == 1)
    }

    /// Remembers in which event a message stands beside another one.
    pub(crate) async fn set_piece_event(
        &mut self,
        portal: &PortalKey,
        id: &MessageId,
        from: &Sender,
        event: &EventId,
    ) -> Result<(), Error> {
        let statement =
            "update messages set shown_in = $5 where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, portal, id);
        self.execute(query.bind(sender(from)).bind(event.as_str()))
            .await
            .map(drop)
    }

    /// The messages that stand in the event of this one beside it, in order.
    pub(crate) async fn list_pieces(&mut self, leads: &Message) -> Result<Vec<Message>, Error> {
        let Some(event) = &leads.event else {
            return Ok(Vec::new());
        };
        let query = in_chat(
            "select * from messages where device = $1 and chat = $2 and shown_in = $3 order by at, message",
            &leads.portal,
        )
        .bind(event.as_str());
        self.rows(query).await?.iter().map(messages::read).collect()
    }

    /// Whether people still see another message in the event of this one.
    pub(crate) async fn is_shown_with_others(&mut self, message: &Message) -> Result<bool, Error> {
        let Some(event) = &message.event else {
            return Ok(false);
        };
        let query = in_chat(
            "select 1 from messages where device = $1 and chat = $2 and event = $3 \
             and (message <> $4 or sender <> $5) and kind <> $6 and kind <> 'album' \
             union all select 1 from messages where device = $1 and chat = $2 and shown_in = $3 \
             and (message <> $4 or sender <> $5) and kind <> $6 and kind <> 'album' limit 1",
            &message.portal,
        );
        let query = query
            .bind(event.as_str())
            .bind(text(message.id.as_str()))
            .bind(sender(&message.sender))
            .bind(DELETED);
        Ok(self.row(query).await?.is_some())
    }

    /// What was not sent of a gallery never will be.
    pub(crate) async fn fail_pieces(&mut self, leads: &Message, why: &str) -> Result<(), Error> {
        let Some(event) = &leads.event else { return Ok(()) };
        let query = in_chat(
            "update messages set state = 'failed', error = $4 \
             where device = $1 and chat = $2 and shown_in = $3 and state = 'pending'",
            &leads.portal,
        );
        self.execute(query.bind(event.as_str()).bind(text(why))).await.map(drop)
    }
}

fn in_chat(
    statement: &'static str,
    key: &PortalKey,
) -> sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(statement)
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
}
