//! How writing rows goes wrong: a row is refused and the others go on, or nobody goes on.

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
use sync_provider::ProviderError;
use sync_relational::RowFailure;

use crate::store::open_scope::OpenScope;

/// Why one row is not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The database refuses the row. Others may be written.
    Refused(Refusal),
    /// No further row can be written.
    Stop(Stop),
}

/// Why the database refuses a row.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) obstacle: Obstacle,
}

/// What stands in the way of a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another row, on a unique key.
    Unique,
    /// The parent by this foreign key of the table is missing; it is in the same table.
    Parent(usize),
    /// Anything else.
    Other,
}

/// Why no further row of a transaction can be written.
#[derive(Debug)]
pub(in crate::store) enum Stop {
    /// The transaction is gone: `RAISE(ROLLBACK)` in a trigger, or a constraint declared with `ON CONFLICT ROLLBACK`.
    Undone {
        /// Index of the row in its slice that was being written.
        row: Option<usize>,
        reason: String,
    },
    /// The session cannot go on.
    Failed(ProviderError),
}

impl Refusal {
    /// By something else than another row of the slice.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Refusal {
            reason: reason.into(),
            obstacle: Obstacle::Other,
        }
    }

    pub(super) fn of_row(self, row: usize) -> RowFailure {
        RowFailure {
            row,
            reason: self.reason,
            metadata: false,
        }
    }
}

impl WriteError {
    /// Names the row that was being written, should its error have undone the transaction.
    pub(super) fn at_row(self, index: usize) -> Self {
        match self {
            WriteError::Stop(Stop::Undone { reason, .. }) => WriteError::Stop(Stop::Undone {
                row: Some(index),
                reason,
            }),
            other => other,
        }
    }
}

/// What an error of a write says: the database refuses the row, or has undone the transaction, or the session cannot go on.
pub(super) fn write_error(scope: OpenScope<'_>, error: &rusqlite::Error) -> WriteError {
    if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
        return scope.fail(error).into();
    }
    let reason = error.to_string();
    if scope.db().is_autocommit() {
        return Stop::Undone { row: None, reason }.into();
    }
    let code = error
        .sqlite_error()
        .map_or(0, |failure| failure.extended_code);
    let obstacle = match code {
        SQLITE_CONSTRAINT_UNIQUE => Obstacle::Unique,
        _ => Obstacle::Other,
    };
    Refusal { reason, obstacle }.into()
}

/// Tells a refusal, which its caller deals with, from what ends the writing.
pub(super) fn or_stop(written: Result<(), WriteError>) -> Result<Result<(), Refusal>, Stop> {
    match written {
        Ok(()) => Ok(Ok(())),
        Err(WriteError::Refused(refusal)) => Ok(Err(refusal)),
        Err(WriteError::Stop(stop)) => Err(stop),
    }
}

impl From<Refusal> for WriteError {
    fn from(refusal: Refusal) -> Self {
        WriteError::Refused(refusal)
    }
}

impl From<Stop> for WriteError {
    fn from(stop: Stop) -> Self {
        WriteError::Stop(stop)
    }
}

impl From<ProviderError> for WriteError {
    fn from(error: ProviderError) -> Self {
        WriteError::Stop(Stop::Failed(error))
    }
}

impl From<ProviderError> for Stop {
    fn from(error: ProviderError) -> Self {
        Stop::Failed(error)
    }
}
