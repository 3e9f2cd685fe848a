//! Chats that somebody asks for by REST: what is wanted, and what became of it.

use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};

use super::{ChatId, ChatKind, ChatRequestId, ContactId, DeviceId};

/// A chat that somebody asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct NewChat {
    /// Chosen when it was accepted; what is made for it is made once.
    pub(crate) id: ChatRequestId,
    /// Through which device.
    pub(crate) device: DeviceId,
    /// Which chat.
    pub(crate) wanted: WantedChat,
}

/// Which chat is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedChat {
    /// The one with somebody.
    Direct(Participant),
    /// A new group.
    Group {
        /// Its name.
        title: String,
        /// What it is about.
        topic: Option<String>,
        /// Who is in it beside the owner of the device.
        people: Vec<Participant>,
    },
    /// The group behind an invite link.
    Invited(String),
}

/// Somebody who shall be in a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Participant {
    /// By telephone number, digits only.
    Phone(String),
    /// A contact that is known already.
    Contact(ContactId),
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opened {
    /// The chat is there.
    Here {
        /// Which chat.
        chat: ChatId,
        /// Its room.
        room: OwnedRoomId,
        /// Its kind.
        kind: ChatKind,
        /// Its name.
        title: Option<String>,
        /// It was there before.
        was_there: bool,
        /// Who should be in it and could not be added: numbers, or names of their ghosts.
        outside: Vec<String>,
    },
    /// An administrator must let us in first.
    Awaited,
    /// These numbers are not on the network.
    NotOnNetwork(Vec<String>),
    /// The invite link leads nowhere.
    NoInvite,
    /// The device has no session any more.
    NotLinked,
    /// The network said no, and why.
    Refused(String),
    /// It was tried for too long.
    GivenUp,
}
