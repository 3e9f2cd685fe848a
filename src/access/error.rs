//! What can go wrong. The sentences are those of the frozen contract; the door chooses the status.

use crate::store;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No active credential has this name and secret.
    #[error("invalid credentials")]
    BadCredentials,
    /// That cannot be a token.
    #[error("invalid token format")]
    BadTokenFormat,
    /// No such token, or its time is over, or its credential is switched off.
    #[error("invalid or expired token")]
    BadToken,
    /// Nobody is signed in with that, or no longer.
    #[error("Invalid or missing session. Please log in.")]
    NoSession,
    /// The caller lacks a scope.
    #[error("insufficient permissions")]
    Forbidden,
    /// Only super admins share the host identity.
    #[error("Only super_admin can use use_host=true")]
    HostForbidden,
    /// There is no host identity yet.
    #[error("No admin identity found. Create first token with use_host=false")]
    NoHost,
    /// Super admins come from the settings; this cannot be done to them.
    #[error("Cannot {0} super admin credentials")]
    SuperAdmin(&'static str),
    /// There is no such thing, or it is somebody else's.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The name is in use.
    #[error("Credential with client_id '{0}' already exists")]
    CredentialTaken(String),
    /// That cannot be a name.
    #[error("Invalid client_id: {0}")]
    InvalidClientId(&'static str),
    /// That is no scope.
    #[error("Invalid scope: '{0}'")]
    InvalidScope(String),
    /// That is no Matrix user.
    #[error("Invalid member: '{0}'")]
    InvalidMember(String),
    /// That is no time.
    #[error("Invalid expires_at format. Must be RFC3339 (e.g., 2026-12-31T23:59:59Z)")]
    InvalidExpiry,
    /// That time is over.
    #[error("expires_at must be in the future")]
    ExpiryInPast,
    /// The key for hashes is not 32 bytes in base64.
    #[error("the hash key is not base64 of 32 bytes")]
    BadHashKey,
    /// The memory failed us.
    #[error("the database failed")]
    Internal(#[from] store::Error),
}
