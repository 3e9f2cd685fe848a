//! What can go wrong with the memory, by what it means to the caller.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What must be unique exists already.
    #[error("this {0} exists already")]
    Taken(&'static str),
    /// Another process works on this database.
    #[error("{0}")]
    InUse(String),
    /// The schema cannot be brought, or is not, where this version needs it.
    #[error("{0}")]
    Migration(String),
    /// A row holds something that nobody of ours can have written.
    #[error("the row {id} of {table} cannot be read: column {column}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
    /// The database did not do it.
    #[error("the database did not answer as it should")]
    Unavailable(#[source] sqlx::Error),
}

impl Error {
    /// Whether trying again later makes sense.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            // What a constraint refuses, it refuses again, and so it is with what is too large for PostgreSQL (class 54).
            Self::Unavailable(sqlx::Error::Database(error)) => {
                let is_too_large = error
                    .code()
                    .is_some_and(|code| code.len() == 5 && code.starts_with("54"));
                !is_too_large
                    && !matches!(
                        error.kind(),
                        sqlx::error::ErrorKind::UniqueViolation
                            | sqlx::error::ErrorKind::ForeignKeyViolation
                            | sqlx::error::ErrorKind::NotNullViolation
                            | sqlx::error::ErrorKind::CheckViolation
                    )
            }
            Self::Unavailable(_) => true,
            Self::Taken(_) | Self::InUse(_) | Self::Migration(_) | Self::Corrupt { .. } => false,
        }
    }

    /// Names what is taken when a constraint on uniqueness said no.
    ///
    /// The name comes from the statement, since only PostgreSQL tells which constraint it was.
    pub(super) fn or_taken(self, what: &'static str) -> Self {
        match self {
            Self::Unavailable(sqlx::Error::Database(error)) if error.is_unique_violation() => Self::Taken(what),
            other => other,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error)
    }
}
