//! A portal room and whoever it concerns; and whoever changed something there.

use std::sync::Arc;

use ruma::{OwnedRoomId, OwnedUserId, UserId};

use super::super::{Inner, error::Failure, ghosts, portals};
use crate::{
    matrix::{Actor, outgoing::BridgeInfo},
    model::{Device, Event, Group, Identity, IdentityKind, PortalKey, Sender, Timestamp},
    store::Portal,
};

/// A portal room and whoever it concerns.
pub(super) struct Place<'a> {
    pub(super) bridge: &'a Arc<Inner>,
    pub(super) key: PortalKey,
    pub(super) portal: Portal,
    pub(super) room: OwnedRoomId,
    pub(super) device: Device,
    pub(super) identity: Identity,
    pub(super) members: Vec<OwnedUserId>,
}

impl<'a> Place<'a> {
    /// The room of a chat, when there is one and somebody has its device.
    pub(super) async fn of(bridge: &'a Arc<Inner>, key: &PortalKey) -> Result<Option<Self>, Failure> {
        let mut read = bridge.store.read().await?;
        let Some(portal) = read.find_portal(key).await? else {
            return Ok(None);
        };
        let Some((device, identity)) = read.find_owned_device(key.device).await? else {
            return Ok(None);
        };
        let members = read.list_members(identity.id).await?;
        let Some(room) = portal.room.clone() else {
            return Ok(None);
        };
        Ok(Some(Self {
            bridge,
            key: key.clone(),
            portal,
            room,
            device,
            identity,
            members,
        }))
    }

    /// The room of a chat, when it is ready to be spoken in.
    pub(super) async fn ready(bridge: &'a Arc<Inner>, key: &PortalKey) -> Result<Option<Self>, Failure> {
        Ok(Self::of(bridge, key).await?.filter(|place| place.portal.ready))
    }

    /// What clients are told of the bridge of the room.
    pub(super) fn info<'b>(&'b self, title: Option<&'b str>) -> BridgeInfo<'b> {
        BridgeInfo {
            bot: self.bridge.homeserver.names().bot(),
            creator: Some(&self.identity.user),
            network: self.device.platform.protocol(),
            network_name: self.device.platform.title(),
            chat: self.key.chat.as_str(),
            title,
        }
    }

    /// The real people of the room, and whoever else acts for the owner of the device.
    pub(super) async fn owners(&self) -> Result<Vec<OwnedUserId>, Failure> {
        let mut owners: Vec<_> = self.members.iter().chain([&self.identity.user]).cloned().collect();
        if self.identity.kind == IdentityKind::Real {
            let contact = self.bridge.network.contact_of_ghost(&self.device.number).await?;
            let ghost = contact.map(|contact| self.user_of(&Sender::Contact(contact)));
            owners.extend(ghost.flatten());
        }
        Ok(owners)
    }

    /// The Matrix user who shows somebody; nobody in particular shows the owner.
    pub(super) fn user_of(&self, who: &Sender) -> Option<OwnedUserId> {
        match who {
            Sender::Owner => None,
            Sender::Contact(contact) => {
                let name = self.bridge.network.ghost_name(contact);
                Some(self.bridge.homeserver.names().ghost(&name))
            }
        }
    }

    /// Whether it is we who say which level a user has.
    pub(super) fn manages(&self, user: &UserId) -> bool {
        let names = self.bridge.homeserver.names();
        user != names.bot()
            && (names.is_ours(user) || self.identity.user == user || self.members.iter().any(|it| it == user))
    }
}

/// Who changed something, and when.
pub(super) struct By {
    /// Who.
    pub(super) who: Sender,
    /// Who does it in Matrix.
    pub(super) actor: Actor,
    /// What to call them in a sentence.
    pub(super) name: String,
    /// When.
    pub(super) at: Timestamp,
}

impl By {
    /// Who caused an event. Members are brought into the room first.
    pub(super) async fn of(place: &Place<'_>, group: &Group, event: &Event) -> Result<Self, Failure> {
        Self::somebody(place, group, &event.sender, event.sender_name.as_deref(), event.at).await
    }

    /// Somebody who changed something.
    pub(super) async fn somebody(
        place: &Place<'_>,
        group: &Group,
        who: &Sender,
        name: Option<&str>,
        at: Timestamp,
    ) -> Result<Self, Failure> {
        let bridge = place.bridge;
        let (actor, name) = match who {
            Sender::Owner => (
                ghosts::owner(bridge, &place.device, &place.identity).await?,
                "You".to_owned(),
            ),
            Sender::Contact(contact) => {
                let ghost = ghosts::ensure(bridge, place.device.id, contact, name).await?;
                let actor = bridge.homeserver.as_user(&ghost.user);
                if group.rank(who).is_some() {
                    super::members::enter_to_speak(bridge, &place.key, &place.room, (who, &ghost.user)).await?;
                }
                (actor, ghost.name.unwrap_or_else(|| "Somebody".into()))
            }
        };
        if *who == Sender::Owner && bridge.homeserver.names().is_ours(actor.user()) {
            portals::enter(bridge, &place.room, actor.user()).await?;
        }
        Ok(Self {
            who: who.clone(),
            actor,
            name,
            at,
        })
    }
}
