//! Why media could not be turned into something else.

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program is not installed here.
    #[error("this file has to be converted first, and {0} is not installed where wharf runs")]
    NeedsTool(&'static str),
    /// It is none of the formats that are known here, or damaged.
    #[error("the file is damaged, or of a format that cannot be converted")]
    Unreadable,
    /// So large a picture would take more memory than it is worth.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// It took too long.
    #[error("converting the file took too long")]
    TooSlow,
    /// Trouble of this machine: a full disk, no more processes.
    #[error("the file could not be converted now")]
    Machine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether trying again later makes sense.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Machine(_))
    }

    pub(super) fn machine(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Machine(error.into())
    }
}
