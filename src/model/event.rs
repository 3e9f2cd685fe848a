//! What networks tell us.

use serde::{Deserialize, Serialize};

use super::{Action, ChatId, ChatKind, ContactId, DeviceId, LinkSignal, MessageId, Sender, Timestamp, Typing};

/// Something that happened in a chat and must reach Matrix: accepted durably before the network is told so.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    /// The device that was told.
    pub(crate) device: DeviceId,
    /// The chat it happened in.
    pub(crate) chat: ChatId,
    /// Kind of that chat.
    pub(crate) chat_kind: ChatKind,
    /// The id of the message; sending twice under one id is one message.
    pub(crate) id: MessageId,
    /// Who did it.
    pub(crate) sender: Sender,
    /// The name the sender shows, when the network told it.
    pub(crate) sender_name: Option<String>,
    /// When it happened, by the network's clock.
    pub(crate) at: Timestamp,
    /// What happened.
    pub(crate) action: Action,
}

/// How far a message came with somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reached {
    /// Their phone has it.
    Phone,
    /// They read it.
    Eyes,
    /// They listened to it.
    Ears,
}

/// News that may be lost without harm: never stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// The link of a device changed.
    Link {
        /// Which device.
        device: DeviceId,
        /// What happened to its link.
        signal: LinkSignal,
    },
    /// The owner's phone did something.
    PhoneSeen {
        /// The device that was told.
        device: DeviceId,
        /// When.
        at: Timestamp,
    },
    /// Messages of the owner came further with a contact.
    Reached {
        /// Which device was told.
        device: DeviceId,
        /// In which chat.
        chat: ChatId,
        /// With whom.
        contact: ContactId,
        /// Which messages.
        messages: Vec<MessageId>,
        /// How far.
        reached: Reached,
        /// When.
        at: Timestamp,
    },
    /// The owner read messages on another device.
    ReadElsewhere {
        /// Which device was told.
        device: DeviceId,
        /// In which chat, when the network says so.
        chat: Option<ChatId>,
        /// Which messages.
        messages: Vec<MessageId>,
    },
    /// A contact began or stopped typing.
    Typing {
        /// Which device was told.
        device: DeviceId,
        /// In which chat.
        chat: ChatId,
        /// Who.
        sender: Sender,
        /// What they do.
        typing: Typing,
    },
    /// A contact came or went.
    Presence {
        /// Which device was told.
        device: DeviceId,
        /// Who.
        contact: ContactId,
        /// Whether they are there.
        online: bool,
        /// When they were there last, when the network says so.
        last_seen: Option<Timestamp>,
    },
    /// A contact looks different now.
    Changed {
        /// Which device was told.
        device: DeviceId,
        /// Who.
        contact: ContactId,
    },
}
