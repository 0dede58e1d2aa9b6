//! Change batches and what a destination answers to them. Every value here is owned and serialisable, so that a provider can be a proxy;
//! [`encode`](crate::encode) gives them the form in which they cross.

use serde::{Deserialize, Serialize};
use sync_knowledge::{ReplicaKey, Version};

use crate::conflict::ConflictRecord;
use crate::effect::RowEffect;
use crate::error::ProviderError;
use crate::row_set::RowSet;

/// What a source needs to know of a destination (`GetSyncBatchParameters`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncBatchParameters {
    /// The destination's knowledge, encoded (version 5).
    pub knowledge: Vec<u8>,
    /// Row ids that are exceptions in the knowledge and that the destination asks for by key. A source leaves them out of account when it
    /// looks for the tick from which to enumerate.
    pub remembered: Vec<Vec<u8>>,
}

/// What is asked of a source (`GetChangeBatch`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ChangeBatchRequest {
    /// The first batch of changes: enumeration starts, in a snapshot of its own. Also after a [`Next::Restart`].
    First(SyncBatchParameters),
    /// The first batch of the rows with these keys that the destination does not know (MSF's change-data retriever).
    ///
    /// They need not come from the snapshot of the enumeration, which a source lets go of once its changes are read. A destination leaves a
    /// row that changed in the meantime for the next session.
    Rows(Vec<TableKeys>),
    /// The batch after the last one, be it of changes or of rows that were asked for by key.
    Next,
}

/// Changes on their way from a source to a destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangeBatch {
    /// Which series of batches of the session it belongs to, from 1. A request for the first changes or for rows by key begins a series.
    pub series: u32,
    /// Its place in the series, from 0.
    pub sequence: u32,
    /// What the batch is.
    pub kind: BatchKind,
    /// The source's knowledge when the enumeration started, encoded: made-with knowledge, and what the whole direction teaches. It is
    /// given with the first batch and empty in the others.
    pub made_with: Vec<u8>,
    /// The source's forgotten knowledge, encoded; with the first batch.
    pub forgotten: Vec<u8>,
    /// The changes in the order in which they should be applied.
    pub tables: Vec<TableChanges>,
    /// Tracking rows that were looked at.
    pub examined: u64,
    /// Live tracking rows without their base row, which are skipped and reported: (global table name, count).
    pub orphans: Vec<(String, u64)>,
    /// Rows that the destination needs and the source cannot read.
    pub unsent: Vec<Unsent>,
}

impl ChangeBatch {
    /// What a source answers that has nothing to give now ([`BatchKind::Busy`]).
    pub fn nothing() -> Self {
        Self::new(BatchKind::Busy)
    }

    /// An empty batch.
    pub fn new(kind: BatchKind) -> Self {
        ChangeBatch {
            series: 0,
            sequence: 0,
            kind,
            made_with: Vec::new(),
            forgotten: Vec::new(),
            tables: Vec::new(),
            examined: 0,
            orphans: Vec::new(),
            unsent: Vec::new(),
        }
    }
}

/// Which part of a direction a batch is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchKind {
    /// Enumerated changes; more batches follow.
    Changes,
    /// The last enumerated changes.
    LastChanges,
    /// Rows that the destination asked for by key; more batches of them follow.
    Repeats,
    /// The last rows that the destination asked for by key.
    LastRepeats,
    /// Nothing: another writer is in the way of what was asked for by key, who may wait for the destination in turn, or the source lost its
    /// connection and has a fresh one. The destination answers with [`Next::Restart`].
    Busy,
}

impl BatchKind {
    /// Whether the source has more to give before the destination says what it wants.
    pub fn more_follow(self) -> bool {
        matches!(self, BatchKind::Changes | BatchKind::Repeats)
    }

    /// Whether the rows were asked for by key.
    pub fn is_repeated(self) -> bool {
        matches!(self, BatchKind::Repeats | BatchKind::LastRepeats)
    }
}

/// Changes of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableChanges {
    /// Global name of the table.
    pub table: String,
    /// Names of the columns in `rows`, in their order: the key columns for deletions, all columns otherwise.
    pub columns: Vec<String>,
    /// Whether these are deletions.
    pub deleted: bool,
    /// One head per row.
    pub heads: Vec<RowHead>,
    /// The rows.
    pub rows: RowSet,
}

/// Rows that a destination needs and the source cannot send as they are: they stay unknown to the destination and wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// Global name of the table.
    pub table: String,
    /// Which rows.
    pub rows: UnsentRows,
    /// The version of the last change of the row, or of the first of them.
    pub version: Version,
    /// What is wrong with them, naming the column and the way out.
    pub reason: String,
}

/// Which rows are not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnsentRows {
    /// The row with this key, its cells in key order.
    One(RowSet),
    /// So many rows whose keys cannot be read either. Nobody can ask for them, so the whole table stays unlearned.
    UndecodableKeys(u32),
}

/// What travels with a row besides its cells. Replica keys are those of the source's made-with knowledge.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowHead {
    /// Version of the row's creation.
    pub create: Version,
    /// Version of its last change.
    pub update: Version,
    /// Time of that write, microseconds UTC, where the source's tables keep it.
    pub time: Option<i64>,
    /// The replica that wrote, where the source's tables keep it.
    pub writer: Option<ReplicaKey>,
}

/// Keys of one table, for rows that are asked for (again).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableKeys {
    /// Global name of the table.
    pub table: String,
    /// Names of the key columns.
    pub columns: Vec<String>,
    /// The keys.
    pub keys: RowSet,
}

/// What a destination answers to a batch (`ProcessChangeBatch`): counts of this batch alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchOutcome {
    /// Rows that the destination did not know.
    pub offered: u64,
    /// Rows settled for good: stored, or kept against by a policy.
    pub applied: u64,
    /// Rows that could not be written.
    pub failed: u64,
    /// Rows that met a conflict.
    pub conflicts: u64,
    /// Rows left for the next session.
    pub deferred: u64,
    /// Of the rows left: those that were left by an earlier session already.
    pub repeated: u64,
    /// The conflicts.
    pub records: Vec<ConflictRecord>,
    /// What became of each row that was stored; in a rehearsal only.
    pub rows: Vec<RowEffect>,
    /// What the destination wants next.
    pub next: Next,
}

/// What a destination wants after a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Next {
    /// The next batch.
    #[default]
    Changes,
    /// These rows by key ([`ChangeBatchRequest::Rows`]), in as many batches as it takes, after which the direction goes on.
    Rows(Vec<TableKeys>),
    /// What came so far is committed, together with what it taught. These rows may undo the transaction that they are written in, so they have
    /// one of their own: they are asked for by key, as with [`Next::Rows`]. What happens from now on changes nothing of what is committed.
    CommittedSoFar(Vec<TableKeys>),
    /// A row undid the transaction since the last [`Next::CommittedSoFar`]: the counts are again what they were then, and these rows are asked for by
    /// key, instead of those of the last request that have not come yet.
    UndoneSince(Vec<TableKeys>),
    /// The direction once more from its first batch, nothing of it being left since the last [`Next::CommittedSoFar`]: rows turned out, at the end, to break a constraint, and they
    /// are known now; or another writer is in the way, and the source must not keep its snapshot while that one is waited for. The counts
    /// are again what they were then.
    Restart,
    /// Nothing: the direction is committed together with what it taught.
    Committed,
    /// Nothing, for the commit failed with this error, or nobody answered and the database cannot be asked: the direction may be committed. Its
    /// conflicts are told, since nobody else would tell those of one that is; of one that is not they come again.
    InDoubt(ProviderError),
}
