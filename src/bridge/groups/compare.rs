//! Looks at groups again: all of a device after each connect, because news of groups may have been lost; and one of which
//! nothing is known, or of which the network said too little.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{Inner, error::Failure, timers, worker::Desk},
    furnish::push_furnish,
    members::push_gather,
    place::Place,
    put, words,
};
use crate::{
    model::{ChatId, ChatKind, DeviceId, Group, GroupKind, Lane, PortalKey, Timestamp, Work},
    network,
    store::{self, KnownGroup, ShownGroup, Tx},
};

/// What the network answers about a group.
pub(super) enum Asked {
    /// This.
    Known(Box<Group>),
    /// There is none, or the owner is not in it.
    Gone,
    /// Nothing, now.
    Unknown,
}

pub(super) async fn asked(bridge: &Inner, device: DeviceId, chat: &ChatId) -> Result<Asked, Failure> {
    match bridge.network.group(device, chat).await {
        Ok(group) => Ok(Asked::Known(Box::new(group))),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(network::Error::NotFound(_) | network::Error::Refused(_)) => Ok(Asked::Gone),
        Err(error) => {
            tracing::info!(%error, "a group could not be asked about");
            Ok(Asked::Unknown)
        }
    }
}

/// What the network says of a group; `None` when it says nothing.
pub(in super::super) async fn ask(bridge: &Inner, device: DeviceId, chat: &ChatId) -> Result<Option<Group>, Failure> {
    Ok(match asked(bridge, device, chat).await? {
        Asked::Known(group) => Some(*group),
        Asked::Gone | Asked::Unknown => None,
    })
}

/// Writes down what a group is like whose room was just made with its name and topic, and shows the rest.
pub(in super::super) async fn begin(bridge: &Arc<Inner>, key: &PortalKey, group: &Group) -> Result<(), Failure> {
    let mut tx = bridge.store.begin().await?;
    tx.lock_groups().await?;
    let before = tx.find_group(key).await?.map(|known| known.group);
    let is_new = before.is_none();
    if !is_new {
        // Somebody else knew it already, perhaps as it is by now.
        bridge.missed.note(key);
    }
    let now = bridge.clock().now();
    put::learn(&mut tx, key, before.as_ref(), (group, false), now).await?;
    // An earlier attempt may have made the room when the group was called otherwise.
    if is_new {
        tx.update_group_shown(key, |shown| {
            *shown = ShownGroup {
                title: Some(group.title.clone()),
                topic: Some(group.topic.clone().unwrap_or_default()),
                picture: Some(String::new()),
                approval: (!group.approval).then_some(false),
                levels: None,
            };
        })
        .await?;
    }
    tx.set_portal_timer(key, group.timer, None).await?;
    tx.commit().await?;
    if let Some(place) = Place::of(bridge, key).await? {
        put::settle(&place, None).await?;
    }
    Ok(())
}

/// Promises to look at a group again.
pub(in super::super) async fn push_look(tx: &mut Tx, bridge: &Inner, key: &PortalKey) -> Result<(), Failure> {
    let work = Work::LookAtGroup { portal: key.clone() };
    tx.push_job(&Lane::incoming(key), &work, bridge.clock().now()).await?;
    Ok(())
}

/// Does a job of kind `look_at_group`.
pub(in super::super) async fn look(desk: &Desk<'_>, key: &PortalKey) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let Some(place) = Place::ready(bridge, key).await? else {
        return desk.done().await;
    };
    let asked = match asked(bridge, key.device, &key.chat).await {
        // What was said in the chat does not wait for it: after the next connect all groups are compared.
        Err(Failure::Later { why, .. }) => {
            tracing::info!(why, "a group could not be looked at");
            Asked::Unknown
        }
        other => other?,
    };
    let mut tx = bridge.store.begin().await?;
    tx.lock_groups().await?;
    let before = tx.find_group(key).await?;
    let was_gone = before.as_ref().is_some_and(|known| known.gone);
    let before = before.map(|known| known.group);
    let title = place.portal.name.clone().unwrap_or_default();
    let known = before.clone().unwrap_or_else(|| Group {
        title,
        kind: match place.portal.kind {
            ChatKind::Channel => GroupKind::Channel,
            ChatKind::Direct | ChatKind::Group | ChatKind::Status | ChatKind::Other => GroupKind::Plain,
        },
        ..Group::default()
    });
    let (group, gone) = match asked {
        Asked::Known(group) => {
            timers::set(bridge, &mut tx, key, (group.timer, None)).await?;
            (*group, false)
        }
        Asked::Gone => (known, true),
        Asked::Unknown => (known, was_gone),
    };
    let kind = group.kind;
    let now = bridge.clock().now();
    put::learn(&mut tx, key, before.as_ref(), (&group, gone), now).await?;
    tx.commit().await?;
    put::settle(&place, None).await?;

    let mut tx = bridge.store.begin().await?;
    if gone != was_gone {
        let notice = Work::Notice {
            room: place.room.clone(),
            about: format!("look:{}", desk.job.id.0),
            text: if gone { words::out(kind) } else { words::in_again(kind) }.to_owned(),
        };
        tx.push_job(&Lane::room(&place.room), &notice, bridge.clock().now())
            .await?;
    }
    push_gather(&mut tx, bridge, key).await?;
    push_furnish(&mut tx, bridge, key, None).await?;
    desk.finish(tx).await
}

/// Promises to compare all groups of a device.
pub(in super::super) async fn push_compare(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<(), store::Error> {
    let work = Work::CompareGroups { device };
    tx.push_job(&Lane::groups(device), &work, now).await.map(drop)
}

/// Does a job of kind `compare_groups`: looks again at every group with a room that is not as it is known.
pub(in super::super) async fn all(desk: &Desk<'_>, device: DeviceId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let groups: HashMap<ChatId, Group> = match bridge.network.groups(device).await {
        Ok(groups) => groups.into_iter().collect(),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "the groups of a device could not be compared");
            return desk.done().await;
        }
    };
    let mut tx = bridge.store.begin().await?;
    for portal in tx.list_portals(device).await? {
        if !matches!(portal.kind, ChatKind::Group | ChatKind::Channel) || !portal.ready {
            continue;
        }
        let known = tx.find_group(&portal.key).await?;
        let timer = tx.find_portal_timer(&portal.key).await?;
        let is_as_known = match (groups.get(&portal.key.chat), &known) {
            (Some(now), Some(known)) => !known.gone && now.timer == timer && is_same(known, now),
            (None, Some(known)) => known.gone,
            (_, None) => false,
        };
        if !is_as_known {
            push_look(&mut tx, bridge, &portal.key).await?;
        }
    }
    desk.finish(tx).await
}

/// The timer is known by the portal, and the order of members means nothing.
fn is_same(known: &KnownGroup, now: &Group) -> bool {
    let plain = |group: &Group| {
        let mut group = group.clone();
        group.timer = None;
        group.members.sort_by(|one, other| one.who.cmp(&other.who));
        group
    };
    plain(&known.group) == plain(now)
}
