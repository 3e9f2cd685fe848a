//! Who is in the room of a group. Those who speak come in when they do; the others come in the background, a few at a time
//! and in a lane of their own: a group of a thousand is usable at once.
//!
//! Two lanes may move one member: the chat's own, which is told of comings and goings, and the one in the background. Each
//! first writes down what it did and looks then where the member belongs, so that the later one puts it right. Whom a
//! change moves the chat's own lane claims before, so that the room says who did it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _};
use ruma::{RoomId, UserId};

use super::{
    super::{Inner, error::Failure, ghosts, portals, worker::Desk},
    place::{By, Place},
};
use crate::{
    matrix,
    model::{ContactId, GroupChange, GroupKind, Lane, PortalKey, Sender, Work},
    store::{Misplaced, Tx},
};

/// How many members one job moves.
const BATCH: u32 = 20;
/// How many of them at the same time: the homeserver is there for messages too.
const AT_ONCE: usize = 4;
/// When all who are left are claimed.
const CLAIMED: Duration = Duration::from_millis(500);
/// So many who come or go together are moved at once, by whoever did it; more than that in the background.
const FEW: usize = 5;

/// Brings a speaker into the room of a group, unless that was done before.
pub(in super::super) async fn enter_to_speak(
    bridge: &Arc<Inner>,
    key: &PortalKey,
    room: &RoomId,
    (who, user): (&Sender, &UserId),
) -> Result<(), Failure> {
    if bridge.store.read().await?.is_group_member_present(key, who).await? {
        return Ok(());
    }
    portals::enter(bridge, room, user).await?;
    let mut tx = bridge.store.begin().await?;
    // In a room that is the chat's no more, nobody is where they belong.
    if tx.is_room_of(key, room).await? {
        tx.set_group_member_present(key, who, true, bridge.clock().now())
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Does a job of kind `gather`: brings in some of those who are missing, takes out some of those who are too many, and
/// promises the rest.
pub(in super::super) async fn gather(desk: &Desk<'_>, key: &PortalKey) -> Result<(), Failure> {
    let Some(place) = Place::of(desk.bridge, key).await? else {
        return desk.done().await;
    };
    let (known, misplaced) = {
        let mut read = desk.bridge.store.read().await?;
        (
            read.find_group(key).await?,
            read.list_misplaced_members(key, BATCH).await?,
        )
    };
    let is_space = known.is_none_or(|known| known.group.kind == GroupKind::Community);
    if misplaced.is_empty() || is_space {
        return desk.done().await;
    }
    // Looked at after the list was made: who is on it is claimed already, or was moved since.
    let is_free = |member: &&Misplaced| !desk.bridge.claims.is_claimed(key, member.who());
    let work: Vec<_> = misplaced
        .iter()
        .filter(is_free)
        .map(|member| put_right(&place, member).boxed())
        .collect();
    if work.is_empty() {
        return Err(Failure::Later {
            why: "a change moves the members who are left".into(),
            after: Some(CLAIMED),
        });
    }
    let moving = futures_util::stream::iter(work).buffer_unordered(AT_ONCE);
    let moved: Vec<Result<(), Failure>> = moving.collect().await;
    moved.into_iter().collect::<Result<Vec<()>, _>>()?;
    fail::fail_point!("bridge.gather.after");
    let mut tx = desk.bridge.store.begin().await?;
    push_gather(&mut tx, desk.bridge, key).await?;
    desk.finish(tx).await
}

/// Promises to bring everybody to where they belong.
pub(in super::super) async fn push_gather(tx: &mut Tx, bridge: &Inner, key: &PortalKey) -> Result<(), Failure> {
    let work = Work::Gather { portal: key.clone() };
    tx.push_job(&Lane::gathering(key), &work, bridge.clock().now()).await?;
    Ok(())
}

async fn put_right(place: &Place<'_>, member: &Misplaced) -> Result<(), Failure> {
    let done = match member {
        Misplaced::Outside(Sender::Contact(contact)) => bring_in(place, contact, None).await,
        Misplaced::Inside(Sender::Contact(contact)) => take_out(place, contact, None).await,
        Misplaced::Outside(Sender::Owner) | Misplaced::Inside(Sender::Owner) => Ok(()),
    };
    match done {
        // Somebody who cannot be moved is left where they are: nobody else waits for them.
        Err(Failure::Never(why)) => {
            tracing::warn!(why, "a member of a group could not be brought to where they belong");
            note(place, member.who(), matches!(member, Misplaced::Outside(_))).await
        }
        other => other,
    }
}

async fn note(place: &Place<'_>, who: &Sender, present: bool) -> Result<(), Failure> {
    let mut tx = place.bridge.store.begin().await?;
    if tx.is_room_of(&place.key, &place.room).await? {
        let now = place.bridge.clock().now();
        tx.set_group_member_present(&place.key, who, present, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Moves those who come or go by a change, when they are few.
pub(super) async fn follow(place: &Place<'_>, kind: GroupKind, by: &By, change: &GroupChange) -> Result<(), Failure> {
    // A space is looked through by its rooms, not by its members.
    if kind == GroupKind::Community {
        return Ok(());
    }
    for who in movers(change) {
        let Sender::Contact(contact) = who else { continue };
        let by = Some(by).filter(|by| by.who != *who);
        match change {
            GroupChange::Joined(_) => bring_in(place, contact, by).await?,
            _ => take_out(place, contact, by).await?,
        }
    }
    Ok(())
}

/// Those who come or go by a change, when they are few.
fn movers(change: &GroupChange) -> &[Sender] {
    match change {
        GroupChange::Joined(people) | GroupChange::Left(people) | GroupChange::Removed(people)
            if people.len() <= FEW =>
        {
            people
        }
        _ => &[],
    }
}

/// Whom changes move at this moment: the lane in the background leaves them alone, so that the room says who did it. In
/// memory only: whoever is misplaced after a start is moved by that lane.
#[derive(Debug, Default)]
pub(in super::super) struct Claims(Mutex<HashMap<PortalKey, Vec<Sender>>>);

impl Claims {
    fn people(&self) -> MutexGuard<'_, HashMap<PortalKey, Vec<Sender>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims those whom [`follow`] moves. A group has one change at a time.
    pub(super) fn claim(&self, key: &PortalKey, change: &GroupChange) -> Claim<'_> {
        self.people().insert(key.clone(), movers(change).to_vec());
        Claim {
            claims: self,
            key: key.clone(),
        }
    }

    fn is_claimed(&self, key: &PortalKey, who: &Sender) -> bool {
        self.people().get(key).is_some_and(|people| people.contains(who))
    }
}

/// A claim, as long as it is there.
pub(super) struct Claim<'a> {
    claims: &'a Claims,
    key: PortalKey,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.people().remove(&self.key);
    }
}

async fn bring_in(place: &Place<'_>, contact: &ContactId, by: Option<&By>) -> Result<(), Failure> {
    let (bridge, room) = (place.bridge, &place.room);
    let who = Sender::Contact(contact.clone());
    let ghost = ghosts::ensure(bridge, place.device.id, contact, None).await?;
    let actor = bridge.homeserver.as_user(&ghost.user);
    let invited = match by {
        Some(by) => passed(by.actor.invite(room, &ghost.user).await)?,
        None => false,
    };
    if !invited {
        // In a room that a person opened the bot may not be allowed to; whoever was invited before can come in still.
        passed(bridge.homeserver.as_bot().invite(room, &ghost.user).await)?;
    }
    actor.join(&**room).await?;
    let mut tx = bridge.store.begin().await?;
    if !tx.is_room_of(&place.key, room).await? {
        // The chat got another room meanwhile.
        return Ok(());
    }
    let now = bridge.clock().now();
    let rank = tx.set_group_member_present(&place.key, &who, true, now).await?;
    tx.commit().await?;
    if rank.is_none() {
        // Gone meanwhile.
        actor.leave(room).await?;
        note(place, &who, false).await?;
    }
    Ok(())
}

async fn take_out(place: &Place<'_>, contact: &ContactId, by: Option<&By>) -> Result<(), Failure> {
    let (bridge, room) = (place.bridge, &place.room);
    let ghost = bridge.store.read().await?.find_ghost(contact).await?;
    if let Some(ghost) = ghost {
        match by {
            Some(by) => {
                if !passed(by.actor.kick(room, &ghost.user, None).await)? {
                    let reason = format!("removed by {}", by.name);
                    let bot = bridge.homeserver.as_bot();
                    passed(bot.kick(room, &ghost.user, Some(&reason)).await)?;
                }
            }
            None => bridge.homeserver.as_user(&ghost.user).leave(room).await?,
        }
    }
    note(place, &Sender::Contact(contact.clone()), false).await
}

/// Whether the homeserver let it pass; being refused is no failure.
fn passed<T>(answer: Result<T, matrix::Error>) -> Result<bool, Failure> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.is_forbidden() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Somebody asks to be let in, or does so no more. Where they cannot knock, `false`.
pub(super) async fn knock(place: &Place<'_>, contact: &ContactId, asks: bool) -> Result<bool, Failure> {
    let (bridge, room) = (place.bridge, &place.room);
    let ghost = ghosts::ensure(bridge, place.device.id, contact, None).await?;
    let actor = bridge.homeserver.as_user(&ghost.user);
    if asks {
        return passed(actor.knock(room).await);
    }
    let bot = bridge.homeserver.as_bot();
    if bot.membership(room, &ghost.user).await?.as_deref() == Some("knock") {
        actor.leave(room).await?;
    }
    Ok(true)
}
