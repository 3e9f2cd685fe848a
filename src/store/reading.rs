//! Reading what is stored, page by page: the chats of a device and the messages of a chat, newest first.
//!
//! A page begins behind a place, not at a number: what comes or goes meanwhile moves no page.

use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{
    Error, Message, Tx, messages,
    types::{Columns, sender, text},
};
use crate::model::{ChatId, ChatKind, DeviceId, IdentityId, MessageRef, PortalKey, Timestamp};

/// A chat as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoredChat {
    /// Of which device.
    pub(crate) device: DeviceId,
    /// Which chat.
    pub(crate) chat: ChatId,
    /// Its kind.
    pub(crate) kind: ChatKind,
    /// Its room, where there is one.
    pub(crate) room: Option<OwnedRoomId>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// When something was said in it last.
    pub(crate) last_at: Timestamp,
}

/// A message as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct StoredMessage {
    /// The message.
    pub(crate) message: Message,
    /// The owner starred it.
    pub(crate) starred: bool,
    /// Where it stands among the others.
    pub(crate) place: Place,
}

/// Where something stands in a list that is ordered by time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) i64, pub(crate) String, pub(crate) String);

/// Which part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Its beginning: the newest.
    Newest,
    /// What is older than a place.
    Before(Place),
    /// What is newer than a place.
    After(Place),
}

fn chat(row: &AnyRow) -> Result<StoredChat, Error> {
    let row = Columns::new(row, "portals", "chat");
    Ok(StoredChat {
        device: row.parsed("device")?,
        chat: ChatId::from_adapter(row.text("chat")?),
        kind: row.word("kind")?,
        room: row.maybe_parsed("room")?,
        name: row.maybe_text("name")?,
        last_at: row.time("newest")?,
    })
}

fn message(row: &AnyRow) -> Result<StoredMessage, Error> {
    let columns = Columns::new(row, "messages", "message");
    Ok(StoredMessage {
        place: Place(columns.int("at")?, columns.text("message")?, columns.text("sender")?),
        starred: columns.flag("starred")?,
        message: messages::read(row)?,
    })
}

/// Of which devices chats are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// Of this one.
    Device(DeviceId),
    /// Of all that an identity has.
    Identity(IdentityId),
}

const CHATS: &str = "select * from ( \
     select p.device, p.chat, p.kind, p.room, coalesce(p.name, h.name) as name, \
     coalesce((select max(m.at) from messages m where m.device = p.device and m.chat = p.chat), h.last_at, 0) as newest \
     from portals p left join history_chats h on h.device = p.device and h.chat = p.chat where p.device {whose} \
     union all \
     select h.device, h.chat, h.kind, null as room, h.name, \
     coalesce((select max(m.at) from messages m where m.device = h.device and m.chat = h.chat), h.last_at, 0) as newest \
     from history_chats h where h.device {whose} \
     and not exists (select 1 from portals p where p.device = h.device and p.chat = h.chat)) as chats";

impl Whose {
    fn chats(self) -> String {
        let whose = match self {
            Self::Device(_) => "= $1",
            Self::Identity(_) => "in (select id from devices where identity = $1 and removed = 0)",
        };
        CHATS.replace("{whose}", whose)
    }

    fn id(self) -> String {
        match self {
            Self::Device(device) => device.to_string(),
            Self::Identity(identity) => identity.to_string(),
        }
    }
}

impl Tx {
    /// Chats of devices, the one in which something was said last first.
    pub(crate) async fn list_chats(&mut self, whose: Whose, part: &Part, limit: u32) -> Result<Vec<StoredChat>, Error> {
        let chats = whose.chats();
        let (statement, place) = match part {
            Part::Newest => (format!("{chats} order by newest desc, chat, device limit $2"), None),
            Part::Before(place) => (
                format!(
                    "{chats} where newest < $3 or (newest = $3 and (chat > $4 or (chat = $4 and device > $5))) \
                     order by newest desc, chat, device limit $2"
                ),
                Some(place),
            ),
            Part::After(place) => (
                format!(
                    "{chats} where newest > $3 or (newest = $3 and (chat < $4 or (chat = $4 and device < $5))) \
                     order by newest, chat desc, device desc limit $2"
                ),
                Some(place),
            ),
        };
        let mut query = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(whose.id())
            .bind(i64::from(limit));
        if let Some(Place(newest, chat, device)) = place {
            query = query.bind(*newest).bind(text(chat)).bind(text(device));
        }
        let mut found: Vec<_> = self.rows(query).await?.iter().map(chat).collect::<Result<_, _>>()?;
        if matches!(part, Part::After(_)) {
            found.reverse();
        }
        Ok(found)
    }

    /// One chat of a device, if anything of it is stored.
    pub(crate) async fn find_stored_chat(&mut self, key: &PortalKey) -> Result<Option<StoredChat>, Error> {
        let chats = Whose::Device(key.device).chats();
        let query = sqlx::query(sqlx::AssertSqlSafe(format!("{chats} where chat = $2")))
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        self.row(query).await?.as_ref().map(chat).transpose()
    }

    /// One message, as lists show it.
    pub(crate) async fn find_stored_message(
        &mut self,
        key: &PortalKey,
        named: &MessageRef,
    ) -> Result<Option<StoredMessage>, Error> {
        let statement = "select * from messages where device = $1 and chat = $2 and message = $3 and sender = $4";
        let query = messages::named(statement, key, &named.id).bind(sender(&named.sender));
        self.row(query).await?.as_ref().map(message).transpose()
    }

    /// Messages of a chat, newest first.
    pub(crate) async fn list_messages(
        &mut self,
        key: &PortalKey,
        part: &Part,
        limit: u32,
    ) -> Result<Vec<StoredMessage>, Error> {
        let (statement, place) = match part {
            Part::Newest => (
                "select * from messages where device = $1 and chat = $2 \
                 order by at desc, message desc, sender desc limit $3",
                None,
            ),
            Part::Before(place) => (
                "select * from messages where device = $1 and chat = $2 and (at < $4 or (at = $4 and \
                 (message < $5 or (message = $5 and sender < $6)))) order by at desc, message desc, sender desc limit $3",
                Some(place),
            ),
            Part::After(place) => (
                "select * from messages where device = $1 and chat = $2 and (at > $4 or (at = $4 and \
                 (message > $5 or (message = $5 and sender > $6)))) order by at, message, sender limit $3",
                Some(place),
            ),
        };
        let mut query = sqlx::query(statement)
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(i64::from(limit));
        if let Some(Place(at, id, from)) = place {
            query = query.bind(*at).bind(text(id)).bind(text(from));
        }
        let rows = self.rows(query).await?;
        let mut found: Vec<_> = rows.iter().map(message).collect::<Result<_, _>>()?;
        if matches!(part, Part::After(_)) {
            found.reverse();
        }
        Ok(found)
    }
}
