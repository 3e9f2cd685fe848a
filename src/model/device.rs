//! Devices and the life of their link.

use serde::{Deserialize, Serialize};

use super::{DeviceId, IdentityId, Timestamp};

/// The name of a network at the doors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Platform {
    /// WhatsApp.
    #[serde(rename = "wa")]
    WhatsApp,
}

impl Platform {
    /// Reads the name used at the doors.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        (name == "wa").then_some(Self::WhatsApp)
    }

    /// The name used at the doors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WhatsApp => "wa",
        }
    }

    /// The name of its protocol in the state of rooms (`m.bridge`).
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
        }
    }

    /// The name people know.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::WhatsApp => "WhatsApp",
        }
    }
}

/// One linked session of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Device {
    /// Its id inside the house.
    pub(crate) id: DeviceId,
    /// Whose it is.
    pub(crate) identity: IdentityId,
    /// Which network.
    pub(crate) platform: Platform,
    /// The owner's phone number, digits only: the `device_id` of the doors.
    pub(crate) number: String,
    /// How the link stands, as last seen.
    pub(crate) link: LinkState,
    /// When it was linked.
    pub(crate) linked_at: Timestamp,
}

/// How the link of a device stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum LinkState {
    /// No session yet.
    Unlinked,
    /// A code is shown and waits for the phone.
    Linking,
    /// It came to life and the network has not accepted it yet.
    Connecting {
        /// Since when.
        since: Timestamp,
    },
    /// Talking to the network.
    Connected,
    /// Talking to the network, but the owner's phone was not seen for so long that the network will end the session.
    PhoneOffline {
        /// When the phone was last seen.
        since: Timestamp,
    },
    /// The connection broke and is being made again.
    Reconnecting {
        /// Since when.
        since: Timestamp,
    },
    /// The session is over or refused; only a person can mend it.
    LoggedOut {
        /// Why.
        reason: LogoutReason,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogoutReason {
    /// The phone removed the device.
    Unlinked,
    /// Another connection took this session over.
    Replaced,
    /// The network banned the account, for a time or for good.
    Banned,
    /// The network no longer accepts this client version.
    Outdated,
    /// The network refused the session for another reason.
    Refused,
}

/// What happened to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LinkSignal {
    /// A linking attempt began.
    Started,
    /// The attempt ended without a session.
    Abandoned,
    /// A linked device came to life.
    Woken(Timestamp),
    /// The network accepted the session.
    Connected,
    /// The connection was lost; another attempt follows.
    Lost(Timestamp),
    /// The session ended.
    Ended(LogoutReason),
    /// The owner's phone was not seen since then, which is too long.
    PhoneMissed(Timestamp),
    /// The owner's phone showed itself.
    PhoneSeen,
}

impl LinkState {
    /// The state after `signal`.
    #[must_use]
    pub(crate) fn next(self, signal: LinkSignal) -> Self {
        match (self, signal) {
            (_, LinkSignal::Connected) | (Self::PhoneOffline { .. }, LinkSignal::PhoneSeen) => Self::Connected,
            (_, LinkSignal::Ended(reason)) => Self::LoggedOut { reason },
            (Self::Unlinked | Self::LoggedOut { .. }, LinkSignal::Started) => Self::Linking,
            (Self::Linking, LinkSignal::Abandoned) => Self::Unlinked,
            (Self::Connected | Self::PhoneOffline { .. }, LinkSignal::Lost(since)) => Self::Reconnecting { since },
            (Self::Connected, LinkSignal::PhoneMissed(since)) => Self::PhoneOffline { since },
            (
                Self::Unlinked
                | Self::Connecting { .. }
                | Self::Connected
                | Self::PhoneOffline { .. }
                | Self::Reconnecting { .. },
                LinkSignal::Woken(since),
            ) => Self::Connecting { since },
            // A session that ended stays ended; a lost connection keeps the moment it was lost first.
            (
                state,
                LinkSignal::Started
                | LinkSignal::Abandoned
                | LinkSignal::Lost(_)
                | LinkSignal::Woken(_)
                | LinkSignal::PhoneMissed(_)
                | LinkSignal::PhoneSeen,
            ) => state,
        }
    }

