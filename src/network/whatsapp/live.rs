//! The live devices: which sessions run, started and stopped one at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{super::Error, Shared, history, keys::Keys, link::Link, session::Session, unreachable};
use crate::model::DeviceId;

/// The sessions that run.
#[derive(Debug, Default)]
pub(super) struct Live {
    sessions: Mutex<HashMap<DeviceId, Arc<Session>>>,
    /// Starting and stopping take time; two callers must not both start one device.
    turns: Mutex<HashMap<DeviceId, Arc<Turn>>>,
    /// Sessions of attempts to link, which own them.
    linkings: Mutex<HashMap<DeviceId, Weak<Session>>>,
}

type Turn = tokio::sync::Mutex<()>;

impl Live {
    fn sessions(&self) -> MutexGuard<'_, HashMap<DeviceId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, device: DeviceId) -> Option<Arc<Session>> {
        self.sessions().get(&device).cloned()
    }

    fn take(&self, device: DeviceId) -> Option<Arc<Session>> {
        self.sessions().remove(&device)
    }

    async fn turn(&self, device: DeviceId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Turns that nobody waits for are made anew when they are needed.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(device).or_default())
        };
        turn.lock_owned().await
    }

    /// The session of an attempt to link that runs.
    pub(super) fn linking(&self, device: DeviceId) -> Option<Arc<Session>> {
        let linkings = self.linkings.lock().unwrap_or_else(PoisonError::into_inner);
        linkings.get(&device)?.upgrade()
    }

    /// Remembers the session of an attempt for as long as the attempt lives.
    pub(super) fn begins_linking(&self, device: DeviceId, session: &Arc<Session>) {
        let mut linkings = self.linkings.lock().unwrap_or_else(PoisonError::into_inner);
        linkings.retain(|_, session| session.strong_count() > 0);
        linkings.insert(device, Arc::downgrade(session));
    }

    /// A session that runs already becomes the device's.
    pub(super) fn insert(&self, device: DeviceId, session: Arc<Session>) {
        self.sessions().insert(device, session);
    }

    /// The session of a device that may be sent with.
    ///
    /// # Errors
    /// `NotLinked` without a session, `Unreachable` when there is one that does not run (yet).
    pub(super) async fn session(&self, shared: &Shared, device: DeviceId) -> Result<Arc<Session>, Error> {
        match self.find(device) {
            Some(session) if matches!(session.link(), Link::Ended(_)) => Err(Error::NotLinked),
            Some(session) => Ok(session),
            None if is_linked(shared, device).await? => Err(Error::Unreachable("the device is not connected".into())),
            None => Err(Error::NotLinked),
        }
    }

    /// Brings a device to life, or tells how it stands when it lives already.
    pub(super) async fn connect(&self, shared: &Arc<Shared>, device: DeviceId) -> Result<(), Error> {
        let _turn = self.turn(device).await;
        if let Some(session) = self.find(device) {
            if !matches!(session.link(), Link::Ended(_)) {
                session.open();
                session.announce();
                return Ok(());
            }
            self.take(device);
        }
        if !is_linked(shared, device).await? {
            return Err(Error::NotLinked);
        }
        let (session, events) = Session::start(shared, device, None, true).await?;
        session.announce();
        session.follow(events);
        self.insert(device, session);
        history::tell_again(shared, device).await;
        Ok(())
    }

    /// Stops a device.
    pub(super) async fn disconnect(&self, device: DeviceId) {
        let _turn = self.turn(device).await;
        if let Some(session) = self.take(device) {
            session.stop().await;
        }
    }

    /// Ends a device for good.
    pub(super) async fn unlink(&self, shared: &Arc<Shared>, device: DeviceId) -> Result<(), Error> {
        // After a restart nobody brought a removed device to life: it must speak once more to say goodbye.
        match self.connect(shared, device).await {
            Ok(()) | Err(Error::NotLinked) => {}
            Err(error) => tracing::info!(%error, "a session is forgotten without a word to the network"),
        }
        let _turn = self.turn(device).await;
        if let Some(session) = self.take(device) {
            fail::fail_point!("whatsapp.logout.before");
            session.log_out(shared.config.connect_timeout()).await;
            fail::fail_point!("whatsapp.logout.after");
        }
        shared.keyring.forget(device).await.map_err(unreachable)
    }
}

async fn is_linked(shared: &Shared, device: DeviceId) -> Result<bool, Error> {
    Keys::new(shared.keyring.clone(), device, shared.clock.clone())
        .is_linked()
        .await
        .map_err(unreachable)
}
