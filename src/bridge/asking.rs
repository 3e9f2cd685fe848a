//! Questions to the network for which somebody waits at a door: through which device, about which chat, and for how long.
//!
//! Called by the use cases of the REST door. Deliberately not here: what is asked.

use std::time::Duration;

use ruma::RoomId;
use tokio::time::timeout;

use super::{Error, Inner, reading};
use crate::{
    model::{Device, IdentityId, LinkState, Platform, PortalKey},
    network,
    store::Tx,
};

/// How long somebody waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A device as a request names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NamedDevice {
    /// Not at all: the first one of the identity.
    First,
    /// By its number on a network.
    Is(Platform, String),
}

/// The device that is meant.
pub(super) async fn device(tx: &mut Tx, identity: IdentityId, named: &NamedDevice) -> Result<Device, Error> {
    let device = match named {
        NamedDevice::Is(platform, number) => tx.find_device_by_number(identity, *platform, number).await?,
        NamedDevice::First => tx.list_devices(identity).await?.into_iter().next(),
    };
    device.ok_or(Error::NotFound("Device"))
}

/// The chat that is meant: by its room, which says of which device it is, or by its own name.
pub(super) async fn chat(
    tx: &mut Tx,
    identity: IdentityId,
    named: &NamedDevice,
    spelled: &str,
) -> Result<PortalKey, Error> {
    if *named != NamedDevice::First || !spelled.starts_with('!') {
        let device = device(tx, identity, named).await?;
        return reading::chat(tx, &device, spelled).await;
    }
    let no = || Error::NotFound("Chat");
    let room = RoomId::parse(spelled).map_err(|_| no())?;
    let portal = tx.find_portal_by_room(&room).await?.ok_or_else(no)?;
    match tx.find_device(portal.key.device).await? {
        Some(device) if device.identity == identity => Ok(portal.key),
        _ => Err(no()),
    }
}

/// Says at once that a device is logged out.
pub(super) fn must_be_linked(bridge: &Inner, device: &Device) -> Result<(), Error> {
    match bridge.link(device.id) {
        Some(LinkState::Unlinked | LinkState::LoggedOut { .. }) => Err(Error::NotLinked),
        _ => Ok(()),
    }
}

/// The answer of the network, when it comes in time.
pub(super) async fn in_time<T>(question: impl Future<Output = Result<T, network::Error>>) -> Result<T, Error> {
    match timeout(PATIENCE, question).await {
        Ok(Err(network::Error::Unreachable(cause))) => {
            tracing::info!(cause, "a question could not be asked");
            Err(Error::Offline)
        }
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::Offline),
    }
}
