//! Devices: which sessions are linked, for whom, and how their links stood when last seen.

use sqlx::any::AnyRow;

use super::{
    Error, Tx,
    types::{Columns, text},
};
use crate::model::{Device, DeviceId, Identity, IdentityId, Lane, LinkState, Platform, Timestamp};

/// How often it is written down that a device was heard, in milliseconds.
const HEARD_EVERY: i64 = 60_000;

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// The messages of one hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Traffic {
    /// When the hour began.
    pub(crate) from: Timestamp,
    /// Messages that came.
    pub(crate) incoming: i64,
    /// Messages that went.
    pub(crate) outgoing: i64,
}

fn read(row: &AnyRow) -> Result<Device, Error> {
    let row = Columns::new(row, "devices", "id");
    Ok(Device {
        id: row.parsed("id")?,
        identity: row.parsed("identity")?,
        platform: Platform::parse(&row.text("platform")?).ok_or_else(|| row.corrupt("platform"))?,
        number: row.text("number")?,
        link: row.json("link")?,
        linked_at: row.time("linked_at")?,
    })
}

fn link(state: &LinkState) -> Result<String, Error> {
    serde_json::to_string(state).map_err(|error| sqlx::Error::Encode(error.into()).into())
}

impl Tx {
    /// Adds a device. When its identity has linked this number before, the new device takes the old one's place, and
    /// the answer names the old one.
    pub(crate) async fn insert_device(&mut self, device: &Device) -> Result<Option<DeviceId>, Error> {
        let former = sqlx::query("select * from devices where identity = $1 and platform = $2 and number = $3")
            .bind(device.identity.to_string())
            .bind(device.platform.as_str())
            .bind(text(&device.number));
        let former = self
            .row(former)
            .await?
            .as_ref()
            .map(read)
            .transpose()?
            .filter(|old| old.id != device.id);
        if let Some(former) = &former {
            self.hand_over(former.id, device.id).await?;
        }
        let query = sqlx::query(
            "insert into devices (id, identity, platform, number, link, linked_at, connected_at, phone_seen_at) \
             values ($1, $2, $3, $4, $5, $6, $6, $6) \
             on conflict (identity, platform, number) do update set id = excluded.id, link = excluded.link, \
             linked_at = excluded.linked_at, connected_at = excluded.connected_at, \
             phone_seen_at = excluded.phone_seen_at, link_told = 'connected', removed = 0",
        )
        .bind(device.id.to_string())
        .bind(device.identity.to_string())
        .bind(device.platform.as_str())
        .bind(text(&device.number))
        .bind(link(&device.link)?)
        .bind(device.linked_at.millis());
        self.execute(query).await.map_err(|error| error.or_taken("device"))?;
        Ok(former.map(|former| former.id))
    }

