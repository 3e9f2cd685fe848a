//! Spaces: one for each device, with all of its rooms in it, and one for each community, which stands in that. The room of
//! a community is a space itself.

use std::time::Duration;

use ruma::{OwnedRoomId, RoomId};
use serde_json::{Value, json};

use super::{
    super::{error::Failure, portals},
    compare,
    place::Place,
};
use crate::{
    matrix::{self, NewRoom, outgoing, transaction_id},
    model::{Action, ChatId, ChatKind, Event, GroupChange, GroupKind, Lane, MessageId, PortalKey, Sender, Work},
};

/// How long a room waits for the space of its community.
const WAIT: Duration = Duration::from_millis(500);
/// And how often: other rooms of the device wait behind it.
const PATIENCE: u32 = 60;

/// Puts a room into the space where it belongs, and takes it out of others of ours. `attempts` is how often that was tried.
pub(super) async fn stand(place: &Place<'_>, community: Option<&ChatId>, attempts: u32) -> Result<(), Failure> {
    let space = match community {
        Some(community) => of_community(place, community, attempts).await?,
        None => None,
    };
    let space = match space {
        Some(space) => space,
        None => of_device(place).await?,
    };
    if space == place.room {
        return Ok(());
    }
    let others = place.bridge.store.read().await?.list_spaces_with(&place.room).await?;
    for other in others.iter().filter(|other| **other != space) {
        link(place, other, false).await?;
    }
    if !others.contains(&space) {
        link(place, &space, true).await?;
    }
    Ok(())
}

/// The space of a community; `None` when the network does not know it as one. It is made in the lane of its own chat, so
/// that nobody makes it twice.
async fn of_community(place: &Place<'_>, community: &ChatId, attempts: u32) -> Result<Option<OwnedRoomId>, Failure> {
    let (bridge, device) = (place.bridge, &place.device);
    let key = PortalKey::new(device.id, community.clone());
    let known = bridge.store.read().await?.find_portal(&key).await?;
    if let Some(portal) = known
        && portal.ready
    {
        return Ok(portal.room);
    }
    let group = compare::ask(bridge, device.id, community).await?;
    if group.is_none_or(|group| group.kind != GroupKind::Community) {
        return Ok(None);
    }
    if attempts > PATIENCE {
        tracing::warn!("a community has no space after a long time: its group stands in that of the device");
        return Ok(None);
    }
    if attempts == 0 {
        let now = bridge.clock().now();
        let begins = Event {
            device: device.id,
            chat: community.clone(),
            chat_kind: ChatKind::Group,
            id: MessageId::from_adapter(format!("community:{}", place.key.chat.as_str())),
            sender: Sender::Owner,
            sender_name: None,
            at: now,
            action: Action::Group(GroupChange::Created),
        };
        let mut tx = bridge.store.begin().await?;
        tx.push_job(&Lane::incoming(&key), &Work::Incoming(Box::new(begins)), now)
            .await?;
        tx.commit().await?;
    }
    Err(Failure::Later {
        why: "the space of the community is being made".into(),
        after: Some(WAIT),
    })
}

/// The space of a device, made when there is none.
async fn of_device(place: &Place<'_>) -> Result<OwnedRoomId, Failure> {
    let (bridge, device) = (place.bridge, &place.device);
    if let Some(space) = bridge.store.read().await?.find_device_space(device.id).await? {
        return Ok(space);
    }
    let names = bridge.homeserver.names();
    let hash = transaction_id(&["space", &device.id.to_string()]);
    let title = device.platform.title();
    let people = place.members.iter().chain([&place.identity.user]);
    let room = NewRoom {
        alias: names.portal_alias(&hash),
        name: Some(format!("{title} +{}", device.number)),
        topic: Some(format!("All {title} chats of +{}", device.number)),
        invite: people
            .filter(|user| user.server_name() == names.server())
            .cloned()
            .collect(),
        is_space: true,
        ..NewRoom::default()
    };
    let space = bridge.homeserver.create_room(&room).await?;
    portals::bring_people(bridge, &space, &place.identity, &place.members).await?;
    let mut tx = bridge.store.begin().await?;
    tx.set_device_space(device.id, &space).await?;
    tx.commit().await?;
    Ok(space)
}

/// Ties a room to a space, or unties it: both know of each other.
async fn link(place: &Place<'_>, space: &RoomId, stands: bool) -> Result<(), Failure> {
    let server = place.bridge.homeserver.names().server();
    let (child, parent) = if stands {
        (outgoing::space_child(server), outgoing::space_parent(server))
    } else {
        (json!({}), json!({}))
    };
    say(place, space, ("m.space.child", &place.room), &child).await?;
    say(place, &place.room, ("m.space.parent", space), &parent).await?;
    let mut tx = place.bridge.store.begin().await?;
    tx.set_in_space(space, &place.room, stands).await?;
    tx.commit().await?;
    Ok(())
}

/// In a room that a person opened the bot may not be allowed to say where it stands.
async fn say(place: &Place<'_>, room: &RoomId, what: (&str, &RoomId), content: &Value) -> Result<(), Failure> {
    let bot = place.bridge.homeserver.as_bot();
    let said = bot.send_state(room, what.0, what.1.as_str(), content).await;
    match said {
        Ok(_) => Ok(()),
        Err(matrix::Error::Refused { status: 403, .. }) => {
            tracing::info!("the bot may not say in which space a room stands");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
