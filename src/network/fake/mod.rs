//! A scripted network in memory: what the tests of the bridge talk to. It keeps every promise of the port (the shared
//! suite in `network::contract` runs against it too) and nothing beyond.
//!
//! Here is what a test can say (`files` of files, `groups` of groups and pictures); `port` answers the port. Nothing was
//! before on it. Deliberately not here: decisions.

mod files;
mod groups;
mod port;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use super::{Error, Intake, IntakeClosed, LinkAnswer, LinkStep};
use crate::model::{
    Action, ChatId, ChatKind, ContactId, Content, DeviceId, Event, Group, LinkSignal, LogoutReason, MessageId, News,
    PortalKey, Quote, Say, Sender, Timestamp,
};

/// One call of [`Network::act`] that was taken.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Act {
    /// Where.
    pub(crate) portal: PortalKey,
    /// Under which id.
    pub(crate) id: MessageId,
    /// What.
    pub(crate) action: Action,
}

/// The scripted network.
pub(crate) struct Fake {
    intake: Arc<dyn Intake>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The next message's number, which is also its time in seconds.
    clock: i64,
    linked: HashMap<DeviceId, String>,
    live: HashSet<DeviceId>,
    attempts: Vec<(DeviceId, mpsc::UnboundedSender<LinkStep>)>,
    acts: Vec<Act>,
    refusals: VecDeque<Error>,
    lost_answers: usize,
    answers: Vec<LinkAnswer>,
    link_refusals: VecDeque<Error>,
    connect_refusals: VecDeque<Error>,
    strangers: HashSet<String>,
    names: HashMap<ContactId, String>,
    backlog: Vec<Event>,
    files: files::Files,
    groups: HashMap<(DeviceId, ChatId), Group>,
    pictures: HashMap<(DeviceId, ChatId), (String, Vec<u8>)>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

impl Fake {
    /// A network without devices that tells its news to `intake`.
    pub(crate) fn new(intake: Arc<dyn Intake>) -> Arc<Self> {
        Arc::new(Self {
            intake,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phone with this number accepts the newest open attempt; answers which device it was.
    pub(crate) fn links_with(&self, number: &str) -> Option<DeviceId> {
        let mut state = self.state();
        state.attempts.retain(|(_, steps)| !steps.is_closed());
        let (device, steps) = state.attempts.pop()?;
        state.linked.insert(device, number.to_owned());
        steps
            .send(LinkStep::Linked {
                number: number.to_owned(),
            })
            .ok();
        Some(device)
    }

    /// The code of the newest open attempt is replaced by `step`.
    pub(crate) fn shows(&self, step: LinkStep) {
        let mut state = self.state();
        state.attempts.retain(|(_, steps)| !steps.is_closed());
        let ends = matches!(step, LinkStep::Expired | LinkStep::Failed { .. });
        if let Some((_, steps)) = state.attempts.last() {
            steps.send(step).ok();
        }
        if ends {
            state.attempts.pop();
        }
    }

    /// What people answered to open attempts, in order.
    pub(crate) fn answers(&self) -> Vec<LinkAnswer> {
        self.state().answers.clone()
    }

    /// How many attempts to link are open.
    pub(crate) fn open_attempts(&self) -> usize {
        self.state()
            .attempts
            .iter()
            .filter(|(_, steps)| !steps.is_closed())
            .count()
    }

    /// A contact answers a message.
    ///
    /// # Errors
    /// As [`Fake::says`].
    pub(crate) async fn replies(
        &self,
        device: DeviceId,
        contact: &str,
        quote: Quote,
        text: &str,
    ) -> Result<MessageId, IntakeClosed> {
        let sender = Sender::Contact(ContactId::from_adapter(contact));
        let event = self.event(device, contact, sender, text, Some(quote));
        self.delivers_or_keeps(event).await
    }

    /// The owner writes to a contact with another device, such as the phone.
    ///
    /// # Errors
    /// As [`Fake::says`].
    pub(crate) async fn owner_says(
        &self,
        device: DeviceId,
        contact: &str,
        text: &str,
    ) -> Result<MessageId, IntakeClosed> {
        let event = self.event(device, contact, Sender::Owner, text, None);
        self.delivers_or_keeps(event).await
    }

    /// An event as [`Fake::says`] would deliver it.
    pub(crate) fn event(
        &self,
        device: DeviceId,
        contact: &str,
        sender: Sender,
        text: &str,
        reply_to: Option<Quote>,
    ) -> Event {
        let mut state = self.state();
        state.clock += 1;
        let sender_name = match &sender {
            Sender::Owner => None,
            Sender::Contact(contact) => state.names.get(contact).cloned(),
        };
        Event {
            device,
            chat: ChatId::from_adapter(contact),
            chat_kind: ChatKind::Direct,
            id: MessageId::from_adapter(format!("FAKE{:08}", state.clock)),
            sender,
            sender_name,
            at: Timestamp::from_secs(1_800_000_000 + state.clock),
            action: Action::Say(Say {
                reply_to,
                ..Say::new(Content::words(text))
            }),
        }
    }

    /// Something arrives or waits for the device, and comes again until the intake takes it.
    pub(crate) async fn brings(&self, event: Event) {
        while self.delivers_or_keeps(event.clone()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// The process ended and another one begins: the links are kept, nothing is connected.
    pub(crate) fn forgets_connections(&self) {
        self.state().live.clear();
    }

    async fn delivers_or_keeps(&self, event: Event) -> Result<MessageId, IntakeClosed> {
        let id = event.id.clone();
        if !self.state().live.contains(&event.device) {
            self.state().backlog.push(event);
            return Ok(id);
        }
        self.intake.accept(vec![event]).await.map(|()| id)
    }

    /// Everything that was done, in order, repeats included.
    pub(crate) fn acts(&self) -> Vec<Act> {
        self.state().acts.clone()
    }

    /// The next act fails this way and does nothing.
    pub(crate) fn refuses_next(&self, error: Error) {
        self.state().refusals.push_back(error);
    }

    /// The next device that is to come to life does not.
    pub(crate) fn refuses_next_connect(&self, error: Error) {
        self.state().connect_refusals.push_back(error);
    }

    /// The next act is done, but its answer is lost.
    pub(crate) fn loses_next_answer(&self) {
        self.state().lost_answers += 1;
    }

    /// The connection of a device breaks, and the network makes it again when [`Network::connect`] is called or
    /// [`Fake::returns`].
    pub(crate) fn loses(&self, device: DeviceId) {
        let now = {
            let mut state = self.state();
            state.live.remove(&device);
            state.clock += 1;
            Timestamp::from_secs(1_800_000_000 + state.clock)
        };
        self.intake.news(News::Link {
            device,
            signal: LinkSignal::Lost(now),
        });
    }

    /// A broken connection stands again.
    pub(crate) async fn returns(&self, device: DeviceId) {
        self.state().live.insert(device);
        self.intake.news(News::Link {
            device,
            signal: LinkSignal::Connected,
        });
        self.empties_backlog(device).await;
    }

    /// The session of a device ends from outside.
    pub(crate) fn ends(&self, device: DeviceId, reason: LogoutReason) {
        {
            let mut state = self.state();
            state.live.remove(&device);
            state.linked.remove(&device);
        }
        self.intake.news(News::Link {
            device,
            signal: LinkSignal::Ended(reason),
        });
    }

    async fn empties_backlog(&self, device: DeviceId) {
        loop {
            let next = {
                let state = self.state();
                state.backlog.iter().find(|event| event.device == device).cloned()
            };
            let Some(event) = next else { return };
            let id = event.id.clone();
            if self.intake.accept(vec![event]).await.is_err() {
                return;
            }
            self.state().backlog.retain(|event| event.id != id);
        }
    }
}
