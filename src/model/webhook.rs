//! Webhooks: subscriptions to what contacts say.

use super::{IdentityId, Timestamp, WebhookId};

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
    /// An inactive webhook hears nothing.
    pub(crate) active: bool,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}
