//! What a program of the user's decides about single rows: the events of Microsoft Sync Framework's `RelationalSyncProvider`.

use std::fmt;

use sync_metadata::Value;

use crate::conflict::ConflictRecord;

/// What a handler wants done with a row (`ApplyAction`).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ApplyAction {
    /// What would be done without a handler: the session's policy decides a conflict, and a row that could not be written waits for
    /// the next session.
    #[default]
    Continue,
    /// The row is tried once more after all others of the direction, and decided anew. As long as other rows get through that were tried again,
    /// so is this one; then it waits for the next session.
    RetryApplyingRow,
    /// The incoming row wins. With a row, in the order of [`ConflictRecord::columns`] and under the same key, that one is stored instead,
    /// and travels on to all others. A deletion cannot be edited.
    RetryWithForceWrite(Option<Vec<Value>>),
    /// The row waits for the next session: it becomes an exception in the knowledge and is offered again.
    RetryNextSync,
}

/// Decides about single rows at the destination, where its [`ConflictPolicy`](crate::ConflictPolicy) does not suit.
///
/// It is called within the transaction that applies the rows, on the thread that owns its connection, so it should answer soon and must not wait
/// for this or another session. Where a direction starts again, because a connection was lost or another writer was first, it is asked
/// again about the same rows. Any function from a record to an action is a handler:
///
/// ```
/// use sync_provider::{ApplyAction, ApplyHandler, ConflictRecord, ConflictType};
///
/// let ours_unless_deleted = |conflict: &ConflictRecord| match conflict.conflict {
///     ConflictType::LocalDeleteRemoteUpdate => ApplyAction::RetryWithForceWrite(None),
///     _ => ApplyAction::Continue,
/// };
/// let handler: &dyn ApplyHandler = &ours_unless_deleted;
/// ```
///
/// A community whose members have handlers that decide differently need not come to rest; with policies alone it does.
pub trait ApplyHandler: Send + Sync {
    /// A row met a conflict, or it could not be written a second time, after all others (`ApplyChangeFailed`). Nobody has won yet; the reason
    /// of a row that could not be written is the database's message.
    fn apply_change_failed(&self, conflict: &ConflictRecord) -> ApplyAction;

    /// A row could be written, and its versions could not (`ApplyMetadataFailed`); nothing of it is left. This only happens where each is
    /// written by a command of its own.
    fn apply_metadata_failed(&self, conflict: &ConflictRecord) -> ApplyAction {
        let _ = conflict;
        ApplyAction::Continue
    }
}

impl<F: Fn(&ConflictRecord) -> ApplyAction + Send + Sync> ApplyHandler for F {
    fn apply_change_failed(&self, conflict: &ConflictRecord) -> ApplyAction {
        self(conflict)
    }
}

impl fmt::Debug for dyn ApplyHandler + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplyHandler")
    }
}
