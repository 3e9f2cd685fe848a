//! WhatsApp, by the unmodified library `whatsapp-rust`.
//!
//! The port is answered here and done next door: `session` is one live device, `linking` makes one, `sending` and
//! `delivery` are the two ways of a message, `history` brings those of before, `media` moves files, `incoming`, `outgoing` and `ids` convert, `people`
//! knows who is who, and `keys` is the library's storage. Names of the library stay in this folder.

mod acks;
mod address_book;
mod answers;
mod calls;
mod channel_counts;
mod channel_facts;
mod channels;
mod client;
mod config;
mod deletions;
mod delivery;
mod desk;
mod directory;
mod envelopes;
mod erasing;
mod forgotten;
mod group_changes;
mod group_news;
mod groups;
mod history;
mod ids;
mod incoming;
mod interest;
mod invites;
mod keys;
mod link;
mod linking;
mod live;
mod media;
mod outgoing;
mod passkey;
mod people;
mod phone;
mod pictures;
mod receipts;
mod said;
mod sending;
mod session;
mod settings;
mod status;
mod status_posts;
mod stored_media;
mod strays;
mod tokens;
mod verified;
mod waiting;

use std::{fs::File, sync::Arc};

use async_trait::async_trait;

#[cfg(test)]
pub(crate) use self::incoming::tests::becomes;
pub(crate) use self::{
    config::{Config, check},
    media::USUAL as MEDIA_LIMITS,
    stored_media::is_same_file,
};
use self::{live::Live, people::People};
use super::{
    Capabilities, Error, Intake, Invited, Joined, LinkAnswer, LinkSteps, Linking, MediaLimits, Network, NewGroup,
    Picture,
};
use crate::{
    model::{
        Action, ChatId, Clock, ContactId, ContactInfo, DeviceId, Event, Group, Invitation, Media, MediaKind, MediaRef,
        MessageId, MessageRef, Past, PortalKey, Recipient, Timestamp,
    },
    store::keyring::Keyring,
};

/// The WhatsApp network with all its devices.
#[derive(Debug)]
pub(crate) struct WhatsApp {
    shared: Arc<Shared>,
    live: Arc<Live>,
}

/// What every part of this network needs.
#[derive(Debug)]
struct Shared {
    config: Config,
    keyring: Keyring,
    people: People,
    intake: Arc<dyn Intake>,
    clock: Clock,
}

impl WhatsApp {
    /// The network without live devices; it tells its news to `intake`.
    pub(crate) fn new(config: Config, keyring: Keyring, intake: Arc<dyn Intake>, clock: Clock) -> Self {
        let people = People(keyring.clone());
        Self {
            shared: Arc::new(Shared {
                config,
                keyring,
                people,
                intake,
                clock,
            }),
            live: Arc::default(),
        }
    }
}

/// What is stored could not be read or written: that is for later, whatever the reason.
fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unreachable(Box::new(error))
}

/// Does what the port was asked for, between two points at which tests let us die.
macro_rules! around {
    ($name:literal, $doing:expr) => {{
        fail::fail_point!(concat!("whatsapp.", $name, ".before"));
        let answer = $doing;
        fail::fail_point!(concat!("whatsapp.", $name, ".after"));
        answer
    }};
}

