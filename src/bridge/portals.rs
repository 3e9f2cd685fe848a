//! Portals: finds or makes the one Matrix room of each chat of each device, and brings people into it.
//!
//! A room is made under an alias that follows from its portal. When we die between making a room and writing it down,
//! the next attempt finds the room by its alias instead of making a second one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fail::fail_point;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};

use super::{Inner, chat_marks, error::Failure, ghosts, groups, moving, presence, timers};
use crate::{
    matrix::{self, NewRoom, State, transaction_id},
    model::{ChatId, ChatKind, Device, DeviceId, Group, GroupKind, Identity, IdentityKind, Lane, PortalKey, Work},
    store::Portal,
};

/// How often somebody else may change the room of a chat while it is made ready, before that waits.
const ROUNDS: u32 = 4;
/// Held while a direct chat is filed: who files another one must not write over it.
static FILING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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
    for _ in 0..ROUNDS {
        if let Some(room) = find_or_make(bridge, device, chat, kind, name).await? {
            return Ok(room);
        }
    }
    Err(Failure::Later {
        why: "the chat gets another room".into(),
        after: None,
    })
}

/// One attempt at it; `None` when somebody else gave the chat another room meanwhile, or took it away.
async fn find_or_make(
    bridge: &Arc<Inner>,
    device: &Device,
    chat: &ChatId,
    kind: ChatKind,
    name: Option<&str>,
) -> Result<Option<Room>, Failure> {
    let key = PortalKey::new(device.id, chat.clone());
    let known = bridge.store.read().await?.find_portal(&key).await?;
    let known = match known {
        Some(known) => Some(known),
        None => adopt(bridge, &key).await?,
    };
    if let Some(Portal {
        room: Some(room),
        ready: true,
        kind,
        name,
        ..
    }) = known
    {
        if let ChatKind::Group | ChatKind::Channel = kind {
            look_at_unknown(bridge, &key).await?;
            groups::room_is_ready(bridge, &key).await?;
        }
        return Ok(Some(Room { id: room, kind, name }));
    }
    let (identity, members) = {
        let mut read = bridge.store.read().await?;
        let identity = read
            .find_identity(device.identity)
            .await?
            .ok_or_else(|| Failure::Never("the identity is gone".into()))?;
        (identity, read.list_members(device.identity).await?)
    };
    // What is known of the chat is more than what whoever asks for its room guesses.
    let kind = known.as_ref().map_or(kind, |known| known.kind);
    ghosts::account(bridge, bridge.homeserver.names().bot()).await?;
    let people = People::of(bridge, device, chat, identity, members, name).await?;
    let group = group_of(bridge, device.id, chat, kind).await?;
    let (before, called) = known.map_or((None, None), |known| (known.room, known.name));
    let title = match (&group, called) {
        (Some(group), _) => group.title.clone(),
        (None, Some(called)) if before.is_some() => called,
        (None, _) => title(bridge, device, chat, kind, name).await?,
    };
    let room = match &before {
        Some(room) => room.clone(),
        None => make(bridge, device, (&key, kind, &title), group.as_ref(), &people).await?,
    };
    let mut portal = Portal {
        key,
        room: Some(room.clone()),
        kind,
        name: Some(title.clone()),
        ready: false,
    };
    if !settle(bridge, &portal, before.as_deref()).await? {
        return Ok(None);
    }
    people.enter(bridge, &room).await?;
    if let Some(group) = &group {
        groups::begin(bridge, &portal.key, group).await?;
    }
    people.file(bridge, &room, kind).await?;
    portal.ready = true;
    let mut tx = bridge.store.begin().await?;
    if !tx.settle_portal(&portal, Some(&room)).await? {
        return Ok(None);
    }
    if tx.is_group_known(&portal.key).await? {
        groups::push_gather(&mut tx, bridge, &portal.key).await?;
    }
    groups::push_furnish(&mut tx, bridge, &portal.key, None).await?;
    chat_marks::room_is_made(bridge, &mut tx, &portal.key).await?;
    timers::room_is_made(bridge, &mut tx, &portal.key, kind).await?;
    tx.commit().await?;
    groups::room_is_ready(bridge, &portal.key).await?;
    presence::watch(bridge, &portal.key).await;
    Ok(Some(Room {
        id: room,
        kind,
        name: Some(title),
    }))
}

