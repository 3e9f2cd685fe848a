//! From a decrypted message to the intake, without losing one.
//!
//! What the library does with a message (`whatsapp-rust` 0.7.0: `message/receive.rs`, `message/commit_batch.rs`,
//! `signal_flush.rs`, `message/durability.rs`), and why a process that dies between any two lines loses nothing:
//!
//! 1. It decrypts: the ratchet moves on in memory only.
//! 2. `store_pending_inbound`: the plain message is on disk (our keyring is durable when a method returns).
//! 3. While the backlog of an offline time is drained, the sessions are flushed now; live, the flush follows within
//!    25 ms, bundled with others (`SIGNAL_FLUSH_WINDOW`).
//! 4. The hook below runs: `intake.accept` commits the events.
//! 5. `delete_pending_inbound`, then the acknowledgement to the server, then the `Messages` event.
//!
//! The server delivers again what was not acknowledged. Dead before 3: the session on disk is the old one, the message
//! decrypts again. Dead after 3: it is a `DuplicatedMessage`, the library asks `get_pending_inbound` and runs the hook
//! with what it finds. Dead after 4: the hook runs once more, and the bridge drops what it knows by its id. A hook that
//! failed keeps the row, so the same holds for it after the next connect, which we hasten.
//!
//! One gap is the library's: live, the flush of an *earlier* message may write the session that a later message has
//! moved on between that one's 1 and 2. Dead exactly there, the second delivery is a duplicate without a row, which
//! the library would acknowledge. `keys::pending` knows what was committed, so it notices, does not let it be
//! acknowledged, and has its sender send it again.
//!
//! Messages of newsletters, and those the phone was asked for because the server had lost them, do not pass the hook;
//! they come as events (`Session`) and are delivered from there as soon as they arrive.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fail::fail_point;
use whatsapp_rust::{
    Client, InboundDurabilityHook,
    buffa::Message as _,
    prelude::InboundMessage,
    wacore::types::message::{EditAttribute, MessageCategory, MessageInfo},
    wacore_binary::JidExt as _,
    waproto::whatsapp as wa,
};

use super::{
    super::IntakeClosed,
    Shared, answers, directory, envelopes,
    history::{self, Awaited},
    ids, incoming,
    keys::{Keys, Resend},
    said::{self, Said},
    status, waiting,
};
use crate::{
    model::{Action, ChatKind, Content, DeviceId, Event, MessageId, MessageRef, Say, Timestamp},
    store::keyring,
};

/// Pauses between attempts to hand events over, while the message's chat waits.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];
/// Then the server is asked to deliver again: the connection is made anew after this.
const RECONNECT_PAUSE: Duration = Duration::from_secs(3);

/// Hands the messages of one device to the intake.
#[derive(Debug)]
pub(super) struct Delivery {
    shared: Arc<Shared>,
    device: DeviceId,
    /// Whether the house knows the device. Until it does (a phone has accepted it a moment ago) nobody could take
    /// its messages.
    open: AtomicBool,
    /// Whether a message was turned away meanwhile.
    missed: AtomicBool,
    /// What other devices of the owner said of chats and people meanwhile, which nobody says again.
    settings: Mutex<Vec<Event>>,
    /// Whether a reconnect for the sake of turned-away messages is on its way.
    reconnecting: Arc<AtomicBool>,
    /// Parts of the time before that were announced.
    awaited: Arc<Awaited>,
    /// Asks for what was lost.
    resend: Resend,
    /// Whether what a predecessor had waited for was asked for.
    asked: AtomicBool,
}

impl Delivery {
    /// For `device`; closed until [`Delivery::open`] when it is only being linked.
    pub(super) fn new(shared: Arc<Shared>, device: DeviceId, open: bool, resend: Resend) -> Arc<Self> {
        Arc::new(Self {
            shared,
            device,
            open: AtomicBool::new(open),
            missed: AtomicBool::default(),
            settings: Mutex::default(),
            reconnecting: Arc::default(),
            awaited: Arc::default(),
            resend,
            asked: AtomicBool::default(),
        })
    }

    /// Parts of the time before that were announced.
    pub(super) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// The connection stands: what a predecessor had waited for when it died is asked for, once.
    pub(super) fn ask_for_left_over(self: &Arc<Self>) {
        if self.asked.swap(true, Ordering::SeqCst) {
            return;
        }
        let delivery = Arc::clone(self);
        tokio::spawn(async move {
            history::ask_for_left_over(&delivery.shared, delivery.device, &delivery.resend).await;
        });
    }

    /// From now on messages are handed over; `true` when some were turned away before and must be asked for again.
    pub(super) fn open(&self) -> bool {
        self.open.store(true, Ordering::SeqCst);
        self.missed.swap(false, Ordering::SeqCst)
    }