#[async_trait]
impl Network for WhatsApp {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            typing: true,
            text_limit: outgoing::TEXT_LIMIT,
        }
    }

    fn message_id(&self, seed: &str) -> MessageId {
        ids::message_id(seed)
    }

    async fn link(&self, device: DeviceId, how: Linking) -> Result<LinkSteps, Error> {
        around!("link", linking::begin(&self.shared, &self.live, device, how).await)
    }

    async fn answer(&self, device: DeviceId, answer: LinkAnswer) -> Result<(), Error> {
        passkey::answer(&self.live, device, answer).await
    }

    async fn follow(&self, device: DeviceId, link: &str) -> Result<ChatId, Error> {
        let session = self.live.session(&self.shared, device).await?;
        channels::follow(&self.shared, &session, link).await
    }

    async fn unfollow(&self, device: DeviceId, chat: &ChatId) -> Result<(), Error> {
        let session = self.live.session(&self.shared, device).await?;
        channels::unfollow(&self.shared, &session, chat).await
    }

    async fn connect(&self, device: DeviceId) -> Result<(), Error> {
        around!("connect", self.live.connect(&self.shared, device).await)
    }

    async fn disconnect(&self, device: DeviceId) {
        around!("disconnect", self.live.disconnect(device).await);
    }

    async fn unlink(&self, device: DeviceId) -> Result<(), Error> {
        around!("unlink", self.live.unlink(&self.shared, device).await)
    }

    async fn act(&self, portal: &PortalKey, id: &MessageId, action: &Action) -> Result<(), Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        sending::act(&self.shared, &session, &portal.chat, id, action).await
    }

    async fn post(
        &self,
        portal: &PortalKey,
        id: &MessageId,
        action: &Action,
        audience: &[ContactId],
    ) -> Result<(), Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        status_posts::act((&self.shared, &session), &portal.chat, id, action, audience).await
    }

    async fn find(&self, device: DeviceId, recipient: &Recipient) -> Result<ChatId, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("find", sending::find(&self.shared, &session, recipient).await)
    }

    async fn accept(&self, device: DeviceId, invitation: &Invitation, inviter: &ContactId) -> Result<ChatId, Error> {
        let session = self.live.session(&self.shared, device).await?;
        session.ready(self.shared.config.connect_timeout()).await?;
        around!(
            "accept",
            invites::accept(&self.shared, &session, invitation, inviter).await
        )
    }

    async fn group(&self, device: DeviceId, chat: &ChatId) -> Result<Group, Error> {
        let session = self.live.session(&self.shared, device).await?;
        if let Some(jid) = ids::channel_jid(chat.as_str()) {
            return around!("group", channel_facts::group(&self.shared, &session, &jid).await);
        }
        around!("group", groups::group(&self.shared, &session, chat).await)
    }

    async fn groups(&self, device: DeviceId) -> Result<Vec<(ChatId, Group)>, Error> {
        let session = self.live.session(&self.shared, device).await?;
        let mut all = around!("groups", groups::groups(&self.shared, &session).await)?;
        match around!("groups", channel_facts::groups(&session).await) {
            Ok(channels) => all.extend(channels),
            // Each is asked about when it is looked at.
            Err(error) => tracing::debug!(%error, "the channels of a device could not be listed"),
        }
        Ok(all)
    }

    async fn picture(&self, device: DeviceId, chat: &ChatId, known: Option<&str>) -> Result<Picture, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("picture", pictures::picture(&self.shared, &session, chat, known).await)
    }

    async fn set_picture(&self, portal: &PortalKey, jpeg: Option<Vec<u8>>) -> Result<Option<String>, Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        around!(
            "set_picture",
            group_changes::set_picture(&self.shared, &session, &portal.chat, jpeg).await
        )
    }

    async fn create_group(&self, device: DeviceId, group: &NewGroup) -> Result<ChatId, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!(
            "create_group",
            group_changes::create(&self.shared, &session, group).await
        )
    }

    async fn invite_link(&self, portal: &PortalKey) -> Result<String, Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        around!(
            "invite_link",
            group_changes::link(&self.shared, &session, &portal.chat).await
        )
    }

    async fn join(&self, device: DeviceId, link: &str) -> Result<Joined, Error> {
        let session = self.live.session(&self.shared, device).await?;
        session.ready(self.shared.config.connect_timeout()).await?;
        around!("join", invites::join(&session, link).await)
    }

    async fn look_behind(&self, device: DeviceId, link: &str) -> Result<Invited, Error> {
        let session = self.live.session(&self.shared, device).await?;
        session.ready(self.shared.config.connect_timeout()).await?;
        around!("look_behind", invites::look(&session, link).await)
    }

    async fn contact(&self, device: DeviceId, contact: &ContactId) -> Result<ContactInfo, Error> {
        if let Some(jid) = ids::channel_jid(contact.as_str()) {
            let session = self.live.session(&self.shared, device).await?;
            return channels::info(&self.shared, &session, &jid).await;
        }
        if let Some(jid) = ids::stranger_jid(contact.as_str()) {
            return Ok(ContactInfo {
                phone: None,
                name: Some(ids::name_of_stranger(&jid).to_owned()),
            });
        }
        let person = around!("contact", self.shared.people.find(contact).await);
        let person = person.map_err(unreachable)?.ok_or(Error::NotFound("the contact"))?;
        Ok(ContactInfo {
            phone: person.phone.clone(),
            name: person.called(),
        })
    }

    async fn who(&self, device: DeviceId, phones: &[String]) -> Result<Vec<Option<ContactId>>, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("who", sending::who(&self.shared, &session, phones).await)
    }

    async fn address_book(&self, device: DeviceId) -> Result<Option<Vec<(ContactId, String)>>, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("address_book", address_book::ask(&self.shared, &session).await)
    }

    async fn verified_name(&self, device: DeviceId, contact: &ContactId) -> Result<Option<String>, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("verified_name", verified::name(&self.shared, &session, contact).await)
    }

    async fn appear(&self, device: DeviceId, online: bool) -> Result<(), Error> {
        let session = self.live.session(&self.shared, device).await?;
        sending::appear(&session, online).await
    }

    async fn watch(&self, device: DeviceId, contact: &ContactId) -> Result<(), Error> {
        let session = self.live.session(&self.shared, device).await?;
        sending::watch(&self.shared, &session, contact).await
    }

    async fn download(&self, device: DeviceId, media: &Media) -> Result<File, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("download", media::download(&self.shared, &session, media).await)
    }

    async fn upload(&self, device: DeviceId, kind: MediaKind, file: File) -> Result<MediaRef, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("upload", media::upload(&self.shared, &session, kind, file).await)
    }

    async fn media_limits(&self, device: DeviceId) -> Result<MediaLimits, Error> {
        let session = self.live.session(&self.shared, device).await?;
        media::limits(&self.shared, &session).await
    }

    async fn ask_again(&self, portal: &PortalKey, message: &MessageRef, media: &Media) -> Result<MediaRef, Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        around!(
            "ask_again",
            media::ask_again(&self.shared, &session, &portal.chat, message, media).await
        )
    }

    async fn past(&self, device: DeviceId, part: &str, from: u64) -> Result<Past, Error> {
        let session = self.live.session(&self.shared, device).await?;
        around!("past", history::page(&self.shared, &session, part, from).await)
    }

    async fn forget_past(&self, device: DeviceId, part: &str) -> Result<(), Error> {
        around!("forget_past", history::forget(&self.shared, device, part).await)
    }

    async fn erase(&self, portal: &PortalKey, message: &MessageId) -> Result<(), Error> {
        erasing::message(&self.shared, portal, message).await
    }

    async fn erase_chat(&self, portal: &PortalKey) -> Result<(), Error> {
        erasing::chat(&self.shared, portal).await
    }

    async fn ask_for_older(
        &self,
        portal: &PortalKey,
        (than, at): (&MessageRef, Timestamp),
        count: u32,
    ) -> Result<(), Error> {
        let session = self.live.session(&self.shared, portal.device).await?;
        around!(
            "ask_for_older",
            history::ask(&self.shared, &session, (&portal.chat, than, at), count).await
        )
    }

    async fn open(&self, event: &Event) -> Result<Option<Action>, Error> {
        let session = self.live.session(&self.shared, event.device).await?;
        waiting::open(&self.shared, &session, event).await
    }

    fn is_same_file(&self, one: &MediaRef, other: &MediaRef) -> bool {
        is_same_file(one, other)
    }

    fn ghost_name(&self, contact: &ContactId) -> String {
        contact.as_str().to_owned()
    }

    async fn contact_of_ghost(&self, name: &str) -> Result<Option<ContactId>, Error> {
        self.shared.people.named(name).await.map_err(unreachable)
    }

    fn direct_chat(&self, contact: &ContactId) -> ChatId {
        ids::direct_chat(contact)
    }

    fn direct_contact(&self, chat: &ChatId) -> Option<ContactId> {
        ids::direct_contact(chat)
    }
}
