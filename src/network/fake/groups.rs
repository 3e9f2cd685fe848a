//! Groups and pictures of the scripted network.

use std::io::{Seek as _, Write as _};

use super::{
    super::{Error, Invited, Joined, NewGroup, Picture},
    Fake,
};
use crate::model::{Action, ChatId, ChatKind, DeviceId, Event, Group, GroupChange, PortalKey, Sender};

/// What every link begins with.
const LINK: &str = "https://fake.example/";

impl Fake {
    /// The network has this group of the device from now on, or none.
    pub(crate) fn has_group(&self, device: DeviceId, chat: &ChatId, group: Option<Group>) {
        let mut state = self.state();
        match group {
            Some(group) => state.groups.insert((device, chat.clone()), group),
            None => state.groups.remove(&(device, chat.clone())),
        };
    }

    /// A chat has this picture from now on.
    pub(crate) fn has_picture(&self, device: DeviceId, chat: &ChatId, id: &str, bytes: &[u8]) {
        let picture = (id.to_owned(), bytes.to_vec());
        self.state().pictures.insert((device, chat.clone()), picture);
    }

    /// Somebody changes a group, and the device is told.
    pub(crate) async fn changes_group(&self, device: DeviceId, chat: &ChatId, by: Sender, change: GroupChange) {
        if let Some(group) = self.state().groups.get_mut(&(device, chat.clone())) {
            group.apply(&change);
        }
        let told = Event {
            chat: chat.clone(),
            chat_kind: ChatKind::Group,
            action: Action::Group(change),
            ..self.event(device, chat.as_str(), by, "", None)
        };
        self.brings(told).await;
    }

    pub(super) fn takes_picture(&self, portal: &PortalKey, jpeg: Option<Vec<u8>>) -> Result<Option<String>, Error> {
        let mut state = self.state();
        if let Some(error) = state.refusals.pop_front() {
            return Err(error);
        }
        let place = (portal.device, portal.chat.clone());
        let Some(bytes) = jpeg else {
            state.pictures.remove(&place);
            return Ok(None);
        };
        let id = bytes.len().to_string();
        state.pictures.insert(place, (id.clone(), bytes));
        Ok(Some(id))
    }

    pub(super) fn makes_group(&self, device: DeviceId, new: &NewGroup) -> Result<ChatId, Error> {
        let mut state = self.state();
        if let Some(error) = state.refusals.pop_front() {
            return Err(error);
        }
        let first = new.asked_at.millis();
        let chat = (first..=i64::MAX)
            .map(|at| ChatId::from_adapter(format!("made-{}-{at}@g.us", new.title)))
            .find(|chat| {
                let known = state.groups.get(&(device, chat.clone()));
                let is_wanted = |who: &Sender| {
                    matches!(who, Sender::Owner) || new.people.iter().any(|one| *who == Sender::Contact(one.clone()))
                };
                let is_same = known.is_none_or(|group| group.members.iter().all(|member| is_wanted(&member.who)));
                is_same && !new.others.contains(chat)
            })
            .ok_or(Error::NotFound("the group"))?;
        let people = new.people.iter().cloned().map(Sender::Contact);
        let mut group = Group {
            title: new.title.clone(),
            owner: Some(Sender::Owner),
            ..Group::default()
        };
        group.apply(&GroupChange::Joined(
            [Sender::Owner].into_iter().chain(people).collect(),
        ));
        group.apply(&GroupChange::Promoted(vec![Sender::Owner]));
        state.groups.entry((device, chat.clone())).or_insert(group);
        Ok(chat)
    }

    /// There are no codes here: a link names its group.
    pub(super) fn gives_link(&self, portal: &PortalKey) -> Result<String, Error> {
        self.gives_group(portal.device, &portal.chat)?;
        Ok(format!("{LINK}{}", portal.chat.as_str()))
    }

    pub(super) fn looks_behind(&self, device: DeviceId, link: &str) -> Result<Invited, Error> {
        let chat = ChatId::from_adapter(link.strip_prefix(LINK).ok_or(Error::NotFound("the group"))?);
        let group = self.gives_group(device, &chat)?;
        Ok(Invited {
            chat,
            title: group.title,
            topic: group.topic,
            size: group.members.len().try_into().ok(),
            approval: group.approval,
        })
    }

    pub(super) fn finds_behind(&self, device: DeviceId, link: &str) -> Result<ChatId, Error> {
        let chat = self.looks_behind(device, link)?.chat;
        let group = self.gives_group(device, &chat)?;
        group.rank(&Sender::Owner).map(|_| chat).ok_or(Error::NotMember)
    }

    pub(super) fn follows_link(&self, device: DeviceId, link: &str) -> Result<Joined, Error> {
        let chat = self.looks_behind(device, link)?.chat;
        let mut state = self.state();
        let group = state.groups.get_mut(&(device, chat.clone()));
        let group = group.ok_or(Error::NotFound("the group"))?;
        if group.rank(&Sender::Owner).is_some() {
            return Ok(Joined::Before(chat));
        }
        group.apply(&GroupChange::Joined(vec![Sender::Owner]));
        Ok(Joined::In(chat))
    }

    pub(super) fn gives_group(&self, device: DeviceId, chat: &ChatId) -> Result<Group, Error> {
        let known = self.state().groups.get(&(device, chat.clone())).cloned();
        known.ok_or(Error::NotFound("the group"))
    }

    pub(super) fn gives_groups(&self, device: DeviceId) -> Vec<(ChatId, Group)> {
        let state = self.state();
        let own = state.groups.iter().filter(|((of, _), _)| *of == device);
        own.map(|((_, chat), group)| (chat.clone(), group.clone())).collect()
    }

    pub(super) fn gives_picture(&self, device: DeviceId, chat: &ChatId, known: Option<&str>) -> Picture {
        let state = self.state();
        let Some((id, bytes)) = state.pictures.get(&(device, chat.clone())) else {
            return Picture::None;
        };
        if known == Some(id) {
            return Picture::Same;
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("a temporary file takes bytes");
        file.rewind().expect("a temporary file goes back");
        Picture::Another { id: id.clone(), file }
    }
}
