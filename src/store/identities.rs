//! Identities, the border between tenants, and their members.

use ruma::{OwnedUserId, UserId};
use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, text, word},
};
use crate::model::{Identity, IdentityId};

fn read(row: &AnyRow) -> Result<Identity, Error> {
    let row = Columns::new(row, "identities", "id");
    Ok(Identity {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        kind: row.word("kind")?,
        matrix_device: row.text("matrix_device")?,
        is_host: row.flag("is_host")?,
    })
}

impl Tx {
    /// Adds an identity.
    ///
    /// # Errors
    /// `Taken("identity")` when its user has one, or it would be a second host.
    pub(crate) async fn insert_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into identities (id, user_id, kind, matrix_device, is_host, created_at) \
             values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        )
        .bind(identity.id.to_string())
        .bind(identity.user.as_str())
        .bind(word(&identity.kind))
        .bind(text(&identity.matrix_device))
        .bind(i64::from(identity.is_host))
        .bind(self.now().millis());
        if self.execute(query).await? == 0 {
            Err(Error::Taken("identity"))
        } else {
            Ok(())
        }
    }

    /// The identity with this id.
    pub(crate) async fn find_identity(&mut self, id: IdentityId) -> Result<Option<Identity>, Error> {
        let query = sqlx::query("select * from identities where id = $1").bind(id.to_string());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The identity of this Matrix user.
    pub(crate) async fn find_identity_by_user(&mut self, user: &UserId) -> Result<Option<Identity>, Error> {
        let query = sqlx::query("select * from identities where user_id = $1").bind(user.as_str());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// The identity that tokens made with `use_host` share.
    pub(crate) async fn host_identity(&mut self) -> Result<Option<Identity>, Error> {
        self.row(sqlx::query("select * from identities where is_host = 1"))
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Removes an identity and everything that was its own, except what networks keep of its devices.
    pub(crate) async fn remove_identity(&mut self, id: IdentityId) -> Result<(), Error> {
        for statement in [
            "delete from messages where device in (select id from devices where identity = $1)",
            "delete from message_parts where device in (select id from devices where identity = $1)",
            "delete from reactions where device in (select id from devices where identity = $1)",
            "delete from votes where device in (select id from devices where identity = $1)",
            "delete from receipts where device in (select id from devices where identity = $1)",
            "delete from notes where name in (select 'history:' || id from devices where identity = $1)",
            "delete from history_chats where device in (select id from devices where identity = $1)",
            "delete from history_marks where device in (select id from devices where identity = $1)",
            "delete from read_marks where device in (select id from devices where identity = $1)",
            "delete from chat_marks where device in (select id from devices where identity = $1)",
            "delete from address_book where device in (select id from devices where identity = $1)",
            "delete from group_members where device in (select id from devices where identity = $1)",
            "delete from group_chats where device in (select id from devices where identity = $1)",
            "delete from device_spaces where device in (select id from devices where identity = $1)",
            "delete from portals where device in (select id from devices where identity = $1)",
            "delete from link_changes where device in (select id from devices where identity = $1)",
            // What was promised, or given up, for its chats: lanes of chats have the device in them.
            "delete from jobs where lane_kind not in ('identity', 'device') and exists (select 1 from devices \
             where devices.identity = $1 and jobs.lane like '%' || devices.id || '%')",
            "delete from buried_jobs where exists (select 1 from devices \
             where devices.identity = $1 and buried_jobs.payload like '%' || devices.id || '%')",
            "delete from devices where identity = $1",
            "delete from sends where identity = $1",
            "delete from spellings where identity = $1",
            "delete from deliveries where webhook in (select id from webhooks where identity = $1)",
            "delete from webhooks where identity = $1",
            "delete from members where identity = $1",
            "delete from tokens where identity = $1",
            "delete from identities where id = $1",
        ] {
            self.execute(sqlx::query(statement).bind(id.to_string())).await?;
        }
        Ok(())
    }

    /// Adds a member; whether they were none before. Rooms that are made already are no longer ready: the newcomer is
    /// missing in them.
    pub(crate) async fn add_member(&mut self, identity: IdentityId, user: &UserId) -> Result<bool, Error> {
        let query = sqlx::query(
            "insert into members (identity, user_id, created_at) values ($1, $2, $3) \
             on conflict (identity, user_id) do nothing",
        )
        .bind(identity.to_string())
        .bind(user.as_str())
        .bind(self.now().millis());
        let is_new = self.execute(query).await? == 1;
        if is_new {
            let query = sqlx::query(
                "update portals set ready = 0 where device in (select id from devices where identity = $1)",
            )
            .bind(identity.to_string());
            self.execute(query).await?;
        }
        Ok(is_new)
    }

    /// Removes a member; whether they were one.
    pub(crate) async fn remove_member(&mut self, identity: IdentityId, user: &UserId) -> Result<bool, Error> {
        let query = sqlx::query("delete from members where identity = $1 and user_id = $2")
            .bind(identity.to_string())
            .bind(user.as_str());
        Ok(self.execute(query).await? == 1)
    }

    /// The members of an identity, oldest first.
    pub(crate) async fn list_members(&mut self, identity: IdentityId) -> Result<Vec<OwnedUserId>, Error> {
        let query = sqlx::query("select user_id from members where identity = $1 order by created_at, user_id")
            .bind(identity.to_string());
        self.rows(query)
            .await?
            .iter()
            .map(|row| Columns::new(row, "members", "user_id").parsed("user_id"))
            .collect()
    }

    /// The identities of which somebody is a member.
    pub(crate) async fn list_identities_of_member(&mut self, user: &UserId) -> Result<Vec<IdentityId>, Error> {
        let query = sqlx::query("select identity from members where user_id = $1 order by created_at, identity")
            .bind(user.as_str());
        self.rows(query)
            .await?
            .iter()
            .map(|row| Columns::new(row, "members", "identity").parsed("identity"))
            .collect()
    }
}
