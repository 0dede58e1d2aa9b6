//! Conflicts: their types and the record that is kept of each.

use serde::{Deserialize, Serialize};
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::Value;

use crate::error::ProviderError;
use crate::policy::Winner;

/// The conflict types of Microsoft Sync Framework (`DbConflictType`); "local" is the database at which the conflict is met.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConflictType {
    /// The row could not be written: a constraint or another error.
    ErrorsOccurred,
    /// Both sides updated the row.
    LocalUpdateRemoteUpdate,
    /// Updated here, deleted there.
    LocalUpdateRemoteDelete,
    /// Deleted here, updated there.
    LocalDeleteRemoteUpdate,
    /// Inserted on both sides under the same key.
    LocalInsertRemoteInsert,
    /// Deleted on both sides; settled silently.
    LocalDeleteRemoteDelete,
    /// Deleted here, with the tombstone already cleaned up, and updated there.
    LocalCleanedupDeleteRemoteUpdate,
}

/// One side of a conflict: a version and the row it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConflictSide {
    /// The replica whose change this is.
    pub replica: ReplicaId,
    /// Its tick.
    pub tick: Tick,
    /// Whether the change is a deletion.
    pub deleted: bool,
    /// The row in the order of [`ConflictRecord::columns`]; `None` where there is none.
    pub row: Option<Vec<Value>>,
}

/// What is kept of a conflict, so that no version is overwritten without a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConflictRecord {
    /// Global name of the table.
    pub table: String,
    /// The columns of the rows, key columns included.
    pub columns: Vec<String>,
    /// The key of the row.
    pub key: Vec<Value>,
    /// What kind of conflict it was.
    pub conflict: ConflictType,
    /// The row as it was at the destination; `None` where there was neither row nor tombstone.
    pub local: Option<ConflictSide>,
    /// The row that came in.
    pub remote: ConflictSide,
    /// Who won; `None` when the row was deferred or failed.
    pub winner: Option<Winner>,
    /// Why: the policy's name, the handler, or the database's message.
    pub reason: String,
}

impl ConflictRecord {
    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let cells = |cells: &[Value]| {
            cells
                .iter()
                .map(|cell| 32 + cell.as_ref().size())
                .sum::<usize>()
        };
        let row = |side: &ConflictSide| side.row.as_deref().map_or(0, cells);
        let sides = self.local.iter().chain([&self.remote]);
        let names: usize = self.columns.iter().map(|name| 24 + name.len()).sum();
        size_of::<Self>()
            + self.table.len()
            + self.reason.len()
            + names
            + cells(&self.key)
            + sides.map(row).sum::<usize>()
    }

    /// The error that ends a direction under [`ErrorPolicy::Abort`](crate::ErrorPolicy::Abort): the first of the rows that could not be written.
    pub fn into_error(self) -> ProviderError {
        let key: Vec<String> = self.key.iter().map(Value::to_string).collect();
        ProviderError::refused(
            format!("table {}, row {}", self.table, key.join(", ")),
            self.reason,
            "mend the row or the constraint, or let rows that cannot be written wait",
        )
    }
}