    /// The names of all states a device can be in, for metrics.
    pub(crate) const NAMES: [&'static str; 10] = [
        "linking",
        "connecting",
        "connected",
        "phone offline",
        "reconnecting",
        "logged out",
        "replaced",
        "banned",
        "outdated",
        "refused",
    ];

    /// Since when it is as it is, for states that pass by themselves; `None` for all others.
    pub(crate) fn passing_since(&self) -> Option<Timestamp> {
        match self {
            Self::Connecting { since } | Self::Reconnecting { since } => Some(*since),
            Self::Unlinked | Self::Linking | Self::Connected | Self::PhoneOffline { .. } | Self::LoggedOut { .. } => {
                None
            }
        }
    }

    /// Whether messages can cross.
    pub(crate) fn is_up(&self) -> bool {
        match self {
            Self::Connected | Self::PhoneOffline { .. } => true,
            Self::Unlinked
            | Self::Linking
            | Self::Connecting { .. }
            | Self::Reconnecting { .. }
            | Self::LoggedOut { .. } => false,
        }
    }

    /// The name of the state, as metrics and people see it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unlinked => "unlinked",
            Self::Linking => "linking",
            Self::Connecting { .. } => "connecting",
            Self::Connected => "connected",
            Self::PhoneOffline { .. } => "phone offline",
            Self::Reconnecting { .. } => "reconnecting",
            Self::LoggedOut { reason } => match reason {
                LogoutReason::Unlinked => "logged out",
                LogoutReason::Replaced => "replaced",
                LogoutReason::Banned => "banned",
                LogoutReason::Outdated => "outdated",
                LogoutReason::Refused => "refused",
            },
        }
    }
}

/// One change of a link, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LinkChange {
    /// The name of the state it came to.
    pub(crate) state: String,
    /// Why, when it ended.
    pub(crate) reason: Option<LogoutReason>,
    /// When.
    pub(crate) at: Timestamp,
}

/// What is remembered of the life of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeviceLife {
    /// When the network last accepted its session.
    pub(crate) connected_at: Option<Timestamp>,
    /// When the owner's phone was last seen to be alive.
    pub(crate) phone_seen_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::{LinkSignal as S, LinkState as L, *};

    #[test]
    fn a_link_moves_only_along_its_table() {
        let (early, late) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
        let ended = L::LoggedOut {
            reason: LogoutReason::Unlinked,
        };
        let table = [
            (L::Unlinked, S::Started, L::Linking),
            (L::Unlinked, S::Lost(early), L::Unlinked),
            (L::Unlinked, S::Abandoned, L::Unlinked),
            (L::Linking, S::Connected, L::Connected),
            (L::Linking, S::Abandoned, L::Unlinked),
            (L::Linking, S::Lost(early), L::Linking),
            (L::Connected, S::Started, L::Connected),
            (L::Connected, S::Lost(early), L::Reconnecting { since: early }),
            (
                L::Reconnecting { since: early },
                S::Lost(late),
                L::Reconnecting { since: early },
            ),
            (L::Reconnecting { since: early }, S::Connected, L::Connected),
            (L::Connected, S::Ended(LogoutReason::Unlinked), ended.clone()),
            (L::Connected, S::Woken(late), L::Connecting { since: late }),
            (
                L::Connecting { since: early },
                S::Lost(late),
                L::Connecting { since: early },
            ),
            (L::Connecting { since: early }, S::Connected, L::Connected),
            (ended.clone(), S::Woken(late), ended.clone()),
            (L::Connected, S::PhoneMissed(early), L::PhoneOffline { since: early }),
            (L::Connected, S::PhoneSeen, L::Connected),
            (L::PhoneOffline { since: early }, S::PhoneSeen, L::Connected),
            (
                L::PhoneOffline { since: early },
                S::Lost(late),
                L::Reconnecting { since: late },
            ),
            (
                L::Reconnecting { since: early },
                S::PhoneMissed(early),
                L::Reconnecting { since: early },
            ),
            (ended.clone(), S::PhoneSeen, ended.clone()),
            (ended.clone(), S::Lost(late), ended.clone()),
            (ended.clone(), S::Started, L::Linking),
            (ended, S::Connected, L::Connected),
        ];
        for (state, signal, expected) in table {
            assert_eq!(state.clone().next(signal), expected, "{state:?} after {signal:?}");
        }
    }
}
