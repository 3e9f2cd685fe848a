//! Linking a device: one attempt for each identity, followed by any number of listeners.
//!
//! An attempt lives in memory: it is worth something only while a person looks at the code. What it leads to, the
//! device, is stored before anybody hears of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fail::fail_point;
use futures_util::StreamExt as _;
use ruma::{OwnedRoomId, RoomId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Error, Inner, devices::LinkProgress};
use crate::{
    model::{Device, DeviceId, IdentityId, LinkSignal, LinkState, Platform, Timestamp},
    network::{self, LinkAnswer, LinkStep, Linking},
};

/// How long WhatsApp may take for the first code.
const FIRST_CODE: Duration = Duration::from_secs(30);

/// A code to type into the phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PairingCode {
    /// The code as people read it.
    pub(crate) code: String,
    /// When it is worth nothing any more.
    pub(crate) until: Timestamp,
}

/// The attempts that run, one for each identity.
#[derive(Debug, Default)]
pub(super) struct Linkings(Mutex<HashMap<IdentityId, Attempt>>);

/// An attempt that runs.
#[derive(Clone, Debug)]
struct Attempt {
    device: DeviceId,
    how: Linking,
    progress: watch::Sender<LinkProgress>,
    cancel: CancellationToken,
    /// Chats with the bot in which its steps are shown.
    rooms: Vec<OwnedRoomId>,
}

/// What became of the wish to link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// An attempt began.
    New,
    /// One runs already, in this way.
    Joined(Linking),
}

impl Linkings {
    fn attempts(&self) -> MutexGuard<'_, HashMap<IdentityId, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the attempt of an identity goes on.
    pub(super) fn follow(&self, identity: IdentityId) -> Option<watch::Receiver<LinkProgress>> {
        self.attempts()
            .get(&identity)
            .map(|attempt| attempt.progress.subscribe())
    }

    /// How the attempt of an identity goes on, for a chat in which it is not shown yet.
    pub(super) fn show_in(&self, identity: IdentityId, room: &RoomId) -> Option<watch::Receiver<LinkProgress>> {
        let mut attempts = self.attempts();
        let attempt = attempts.get_mut(&identity)?;
        if attempt.rooms.iter().any(|known| known == room) {
            return None;
        }
        attempt.rooms.push(room.to_owned());
        Some(attempt.progress.subscribe())
    }

    /// The attempt of an identity is not shown in this chat any more.
    pub(super) fn hide_in(&self, identity: IdentityId, room: &RoomId) {
        if let Some(attempt) = self.attempts().get_mut(&identity) {
            attempt.rooms.retain(|known| known != room);
        }
    }

    /// A new attempt, unless one runs.
    fn begin(&self, identity: IdentityId, how: &Linking) -> Result<Attempt, Linking> {
        let mut attempts = self.attempts();
        if let Some(running) = attempts
            .get(&identity)
            .filter(|attempt| !attempt.progress.borrow().is_last())
        {
            return Err(running.how.clone());
        }
        let attempt = Attempt {
            device: DeviceId::generate(),
            how: how.clone(),
            progress: watch::Sender::new(LinkProgress::Waiting),
            cancel: CancellationToken::new(),
            rooms: Vec::new(),
        };
        attempts.insert(identity, attempt.clone());
        Ok(attempt)
    }

    /// Ends the attempt of an identity and waits until it is over.
    pub(super) async fn cancel_and_wait(&self, identity: IdentityId) {
        let Some(mut progress) = self.follow(identity) else {
            return;
        };
        self.cancel(identity);
        // Without a last step its sender is gone, and that is over as well.
        let _ = progress.wait_for(LinkProgress::is_last).await;
    }

    /// Ends the attempt of an identity; whether one ran.
    pub(super) fn cancel(&self, identity: IdentityId) -> bool {
        let attempts = self.attempts();
        let Some(attempt) = attempts.get(&identity) else {
            return false;
        };
        attempt.cancel.cancel();
        true
    }

