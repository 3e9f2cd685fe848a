//! One event of a portal room on its way to the network: which chat, whose, and whether its sender is heard there.

use std::time::Duration;

use ruma::EventId;

use super::{
    super::{
        error::Failure,
        live::{Said, What},
        timers,
        worker::Desk,
    },
    may_speak, posts, refuse,
};
use crate::{
    matrix::incoming::{Incoming, read},
    model::{Action, Device, Identity, Lane, MessageId, RoomEvent, Timestamp},
    network,
    store::{Message, MessageState, Portal, REFUSED},
};

/// For so long an event may be one that was shown and is not written down yet.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);

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
    /// The message of this chat that an event is, or is a part of. What is shown is written down a moment after people
    /// see it, and who is quick has answered by then: such an event is waited for.
    ///
    /// # Errors
    /// `Later` when it may be one that is being shown now.
    pub(in super::super) async fn message(&self, event: &EventId) -> Result<Option<Message>, Failure> {
        let key = &self.portal.key;
        let mut read = self.desk.bridge.store.read().await?;
        // In this order: a message that is written down between the two is found.
        let is_showing = read.has_jobs(&Lane::incoming(key), "incoming").await?;
        let found = read.find_message_by_event(event).await?;
        drop(read);
        if found.is_none() && is_showing && self.desk.waited() < SHOWN_WITHIN {
            return Err(Failure::Later {
                why: "the message it is about may be written down in a moment".into(),
                after: Some(Duration::from_millis(250)),
            });
        }
        // What was refused is nowhere but here.
        Ok(found.filter(|message| message.portal == *key && message.kind != REFUSED))
    }

    /// The same, of those that others have: to what was not sent nothing can be done there.
    pub(super) async fn sent_message(&self, event: &EventId) -> Result<Option<Message>, Failure> {
        let found = self.message(event).await?;
        Ok(found.filter(|message| message.state != MessageState::Failed))
    }

    /// After how many seconds what is said now disappears, and since when that is the timer of the chat.
    pub(super) async fn timer(&self) -> Result<(Option<u32>, Option<Timestamp>), Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        Ok(timers::of_message(&mut read, &self.portal.key, self.portal.kind).await?)
    }

    /// Finishes the job of what was done to an event that is no message of the chat: whoever takes it for one hears why
    /// nothing was sent.
    pub(super) async fn missed(&self, event: &EventId, why: &str) -> Result<(), Failure> {
        if self.looks_said(event).await? {
            return self.refuse(why).await;
        }
        self.desk.done().await
    }

    /// Whether people take an event for something that was said in the chat. Nobody takes notices of the bot, news of the
    /// room, marks, and what was taken back for that.
    pub(super) async fn looks_said(&self, event: &EventId) -> Result<bool, Failure> {
        let (bridge, room) = (self.desk.bridge, &self.event.room);
        let json = match bridge.homeserver.as_bot().event(room, event).await {
            Ok(json) => json,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(_) => None,
        };
        let Some(json) = json else { return Ok(true) };
        let bot = bridge.homeserver.names().bot();
        let is_bots = RoomEvent::read(&json, Some(room)).is_ok_and(|event| *event.sender == *bot);
        Ok(!is_bots && matches!(read(&json), Ok(Incoming::Say(_) | Incoming::Ours)))
    }

    /// The id of one of several messages that the event becomes.
    pub(super) fn part(&self, name: &str) -> MessageId {
        let event = &self.event.event;
        self.desk.bridge.network.message_id(&format!("{event}/{name}"))
    }

    /// Does it, at the pace of the device.
    pub(in super::super) async fn act(&self, action: &Action) -> Result<(), Failure> {
        self.act_under(&self.id, action).await
    }

    /// Does it under an id of its own.
    pub(super) async fn act_under(&self, id: &MessageId, action: &Action) -> Result<(), Failure> {
        let bridge = self.desk.bridge;
        bridge.pace.turn(self.portal.key.device).await?;
        fail::fail_point!("bridge.outgoing.act.before");
        if posts::is_own(&self.portal, action) {
            posts::act(self, id, action).await?;
        } else {
            bridge.network.act(&self.portal.key, id, action).await?;
        }
        fail::fail_point!("bridge.outgoing.act.after");
        let now = bridge.clock().now();
        bridge.live.tell(&self.device, now, || {
            let (kind, text) = action.summary();
            What::Outgoing(Said {
                chat: self.portal.name.clone(),
                kind: kind.to_owned(),
                text: text.map(str::to_owned),
                id: None,
            })
        });
        Ok(())
    }

    /// Does it where the network knows such a thing; tells whether it does.
    pub(super) async fn tries(&self, action: &Action) -> Result<bool, Failure> {
        self.desk.bridge.pace.turn(self.portal.key.device).await?;
        match self.desk.bridge.network.act(&self.portal.key, &self.id, action).await {
            Ok(()) => Ok(true),
            Err(network::Error::Unsupported(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Finishes the job because nothing can be sent, and says why.
    pub(super) async fn refuse(&self, why: &str) -> Result<(), Failure> {
        refuse(self.desk, self.event, why).await
    }
}
