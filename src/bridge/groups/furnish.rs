//! What a room has besides what is said in it, brought in the background: the words that say what it is, the picture of its
//! group, and its place in a space.

use super::{
    super::{Inner, error::Failure, worker::Desk},
    introduce::introduce,
    place::{By, Place},
    put, spaces,
};
use crate::{
    matrix,
    model::{Lane, PortalKey, Sender, Work},
    network::Picture,
    store::{KnownGroup, Tx},
};
use serde_json::json;

/// How often a picture is tried.
const ATTEMPTS: u32 = 5;

/// Promises to do so; `by` is who changed something about it.
pub(in super::super) async fn push_furnish(
    tx: &mut Tx,
    bridge: &Inner,
    key: &PortalKey,
    by: Option<Sender>,
) -> Result<(), Failure> {
    let work = Work::Furnish {
        portal: key.clone(),
        by,
    };
    tx.push_job(&Lane::furnishing(key.device), &work, bridge.clock().now())
        .await?;
    Ok(())
}

/// Does a job of kind `furnish`.
pub(in super::super) async fn furnish(desk: &Desk<'_>, key: &PortalKey, by: Option<&Sender>) -> Result<(), Failure> {
    let Some(place) = Place::of(desk.bridge, key).await? else {
        return desk.done().await;
    };
    // The other rooms of the device wait behind this one.
    match introduce(&place).await {
        Err(Failure::Later { why, .. }) if desk.job.attempts >= ATTEMPTS => {
            tracing::warn!(why, "a room does not say what it is");
        }
        other => other?,
    }
    let known = desk.bridge.store.read().await?.find_group(key).await?;
    let community = known.as_ref().and_then(|known| known.group.community.clone());
    spaces::stand(&place, community.as_ref(), desk.job.attempts).await?;
    if let Some(known) = known {
        let by = match by {
            Some(who) => Some(By::somebody(&place, &known.group, who, None, desk.job.created_at).await?),
            None => None,
        };
        match picture(&place, &known, by.as_ref()).await {
            Err(Failure::Later { why, .. }) if desk.job.attempts >= ATTEMPTS => {
                tracing::warn!(why, "the picture of a group is left for the next comparison");
            }
            other => other?,
        }
    }
    desk.done().await
}

/// Brings the picture of a group over, when it is not the one that its room shows.
async fn picture(place: &Place<'_>, known: &KnownGroup, by: Option<&By>) -> Result<(), Failure> {
    let bridge = place.bridge;
    let wanted = known.group.picture.as_deref().unwrap_or_default();
    let shown = known.shown.picture.as_deref();
    if known.gone || shown == Some(wanted) {
        return Ok(());
    }
    let is_shown = shown.filter(|shown| !shown.is_empty());
    let asked = match wanted {
        "" => Ok(Picture::None),
        _ => {
            bridge
                .network
                .picture(place.key.device, &place.key.chat, is_shown)
                .await
        }
    };
    let now = match asked {
        Ok(Picture::Same) => return Ok(()),
        Ok(Picture::None) => {
            if shown.is_some() || !put::shows(place, "m.room.avatar", &json!({})).await? {
                put::state(place, by, "m.room.avatar", &json!({})).await?;
            }
            String::new()
        }
        Ok(Picture::Another { id, file }) => {
            match bridge.homeserver.upload_file(file, "image/jpeg", "picture.jpg").await {
                Ok(url) => {
                    let content = json!({"url": url, "info": {"mimetype": "image/jpeg"}});
                    put::state(place, by, "m.room.avatar", &content).await?;
                }
                Err(matrix::Error::TooLarge { .. }) => tracing::info!("the picture of a group is too large"),
                Err(error) => return Err(error.into()),
            }
            id
        }
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "the picture of a group could not be fetched");
            return Ok(());
        }
    };
    let mut tx = bridge.store.begin().await?;
    if tx.is_room_of(&place.key, &place.room).await? {
        tx.update_group_shown(&place.key, |shown| shown.picture = Some(now))
            .await?;
    }
    tx.commit().await?;
    Ok(())
}
