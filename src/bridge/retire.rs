//! Taking away what nobody uses any more: a device that was deleted, an identity whose last token is gone.

use ruma::OwnedRoomId;

use super::{error::Failure, worker::Desk};
use crate::{
    model::{Device, DeviceId, Identity, IdentityId, IdentityKind},
    network,
};

/// Does a job of kind `unlink`.
pub(super) async fn device(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    unlink(desk, device).await?;
    desk.done().await
}

async fn unlink(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    match desk.bridge.network.unlink(device).await {
        Ok(()) | Err(network::Error::NotLinked) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What an identity leaves behind, unless it is in use: a token may have come since.
async fn unused(
    desk: &Desk<'_>,
    identity: IdentityId,
) -> Result<Option<(Identity, Vec<Device>, Vec<OwnedRoomId>)>, Failure> {
    let mut read = desk.bridge.store.read().await?;
    let Some(found) = read.find_identity(identity).await? else {
        return Ok(None);
    };
    if found.kind == IdentityKind::Real || found.is_host || read.count_tokens_of(identity).await? > 0 {
        return Ok(None);
    }
    let devices = read.list_devices(identity).await?;
    let mut rooms = Vec::new();
    for device in &devices {
        rooms.extend(read.find_device_space(device.id).await?);
        rooms.extend(
            read.list_portals(device.id)
                .await?
                .into_iter()
                .filter_map(|portal| portal.room),
        );
    }
    Ok(Some((found, devices, rooms)))
}

/// Does a job of kind `retire_identity`.
pub(super) async fn identity(desk: &Desk<'_>, identity: IdentityId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some((found, devices, rooms)) = unused(desk, identity).await? else {
        return desk.done().await;
    };
    let known = bridge.store.read().await?.is_account_ready(&found.user).await?;
    for device in &devices {
        unlink(desk, device.id).await?;
        bridge.links.forget(device.id);
    }
    if known {
        let actor = bridge.homeserver.as_user(&found.user);
        for room in &rooms {
            match actor.leave(room).await {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => tracing::info!(%error, "a retired identity was not in one of its rooms"),
            }
        }
    }
    let mut tx = bridge.store.begin().await?;
    tx.remove_identity(identity).await?;
    desk.finish(tx).await
}
