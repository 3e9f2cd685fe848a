//! Who has read what: how far contacts are with what the owner said, and which messages the owner has not read yet.
//!
//! Rows of messages are in the order of their room by when they were stored; what clocks of networks say is not.

use ruma::OwnedEventId;
use sqlx::{
    Any,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{
    Error, Tx,
    types::{Columns, sender, text},
};
use crate::model::{ChatId, ContactId, DeviceId, MessageId, MessageRef, PortalKey, Sender, Timestamp};

/// How far a room is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UpTo {
    /// Up to a message that we know, by when it was stored.
    Stored(Timestamp),
    /// Up to a moment: what was said or stored by then.
    Moment(Timestamp),
}

/// The newest message of the owner that a contact has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReadMark {
    /// Which message.
    pub(crate) message: MessageId,
    /// Matrix shows it.
    pub(crate) shown: bool,
}

fn of_chat(statement: &'static str, portal: &PortalKey) -> Query<'static, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
}

fn reference(row: &AnyRow) -> Result<MessageRef, Error> {
    let row = Columns::new(row, "messages", "message");
    Ok(MessageRef {
        id: MessageId::from_adapter(row.text("message")?),
        sender: row.sender("sender")?,
    })
}

impl Tx {
    /// When a message was stored; `None` when there is no such message.
    pub(crate) async fn find_stored_at(
        &mut self,
        portal: &PortalKey,
        message: &MessageRef,
    ) -> Result<Option<Timestamp>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = of_chat(statement, portal)
            .bind(text(message.id.as_str()))
            .bind(sender(&message.sender));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let row = Columns::new(&row, "messages", "message");
        Ok(Some(row.maybe_time("stored_at")?.unwrap_or(row.time("at")?)))
    }

    /// Moves the mark of a contact to the newest of these messages of the owner; `false` when it was as far already, or
    /// none of them is known.
    pub(crate) async fn move_read_mark(
        &mut self,
        portal: &PortalKey,
        contact: &ContactId,
        messages: &[MessageId],
    ) -> Result<bool, Error> {
        let mut newest: Option<(Timestamp, &MessageId)> = None;
        for id in messages {
            let said = MessageRef {
                id: id.clone(),
                sender: Sender::Owner,
            };
            if let Some(at) = self.find_stored_at(portal, &said).await?
                && newest.is_none_or(|(before, _)| at >= before)
            {
                newest = Some((at, id));
            }
        }
        let Some((at, id)) = newest else { return Ok(false) };
        if let Some(mark) = self.find_read_mark(portal, contact).await? {
            let said = MessageRef {
                id: mark.message.clone(),
                sender: Sender::Owner,
            };
            let before = self.find_stored_at(portal, &said).await?;
            if mark.message == *id || before.is_some_and(|before| before > at) {
                return Ok(false);
            }
        }
        let statement = "insert into read_marks (device, chat, contact, message, shown) values ($1, $2, $3, $4, 0) \
             on conflict (device, chat, contact) do update set message = excluded.message, shown = 0";
        let query = of_chat(statement, portal)
            .bind(text(contact.as_str()))
            .bind(text(id.as_str()));
        self.execute(query).await?;
        Ok(true)
    }

    /// How far a contact has read.
    pub(crate) async fn find_read_mark(
        &mut self,
        portal: &PortalKey,
        contact: &ContactId,
    ) -> Result<Option<ReadMark>, Error> {
        let statement = "select * from read_marks where device = $1 and chat = $2 and contact = $3";
        let query = of_chat(statement, portal).bind(text(contact.as_str()));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let row = Columns::new(&row, "read_marks", "message");
        Ok(Some(ReadMark {
            message: MessageId::from_adapter(row.text("message")?),
            shown: row.flag("shown")?,
        }))
    }

    /// Matrix shows that a contact has read up to this message.
    pub(crate) async fn set_read_mark_shown(
        &mut self,
        portal: &PortalKey,
        contact: &ContactId,
        message: &MessageId,
    ) -> Result<(), Error> {
        let statement =
            "update read_marks set shown = 1 where device = $1 and chat = $2 and contact = $3 and message = $4";
        let query = of_chat(statement, portal)
            .bind(text(contact.as_str()))
            .bind(text(message.as_str()));
        self.execute(query).await.map(drop)
    }

    /// Messages of others that the owner has not read, the oldest first.
    pub(crate) async fn list_unseen(
        &mut self,
        portal: &PortalKey,
        up_to: UpTo,
        limit: u32,
    ) -> Result<Vec<MessageRef>, Error> {
        let (stored, moment) = bounds(up_to);
        let statement = "select * from messages where device = $1 and chat = $2 and seen_at is null \
             and sender <> 'owner' and event is not null and (stored_at <= $3 or at <= $4) \
             order by stored_at, message limit $5";
        let query = of_chat(statement, portal)
            .bind(stored)
            .bind(moment)
            .bind(i64::from(limit));
        self.rows(query).await?.iter().map(reference).collect()
    }

    /// How many messages of others that were said since then the owner has not read.
    pub(crate) async fn count_unseen(&mut self, portal: &PortalKey, since: Timestamp) -> Result<u32, Error> {
        let statement = "select count(*) as number from messages where device = $1 and chat = $2 and seen_at is null \
             and sender <> 'owner' and event is not null and +at >= $3";
        // The plus keeps SQLite at the index of what is unread, which is little, and away from the one by time.
        let number = self.number(of_chat(statement, portal).bind(since.millis())).await?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The newest message of a chat that its room shows.
    pub(crate) async fn find_newest_shown(&mut self, portal: &PortalKey) -> Result<Option<MessageRef>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and event is not null \
             order by stored_at desc, message desc limit 1";
        self.row(of_chat(statement, portal))
            .await?
            .as_ref()
            .map(reference)
            .transpose()
    }

    /// The owner has read these messages.
    pub(crate) async fn set_seen(&mut self, portal: &PortalKey, messages: &[MessageRef]) -> Result<(), Error> {
        let now = self.now().millis();
        for message in messages {
            let statement = "update messages set seen_at = $5 \
                 where device = $1 and chat = $2 and message = $3 and sender = $4 and seen_at is null";
            let query = of_chat(statement, portal)
                .bind(text(message.id.as_str()))
                .bind(sender(&message.sender))
                .bind(now);
            self.execute(query).await?;
        }
        Ok(())
    }

    /// The owner has read everything of a chat so far; whether anything of it was new.
    pub(crate) async fn set_seen_up_to(&mut self, portal: &PortalKey, up_to: UpTo) -> Result<bool, Error> {
        let (stored, moment) = bounds(up_to);
        let now = self.now().millis();
        let mut seen = 0;
        // What the room shows, and what it does not show yet: each has an index.
        for statement in [
            "update messages set seen_at = $5 where device = $1 and chat = $2 and seen_at is null \
             and sender <> 'owner' and event is not null and (stored_at <= $3 or at <= $4)",
            "update messages set seen_at = $5 where device = $1 and chat = $2 and seen_at is null \
             and sender <> 'owner' and event is null and (stored_at <= $3 or at <= $4)",
        ] {
            seen += self
                .execute(of_chat(statement, portal).bind(stored).bind(moment).bind(now))
                .await?;
        }
        Ok(seen > 0)
    }

    /// The Matrix event of the newest message that the owner has read, if there are any.
    pub(crate) async fn find_newest_seen(&mut self, portal: &PortalKey) -> Result<Option<OwnedEventId>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and seen_at is not null \
             and event is not null order by stored_at desc limit 1";
        let row = self.row(of_chat(statement, portal)).await?;
        row.map(|row| Columns::new(&row, "messages", "message").parsed("event"))
            .transpose()
    }

    /// The chats of a device in which a message with this id was said.
    pub(crate) async fn list_chats_of_message(
        &mut self,
        device: DeviceId,
        message: &MessageId,
    ) -> Result<Vec<(ChatId, Sender)>, Error> {
        let query = sqlx::query("select * from messages where device = $1 and message = $2 order by chat, sender")
            .bind(device.to_string())
            .bind(text(message.as_str()));
        self.rows(query)
            .await?
            .iter()
            .map(|row| {
                let row = Columns::new(row, "messages", "message");
                Ok((ChatId::from_adapter(row.text("chat")?), row.sender("sender")?))
            })
            .collect()
    }
}

/// The latest moments at which a message may have been stored and said.
fn bounds(up_to: UpTo) -> (i64, i64) {
    match up_to {
        UpTo::Stored(at) => (at.millis(), i64::MIN),
        UpTo::Moment(at) => (at.millis(), at.millis()),
    }
}