    /// The device that an identity is linking right now.
    pub(super) fn device(&self, identity: IdentityId) -> Option<DeviceId> {
        self.attempts().get(&identity).map(|attempt| attempt.device)
    }

    /// Tells everybody who follows an attempt that it is over.
    pub(super) fn stop(&self) {
        for (_, attempt) in self.attempts().drain() {
            attempt.progress.send_replace(LinkProgress::Stopped);
        }
    }

    /// Forgets an attempt that ended, so that the next listener hears that there is none.
    fn end(&self, identity: IdentityId, attempt: &Attempt) {
        let mut attempts = self.attempts();
        if attempts
            .get(&identity)
            .is_some_and(|known| known.device == attempt.device)
        {
            attempts.remove(&identity);
        }
    }
}

/// Begins to link a device, or keeps the attempt that runs.
pub(super) async fn start(bridge: &Arc<Inner>, identity: IdentityId, how: Linking) -> Result<Begun, Error> {
    if bridge.store.read().await?.find_identity(identity).await?.is_none() {
        return Err(Error::NotFound("Identity"));
    }
    let attempt = match bridge.linkings.begin(identity, &how) {
        Ok(attempt) => attempt,
        Err(running) => return Ok(Begun::Joined(running)),
    };
    let bridge = Arc::clone(bridge);
    bridge.tasks.clone().spawn(async move {
        let last = tokio::select! {
            last = follow(&bridge, identity, &attempt) => last,
            () = bridge.stop.cancelled() => LinkProgress::Stopped,
        };
        attempt.progress.send_replace(last);
        bridge.linkings.end(identity, &attempt);
    });
    Ok(Begun::New)
}

/// Gives the answer of a person to a question of the running attempt.
///
/// # Errors
/// `NotFound` when none runs, else what the network says.
pub(super) async fn answer(bridge: &Inner, identity: IdentityId, answer: LinkAnswer) -> Result<(), Error> {
    let none = || Error::NotFound("Linking attempt");
    let device = bridge.linkings.device(identity).ok_or_else(none)?;
    match bridge.network.answer(device, answer).await {
        Err(network::Error::NotFound(_)) => Err(none()),
        answered => Ok(answered?),
    }
}

/// Begins to link a device in this way; an attempt in another way ends, one in the same way goes on.
///
/// # Errors
/// `NotFound` when there is no such identity.
pub(super) async fn instead(bridge: &Arc<Inner>, identity: IdentityId, how: Linking) -> Result<(), Error> {
    if let Begun::Joined(running) = start(bridge, identity, how.clone()).await?
        && running != how
    {
        bridge.linkings.cancel_and_wait(identity).await;
        start(bridge, identity, how).await?;
    }
    Ok(())
}

/// Begins to link by a code that is typed into the phone with this number, and returns the code as soon as there is one.
///
/// # Errors
/// `NotFound` when there is no such identity, `Refused` when WhatsApp gives no code.
pub(super) async fn code(bridge: &Arc<Inner>, identity: IdentityId, number: String) -> Result<PairingCode, Error> {
    instead(bridge, identity, Linking::Code(number)).await?;
    let refused = |why: &str| Error::Refused(format!("No code: {why}"));
    let gone = || refused("the attempt ended");
    let mut progress = bridge.linkings.follow(identity).ok_or_else(gone)?;
    let shown = progress.wait_for(|step| !matches!(step, LinkProgress::Waiting));
    let Ok(step) = tokio::time::timeout(FIRST_CODE, shown).await else {
        bridge.linkings.cancel(identity);
        return Err(refused("WhatsApp did not answer in time"));
    };
    match &*step.map_err(|_| gone())? {
        LinkProgress::Code { code, until } => Ok(PairingCode {
            code: code.clone(),
            until: *until,
        }),
        LinkProgress::Failed(why) => Err(refused(why)),
        _ => Err(gone()),
    }
}

