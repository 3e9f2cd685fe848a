//! Members of an identity: brought into its rooms and taken out of them, in the background; and the words that say on
//! the network which of them wrote.
//!
//! Called by commands, by jobs that `access` writes, and by `outgoing`. Deliberately not here: who may make somebody a
//! member.

use ruma::{OwnedRoomId, UserId};

use super::{error::Failure, worker::Desk};
use crate::{
    model::{Content, IdentityId, Lane, Text, Work},
    store::Tx,
};

/// Makes somebody a member and promises to bring them into the rooms; whether they were none.
pub(super) async fn add(tx: &mut Tx, identity: IdentityId, user: &UserId) -> Result<bool, Failure> {
    if !tx.add_member(identity, user).await? {
        return Ok(false);
    }
    let now = tx.now();
    let work = Work::Admit {
        identity,
        user: user.to_owned(),
    };
    tx.push_job(&Lane::identity(identity), &work, now).await?;
    Ok(true)
}

/// Makes somebody no member any more and promises to take them out of the rooms; whether they were one.
pub(super) async fn remove(tx: &mut Tx, identity: IdentityId, user: &UserId) -> Result<bool, Failure> {
    if !tx.remove_member(identity, user).await? {
        return Ok(false);
    }
    let now = tx.now();
    let work = Work::Part {
        identity,
        user: user.to_owned(),
    };
    tx.push_job(&Lane::identity(identity), &work, now).await?;
    Ok(true)
}

async fn rooms(tx: &mut Tx, identity: IdentityId) -> Result<Vec<OwnedRoomId>, Failure> {
    let mut rooms = Vec::new();
    for device in tx.list_devices(identity).await? {
        rooms.extend(tx.find_device_space(device.id).await?);
        let portals = tx.list_portals(device.id).await?;
        rooms.extend(portals.into_iter().filter_map(|portal| portal.room));
    }
    Ok(rooms)
}

/// Does a job of kind `admit`: one room after the other, so that nobody's messages wait for it. Rooms that are made
/// meanwhile invite everybody by themselves.
pub(super) async fn admit(desk: &Desk<'_>, identity: IdentityId, user: &UserId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let is_member = read.list_members(identity).await?.iter().any(|member| member == user);
    let rooms = if is_member {
        rooms(&mut read, identity).await?
    } else {
        Vec::new()
    };
    drop(read);
    for room in rooms {
        match bridge.homeserver.as_bot().invite(&room, user).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::info!(%error, "a member could not be invited into a room"),
            Ok(()) => {}
        }
    }
    desk.done().await
}

/// Does a job of kind `part`.
pub(super) async fn part(desk: &Desk<'_>, identity: IdentityId, user: &UserId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    // They may be a member again by now.
    let is_member = read.list_members(identity).await?.iter().any(|member| member == user);
    let rooms = if is_member {
        Vec::new()
    } else {
        rooms(&mut read, identity).await?
    };
    drop(read);
    for room in rooms {
        match bridge
            .homeserver
            .as_bot()
            .kick(&room, user, Some("no member any more"))
            .await
        {
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => tracing::info!(%error, "somebody could not be taken out of a room"),
            Ok(()) => {}
        }
    }
    desk.done().await
}

/// The words with the name of whoever wrote them before them.
pub(super) fn signed(content: &mut Content, name: &str, prefix: &str) {
    let prefix = prefix.replace("{name}", name);
    let words: Option<&mut Text> = match content {
        Content::Text(text) => Some(text),
        Content::Media(media) => media.caption.as_mut(),
        Content::Location(_)
        | Content::Contacts(_)
        | Content::Poll(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Awaited
        | Content::Unsupported(_) => None,
    };
    if let Some(text) = words {
        text.body.insert_str(0, &prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{ChatId, ChatKind, IdentityKind, PortalKey},
        store::{Portal, testing::World},
    };

    #[tokio::test]
    async fn the_space_of_a_device_is_one_of_its_rooms() {
        for world in [World::sqlite().await, World::postgres().await] {
            let (identity, device) = world.linked("@owner:hs.test", IdentityKind::Real).await;
            let [space, room]: [OwnedRoomId; 2] = ["!space:hs.test", "!room:hs.test"].map(|id| id.try_into().unwrap());
            let portal = Portal {
                key: PortalKey::new(device.id, ChatId::from_adapter("1@g.us")),
                room: Some(room.clone()),
                kind: ChatKind::Group,
                name: None,
                ready: true,
            };
            let mut tx = world.store.begin().await.unwrap();
            tx.upsert_portal(&portal).await.unwrap();
            assert_eq!(rooms(&mut tx, identity.id).await.unwrap(), std::slice::from_ref(&room));
            tx.set_device_space(device.id, &space).await.unwrap();
            assert_eq!(rooms(&mut tx, identity.id).await.unwrap(), [space, room]);
            tx.commit().await.unwrap();
        }
    }

    #[test]
    fn words_say_who_wrote_them() {
        let mut content = Content::Text(Text::plain("hello"));
        signed(&mut content, "Bob", "{name}: ");
        assert_eq!(content.text(), Some("Bob: hello"));
    }
}
