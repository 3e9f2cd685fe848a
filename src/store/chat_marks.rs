//! How the owners of devices marked their chats, and how far Matrix shows it.

use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{ChatMark, ChatMarks, Mute, PortalKey, Timestamp};

/// What stands for a silence without an end.
const FOREVER: i64 = -1;

/// The marks of a chat.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct MarkedChat {
    /// As the owner made them.
    pub(crate) marks: ChatMarks,
    /// As the owner's own account in Matrix was told last.
    pub(crate) shown: ChatMarks,
}

fn read(row: &AnyRow) -> Result<MarkedChat, Error> {
    let row = Columns::new(row, "chat_marks", "chat");
    Ok(MarkedChat {
        marks: ChatMarks {
            muted: match row.maybe_int("muted_until")? {
                None => Mute::No,
                Some(FOREVER) => Mute::Forever,
                Some(end) => Mute::Until(Timestamp::from_millis(end)),
            },
            pinned: row.flag("pinned")?,
            archived: row.flag("archived")?,
            unread: row.flag("unread")?,
        },
        shown: row.maybe_json("shown")?.unwrap_or_default(),
    })
}

impl Tx {
    /// The marks of a chat, if it ever had any.
    pub(crate) async fn find_chat_marks(&mut self, portal: &PortalKey) -> Result<Option<MarkedChat>, Error> {
        let query = sqlx::query("select * from chat_marks where device = $1 and chat = $2")
            .bind(portal.device.to_string())
            .bind(text(portal.chat.as_str()));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Puts a mark on a chat or takes it off; `false` when it was so already. What was never written down before is what
    /// the history told.
    pub(crate) async fn mark_chat(&mut self, portal: &PortalKey, mark: ChatMark) -> Result<bool, Error> {
        let written = self.find_chat_marks(portal).await?.map(|marked| marked.marks);
        let (before, shown) = if let Some(marks) = written {
            (marks, marks)
        } else {
            let facts = self.find_chat_facts(portal).await?.unwrap_or_default();
            (facts.marks(), ChatMarks::default())
        };
        let marks = before.with(mark);
        if marks == before && marks == shown {
            return Ok(false);
        }
        let muted = match marks.muted {
            Mute::No => None,
            Mute::Forever => Some(FOREVER),
            Mute::Until(end) => Some(end.millis()),
        };
        let query = sqlx::query(
            "insert into chat_marks (device, chat, muted_until, pinned, archived, unread) values ($1, $2, $3, $4, $5, $6) \
             on conflict (device, chat) do update set muted_until = excluded.muted_until, pinned = excluded.pinned, \
             archived = excluded.archived, unread = excluded.unread",
        )
        .bind(portal.device.to_string())
        .bind(text(portal.chat.as_str()))
        .bind(muted)
        .bind(i64::from(marks.pinned))
        .bind(i64::from(marks.archived))
        .bind(i64::from(marks.unread));
        self.execute(query).await?;
        Ok(true)
    }

    /// The owner's own account was told these marks.
    pub(crate) async fn set_chat_marks_shown(&mut self, portal: &PortalKey, shown: &ChatMarks) -> Result<(), Error> {
        let shown = serde_json::to_string(shown).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let query = sqlx::query("update chat_marks set shown = $3 where device = $1 and chat = $2")
            .bind(portal.device.to_string())
            .bind(text(portal.chat.as_str()))
            .bind(shown);
        self.execute(query).await.map(drop)
    }
}
