//! Applying as destination: one transaction, in which rows are looked at and written slice by slice.

mod applied_table;
mod breach;
mod check_triggers;
mod foreign_key_cycles;
mod local;
mod orphans;
mod row;
mod savepoint;
mod slice;
mod statements;
mod stored_keys;
mod swap_unique_values;
mod tracking;
mod user_triggers;
mod violations;
mod write_error;

use rusqlite::params;
use sync_provider::ProviderError;
use sync_relational::{Breach, Circles, Learned, LocalSlice, RowFailure, ScopeState, Slice, Write};

use crate::store::apply::applied_table::AppliedTable;
use crate::store::apply::foreign_key_cycles::delete::HeldBack;
use crate::store::apply::row::Stamp;
use crate::store::open_scope::OpenScope;
use crate::store::waiting::write_waiting;

pub(super) use breach::is_violation;
pub(super) use write_error::Stop;

/// What an apply transaction remembers from one slice to the next.
#[derive(Debug)]
pub(super) struct ApplyTransaction {
    stamp: Stamp,
    /// Tables in which nothing was tracked when the transaction began.
    empty: Vec<bool>,
    applied_table: AppliedTable,
    /// How often knowledge had been stored when the transaction began.
    timestamp: i64,
    held_back: HeldBack,
    /// Rows that wait for each other.
    cycles: Circles,
}

impl ApplyTransaction {
    /// Begins, under the write lock.
    pub(super) fn begin(scope: OpenScope<'_>) -> rusqlite::Result<(Self, ScopeState)> {
        let (db, tables) = (scope.db(), scope.tables);
        db.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        let row = scope.row()?;
        let now = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";
        let now: i64 = db.query_row(now, [], |row| row.get(0))?;
        let empty = (tables.tables.iter())
            .map(|table| db.query_row(&table.sql.is_empty, [], |row| row.get(0)))
            .collect::<rusqlite::Result<Vec<bool>>>()?;
        let tick = i64::try_from(row.state.mark).unwrap_or(i64::MAX);
        let transaction = ApplyTransaction {
            stamp: Stamp { tick, now },
            empty,
            applied_table: AppliedTable::default(),
            timestamp: row.timestamp,
            held_back: HeldBack::default(),
            cycles: tables.cycles.clone(),
        };
        Ok((transaction, row.state))
    }

    /// What is there under the keys of a slice.
    pub(super) fn local_rows(
        &self,
        scope: OpenScope<'_>,
        slice: Slice<'_>,
    ) -> Result<LocalSlice, ProviderError> {
        local::read_local(scope, slice, self.empty[slice.table])
    }

    /// Writes rows of a slice; gives those that are refused.
    pub(super) fn write(
        &mut self,
        scope: OpenScope<'_>,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Vec<RowFailure>, Stop> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        if check_triggers::is_due(scope, slice) {
            return check_triggers::write_checked(self, scope, slice, local, writes);
        }
        slice::write_all(self, scope, slice, local, writes)
    }

    /// Stores what the direction taught. The commit is all that is left to do.
    pub(super) fn learn(&self, scope: OpenScope<'_>, learned: &Learned) -> rusqlite::Result<()> {
        let (db, tables) = (scope.db(), scope.tables);
        // Whatever happened on the way: left behind, it would keep the triggers from tracking.
        if !tables.triggers_off {
            db.execute(&tables.sql.unmark, [])?;
        }
        if let Some(knowledge) = &learned.knowledge {
            let timestamp = self.timestamp.saturating_add(1);
            let row = params![knowledge, timestamp, tables.scope_local_id];
            db.execute(&tables.sql.learn, row)?;
        }
        write_waiting(scope, learned)
    }

    /// After a commit that foreign keys forbid, within the transaction that is still open: what can be said of it.
    pub(super) fn breach(&self, scope: OpenScope<'_>) -> Result<Breach, ProviderError> {
        breach::breach(scope, self.stamp.tick)
    }
}
