//! What a session says of itself while it runs.

use crate::statistics::DirectionStatistics;

/// Where a direction stands; the names of Microsoft Sync Framework's events.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyncStage {
    /// The source is about to enumerate.
    SelectingChanges,
    /// The source has enumerated its last change.
    ChangesSelected,
    /// The destination is about to apply.
    ApplyingChanges,
    /// The destination has applied a batch.
    BatchApplied,
    /// The direction starts again, because rows broke a constraint at the end.
    Restarting,
    /// The direction is committed.
    ChangesApplied,
}

/// One report of progress (`SessionProgress`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionProgress {
    /// Whether the local provider's changes travel to the remote one.
    pub uploading: bool,
    /// Where the direction stands.
    pub stage: SyncStage,
    /// The tables of the batch that was applied last.
    pub tables: Vec<String>,
    /// What the direction has done so far.
    pub statistics: DirectionStatistics,
}
