//! One event of a network on its way into Matrix: whose it is, where it is shown, and which message it is about.

use ruma::OwnedEventId;

use super::super::{
    error::Failure,
    faces, ghosts, groups,
    portals::{self, Room},
    worker::Desk,
};
use super::{albums, past};
use crate::{
    matrix::{Actor, transaction_id},
    model::{Action, ChatKind, Content, Device, Event, Identity, Lane, MessageId, MessageRef, PortalKey, Sender, Work},
    store::{self, DELETED, Direction, Message, Portal, Tx},
};

/// An event and everything that every kind of action needs to show it.
pub(super) struct Scene<'a> {
    pub(super) desk: &'a Desk<'a>,
    pub(super) event: &'a Event,
    pub(super) key: PortalKey,
    pub(super) device: Device,
    pub(super) identity: Identity,
}

impl Scene<'_> {
    /// The room of the chat, made when there is none, with what was said before in it.
    pub(super) async fn room(&self) -> Result<Room, Failure> {
        let name = self.event.sender_name.as_deref();
        let event = self.event;
        let room = portals::ensure(self.desk.bridge, &self.device, &event.chat, event.chat_kind, name).await?;
        past::place(self, &room).await?;
        Ok(room)
    }

    /// The same for another event of the same chat.
    pub(super) fn with<'b>(&'b self, event: &'b Event) -> Scene<'b> {
        Scene {
            desk: self.desk,
            event,
            key: self.key.clone(),
            device: self.device.clone(),
            identity: self.identity.clone(),
        }
    }

    /// The room of the chat, when there is one already.
    pub(super) async fn known_room(&self) -> Result<Option<Room>, Failure> {
        let portal = self.desk.bridge.store.read().await?.find_portal(&self.key).await?;
        Ok(portal.and_then(|portal| {
            let Portal { room, kind, name, .. } = portal;
            room.map(|id| Room { id, kind, name })
        }))
    }

    /// Who does in Matrix what the sender did.
    pub(super) async fn speaker(&self, room: &Room) -> Result<Actor, Failure> {
        let bridge = self.desk.bridge;
        match &self.event.sender {
            Sender::Owner => ghosts::owner(bridge, &self.device, &self.identity).await,
            Sender::Contact(contact) => {
                let name = self.event.sender_name.as_deref();
                let ghost = ghosts::ensure(bridge, self.device.id, contact, name).await?;
                faces::seen(bridge, self.device.id, &ghost).await?;
                if room.kind != ChatKind::Direct {
                    let who = (&self.event.sender, &*ghost.user);
                    groups::enter_to_speak(bridge, &self.key, &room.id, who).await?;
                }
                Ok(bridge.homeserver.as_user(&ghost.user))
            }
        }
    }

    /// What to call the sender in a sentence.
    pub(super) fn sender_name(&self) -> &str {
        match (&self.event.sender, self.event.sender_name.as_deref()) {
            (Sender::Owner, _) => "You",
            (Sender::Contact(_), Some(name)) => name,
            (Sender::Contact(_), None) => "Somebody",
        }
    }

    /// The transaction id of one thing this event does: the same for ever.
    pub(super) fn transaction(&self, what: &str) -> String {
        let sender = match &self.event.sender {
            Sender::Owner => "owner",
            Sender::Contact(contact) => contact.as_str(),
        };
        let device = self.key.device.to_string();
        transaction_id(&[what, &device, self.key.chat.as_str(), self.event.id.as_str(), sender])
    }

    /// The message that the event is about, and its Matrix event. `None`: the job is settled, because the message was
    /// taken back, or is not there yet (then a job of its own waits for it), or never came (then a notice says so).
    ///
    /// The network keeps the order of a chat, but a message that could not be decrypted at first comes later than what
    /// was done to it.
    pub(super) async fn target(&self, target: &MessageRef, deed: &str) -> Result<Option<Target>, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        let found = self.find(&mut read, target).await?;
        let found = match albums::first(self, &mut read, target, found.as_ref()).await? {
            Some(first) => Some(first),
            None => found.filter(|found| !albums::is_album(found)),
        };
        drop(read);
        match found {
            Some(message) if message.kind == DELETED => {
                self.desk.done().await?;
                Ok(None)
            }
            Some(message) => match message.event.clone() {
                Some(event) => Ok(Some(Target { message, event })),
                None => self.wait_for(target, deed).await,
            },
            None => self.wait_for(target, deed).await,
        }
    }

    /// What is stored of a message, shown or not.
    pub(super) async fn find(&self, read: &mut Tx, target: &MessageRef) -> Result<Option<Message>, Failure> {
        let exact = read.find_message(&self.key, &target.id, &target.sender).await?;
        Ok(match exact {
            Some(found) => Some(found),
            None => read.find_message_by_id(&self.key, &target.id).await?,
        })
    }

    /// Whether what this event changes or takes away was said by somebody else than it claims. A person may be known by
    /// two names, of which one was given up.
    pub(super) async fn is_of_another(&self) -> Result<bool, Failure> {
        let (Action::Edit { target, .. }
        | Action::Move { target, .. }
        | Action::Delete { target }
        | Action::EndPoll { poll: target }) = &self.event.action
        else {
            return Ok(false);
        };
        let mut read = self.desk.bridge.store.read().await?;
        let Some(found) = self.find(&mut read, target).await? else {
            return Ok(false);
        };
        let claimed = for_life(&mut read, &target.sender).await?;
        Ok(for_life(&mut read, &found.sender).await? != claimed)
    }

    /// A message of before that no room shows: what is done to it is done to what is stored of it. `None`: it is shown,
    /// or not known at all. An album is shown by its pictures.
    pub(super) async fn unshown(&self, target: &MessageRef) -> Result<Option<Message>, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        let found = self.find(&mut read, target).await?;
        let is_unshown = |message: &Message| {
            message.event.is_none() && message.direction == Direction::In && message.kind != DELETED
        };
        let Some(found) = found.filter(is_unshown) else {
            return Ok(None);
        };
        let is_placed = albums::is_album(&found)
            && (found.room.is_some() || albums::first(self, &mut read, target, Some(&found)).await?.is_some());
        Ok(Some(found).filter(|_| !is_placed))
    }

    /// Whether a message was ever written down.
    pub(super) async fn is_known(&self, target: &MessageRef) -> Result<bool, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        Ok(read.find_message_by_id(&self.key, &target.id).await?.is_some())
    }

    /// Whether a message itself is here, and not only what stands for it until it comes.
    pub(super) async fn has_come(&self, target: &MessageRef) -> Result<bool, Failure> {
        let mut read = self.desk.bridge.store.read().await?;
        let found = read.find_message_by_id(&self.key, &target.id).await?;
        Ok(found.is_some_and(|found| found.content != Some(Content::Awaited)))
    }

    /// Waits beside the chat: first for a while, then, after a notice, for as long as such events are kept at all. The
    /// message itself ends that second wait (see [`Scene::end_waiting`]).
    pub(super) async fn wait_for(&self, target: &MessageRef, deed: &str) -> Result<Option<Target>, Failure> {
        let (desk, config) = (self.desk, &self.desk.bridge.config);
        let (late, orphan) = (Lane::late(&self.key, &target.id), Lane::orphan(&self.key, &target.id));
        if desk.job.lane == orphan {
            let left = config.incoming_patience().saturating_sub(desk.waited());
            if left.is_zero() {
                desk.done().await?;
                return Ok(None);
            }
            return Err(Failure::Later {
                why: "the message it is about did not come".into(),
                after: Some(left),
            });
        }
        let now = desk.bridge.clock().now();
        let work = Work::Incoming(Box::new(self.event.clone()));
        if desk.job.lane != late {
            let mut tx = desk.bridge.store.begin().await?;
            tx.push_job(&late, &work, now).await?;
            desk.finish(tx).await?;
            return Ok(None);
        }
        if desk.waited() < config.target_patience() {
            return Err(Failure::Later {
                why: "the message it is about is not here yet".into(),
                after: None,
            });
        }
        let room = self.known_room().await?;
        let mut tx = desk.bridge.store.begin().await?;
        // Whoever came between our look and this waits for nothing more, and is not called missing.
        tx.hold_waiting(&self.key, &target.id).await?;
        let came = tx.find_message_by_id(&self.key, &target.id).await?;
        let first = albums::first(self, &mut tx, target, came.as_ref()).await?;
        let came = came.filter(|came| !albums::is_album(came)).or(first);
        if came.is_some_and(|came| came.event.is_some()) {
            tx.push_job(&orphan, &work, now).await?;
            desk.finish(tx).await?;
            return Ok(None);
        }
        if let Some(room) = room {
            let notice = Work::Notice {
                about: format!("in:{}", self.event.id.as_str()),
                text: format!("{} {deed}", self.sender_name()),
                room: room.id.clone(),
            };
            tx.push_job(&Lane::room(&room.id), &notice, now).await?;
        }
        let at_last = i64::from(config.retry_incoming_for) * 1000;
        tx.push_job(&orphan, &work, now.plus_millis(at_last)).await?;
        desk.finish(tx).await?;
        Ok(None)
    }

    /// The message of this event is here, perhaps as a picture of an album: whatever waits for either is done now.
    pub(super) async fn end_waiting(&self, tx: &mut Tx, album: Option<&MessageId>) -> Result<(), Failure> {
        let waiting = Work::Incoming(Box::new(self.event.clone()));
        for id in [Some(&self.event.id), album].into_iter().flatten() {
            tx.hold_waiting(&self.key, id).await?;
            tx.hasten_jobs(&Lane::orphan(&self.key, id), waiting.kind()).await?;
        }
        Ok(())
    }
}

/// A message that something is done to.
pub(super) struct Target {
    pub(super) message: Message,
    /// Its first Matrix event.
    pub(super) event: OwnedEventId,
}

impl Target {
    /// Which message.
    pub(super) fn reference(&self) -> MessageRef {
        MessageRef {
            id: self.message.id.clone(),
            sender: self.message.sender.clone(),
        }
    }
}

/// Somebody by the name that is theirs for life.
async fn for_life(read: &mut Tx, who: &Sender) -> Result<Sender, store::Error> {
    Ok(match who {
        Sender::Owner => Sender::Owner,
        Sender::Contact(contact) => Sender::Contact(read.find_alias(contact).await?.unwrap_or_else(|| contact.clone())),
    })
}
