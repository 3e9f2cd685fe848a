//! How ghosts look: their names and pictures follow what contacts tell of themselves. Nothing waits for a picture: it is
//! fetched by a job of its own, when something changed and at most once a day when the contact does something.
//!
//! Deliberately not here: making ghosts (`ghosts`), and anybody's address book, which is never shown in Matrix.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::json;

use super::{Inner, error::Failure, ghosts, worker::Desk};
use crate::{
    matrix::{self, Actor},
    media,
    model::{ChatKind, ContactId, DeviceId, Lane, Work},
    network::Picture,
    store::{self, Ghost, Portal, Tx},
};

/// How long a look is good for.
const LOOK_LASTS: i64 = 24 * 60 * 60 * 1000;
/// Looks of a device in a minute, and at once after a rest.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// When a device has looked too often.
const TOO_OFTEN: Duration = Duration::from_secs(5);

/// How often devices look.
pub(super) type Looks = DefaultKeyedRateLimiter<DeviceId>;

/// A limiter with our pace.
pub(super) fn looks() -> Looks {
    RateLimiter::keyed(Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE))
}

/// A contact did something: promises to look at it when that was not done for a day.
pub(super) async fn seen(bridge: &Inner, device: DeviceId, ghost: &Ghost) -> Result<(), Failure> {
    let now = bridge.clock().now();
    let is_fresh = ghost
        .asked_at
        .is_some_and(|at| now.millis().saturating_sub(at.millis()) < LOOK_LASTS);
    if is_fresh {
        return Ok(());
    }
    let mut tx = bridge.store.begin().await?;
    tx.set_ghost_asked(&ghost.contact).await?;
    promise(bridge, &mut tx, device, &ghost.contact).await?;
    tx.commit().await?;
    Ok(())
}

/// The network says that a contact looks different now: promises to look, when the contact has a ghost.
pub(super) async fn changed(bridge: &Inner, device: DeviceId, contact: &ContactId) -> Result<(), store::Error> {
    let mut tx = bridge.store.begin().await?;
    if tx.find_ghost(contact).await?.is_none_or(|ghost| !ghost.registered) {
        return Ok(());
    }
    tx.set_ghost_asked(contact).await?;
    promise(bridge, &mut tx, device, contact).await?;
    tx.commit().await
}

/// Promises to look at a contact.
pub(super) async fn promise(
    bridge: &Inner,
    tx: &mut Tx,
    device: DeviceId,
    contact: &ContactId,
) -> Result<(), store::Error> {
    let work = Work::LookAt {
        device,
        contact: contact.clone(),
    };
    tx.push_job(&Lane::ghost(contact), &work, bridge.clock().now())
        .await
        .map(drop)
}

/// Does a job of kind `look_at`.
pub(super) async fn look_at(desk: &Desk<'_>, device: DeviceId, contact: &ContactId) -> Result<(), Failure> {
    let bridge = desk.bridge;
    let known = bridge.store.read().await?.find_ghost(contact).await?;
    let Some(ghost) = known.filter(|ghost| ghost.registered) else {
        return desk.done().await;
    };
    if bridge.looks.check_key(&device).is_err() {
        return Err(Failure::Later {
            why: "the device has looked at many people just now".into(),
            after: Some(TOO_OFTEN),
        });
    }
    let name = match bridge.network.verified_name(device, contact).await {
        Ok(name) => name,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "whether somebody has a verified name could not be seen");
            None
        }
    };
    let chat = bridge.network.direct_chat(contact);
    let picture = match bridge.network.picture(device, &chat, ghost.picture.as_deref()).await {
        Ok(picture) => picture,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "what somebody looks like could not be seen");
            Picture::Same
        }
    };
    let name = match name {
        Some(name) => Some(name),
        None => Some(ghosts::called(bridge, device, contact).await?),
    };
    let name = name
        .filter(|name| !name.trim().is_empty())
        .or_else(|| ghost.name.clone());
    let actor = bridge.homeserver.as_user(&ghost.user);
    if name != ghost.name
        && let Some(name) = &name
    {
        actor.set_display_name(&ghosts::shown(bridge, name)).await?;
    }
    if let Some(name) = &name {
        rename_rooms(bridge, &ghost, name).await?;
    }
    let picture = wear(bridge, &actor, &ghost, picture).await?;
    let mut tx = bridge.store.begin().await?;
    tx.set_ghost_face(contact, name.as_deref(), picture.as_deref()).await?;
    desk.finish(tx).await
}

/// Puts a picture on a ghost, or takes it off; answers by which name it is known.
async fn wear(bridge: &Inner, actor: &Actor, ghost: &Ghost, picture: Picture) -> Result<Option<String>, Failure> {
    match picture {
        Picture::Same => Ok(ghost.picture.clone()),
        Picture::None => {
            if ghost.picture.as_deref().is_some_and(|before| !before.is_empty()) {
                actor.set_avatar(None).await?;
            }
            Ok(Some(String::new()))
        }
        Picture::Another { id, file } => {
            // Pictures of people are JPEG, now and then PNG.
            let mime = media::guess(&file).ok().flatten().unwrap_or("image/jpeg");
            let source = bridge.homeserver.upload_file(file, mime, "picture").await?;
            actor.set_avatar(Some(&source)).await?;
            Ok(Some(id))
        }
    }
}

/// Direct chats are called like the person, as long as nobody calls them otherwise. The person first: of two states that
/// were made at the same time Synapse may leave clients with what stood there before the older one.
async fn rename_rooms(bridge: &Inner, ghost: &Ghost, name: &str) -> Result<(), Failure> {
    let chat = bridge.network.direct_chat(&ghost.contact);
    let portals = bridge.store.read().await?.list_portals_of_chat(&chat).await?;
    for portal in portals {
        let Portal {
            room: Some(room),
            kind: ChatKind::Direct,
            name: Some(before),
            ..
        } = &portal
        else {
            continue;
        };
        if before == name {
            continue;
        }
        let bot = bridge.homeserver.as_bot();
        let renamed = async {
            let now = bot.get_state(room, "m.room.name", "").await?;
            if now.is_none_or(|now| now["name"] == before.as_str()) {
                let shown = ghosts::shown(bridge, name);
                bridge.homeserver.shows_as(room, &ghost.user, &shown).await?;
                bot.send_state(room, "m.room.name", "", &json!({ "name": name }))
                    .await?;
            }
            Ok(())
        };
        match renamed.await {
            Ok(()) => {}
            Err(error) => {
                let error: matrix::Error = error;
                if error.is_transient() {
                    return Err(error.into());
                }
                tracing::info!(%error, "a direct chat could not be renamed");
            }
        }
        let mut tx = bridge.store.begin().await?;
        tx.set_portal_name(&portal.key, name).await?;
        tx.commit().await?;
    }
    Ok(())
}