/// A line for the console of a browser, which answers WhatsApp's request for a passkey. Only a page of WhatsApp may ask a
/// browser for its passkeys.
pub(crate) fn passkey_line(request: &str) -> String {
    format!(
        "JSON.stringify((await navigator.credentials.get({{publicKey: \
         PublicKeyCredential.parseRequestOptionsFromJSON({request})}})).toJSON())"
    )
}

/// Passes the steps on until the last one, which it returns.
async fn follow(bridge: &Arc<Inner>, identity: IdentityId, attempt: &Attempt) -> LinkProgress {
    let device = attempt.device;
    super::links::moved(bridge, device, LinkSignal::Started).await;
    let last = steps(bridge, identity, attempt).await;
    if !matches!(last, LinkProgress::Linked(_)) {
        super::links::moved(bridge, device, LinkSignal::Abandoned).await;
        bridge.links.forget(device);
    }
    last
}

async fn steps(bridge: &Arc<Inner>, identity: IdentityId, attempt: &Attempt) -> LinkProgress {
    let begun = tokio::select! {
        begun = bridge.network.link(attempt.device, attempt.how.clone()) => begun,
        () = attempt.cancel.cancelled() => return LinkProgress::Cancelled,
    };
    let mut steps = match begun {
        Ok(steps) => steps,
        Err(error) => {
            tracing::warn!(%error, "linking could not begin");
            return LinkProgress::Failed("WhatsApp could not be asked. Try again later.".into());
        }
    };
    loop {
        // Only the waiting is cut off: what the phone accepted is stored whole.
        let step = tokio::select! {
            step = steps.next() => step,
            () = attempt.cancel.cancelled() => return LinkProgress::Cancelled,
        };
        let progress = match step {
            Some(LinkStep::Qr { code, .. }) => LinkProgress::Qr(code),
            Some(LinkStep::Code { code, valid_for }) => LinkProgress::Code {
                code,
                until: ends(bridge, valid_for),
            },
            Some(LinkStep::Passkey { request }) => LinkProgress::Passkey(request),
            Some(LinkStep::Compare { code }) => LinkProgress::Compare(code),
            Some(LinkStep::Linked { number }) => return accepted(bridge, identity, attempt.device, number).await,
            Some(LinkStep::Expired) => return LinkProgress::Expired,
            Some(LinkStep::Failed { reason }) => return LinkProgress::Failed(reason),
            None => return LinkProgress::Failed("The attempt ended without an answer. Try again.".into()),
        };
        attempt.progress.send_replace(progress);
    }
}

fn ends(bridge: &Inner, valid_for: Duration) -> Timestamp {
    let millis = i64::try_from(valid_for.as_millis()).unwrap_or_default();
    bridge.clock().now().plus_millis(millis)
}

async fn accepted(bridge: &Arc<Inner>, identity: IdentityId, device: DeviceId, number: String) -> LinkProgress {
    match linked(bridge, identity, device, &number).await {
        Ok(()) => LinkProgress::Linked(number),
        Err(error) => {
            tracing::error!(%error, "a linked device could not be stored");
            let found = async { Ok::<_, Error>(bridge.store.read().await?.find_device(device).await?) };
            match found.await {
                // The answer to the commit was lost.
                Ok(Some(_)) => {
                    come_to_life(bridge, device).await;
                    return LinkProgress::Linked(number);
                }
                // Nobody would ever find this session again.
                Ok(None) => {
                    if let Err(error) = bridge.network.unlink(device).await {
                        tracing::error!(%error, "its session could not be ended either");
                    }
                }
                // The next start looks again.
                Err(error) => tracing::error!(%error, "whether it was stored could not be seen"),
            }
            LinkProgress::Failed("The device could not be stored. Try again later.".into())
        }
    }
}

