//! Votes in polls: which Matrix event shows each, and which of one person's counts.

use ruma::{EventId, OwnedEventId};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    messages::named,
    types::{Columns, sender, text},
};
use crate::model::{ChatId, JobId, MessageId, MessageRef, PortalKey, Sender};

/// A person's vote in a poll, as it stands in Matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Vote {
    /// In which chat of which device.
    pub(crate) portal: PortalKey,
    /// In which poll.
    pub(crate) poll: MessageRef,
    /// Whose vote.
    pub(crate) sender: Sender,
    /// The Matrix event that shows it.
    pub(crate) event: OwnedEventId,
    /// The names of the chosen options; none: the vote was taken back.
    pub(crate) options: Vec<String>,
    /// The job that shows it: of one person's votes that of the latest job counts.
    pub(crate) turn: JobId,
}

fn read(row: &AnyRow) -> Result<Vote, Error> {
    let row = Columns::new(row, "votes", "message");
    Ok(Vote {
        portal: PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?)),
        poll: MessageRef {
            id: MessageId::from_adapter(row.text("message")?),
            sender: row.sender("message_sender")?,
        },
        sender: row.sender("sender")?,
        event: row.parsed("event")?,
        options: row.json("options")?,
        turn: JobId(row.int("turn")?),
    })
}

impl Tx {
    /// Remembers a vote beside the ones before.
    pub(crate) async fn add_vote(&mut self, vote: &Vote) -> Result<(), Error> {
        let statement = "insert into votes (device, chat, message, message_sender, sender, event, options, turn) \
             values ($1, $2, $3, $4, $5, $6, $7, $8) \
             on conflict (device, chat, message, message_sender, sender, event) do nothing";
        let query = named(statement, &vote.portal, &vote.poll.id)
            .bind(sender(&vote.poll.sender))
            .bind(sender(&vote.sender))
            .bind(vote.event.as_str())
            .bind(text(&serde_json::to_string(&vote.options).unwrap_or_default()))
            .bind(vote.turn.0);
        self.execute(query).await.map(drop)
    }

    /// The votes in a poll, of each person the one that counts last.
    pub(crate) async fn list_votes(&mut self, portal: &PortalKey, poll: &MessageRef) -> Result<Vec<Vote>, Error> {
        let statement = "select * from votes where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             order by turn, event";
        let query = named(statement, portal, &poll.id).bind(sender(&poll.sender));
        self.rows(query).await?.iter().map(read).collect()
    }

    /// The vote that a Matrix event shows.
    pub(crate) async fn find_vote_by_event(&mut self, event: &EventId) -> Result<Option<Vote>, Error> {
        let query = sqlx::query("select * from votes where event = $1 order by device limit 1").bind(event.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Forgets a vote: another one counts, or it was taken back.
    pub(crate) async fn remove_vote(&mut self, vote: &Vote) -> Result<(), Error> {
        let statement = "delete from votes where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             and sender = $5 and event = $6";
        let query = named(statement, &vote.portal, &vote.poll.id)
            .bind(sender(&vote.poll.sender))
            .bind(sender(&vote.sender))
            .bind(vote.event.as_str());
        self.execute(query).await.map(drop)
    }
}
