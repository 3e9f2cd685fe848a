//! Rooms of ours that are portals no more: everybody goes, the bot last. The chat may come back in another room.

use ruma::RoomId;
use serde_json::json;

use super::{Inner, error::Failure, portals, worker::Desk};
use crate::{
    matrix::Error,
    model::{Lane, Work},
    store::{Portal, Tx},
};

/// Takes a portal away, in the transaction that is returned. Its alias goes first: whoever makes the next room of this
/// chat must not find the old one.
pub(super) async fn portal(desk: &Desk<'_>, portal: &Portal) -> Result<Tx, Failure> {
    let bridge = desk.bridge;
    bridge
        .homeserver
        .forget_room(&portals::alias(bridge, &portal.key))
        .await?;
    bridge.network.erase_chat(&portal.key).await?;
    let mut tx = bridge.store.begin().await?;
    tx.remove_group(&portal.key).await?;
    tx.remove_portal(&portal.key).await?;
    if let Some(room) = &portal.room {
        let work = Work::Abandon { room: room.clone() };
        tx.push_job(&Lane::room(room), &work, bridge.clock().now()).await?;
    }
    Ok(tx)
}

/// A room that is no portal any more stands in no space of ours.
pub(super) async fn leave_spaces(bridge: &Inner, room: &RoomId) -> Result<(), Failure> {
    let bot = bridge.homeserver.as_bot();
    let spaces = bridge.store.read().await?.list_spaces_with(room).await?;
    for space in spaces {
        match bot.send_state(&space, "m.space.child", room.as_str(), &json!({})).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::info!(%error, "a room could not be taken out of a space"),
            Ok(_) => {}
        }
        let mut tx = bridge.store.begin().await?;
        tx.set_in_space(&space, room, false).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Does a job of kind `abandon`.
pub(super) async fn room(desk: &Desk<'_>, room: &RoomId) -> Result<(), Failure> {
    let homeserver = &desk.bridge.homeserver;
    let bot = homeserver.as_bot();
    leave_spaces(desk.bridge, room).await?;
    let people = match bot.people(room).await {
        Ok(people) => people,
        // We went on an earlier attempt, or were thrown out before.
        Err(Error::Refused { status: 403, .. } | Error::NotFound(_)) => return desk.done().await,
        Err(error) => return Err(error.into()),
    };
    for user in people.iter().filter(|user| *user != bot.user()) {
        let gone = if homeserver.names().is_ours(user) {
            homeserver.as_user(user).leave(room).await
        } else {
            bot.kick(room, user, Some("the chat was deleted")).await
        };
        match gone {
            Err(error) if error.is_transient() => return Err(error.into()),
            // In a room that a person opened the bot may not send people away: they have it for themselves.
            Err(error) => tracing::info!(%error, "somebody stays in a room that is a portal no more"),
            Ok(()) => {}
        }
    }
    bot.leave(room).await?;
    desk.done().await
}