async fn linked(bridge: &Arc<Inner>, identity: IdentityId, id: DeviceId, number: &str) -> Result<(), Error> {
    let device = Device {
        id,
        identity,
        platform: Platform::WhatsApp,
        number: number.to_owned(),
        link: LinkState::Connected,
        linked_at: bridge.clock().now(),
    };
    let mut tx = bridge.store.begin().await?;
    let replaced = tx.insert_device(&device).await?;
    tx.change_link(id, &device.link).await?;
    if let Some(old) = replaced {
        let work = crate::model::Work::Unlink { device: old };
        tx.push_job(&crate::model::Lane::device(old), &work, bridge.clock().now())
            .await?;
        // Of its rooms it was told nothing that happened meanwhile.
        super::groups::push_compare(&mut tx, id, bridge.clock().now()).await?;
    }
    fail_point!("bridge.linked.before");
    tx.commit().await?;
    fail_point!("bridge.linked.after");
    if let Some(old) = replaced {
        bridge.links.forget(old);
    }
    come_to_life(bridge, id).await;
    Ok(())
}

/// Connects a device that was just stored. It is linked, whatever comes of that.
async fn come_to_life(bridge: &Arc<Inner>, id: DeviceId) {
    bridge.links.set(id, LinkState::Connected);
    if let Err(error) = bridge.network.connect(id).await {
        tracing::error!(%error, device.id = %id, "a device that was just linked could not be brought to life");
        super::links::moved(bridge, id, LinkSignal::Lost(bridge.clock().now())).await;
        return;
    }
    // The attempt was connected before anybody knew whose device it would be.
    let here = Arc::clone(bridge);
    bridge
        .tasks
        .spawn(async move { super::presence::connected(&here, id).await });
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Fake, quiet},
        *,
    };
    use crate::{
        model::IdentityKind,
        network::{self, Network as _},
        store::testing::World,
    };

    /// An attempt that shows its code.
    async fn linking(
        world: &World,
    ) -> (
        super::super::Bridge,
        Arc<Fake>,
        watch::Receiver<LinkProgress>,
        IdentityId,
    ) {
        let (bridge, network, _) = quiet(&world.store);
        let identity = world.owner("@wharf_owner:hs.test", IdentityKind::Registered).await;
        start(&bridge.0, identity.id, Linking::Qr).await.unwrap();
        let mut progress = bridge.0.linkings.follow(identity.id).unwrap();
        let is_shown = |step: &LinkProgress| matches!(step, LinkProgress::Qr(_));
        progress.wait_for(is_shown).await.unwrap();
        (bridge, network, progress, identity.id)
    }

    #[tokio::test]
    async fn a_device_that_is_stored_is_linked_though_it_does_not_come_to_life() {
        for world in [World::sqlite().await, World::postgres().await] {
            let (_bridge, network, mut progress, identity) = linking(&world).await;
            network.refuses_next_connect(network::Error::Unreachable("as the test wants".into()));
            let device = network.links_with("15550001111").unwrap();
            let last = progress.wait_for(LinkProgress::is_last).await.unwrap().clone();
            assert_eq!(last, LinkProgress::Linked("15550001111".into()));
            let devices = world.store.read().await.unwrap().list_devices(identity).await.unwrap();
            assert_eq!(devices.iter().map(|device| device.id).collect::<Vec<_>>(), [device]);
            network.connect(device).await.expect("its session stands");
        }
    }

    #[tokio::test]
    async fn a_device_that_could_not_be_stored_is_let_go_of() {
        for world in [World::sqlite().await, World::postgres().await] {
            let (_bridge, network, mut progress, identity) = linking(&world).await;
            let mut tx = world.store.begin().await.unwrap();
            tx.remove_identity(identity).await.unwrap();
            tx.commit().await.unwrap();
            let device = network.links_with("15550001111").unwrap();
            let last = progress.wait_for(LinkProgress::is_last).await.unwrap().clone();
            assert!(matches!(last, LinkProgress::Failed(_)), "{last:?}");
            let error = network.connect(device).await.unwrap_err();
            assert!(matches!(error, network::Error::NotLinked), "{error}");
        }
    }
}