/// A group of which nothing is known is looked at: its room may be older than what is remembered of groups.
async fn look_at_unknown(bridge: &Inner, key: &PortalKey) -> Result<(), Failure> {
    if bridge.store.read().await?.is_group_known(key).await? {
        return Ok(());
    }
    let mut tx = bridge.store.begin().await?;
    groups::push_look(&mut tx, bridge, key).await?;
    tx.commit().await?;
    Ok(())
}

/// What is known of a chat with many.
async fn group_of(bridge: &Inner, device: DeviceId, chat: &ChatId, kind: ChatKind) -> Result<Option<Group>, Failure> {
    match kind {
        ChatKind::Group | ChatKind::Channel => groups::ask(bridge, device, chat).await,
        ChatKind::Direct | ChatKind::Status | ChatKind::Other => Ok(None),
    }
}

/// The room that a direct chat had while the other person was known by another name.
async fn adopt(bridge: &Inner, key: &PortalKey) -> Result<Option<Portal>, Failure> {
    let Some(contact) = bridge.network.direct_contact(&key.chat) else {
        return Ok(None);
    };
    let mut tx = bridge.store.begin().await?;
    if let Some(known) = tx.find_portal(key).await? {
        return Ok(Some(known));
    }
    for alias in tx.list_aliases(&contact).await? {
        let former = PortalKey::new(key.device, bridge.network.direct_chat(&alias));
        if tx.find_portal(&former).await?.is_some() {
            tx.rename_chat(&former, &key.chat).await?;
            let adopted = tx.find_portal(key).await?;
            tx.commit().await?;
            return Ok(adopted);
        }
    }
    Ok(None)
}