    /// Gives the rooms, the messages and the waiting jobs of one device to another. An id stands in lanes and payloads
    /// as text that nothing else can be mistaken for.
    async fn hand_over(&mut self, from: DeviceId, to: DeviceId) -> Result<(), Error> {
        let successor = sqlx::query(
            "insert into notes (name, content) values ($1, $2) \
             on conflict (name) do update set content = excluded.content",
        )
        .bind(format!("successor:{from}"))
        .bind(to.to_string());
        self.execute(successor).await?;
        for statement in [
            "update portals set device = $2 where device = $1",
            "update messages set device = $2 where device = $1",
            "update message_parts set device = $2 where device = $1",
            "update reactions set device = $2 where device = $1",
            "update votes set device = $2 where device = $1",
            "update receipts set device = $2 where device = $1",
            "update read_marks set device = $2 where device = $1",
            "update chat_marks set device = $2 where device = $1",
            "update address_book set device = $2 where device = $1",
            "update group_chats set device = $2 where device = $1",
            "update group_members set device = $2 where device = $1",
            "update device_spaces set device = $2 where device = $1",
            "update sends set device = $2 where device = $1",
            "update history_chats set device = $2 where device = $1",
            "update history_marks set device = $2 where device = $1",
            "update link_changes set device = $2 where device = $1",
            "update made_groups set device = $2 where device = $1",
        ] {
            self.execute(sqlx::query(statement).bind(from.to_string()).bind(to.to_string()))
                .await?;
        }
        let jobs = sqlx::query(
            "update jobs set lane = replace(lane, $1, $2), payload = replace(payload, $1, $2) \
             where $3 like '%,' || lane_kind || ',%' and (lane like '%' || $1 || '%' or payload like '%' || $1 || '%')",
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .bind(format!(",{},", Lane::FOLLOWING.join(",")));
        self.execute(jobs).await.map(drop)
    }

    /// Forgets who took the place of whom where no job speaks of the old device any more. Called while no session runs:
    /// nothing new can come from an old one.
    pub(crate) async fn forget_successors(&mut self) -> Result<u64, Error> {
        let query = sqlx::query(
            "delete from notes where name like 'successor:%' and not exists \
             (select 1 from jobs where jobs.lane like '%' || substr(notes.name, 11) || '%')",
        );
        self.execute(query).await
    }

    /// The device that took the place of one that is gone.
    pub(crate) async fn find_successor(&mut self, gone: DeviceId) -> Result<Option<DeviceId>, Error> {
        let query = sqlx::query("select * from notes where name = $1").bind(format!("successor:{gone}"));
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let text = Columns::new(&row, "notes", "name").text("content")?;
        Ok(text.parse().ok())
    }

    /// The devices of an identity, oldest first.
    pub(crate) async fn list_devices(&mut self, identity: IdentityId) -> Result<Vec<Device>, Error> {
        let query = sqlx::query("select * from devices where identity = $1 and removed = 0 order by linked_at, id")
            .bind(identity.to_string());
        self.rows(query).await?.iter().map(read).collect()
    }

    /// The devices of everybody, oldest first.
    pub(crate) async fn list_all_devices(&mut self) -> Result<Vec<Device>, Error> {
        self.rows(sqlx::query(
            "select * from devices where removed = 0 order by linked_at, id",
        ))
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// Devices that keys are stored for though nobody has them and nobody was told to let go of them.
    pub(crate) async fn list_forsaken_devices(&mut self) -> Result<Vec<DeviceId>, Error> {
        // From one device to the next by the index: there are thousands of keys for each.
        let query = sqlx::query(
            "with recursive holders (device) as ( \
                 select min(device) from keys \
                 union all \
                 select (select min(keys.device) from keys where keys.device > holders.device) \
                 from holders where holders.device is not null \
             ) \
             select device from holders where device is not null \
             and not exists (select 1 from devices where id = holders.device and removed = 0) \
             and not exists (select 1 from jobs where kind = 'unlink' and payload like '%' || holders.device || '%')",
        );
        self.rows(query)
            .await?
            .iter()
            .map(|row| Columns::new(row, "keys", "device").parsed("device"))
            .collect()
    }

    /// The device with this id.
    pub(crate) async fn find_device(&mut self, id: DeviceId) -> Result<Option<Device>, Error> {
        let query = sqlx::query("select * from devices where id = $1 and removed = 0").bind(id.to_string());
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// A device with the identity it belongs to.
    pub(crate) async fn find_owned_device(&mut self, id: DeviceId) -> Result<Option<(Device, Identity)>, Error> {
        let Some(device) = self.find_device(id).await? else {
            return Ok(None);
        };
        let identity = self.find_identity(device.identity).await?;
        Ok(identity.map(|identity| (device, identity)))
    }

    /// The device of an identity that is linked to this number.
    pub(crate) async fn find_device_by_number(
        &mut self,
        identity: IdentityId,
        platform: Platform,
        number: &str,
    ) -> Result<Option<Device>, Error> {
        let query =
            sqlx::query("select * from devices where identity = $1 and platform = $2 and number = $3 and removed = 0")
                .bind(identity.to_string())
                .bind(platform.as_str())
                .bind(text(number));
        self.row(query).await?.as_ref().map(read).transpose()
    }

    /// Remembers how the link of a device stands.
    pub(crate) async fn set_device_link(&mut self, id: DeviceId, state: &LinkState) -> Result<(), Error> {
        let query = sqlx::query("update devices set link = $2 where id = $1")
            .bind(id.to_string())
            .bind(link(state)?);
        self.execute(query).await.map(drop)
    }

    /// Remembers that the network told something of a device just now, at most once a minute.
    pub(crate) async fn device_heard(&mut self, id: DeviceId) -> Result<(), Error> {
        let now = self.now();
        let query =
            sqlx::query("update devices set heard_at = $2 where id = $1 and (heard_at is null or heard_at <= $3)")
                .bind(id.to_string())
                .bind(now.millis())
                .bind(now.plus_millis(-HEARD_EVERY).millis());
        self.execute(query).await.map(drop)
    }

    /// When the network last told something of a device.
    pub(crate) async fn last_heard(&mut self, id: DeviceId) -> Result<Option<Timestamp>, Error> {
        let query = sqlx::query("select id, heard_at from devices where id = $1").bind(id.to_string());
        match self.row(query).await? {
            Some(row) => Columns::new(&row, "devices", "id").maybe_time("heard_at"),
            None => Ok(None),
        }
    }

    /// How many messages of a device came and went in each hour since `from`; hours without any are left out.
    pub(crate) async fn list_traffic(&mut self, id: DeviceId, from: Timestamp) -> Result<Vec<Traffic>, Error> {
        let query = sqlx::query(
            "select counted.hour as hour, sum(counted.incoming) as incoming, sum(counted.outgoing) as outgoing from ( \
                 select at / 3600000 as hour, case when direction = 'in' then 1 else 0 end as incoming, \
                 case when direction = 'in' then 0 else 1 end as outgoing from messages where device = $1 and at >= $2 and event is not null \
             ) counted group by counted.hour order by counted.hour",
        )
        .bind(id.to_string())
        .bind(from.millis());
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "messages", "hour");
                Ok(Traffic {
                    from: Timestamp::from_millis(row.int("hour")?.saturating_mul(HOUR)),
                    incoming: row.int("incoming")?,
                    outgoing: row.int("outgoing")?,
                })
            })
            .collect()
    }

    /// How many jobs wait that concern the chats of a device.
    pub(crate) async fn count_jobs_of(&mut self, id: DeviceId) -> Result<i64, Error> {
        let query =
            sqlx::query("select count(*) as number from jobs where lane like $1 or lane like $2 or lane like $3")
                .bind(format!("in:{id}/%"))
                .bind(format!("out:{id}/%"))
                .bind(format!("send:{id}/%"));
        self.number(query).await
    }

    /// Removes a device; whether it was there. Its portals stay for the day its number is linked again.
    pub(crate) async fn remove_device(&mut self, id: DeviceId) -> Result<bool, Error> {
        Ok(self
            .execute(sqlx::query("update devices set removed = 1 where id = $1 and removed = 0").bind(id.to_string()))
            .await?
            == 1)
    }
}
