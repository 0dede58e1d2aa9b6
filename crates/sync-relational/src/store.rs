//! The seam between what relational providers do alike and one database engine: a connection at slice granularity.

use std::time::Duration;

use async_trait::async_trait;
use sync_decision::{LocalRow, Outcome, RowFacts, Selection, TableShape};
use sync_knowledge::{ItemId, ReplicaId, ReplicaKey, Tick};
use sync_metadata::ScopeDescription;
use sync_provider::{ProviderError, RowHead, RowRef, RowSet, Unsent};

/// A scope as it is stored: who this replica is and which tables it holds. It does not change during a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The replica id (`scope_id`).
    pub replica: ReplicaId,
    /// The tables; a table's index here names it in every call of [`Store`].
    pub description: ScopeDescription,
    /// Whether the tracking tables keep the time and the writer of a change.
    pub attributes: bool,
}

/// What of a scope changes with every session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeState {
    /// Encoded knowledge; `None` until the first session.
    pub knowledge: Option<Vec<u8>>,
    /// Encoded forgotten knowledge.
    pub forgotten: Option<Vec<u8>>,
    /// Greatest local tick below which every change is committed and visible: as source the mark of the session.
    pub mark: Tick,
    /// Whether changes of this replica were ever handed to another one.
    pub was_source: bool,
}

/// How an enumeration begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// The scope row, with the mark.
    pub state: ScopeState,
    /// The tables that may have tracking rows above their floors, in the order of the scope; there is nothing to scan in the others. Where
    /// none has, the snapshot may be closed already.
    pub changed: Vec<usize>,
}

/// A row that earlier sessions could not apply, remembered by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its row id, an exception in the knowledge.
    pub id: ItemId,
    /// Its table.
    pub table: usize,
    /// Its key, as one packed row ([`RowRef::as_bytes`]); empty where it stands for all rows of the table whose keys cannot be read, under the
    /// first id of the table.
    pub key: Vec<u8>,
    /// Why it waits.
    pub reason: String,
}

/// Where the enumeration of a table's part stands; made and read by the engine alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// Tick of the last tracking row looked at.
    pub tick: i64,
    /// Its key, one row.
    pub key: RowSet,
}

/// One part of an enumeration: the live rows or the tombstones of a table above a tick.
#[derive(Debug)]
pub struct Scan<'a> {
    /// The table.
    pub table: usize,
    /// Tombstones rather than live rows.
    pub deleted: bool,
    /// Only tracking rows whose local tick is above.
    pub floor: Tick,
    /// Go on behind this row.
    pub after: Option<Cursor>,
    /// Which of them the destination needs.
    pub selection: &'a Selection,
    /// Stop once about so many bytes are packed.
    pub budget: usize,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Heads of the rows.
    pub heads: Vec<RowHead>,
    /// The rows: key columns for tombstones, all columns of the scope otherwise.
    pub rows: RowSet,
    /// Tracking rows looked at, at least one where any was: an engine need not count those that it left out by [`Selection::known`].
    pub examined: u64,
    /// Live tracking rows without a base row.
    pub orphans: u64,
    /// Rows that are needed and cannot be read.
    pub unsent: Vec<Unsent>,
    /// About how many bytes these take.
    pub(crate) unsent_bytes: usize,
    /// Where to go on; `None` when the part is done.
    pub next: Option<Cursor>,
}

impl Page {
    /// An empty page of rows that are `width` cells wide.
    pub fn new(width: usize) -> Self {
        Page {
            heads: Vec::new(),
            rows: RowSet::new(width),
            examined: 0,
            orphans: 0,
            unsent: Vec::new(),
            unsent_bytes: 0,
            next: None,
        }
    }
}

/// Rows of a table that are asked for by key.
#[derive(Debug)]
pub struct Fetch<'a> {
    /// The table.
    pub table: usize,
    /// The keys, in the order in which they are looked up.
    pub keys: &'a RowSet,
    /// Go on at this one of them.
    pub first: usize,
    /// Which of the rows the destination needs.
    pub selection: &'a Selection,
    /// Stop before more bytes than these are packed, unless by a single row.
    pub budget: usize,
}

