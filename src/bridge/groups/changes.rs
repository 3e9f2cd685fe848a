//! What happens to a group on its network, shown in its room.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    super::{Inner, error::Failure, portals, worker::Desk},
    compare::{self, Asked},
    furnish::push_furnish,
    members,
    place::{By, Place},
    put::{self, PutBy},
    words,
};
use crate::model::{Device, Event, Group, GroupChange, Lane, PortalKey, Sender, Work};

/// A group before a change and after it.
pub(super) struct Learned {
    pub(super) before: Option<Group>,
    pub(super) was_gone: bool,
    pub(super) group: Group,
    pub(super) gone: bool,
}

/// Groups of which a change found no room. In memory only: whoever makes a room after a start asks anew, and what stands
/// then is compared after the next connect.
#[derive(Debug, Default)]
pub(in super::super) struct Missed(Mutex<HashSet<PortalKey>>);

impl Missed {
    fn groups(&self) -> MutexGuard<'_, HashSet<PortalKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, key: &PortalKey) {
        self.groups().insert(key.clone());
    }
}

/// The room of a group is ready: what changed in the group while it was made is looked for.
pub(in super::super) async fn room_is_ready(bridge: &Inner, key: &PortalKey) -> Result<(), Failure> {
    if !bridge.missed.groups().contains(key) {
        return Ok(());
    }
    let mut tx = bridge.store.begin().await?;
    compare::push_look(&mut tx, bridge, key).await?;
    tx.commit().await?;
    // Only now: what could not be promised is promised by whoever comes into the room next.
    bridge.missed.groups().remove(key);
    Ok(())
}

/// Does a job of kind `incoming` that changes a group.
pub(in super::super) async fn take(
    desk: &Desk<'_>,
    device: &Device,
    event: &Event,
    change: &GroupChange,
) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let key = PortalKey::new(event.device, event.chat.clone());
    if *change == GroupChange::Created {
        portals::ensure(bridge, device, &event.chat, event.chat_kind, None).await?;
    }
    let mut place = Place::ready(bridge, &key).await?;
    if place.is_none() {
        // When somebody speaks there the room is made as the group is then. One that is being made may be as it was.
        bridge.missed.note(&key);
        place = Place::ready(bridge, &key).await?;
    }
    let Some(place) = place else { return desk.done().await };
    // Before the lane in the background can find them misplaced, and until they are moved.
    let _claim = bridge.claims.claim(&key, change);
    let learned = learn(&place, change).await?;
    fail::fail_point!("bridge.group.learned");
    let by = By::of(&place, &learned.group, event).await?;
    members::follow(&place, learned.group.kind, &by, change).await?;
    let put = put::settle(&place, Some(&by)).await?;
    let mut unheard = Vec::new();
    if let GroupChange::Requested(who) | GroupChange::Declined(who) = change {
        unheard = requests(&place, who, matches!(change, GroupChange::Requested(_))).await?;
    }
    let mut sentences: Vec<String> = words::told(change, &by, &learned, put == PutBy::Bot)
        .into_iter()
        .collect();
    sentences.extend(unheard.iter().map(|name| words::asks(name)));

    let mut tx = bridge.store.begin().await?;
    for text in sentences {
        let notice = Work::Notice {
            room: place.room.clone(),
            about: format!("in:{}", event.id.as_str()),
            text,
        };
        tx.push_job(&Lane::room(&place.room), &notice, bridge.clock().now())
            .await?;
    }
    if moves(change) {
        members::push_gather(&mut tx, bridge, &key).await?;
    }
    if let GroupChange::Picture(_) | GroupChange::Community(_) | GroupChange::Created | GroupChange::Other = change {
        let by = (*change != GroupChange::Other).then(|| event.sender.clone());
        push_furnish(&mut tx, bridge, &key, by).await?;
    }
    desk.finish(tx).await
}

