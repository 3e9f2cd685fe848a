//! How a device is doing: its link, when it was last heard, and what crossed lately.

use super::{Error, Inner};
use crate::{
    model::{Device, IdentityId, LinkState, Platform, Timestamp},
    store::Traffic,
};

/// How far back traffic is counted: a day, in milliseconds.
const A_DAY: i64 = 24 * 60 * 60 * 1000;

/// How a device is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DeviceReport {
    /// The device.
    pub(crate) device: Device,
    /// How its link stands right now.
    pub(crate) link: LinkState,
    /// When the network last told something of it.
    pub(crate) heard_at: Option<Timestamp>,
    /// The messages of each hour of the last day, hours without any left out.
    pub(crate) traffic: Vec<Traffic>,
    /// How many jobs of its chats wait.
    pub(crate) waiting: i64,
}

/// The report on one device.
pub(super) async fn device(
    bridge: &Inner,
    identity: IdentityId,
    platform: Platform,
    number: &str,
) -> Result<DeviceReport, Error> {
    let mut read = bridge.store.read().await?;
    let device = read
        .find_device_by_number(identity, platform, number)
        .await?
        .ok_or(Error::NotFound("Device"))?;
    let from = bridge.clock().now().plus_millis(-A_DAY);
    Ok(DeviceReport {
        link: bridge.link(device.id).unwrap_or_else(|| device.link.clone()),
        heard_at: read.last_heard(device.id).await?,
        traffic: read.list_traffic(device.id, from).await?,
        waiting: read.count_jobs_of(device.id).await?,
        device,
    })
}