/// What was found under keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The tombstones among them.
    pub deleted: Page,
    /// The live rows.
    pub live: Page,
    /// The first key that was not looked up; at least one was, if there is one.
    pub end: usize,
}

/// How long another writer is waited for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as the user allows.
    Full,
    /// About a sixteenth of that, never twice the same: somebody may wait for this session in turn.
    Part,
}

/// What came of a call that another writer can be in the way of.
#[derive(Debug)]
pub enum Attempt<T> {
    /// It was carried out.
    Done(T),
    /// Nothing was done: the other writer did not come to an end in time. The error says so.
    Busy(ProviderError),
}

/// Incoming rows of one table that are decided and written together. All rows are live, with all columns of the scope in the order of the
/// table's shape, or all are deletions, with the key columns.
#[derive(Copy, Clone, Debug)]
pub struct Slice<'a> {
    /// The table.
    pub table: usize,
    /// Deletions.
    pub deleted: bool,
    /// The rows come again, by key, after all others: constraints that are otherwise checked at the commit are checked for each.
    pub repeated: bool,
    /// Rows that come again and want no parents but each other may be written together, and be left to the commit. Not where a commit has
    /// failed already.
    pub together: bool,
    /// What the user's triggers do is checked as well, row by row: a row whose triggers break a constraint is refused.
    pub guarded: bool,
    /// Each row is written by itself: one of them undid the transaction when they were written together, and is to be named
    /// ([`Written::Undone`]).
    pub apart: bool,
    /// The rows.
    pub rows: &'a RowSet,
}

/// What the destination has under the keys of a slice, in the slice's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalSlice {
    /// One entry per row of the slice.
    pub entries: Vec<Option<LocalEntry>>,
    /// Cells of the live rows among them.
    pub cells: RowSet,
    /// Rows of the slice whose counterpart here cannot be read, and why: nothing can be decided about them.
    pub unreadable: Vec<RowFailure>,
}

/// A row or tombstone at the destination.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LocalEntry {
    /// Versions and kind, for this scope.
    pub facts: RowFacts,
    /// Time of the write.
    pub time: Option<i64>,
    /// Who wrote.
    pub writer: Option<ReplicaKey>,
    /// The tracking row's own tick: what a guarded write compares.
    pub local_tick: i64,
    /// Index of its cells; `None` for a tombstone, and for a live tracking row without a base row.
    pub cells: Option<usize>,
}

impl LocalSlice {
    /// The entry at `index` as the decision sees it.
    pub fn row(&self, index: usize) -> Option<LocalRow<'_>> {
        let entry = self.entries.get(index)?.as_ref()?;
        let cells: Option<RowRef<'_>> = entry.cells.map(|cells| self.cells.row(cells));
        Some(LocalRow {
            facts: entry.facts,
            time: entry.time,
            writer: entry.writer,
            cells,
        })
    }
}

/// A row of a slice that is to be written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Index of the row in its slice.
    pub row: usize,
    /// What to store.
    pub outcome: Outcome,
}

/// A row of a slice that could not be written. The other rows of the slice are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFailure {
    /// Index of the row in its slice.
    pub row: usize,
    /// The constraint or error, in the database's words.
    pub reason: String,
    /// Whether the row could be written and only its versions could not. Nothing of it is left either way.
    pub metadata: bool,
}

/// How writing rows of a slice went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// All are written but those that the database refuses.
    AllBut(Vec<RowFailure>),
    /// The database refused a row and undid the whole transaction, which is closed: a trigger that rolls back or throws, an error that the
    /// engine does not let anybody go on after. Not where somebody else was in the way: that is [transient](ProviderError::is_transient).
    Undone {
        /// Index of the row in its slice, where the store can tell. It can where rows are written [apart](Slice::apart).
        row: Option<usize>,
        /// The error, in the database's words.
        reason: String,
    },
}