    /// Hands over what another device of the owner has set, as soon as the house knows this one.
    pub(super) async fn deliver_setting(&self, event: Event) {
        self.settings().push(event);
        if self.open.load(Ordering::SeqCst) {
            self.deliver_settings().await;
        }
    }

    /// Hands over all that was set; tries until it is taken, because nobody says it again.
    pub(super) async fn deliver_settings(&self) {
        let events = std::mem::take(&mut *self.settings());
        let mut pauses = PAUSES.into_iter();
        while let Err(error) = self.accept(events.clone()).await {
            tracing::warn!(device.id = %self.device, %error, "settings could not be stored; trying again");
            tokio::time::sleep(pauses.next().unwrap_or(RECONNECT_PAUSE)).await;
        }
    }

    fn settings(&self) -> MutexGuard<'_, Vec<Event>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what did not pass the hook; tries until it is taken, because nobody delivers it again.
    pub(super) async fn deliver_unacknowledged(&self, client: &Arc<Client>, messages: &[InboundMessage]) {
        let mut pauses = PAUSES.into_iter();
        while let Err(error) = self.deliver(client, messages).await {
            tracing::warn!(device.id = %self.device, %error, "messages could not be stored; trying again");
            tokio::time::sleep(pauses.next().unwrap_or(RECONNECT_PAUSE)).await;
        }
    }

    /// Hands over what does not come again; tries until it is taken.
    pub(super) async fn deliver_event(&self, event: Event) {
        if !self.open.load(Ordering::SeqCst) {
            // Nobody could take it; the house looks at everything when it knows the device.
            return;
        }
        let mut pauses = PAUSES.into_iter();
        while let Err(error) = self.accept(vec![event.clone()]).await {
            tracing::warn!(device.id = %self.device, %error, "an event could not be stored; trying again");
            tokio::time::sleep(pauses.next().unwrap_or(RECONNECT_PAUSE)).await;
        }
    }

    /// Hands over what stands for a message that did not come.
    pub(super) async fn deliver_placeholder(&self, info: &MessageInfo, content: Content) {
        self.deliver_alone(info, Action::Say(Say::new(content))).await;
    }

    /// Hands over what the stanza alone tells.
    pub(super) async fn deliver_alone(&self, info: &MessageInfo, action: Action) {
        for info in &*said::to_each(info) {
            match self.place(info).await {
                Ok(Some(place)) => self.deliver_event(self.event(info, place, action.clone())).await,
                Ok(None) => {}
                Err(error) => tracing::warn!(device.id = %self.device, %error, "a person could not be looked up"),
            }
        }
    }

