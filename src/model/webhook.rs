//! Webhooks: subscriptions to what contacts say.

use super::{IdentityId, Timestamp, WebhookId};

/// What a webhook may hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WebhookEvent {
    /// What contacts say: the payload of the guide.
    Message,
    /// How the link of a device stands.
    Device,
}

impl WebhookEvent {
    /// All of them, in the order in which they are listed.
    pub(crate) const ALL: [Self; 2] = [Self::Message, Self::Device];

    /// Reads the name used at the doors.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// The name used at the doors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message.created",
            Self::Device => "device.updated",
        }
    }
}

/// A subscription of an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Webhook {
    /// Row number, as REST shows it.
    pub(crate) id: WebhookId,
    /// Whose it is.
    pub(crate) identity: IdentityId,
    /// Where deliveries go.
    pub(crate) url: String,
    /// `whsec_` and base64: signs every delivery.
    pub(crate) secret: String,
    /// What it hears.
    pub(crate) events: Vec<WebhookEvent>,
    /// An inactive webhook hears nothing.
    pub(crate) active: bool,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}
