//! Conflict policies are data, evaluated at the destination.

use serde::{Deserialize, Serialize};
use sync_knowledge::ReplicaId;

/// How conflicts of a session are settled. Whoever wins, the outcome becomes a settlement version
/// (`settlement_replica` of `sync-decision`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ConflictPolicy {
    /// The row that is already there stays (Microsoft Sync Framework's `Continue`).
    #[default]
    DestinationWins,
    /// The incoming row wins.
    SourceWins,
    /// The row of the local provider wins, in either direction.
    LocalWins,
    /// The row of the remote provider wins, in either direction.
    RemoteWins,
    /// The later write wins; equal times go to the greater content, a deletion counting least.
    LastWriterWins,
    /// The writer that stands first in the list wins; replicas not listed come last, ties as for last writer.
    Priority(Vec<ReplicaId>),
    /// No winner: the row is an exception in the knowledge and is offered again (`RetryNextSync`).
    Defer,
}

/// What rows lead to that cannot be written, after they were tried again behind all others.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// They wait for the next session, and all others go through.
    #[default]
    Defer,
    /// The direction fails, and nothing of it is left.
    Abort,
}

/// Which of the two rows of a conflict stays.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    /// The row at the destination.
    Local,
    /// The incoming row.
    Remote,
}

impl ConflictPolicy {
    /// The name used on the command line and in conflict records.
    pub fn name(&self) -> &'static str {
        match self {
            ConflictPolicy::DestinationWins => "destination-wins",
            ConflictPolicy::SourceWins => "source-wins",
            ConflictPolicy::LocalWins => "local-wins",
            ConflictPolicy::RemoteWins => "remote-wins",
            ConflictPolicy::LastWriterWins => "last-writer-wins",
            ConflictPolicy::Priority(_) => "priority",
            ConflictPolicy::Defer => "defer",
        }
    }

    /// Whether the policy needs the time and the writer of each row, which tables provisioned by Microsoft's provider lack.
    pub fn needs_attributes(&self) -> bool {
        matches!(
            self,
            ConflictPolicy::LastWriterWins | ConflictPolicy::Priority(_)
        )
    }
}
