//! Every bridging decision: what of a network is shown in Matrix, what of Matrix or REST goes to a network, and who
//! hears about it. The doors call the methods of [`Bridge`]; the worker does the accepted jobs.
//!
//! Deliberately not here: HTTP, SQL, Matrix or WhatsApp wire formats. When a use case grows it moves into its own
//! file and stays here as one line.

mod abandon;
mod accounts;
mod asking;
mod chat_changes;
mod chat_marks;
mod chats;
mod commands;
mod config;
mod contacts;
mod deliveries;
mod devices;
mod error;
mod expiry;
mod faces;
mod forgetting;
mod ghosts;
mod group_links;
mod groups;
mod history;
mod incoming;
mod intake;
mod invites;
mod limits;
mod linking;
mod links;
mod live;
mod login;
mod media_links;
mod members;
mod message_fate;
mod messages;
mod moving;
mod new_chats;
mod news;
mod notify;
mod older;
mod outgoing;
mod pace;
mod pins;
mod portals;
mod presence;
mod reading;
mod reads;
mod recipients;
mod redact;
mod repair;
mod reports;
mod resources;
mod retention;
mod retire;
mod retry;
mod rooms;
mod sending;
mod standing;
#[cfg(test)]
pub(crate) mod testing;
mod timers;
mod typing;
mod voice;
mod votes;
mod watch;
mod webhooks;
mod worker;

use std::{sync::Arc, time::Instant};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use asking::NamedDevice;
pub(crate) use chat_changes::Wanted as WantedChat;
pub(crate) use chats::WholeChat;
pub(crate) use config::Config;
pub(crate) use contacts::{LookedUp, ReadContact, Resource};
pub(crate) use devices::LinkProgress;
pub(crate) use error::Error;
pub(crate) use group_links::InviteView;
pub(crate) use intake::Intake;
pub(crate) use linking::{PairingCode, passkey_line};
pub(crate) use live::{Crossing, Said, Sight, View, What};
pub(crate) use media_links::{MediaLink, MediaLinks};
pub(crate) use message_fate::{MessageFate, ReadReceipt};
pub(crate) use messages::{Idempotency, NewFile, NewMessage, Queued, Recipients};
pub(crate) use new_chats::{ChatWish, OpenedChat};
pub(crate) use reading::{Page, ReadChat, ReadMessage, Wanted};
pub(crate) use reports::DeviceReport;
pub(crate) use retry::Retried;
pub(crate) use watch::Readiness;
pub(crate) use webhooks::WebhookChange;

pub(crate) use crate::{
    matrix::FileStream,
    network::LinkAnswer,
    store::{DeliveryRecord, DeliveryState, Traffic},
};
use crate::{
    matrix::Homeserver,
    media::Workshop,
    model::{
        Clock, DeliveryId, Device, DeviceId, IdentityId, LinkState, Platform, ReadUpTo, RoomEvent, Webhook, WebhookId,
    },
    network::{Linking, Network},
    store::Store,
    webhook::Webhooks,
};
use ruma::{EventId, OwnedUserId, RoomId, UserId};

/// The bridge: all use cases, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bridge(Arc<Inner>);

/// What the bridge works with.
#[derive(Debug)]
struct Inner {
    config: Config,
    store: Store,
    homeserver: Homeserver,
    network: Arc<dyn Network>,
    webhooks: Webhooks,
    workshop: Workshop,
    media_links: MediaLinks,
    pace: pace::Pace,
    looks: faces::Looks,
    moods: typing::Moods,
    missed: groups::Missed,
    claims: groups::Claims,
    presences: presence::Presences,
    linkings: linking::Linkings,
    links: watch::Links,
    live: live::Live,
    started: Instant,
    opened: tokio::sync::Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The hands the bridge is given at birth.
#[derive(Debug)]
pub(crate) struct Hands {
    /// Memory.
    pub(crate) store: Store,
    /// The homeserver.
    pub(crate) homeserver: Homeserver,
    /// The messaging network.
    pub(crate) network: Arc<dyn Network>,
    /// The sender of deliveries.
    pub(crate) webhooks: Webhooks,
    /// Where media are looked at and converted.
    pub(crate) workshop: Workshop,
    /// Makes the addresses of files for receivers of webhooks.
    pub(crate) media_links: MediaLinks,
}

impl Bridge {
    /// A bridge that does nothing yet; `stop` ends its loops, `tasks` waits for them.
    pub(crate) fn new(config: Config, hands: Hands, stop: CancellationToken, tasks: TaskTracker) -> Self {
        let pace = pace::Pace::new(&config);
        Self(Arc::new(Inner {
            config,
            store: hands.store,
            homeserver: hands.homeserver,
            network: hands.network,
            webhooks: hands.webhooks,
            workshop: hands.workshop,
            media_links: hands.media_links,
            pace,
            looks: faces::looks(),
            moods: typing::Moods::default(),
            missed: groups::Missed::default(),
            claims: groups::Claims::default(),
            presences: presence::Presences::default(),
            linkings: linking::Linkings::default(),
            links: watch::Links::default(),
            live: live::Live::default(),
            started: Instant::now(),
            opened: tokio::sync::Notify::new(),
            stop,
            tasks,
        }))
    }

