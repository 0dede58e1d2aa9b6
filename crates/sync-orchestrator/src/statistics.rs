//! What a session did, under the names of Microsoft Sync Framework's `SyncOperationStatistics`.

use std::time::SystemTime;

use sync_provider::{BatchOutcome, ChangeBatch};

/// What one direction did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionStatistics {
    /// Rows offered by the source that the destination did not know.
    pub changes_total: u64,
    /// Of these: rows settled for good, be it that they were stored or that a policy kept the row at the destination.
    pub changes_applied: u64,
    /// Of these: rows that could not be written.
    pub changes_failed: u64,
    /// Rows that met a conflict.
    pub conflicts: u64,
    /// Rows left for the next session: failed ones that are remembered, and conflicts under the policy `defer`.
    pub deferred: u64,
    /// Of these: rows that an earlier session had left already, such as a conflict that stands. Only a destination that remembers such rows by
    /// key knows; otherwise 0.
    pub repeated: u64,
    /// Change batches that moved.
    pub batches: u64,
    /// Bytes of row data that moved.
    pub bytes: u64,
}

impl DirectionStatistics {
    pub(crate) fn count_batch(&mut self, batch: &ChangeBatch) {
        self.batches += 1;
        self.bytes += batch
            .tables
            .iter()
            .map(|changes| changes.rows.bytes() as u64)
            .sum::<u64>();
    }

    pub(crate) fn count_outcome(&mut self, outcome: &BatchOutcome) {
        self.changes_total += outcome.offered;
        self.changes_applied += outcome.applied;
        self.changes_failed += outcome.failed;
        self.conflicts += outcome.conflicts;
        self.deferred += outcome.deferred;
        self.repeated += outcome.repeated;
    }
}

/// What a session did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncOperationStatistics {
    /// The scope.
    pub scope: String,
    /// When the session began.
    pub started: SystemTime,
    /// When it ended.
    pub finished: SystemTime,
    /// The upload; `None` where it did not run or was not completed.
    pub upload: Option<DirectionStatistics>,
    /// The download; `None` where it did not run or was not completed.
    pub download: Option<DirectionStatistics>,
}

impl SyncOperationStatistics {
    /// Whether rows failed or were left for the next session.
    pub fn is_incomplete(&self) -> bool {
        [self.upload, self.download]
            .iter()
            .flatten()
            .any(|direction| direction.changes_failed > 0 || direction.deferred > 0)
    }
}
