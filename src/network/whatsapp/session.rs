//! One live device: the library's client, its events in order, and what we know of its link.
//!
//! Made by `linking` or by `connect`, kept by `WhatsApp`. The library makes a lost connection again by itself, slower
//! each time; it gives up when the server says that the session is over, and so do we. Deliberately not here: the way
//! messages come in (`delivery`) and how they are read and written.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::timeout,
};
use whatsapp_rust::{
    Client, Jid,
    bot::BotHandle,
    pair_code::PairCodeOptions,
    prelude::{Event, EventHandler, EventInterest},
    wacore::types::{
        events::{ChatPresenceUpdate, LazyHistorySync, PresenceUpdate},
        presence::{ChatPresence, ChatPresenceMedia},
    },
};

use super::{
    super::Error,
    Shared,
    acks::Acks,
    calls::{self, Calls},
    channel_counts::{self, Counts},
    channel_facts, client, deletions,
    delivery::{Delivery, Hook},
    directory::is_own,
    forgotten, group_news, history,
    ids::Spelling,
    interest::EVENTS,
    keys::Keys,
    link::{Link, instead_of, link_after},
    media::Limits,
    phone::Phone,
    receipts, said, settings, strays,
    strays::Strays,
};
use crate::{
    model::{DeviceId, LinkSignal, LogoutReason, News, Sender, Timestamp, Typing},
    store::keyring,
};

/// How long an orderly stop may take before it is cut short.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The events of a session, in order.
pub(super) type Events = mpsc::UnboundedReceiver<Arc<Event>>;

/// A live device.
pub(super) struct Session {
    device: DeviceId,
    shared: Arc<Shared>,
    client: Arc<Client>,
    acks: Acks,
    delivery: Arc<Delivery>,
    link: watch::Sender<Link>,
    phone: Phone,
    calls: Calls,
    counts: Counts,
    limits: Limits,
    /// The library's task; dropping it ends it.
    running: Mutex<Option<BotHandle>>,
    /// Our task that follows the events.
    following: Mutex<Option<AbortHandle>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("device", &self.device)
            .field("link", &*self.link.borrow())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Starts the library for a device. `code_for` asks for a pairing code for that number; `known` says whether the
    /// house knows the device already.
    ///
    /// # Errors
    /// `Unreachable` when the stored keys cannot be read.
    pub(super) async fn start(
        shared: &Arc<Shared>,
        device: DeviceId,
        code_for: Option<String>,
        known: bool,
    ) -> Result<(Arc<Self>, Events), Error> {
        let keys = Keys::new(shared.keyring.clone(), device, shared.clock.clone());
        let resend = keys.resend().clone();
        let delivery = Delivery::new(Arc::clone(shared), device, known, resend.clone());
        let mut builder = client::builder(&shared.config, keys)?
            .with_inbound_durability_hook(Hook(Arc::clone(&delivery)))
            .with_enc_handler(strays::KIND, Strays(Arc::clone(&delivery)));
        if let Some(phone_number) = code_for {
            builder = builder.with_pair_code(PairCodeOptions {
                phone_number,
                ..PairCodeOptions::default()
            });
        }
        let bot = builder
            .build()
            .await
            .map_err(|error| Error::Unreachable(Box::new(error)))?;
        let (sender, events) = mpsc::unbounded_channel();
        let acks = Acks::default();
        let client = bot.client();
        resend.with(&client);
        client
            .subscribe_handler(Arc::new(Listener {
                acks: acks.clone(),
                events: sender,
            }))
            .detach();
        let session = Arc::new(Self {
            device,
            shared: Arc::clone(shared),
            client,
            acks,
            delivery,
            link: watch::Sender::new(Link::Trying),
            phone: Phone::default(),
            calls: Calls::default(),
            counts: Counts::default(),
            limits: Limits::default(),
            running: Mutex::new(Some(bot.spawn())),
            following: Mutex::default(),
        });
        Ok((session, events))
    }

    /// Which device.
    pub(super) fn device(&self) -> DeviceId {
        self.device
    }

    /// The library's client.
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// How large files may be.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Answers of the server to what is sent.
    pub(super) fn acks(&self) -> &Acks {
        &self.acks
    }

    /// What is counted in channels.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Hands over what does not come again.
    pub(super) async fn deliver(&self, event: crate::model::Event) {
        self.delivery.deliver_event(event).await;
    }

    /// How it stands now.
    pub(super) fn link(&self) -> Link {
        *self.link.borrow()
    }

    /// The device was linked just now and is connected.
    pub(super) fn was_linked(&self) {
        self.link.send_replace(Link::Connected);
        self.limits.ask(self.device, &self.client);
    }

    /// The house knows the device: its messages can be taken from now on, also those that came a moment too early.
    pub(super) fn open(&self) {
        let missed = self.delivery.open();
        let delivery = Arc::clone(&self.delivery);
        tokio::spawn(async move { delivery.deliver_settings().await });
        if missed {
            let client = Arc::clone(&self.client);
            tokio::spawn(async move { client.reconnect_immediately().await });
        }
    }

