//! Portals: finds or makes the one Matrix room of each chat of each device, and brings people into it.
//!
//! A room is made under an alias that follows from its portal. When we die between making a room and writing it down,
//! the next attempt finds the room by its alias instead of making a second one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fail::fail_point;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};
use serde_json::Value;

use super::{Inner, error::Failure, ghosts};
use crate::{
    matrix::{self, Actor, NewRoom, transaction_id},
    model::{ChatId, ChatInfo, ChatKind, Device, Identity, IdentityKind, MessageId, PortalKey, Sender, Timestamp},
    store::Portal,
};

/// A portal room that is ready to be spoken in.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) id: OwnedRoomId,
    pub(super) kind: ChatKind,
    pub(super) name: Option<String>,
}

/// The room of a chat, with everybody in it who belongs there. `name` is what the other person just called itself.
pub(super) async fn ensure(
    bridge: &Arc<Inner>,
    device: &Device,
    chat: &ChatId,
    kind: ChatKind,
    name: Option<&str>,
) -> Result<Room, Failure> {
    let key = PortalKey::new(device.id, chat.clone());
    let known = bridge.store.read().await?.find_portal(&key).await?;
    if let Some(Portal {
        room: Some(room),
        ready: true,
        kind,
        name,
        ..
    }) = known
    {
        return Ok(Room { id: room, kind, name });
    }
    let (identity, members) = {
        let mut read = bridge.store.read().await?;
        let identity = read
            .find_identity(device.identity)
            .await?
            .ok_or_else(|| Failure::Never("the identity is gone".into()))?;
        (identity, read.list_members(device.identity).await?)
    };
    ghosts::account(bridge, bridge.homeserver.names().bot()).await?;
    let people = People::of(bridge, device, chat, identity, members, name).await?;
    let title = people.title(bridge, device, chat, kind, name).await?;
    let room = match known.and_then(|portal| portal.room) {
        Some(room) => room,
        None => make(bridge, device, &key, kind, &title, &people).await?,
    };
    let mut portal = Portal {
        key,
        room: Some(room.clone()),
        kind,
        name: Some(title.clone()),
        ready: false,
    };
    save(bridge, &portal).await?;
    people.enter(bridge, &room).await?;
    portal.ready = true;
    save(bridge, &portal).await?;
    Ok(Room {
        id: room,
        kind,
        name: Some(title),
    })
}

async fn save(bridge: &Inner, portal: &Portal) -> Result<(), Failure> {
    let mut tx = bridge.store.begin().await?;
    tx.upsert_portal(portal).await?;
    tx.commit().await?;
    Ok(())
}

/// Who belongs in a portal room.
struct People {
    identity: Identity,
    members: Vec<OwnedUserId>,
    /// The ghost of the other person of a direct chat.
    ghost: Option<OwnedUserId>,
}

impl People {
    async fn of(
        bridge: &Arc<Inner>,
        device: &Device,
        chat: &ChatId,
        identity: Identity,
        members: Vec<OwnedUserId>,
        name: Option<&str>,
    ) -> Result<Self, Failure> {
        if identity.kind == IdentityKind::Registered {
            ghosts::account(bridge, &identity.user).await?;
        }
        let ghost = match bridge.network.direct_contact(chat) {
            Some(contact) => Some(ghosts::ensure(bridge, device.id, &contact, name).await?.user),
            None => None,
        };
        Ok(Self {
            identity,
            members,
            ghost,
        })
    }

    async fn title(
        &self,
        bridge: &Inner,
        device: &Device,
        chat: &ChatId,
        kind: ChatKind,
        name: Option<&str>,
    ) -> Result<String, Failure> {
        if let (Some(contact), ChatKind::Direct) = (bridge.network.direct_contact(chat), kind) {
            return match name {
                Some(name) => Ok(name.to_owned()),
                None => ghosts::called(bridge, device.id, &contact).await,
            };
        }
        let info = match bridge.network.chat(device.id, chat).await {
            Ok(info) => info,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(_) => ChatInfo {
                kind,
                title: None,
                members: Vec::new(),
            },
        };
        Ok(info.title.unwrap_or_else(|| "Group".into()))
    }

    /// Who is invited as the room is made: everybody of our own homeserver, so that clients file it as a direct chat.
    fn invited(&self, own: &ServerName) -> Vec<OwnedUserId> {
        let people = self.ghost.iter().chain([&self.identity.user]).chain(&self.members);
        let invited: BTreeSet<_> = people.filter(|user| user.server_name() == own).cloned().collect();
        invited.into_iter().collect()
    }

    /// Real people may change the room's name and topic and invite others; ghosts only speak.
    fn levels(&self) -> BTreeMap<OwnedUserId, i64> {
        self.members
            .iter()
            .chain([&self.identity.user])
            .map(|user| (user.clone(), 50))
            .collect()
    }

