//! Jobs: stored promises to do one thing. Jobs of one lane run strictly in order, lanes run side by side.

use ruma::{OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedUserId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Action, ChatId, ChatKind, ContactId, DeliveryId, DeviceId, Event, IdentityId, JobId, Lane, Media, MessageId,
    MessageRef, NewChat, PortalKey, SendId, Sender, Timestamp, WebhookId,
};

/// What a job promises. As JSON, each kind wraps its content: an inner tag would break the raw JSON of room events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Show an event of a network in Matrix.
    Incoming(Box<Event>),
    /// Do in a chat what a Matrix event says.
    FromMatrix(RoomEvent),
    /// Find the chat of a REST recipient, then pass on to its lane.
    Resolve(Outgoing),
    /// Send a REST message into its chat and echo it in the room.
    Send {
        /// The chat that was found.
        chat: ChatId,
        /// The message.
        outgoing: Outgoing,
    },
    /// Open a chat that somebody asked for by REST.
    BeginChat(NewChat),
    /// Tell a webhook what a contact said.
    Deliver(Delivery),
    /// Show one short notice of the bot in a room.
    Notice {
        /// In which room.
        room: OwnedRoomId,
        /// The event it is about: answered, and part of the transaction id, so that it is shown once.
        about: String,
        /// What it says.
        text: String,
    },
    /// Tell clients what became of a message that was sent from Matrix.
    Status {
        /// In which room.
        room: OwnedRoomId,
        /// Which event.
        event: OwnedEventId,
        /// Why it will never arrive; `None`: the network has it.
        failed: Option<String>,
    },
    /// The time of a message is over: take it away in Matrix.
    Expire {
        /// In which chat of which device.
        portal: PortalKey,
        /// Which message.
        message: MessageRef,
    },
    /// The moment has come until which votes in a poll count: end it in Matrix, unless it was moved since.
    ClosePoll {
        /// In which chat of which device.
        portal: PortalKey,
        /// The message that is the poll.
        poll: MessageRef,
        /// The moment.
        at: Timestamp,
    },
    /// The time of a pin is over: take the message from the top of its room.
    Unpin {
        /// In which chat of which device.
        portal: PortalKey,
        /// Which message.
        message: MessageRef,
        /// The moment: a pin that ends at another one is not meant.
        until: Timestamp,
    },
    /// The timer of a chat is another one: its room shall show it.
    ShowTimer {
        /// Which chat of which device.
        portal: PortalKey,
    },
    /// Media that the network has no more: ask whoever sent them, then show them in the place of the placeholder.
    Fetch {
        /// In which chat of which device.
        portal: PortalKey,
        /// Which message.
        message: MessageRef,
    },
    /// A contact has read what the owner said: show how far.
    ShowRead {
        /// In which chat of which device.
        portal: PortalKey,
        /// Who.
        contact: ContactId,
    },
    /// The owner has read in Matrix up to an event: tell the network what it does not know yet.
    TellRead {
        /// In which chat of which device.
        portal: PortalKey,
        /// Up to which event.
        event: OwnedEventId,
        /// Without letting those know who said it.
        quietly: bool,
    },
    /// The owner has read messages on another device: their room is read too.
    ReadElsewhere {
        /// Through which device we know.
        device: DeviceId,
        /// In which chat, when the network said so.
        chat: Option<ChatId>,
        /// Which messages.
        messages: Vec<MessageId>,
    },
    /// Look at all groups of a device: news of them may have been lost while it was not connected.
    CompareGroups {
        /// Which device.
        device: DeviceId,
    },
    /// Ask for the owner's own names for people, all of them.
    SyncContacts {
        /// Of which device.
        device: DeviceId,
    },
    /// Look at a group again, and make its room follow.
    LookAtGroup {
        /// Which chat of which device.
        portal: PortalKey,
    },
    /// Bring members of a group into its room, and those who left out of it.
    Gather {
        /// Which chat of which device.
        portal: PortalKey,
    },
    /// Give a room its picture and its place in a space.
    Furnish {
        /// Which chat of which device.
        portal: PortalKey,
        /// Who changed something about it, when somebody did.
        by: Option<Sender>,
    },
    /// Store a part of what a network told of the time before.
    History {
        /// Which device was told.
        device: DeviceId,
        /// Under which name the network keeps that part.
        part: String,
        /// Where to go on in it.
        from: u64,
    },
    /// Make rooms of the chats that were spoken in lately.
    OpenChats {
        /// Of which device.
        device: DeviceId,
    },
    /// Make the room of a chat and bring its newest messages of before into it.
    Place {
        /// Which chat of which device.
        portal: PortalKey,
        /// Kind of the chat.
        kind: ChatKind,
    },
    /// Show older messages of a chat, asking the network for them where they are not here.
    Older(Older),
    /// Forget what messages held that are older than they may be kept.
    Forget,
    /// The owner has read everything of a chat that was said by then: its room is read too.
    ShowOwnRead {
        /// In which chat of which device.
        portal: PortalKey,
        /// By when.
        at: Timestamp,
    },
    /// The owner wants a chat to be otherwise: tell the network.
    Change(Box<ChatChange>),
    /// The owner's own account shows a chat as the owner marked it.
    ShowMarks {
        /// Which chat of which device.
        portal: PortalKey,
    },
    /// The owner's own clients changed something about a chat: tell the network what is different.
    TellMarks {
        /// Which chat of which device.
        portal: PortalKey,
    },
    /// See what a contact looks like, and let its ghost look so.
    LookAt {
        /// Through which device.
        device: DeviceId,
        /// Whom.
        contact: ContactId,
    },
    /// A room is no portal any more: everybody of ours leaves it, and everybody else is sent away.
    Abandon {
        /// Which room.
        room: OwnedRoomId,
    },
    /// The last token of an identity is gone: stop its devices, unlink them, leave its rooms.
    RetireIdentity {
        /// Which identity.
        identity: IdentityId,
    },
    /// Invite a new member into the rooms of an identity.
    Admit {
        /// Which identity.
        identity: IdentityId,
        /// Who.
        user: OwnedUserId,
    },
    /// Take somebody who is no member any more out of the rooms of an identity.
    Part {
        /// Which identity.
        identity: IdentityId,
        /// Who.
        user: OwnedUserId,
    },
    /// Tell people how the link of a device stands, unless they know.
    TellLink {
        /// Which device.
        device: DeviceId,
    },
    /// A device was deleted by its owner: end the session at the network and forget its keys.
    Unlink {
        /// Which device.
        device: DeviceId,
    },
}

