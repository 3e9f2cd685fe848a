//! What can go wrong with one attempt, by what it means for the next one.

use std::{error::Error as StdError, time::Duration};

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The receiver said no, and would again.
    #[error("the receiver refused with status {0}")]
    Refused(u16),
    /// The receiver wants no deliveries any more: the webhook is to be switched off.
    #[error("the receiver is gone")]
    Gone,
    /// The receiver wants us to slow down, and perhaps said for how long.
    #[error("the receiver asks for fewer requests")]
    Limited(Option<Duration>),
    /// The receiver is in trouble, or sends us elsewhere, where we do not follow.
    #[error("the receiver answered with status {0}")]
    Failed(u16),
    /// The receiver did not answer.
    #[error("the receiver could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The name leads to an address that is not ours to visit.
    #[error("the address of the receiver is not allowed")]
    Blocked,
    /// The stored address is none.
    #[error("the address of the webhook is no URL")]
    BadUrl,
    /// The stored secret is none.
    #[error("the secret of the webhook cannot sign")]
    BadSecret(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Whether trying again later makes sense.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Limited(_) | Self::Failed(_) | Self::Unreachable(_) => true,
            Self::Refused(_) | Self::Gone | Self::Blocked | Self::BadUrl | Self::BadSecret(_) => false,
        }
    }

    /// How long the receiver asked us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited(after) => *after,
            Self::Refused(_)
            | Self::Gone
            | Self::Failed(_)
            | Self::Unreachable(_)
            | Self::Blocked
            | Self::BadUrl
            | Self::BadSecret(_) => None,
        }
    }
}
