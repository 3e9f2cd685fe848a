//! A live view of what crosses the bridge, for people who look right now. Nothing is kept: who does not look, or looks
//! too slowly, has missed it. What an application must know it learns by webhook.
//!
//! With several processes on one database each shows what itself does.

use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::model::{Device, DeviceId, IdentityId, Timestamp};

/// How much a slow looker may be behind.
const BEHIND: usize = 256;

/// How many may look at the same time.
const LOOKERS: usize = 100;

/// When to come back when there are too many.
const LATER: std::time::Duration = std::time::Duration::from_secs(30);

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Crossing {
    /// For whom alone it may be shown.
    pub(super) identity: IdentityId,
    /// When.
    pub(crate) at: Timestamp,
    /// The number of the device.
    pub(crate) device: String,
    /// What.
    pub(crate) what: What,
}

#[cfg(test)]
impl Crossing {
    /// Something that happened to some device, for tests of the doors.
    pub(crate) fn for_tests(at: Timestamp, what: What) -> Self {
        Self {
            identity: IdentityId::generate(),
            at,
            device: "15550001111".into(),
            what,
        }
    }
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// Something of the network was shown in Matrix.
    Incoming(Said),
    /// Something of Matrix or REST was taken by the network.
    Outgoing(Said),
    /// Something will never reach the network.
    NotSent {
        /// What it was.
        said: Said,
        /// Why.
        reason: String,
    },
    /// A delivery was tried.
    Delivery {
        /// Where it went.
        url: String,
        /// What went wrong; `None`: it was taken.
        error: Option<String>,
    },
    /// The link of the device changed.
    Link(&'static str),
}

/// What was said or done in a chat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Said {
    /// With whom: a name or a number.
    pub(crate) chat: Option<String>,
    /// The kind of action or message.
    pub(crate) kind: String,
    /// Our id of a message that REST accepted.
    pub(crate) id: Option<String>,
    /// The words.
    pub(crate) text: Option<String>,
}

/// Where crossings are told.
#[derive(Debug)]
pub(super) struct Live {
    told: broadcast::Sender<Crossing>,
    over: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            told: broadcast::Sender::new(BEHIND),
            over: CancellationToken::new(),
        }
    }
}

impl Live {
    /// Tells those who look. `what` is only asked for when anybody does.
    pub(super) fn tell(&self, device: &Device, at: Timestamp, what: impl FnOnce() -> What) {
        if self.told.receiver_count() == 0 {
            return;
        }
        let crossing = Crossing {
            identity: device.identity,
            at,
            device: device.number.clone(),
            what: what(),
        };
        // Whoever looked has just gone.
        let _ = self.told.send(crossing);
    }

    /// Whether anybody looks.
    pub(super) fn is_watched(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// Ends all views.
    pub(super) fn close(&self) {
        self.over.cancel();
    }

    /// Looks at what concerns one identity from now on.
    pub(super) fn watch(&self, identity: IdentityId) -> Result<View, Error> {
        if self.told.receiver_count() >= LOOKERS {
            return Err(Error::RateLimited(LATER));
        }
        Ok(View {
            identity,
            told: self.told.subscribe(),
            over: self.over.clone(),
        })
    }
}

/// What one who looks gets to see.
#[derive(Debug)]
pub(crate) struct View {
    identity: IdentityId,
    told: broadcast::Receiver<Crossing>,
    over: CancellationToken,
}

/// The next thing of a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sight {
    /// It happened.
    Crossing(Crossing),
    /// So much happened meanwhile that something was missed.
    Missed,
}

impl View {
    /// What happens next; `None` when we are shutting down.
    pub(crate) async fn next(&mut self) -> Option<Sight> {
        loop {
            let next = tokio::select! {
                next = self.told.recv() => next,
                () = self.over.cancelled() => return None,
            };
            match next {
                Ok(crossing) if crossing.identity == self.identity => return Some(Sight::Crossing(crossing)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(Sight::Missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// Tells of a device of which only the id is known, when anybody looks.
pub(super) async fn tell_of(bridge: &super::Inner, device: DeviceId, what: What) {
    if !bridge.live.is_watched() {
        return;
    }
    let found = async { bridge.store.read().await?.find_device(device).await };
    if let Ok(Some(device)) = found.await {
        bridge.live.tell(&device, bridge.clock().now(), || what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::device;

    #[tokio::test]
    async fn one_identity_sees_nothing_of_another() {
        let live = Live::default();
        let (mine, theirs) = (IdentityId::generate(), IdentityId::generate());
        let mut view = live.watch(mine).unwrap();
        let now = Timestamp::from_secs(2);
        live.tell(&device(theirs), now, || What::Link("connected"));
        live.tell(&device(mine), now, || What::Link("reconnecting"));
        let Some(Sight::Crossing(seen)) = view.next().await else {
            panic!("nothing")
        };
        assert_eq!((seen.identity, seen.what), (mine, What::Link("reconnecting")));
        live.close();
        assert_eq!(view.next().await, None);
    }

    #[tokio::test]
    async fn nothing_is_kept_for_those_who_come_later_and_the_slow_are_told() {
        let live = Live::default();
        let identity = IdentityId::generate();
        let device = device(identity);
        let now = Timestamp::from_secs(2);
        live.tell(&device, now, || panic!("nobody looks"));
        let mut view = live.watch(identity).unwrap();
        for _ in 0..=BEHIND {
            live.tell(&device, now, || What::Link("connected"));
        }
        assert_eq!(view.next().await, Some(Sight::Missed));
        assert!(matches!(view.next().await, Some(Sight::Crossing(_))));
    }

    #[tokio::test]
    async fn only_so_many_may_look() {
        let live = Live::default();
        let identity = IdentityId::generate();
        let views: Vec<_> = (0..LOOKERS).map(|_| live.watch(identity).unwrap()).collect();
        assert!(matches!(live.watch(identity), Err(Error::RateLimited(_))));
        drop(views);
        assert!(live.watch(identity).is_ok());
    }
}
