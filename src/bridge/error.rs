//! What can go wrong with a use case, as the doors see it, and with a job, as the worker sees it.

use std::{error::Error as StdError, time::Duration};

use crate::{matrix, model::with_causes, network, store, webhook};

/// Why a use case could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such thing, or it is somebody else's.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The device has no session any more.
    #[error("the device is not linked")]
    NotLinked,
    /// The network cannot do that.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A field of the request makes no sense.
    #[error("{field}: {why}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An address that we did not make, or whose time is over.
    #[error("invalid or expired link")]
    BadLink,
    /// It exists already.
    #[error("{0} exists already")]
    Taken(&'static str),
    /// The network said no.
    #[error("{0}")]
    Refused(String),
    /// More than somebody on the way takes.
    #[error("too large")]
    TooLarge,
    /// Slow down.
    #[error("too many requests")]
    RateLimited(Duration),
    /// The network does not answer through this device, now.
    #[error("the network does not answer through this device")]
    Offline,
    /// Somebody we need does not answer.
    #[error("{0} cannot be reached")]
    Unreachable(&'static str),
    /// Our own fault; the cause stays inside.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Taken(what) => Self::Taken(what),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<network::Error> for Error {
    fn from(error: network::Error) -> Self {
        match error {
            network::Error::NotLinked => Self::NotLinked,
            network::Error::Unsupported(what) => Self::Unsupported(what),
            network::Error::NotFound(what) => Self::NotFound(what),
            error @ network::Error::NotMember => Self::Refused(error.to_string()),
            network::Error::Gone => Self::NotFound("media"),
            network::Error::Refused(why) => Self::Refused(why),
            network::Error::RateLimited(after) => Self::RateLimited(after),
            network::Error::Unreachable(_) => Self::Unreachable("the network"),
        }
    }
}

impl From<matrix::Error> for Error {
    fn from(error: matrix::Error) -> Self {
        match error {
            matrix::Error::TooLarge { .. } => Self::TooLarge,
            error if error.is_transient() => Self::Unreachable("the homeserver"),
            error => Self::Internal(Box::new(error)),
        }
    }
}

/// Why a job is not done yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Trying again later makes sense.
    #[error("{why}")]
    Later {
        /// What happened, for the log and the row.
        why: String,
        /// When somebody said how long to wait.
        after: Option<Duration>,
    },
    /// Nothing is wrong, only others are before it: it comes again after this, however often.
    #[error("others are before it")]
    Turn(Duration),
    /// It will never work.
    #[error("{0}")]
    Never(String),
    /// Another worker has the job now: nothing may be written for it.
    #[error("the job's lock was lost")]
    LostLock,
}

impl Failure {
    /// Trouble of our own machine that may pass.
    pub(super) fn later(error: &(dyn StdError + 'static)) -> Self {
        Self::of(true, error, None)
    }

    fn of(transient: bool, error: &(dyn StdError + 'static), after: Option<Duration>) -> Self {
        let why = with_causes(error);
        if transient {
            Self::Later { why, after }
        } else {
            Self::Never(why)
        }
    }
}

/// What the network said, without our own words around it.
pub(super) fn sentence(error: &network::Error) -> String {
    match error {
        network::Error::Refused(why) => why.clone(),
        network::Error::NotLinked
        | network::Error::Unsupported(_)
        | network::Error::NotFound(_)
        | network::Error::NotMember
        | network::Error::Gone
        | network::Error::RateLimited(_)
        | network::Error::Unreachable(_) => error.to_string(),
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::of(error.is_transient(), &error, None)
    }
}

impl From<matrix::Error> for Failure {
    fn from(error: matrix::Error) -> Self {
        let after = error.retry_after();
        Self::of(error.is_transient(), &error, after)
    }
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Self {
        let after = match &error {
            network::Error::RateLimited(after) => Some(*after),
            network::Error::NotLinked
            | network::Error::Unsupported(_)
            | network::Error::NotFound(_)
            | network::Error::NotMember
            | network::Error::Gone
            | network::Error::Refused(_)
            | network::Error::Unreachable(_) => None,
        };
        Self::of(error.is_transient(), &error, after)
    }
}

impl From<webhook::Error> for Failure {
    fn from(error: webhook::Error) -> Self {
        let after = error.retry_after();
        Self::of(error.is_transient(), &error, after)
    }
}
