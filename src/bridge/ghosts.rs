//! The Matrix users that show contacts: registered at first use, one for each person, named as they name themselves.

use std::sync::Arc;

use ruma::{OwnedUserId, UserId};

use super::{Error, Inner, error::Failure, faces};
use crate::{
    matrix::{Actor, DEVICE},
    model::{ContactId, Device, DeviceId, Identity, IdentityKind},
    store::Ghost,
};

/// The ghost of a contact, registered and named. `name` is what the network just told, if it did.
pub(super) async fn ensure(
    bridge: &Arc<Inner>,
    device: DeviceId,
    contact: &ContactId,
    name: Option<&str>,
) -> Result<Ghost, Failure> {
    let known = bridge.store.read().await?.find_ghost(contact).await?;
    if let Some(ghost) = &known
        && ghost.registered
        && (name.is_none() || ghost.name.as_deref() == name)
        && ghost.name.is_some()
    {
        return Ok(ghost.clone());
    }
    let user = match &known {
        Some(ghost) => ghost.user.clone(),
        None => bridge.homeserver.names().ghost(&bridge.network.ghost_name(contact)),
    };
    if !known.as_ref().is_some_and(|ghost| ghost.registered) {
        bridge.homeserver.register(&user).await?;
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => called(bridge, device, contact).await?,
    };
    bridge
        .homeserver
        .as_user(&user)
        .set_display_name(&shown(bridge, &name))
        .await?;
    let before = known.as_ref().and_then(|ghost| ghost.name.as_deref());
    let is_renamed = before.is_some_and(|before| before != name);
    let ghost = Ghost {
        contact: contact.clone(),
        user,
        device: DEVICE.into(),
        name: Some(name),
        registered: true,
        picture: known.as_ref().and_then(|ghost| ghost.picture.clone()),
        asked_at: known.as_ref().and_then(|ghost| ghost.asked_at),
    };
    let mut tx = bridge.store.begin().await?;
    tx.upsert_ghost(&ghost).await?;
    if is_renamed {
        // Rooms are called by the name, too.
        faces::promise(bridge, &mut tx, device, contact).await?;
    }
    tx.commit().await?;
    Ok(ghost)
}

/// A name as Matrix shows it.
pub(super) fn shown(bridge: &Inner, name: &str) -> String {
    bridge.config.ghost_name.replace("{name}", name)
}

/// What to call a contact that has not said its name.
pub(super) async fn called(bridge: &Inner, device: DeviceId, contact: &ContactId) -> Result<String, Failure> {
    let info = match bridge.network.contact(device, contact).await {
        Ok(info) => info,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => crate::model::ContactInfo::default(),
    };
    Ok(info
        .name
        .or_else(|| info.phone.map(|phone| format!("+{phone}")))
        .unwrap_or_else(|| "Somebody".into()))
}

/// Who speaks for the owner of a device: the registered identity itself, a real user through double puppeting, else
/// the ghost of the owner's own number.
pub(super) async fn owner(bridge: &Arc<Inner>, device: &Device, identity: &Identity) -> Result<Actor, Failure> {
    match identity.kind {
        IdentityKind::Registered => {
            account(bridge, &identity.user).await?;
            Ok(bridge.homeserver.as_user(&identity.user))
        }
        IdentityKind::Real => {
            if let Some(actor) = bridge.homeserver.as_puppet(&identity.user) {
                return Ok(actor);
            }
            let contact = bridge
                .network
                .contact_of_ghost(&device.number)
                .await?
                .ok_or_else(|| Failure::Never("the owner's number is none".into()))?;
            let ghost = ensure(bridge, device.id, &contact, None).await?;
            Ok(bridge.homeserver.as_user(&ghost.user))
        }
    }
}

/// Registers a user of ours that is no ghost: the bot, or an identity.
pub(super) async fn account(bridge: &Inner, user: &UserId) -> Result<(), Failure> {
    if bridge.store.read().await?.is_account_ready(user).await? {
        return Ok(());
    }
    if user == bridge.homeserver.names().bot() {
        bridge.homeserver.ensure_bot().await?;
    } else {
        bridge.homeserver.register(user).await?;
    }
    let mut tx = bridge.store.begin().await?;
    tx.set_account_ready(user).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a user of our namespace can exist. Registers a ghost before it says yes, since the homeserver invites it
/// right after.
pub(super) async fn exists(bridge: &Arc<Inner>, user: &UserId) -> Result<bool, Error> {
    let names = bridge.homeserver.names();
    if user == names.bot() {
        return Ok(true);
    }
    if let Some(name) = names.ghost_name(user) {
        let Some(contact) = bridge.network.contact_of_ghost(name).await? else {
            return Ok(false);
        };
        let registered: OwnedUserId = names.ghost(&bridge.network.ghost_name(&contact));
        if registered != *user {
            return Ok(false);
        }
        if bridge
            .store
            .read()
            .await?
            .find_ghost(&contact)
            .await?
            .is_some_and(|ghost| ghost.registered)
        {
            return Ok(true);
        }
        bridge.homeserver.register(user).await?;
        let ghost = Ghost {
            contact,
            user: user.to_owned(),
            device: DEVICE.into(),
            name: None,
            registered: true,
            picture: None,
            asked_at: None,
        };
        let mut tx = bridge.store.begin().await?;
        tx.upsert_ghost(&ghost).await?;
        tx.commit().await?;
        return Ok(true);
    }
    Ok(bridge.store.read().await?.find_identity_by_user(user).await?.is_some())
}
