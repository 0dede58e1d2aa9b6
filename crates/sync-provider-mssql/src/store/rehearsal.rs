//! A session that leaves nothing behind: what it writes stays in one transaction, which is undone when the session ends.
//!
//! A database is the destination of one direction at most. What was applied there is kept in its open transaction, and where the other direction begins at
//! this database, it is enumerated within it, so that it goes as if the first had been committed. What others may do meanwhile is what they may do beside a
//! long session.

use sync_provider::ProviderError;
use sync_relational::Scope;

/// How far a rehearsal is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rehearsed {
    /// A direction was applied, and its transaction is open.
    pub(super) applied: bool,
    /// Changes were handed out, which is noted nowhere else.
    pub(super) handed_out: bool,
}

impl Rehearsed {
    /// Over a fresh connection the direction that is under way starts again, but not the one before it.
    ///
    /// # Errors
    /// There was one.
    pub(super) fn check_nothing_lost(self, scope: &Scope) -> Result<(), ProviderError> {
        if !self.applied {
            return Ok(());
        }
        Err(ProviderError::database(
            format!("scope {}", scope.description.name),
            "the connection was lost, and the first direction of the rehearsal with it",
            "run it again",
        ))
    }
}
