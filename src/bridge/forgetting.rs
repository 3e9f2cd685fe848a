//! Messages that the owner deletes on their own devices only: by the command `delete-for-me`, and by REST, where it is a
//! job. A gallery goes as a whole.
//!
//! From a room that is the owner's alone the message goes too; where members read, it stays. Every step may be repeated.
//! Deliberately not here: what is deleted so on the phone (`incoming`).

use super::{
    Error, Inner, chats,
    error::Failure,
    incoming,
    live::{self, Said, What},
    message_fate::{self, MessageFate},
    worker::Desk,
};
use crate::{
    model::{Action, ChatChange, IdentityId, Lane, MessageRef, PortalKey, Work},
    network,
    store::{self, DELETED, Message, REFUSED, Tx},
};

/// Why a room does not show it any more.
const REASON: &str = "deleted for the owner";

/// Accepts that a message is deleted for the owner alone, and shows it as it will be here.
pub(super) async fn accept(
    bridge: &Inner,
    identity: IdentityId,
    chat: &str,
    message: &str,
) -> Result<MessageFate, Error> {
    let mut tx = bridge.store.begin().await?;
    let (device, found) = message_fate::named(bridge, &mut tx, identity, chat, message).await?;
    chats::is_linked(&device)?;
    let target = reference(&found);
    if !is_promised(&mut tx, &found.portal, &target).await? {
        let now = bridge.clock().now();
        chats::push_change(&mut tx, &found.portal, Action::Forget { target }, now).await?;
    }
    let is_private = tx.list_members(identity).await?.is_empty();
    tx.commit().await?;
    let mut fate = message_fate::find(bridge, identity, chat, message).await?;
    if is_private {
        fate.message.empty();
    }
    Ok(fate)
}

/// Who asks twice asks once.
async fn is_promised(tx: &mut Tx, key: &PortalKey, wanted: &MessageRef) -> Result<bool, store::Error> {
    let jobs = tx.list_jobs(&Lane::outgoing(key), "change").await?;
    Ok(jobs.iter().any(|work| match work {
        Work::Change(change) => matches!(&change.action, Action::Forget { target } if target == wanted),
        _ => false,
    }))
}

/// Does a job of kind `change` that is about this.
pub(super) async fn tell(desk: &Desk<'_>, change: &ChatChange, target: &MessageRef) -> Result<(), Failure> {
    let mut read = desk.bridge.store.read().await?;
    let found = read.find_message(&change.portal, &target.id, &target.sender).await?;
    let owned = read.find_owned_device(change.portal.device).await?;
    drop(read);
    let (Some(message), Some((_, identity))) = (found, owned) else {
        return desk.done().await;
    };
    on_devices(desk, &change.seed, &message).await?;
    if is_shared(desk.bridge, identity.id).await? {
        return desk.done().await;
    }
    in_room(desk, &message).await
}

/// Deletes a message, and with one that leads a gallery all of it, on the devices of the account. `seed`: what the ids of
/// these deletions follow from.
pub(super) async fn on_devices(desk: &Desk<'_>, seed: &str, message: &Message) -> Result<(), Failure> {
    let (bridge, key) = (desk.bridge, &message.portal);
    let mut read = bridge.store.read().await?;
    let all = with_pieces(&mut read, message).await?;
    let name = read.find_portal(key).await?.and_then(|portal| portal.name);
    drop(read);
    // A gallery is one wish of the owner: a turn for each file would have it begin again and again.
    bridge.pace.turn(key.device).await?;
    for (number, one) in all.iter().enumerate() {
        // Of what was refused no device knows.
        if one.kind == REFUSED {
            continue;
        }
        let id = bridge.network.message_id(&format!("{seed}/forget/{number}"));
        let action = Action::Forget { target: reference(one) };
        fail::fail_point!("bridge.forgetting.act.before");
        match bridge.network.act(key, &id, &action).await {
            // Said to people, without our own words around it.
            Err(network::Error::Refused(why)) => return Err(Failure::Never(why)),
            done => done?,
        }
        fail::fail_point!("bridge.forgetting.act.after");
    }
    let said = Said {
        chat: name,
        kind: Action::Forget {
            target: reference(message),
        }
        .name()
        .to_owned(),
        text: None,
        id: None,
    };
    live::tell_of(bridge, key.device, What::Outgoing(said)).await;
    Ok(())
}

/// Whether others read the rooms of an identity.
pub(super) async fn is_shared(bridge: &Inner, identity: IdentityId) -> Result<bool, Failure> {
    Ok(!bridge.store.read().await?.list_members(identity).await?.is_empty())
}

/// Takes a message, and with one that leads a gallery all of it, out of its room, and finishes the job.
pub(super) async fn in_room(desk: &Desk<'_>, message: &Message) -> Result<(), Failure> {
    let all = with_pieces(&mut desk.bridge.store.read().await?, message).await?;
    if all.iter().all(|one| one.kind == DELETED) {
        return desk.done().await;
    }
    if all.len() > 1 {
        return incoming::take_all_away(desk, message, REASON).await;
    }
    incoming::take_away(desk, message, None, Some(REASON)).await
}

/// A message, and with one that leads a gallery what stands in its event beside it.
async fn with_pieces(tx: &mut Tx, message: &Message) -> Result<Vec<Message>, store::Error> {
    let mut all = vec![message.clone()];
    if let Some(event) = &message.event
        && let Some(leads) = tx.find_message_by_event(event).await?
        && reference(&leads) == reference(message)
    {
        all.extend(tx.list_pieces(message).await?);
    }
    Ok(all)
}

fn reference(message: &Message) -> MessageRef {
    MessageRef {
        id: message.id.clone(),
        sender: message.sender.clone(),
    }
}
