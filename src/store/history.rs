//! History: chats as a network tells that they stood, and messages that no room shows (yet).
//!
//! A message of before is a row of `messages` without an event. What stands around it is kept beside it until it is
//! shown; a message that is known already is never changed by its copy from before.

use sqlx::any::AnyRow;

use super::{
    Direction, Error, Message, MessageState, Tx, messages,
    types::{Columns, maybe, sender, text, word},
};
use crate::model::{
    ChatFacts, ChatId, ChatKind, Content, DeviceId, MessageId, MessageRef, PastChat, PastMark, PastMessage, PortalKey,
    Reached, Say, Timestamp,
};

/// A message that no room shows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Unshown {
    /// The message.
    pub(crate) message: Message,
    /// What was said, with what stands around it.
    pub(crate) said: Say,
}

impl Unshown {
    /// Which message of its chat it is.
    pub(crate) fn reference(&self) -> MessageRef {
        MessageRef {
            id: self.message.id.clone(),
            sender: self.message.sender.clone(),
        }
    }
}

fn chat(statement: &'static str, key: &PortalKey) -> sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(statement)
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
}

fn unshown(row: &AnyRow) -> Result<Unshown, Error> {
    let message = messages::read(row)?;
    let said: Option<Say> = Columns::new(row, "messages", "message").maybe_json("said")?;
    let content = message.content.clone().unwrap_or_default();
    Ok(Unshown {
        said: Say {
            content,
            ..said.unwrap_or_default()
        },
        message,
    })
}

/// What stands around a message and is worth keeping until it is shown: its content has a column of its own, and what
/// the quoted message says is found by its id.
fn around(said: &Say) -> Say {
    let mut around = said.clone();
    around.content = Content::default();
    if let Some(quote) = &mut around.reply_to {
        quote.text = None;
        quote.content = None;
    }
    around
}

fn row(portal: &PortalKey, past: &PastMessage) -> Message {
    let content = past.said.as_ref().map(|said| said.content.clone());
    Message {
        portal: portal.clone(),
        id: past.id.clone(),
        sender: past.sender.clone(),
        room: None,
        event: None,
        direction: Direction::In,
        text: content.as_ref().and_then(|content| content.text().map(str::to_owned)),
        kind: content.as_ref().map_or(messages::DELETED, Content::event_kind).into(),
        reply_to: past
            .said
            .as_ref()
            .and_then(|said| Some(said.reply_to.as_ref()?.id.clone())),
        at: past.at,
        state: match past.reached {
            Some(Reached::Ears) => MessageState::Played,
            Some(Reached::Eyes) => MessageState::Read,
            Some(Reached::Phone) => MessageState::Delivered,
            None => MessageState::Sent,
        },
        error: None,
        transaction: None,
        content,
        speaker: None,
        edited_at: None,
    }
}

