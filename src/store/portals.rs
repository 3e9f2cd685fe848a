//! Portals, and the rooms in which people talk with the bot.

use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::Value;
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, maybe, text, word},
};
use crate::model::{ChatId, ChatKind, DeviceId, Lane, PortalKey};

/// A chat of a device and its Matrix room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Portal {
    /// Which chat of which device.
    pub(crate) key: PortalKey,
    /// The room, once it is made.
    pub(crate) room: Option<OwnedRoomId>,
    /// Kind of the chat.
    pub(crate) kind: ChatKind,
    /// Its name, as last set in the room.
    pub(crate) name: Option<String>,
    /// All members are in and the state is written.
    pub(crate) ready: bool,
}

/// How many letters a name has, as databases count them.
fn count(name: &str) -> i64 {
    i64::try_from(name.chars().count()).unwrap_or(i64::MAX)
}

fn read(row: &AnyRow) -> Result<Portal, Error> {
    let row = Columns::new(row, "portals", "chat");
    Ok(Portal {
        key: PortalKey::new(row.parsed("device")?, ChatId::from_adapter(row.text("chat")?)),
        room: row.maybe_parsed("room")?,
        kind: row.word("kind")?,
        name: row.maybe_text("name")?,
        ready: row.flag("ready")?,
    })
}

/// Rows of a chat `$2` that its other name `$3` has too: those in which these columns are the same.
macro_rules! drops_copies {
    ($table:literal $(, $column:literal)*) => {
        concat!(
            "delete from ", $table, " where device = $1 and chat = $2 and exists (select 1 from ", $table,
            " other where other.device = $1 and other.chat = $3",
            $(" and other.", $column, " = ", $table, ".", $column,)*
            ")"
        )
    };
}

/// Gives the rows of a chat `$2` its other name `$3`.
macro_rules! moves {
    ($table:literal) => {
        concat!("update ", $table, " set chat = $3 where device = $1 and chat = $2")
    };
}