    /// Starts the loops: workers, news, repair, and every linked device. The doors must still be closed.
    ///
    /// # Errors
    /// The store could not be read.
    pub(crate) async fn start(&self, news: intake::Told) -> Result<(), Error> {
        // A predecessor that died left its locks behind. It is gone: the store is ours alone.
        self.0.store.release_all_locks().await?;
        devices::let_go_of_forsaken(&self.0).await?;
        retention::begin(&self.0).await?;
        worker::start(&self.0);
        news::start(&self.0, news);
        links::start(&self.0);
        repair::start(&self.0);
        accounts::start(&self.0);
        presence::start(&self.0);
        limits::start(&self.0);
        devices::connect_all(&self.0).await
    }

    /// Takes events of Matrix rooms for good: each one once, however often it is shown.
    ///
    /// # Errors
    /// Nothing was taken; it must be shown again.
    pub(crate) async fn accept(&self, events: Vec<RoomEvent>) -> Result<(), Error> {
        rooms::accept(&self.0, events).await
    }

    /// Takes read receipts for good: what the network does not know yet is told by jobs.
    ///
    /// # Errors
    /// Nothing was taken; they must be shown again.
    pub(crate) async fn read(&self, receipts: Vec<ReadUpTo>) -> Result<(), Error> {
        reads::accept(&self.0, receipts).await
    }

    /// Somebody types in a room. May be lost.
    pub(crate) async fn typing(&self, room: &RoomId, users: &[OwnedUserId]) {
        typing::tell(&self.0, room, users).await;
    }

    /// Somebody came or went in Matrix. May be lost.
    pub(crate) async fn presence(&self, user: &UserId, online: bool) {
        presence::tell(&self.0, user, online).await;
    }

    /// Whether a user of our namespace can exist; registers it first.
    ///
    /// # Errors
    /// `Unreachable` when the homeserver or the store does not answer.
    pub(crate) async fn user_exists(&self, user: &UserId) -> Result<bool, Error> {
        ghosts::exists(&self.0, user).await
    }

    /// Whether a user is one of ours: the bot, a ghost, a registered identity.
    pub(crate) fn is_ours(&self, user: &UserId) -> bool {
        self.0.homeserver.names().is_ours(user)
    }

    /// The devices of an identity, oldest first.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn list_devices(&self, identity: IdentityId) -> Result<Vec<Device>, Error> {
        devices::list(&self.0, identity).await
    }

    /// Begins to link a device, or keeps the attempt that runs.
    ///
    /// # Errors
    /// `NotFound` when the identity is gone, else what the network says.
    pub(crate) async fn start_linking(&self, identity: IdentityId) -> Result<(), Error> {
        linking::instead(&self.0, identity, Linking::Qr).await
    }

    /// Begins to link a device by a code that is typed into the phone with this number, in the place of an attempt by QR
    /// code.
    ///
    /// # Errors
    /// `NotFound`, `Refused` when WhatsApp gives no code.
    pub(crate) async fn pairing_code(&self, identity: IdentityId, number: String) -> Result<PairingCode, Error> {
        linking::code(&self.0, identity, number).await
    }

    /// Gives a person's answer to a question of the linking attempt of an identity.
    ///
    /// # Errors
    /// `NotFound` when none runs, `Refused` when the network does not take it.
    pub(crate) async fn answer_linking(&self, identity: IdentityId, answer: LinkAnswer) -> Result<(), Error> {
        linking::answer(&self.0, identity, answer).await
    }

    /// The linking attempt of an identity, if one runs or just ended.
    pub(crate) fn linking(&self, identity: IdentityId) -> Option<tokio::sync::watch::Receiver<LinkProgress>> {
        self.0.linkings.follow(identity)
    }

    /// Gives up the linking attempt of an identity, if one runs.
    pub(crate) async fn stop_linking(&self, identity: IdentityId) {
        self.0.linkings.cancel_and_wait(identity).await;
    }