impl Work {
    /// The name of its kind, for the table, logs and metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Incoming(_) => "incoming",
            Self::FromMatrix(_) => "from_matrix",
            Self::Resolve(_) => "resolve",
            Self::Send { .. } => "send",
            Self::BeginChat(_) => "begin_chat",
            Self::Deliver(_) => "deliver",
            Self::Notice { .. } => "notice",
            Self::Status { .. } => "status",
            Self::Expire { .. } => "expire",
            Self::ClosePoll { .. } => "close_poll",
            Self::Unpin { .. } => "unpin",
            Self::ShowTimer { .. } => "show_timer",
            Self::Fetch { .. } => "fetch",
            Self::ShowRead { .. } => "show_read",
            Self::TellRead { .. } => "tell_read",
            Self::ReadElsewhere { .. } => "read_elsewhere",
            Self::CompareGroups { .. } => "compare_groups",
            Self::SyncContacts { .. } => "sync_contacts",
            Self::LookAtGroup { .. } => "look_at_group",
            Self::Gather { .. } => "gather",
            Self::Furnish { .. } => "furnish",
            Self::History { .. } => "history",
            Self::OpenChats { .. } => "open_chats",
            Self::Place { .. } => "place",
            Self::Older(_) => "older",
            Self::Forget => "forget",
            Self::ShowOwnRead { .. } => "show_own_read",
            Self::Change(_) => "change",
            Self::ShowMarks { .. } => "show_marks",
            Self::TellMarks { .. } => "tell_marks",
            Self::LookAt { .. } => "look_at",
            Self::Abandon { .. } => "abandon",
            Self::RetireIdentity { .. } => "retire_identity",
            Self::Admit { .. } => "admit",
            Self::Part { .. } => "part",
            Self::TellLink { .. } => "tell_link",
            Self::Unlink { .. } => "unlink",
        }
    }
}

/// An event of a Matrix room, as the homeserver gave it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoomEvent {
    /// The room.
    pub(crate) room: OwnedRoomId,
    /// Its id: known once, done once.
    pub(crate) event: OwnedEventId,
    /// Who sent it.
    pub(crate) sender: OwnedUserId,
    /// When, by the homeserver's clock.
    pub(crate) at: Timestamp,
    /// The whole event.
    pub(crate) json: Box<RawValue>,
}

