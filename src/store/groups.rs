//! Groups: what is known of each, who is in it, and what of both its room shows.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, sender, text, word},
};
use crate::model::{ContactId, DeviceId, Group, GroupMember, PortalKey, Rank, Sender, Timestamp};

/// A group as it is known and shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KnownGroup {
    /// What the network says of it, its members too.
    pub(crate) group: Group,
    /// What of it the room shows.
    pub(crate) shown: ShownGroup,
    /// The owner of the device is not in it any more, or it is no more.
    pub(crate) gone: bool,
}

/// What a room shows of its group, as we put it there last or as somebody in the room did. `None` is not known: it is put
/// there again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ShownGroup {
    /// The name.
    pub(crate) title: Option<String>,
    /// The topic; empty when there is none.
    pub(crate) topic: Option<String>,
    /// The id of the picture; empty when there is none.
    pub(crate) picture: Option<String>,
    /// Everything that decides about the power levels, as one text.
    pub(crate) levels: Option<String>,
    /// Whether people may knock.
    pub(crate) approval: Option<bool>,
}

/// A member who is not where they belong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Misplaced {
    /// In the group, and not in the room yet.
    Outside(Sender),
    /// Not in the group any more, and still in the room.
    Inside(Sender),
}

impl Misplaced {
    /// Who it is.
    pub(crate) fn who(&self) -> &Sender {
        let (Self::Outside(who) | Self::Inside(who)) = self;
        who
    }
}

fn json<T: Serialize>(value: &T) -> String {
    text(&serde_json::to_string(value).unwrap_or_default())
}

fn read_rank(row: &AnyRow) -> Result<Option<Rank>, Error> {
    let row = Columns::new(row, "group_members", "who");
    match row.maybe_text("rank")? {
        Some(_) => row.word("rank").map(Some),
        None => Ok(None),
    }
}

impl Tx {
    /// What is known of a group.
    pub(crate) async fn find_group(&mut self, key: &PortalKey) -> Result<Option<KnownGroup>, Error> {
        let query = sqlx::query("select * from group_chats where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let row = Columns::new(&row, "group_chats", "chat");
        let mut group: Group = row.json("content")?;
        let (shown, gone) = (row.json("shown")?, row.flag("gone")?);
        let query = sqlx::query(
            "select * from group_members where device = $1 and chat = $2 and rank is not null order by who",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()));
        for row in &self.rows(query).await? {
            group.members.push(GroupMember {
                who: Columns::new(row, "group_members", "who").sender("who")?,
                rank: Columns::new(row, "group_members", "who").word("rank")?,
            });
        }
        Ok(Some(KnownGroup { group, shown, gone }))
    }

    /// Whether somebody is in any group of a device.
    pub(crate) async fn is_in_a_group(&mut self, device: DeviceId, who: &Sender) -> Result<bool, Error> {
        let query =
            sqlx::query("select 1 from group_members where device = $1 and who = $2 and rank is not null limit 1")
                .bind(device.to_string())
                .bind(sender(who));
        Ok(self.row(query).await?.is_some())
    }