/// Writes down which room a chat has, unless it has another one than `before` by now; whether it did. A room that was just
/// made and that nobody needs goes again, its alias first.
async fn settle(bridge: &Inner, portal: &Portal, before: Option<&RoomId>) -> Result<bool, Failure> {
    let mut tx = bridge.store.begin().await?;
    if tx.settle_portal(portal, before).await? {
        tx.commit().await?;
        return Ok(true);
    }
    drop(tx);
    if let (None, Some(room)) = (before, &portal.room) {
        tracing::info!(%room, "a chat got another room while one was made for it");
        bridge.homeserver.forget_room(&alias(bridge, &portal.key)).await?;
        let mut tx = bridge.store.begin().await?;
        let work = Work::Abandon { room: room.clone() };
        tx.push_job(&Lane::room(room), &work, bridge.clock().now()).await?;
        tx.commit().await?;
    }
    Ok(false)
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

    /// How a room stands in its owner's account; their own clients can change that. Statuses shall not ring, and stand at
    /// the end of the list. Whom we bring into a direct chat has no invite by which their clients would file it as one.
    async fn file(&self, bridge: &Inner, room: &RoomId, kind: ChatKind) -> Result<(), Failure> {
        let Some(puppet) = bridge.homeserver.as_puppet(&self.identity.user) else {
            return Ok(());
        };
        let filed = match (kind, &self.ghost) {
            (ChatKind::Status, _) => match puppet.mute(room, true).await {
                Ok(()) => puppet.tag(room, matrix::LOW_PRIORITY, true).await,
                Err(error) => Err(error),
            },
            (ChatKind::Direct, Some(ghost)) => {
                let _one = FILING.lock().await;
                puppet.file_as_direct(room, ghost).await
            }
            _ => return Ok(()),
        };
        match filed {
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::info!(%error, "a room could not be filed in the account of its owner");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn enter(&self, bridge: &Arc<Inner>, room: &RoomId) -> Result<(), Failure> {
        if let Some(ghost) = &self.ghost {
            enter(bridge, room, ghost).await?;
        }
        bring_people(bridge, room, &self.identity, &self.members).await
    }
}

/// Brings the owner of a device and the members into a room.
pub(super) async fn bring_people(
    bridge: &Inner,
    room: &RoomId,
    identity: &Identity,
    members: &[OwnedUserId],
) -> Result<(), Failure> {
    match identity.kind {
        IdentityKind::Registered => enter(bridge, room, &identity.user).await?,
        IdentityKind::Real => {
            let went_out = moving::went_out(bridge, room, &identity.user).await;
            invite(bridge, room, &identity.user).await?;
            if !went_out && let Some(puppet) = bridge.homeserver.as_puppet(&identity.user) {
                match puppet.join(room).await {
                    Ok(_) => {}
                    Err(error) if error.is_transient() => return Err(error.into()),
                    Err(error) => tracing::info!(%error, "the owner could not be brought into a room"),
                }
            }
        }
    }
    for member in members {
        invite(bridge, room, member).await?;
    }
    Ok(())
}

/// What a chat is called of which the network says no more.
async fn title(
    bridge: &Inner,
    device: &Device,
    chat: &ChatId,
    kind: ChatKind,
    name: Option<&str>,
) -> Result<String, Failure> {
    match (bridge.network.direct_contact(chat), kind, name) {
        (Some(_), ChatKind::Direct | ChatKind::Channel, Some(name)) => Ok(name.to_owned()),
        (Some(contact), ChatKind::Direct | ChatKind::Channel, None) => {
            ghosts::called(bridge, device.id, &contact).await
        }
        (_, ChatKind::Status, _) => Ok(format!("{} status", device.platform.title())),
        _ => Ok("Group".into()),
    }
}

/// Invites a real person. In a room that a person opened the bot may not be allowed to: then its owner decides.
pub(super) async fn invite(bridge: &Inner, room: &RoomId, user: &UserId) -> Result<(), Failure> {
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

/// The alias of a portal's room (its localpart).
pub(super) fn alias(bridge: &Inner, key: &PortalKey) -> String {
    let hash = transaction_id(&["portal", &key.device.to_string(), key.chat.as_str()]);
    bridge.homeserver.names().portal_alias(&hash)
}

async fn make(
    bridge: &Inner,
    device: &Device,
    (key, kind, title): (&PortalKey, ChatKind, &str),
    group: Option<&Group>,
    people: &People,
) -> Result<OwnedRoomId, Failure> {
    let info = matrix::outgoing::BridgeInfo {
        bot: bridge.homeserver.names().bot(),
        creator: Some(&people.identity.user),
        network: device.platform.protocol(),
        network_name: device.platform.title(),
        chat: key.chat.as_str(),
        title: Some(title),
    };
    let mut state = matrix::outgoing::bridge_state(&info);
    if kind == ChatKind::Direct {
        // Clients name a room of two after the other one, and must not count the bot.
        state.push(State {
            event_type: matrix::outgoing::FUNCTIONAL_MEMBERS.into(),
            key: String::new(),
            content: matrix::outgoing::functional_members(bridge.homeserver.names().bot()),
        });
    }
    let topic = match group {
        Some(group) => group.topic.clone(),
        None => Some(format!("{} chat through +{}", device.platform.title(), device.number)),
    };
    let room = NewRoom {
        alias: alias(bridge, key),
        name: Some(title.to_owned()),
        topic,
        is_space: group.is_some_and(|group| group.kind == GroupKind::Community),
        is_direct: kind == ChatKind::Direct,
        invite: people.invited(bridge.homeserver.names().server()),
        levels: people.levels(),
        state,
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
