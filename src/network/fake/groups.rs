//! Groups and pictures of the scripted network.

use std::io::{Seek as _, Write as _};

use super::{
    super::{Error, Picture},
    Fake,
};
use crate::model::{Action, ChatId, ChatKind, DeviceId, Event, Group, GroupChange, Sender};

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