/// Whether somebody may have to come or go.
fn moves(change: &GroupChange) -> bool {
    matches!(
        change,
        GroupChange::Created
            | GroupChange::Other
            | GroupChange::Joined(_)
            | GroupChange::Left(_)
            | GroupChange::Removed(_)
    )
}

/// Whether the group must be asked about: the change does not say all of it.
fn says_too_little(change: &GroupChange) -> bool {
    match change {
        GroupChange::Created | GroupChange::Other => true,
        GroupChange::Joined(who) => who.contains(&Sender::Owner),
        GroupChange::Deleted
        | GroupChange::Title(_)
        | GroupChange::Topic(_)
        | GroupChange::Picture(_)
        | GroupChange::Left(_)
        | GroupChange::Removed(_)
        | GroupChange::Promoted(_)
        | GroupChange::Demoted(_)
        | GroupChange::Announce(_)
        | GroupChange::Locked(_)
        | GroupChange::Approval(_)
        | GroupChange::MembersAdd(_)
        | GroupChange::Requested(_)
        | GroupChange::Admitted(_)
        | GroupChange::Declined(_)
        | GroupChange::LinkReset
        | GroupChange::Community(_) => false,
    }
}

/// Whether the owner is out of the group by it.
pub(super) fn ends(change: &GroupChange) -> bool {
    match change {
        GroupChange::Deleted => true,
        GroupChange::Left(who) | GroupChange::Removed(who) => who.contains(&Sender::Owner),
        GroupChange::Created
        | GroupChange::Title(_)
        | GroupChange::Topic(_)
        | GroupChange::Picture(_)
        | GroupChange::Joined(_)
        | GroupChange::Promoted(_)
        | GroupChange::Demoted(_)
        | GroupChange::Announce(_)
        | GroupChange::Locked(_)
        | GroupChange::Approval(_)
        | GroupChange::MembersAdd(_)
        | GroupChange::Requested(_)
        | GroupChange::Admitted(_)
        | GroupChange::Declined(_)
        | GroupChange::LinkReset
        | GroupChange::Community(_)
        | GroupChange::Other => false,
    }
}

/// Carries a change out in what is known.
async fn learn(place: &Place<'_>, change: &GroupChange) -> Result<Learned, Failure> {
    let bridge = place.bridge;
    let is_known = bridge.store.read().await?.is_group_known(&place.key).await?;
    let asked = if says_too_little(change) || !is_known {
        compare::asked(bridge, place.key.device, &place.key.chat).await?
    } else {
        Asked::Unknown
    };
    let mut tx = bridge.store.begin().await?;
    tx.lock_groups().await?;
    let before = tx.find_group(&place.key).await?;
    let was_gone = before.as_ref().is_some_and(|known| known.gone);
    let before = before.map(|known| known.group);
    let mut gone = was_gone;
    let group = match asked {
        Asked::Known(group) => {
            gone = false;
            *group
        }
        asked => {
            gone |= matches!(asked, Asked::Gone);
            let mut group = before.clone().unwrap_or_else(|| Group {
                title: place.portal.name.clone().unwrap_or_default(),
                ..Group::default()
            });
            group.apply(change);
            group
        }
    };
    gone |= ends(change);
    let now = place.bridge.clock().now();
    put::learn(&mut tx, &place.key, before.as_ref(), (&group, gone), now).await?;
    tx.commit().await?;
    Ok(Learned {
        before,
        was_gone,
        group,
        gone,
    })
}

/// People ask to be let in, or do so no more; the names of those who cannot be shown doing so.
async fn requests(place: &Place<'_>, who: &[Sender], ask: bool) -> Result<Vec<String>, Failure> {
    let mut unheard = Vec::new();
    for who in who {
        let Sender::Contact(contact) = who else { continue };
        if !members::knock(place, contact, ask).await? {
            unheard.push(super::super::ghosts::called(place.bridge, place.device.id, contact).await?);
        }
    }
    Ok(unheard)
}