    /// Tells the house how the link stands.
    pub(super) fn announce(&self) {
        let signal = match self.link() {
            Link::Trying => LinkSignal::Lost(self.shared.clock.now()),
            Link::Connected => LinkSignal::Connected,
            Link::Ended(reason) => LinkSignal::Ended(reason),
        };
        self.shared.intake.news(News::Link {
            device: self.device,
            signal,
        });
    }

    /// Waits until messages can be sent.
    ///
    /// # Errors
    /// `NotLinked` when the session is over, `Unreachable` when it takes too long.
    pub(super) async fn ready(&self, patience: Duration) -> Result<(), Error> {
        if let Link::Ended(_) = self.link() {
            return Err(Error::NotLinked);
        }
        let mut link = self.link.subscribe();
        let ended = link.wait_for(|link| matches!(link, Link::Ended(_)));
        tokio::select! {
            ready = self.client.wait_for_connected(patience) => ready.map_err(|error| Error::Unreachable(Box::new(error))),
            _ = ended => Err(Error::NotLinked),
        }
    }

    /// Follows the events from now on.
    pub(super) fn follow(self: &Arc<Self>, mut events: Events) {
        // Weak: the events end when the client goes, and the client must not live because its events are awaited.
        let session = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let Some(session) = Weak::upgrade(&session) else { break };
                session.handle(&event).await;
                if matches!(session.link(), Link::Ended(_)) {
                    break;
                }
            }
        });
        let mut following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        *following = Some(task.abort_handle());
    }

    /// Stops in an orderly way: what was taken is acknowledged, what was learned is stored. The session stays linked.
    pub(super) async fn stop(&self) {
        let following = self.following.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = following {
            task.abort();
        }
        self.stop_library().await;
    }

    /// Tells the server that this device is no more, as far as it can be told, and stops.
    pub(super) async fn log_out(&self, patience: Duration) {
        let following = self.following.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = following {
            task.abort();
        }
        if self.ready(patience).await.is_ok() && timeout(STOP_DEADLINE, self.client.logout()).await.is_err() {
            tracing::warn!(device.id = %self.device, "the server did not confirm that the device is gone");
        }
        self.stop_library().await;
    }

    async fn stop_library(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running
            && timeout(STOP_DEADLINE, running.shutdown()).await.is_err()
        {
            tracing::warn!(device.id = %self.device, "the session did not stop in time and was cut off");
        }
    }

    async fn handle(self: &Arc<Self>, event: &Event) {
        let at = self.shared.clock.now();
        if self.phone.shows_itself(event, at) {
            self.shared.intake.news(News::PhoneSeen {
                device: self.device,
                at,
            });
        }
        match event {
            Event::Messages(batch) if !batch.hook_committed => {
                self.delivery
                    .deliver_unacknowledged(&self.client, &batch.messages)
                    .await;
            }
            Event::UndecryptableMessage(missing) => {
                if let Some(content) = instead_of(missing) {
                    self.delivery.deliver_placeholder(&missing.info, content).await;
                }
            }
            Event::HistorySync(part) => self.keep(part).await,
            Event::DeleteMessageForMeUpdate(update) => match forgotten::read(&self.shared, self.device, update).await {
                Ok(Some(event)) => self.delivery.deliver_event(event).await,
                Ok(None) => {}
                Err(error) => tracing::warn!(device.id = %self.device, %error, "a deletion could not be read"),
            },
            Event::ChatPresence(presence) => self.typing(presence).await,
            call if calls::is_call(call) => match calls::read(&self.shared, &self.calls, self.device, call).await {
                Ok(events) => {
                    for event in events {
                        self.delivery.deliver_event(event).await;
                    }
                }
                Err(error) => tracing::warn!(device.id = %self.device, %error, "a caller could not be looked up"),
            },
            Event::Receipt(receipt) => match receipts::read((&self.shared, &self.client), self.device, receipt).await {
                Ok(Some(news)) => self.shared.intake.news(news),
                Ok(None) => {}
                Err(error) => tracing::debug!(device.id = %self.device, %error, "a receipt could not be read"),
            },
            Event::GroupUpdate(update) => {
                let read = group_news::read(&self.shared, &self.client, self.device, update).await;
                self.tell(read).await;
            }
            Event::PictureUpdate(update) => {
                self.changed(&update.jid).await;
                let read = group_news::read_picture(&self.shared, &self.client, self.device, update).await;
                self.tell(read).await;
            }
            Event::Presence(presence) => self.presence(presence).await,
            Event::ContactUpdated(update) => self.changed(&update.jid).await,
            Event::BusinessStatusUpdate(update) => self.changed(&update.jid).await,
            Event::MuteUpdate(_)
            | Event::PinUpdate(_)
            | Event::ArchiveUpdate(_)
            | Event::MarkChatAsReadUpdate(_)
            | Event::ContactUpdate(_) => self.set(event).await,
            Event::MexNotification(told) => {
                if let Some(event) = channel_facts::news(self.device, told, at) {
                    self.delivery.deliver_event(event).await;
                }
            }
            Event::NewsletterLiveUpdate(update) => channel_counts::changed(self, &update.newsletter_jid),
            Event::DeleteChatUpdate(update) => {
                let read = deletions::read(&self.shared, self.device, update).await;
                self.tell(read).await;
            }
            Event::ClearChatUpdate(update) => {
                let read = deletions::read_clearing(&self.shared, self.device, update).await;
                self.tell(read).await;
            }
            event => {
                if let Some(link) = link_after(event) {
                    self.moved_to(link).await;
                }
            }
        }
    }

    /// Takes what another device of the owner has set; before this one is linked it is kept until then.
    pub(super) async fn set(&self, event: &Event) {
        match settings::read(&self.shared, self.device, event).await {
            Ok(Some(event)) => self.delivery.deliver_setting(event).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(device.id = %self.device, %error, "a setting could not be read"),
        }
    }

    /// Hands over what the library told outside of messages.
    async fn tell(&self, read: Result<Option<crate::model::Event>, keyring::Error>) {
        match read {
            Ok(Some(event)) => self.delivery.deliver_event(event).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(device.id = %self.device, %error, "a person could not be looked up"),
        }
    }

    /// Keeps a part of the time before.
    pub(super) async fn keep(&self, part: &LazyHistorySync) {
        if history::take(&self.shared, self.device, part).await {
            self.delivery.awaited().kept();
        }
    }

    async fn moved_to(&self, link: Link) {
        let before = self.link.send_replace(link);
        if link == Link::Connected && before != link {
            self.delivery.ask_for_left_over();
            self.limits.ask(self.device, &self.client);
        }
        if link != Link::Connected {
            self.acks.lost();
            self.limits.forget();
        }
        if let Link::Ended(reason) = link {
            tracing::info!(device.id = %self.device, ?reason, "the session ended");
            self.stop_library().await;
            if reason == LogoutReason::Unlinked
                && let Err(error) = self.shared.keyring.forget(self.device).await
            {
                tracing::warn!(device.id = %self.device, %error, "the keys of an unlinked device are still stored");
            }
        }
        // Told last: whoever hears that it is over may begin anew at once.
        if before != link {
            self.announce();
        }
    }

    /// Somebody looks different now.
    async fn changed(&self, jid: &Jid) {
        let Some(spelling) = Spelling::of(jid, None) else {
            return;
        };
        match self.shared.people.contact(&spelling).await {
            Ok(contact) => self.shared.intake.news(News::Changed {
                device: self.device,
                contact,
            }),
            Err(error) => tracing::debug!(device.id = %self.device, %error, "who changed could not be looked up"),
        }
    }

    /// Somebody came or went.
    async fn presence(&self, presence: &PresenceUpdate) {
        let Some(spelling) = Spelling::of(&presence.from, None) else {
            return;
        };
        match self.shared.people.contact(&spelling).await {
            Ok(contact) => self.shared.intake.news(News::Presence {
                device: self.device,
                contact,
                online: !presence.unavailable,
                last_seen: presence
                    .last_seen
                    .map(|at| Timestamp::from_millis(at.timestamp_millis())),
            }),
            Err(error) => tracing::debug!(device.id = %self.device, %error, "who came could not be looked up"),
        }
    }

    async fn typing(&self, presence: &ChatPresenceUpdate) {
        let is_own = is_own(&self.client, &presence.source.sender);
        if is_own && !presence.source.is_group {
            // To whom the owner writes on another device is not told: only from where.
            return;
        }
        match said::typing_in(&self.shared, &presence.source).await {
            Ok(Some((chat, sender))) => {
                let sender = if is_own { Sender::Owner } else { sender };
                let typing = match (&presence.state, &presence.media) {
                    (ChatPresence::Composing, ChatPresenceMedia::Audio) => Typing::Recording,
                    (ChatPresence::Composing, _) => Typing::Writing,
                    (ChatPresence::Paused, _) => Typing::Stopped,
                };
                self.shared.intake.news(News::Typing {
                    device: self.device,
                    chat,
                    sender,
                    typing,
                });
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(device.id = %self.device, %error, "who types could not be looked up"),
        }
    }
}

/// Receives the library's events on its own task: must not wait.
struct Listener {
    acks: Acks,
    events: mpsc::UnboundedSender<Arc<Event>>,
}

impl EventHandler for Listener {
    fn handle_event(&self, event: Arc<Event>) {
        match &*event {
            Event::ServerAck(ack) => {
                // Other stanzas are acknowledged too, under ids of their own.
                if ack.class.as_deref().is_none_or(|class| class == "message") {
                    self.acks.answered(&ack.id, &ack.error);
                }
            }
            _ => {
                // Nobody follows any more: the session is being stopped.
                let _ = self.events.send(event);
            }
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&EVENTS)
    }
}
