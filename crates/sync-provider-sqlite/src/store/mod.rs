//! One connection to a SQLite database that holds a scope.
//!
//! | part | what it is |
//! |---|---|
//! | `scope_tables`, `table` | the scope's tables as the session finds them; nothing of it changes |
//! | `sql` | the statements on them, as text |
//! | `open_scope` | tables and connection, lent to whoever runs a statement |
//! | `enumeration` | the mark, and reading in a snapshot |
//! | `apply` | an apply transaction |

mod apply;
mod enumeration;
mod keys;
mod open_scope;
mod readable;
mod scope_tables;
mod sql;
mod table;
mod tracking_row;
mod waiting;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_knowledge::Tick;
use sync_provider::ProviderError;
use sync_relational::{
    Attempt, Begun, Commit, Fetch, Fetched, Learned, LocalSlice, Page, Patience, Scan, Scope,
    ScopeState, Slice, Store, Waiting, Write, Written,
};

use crate::connection::{Access, Database, schema_version};
use crate::error::SqliteError;
use crate::locks::{Locks, is_busy};
use crate::store::apply::{ApplyTransaction, Stop, is_violation};
use crate::store::enumeration::{Snapshot, mark};
use crate::store::open_scope::OpenScope;
use crate::store::scope_tables::ScopeTables;

/// The store behind a [`crate::SqliteProvider`].
#[derive(Debug)]
pub(crate) struct SqliteStore {
    database: Database,
    tables: ScopeTables,
    locks: Locks,
    transaction: Transaction,
    /// Changes of this replica were handed out, and that could not be noted.
    unnoted: bool,
}

/// The transaction that is open.
#[derive(Debug)]
enum Transaction {
    None,
    Snapshot,
    Apply(Box<ApplyTransaction>),
}

impl SqliteStore {
    pub(crate) fn open(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        match Self::open_as(path, scope, busy_timeout, Access::Write) {
            // A file that cannot be written can still be a source.
            Err(SqliteError::Database { .. }) => {
                Self::open_as(path, scope, busy_timeout, Access::Read)
            }
            other => other,
        }
    }

    fn open_as(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
        access: Access,
    ) -> Result<Self, SqliteError> {
        let database = Database::open(path, access, busy_timeout)?;
        Self::over(database, scope, busy_timeout)
    }

    /// Opens a scope of a file as it is now; nothing that is done comes into the file.
    pub(crate) fn open_copy(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        let copy = Database::copy_of(path, busy_timeout)?;
        Self::over(copy, scope, busy_timeout)
    }

    /// Opens the store for reading only, in one snapshot.
    pub(crate) fn open_to_read(
        path: &Path,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, ProviderError> {
        let mut store = Self::open_as(path, scope, busy_timeout, Access::Read)?;
        store.scope().execute("BEGIN")?;
        store.transaction = Transaction::Snapshot;
        Ok(store)
    }

    fn over(
        database: Database,
        scope: Option<&str>,
        busy_timeout: Duration,
    ) -> Result<Self, SqliteError> {
        Ok(SqliteStore {
            tables: ScopeTables::read(&database, scope)?,
            database,
            locks: Locks { busy_timeout },
            transaction: Transaction::None,
            unnoted: false,
        })
    }

    fn scope(&self) -> OpenScope<'_> {
        OpenScope {
            database: &self.database,
            tables: &self.tables,
        }
    }

