//! Reactions: the one mark that each person has on a message, and which Matrix event shows it.

use ruma::{EventId, OwnedEventId};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, sender, text},
};
use crate::model::{ChatId, MessageId, MessageRef, PortalKey, Sender};

/// A person's mark on a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reaction {
    /// In which chat of which device.
    pub(crate) portal: PortalKey,
    /// On which message.
    pub(crate) target: MessageRef,
    /// Whose mark.
    pub(crate) sender: Sender,
    /// The mark.
    pub(crate) emoji: String,
    /// The Matrix event that shows it.
    pub(crate) event: OwnedEventId,
}

fn read(row: &AnyRow) -> Result<Reaction, Error> {
    let row = Columns::new(row, "reactions", "message");
    Ok(Reaction {
        portal: PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?)),
        target: MessageRef {
            id: MessageId::from_adapter(row.text("message")?),
            sender: row.sender("message_sender")?,
        },
        sender: row.sender("sender")?,
        emoji: row.text("emoji")?,
        event: row.parsed("event")?,
    })
}

impl Tx {
    /// The mark of a person on a message.
    pub(crate) async fn find_reaction(
        &mut self,
        portal: &PortalKey,
        target: &MessageRef,
        by: &Sender,
    ) -> Result<Option<Reaction>, Error> {
        let query = sqlx::query(
            "select * from reactions where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             and sender = $5",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(target.id.as_str()))
        .bind(sender(&target.sender))
        .bind(sender(by));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The marks of people on a message that Matrix events show.
    pub(crate) async fn list_reactions(
        &mut self,
        portal: &PortalKey,
        target: &MessageRef,
    ) -> Result<Vec<Reaction>, Error> {
        let query = sqlx::query(
            "select * from reactions where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             order by sender",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(target.id.as_str()))
        .bind(sender(&target.sender));
        self.rows(query).await?.iter().map(read).collect()
    }

    /// The mark that a Matrix event shows.
    pub(crate) async fn find_reaction_by_event(&mut self, event: &EventId) -> Result<Option<Reaction>, Error> {
        let query =
            sqlx::query("select * from reactions where event = $1 order by device limit 1").bind(event.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The marks of people on a message, shown or not: who, and which.
    pub(crate) async fn list_marks(
        &mut self,
        portal: &PortalKey,
        target: &MessageRef,
    ) -> Result<Vec<(Sender, String)>, Error> {
        let query = sqlx::query(
            "select sender, emoji from reactions where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             union select sender, emoji from history_marks where device = $1 and chat = $2 and message = $3 \
             and message_sender = $4 order by 1, 2",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(target.id.as_str()))
        .bind(sender(&target.sender));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "reactions", "sender");
                Ok((row.sender("sender")?, row.text("emoji")?))
            })
            .collect()
    }

    /// Sets the mark of a person on a message in place of the one before.
    pub(crate) async fn upsert_reaction(&mut self, reaction: &Reaction) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into reactions (device, chat, message, message_sender, sender, emoji, event) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (device, chat, message, message_sender, sender) \
             do update set emoji = excluded.emoji, event = excluded.event",
        )
        .bind(reaction.portal.device.to_string())
        .bind(text(reaction.portal.chat.as_str()))
        .bind(text(reaction.target.id.as_str()))
        .bind(sender(&reaction.target.sender))
        .bind(sender(&reaction.sender))
        .bind(text(&reaction.emoji))
        .bind(reaction.event.as_str());
        self.execute(query).await.map(drop)
    }

    /// Takes the mark of a person from a message.
    pub(crate) async fn remove_reaction(
        &mut self,
        portal: &PortalKey,
        target: &MessageRef,
        by: &Sender,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "delete from reactions where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             and sender = $5",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(text(target.id.as_str()))
        .bind(sender(&target.sender))
        .bind(sender(by));
        self.execute(query).await.map(drop)
    }
}