impl Tx {
    /// The portal of a chat.
    pub(crate) async fn find_portal(&mut self, key: &PortalKey) -> Result<Option<Portal>, Error> {
        let query = sqlx::query("select * from portals where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let mut portal = read(&row)?;
        // Somebody who belongs in it is to be asked back.
        let recall_at = Columns::new(&row, "portals", "chat").maybe_time("recall_at")?;
        portal.ready &= recall_at.is_none_or(|at| at > self.now());
        Ok(Some(portal))
    }

    /// The portal whose room this is.
    pub(crate) async fn find_portal_by_room(&mut self, room: &RoomId) -> Result<Option<Portal>, Error> {
        let query = sqlx::query("select * from portals where room = $1").bind(room.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Adds a portal or changes it, if its room is still `before`, or `portal.room` already; whether it did. Without
    /// `before` it must have no room yet: of several who give a chat a room, the first one does.
    ///
    /// # Errors
    /// `Taken("room")` when the room is another portal's.
    pub(crate) async fn settle_portal(&mut self, portal: &Portal, before: Option<&RoomId>) -> Result<bool, Error> {
        // The groups are held before the row of the portal: so do all who hold both.
        let is_another = match before {
            Some(before) if portal.room.as_deref() != Some(before) => self.is_room_of(&portal.key, before).await?,
            _ => false,
        };
        let now = self.now().millis();
        let bound = |statement| {
            sqlx::query(statement)
                .bind(portal.key.device.to_string())
                .bind(text(portal.key.chat.as_str()))
                .bind(portal.room.as_ref().map(|room| room.as_str()))
                .bind(word(&portal.kind))
                .bind(maybe(portal.name.as_deref()))
                .bind(i64::from(portal.ready))
        };
        let query = bound(
            "update portals set room = $3, kind = $4, name = $5, ready = $6, \
             recalled_at = case when $6 = 1 and recall_at <= $7 then $7 else recalled_at end, \
             recall_at = case when $6 = 1 and recall_at <= $7 then null else recall_at end \
             where device = $1 and chat = $2 and (room is not distinct from $8 or room = $3)",
        )
        .bind(now)
        .bind(before.map(RoomId::as_str));
        let mut written = self.execute(query).await.map_err(|error| error.or_taken("room"))?;
        if written == 0 && before.is_none() {
            let query = bound(
                "insert into portals (device, chat, room, kind, name, ready) values ($1, $2, $3, $4, $5, $6) \
                 on conflict (device, chat) do nothing",
            );
            written = self.execute(query).await.map_err(|error| error.or_taken("room"))?;
        }
        if written > 0 && is_another {
            self.forget_what_is_shown(&portal.key).await?;
        }
        Ok(written > 0)
    }

    /// Whether this is the room of a chat now, and until the end of the transaction: what is written after it is written of
    /// this room.
    pub(crate) async fn is_room_of(&mut self, key: &PortalKey, room: &RoomId) -> Result<bool, Error> {
        self.lock_groups().await?;
        let query = sqlx::query("select 1 from portals where device = $1 and chat = $2 and room = $3")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(room.as_str());
        Ok(self.row(query).await?.is_some())
    }

    /// The room of a chat is another one: what of the chat was shown in the one before is to be shown again, who was
    /// brought in is to be brought in again.
    async fn forget_what_is_shown(&mut self, key: &PortalKey) -> Result<(), Error> {
        for statement in [
            "delete from group_members where device = $1 and chat = $2 and rank is null",
            "update group_members set present = 0 where device = $1 and chat = $2",
            "update group_chats set shown = '{}' where device = $1 and chat = $2",
            "update chat_marks set shown = null where device = $1 and chat = $2",
        ] {
            let query = sqlx::query(statement)
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()));
            self.execute(query).await?;
        }
        Ok(())
    }

    /// Asks back whoever left a portal room, with the next message; not before `pause` milliseconds have passed since
    /// somebody was asked back last.
    pub(crate) async fn recall_to_portal(&mut self, key: &PortalKey, pause: i64) -> Result<(), Error> {
        let query = sqlx::query(
            "update portals set recall_at = case when recalled_at is null or recalled_at + $4 < $3 then $3 \
             else recalled_at + $4 end where device = $1 and chat = $2",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(self.now().millis())
        .bind(pause);
        self.execute(query).await.map(drop)
    }

    /// Remembers which room takes the place of that of a portal.
    pub(crate) async fn set_next_room(&mut self, key: &PortalKey, next: Option<&RoomId>) -> Result<(), Error> {
        let query = sqlx::query("update portals set next_room = $3 where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(next.map(RoomId::as_str));
        self.execute(query).await.map(drop)
    }

    /// Which room takes the place of that of a portal.
    pub(crate) async fn find_next_room(&mut self, key: &PortalKey) -> Result<Option<OwnedRoomId>, Error> {
        let query = sqlx::query("select * from portals where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        Columns::new(&row, "portals", "chat").maybe_parsed("next_room")
    }

    /// The portal whose room this one replaces.
    pub(crate) async fn find_portal_by_next_room(&mut self, next: &RoomId) -> Result<Option<Portal>, Error> {
        let query = sqlx::query("select * from portals where next_room = $1").bind(next.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Forgets the room of a portal and what was shown in it, if it is still this one.
    pub(crate) async fn forget_portal_room(&mut self, key: &PortalKey, room: &RoomId) -> Result<(), Error> {
        self.lock_groups().await?;
        let query = sqlx::query(
            "update portals set room = null, ready = 0, next_room = null, recall_at = null \
             where device = $1 and chat = $2 and room = $3",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(room.as_str());
        if self.execute(query).await? > 0 {
            self.forget_what_is_shown(key).await?;
        }
        Ok(())
    }

    /// Who spoke in a room, as the network showed it; at most so many.
    pub(crate) async fn list_speakers(&mut self, room: &RoomId, most: i64) -> Result<Vec<OwnedUserId>, Error> {
        let query = sqlx::query(
            "select distinct speaker from messages where room = $1 and direction = 'in' and speaker is not null \
             order by speaker limit $2",
        )
        .bind(room.as_str())
        .bind(most);
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| Columns::new(row, "messages", "speaker").parsed("speaker"))
            .collect()
    }

    /// Forgets that people talk with the bot in a room.
    pub(crate) async fn forget_management_room(&mut self, room: &RoomId) -> Result<(), Error> {
        let query = sqlx::query("delete from management_rooms where room = $1").bind(room.as_str());
        self.execute(query).await.map(drop)
    }

    /// The portals of a device.
    pub(crate) async fn list_portals(&mut self, device: DeviceId) -> Result<Vec<Portal>, Error> {
        let query = sqlx::query("select * from portals where device = $1 order by chat").bind(device.to_string());
        self.rows(query).await?.iter().map(read).collect()
    }

    /// The portals of one chat, through whichever devices.
    pub(crate) async fn list_portals_of_chat(&mut self, chat: &ChatId) -> Result<Vec<Portal>, Error> {
        let query = sqlx::query("select * from portals where chat = $1 order by device").bind(text(chat.as_str()));
        self.rows(query).await?.iter().map(read).collect()
    }

    /// A chat has another name from now on: its room and everything said in it go with it. No portal may have the new
    /// name yet; what is known by both names is known once then: by what the room shows of it.
    pub(crate) async fn rename_chat(&mut self, portal: &PortalKey, to: &ChatId) -> Result<(), Error> {
        for statement in [
            // A message that the room shows takes the place of its copy.
            "delete from message_parts where device = $1 and chat = $3 and exists (select 1 from messages shown \
             where shown.device = $1 and shown.chat = $2 and shown.message = message_parts.message \
             and shown.sender = message_parts.sender and shown.event is not null)",
            "delete from messages where device = $1 and chat = $3 and exists (select 1 from messages shown \
             where shown.device = $1 and shown.chat = $2 and shown.message = messages.message \
             and shown.sender = messages.sender and shown.event is not null)",
            drops_copies!("messages", "message", "sender"),
            moves!("messages"),
            drops_copies!("message_parts", "message", "sender", "part"),
            moves!("message_parts"),
            drops_copies!("reactions", "message", "message_sender", "sender"),
            moves!("reactions"),
            drops_copies!("votes", "message", "message_sender", "sender", "event"),
            moves!("votes"),
            drops_copies!("receipts", "message", "contact"),
            moves!("receipts"),
            drops_copies!("read_marks", "contact"),
            moves!("read_marks"),
            drops_copies!("chat_marks"),
            moves!("chat_marks"),
            drops_copies!("history_chats"),
            moves!("history_chats"),
            drops_copies!("history_marks", "message", "message_sender", "sender"),
            moves!("history_marks"),
            moves!("portals"),
            // What waits: the name of a lane begins with its kind and ends with the chat, or goes on with a message of it.
            "update jobs set lane = lane_kind || ':' || $1 || '/' || $3 \
             || substr(lane, length(lane_kind || ':' || $1 || '/' || $2) + 1) \
             where lane = lane_kind || ':' || $1 || '/' || $2 \
             or substr(lane, 1, length(lane_kind || ':' || $1 || '/' || $2 || '/')) = lane_kind || ':' || $1 || '/' || $2 || '/'",
            "update jobs set lane = substr(lane, 1, length(lane) - length($1 || '/' || $2)) || $1 || '/' || $3 \
             where lane_kind = 'hook' and substr(lane, length(lane) - length($1 || '/' || $2) + 1) = $1 || '/' || $2",
        ] {
            let query = sqlx::query(statement)
                .bind(portal.device.to_string())
                .bind(text(portal.chat.as_str()))
                .bind(text(to.as_str()));
            self.execute(query).await?;
        }
        let named = |chat: &ChatId| format!("\"chat\":{}", Value::from(chat.as_str()));
        let query = sqlx::query("update jobs set payload = replace(payload, $2, $3) where lane like '%' || $1 || '%'")
            .bind(portal.device.to_string())
            .bind(text(&named(&portal.chat)))
            .bind(text(&named(to)));
        self.execute(query).await?;
        Ok(())
    }

    /// The room of a portal is called so now.
    pub(crate) async fn set_portal_name(&mut self, key: &PortalKey, name: &str) -> Result<(), Error> {
        let query = sqlx::query("update portals set name = $3 where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(text(name));
        self.execute(query).await.map(drop)
    }

    /// Removes a portal and everything that was said in it; whether it was there.
    pub(crate) async fn remove_portal(&mut self, key: &PortalKey) -> Result<bool, Error> {
        // Payloads of deliveries are found by the events of the messages.
        for table in [
            "update deliveries set payload = null where event in \
             (select event from messages where device = $1 and chat = $2 and event is not null \
             union select event from message_parts where device = $1 and chat = $2)",
            "delete from messages where device = $1 and chat = $2",
            "delete from message_parts where device = $1 and chat = $2",
            "delete from reactions where device = $1 and chat = $2",
            "delete from votes where device = $1 and chat = $2",
            "delete from receipts where device = $1 and chat = $2",
            "delete from read_marks where device = $1 and chat = $2",
            "delete from chat_marks where device = $1 and chat = $2",
            "delete from history_chats where device = $1 and chat = $2",
            "delete from history_marks where device = $1 and chat = $2",
            "delete from made_groups where device = $1 and chat = $2",
        ] {
            let query = sqlx::query(table)
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()));
            self.execute(query).await?;
        }
        for lane in Lane::of_messages(key) {
            // By what they begin with, without patterns: strangers choose the ids in these names.
            let query = sqlx::query("delete from jobs where substr(lane, 1, cast($2 as integer)) = $1");
            self.execute(query.bind(text(&lane)).bind(count(&lane))).await?;
        }
        for lane in Lane::of_messages(key) {
            let query = sqlx::query("delete from buried_jobs where substr(lane, 1, cast($2 as integer)) = $1");
            self.execute(query.bind(text(&lane)).bind(count(&lane))).await?;
        }
        for lane in Lane::of_what_was_said(key) {
            let query = sqlx::query("delete from buried_jobs where lane = $1");
            self.execute(query.bind(text(lane.as_str()))).await?;
        }
        let query = sqlx::query("delete from portals where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        Ok(self.execute(query).await? == 1)
    }

    /// The room in which a person talks with the bot.
    pub(crate) async fn find_management_room(&mut self, user: &UserId) -> Result<Option<OwnedRoomId>, Error> {
        let query = sqlx::query("select * from management_rooms where user_id = $1").bind(user.as_str());
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "management_rooms", "user_id").parsed("room"))
            .transpose()
    }

    /// Remembers that room; it is nobody else's then.
    pub(crate) async fn set_management_room(&mut self, user: &UserId, room: &RoomId) -> Result<(), Error> {
        let others = sqlx::query("delete from management_rooms where room = $2 and user_id <> $1")
            .bind(user.as_str())
            .bind(room.as_str());
        self.execute(others).await?;
        let query = sqlx::query(
            "insert into management_rooms (user_id, room) values ($1, $2) \
             on conflict (user_id) do update set room = excluded.room",
        )
        .bind(user.as_str())
        .bind(room.as_str());
        self.execute(query)
            .await
            .map_err(|error| error.or_taken("room"))
            .map(drop)
    }

    /// Who talks with the bot in this room, if it is for that.
    pub(crate) async fn is_management_room(&mut self, room: &RoomId) -> Result<Option<OwnedUserId>, Error> {
        let query = sqlx::query("select * from management_rooms where room = $1").bind(room.as_str());
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "management_rooms", "room").parsed("user_id"))
            .transpose()
    }
}
