//! What can go wrong with the homeserver, by what it means to the caller.

use std::time::Duration;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the homeserver did not do what we asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It wants us to slow down for so long.
    #[error("the homeserver limits the rate")]
    Limited(Duration),
    /// It said no, and would again.
    #[error("refused by the homeserver: {status} {errcode}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Matrix error code, empty when there was none.
        errcode: String,
        /// Its words.
        message: String,
    },
    /// It does not know the thing we asked for.
    #[error("the homeserver does not know it: {0}")]
    NotFound(String),
    /// That much is not taken.
    #[error("the file is too large")]
    TooLarge {
        /// How large it is, in bytes, where that is known.
        size: Option<u64>,
        /// What it takes, in bytes, where that is known.
        limit: Option<u64>,
    },
    /// It did not answer, or answered that it cannot now.
    #[error("the homeserver could not be reached")]
    Unreachable(#[source] Source),
    /// It answered something that is no Matrix.
    #[error("the homeserver's answer could not be understood")]
    BadAnswer(#[source] Source),
    /// We asked for something that cannot be said in Matrix.
    #[error("the request could not be made")]
    BadRequest(#[source] Source),
    /// A file we need could not be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which one.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether the homeserver says that this user may not do that there, for example because it is not in the room.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// How long the homeserver wants us to wait, when it said so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited(after) => Some(*after),
            _ => None,
        }
    }

    /// Whether trying again later makes sense. A token the homeserver does not know is a slip in its configuration: what
    /// was accepted waits until somebody mends it.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Limited(_) | Self::Unreachable(_) | Self::BadAnswer(_) => true,
            Self::Refused { status, .. } => *status == 401,
            Self::NotFound(_) | Self::TooLarge { .. } | Self::BadRequest(_) | Self::File { .. } => false,
        }
    }

    /// Whether the homeserver refused with this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused { errcode, .. } if errcode == code)
    }
}

/// Why the homeserver could not ping us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PingError {
    /// The registration on its side has no address.
    #[error("the registration the homeserver has loaded names no address for us")]
    NoAddress,
    /// It cannot connect to us.
    #[error("the homeserver cannot connect to us: {0}")]
    Connection(String),
    /// It connected, but got no answer in time.
    #[error("the homeserver got no answer from us in time")]
    Timeout,
    /// We (or something between us) answered it with an error.
    #[error("the homeserver got a wrong answer from our address: {0}")]
    WrongAnswer(String),
    /// It connected and was turned away.
    #[error("the homeserver reaches us, but shows another hs_token than ours (we answered {0})")]
    WrongToken(u16),
    /// We could not ask it at all.
    #[error(transparent)]
    Homeserver(#[from] Error),
}