    /// Who is in a group since then or longer, without the owner.
    pub(crate) async fn list_members_since(
        &mut self,
        key: &PortalKey,
        then: Timestamp,
    ) -> Result<Vec<ContactId>, Error> {
        let query = sqlx::query(
            "select * from group_members where device = $1 and chat = $2 and rank is not null and since <= $3 order by who",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(then.millis());
        let mut contacts = Vec::new();
        for row in &self.rows(query).await? {
            if let Sender::Contact(contact) = Columns::new(row, "group_members", "who").sender("who")? {
                contacts.push(contact);
            }
        }
        Ok(contacts)
    }

    /// Whether anything is known of a group.
    pub(crate) async fn is_group_known(&mut self, key: &PortalKey) -> Result<bool, Error> {
        let query = sqlx::query("select 1 from group_chats where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        Ok(self.row(query).await?.is_some())
    }

    /// Remembers what the network says of a group and who is in it, new ones since now. What its room shows stays as it
    /// is known.
    pub(crate) async fn save_group(
        &mut self,
        key: &PortalKey,
        (group, gone): (&Group, bool),
        now: Timestamp,
    ) -> Result<(), Error> {
        let since = if self.is_group_known(key).await? {
            now.millis()
        } else {
            0
        };
        let query = sqlx::query(
            "insert into group_chats (device, chat, content, shown, gone) values ($1, $2, $3, $4, $5) \
             on conflict (device, chat) do update set content = excluded.content, gone = excluded.gone",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(json(group))
        .bind(json(&ShownGroup::default()))
        .bind(i64::from(gone));
        self.execute(query).await?;
        self.save_group_members(key, &group.members, since).await
    }

    async fn save_group_members(&mut self, key: &PortalKey, members: &[GroupMember], since: i64) -> Result<(), Error> {
        let query = sqlx::query("select * from group_members where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        let mut before = std::collections::HashMap::new();
        for row in &self.rows(query).await? {
            let who = Columns::new(row, "group_members", "who").sender("who")?;
            before.insert(who, read_rank(row)?);
        }
        for member in members {
            if before.remove(&member.who) == Some(Some(member.rank)) {
                continue;
            }
            let query = sqlx::query(
                "insert into group_members (device, chat, who, rank, present, since) values ($1, $2, $3, $4, 0, $5) \
                 on conflict (device, chat, who) do update set rank = excluded.rank, since = \
                 case when group_members.rank is null then excluded.since else group_members.since end",
            )
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(sender(&member.who))
            .bind(word(&member.rank))
            .bind(since);
            self.execute(query).await?;
        }
        for (who, rank) in before {
            if rank.is_none() {
                continue;
            }
            let query =
                sqlx::query("update group_members set rank = null where device = $1 and chat = $2 and who = $3")
                    .bind(key.device.to_string())
                    .bind(text(key.chat.as_str()))
                    .bind(sender(&who));
            self.execute(query).await?;
        }
        // Whoever was never brought into the room need not be taken out of it.
        let query =
            sqlx::query("delete from group_members where device = $1 and chat = $2 and rank is null and present = 0")
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()));
        self.execute(query).await.map(drop)
    }

    /// Waits for whoever else changes what is known of groups: to be called before it is read to be written.
    pub(crate) async fn lock_groups(&mut self) -> Result<(), Error> {
        self.lock("groups").await
    }

    /// Changes what is remembered of what the room of a group shows.
    pub(crate) async fn update_group_shown(
        &mut self,
        key: &PortalKey,
        change: impl FnOnce(&mut ShownGroup),
    ) -> Result<(), Error> {
        self.lock_groups().await?;
        let query = sqlx::query("select * from group_chats where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()));
        let Some(row) = self.row(query).await? else {
            return Ok(());
        };
        let mut shown: ShownGroup = Columns::new(&row, "group_chats", "chat").json("shown")?;
        change(&mut shown);
        let query = sqlx::query("update group_chats set shown = $3 where device = $1 and chat = $2")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(json(&shown));
        self.execute(query).await.map(drop)
    }

    /// Remembers whether somebody's Matrix user is in the room of a group. Who is not known to be in the group counts as
    /// a member since now, until the next comparison. Answers the rank they have.
    pub(crate) async fn set_group_member_present(
        &mut self,
        key: &PortalKey,
        who: &Sender,
        present: bool,
        now: Timestamp,
    ) -> Result<Option<Rank>, Error> {
        let query = sqlx::query(
            "insert into group_members (device, chat, who, rank, present, since) values ($1, $2, $3, $4, $5, $6) \
             on conflict (device, chat, who) do update set present = excluded.present",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(sender(who))
        .bind(present.then(|| word(&Rank::Member)))
        .bind(i64::from(present))
        .bind(now.millis());
        self.execute(query).await?;
        let query = sqlx::query("select * from group_members where device = $1 and chat = $2 and who = $3")
            .bind(key.device.to_string())
            .bind(text(key.chat.as_str()))
            .bind(sender(who));
        let rank = self.row(query).await?.as_ref().map(read_rank).transpose()?.flatten();
        if rank.is_none() && !present {
            let query = sqlx::query("delete from group_members where device = $1 and chat = $2 and who = $3")
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()))
                .bind(sender(who));
            self.execute(query).await?;
        }
        Ok(rank)
    }

    /// Whether somebody's Matrix user was brought into the room of a group.
    pub(crate) async fn is_group_member_present(&mut self, key: &PortalKey, who: &Sender) -> Result<bool, Error> {
        let query =
            sqlx::query("select * from group_members where device = $1 and chat = $2 and who = $3 and present = 1")
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()))
                .bind(sender(who));
        Ok(self.row(query).await?.is_some())
    }

    /// Some of the members who are not where they belong. The owner of the device is moved by nobody.
    pub(crate) async fn list_misplaced_members(
        &mut self,
        key: &PortalKey,
        limit: u32,
    ) -> Result<Vec<Misplaced>, Error> {
        let query = sqlx::query(
            "select * from group_members where device = $1 and chat = $2 and who <> $3 \
             and ((rank is null and present = 1) or (rank is not null and present = 0)) order by who limit $4",
        )
        .bind(key.device.to_string())
        .bind(text(key.chat.as_str()))
        .bind(sender(&Sender::Owner))
        .bind(i64::from(limit));
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let who = Columns::new(row, "group_members", "who").sender("who")?;
                Ok(match read_rank(row)? {
                    Some(_) => Misplaced::Outside(who),
                    None => Misplaced::Inside(who),
                })
            })
            .collect()
    }

    /// Forgets a group, its members too.
    pub(crate) async fn remove_group(&mut self, key: &PortalKey) -> Result<(), Error> {
        for statement in [
            "delete from group_members where device = $1 and chat = $2",
            "delete from group_chats where device = $1 and chat = $2",
        ] {
            let query = sqlx::query(statement)
                .bind(key.device.to_string())
                .bind(text(key.chat.as_str()));
            self.execute(query).await?;
        }
        Ok(())
    }
}
