//! Who is there, for those who want to know (`bridge.presence`). Worth something now or never: nothing here is stored.
//!
//! WhatsApp tells presence only to who is present: while the owner or a member is active in Matrix the device appears
//! online and hears of the people of its direct chats; when they leave, what was shown is no longer sure and is taken
//! back with a word that says so. Homeservers let presence lapse that nobody renews, so it is renewed while it lasts.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ruma::{OwnedUserId, UserId};

use super::{Error, Inner};
use crate::{
    matrix::Present,
    model::{ContactId, DeviceId, PortalKey, Timestamp},
};

/// How often what is shown is renewed: Synapse lets it lapse after thirty seconds.
const RENEW: Duration = Duration::from_secs(20);
/// For how many people a device asks.
const WATCHED: usize = 100;
/// How many changes a device shows in a minute, and at once.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// What a ghost says of itself when we cannot know any more.
const UNSURE: &str = "not known right now";

/// Who is shown as present, and which devices appear online.
#[derive(Debug)]
pub(super) struct Presences {
    shown: Mutex<HashMap<OwnedUserId, DeviceId>>,
    online: Mutex<HashMap<DeviceId, bool>>,
    watched: Mutex<HashMap<DeviceId, usize>>,
    showing: DefaultKeyedRateLimiter<DeviceId>,
}

impl Default for Presences {
    fn default() -> Self {
        Self {
            shown: Mutex::default(),
            online: Mutex::default(),
            watched: Mutex::default(),
            showing: RateLimiter::keyed(Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE)),
        }
    }
}

impl Presences {
    fn shown(&self) -> MutexGuard<'_, HashMap<OwnedUserId, DeviceId>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a device may show one more change.
    fn may_show(&self, device: DeviceId) -> bool {
        self.showing.check_key(&device).is_ok()
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<DeviceId, usize>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a device may ask for one more person.
    fn may_watch(&self, device: DeviceId) -> bool {
        let mut watched = self.watched();
        let so_many = watched.entry(device).or_default();
        *so_many += 1;
        *so_many <= WATCHED
    }

    fn online(&self) -> MutexGuard<'_, HashMap<DeviceId, bool>> {
        self.online.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts to renew what is shown.
pub(super) fn start(bridge: &Arc<Inner>) {
    if !bridge.config.presence {
        return;
    }
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(RENEW) => {}
                () = bridge.stop.cancelled() => return,
            }
            let shown: Vec<_> = bridge.presences.shown().keys().cloned().collect();
            for user in shown {
                set(&bridge, &user, Present::Online, None).await;
            }
        }
    });
}

/// A contact came or went.
pub(super) async fn show(
    bridge: &Inner,
    device: DeviceId,
    contact: &ContactId,
    (online, last_seen): (bool, Option<Timestamp>),
) -> Result<(), Error> {
    if !bridge.config.presence {
        return Ok(());
    }
    let Some(ghost) = bridge.store.read().await?.find_ghost(contact).await? else {
        return Ok(());
    };
    if online {
        if !bridge.presences.may_show(device) {
            return Ok(());
        }
        bridge.presences.shown().insert(ghost.user.clone(), device);
        set(bridge, &ghost.user, Present::Online, None).await;
        return Ok(());
    }
    let was_shown = bridge.presences.shown().remove(&ghost.user).is_some();
    if was_shown || (last_seen.is_some() && bridge.presences.may_show(device)) {
        let said = last_seen.map(|at| format!("last seen {}", at.rfc3339()));
        set(bridge, &ghost.user, Present::Offline, said.as_deref()).await;
    }
    Ok(())
}

/// What a device told is no longer sure.
pub(super) async fn unsure(bridge: &Inner, device: DeviceId) {
    let stale: Vec<_> = {
        let mut shown = bridge.presences.shown();
        let stale = shown
            .iter()
            .filter(|(_, by)| **by == device)
            .map(|(user, _)| user.clone());
        let stale: Vec<_> = stale.collect();
        shown.retain(|_, by| *by != device);
        stale
    };
    for user in stale {
        set(bridge, &user, Present::Offline, Some(UNSURE)).await;
    }
}

