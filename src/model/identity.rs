//! Identities, members, credentials and tokens: who may do what, and on whose behalf devices act.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

use super::{CredentialId, IdentityId, Timestamp, TokenId};

/// A Matrix user on whose behalf devices act: the border between tenants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// Its id inside the house.
    pub(crate) id: IdentityId,
    /// Its Matrix user.
    pub(crate) user: OwnedUserId,
    /// Whether we registered that user, or a person did.
    pub(crate) kind: IdentityKind,
    /// Its device on the homeserver, as REST lists it.
    pub(crate) matrix_device: String,
    /// The identity that tokens made with `use_host` share.
    pub(crate) is_host: bool,
}

/// Who made the Matrix user of an identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityKind {
    /// Made by `POST /tokens`, in our namespace: we may speak as it.
    Registered,
    /// A person's own user, who asked the bot: we may speak as it only by double puppeting.
    Real,
}

/// What a credential may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// May do everything; comes from the environment.
    SuperAdmin,
    /// Everybody else.
    User,
}

/// A name and a secret for managing tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Credential {
    /// Row number.
    pub(crate) id: CredentialId,
    /// The name, as Basic auth has it.
    pub(crate) client_id: String,
    /// Keyed hash of the secret.
    pub(crate) secret_hash: Vec<u8>,
    /// Its role.
    pub(crate) role: Role,
    /// `None` until somebody set them: then the role's defaults hold.
    pub(crate) scopes: Option<Vec<String>>,
    /// Free text.
    pub(crate) description: String,
    /// An inactive credential and its tokens open nothing.
    pub(crate) active: bool,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
    /// When it got a new secret; the beginning of time for the one it was made with.
    pub(crate) secret_set_at: Timestamp,
}

/// A handle on an identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    /// Row number, as REST shows it.
    pub(crate) id: TokenId,
    /// The identity it opens.
    pub(crate) identity: IdentityId,
    /// The credential that made it; `None` on rows older than that rule.
    pub(crate) credential: Option<CredentialId>,
    /// Its `client_id`.
    pub(crate) client_id: Option<String>,
    /// Localpart of the identity's Matrix user.
    pub(crate) matrix_username: String,
    /// The identity's device on the homeserver.
    pub(crate) matrix_device: String,
    /// The first token of all.
    pub(crate) is_admin: bool,
    /// When it stops to work.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it last opened something.
    pub(crate) last_used_at: Option<Timestamp>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}
