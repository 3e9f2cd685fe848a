//! The scripted network's answers to the port.

use std::{fs::File, time::Duration};

use async_trait::async_trait;
use futures_util::stream;
use tokio::sync::mpsc;

use super::{
    super::{
        Capabilities, Error, Invited, Joined, LinkAnswer, LinkStep, LinkSteps, Linking, MediaLimits, Network, NewGroup,
        Picture,
    },
    Act, Fake,
};
use crate::model::{
    Action, ChatId, ContactId, ContactInfo, Content, DeviceId, Event, Group, Invitation, LinkSignal, Media, MediaKind,
    MediaRef, MediaSource, MessageId, MessageRef, News, Past, PortalKey, Recipient, Say, Timestamp,
};

#[async_trait]
impl Network for Fake {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            typing: true,
            text_limit: 65_536,
        }
    }

    fn message_id(&self, seed: &str) -> MessageId {
        MessageId::from_adapter(format!("SEED:{seed}"))
    }

    async fn link(&self, device: DeviceId, how: Linking) -> Result<LinkSteps, Error> {
        let mut state = self.state();
        if let Some(error) = state.link_refusals.pop_front() {
            return Err(error);
        }
        let (steps, received) = mpsc::unbounded_channel();
        let first = match how {
            Linking::Qr => LinkStep::Qr {
                code: format!("fake-qr-{device}"),
                valid_for: Duration::from_mins(1),
            },
            Linking::Code(_) => LinkStep::Code {
                code: "ABCD-1234".to_owned(),
                valid_for: Duration::from_mins(3),
            },
        };
        steps.send(first).ok();
        state.attempts.push((device, steps));
        Ok(Box::pin(stream::unfold(
            (received, false),
            |(mut received, ended)| async move {
                if ended {
                    return None;
                }
                let step = received.recv().await?;
                let ended = matches!(
                    step,
                    LinkStep::Linked { .. } | LinkStep::Expired | LinkStep::Failed { .. }
                );
                Some((step, (received, ended)))
            },
        )))
    }

    async fn answer(&self, device: DeviceId, answer: LinkAnswer) -> Result<(), Error> {
        let mut state = self.state();
        let mut open = state.attempts.iter().filter(|(_, steps)| !steps.is_closed());
        if !open.any(|(attempt, _)| *attempt == device) {
            return Err(Error::NotFound("the attempt"));
        }
        state.answers.push(answer);
        Ok(())
    }

    async fn follow(&self, _: DeviceId, _: &str) -> Result<ChatId, Error> {
        Err(Error::NotFound("the channel"))
    }

    async fn unfollow(&self, _: DeviceId, _: &ChatId) -> Result<(), Error> {
        Err(Error::NotFound("the channel"))
    }

    async fn connect(&self, device: DeviceId) -> Result<(), Error> {
        {
            let mut state = self.state();
            if !state.linked.contains_key(&device) {
                return Err(Error::NotLinked);
            }
            if let Some(error) = state.connect_refusals.pop_front() {
                return Err(error);
            }
            state.live.insert(device);
        }
        self.intake.news(News::Link {
            device,
            signal: LinkSignal::Connected,
        });
        self.empties_backlog(device).await;
        Ok(())
    }

    async fn disconnect(&self, device: DeviceId) {
        self.state().live.remove(&device);
    }

    async fn unlink(&self, device: DeviceId) -> Result<(), Error> {
        let mut state = self.state();
        state.live.remove(&device);
        state.linked.remove(&device);
        state.backlog.retain(|event| event.device != device);
        Ok(())
    }

    async fn act(&self, portal: &PortalKey, id: &MessageId, action: &Action) -> Result<(), Error> {
        let mut state = self.state();
        if !state.linked.contains_key(&portal.device) {
            return Err(Error::NotLinked);
        }
        if !state.live.contains(&portal.device) {
            return Err(Error::Unreachable("not connected".into()));
        }
        if let Some(error) = state.refusals.pop_front() {
            return Err(error);
        }
        if let Action::Say(Say {
            content: Content::Unsupported(kind),
            ..
        }) = action
        {
            return Err(Error::Unsupported(kind.clone()));
        }
        if let Action::Group(change) = action {
            let group = state.groups.get_mut(&(portal.device, portal.chat.clone()));
            group.ok_or(Error::NotFound("the group"))?.apply(change);
        }
        state.acts.push(Act {
            portal: portal.clone(),
            id: id.clone(),
            action: action.clone(),
        });
        if state.lost_answers > 0 {
            state.lost_answers -= 1;
            return Err(Error::Unreachable("the answer was lost".into()));
        }
        Ok(())
    }

    async fn post(&self, portal: &PortalKey, id: &MessageId, action: &Action, _: &[ContactId]) -> Result<(), Error> {
        self.act(portal, id, action).await
    }

    async fn find(&self, device: DeviceId, recipient: &Recipient) -> Result<ChatId, Error> {
        let state = self.state();
        if !state.linked.contains_key(&device) {
            return Err(Error::NotLinked);
        }
        match recipient {
            Recipient::Phone(number) if state.strangers.contains(number) => Err(Error::NotFound("the number")),
            Recipient::Phone(number) => Ok(ChatId::from_adapter(number.clone())),
            Recipient::Address(address) => Ok(ChatId::from_adapter(address.clone())),
            Recipient::Invite(link) => {
                drop(state);
                self.finds_behind(device, link)
            }
        }
    }

    async fn accept(&self, device: DeviceId, invitation: &Invitation, _: &ContactId) -> Result<ChatId, Error> {
        self.must_be_linked(device)?;
        Ok(invitation.group.clone())
    }

    async fn group(&self, device: DeviceId, chat: &ChatId) -> Result<Group, Error> {
        self.must_be_linked(device)?;
        self.gives_group(device, chat)
    }

    async fn groups(&self, device: DeviceId) -> Result<Vec<(ChatId, Group)>, Error> {
        self.must_be_linked(device)?;
        Ok(self.gives_groups(device))
    }

    async fn picture(&self, device: DeviceId, chat: &ChatId, known: Option<&str>) -> Result<Picture, Error> {
        self.must_be_linked(device)?;
        Ok(self.gives_picture(device, chat, known))
    }

    async fn set_picture(&self, portal: &PortalKey, jpeg: Option<Vec<u8>>) -> Result<Option<String>, Error> {
        self.must_be_linked(portal.device)?;
        self.takes_picture(portal, jpeg)
    }

    async fn create_group(&self, device: DeviceId, group: &NewGroup) -> Result<ChatId, Error> {
        self.must_be_linked(device)?;
        self.makes_group(device, group)
    }

    async fn invite_link(&self, portal: &PortalKey) -> Result<String, Error> {
        self.must_be_linked(portal.device)?;
        self.gives_link(portal)
    }

    async fn join(&self, device: DeviceId, link: &str) -> Result<Joined, Error> {
        self.must_be_linked(device)?;
        self.follows_link(device, link)
    }

    async fn look_behind(&self, device: DeviceId, link: &str) -> Result<Invited, Error> {
        self.must_be_linked(device)?;
        self.looks_behind(device, link)
    }

    async fn contact(&self, _: DeviceId, contact: &ContactId) -> Result<ContactInfo, Error> {
        let phone = contact.as_str().bytes().all(|byte| byte.is_ascii_digit());
        Ok(ContactInfo {
            name: self.state().names.get(contact).cloned(),
            phone: phone.then(|| contact.as_str().to_owned()),
        })
    }

    async fn who(&self, device: DeviceId, phones: &[String]) -> Result<Vec<Option<ContactId>>, Error> {
        self.must_be_linked(device)?;
        let state = self.state();
        let there = |phone: &String| !state.strangers.contains(phone);
        let who = |phone: &String| there(phone).then(|| ContactId::from_adapter(phone.clone()));
        Ok(phones.iter().map(who).collect())
    }

    async fn address_book(&self, device: DeviceId) -> Result<Option<Vec<(ContactId, String)>>, Error> {
        self.must_be_linked(device)?;
        Ok(None)
    }

    async fn verified_name(&self, device: DeviceId, _: &ContactId) -> Result<Option<String>, Error> {
        self.must_be_linked(device)?;
        Ok(None)
    }

    async fn appear(&self, device: DeviceId, _: bool) -> Result<(), Error> {
        self.must_be_linked(device)
    }

    async fn watch(&self, device: DeviceId, _: &ContactId) -> Result<(), Error> {
        self.must_be_linked(device)
    }

    async fn download(&self, device: DeviceId, media: &Media) -> Result<File, Error> {
        self.must_be_linked(device)?;
        self.gives_file(reference(media)?)
    }

    async fn upload(&self, device: DeviceId, kind: MediaKind, file: File) -> Result<MediaRef, Error> {
        self.must_be_linked(device)?;
        self.takes_file(kind, file)
    }

    async fn media_limits(&self, device: DeviceId) -> Result<MediaLimits, Error> {
        self.must_be_linked(device)?;
        Ok(MediaLimits {
            picture: 1 << 24,
            film: 1 << 26,
            sound: 1 << 24,
            sticker: 1 << 20,
            file: 1 << 30,
        })
    }

    async fn ask_again(&self, portal: &PortalKey, _: &MessageRef, media: &Media) -> Result<MediaRef, Error> {
        self.must_be_linked(portal.device)?;
        self.brings_file_again(reference(media)?)
    }

    async fn past(&self, device: DeviceId, _: &str, _: u64) -> Result<Past, Error> {
        self.must_be_linked(device)?;
        Err(Error::Gone)
    }

    async fn forget_past(&self, _: DeviceId, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn erase(&self, _: &PortalKey, _: &MessageId) -> Result<(), Error> {
        Ok(())
    }

    async fn erase_chat(&self, _: &PortalKey) -> Result<(), Error> {
        Ok(())
    }

    async fn ask_for_older(&self, portal: &PortalKey, _: (&MessageRef, Timestamp), _: u32) -> Result<(), Error> {
        self.must_be_linked(portal.device)
    }

    async fn open(&self, event: &Event) -> Result<Option<Action>, Error> {
        self.must_be_linked(event.device)?;
        // Nothing is sealed here.
        Ok(None)
    }

    fn is_same_file(&self, one: &MediaRef, other: &MediaRef) -> bool {
        one == other
    }

    fn ghost_name(&self, contact: &ContactId) -> String {
        contact.as_str().to_owned()
    }

    async fn contact_of_ghost(&self, name: &str) -> Result<Option<ContactId>, Error> {
        let digits = name.strip_prefix("lid_").unwrap_or(name);
        let possible = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Ok(possible.then(|| ContactId::from_adapter(name)))
    }

    fn direct_chat(&self, contact: &ContactId) -> ChatId {
        ChatId::from_adapter(contact.as_str())
    }

    fn direct_contact(&self, chat: &ChatId) -> Option<ContactId> {
        (!chat.as_str().contains('@')).then(|| ContactId::from_adapter(chat.as_str()))
    }
}

impl Fake {
    fn must_be_linked(&self, device: DeviceId) -> Result<(), Error> {
        let state = self.state();
        if !state.linked.contains_key(&device) {
            return Err(Error::NotLinked);
        }
        if !state.live.contains(&device) {
            return Err(Error::Unreachable("not connected".into()));
        }
        Ok(())
    }
}

fn reference(media: &Media) -> Result<&MediaRef, Error> {
    match &media.source {
        MediaSource::Network(reference) => Ok(reference),
        MediaSource::Matrix(_) => Err(Error::Refused("the file is not on this network".to_owned())),
    }
}
