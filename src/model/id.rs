//! Identifiers. Opaque text is made by adapters only and compared, stored and passed on by everybody else; our own
//! ids are UUIDs of version 7, so that they sort by the time they were made.
//!
//! Deliberately not here: parsing of network addresses (see `network::whatsapp::ids`) and Matrix identifiers, which
//! are ruma's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $shorten:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(String);

        impl $name {
            /// Wraps text that an adapter made, or that was stored before.
            pub(crate) fn from_adapter(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as the adapter made it.
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if $shorten { f.write_str(&shortened(&self.0)) } else { f.write_str(&self.0) }
            }
        }
    };
}

opaque_id!(
    /// A conversation on a network, unique within one device.
    ChatId,
    true
);
opaque_id!(
    /// A person on a network, one per person for life.
    ContactId,
    true
);
opaque_id!(
    /// A message on a network, unique within one chat and sender.
    MessageId,
    false
);

/// Logs must not become a phone book: keeps the last two digits of a number and what follows it.
fn shortened(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let keep = digits.saturating_sub(2);
    format!("…{}", text.get(keep..).unwrap_or_default())
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(Uuid);

        impl $name {
            /// A new id, later than every earlier one of this process.
            pub(crate) fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// An identity.
    IdentityId
);
uuid_id!(
    /// A device.
    DeviceId
);
uuid_id!(
    /// One signed request to a webhook; the same on every retry.
    DeliveryId
);
uuid_id!(
    /// A message accepted by REST for one recipient.
    SendId
);

uuid_id!(
    /// A chat that somebody asked for by REST.
    ChatRequestId
);

/// The place of a job in the order of its lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct JobId(pub(crate) i64);

/// A token's row number, as REST shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenId(pub(crate) i64);

/// A webhook's row number, as REST shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct WebhookId(pub(crate) i64);

/// A credential's row number; never shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CredentialId(pub(crate) i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_in_a_log_line_does_not_show_its_number() {
        let contact = ContactId::from_adapter("15550001111@s.whatsapp.net");
        assert_eq!(format!("{contact:?}"), "…11@s.whatsapp.net");
        assert_eq!(format!("{:?}", ContactId::from_adapter("")), "…");
    }

    #[test]
    fn ids_of_ours_sort_by_time_and_survive_text() {
        let (first, second) = (DeviceId::generate(), DeviceId::generate());
        assert!(first < second);
        assert_eq!(first.to_string().parse::<DeviceId>().unwrap(), first);
    }
}
