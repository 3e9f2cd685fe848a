//! The timer of disappearing messages as people set it by the state of a room. What cannot be so is taken back there, with
//! a notice that says why.

use super::{
    super::{chat_changes, error::Failure, timers, worker::Desk},
    may_speak, push_notice,
};
use crate::{
    matrix::incoming::RoomChange,
    model::{RoomEvent, TIMERS},
};

const NOT_HEARD: &str = "only the owner and members are heard here";
const OTHERWISE: &str = "messages of WhatsApp disappear a day, 7 days or 90 days after they were sent, or never";

/// Promises to tell the network of a timer, of so many milliseconds.
///
/// When somebody else set another one meanwhile, that counts: its own event follows. What we put there does not: it may be
/// what was taken back before.
pub(super) async fn changed(desk: &Desk<'_>, event: &RoomEvent, after: Option<u64>) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let Some(portal) = read.find_portal_by_room(&event.room).await? else {
        drop(read);
        return desk.done().await;
    };
    let Some((_, identity)) = read.find_owned_device(portal.key.device).await? else {
        drop(read);
        return desk.done().await;
    };
    let members = read.list_members(identity.id).await?;
    drop(read);
    let change = RoomChange::Timer(after);
    let state = bridge
        .homeserver
        .as_bot()
        .get_state_with_sender(&event.room, change.event_type(), "")
        .await?;
    let is_standing = match &state {
        Some((_, Some(sender))) if bridge.homeserver.names().is_ours(sender) => true,
        state => change.standing(state.as_ref().map(|(content, _)| content)).is_some(),
    };
    if !is_standing {
        return desk.done().await;
    }
    let mut tx = bridge.store.begin().await?;
    let accepted = match seconds(after) {
        _ if !may_speak(&identity, &members, &event.sender) => Err(NOT_HEARD),
        Ok(timer) => chat_changes::wish_timer(&mut tx, &portal, timer, bridge.clock().now())
            .await?
            .map(drop),
        Err(why) => Err(why),
    };
    if let Err(why) = accepted {
        timers::promise(bridge, &mut tx, &portal.key).await?;
        push_notice(&mut tx, bridge, event, &format!("Taken back: {why}.")).await?;
    }
    desk.finish(tx).await
}

/// A timer as networks have it; or why they have no such one.
fn seconds(after: Option<u64>) -> Result<Option<u32>, &'static str> {
    let Some(after) = after else { return Ok(None) };
    let known = TIMERS.into_iter().find(|seconds| u64::from(*seconds) * 1000 == after);
    known.map(Some).ok_or(OTHERWISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_a_timer_of_a_room_is_one_that_networks_have() {
        assert_eq!(seconds(None), Ok(None));
        assert_eq!(seconds(Some(604_800_000)), Ok(Some(604_800)));
        for other in [0, 1, 604_800, 604_800_001, u64::MAX] {
            assert_eq!(seconds(Some(other)), Err(OTHERWISE), "{other}");
        }
    }
}
