//! Chats, contacts and portals: who talks where.

use serde::{Deserialize, Serialize};

use super::{ChatId, DeviceId};

/// The pair that makes a portal: one Matrix room for each chat of each device.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct PortalKey {
    /// Through whose eyes.
    pub(crate) device: DeviceId,
    /// Which conversation.
    pub(crate) chat: ChatId,
}

impl PortalKey {
    /// The portal of `chat` as `device` sees it.
    pub(crate) fn new(device: DeviceId, chat: ChatId) -> Self {
        Self { device, chat }
    }
}

/// The seconds after which messages can disappear: a day, a week, three months.
pub(crate) const TIMERS: [u32; 3] = [86_400, 604_800, 7_776_000];

/// What kind of conversation a chat is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChatKind {
    /// Two people; the other one is named.
    Direct,
    /// A group.
    Group,
    /// What contacts show to all for a day.
    Status,
    /// What somebody tells to all who follow.
    Channel,
    /// Something that is not bridged yet.
    Other,
}

/// What a network knows of a contact. Names are never taken from another user's address book.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ContactInfo {
    /// The name the contact gave itself.
    pub(crate) name: Option<String>,
    /// Phone number, digits only, when it is known.
    pub(crate) phone: Option<String>,
}

/// Somebody or some group to write to, as a person spelled it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recipient {
    /// A phone number, digits only.
    Phone(String),
    /// A network address such as a JID.
    Address(String),
    /// An invite link to a group.
    Invite(String),
}
