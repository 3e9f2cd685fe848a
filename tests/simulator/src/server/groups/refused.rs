//! The server's word for a request it does not fulfil.

use crate::server::stanza::Refusal;

/// An error code as it goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with {0}: {text}", text = self.text())]
pub(crate) struct Refused(pub(crate) u32);

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self(refused.0, refused.text())
    }
}

impl Refused {
    pub(super) const BAD_REQUEST: Self = Self(400);
    pub(super) const NOT_AUTHORIZED: Self = Self(401);
    pub(super) const FORBIDDEN: Self = Self(403);
    pub(super) const NOT_FOUND: Self = Self(404);
    pub(super) const NOT_ALLOWED: Self = Self(405);
    pub(super) const NOT_ACCEPTABLE: Self = Self(406);
    pub(super) const CONFLICT: Self = Self(409);
    pub(super) const GONE: Self = Self(410);
    pub(super) const FULL: Self = Self(419);
    pub(super) const NOT_IMPLEMENTED: Self = Self(501);

    /// The text beside the code.
    pub(crate) fn text(self) -> &'static str {
        match self.0 {
            304 => "not-modified",
            400 => "bad-request",
            401 => "not-authorized",
            403 => "forbidden",
            404 => "item-not-found",
            405 => "not-allowed",
            406 => "not-acceptable",
            408 => "request-timeout",
            409 => "conflict",
            410 => "gone",
            419 => "resource-limit",
            421 => "stale-group-addressing-mode",
            501 => "feature-not-implemented",
            _ => "internal-server-error",
        }
    }
}
