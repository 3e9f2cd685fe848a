//! One event of a portal room on its way to the network: which chat, whose, and whether its sender is heard there.

use ruma::EventId;

use super::{
    super::{error::Failure, worker::Desk},
    may_speak, refuse,
};
use crate::{
    model::{Action, Device, Identity, MessageId, RoomEvent},
    store::{Message, Portal},
};

/// An event that may be acted upon.
pub(in super::super) struct Stage<'a> {
    pub(in super::super) desk: &'a Desk<'a>,
    pub(in super::super) event: &'a RoomEvent,
    pub(in super::super) portal: Portal,
    pub(in super::super) device: Device,
    pub(in super::super) identity: Identity,
    /// What the event becomes on the network is known by this: the same for ever.
    pub(in super::super) id: MessageId,
}

/// Sets the stage; `None` when the job is finished already, because nobody is heard here.
pub(in super::super) async fn of<'a>(desk: &'a Desk<'a>, event: &'a RoomEvent) -> Result<Option<Stage<'a>>, Failure> {
    let bridge = desk.bridge;
    let mut read = bridge.store.read().await?;
    let Some(portal) = read.find_portal_by_room(&event.room).await? else {
        drop(read);
        desk.done().await?;
        return Ok(None);
    };
    let Some(device) = read.find_device(portal.key.device).await? else {
        drop(read);
        refuse(desk, event, "the device of this room was removed.").await?;
        return Ok(None);
    };
    let Some(identity) = read.find_identity(device.identity).await? else {
        drop(read);
        refuse(desk, event, "the owner of this room is gone.").await?;
        return Ok(None);
    };
    let members = read.list_members(identity.id).await?;
    drop(read);
    if !may_speak(&identity, &members, &event.sender) {
        refuse(desk, event, "only the owner and members are heard here.").await?;
        return Ok(None);
    }
    let id = bridge.network.message_id(event.event.as_str());
    Ok(Some(Stage {
        desk,
        event,
        portal,
        device,
        identity,
        id,
    }))
}

impl Stage<'_> {
    /// The message of this chat that an event is, or is a part of.
    pub(in super::super) async fn message(&self, event: &EventId) -> Result<Option<Message>, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        let message = read.find_message_by_event(event).await?;
        Ok(message.filter(|message| message.portal == self.portal.key))
    }

    /// Does it, at the pace of the device.
    pub(in super::super) async fn act(&self, action: &Action) -> Result<(), Failure> {
        let bridge = self.desk.bridge;
        bridge.pace.wait(self.portal.key.device).await;
        fail::fail_point!("bridge.outgoing.act.before");
        bridge.network.act(&self.portal.key, &self.id, action).await?;
        fail::fail_point!("bridge.outgoing.act.after");
        Ok(())
    }

    /// Finishes the job with a notice that says why nothing was sent.
    pub(super) async fn refuse(&self, why: &str) -> Result<(), Failure> {
        refuse(self.desk, self.event, why).await
    }
}