impl RoomEvent {
    /// Reads an event as a homeserver gives it. Where it gives events by room, `room` says which: it is written into the
    /// event, so that all stored events look alike.
    ///
    /// # Errors
    /// The room, id, sender or time is missing or malformed.
    pub(crate) fn read(json: &RawValue, room: Option<&RoomId>) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Envelope {
            room_id: Option<OwnedRoomId>,
            event_id: OwnedEventId,
            sender: OwnedUserId,
            origin_server_ts: Timestamp,
        }
        let envelope: Envelope = serde_json::from_str(json.get())?;
        let (room, json) = match (envelope.room_id, room) {
            (Some(room), _) => (room, json.to_owned()),
            (None, Some(room)) => {
                let mut event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json.get())?;
                event.insert("room_id".into(), room.as_str().into());
                (room.to_owned(), serde_json::value::to_raw_value(&event)?)
            }
            (None, None) => return Err(serde::de::Error::missing_field("room_id")),
        };
        Ok(Self {
            room,
            event: envelope.event_id,
            sender: envelope.sender,
            at: envelope.origin_server_ts,
            json,
        })
    }
}

/// A message accepted by REST for one recipient.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    /// Its id, chosen when it was accepted.
    pub(crate) id: SendId,
    /// Whose message.
    pub(crate) identity: IdentityId,
    /// Through which device.
    pub(crate) device: DeviceId,
    /// The recipient exactly as it was spelled.
    pub(crate) recipient: String,
    /// The words; under a file when there is one.
    pub(crate) text: String,
    /// The file, which the homeserver has already.
    #[serde(default)]
    pub(crate) file: Option<Box<Media>>,
    /// The event it answers.
    pub(crate) reply_to: Option<OwnedEventId>,
}

/// Something about a chat that shall be otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct ChatChange {
    /// Which chat of which device.
    pub(crate) portal: PortalKey,
    /// What the network's id of it follows from.
    pub(crate) seed: String,
    /// How it shall be.
    pub(crate) action: Action,
}

/// A wish for older messages of a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Older {
    /// Which chat of which device.
    pub(crate) portal: PortalKey,
    /// How many.
    pub(crate) count: u32,
    /// Older than this one; `None`: the newest ones, because the room shows nothing yet.
    pub(crate) before: Option<Timestamp>,
    /// Where to show them, and the event that asked.
    pub(crate) room: OwnedRoomId,
    /// That event.
    pub(crate) about: OwnedEventId,
}

/// One signed request to a webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// The same on every retry.
    pub(crate) id: DeliveryId,
    /// To which webhook.
    pub(crate) webhook: WebhookId,
    /// Who spoke; nobody did in what concerns a device.
    #[serde(default)]
    pub(crate) contact: Option<ContactId>,
    /// When the first attempt may be made: the schedule counts from here.
    pub(crate) created_at: Timestamp,
    /// The body, as it will be posted but for the bytes of its media.
    pub(crate) body: String,
    /// Where those bytes are.
    #[serde(default)]
    pub(crate) media: Option<OwnedMxcUri>,
}

/// A job as it is claimed.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its place in the lane.
    pub(crate) id: JobId,
    /// Its lane.
    pub(crate) lane: Lane,
    /// How often it was tried before.
    pub(crate) attempts: u32,
    /// When it was accepted.
    pub(crate) created_at: Timestamp,
    /// What it promises.
    pub(crate) work: Work,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_a_group_that_an_older_wharf_promised_is_read() {
        let portal = PortalKey::new(DeviceId::generate(), ChatId::from_adapter("1@g.us"));
        let mut stored = serde_json::to_value(Work::LookAtGroup { portal: portal.clone() }).unwrap();
        stored["look_at_group"]["afresh"] = false.into();
        let Work::LookAtGroup { portal: read } = serde_json::from_value(stored).unwrap() else {
            panic!("another kind");
        };
        assert_eq!(read, portal);
    }

    #[test]
    fn a_room_event_survives_storage_word_for_word() {
        let json = r#"{"type":"m.room.message","content":{"body":"\u0000 a  b"},"big":12345678901234567890123}"#;
        let work = Work::FromMatrix(RoomEvent {
            room: "!room:example.org".try_into().unwrap(),
            event: "$event".try_into().unwrap(),
            sender: "@ana:example.org".try_into().unwrap(),
            at: Timestamp::from_secs(1),
            json: RawValue::from_string(json.into()).unwrap(),
        });
        let stored = serde_json::to_string(&work).unwrap();
        let Work::FromMatrix(event) = serde_json::from_str(&stored).unwrap() else {
            panic!("another kind");
        };
        assert_eq!(event.json.get(), json);
    }
}