impl Tx {
    /// Remembers how a chat stood. What is told later is newer.
    pub(crate) async fn remember_chat(
        &mut self,
        device: DeviceId,
        past: &PastChat,
        facts: &ChatFacts,
    ) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into history_chats (device, chat, kind, name, unread, marked_unread, archived, read_only, pinned_at, \
             muted_until, timer, is_whole, last_at, timer_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
             on conflict (device, chat) do update set name = coalesce(excluded.name, history_chats.name), \
             unread = excluded.unread, marked_unread = excluded.marked_unread, archived = excluded.archived, \
             read_only = excluded.read_only, pinned_at = excluded.pinned_at, muted_until = excluded.muted_until, \
             timer = case when excluded.timer is null and excluded.timer_at is null then history_chats.timer \
             else excluded.timer end, timer_at = coalesce(excluded.timer_at, history_chats.timer_at), is_whole = case when excluded.is_whole > history_chats.is_whole \
             then excluded.is_whole else history_chats.is_whole end, \
             last_at = coalesce(excluded.last_at, history_chats.last_at)",
        )
        .bind(device.to_string())
        .bind(text(past.chat.as_str()))
        .bind(word(&past.kind))
        .bind(maybe(facts.name.as_deref()))
        .bind(i64::from(facts.unread))
        .bind(i64::from(facts.marked_unread))
        .bind(i64::from(facts.archived))
        .bind(i64::from(facts.read_only))
        .bind(facts.pinned_at.map(Timestamp::millis))
        .bind(facts.muted_until.map(Timestamp::millis))
        .bind(facts.timer.map(i64::from))
        .bind(i64::from(facts.is_whole))
        .bind(facts.last_at.map(Timestamp::millis))
        .bind(facts.timer_at.map(Timestamp::millis));
        self.execute(query).await.map(drop)
    }

    /// How a chat stood, when that was told.
    pub(crate) async fn find_chat_facts(&mut self, key: &PortalKey) -> Result<Option<ChatFacts>, Error> {
        let query = chat("select * from history_chats where device = $1 and chat = $2", key);
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let row = Columns::new(&row, "history_chats", "chat");
        let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Some(ChatFacts {
            name: row.maybe_text("name")?,
            unread: small(row.int("unread")?),
            marked_unread: row.flag("marked_unread")?,
            archived: row.flag("archived")?,
            read_only: row.flag("read_only")?,
            pinned_at: row.maybe_time("pinned_at")?,
            muted_until: row.maybe_time("muted_until")?,
            timer: row.maybe_int("timer")?.map(small),
            timer_at: row.maybe_time("timer_at")?,
            is_whole: row.flag("is_whole")?,
            last_at: row.maybe_time("last_at")?,
        }))
    }

    /// Remembers a message of before; `false` when it was known, and then nothing changed.
    pub(crate) async fn remember_message(&mut self, portal: &PortalKey, past: &PastMessage) -> Result<bool, Error> {
        if !self.insert_message(&row(portal, past)).await? {
            return Ok(false);
        }
        let album = past.said.as_ref().and_then(|said| said.album.as_ref());
        let said = past.said.as_ref().map(around);
        let said = said.and_then(|said| serde_json::to_string(&said).ok());
        let query = messages::named(
            "update messages set said = $5, starred = $6, album = $7, kept = $8 \
             where device = $1 and chat = $2 and message = $3 and sender = $4",
            portal,
            &past.id,
        )
        .bind(sender(&past.sender))
        .bind(maybe(said.as_deref()))
        .bind(i64::from(past.starred))
        .bind(maybe(album.map(MessageId::as_str)))
        .bind(i64::from(past.kept));
        self.execute(query).await?;
        let reference = MessageRef {
            id: past.id.clone(),
            sender: past.sender.clone(),
        };
        for mark in &past.marks {
            self.add_past_mark(portal, &reference, mark).await?;
        }
        Ok(true)
    }

    /// The newest messages of a chat that no room shows, the oldest first. With `before`, of the newest messages that
    /// are older, shown or not, those that no room shows.
    pub(crate) async fn list_unshown(
        &mut self,
        key: &PortalKey,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Unshown>, Error> {
        let query = match before {
            None => chat(
                "select * from messages where device = $1 and chat = $2 and event is null and direction = 'in' \
                 and content is not null order by at desc, message desc, sender desc limit $3",
                key,
            )
            .bind(i64::from(limit)),
            Some(before) => chat(
                "select * from (select * from messages where device = $1 and chat = $2 and direction = 'in' \
                 and at < $3 order by at desc, message desc, sender desc limit $4) as newest \
                 where event is null and content is not null order by at desc, message desc, sender desc",
                key,
            )
            .bind(before.millis())
            .bind(i64::from(limit)),
        };
        let mut found: Vec<_> = self.rows(query).await?.iter().map(unshown).collect::<Result<_, _>>()?;
        found.reverse();
        Ok(found)
    }

    /// The oldest message of a chat that the network knows too; with `shown`, that a room shows.
    pub(crate) async fn find_oldest_message(
        &mut self,
        key: &PortalKey,
        shown: bool,
    ) -> Result<Option<(MessageRef, Timestamp)>, Error> {
        let statement = if shown {
            "select * from messages where device = $1 and chat = $2 and event is not null order by at, message limit 1"
        } else {
            "select * from messages where device = $1 and chat = $2 and state <> 'failed' order by at, message limit 1"
        };
        let row = self.row(chat(statement, key)).await?;
        row.as_ref()
            .map(|row| {
                let message = messages::read(row)?;
                let reference = MessageRef {
                    id: message.id,
                    sender: message.sender,
                };
                Ok((reference, message.at))
            })
            .transpose()
    }

    /// The marks of people on a message that no room shows.
    pub(crate) async fn list_past_marks(
        &mut self,
        key: &PortalKey,
        message: &MessageRef,
    ) -> Result<Vec<PastMark>, Error> {
        let query = messages::named(
            "select * from history_marks where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             order by at, sender",
            key,
            &message.id,
        )
        .bind(sender(&message.sender));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "history_marks", "message");
                Ok(PastMark {
                    sender: row.sender("sender")?,
                    emoji: row.text("emoji")?,
                    at: row.time("at")?,
                })
            })
            .collect()
    }

    /// Sets the mark of a person on a message that no room shows; without an emoji it goes.
    pub(crate) async fn set_past_mark(
        &mut self,
        key: &PortalKey,
        message: &MessageRef,
        mark: &PastMark,
    ) -> Result<(), Error> {
        let forget = messages::named(
            "delete from history_marks where device = $1 and chat = $2 and message = $3 and message_sender = $4 \
             and sender = $5",
            key,
            &message.id,
        )
        .bind(sender(&message.sender))
        .bind(sender(&mark.sender));
        self.execute(forget).await?;
        if mark.emoji.is_empty() {
            return Ok(());
        }
        self.add_past_mark(key, message, mark).await
    }

    async fn add_past_mark(&mut self, key: &PortalKey, message: &MessageRef, mark: &PastMark) -> Result<(), Error> {
        let query = messages::named(
            "insert into history_marks (device, chat, message, message_sender, sender, emoji, at) \
             values ($1, $2, $3, $4, $5, $6, $7) \
             on conflict (device, chat, message, message_sender, sender) do nothing",
            key,
            &message.id,
        )
        .bind(sender(&message.sender))
        .bind(sender(&mark.sender))
        .bind(text(&mark.emoji))
        .bind(mark.at.millis());
        self.execute(query).await.map(drop)
    }

    /// Forgets the marks of before on a message: they are shown, or it is gone.
    pub(crate) async fn forget_past_marks(&mut self, key: &PortalKey, message: &MessageRef) -> Result<(), Error> {
        let query = messages::named(
            "delete from history_marks where device = $1 and chat = $2 and message = $3 and message_sender = $4",
            key,
            &message.id,
        )
        .bind(sender(&message.sender));
        self.execute(query).await.map(drop)
    }

    /// Whether the newest messages of before are in the room of a chat, or need not be.
    pub(crate) async fn is_portal_placed(&mut self, key: &PortalKey) -> Result<bool, Error> {
        let query = chat(
            "select count(*) as number from portals where device = $1 and chat = $2 and placed = 1",
            key,
        );
        Ok(self.number(query).await? > 0)
    }

    /// From now on they are.
    pub(crate) async fn set_portal_placed(&mut self, key: &PortalKey) -> Result<(), Error> {
        let query = chat("update portals set placed = 1 where device = $1 and chat = $2", key);
        self.execute(query).await.map(drop)
    }

    /// The next chat that was spoken in since `since`, is not archived, and whose messages of before no room shows.
    pub(crate) async fn find_chat_to_open(
        &mut self,
        device: DeviceId,
        since: Timestamp,
    ) -> Result<Option<(PortalKey, ChatKind)>, Error> {
        let query = sqlx::query(
            "select h.device, h.chat, h.kind, max(m.at) as newest from history_chats h \
             join messages m on m.device = h.device and m.chat = h.chat and m.content is not null \
             where h.device = $1 and h.archived = 0 and h.opened = 0 and h.kind <> 'other' and m.at >= $2 \
             and not exists (select 1 from portals p where p.device = h.device and p.chat = h.chat and p.placed = 1) \
             group by h.device, h.chat, h.kind order by newest desc, h.chat limit 1",
        )
        .bind(device.to_string())
        .bind(since.millis());
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| {
                let row = Columns::new(row, "history_chats", "chat");
                let key = PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?));
                Ok((key, row.word("kind")?))
            })
            .transpose()
    }

    /// How much of the time before a network has told, in percent.
    pub(crate) async fn find_history_progress(&mut self, device: DeviceId) -> Result<Option<u32>, Error> {
        let query = sqlx::query("select * from notes where name = $1").bind(format!("history:{device}"));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        Ok(Columns::new(&row, "notes", "name").text("content")?.parse().ok())
    }

    /// Remembers how much of it; parts may come in another order than they were told in.
    pub(crate) async fn set_history_progress(&mut self, device: DeviceId, percent: u32) -> Result<(), Error> {
        let before = self.find_history_progress(device).await?.unwrap_or(0);
        let query = sqlx::query(
            "insert into notes (name, content) values ($1, $2) \
             on conflict (name) do update set content = excluded.content",
        )
        .bind(format!("history:{device}"))
        .bind(before.max(percent).to_string());
        self.execute(query).await.map(drop)
    }

    /// Nobody tries again to make a room of a chat of before.
    pub(crate) async fn give_up_opening(&mut self, key: &PortalKey) -> Result<(), Error> {
        self.set_portal_placed(key).await?;
        let query = chat(
            "update history_chats set opened = 1 where device = $1 and chat = $2",
            key,
        );
        self.execute(query).await.map(drop)
    }

    /// Whether jobs of this kind wait or are done in a lane.
    pub(crate) async fn has_jobs(&mut self, lane: &crate::model::Lane, kind: &str) -> Result<bool, Error> {
        let query = sqlx::query("select count(*) as number from jobs where lane = $1 and kind = $2")
            .bind(text(lane.as_str()))
            .bind(text(kind));
        Ok(self.number(query).await? > 0)
    }
}