async fn set(bridge: &Inner, user: &UserId, present: Present, said: Option<&str>) {
    if let Err(error) = bridge.homeserver.as_user(user).is_present(present, said).await {
        tracing::debug!(%error, "presence was not shown");
    }
}

/// Somebody came or went in Matrix: their devices appear so on the network.
pub(super) async fn tell(bridge: &Inner, user: &UserId, online: bool) {
    if !bridge.config.presence || bridge.homeserver.names().is_ours(user) {
        return;
    }
    let found = async {
        let mut read = bridge.store.read().await?;
        let mut devices = Vec::new();
        if let Some(identity) = read.find_identity_by_user(user).await? {
            devices.extend(read.list_devices(identity.id).await?);
        }
        Ok::<_, Error>(devices)
    };
    for device in found.await.unwrap_or_default() {
        if bridge.presences.online().insert(device.id, online) == Some(online) {
            continue;
        }
        if let Err(error) = appear(bridge, device.id, online).await {
            bridge.presences.online().remove(&device.id);
            tracing::debug!(%error, "presence was not told");
        }
    }
}

/// The connection of a device stands again. The library says by itself that the owner is there, and phones make no sound
/// while they are: said again as it is.
pub(super) async fn connected(bridge: &Inner, device: DeviceId) {
    let known = bridge.presences.online().get(&device).copied();
    let mut online = known.unwrap_or(false);
    // Homeservers tell changes only: who was there before we looked is asked for.
    if known.is_none()
        && bridge.config.presence
        && let Some(is_there) = is_there(bridge, device).await
    {
        online = *bridge.presences.online().entry(device).or_insert(is_there);
    }
    if let Err(error) = appear(bridge, device, online).await {
        bridge.presences.online().remove(&device);
        tracing::debug!(%error, "presence was not told");
    }
}

/// Whether the owner of a device is active in Matrix right now, when that can be known.
async fn is_there(bridge: &Inner, device: DeviceId) -> Option<bool> {
    let found = async { bridge.store.read().await?.find_owned_device(device).await };
    let (_, identity) = found.await.ok()??;
    if bridge.homeserver.names().is_ours(&identity.user) {
        return None;
    }
    let seen = bridge.homeserver.as_bot().sees_present(&identity.user).await;
    seen.inspect_err(|error| tracing::debug!(%error, "presence was not told"))
        .ok()
}

async fn appear(bridge: &Inner, device: DeviceId, online: bool) -> Result<(), Error> {
    bridge.network.appear(device, online).await?;
    if !online {
        unsure(bridge, device).await;
        return Ok(());
    }
    let portals = bridge.store.read().await?.list_portals(device).await?;
    let people = portals
        .iter()
        .filter_map(|portal| bridge.network.direct_contact(&portal.key.chat));
    bridge.presences.watched().remove(&device);
    for contact in people {
        if !bridge.presences.may_watch(device) {
            break;
        }
        bridge.network.watch(device, &contact).await?;
    }
    Ok(())
}

/// A chat that was not there when its owner came: they want to know of its person too.
pub(super) async fn watch(bridge: &Inner, key: &PortalKey) {
    if bridge.presences.online().get(&key.device) != Some(&true) {
        return;
    }
    if let Some(contact) = bridge.network.direct_contact(&key.chat)
        && bridge.presences.may_watch(key.device)
        && let Err(error) = bridge.network.watch(key.device, &contact).await
    {
        tracing::debug!(%error, "somebody's presence is not told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_a_device_with_many_contacts_shows_a_part_of_their_comings_and_goings() {
        let presences = Presences::default();
        let (busy, quiet) = (DeviceId::generate(), DeviceId::generate());
        let shown = (0..1000).filter(|_| presences.may_show(busy)).count();
        assert!((20..100).contains(&shown), "{shown} of 1000");
        assert!(presences.may_show(quiet), "devices do not wait for each other");
    }
}