/// What is stored when a direction ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// The new knowledge, encoded; `None` leaves the scope row alone.
    pub knowledge: Option<Vec<u8>>,
    /// Rows to remember.
    pub remember: Vec<Waiting>,
    /// Rows that need not be remembered any longer: row id and packed key. They go before others are remembered.
    pub forget: Vec<(ItemId, Vec<u8>)>,
}

/// How a commit went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Committed.
    Done,
    /// Rolled back: a constraint that is checked at the end of a transaction is broken.
    Broken(Breach),
    /// Nothing is committed: the scope row is not as it was when the apply transaction began. The error says so, and is transient: the direction starts again
    /// with what is there now.
    Superseded(ProviderError),
}

/// What is known of a constraint that a commit breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breach {
    /// The rows of the session that break it: table, packed key, and why.
    pub offenders: Vec<(usize, Vec<u8>, String)>,
    /// Whether triggers of the user's own took part, so that it may be their doing.
    pub triggers: bool,
    /// What the database says of it, for an error.
    pub findings: String,
}

/// One connection to a database that holds a scope.
///
/// A store is owned by one session and used from one thread or task at a time. Dropping it closes the connection, so that no transaction
/// stays open. All replica keys in its results are keys of the scope's own key map.
#[async_trait]
pub trait Store: Send {
    /// Who and what the scope is.
    fn scope(&self) -> &Scope;

    /// The shapes of the scope's tables, in its order.
    fn shapes(&self) -> &[TableShape];

    /// The scope row and the rows that wait, in whatever transaction is open.
    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError>;

    /// As source: takes the mark and opens the read snapshot of an enumeration. No change whose transaction was open then is at or below
    /// the mark. `floors` holds, per table of the scope, the tick above which its tracking rows will be looked at; so a store that is far away
    /// can look at all of them at once.
    async fn begin_enumeration(&mut self, floors: &[Tick]) -> Result<Begun, ProviderError>;

    /// As source: the next rows of a part, in the snapshot.
    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError>;

    /// As source: rows by key, in the snapshot of the enumeration or, where that is closed, in one of their own. Another writer is waited
    /// for with [`Patience::Part`].
    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError>;

    /// As source: closes the snapshot, if it is open.
    async fn end_enumeration(&mut self) -> Result<(), ProviderError>;

    /// As destination: opens the apply transaction and reads the scope row under its lock.
    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError>;

    /// As destination: what is there under the keys of a slice.
    async fn local_rows(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError>;

    /// As destination: writes rows of a slice whose local side still is what `local` says. Rows that block each other on a unique key are
    /// written together.
    async fn write(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError>;

    /// As destination: whether rows that were refused may go through if all that failed come once more, though none has got through since. It is so
    /// at most once for the same rows.
    fn takes_another_round(&mut self) -> bool {
        false
    }

    /// As destination: stores what the direction taught and commits.
    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError>;

    /// Ends whatever transaction is open, undoing it.
    async fn rollback(&mut self) -> Result<(), ProviderError>;

    /// After an error that [is transient](ProviderError::is_transient): makes a fresh connection, in which nothing is open. A server that
    /// cannot be reached now is transient as well, since a moment ago it could.
    ///
    /// An engine without such errors need not do anything.
    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        self.rollback().await
    }

    /// Lets time pass before [`reconnect`](Self::reconnect), in the way that suits where the store runs.
    async fn wait(&mut self, time: Duration) {
        let _ = time;
    }
}

/// The error of a store whose scope row is not as it was when its transaction began, and which has not written it therefore. It is transient.
pub fn scope_row_changed(object: String) -> ProviderError {
    ProviderError::transient(
        object,
        "somebody else stored knowledge for it while rows were applied",
        "run it again when nobody else synchronises it",
    )
}