    /// Reads in whatever transaction is open.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            scope: self.scope(),
        }
    }

    fn applying(&mut self) -> Result<(OpenScope<'_>, &mut ApplyTransaction), ProviderError> {
        let Transaction::Apply(transaction) = &mut self.transaction else {
            return Err(ProviderError::malformed(
                "session",
                "rows came without an apply transaction",
            ));
        };
        let (database, tables) = (&self.database, &self.tables);
        Ok((OpenScope { database, tables }, transaction))
    }

    /// Ends whatever transaction is open, undoing it.
    fn undo(&mut self) -> Result<(), ProviderError> {
        self.transaction = Transaction::None;
        let scope = self.scope();
        // A call that failed may have left one open of which nobody knows, and a trigger may have ended one.
        if !scope.db().is_autocommit() {
            scope.execute("ROLLBACK")?;
        }
        let waiting = self.locks.wait(scope.db());
        waiting.map_err(|error| scope.fail(&error))
    }

    fn note_source_late(&mut self) -> Result<(), ProviderError> {
        if self.unnoted {
            let scope = self.scope();
            let noted = mark::note_source_late(scope, self.locks);
            self.unnoted = !noted.map_err(|error| scope.fail(&error))?;
        }
        Ok(())
    }

    /// Begins to apply, under the write lock.
    fn begin(&mut self) -> Result<ScopeState, ProviderError> {
        let scope = self.scope();
        let fail = |error: rusqlite::Error| scope.fail(&error);
        if self.unnoted {
            mark::note_source(scope).map_err(fail)?;
        }
        let (transaction, state) = ApplyTransaction::begin(scope).map_err(fail)?;
        if schema_version(scope.db()).map_err(fail)? != self.tables.schema_version {
            // What was read of tables and triggers when the session began may not hold any more.
            self.undo()?;
            return Err(ProviderError::refused(
                self.database.path.display().to_string(),
                "its schema was changed while the session ran",
                "run it again",
            ));
        }
        self.transaction = Transaction::Apply(Box::new(transaction));
        Ok(state)
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn scope(&self) -> &Scope {
        &self.tables.scope
    }

    fn shapes(&self) -> &[TableShape] {
        &self.tables.shapes
    }

    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError> {
        let scope = SqliteStore::scope(self);
        let row = scope.row().map_err(|error| scope.fail(&error))?;
        Ok((row.state, waiting::read_waiting(scope)?))
    }

    async fn begin_enumeration(&mut self, _floors: &[Tick]) -> Result<Begun, ProviderError> {
        let scope = SqliteStore::scope(self);
        let mut unnoted = self.unnoted;
        let state = mark::take_mark(scope, self.locks, &mut unnoted);
        let state = state.map_err(|error| scope.fail(&error))?;
        self.transaction = Transaction::Snapshot;
        self.unnoted = unnoted;
        // A scan that finds nothing costs a look into an index.
        let changed = (0..self.tables.shapes.len()).collect();
        Ok(Begun { state, changed })
    }

    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        self.snapshot().scan_page(scan)
    }

    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError> {
        let scope = SqliteStore::scope(self);
        if !scope.db().is_autocommit() {
            return Snapshot { scope }.look_up(&fetch).map(Attempt::Done);
        }
        // A snapshot that ends with the call.
        let found = match self.locks.snapshot(scope.db(), Patience::Part) {
            Ok(()) => Snapshot { scope }.look_up(&fetch).map(Attempt::Done),
            Err(error) if is_busy(&error) => Ok(Attempt::Busy(scope.fail(&error))),
            Err(error) => Err(scope.fail(&error)),
        };
        self.undo()?;
        found
    }

    async fn end_enumeration(&mut self) -> Result<(), ProviderError> {
        self.undo()?;
        self.note_source_late()
    }

    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError> {
        self.undo()?;
        let scope = SqliteStore::scope(self);
        match self.locks.lock(scope.db(), patience) {
            Ok(()) => self.begin().map(Attempt::Done),
            Err(error) if is_busy(&error) => Ok(Attempt::Busy(scope.fail(&error))),
            Err(error) => Err(scope.fail(&error)),
        }
    }

    async fn local_rows(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        let (scope, transaction) = self.applying()?;
        transaction.local_rows(scope, slice)
    }

    async fn write(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError> {
        let (scope, transaction) = self.applying()?;
        match transaction.write(scope, slice, local, writes) {
            Ok(failures) => Ok(Written::AllBut(failures)),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Undone { row, reason }) => {
                self.undo()?;
                Ok(Written::Undone { row, reason })
            }
        }
    }

    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        let locks = self.locks;
        let (scope, transaction) = self.applying()?;
        let fail = |error: rusqlite::Error| scope.fail(&error);
        transaction.learn(scope, learned).map_err(fail)?;
        locks.wait(scope.db()).map_err(fail)?;
        match scope.db().execute_batch("COMMIT") {
            Ok(()) => {
                self.transaction = Transaction::None;
                self.unnoted = false;
                Ok(Commit::Done)
            }
            Err(error) if is_violation(&error) => {
                let breach = transaction.breach(scope)?;
                self.undo()?;
                Ok(Commit::Broken(breach))
            }
            Err(error) => Err(scope.fail(&error)),
        }
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        self.undo()?;
        self.note_source_late()
    }
}
