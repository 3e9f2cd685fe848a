//! Spaces of ours: the one of each device, and which rooms stand in which space.

use ruma::{OwnedRoomId, RoomId};

use super::{Error, Tx, types::Columns};
use crate::model::DeviceId;

impl Tx {
    /// The space that holds all rooms of a device.
    pub(crate) async fn find_device_space(&mut self, device: DeviceId) -> Result<Option<OwnedRoomId>, Error> {
        let query = sqlx::query("select * from device_spaces where device = $1").bind(device.to_string());
        let row = self.row(query).await?;
        row.as_ref()
            .map(|row| Columns::new(row, "device_spaces", "device").parsed("room"))
            .transpose()
    }

    /// Remembers that space.
    pub(crate) async fn set_device_space(&mut self, device: DeviceId, space: &RoomId) -> Result<(), Error> {
        let query = sqlx::query(
            "insert into device_spaces (device, room) values ($1, $2) \
             on conflict (device) do update set room = excluded.room",
        )
        .bind(device.to_string())
        .bind(space.as_str());
        self.execute(query).await.map(drop)
    }

    /// The spaces of ours in which a room stands.
    pub(crate) async fn list_spaces_with(&mut self, room: &RoomId) -> Result<Vec<OwnedRoomId>, Error> {
        let query = sqlx::query("select * from space_rooms where room = $1 order by space").bind(room.as_str());
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| Columns::new(row, "space_rooms", "space").parsed("space"))
            .collect()
    }

    /// Remembers whether a room stands in a space.
    pub(crate) async fn set_in_space(&mut self, space: &RoomId, room: &RoomId, stands: bool) -> Result<(), Error> {
        let statement = if stands {
            "insert into space_rooms (space, room) values ($1, $2) on conflict (space, room) do nothing"
        } else {
            "delete from space_rooms where space = $1 and room = $2"
        };
        let query = sqlx::query(statement).bind(space.as_str()).bind(room.as_str());
        self.execute(query).await.map(drop)
    }
}
