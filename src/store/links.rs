//! How the links of devices stood over time, and what people were told of it.

use super::{
    Error, Tx,
    types::{Columns, word},
};
use crate::model::{DeviceId, DeviceLife, LinkChange, LinkState, Timestamp};

/// How many changes of one link are kept.
const KEPT: i64 = 200;

impl Tx {
    /// Remembers that a link changed, now; answers the number of the change. `None` when there is no such device.
    pub(crate) async fn change_link(&mut self, device: DeviceId, link: &LinkState) -> Result<Option<i64>, Error> {
        if self.find_device(device).await?.is_none() {
            return Ok(None);
        }
        self.set_device_link(device, link).await?;
        let at = self.now().millis();
        if link.is_up() {
            let query = sqlx::query("update devices set connected_at = $2 where id = $1")
                .bind(device.to_string())
                .bind(at);
            self.execute(query).await?;
        }
        let reason = match link {
            LinkState::LoggedOut { reason } => Some(word(reason)),
            _ => None,
        };
        let query =
            sqlx::query("insert into link_changes (device, state, reason, at) values ($1, $2, $3, $4) returning id")
                .bind(device.to_string())
                .bind(link.name())
                .bind(reason)
                .bind(at);
        let row = self.row(query).await?.ok_or(sqlx::Error::RowNotFound)?;
        let id = Columns::new(&row, "link_changes", "id").int("id")?;
        let query = sqlx::query(
            "delete from link_changes where device = $1 and id <= ( \
                 select id from link_changes where device = $1 order by id desc limit 1 offset $2)",
        )
        .bind(device.to_string())
        .bind(KEPT);
        self.execute(query).await?;
        Ok(Some(id))
    }

    /// The newest changes of a link, newest first.
    pub(crate) async fn list_link_changes(&mut self, device: DeviceId, most: i64) -> Result<Vec<LinkChange>, Error> {
        let query = sqlx::query("select * from link_changes where device = $1 order by id desc limit $2")
            .bind(device.to_string())
            .bind(most);
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "link_changes", "id");
                Ok(LinkChange {
                    state: row.text("state")?,
                    reason: match row.maybe_text("reason")? {
                        Some(_) => Some(row.word("reason")?),
                        None => None,
                    },
                    at: row.time("at")?,
                })
            })
            .collect()
    }

    /// What is remembered of the life of a device.
    pub(crate) async fn device_life(&mut self, device: DeviceId) -> Result<DeviceLife, Error> {
        let query =
            sqlx::query("select id, connected_at, phone_seen_at from devices where id = $1").bind(device.to_string());
        let Some(row) = self.row(query).await? else {
            return Ok(DeviceLife::default());
        };
        let row = Columns::new(&row, "devices", "id");
        Ok(DeviceLife {
            connected_at: row.maybe_time("connected_at")?,
            phone_seen_at: row.maybe_time("phone_seen_at")?,
        })
    }

    /// Remembers when the owner's phone was last seen; it never becomes earlier.
    pub(crate) async fn saw_phone(&mut self, device: DeviceId, at: Timestamp) -> Result<(), Error> {
        let query = sqlx::query(
            "update devices set phone_seen_at = $2 where id = $1 and (phone_seen_at is null or phone_seen_at < $2)",
        )
        .bind(device.to_string())
        .bind(at.millis());
        self.execute(query).await.map(drop)
    }

    /// Takes it that people are told of this state now; whether they were told of another one last.
    pub(crate) async fn tell_link(&mut self, device: DeviceId, link: &LinkState) -> Result<bool, Error> {
        let query = sqlx::query("update devices set link_told = $2 where id = $1 and link_told <> $2 and removed = 0")
            .bind(device.to_string())
            .bind(link.name());
        Ok(self.execute(query).await? == 1)
    }
}