    /// How a device is doing.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn device_report(
        &self,
        identity: IdentityId,
        platform: Platform,
        number: &str,
    ) -> Result<DeviceReport, Error> {
        reports::device(&self.0, identity, platform, number).await
    }

    /// What crosses the bridge for an identity, from now on.
    ///
    /// # Errors
    /// `RateLimited` when too many look.
    pub(crate) fn view(&self, identity: IdentityId) -> Result<View, Error> {
        self.0.live.watch(identity)
    }

    /// Deletes a device: gone at once for everybody, unlinked at the network by a job.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn remove_device(
        &self,
        identity: IdentityId,
        platform: Platform,
        number: &str,
    ) -> Result<(), Error> {
        devices::remove(&self.0, identity, platform, number).await
    }

    /// Accepts a message to one or more recipients.
    ///
    /// # Errors
    /// `NotFound` when the identity has no such device, `Taken` when an idempotency key was used for another request.
    pub(crate) async fn queue(&self, message: NewMessage) -> Result<Vec<Queued>, Error> {
        messages::queue(&self.0, message).await
    }

    /// A page of the chats of a device, the newest first.
    ///
    /// # Errors
    /// `NotFound` when the identity has no such device, `Invalid` when there is no such page.
    pub(crate) async fn list_chats(
        &self,
        identity: IdentityId,
        device: (Platform, &str),
        wanted: &Wanted,
    ) -> Result<Page<ReadChat>, Error> {
        reading::chats(&self.0, identity, device, wanted).await
    }

    /// A page of the messages of a chat, the newest first.
    ///
    /// # Errors
    /// `NotFound` when the identity has no such device or the device no such chat, `Invalid` when there is no such page.
    pub(crate) async fn list_messages(
        &self,
        identity: IdentityId,
        device: (Platform, &str),
        chat: &str,
        wanted: &Wanted,
    ) -> Result<Page<ReadMessage>, Error> {
        reading::messages(&self.0, identity, device, chat, wanted).await
    }

    /// Asks the owner's phone for older messages of a chat; they are stored when they come.
    ///
    /// # Errors
    /// `NotFound`, and what the network says.
    pub(crate) async fn ask_for_older(
        &self,
        identity: IdentityId,
        device: (Platform, &str),
        chat: &str,
        count: u32,
    ) -> Result<(), Error> {
        reading::ask_for_older(&self.0, identity, device, chat, count).await
    }

    /// Subscribes a URL to what contacts say.
    ///
    /// # Errors
    /// `Invalid`, `Taken`.
    pub(crate) async fn add_webhook(
        &self,
        identity: IdentityId,
        url: &str,
        events: Option<&[String]>,
    ) -> Result<Webhook, Error> {
        webhooks::add(&self.0, identity, url, events).await
    }

    /// The webhooks of an identity, oldest first.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) async fn list_webhooks(&self, identity: IdentityId) -> Result<Vec<Webhook>, Error> {
        webhooks::list(&self.0, identity).await
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Taken`.
    pub(crate) async fn update_webhook(
        &self,
        identity: IdentityId,
        webhook: WebhookId,
        change: &WebhookChange,
    ) -> Result<Webhook, Error> {
        webhooks::update(&self.0, identity, webhook, change).await
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn remove_webhook(&self, identity: IdentityId, webhook: WebhookId) -> Result<(), Error> {
        webhooks::remove(&self.0, identity, webhook).await
    }

    /// Asks once more for the file of a message that did not come.
    ///
    /// # Errors
    /// `NotFound` when the identity has no such message in that room, `Invalid` when no file belongs to it.
    pub(crate) async fn retry_media(
        &self,
        identity: IdentityId,
        room: &RoomId,
        event: &EventId,
    ) -> Result<Retried, Error> {
        retry::by_event(&self.0, identity, room, event).await
    }

    /// Opens a file that the address in a webhook leads to.
    ///
    /// # Errors
    /// `BadLink` when we did not make the address, or its time is over; `NotFound` when the file is gone.
    pub(crate) async fn open_media(&self, link: &MediaLink<'_>) -> Result<FileStream, Error> {
        media_links::open(&self.0, link).await
    }

    /// The last deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn list_deliveries(
        &self,
        identity: IdentityId,
        webhook: WebhookId,
    ) -> Result<Vec<DeliveryRecord>, Error> {
        deliveries::list(&self.0, identity, webhook).await
    }

    /// Sends a delivery again.
    ///
    /// # Errors
    /// `NotFound`, `Refused` when the webhook is switched off or the message was taken back.
    pub(crate) async fn redeliver(
        &self,
        identity: IdentityId,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<DeliveryRecord, Error> {
        deliveries::redeliver(&self.0, identity, webhook, delivery).await
    }

    /// Whether what we need answers.
    pub(crate) async fn ready(&self) -> Readiness {
        watch::ready(&self.0).await
    }

    /// Sets the gauges.
    pub(crate) async fn measure(&self) {
        watch::measure(&self.0).await;
    }

    /// Ends what a person waits for, so that the doors can close.
    pub(crate) fn close(&self) {
        self.0.linkings.stop();
        self.0.live.close();
    }

    /// Stops every device; their sessions stay linked.
    pub(crate) async fn disconnect(&self) {
        devices::disconnect_all(&self.0).await;
    }
}

impl Inner {
    fn clock(&self) -> &Clock {
        self.store.clock()
    }

    fn link(&self, device: DeviceId) -> Option<LinkState> {
        self.links.get(device)
    }
}