    async fn enter(&self, bridge: &Arc<Inner>, room: &RoomId) -> Result<(), Failure> {
        if let Some(ghost) = &self.ghost {
            enter(bridge, room, ghost).await?;
        }
        match self.identity.kind {
            IdentityKind::Registered => enter(bridge, room, &self.identity.user).await?,
            IdentityKind::Real => {
                invite(bridge, room, &self.identity.user).await?;
                if let Some(puppet) = bridge.homeserver.as_puppet(&self.identity.user) {
                    match puppet.join(room).await {
                        Ok(_) => {}
                        Err(error) if error.is_transient() => return Err(error.into()),
                        Err(error) => tracing::info!(%error, "the owner could not be brought into a portal room"),
                    }
                }
            }
        }
        for member in &self.members {
            invite(bridge, room, member).await?;
        }
        Ok(())
    }
}

/// Invites a real person. In a room that a person opened the bot may not be allowed to: then its owner decides.
async fn invite(bridge: &Inner, room: &RoomId, user: &UserId) -> Result<(), Failure> {
    match bridge.homeserver.as_bot().invite(room, user).await {
        Ok(()) => Ok(()),
        // Somebody else's homeserver may be away or not exist: nobody's messages wait for it.
        Err(error) if error.is_forbidden() || user.server_name() != bridge.homeserver.names().server() => {
            tracing::info!(%error, "somebody could not be invited into a portal room");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

async fn make(
    bridge: &Inner,
    device: &Device,
    key: &PortalKey,
    kind: ChatKind,
    title: &str,
    people: &People,
) -> Result<OwnedRoomId, Failure> {
    let hash = transaction_id(&["portal", &key.device.to_string(), key.chat.as_str()]);
    let info = matrix::outgoing::BridgeInfo {
        bot: bridge.homeserver.names().bot(),
        creator: Some(&people.identity.user),
        network: device.platform.protocol(),
        network_name: device.platform.title(),
        chat: key.chat.as_str(),
        title: Some(title),
    };
    let room = NewRoom {
        alias: bridge.homeserver.names().portal_alias(&hash),
        name: Some(title.to_owned()),
        topic: Some(format!("{} chat through +{}", device.platform.title(), device.number)),
        is_direct: kind == ChatKind::Direct,
        invite: people.invited(bridge.homeserver.names().server()),
        levels: people.levels(),
        state: matrix::outgoing::bridge_state(&info),
    };
    fail_point!("bridge.portal.create.before");
    let made = bridge.homeserver.create_room(&room).await?;
    fail_point!("bridge.portal.create.after");
    Ok(made)
}

/// Brings one of our own users into a room, invited by the bot where that is needed.
pub(super) async fn enter(bridge: &Inner, room: &RoomId, user: &UserId) -> Result<(), Failure> {
    let actor = bridge.homeserver.as_user(user);
    match actor.join(room).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_forbidden() => {
            bridge.homeserver.as_bot().invite(room, user).await?;
            actor.join(room).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// A message on its way into a room: what its transaction ids follow from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction<'a> {
    pub(super) key: &'a PortalKey,
    pub(super) id: &'a MessageId,
    pub(super) sender: &'a Sender,
}

impl Transaction<'_> {
    /// The transaction id of one part: the same for the same message for ever, different for every other one.
    pub(super) fn part(&self, number: usize) -> String {
        let sender = match self.sender {
            Sender::Owner => "owner",
            Sender::Contact(contact) => contact.as_str(),
        };
        let device = self.key.device.to_string();
        transaction_id(&[
            &device,
            self.key.chat.as_str(),
            self.id.as_str(),
            &number.to_string(),
            sender,
            "0",
        ])
    }
}

/// A text as the contents of one event, or of several when it is too long for one; the first carries the answer.
pub(super) fn contents(text: &str, reply_to: Option<&EventId>) -> Vec<Value> {
    matrix::outgoing::texts(&matrix::outgoing::Words::new(text), reply_to)
}

/// Sends the parts of a message into a portal room and returns the event of the first one. A speaker of ours that is
/// not in the room (any more) is brought in first.
pub(super) async fn send(
    bridge: &Inner,
    room: &Room,
    speaker: &Actor,
    contents: &[Value],
    transaction: &Transaction<'_>,
    at: Timestamp,
) -> Result<OwnedEventId, Failure> {
    let mut first = None;
    for (number, content) in contents.iter().enumerate() {
        fail_point!("bridge.show.send.before");
        let txn = transaction.part(number);
        let event = match speaker.send(&room.id, "m.room.message", content, &txn, Some(at)).await {
            Ok(event) => event,
            Err(error) if error.is_forbidden() && bridge.homeserver.names().is_ours(speaker.user()) => {
                enter(bridge, &room.id, speaker.user()).await?;
                speaker
                    .send(&room.id, "m.room.message", content, &txn, Some(at))
                    .await?
            }
            Err(error) => return Err(error.into()),
        };
        fail_point!("bridge.show.send.after");
        first.get_or_insert(event);
    }
    first.ok_or_else(|| Failure::Never("there is nothing to show".into()))
}
