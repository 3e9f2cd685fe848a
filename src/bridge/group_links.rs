//! Invite links of groups, for the REST door: what is behind one, the one of a group, and another one in its place.
//!
//! Deliberately not here: following links (`new_chats`), and the same by command (`commands::groups`).

use ruma::OwnedRoomId;

use super::{
    Bridge, Error, Inner,
    asking::{self, NamedDevice, in_time},
};
use crate::{
    model::{Action, ChatKind, ChatRequestId, GroupChange, IdentityId, PortalKey},
    network,
};

/// What every invite link begins with.
const BEGINNING: &str = "https://chat.whatsapp.com/";
/// Longest code of a link.
const LONGEST: usize = 64;

/// What is behind an invite link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InviteView {
    /// Through which device this was seen.
    pub(crate) device: String,
    /// What the network tells.
    pub(crate) invited: network::Invited,
    /// The room of the group, when there is one.
    pub(crate) room: Option<OwnedRoomId>,
}

impl Bridge {
    /// What is behind an invite link, without following it.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `NotLinked`, `Offline`.
    pub(crate) async fn look_behind(
        &self,
        identity: IdentityId,
        named: &NamedDevice,
        code: &str,
    ) -> Result<InviteView, Error> {
        look(&self.0, identity, named, code).await
    }

    /// The link by which people join a group; another one, and the old one leads nowhere, when it is `reset`.
    ///
    /// # Errors
    /// `NotFound`, `Refused`, `NotLinked`, `Offline`.
    pub(crate) async fn invite_link(
        &self,
        identity: IdentityId,
        (named, chat): (&NamedDevice, &str),
        reset: bool,
    ) -> Result<String, Error> {
        link(&self.0, identity, (named, chat), reset).await
    }
}

async fn look(bridge: &Inner, identity: IdentityId, named: &NamedDevice, code: &str) -> Result<InviteView, Error> {
    if !is_code(code) {
        return Err(Error::Invalid {
            field: "code",
            why: "it is the last part of an invite link".into(),
        });
    }
    let device = asking::device(&mut bridge.store.read().await?, identity, named).await?;
    let link = format!("{BEGINNING}{code}");
    let invited = in_time(bridge.network.look_behind(device.id, &link)).await;
    let invited = invited.map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound("Invite"),
        error => error,
    })?;
    let key = PortalKey::new(device.id, invited.chat.clone());
    let portal = bridge.store.read().await?.find_portal(&key).await?;
    Ok(InviteView {
        device: device.number,
        invited,
        room: portal.and_then(|portal| portal.room),
    })
}

fn is_code(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_letter)
}

async fn link(
    bridge: &Inner,
    identity: IdentityId,
    (named, chat): (&NamedDevice, &str),
    reset: bool,
) -> Result<String, Error> {
    let mut read = bridge.store.read().await?;
    let key = asking::chat(&mut read, identity, named, chat).await?;
    let kind = read.find_portal(&key).await?.map(|portal| portal.kind);
    drop(read);
    if bridge.network.direct_contact(&key.chat).is_some() || kind.is_some_and(|kind| kind != ChatKind::Group) {
        return Err(Error::Refused("This chat is no group".into()));
    }
    let answer = async {
        if reset {
            let id = bridge.network.message_id(&ChatRequestId::generate().to_string());
            let action = Action::Group(GroupChange::LinkReset);
            bridge.network.act(&key, &id, &action).await?;
        }
        bridge.network.invite_link(&key).await
    };
    in_time(answer).await.map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound("Chat"),
        error => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_nothing_but_letters_of_links() {
        assert!(is_code("AbC123_x-yz"));
        for text in ["", "a b", "a/b", "ä", &"a".repeat(LONGEST + 1)] {
            assert!(!is_code(text), "{text}");
        }
    }
}
