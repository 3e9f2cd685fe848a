//! The device itself: its keys, its number, its counters. One row.

use async_trait::async_trait;
use whatsapp_rust::wacore::store::{Device, error::Result, traits::DeviceStore};

use super::{Keys, failed, from_json, kind, to_json};

const ONLY: &str = "self";

impl Keys {
    /// Whether a phone has accepted this device, so that a session can be restored.
    pub(in super::super) async fn is_linked(&self) -> Result<bool> {
        Ok(self.load().await?.is_some_and(|device| device.pn.is_some()))
    }
}

#[async_trait]
impl DeviceStore for Keys {
    async fn save(&self, device: &Device) -> Result<()> {
        let bytes = to_json(device)?;
        self.keyring
            .put(self.device, kind::DEVICE, &[(ONLY, &bytes, None)])
            .await
            .map_err(failed)
    }

    async fn load(&self) -> Result<Option<Device>> {
        let bytes = self
            .keyring
            .get(self.device, kind::DEVICE, ONLY)
            .await
            .map_err(failed)?;
        bytes.map(|bytes| from_json(&bytes)).transpose()
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self
            .keyring
            .get(self.device, kind::DEVICE, ONLY)
            .await
            .map_err(failed)?
            .is_some())
    }

    /// The library numbers devices; ours have ids already, so there is only one under each.
    async fn create(&self) -> Result<i32> {
        if !self.exists().await? {
            self.save(&Device::new()).await?;
        }
        Ok(1)
    }
}