    async fn deliver(&self, client: &Arc<Client>, messages: &[InboundMessage]) -> Result<(), DeliveryError> {
        self.awaited
            .mark(&self.shared, self.device, (client, &self.resend), messages)
            .await?;
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            for info in &*said::to_each(&message.info) {
                events.extend(self.read(client, info, &message.message).await?);
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        if !self.open.load(Ordering::SeqCst) {
            self.missed.store(true, Ordering::SeqCst);
            return Err(DeliveryError::Closed);
        }
        Ok(self.accept(events).await?)
    }

    async fn accept(&self, events: Vec<Event>) -> Result<(), IntakeClosed> {
        fail_point!("whatsapp.accept.before", |_| Err(IntakeClosed("fail point".into())));
        self.shared.intake.accept(events).await?;
        fail_point!("whatsapp.accept.after", |_| Err(IntakeClosed("fail point".into())));
        Ok(())
    }

    /// What a message does, or nothing when it shows nothing.
    async fn read(
        &self,
        client: &Client,
        info: &MessageInfo,
        received: &wa::Message,
    ) -> Result<Option<Event>, keyring::Error> {
        if info.source.chat.is_newsletter() && info.edit == EditAttribute::AdminRevoke {
            let place = self.place(info).await?;
            return Ok(place.map(|place| {
                let target = itself(info, &place);
                self.event(info, place, Action::Delete { target })
            }));
        }
        let unsealed = self.unseal(client, info, received).await?;
        let (message, thread) = match &unsealed {
            Some(unsealed) => (&unsealed.message, unsealed.thread.as_ref()),
            None => (received, info.comment_target.as_ref()),
        };
        // Messages between the owner's devices about themselves are not for people.
        let named = if info.category == MessageCategory::Peer {
            None
        } else {
            incoming::named_in(message, thread)
        };
        let Some(named) = named else {
            tracing::debug!("a message that shows nothing");
            return Ok(None);
        };
        let Some(place) = self.place(info).await? else {
            return Ok(None);
        };
        let (shared, chat, keys) = (&self.shared, &place.chat, self.keys());
        answers::remember(&keys, chat, info, message).await?;
        let opened = answers::open(&keys, &shared.people, client, (chat, &info.source.sender, message)).await?;
        let sealed = match &unsealed {
            Some(_) => None,
            None => waiting::keep(&keys, &shared.people, client, (chat, around(info), message)).await?,
        };
        let people = directory::look_up(&shared.people, client, &named).await?;
        let action = incoming::read(
            message,
            &incoming::Scene {
                actor: place.sender.clone(),
                peer: place.peer.clone(),
                by_admin: info.edit == EditAttribute::AdminRevoke,
                thread,
                opened,
                sealed: sealed.as_deref(),
                people: &people,
            },
        );
        Ok(action.map(|mut action| {
            if let (Action::Say(say), ChatKind::Status) = (&mut action, place.chat_kind) {
                say.expires_in = Some(status::SHOWN_FOR);
            }
            if let (Action::Say(say), ChatKind::Channel, EditAttribute::AdminEdit | EditAttribute::MessageEdit) =
                (&action, place.chat_kind, &info.edit)
            {
                // Edited under its own id; each edit needs one of its own here.
                let edit = Action::Edit {
                    target: itself(info, &place),
                    content: say.content.clone(),
                };
                let seed = format!("{}/{}", info.id, STANDARD.encode(message.encode_to_vec()));
                return Event {
                    id: ids::message_id(&seed),
                    ..self.event(info, place, edit)
                };
            }
            let action = said::continued(info, &place, action);
            self.event(info, place, action)
        }))
    }

    /// What is in an envelope that the library left closed.
    async fn unseal(
        &self,
        client: &Client,
        info: &MessageInfo,
        received: &wa::Message,
    ) -> Result<Option<envelopes::Unsealed>, keyring::Error> {
        if !envelopes::is_one(received) {
            return Ok(None);
        }
        let Some(place) = self.place(info).await? else {
            return Ok(None);
        };
        let sealed = (&place.chat, around(info), received);
        envelopes::open(&self.keys(), &self.shared.people, client, sealed).await
    }

    fn keys(&self) -> Keys {
        Keys::new(self.shared.keyring.clone(), self.device, self.shared.clock.clone())
    }

    async fn place(&self, info: &MessageInfo) -> Result<Option<Said>, keyring::Error> {
        let said = Said::of(&self.shared.people, info).await?;
        if said.is_none() {
            tracing::warn!(device.id = %self.device, "a message from nobody");
        }
        Ok(said)
    }

    fn event(&self, info: &MessageInfo, said: Said, action: Action) -> Event {
        Event {
            device: self.device,
            chat: said.chat,
            chat_kind: said.chat_kind,
            id: MessageId::from_adapter(info.id.as_str()),
            sender: said.sender,
            sender_name: said.sender_name,
            at: Timestamp::from_millis(info.timestamp.timestamp_millis()),
            action,
        }
    }

    /// The server delivers again on the next connect only, so make one; at most one at a time.
    fn ask_again(&self, client: Arc<Client>) {
        if self.reconnecting.swap(true, Ordering::SeqCst) {
            return;
        }
        let reconnecting = Arc::clone(&self.reconnecting);
        tokio::spawn(async move {
            tokio::time::sleep(RECONNECT_PAUSE).await;
            reconnecting.store(false, Ordering::SeqCst);
            client.reconnect_immediately().await;
        });
    }
}

fn around(info: &MessageInfo) -> envelopes::Around<'_> {
    envelopes::Around {
        chat: &info.source.chat,
        sender: &info.source.sender,
    }
}

/// A message of a channel, which speaks under the ids of what it changes.
fn itself(info: &MessageInfo, place: &Said) -> MessageRef {
    MessageRef {
        id: MessageId::from_adapter(info.id.as_str()),
        sender: place.sender.clone(),
    }
}

#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("a person could not be looked up")]
    People(#[from] keyring::Error),
    #[error(transparent)]
    Intake(#[from] IntakeClosed),
    #[error("the device is only being linked")]
    Closed,
}

/// What the library calls, see the module.
pub(super) struct Hook(pub(super) Arc<Delivery>);

#[async_trait]
impl InboundDurabilityHook for Hook {
    async fn on_messages(&self, client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.0.deliver(&client, batch).await {
                Ok(()) => return Ok(()),
                // The house asks again by itself as soon as it knows the device.
                Err(DeliveryError::Closed) => return Err(DeliveryError::Closed.into()),
                Err(error) => error,
            };
            tracing::warn!(device.id = %self.0.device, %error, "messages could not be stored");
            let Some(pause) = pauses.next() else {
                self.0.ask_again(client);
                return Err(error.into());
            };
            tokio::time::sleep(pause).await;
        }
    }
}
