//! Writing rows of a slice: the base row, then its tracking row, each once.

use rusqlite::{ErrorCode, Statement};
use sync_decision::TableShape;
use sync_knowledge::{ReplicaKey, Version};
use sync_metadata::{ValueRef, VersionColumns, content_eq};
use sync_provider::{ProviderError, RowRef};
use sync_relational::{LocalEntry, LocalSlice, RowFailure, Slice, Write};

use crate::cells::bind;
use crate::ident::ident;
use crate::store::SqliteStore;
use crate::store::local::with_key;
use crate::store::orphans::Orphans;
use crate::store::readable::push_cells;
use crate::store::savepoint::Savepoint;
use crate::store::scan::{bind_key, tracking_row};
use crate::store::statements::{Change, Statements};
use crate::store::write_error::{Obstacle, Refusal, Stop, WriteError, or_stop};

impl SqliteStore {
    pub(super) fn write_slice(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Vec<RowFailure>, Stop> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_guarded(slice) {
            return self.write_guarded(slice, local, writes);
        }
        self.write_all(slice, local, writes)
    }

    pub(super) fn write_all(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Vec<RowFailure>, Stop> {
        self.mark_table(slice.table)?;
        let mut statements = self.statements(slice.table);
        let mut failures = Vec::new();
        let mut blocked = Vec::new();
        let keys = &self.tables[slice.table].references.missing_parent;
        let mut orphans = Orphans::new(slice, keys);
        let mut next = Vec::new();
        for write in writes {
            next.push(*write);
            while let Some(write) = next.pop() {
                let written = self.write_row(&mut statements, slice, local, &write);
                let Err(refusal) = or_stop(written)? else {
                    next.extend(orphans.children_of(&write));
                    continue;
                };
                match refusal.obstacle {
                    Obstacle::Unique => blocked.push((write, refusal.reason)),
                    Obstacle::Parent(key) => orphans.wait(write, key, refusal.reason),
                    Obstacle::Other => failures.push(refusal.of_row(write.row)),
                }
            }
        }
        drop(statements);
        failures.extend(orphans.left());
        if !blocked.is_empty() {
            failures.extend(self.write_together(slice, local, blocked)?);
        }
        match (failures.is_empty(), slice.deleted) {
            (false, true) => self.bury_together(slice, local, writes, failures),
            (false, false) if slice.repeated => self.write_circle(slice, local, writes, failures),
            _ => Ok(failures),
        }
    }

    /// The statements that write rows of a table.
    pub(super) fn statements(&self, table: usize) -> Statements<'_> {
        Statements::new(self.db(), &self.tables[table].sql)
    }

    /// Tells the triggers which table is written to, so that they leave these rows alone.
    pub(super) fn mark_table(&mut self, table: usize) -> Result<(), ProviderError> {
        if self.triggers_off || self.applying()?.marked == Some(table) {
            return Ok(());
        }
        let sql = format!(
            "UPDATE {} SET applying = ?1, applying_key = NULL",
            ident(&self.names.tick)
        );
        self.db()
            .prepare_cached(&sql)
            .and_then(|mut mark| mark.execute([&self.tables[table].objects.tracking]))
            .map_err(|error| self.fail(&error))?;
        if let Some(apply) = &mut self.apply {
            apply.marked = Some(table);
        }
        Ok(())
    }

    pub(super) fn write_row(
        &self,
        statements: &mut Statements<'_>,
        slice: Slice<'_>,
        local: &LocalSlice,
        write: &Write,
    ) -> Result<(), WriteError> {
        if !self.tables[slice.table].tracking_is_open {
            let written = self.write_both(statements, slice, local, write);
            return written.map_err(|error| error.at_row(write.row));
        }
        let savepoint = self.savepoint()?;
        let written = self.write_both(statements, slice, local, write);
        match written.map_err(|error| error.at_row(write.row)) {
            Ok(()) => savepoint.release().map_err(|error| self.fail(&error))?,
            Err(WriteError::Refused(refusal)) => {
                savepoint.undo().map_err(|error| self.fail(&error))?;
                return Err(refusal.into());
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    pub(super) fn savepoint(&self) -> Result<Savepoint<'_>, ProviderError> {
        Savepoint::open(self.db()).map_err(|error| self.fail(&error))
    }

    /// The base row, then the tracking row. Where that one is refused the base row is written already.
    fn write_both(
        &self,
        statements: &mut Statements<'_>,
        slice: Slice<'_>,
        local: &LocalSlice,
        write: &Write,
    ) -> Result<(), WriteError> {
        let table = &self.tables[slice.table];
        let row = slice.rows.row(write.row);
        let entry = local.entries.get(write.row).copied().flatten();
        let expected = entry.map(|entry| entry.local_tick);
        if table.user_triggers && self.local_tick(slice, row)? != expected {
            return Err(Refusal::new("a trigger has changed the row meanwhile").into());
        }
        if write.outcome.base {
            if table.user_triggers {
                self.mark_row(slice, row)?;
            }
            self.write_base(statements, slice, row, entry.as_ref())?;
        }
        self.write_tracking(statements, slice, row, entry.as_ref(), write)?;
        if write.outcome.base && table.user_triggers {
            return match slice.deleted {
                true => self.note_return(slice, row),
                false => self.note_own_change(slice, row),
            };
        }
        Ok(())
    }

    fn write_base(
        &self,
        statements: &mut Statements<'_>,
        slice: Slice<'_>,
        row: RowRef<'_>,
        entry: Option<&LocalEntry>,
    ) -> Result<(), WriteError> {
        let live = entry.is_some_and(|entry| entry.cells.is_some());
        let statement = match (slice.deleted, live) {
            (true, false) => return Ok(()),
            (true, true) => {
                if let Some(child) = self.child_of(slice.table, |statement| {
                    self.bind_row_key(statement, 1, slice, row)
                })? {
                    return Err(
                        Refusal::new(format!("rows of table {child} still refer to it")).into(),
                    );
                }
                self.prepare_delete(statements, slice, row)?
            }
            (false, live) => {
                self.check_references(slice, row, live)?;
                match self.prepare_upsert(statements, slice, row, live)? {
                    Ok(statement) => statement,
                    Err(reason) => return Err(Refusal::new(reason).into()),
                }
            }
        };
        let Some(statement) = statement else {
            return Ok(());
        };
        match statement.raw_execute() {
            Ok(0) if slice.deleted && self.is_gone(slice, row)? => Ok(()),
            // Only RAISE(IGNORE) leaves a row out without an error.
            Ok(0) => Err(Refusal::new("a trigger of the table leaves it out").into()),
            Ok(_) => Ok(()),
            Err(error) => Err(self.write_error(&error)),
        }
    }

    /// What an error of a write says: the database refuses the row, or the session cannot go on.
    pub(super) fn write_error(&self, error: &rusqlite::Error) -> WriteError {
        if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
            return self.fail(error).into();
        }
        let reason = error.to_string();
        if self.db().is_autocommit() {
            return Stop::Undone { row: None, reason }.into();
        }
        let code = error
            .sqlite_error()
            .map_or(0, |failure| failure.extended_code);
        let obstacle = match code {
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => Obstacle::Unique,
            _ => Obstacle::Other,
        };
        Refusal { reason, obstacle }.into()
    }

    fn prepare_delete<'s, 'db>(
        &self,
        statements: &'s mut Statements<'db>,
        slice: Slice<'_>,
        row: RowRef<'_>,
    ) -> Result<Option<&'s mut Statement<'db>>, ProviderError> {
        let found = statements.find(Change::DeleteBase);
        let Some(statement) = found.map_err(|error| self.fail(&error))? else {
            return Ok(None);
        };
        self.bind_row_key(statement, 1, slice, row)?;
        Ok(Some(statement))
    }

    /// `None` where the table has nothing beside its key to update; an inner error where a value cannot be stored without loss.
    fn prepare_upsert<'s, 'db>(
        &self,
        statements: &'s mut Statements<'db>,
        slice: Slice<'_>,
        row: RowRef<'_>,
        live: bool,
    ) -> Result<Result<Option<&'s mut Statement<'db>>, String>, ProviderError> {
        let (table, shape) = (&self.tables[slice.table], &self.shapes[slice.table]);
        let fail = |error: rusqlite::Error| self.fail(&error);
        let change = if live {
            Change::UpdateBase
        } else {
            Change::InsertBase
        };
        let Some(statement) = statements.find(change).map_err(fail)? else {
            return Ok(Ok(None));
        };
        let mut at = 1;
        for (column, value) in row.values().enumerate() {
            if live && !table.sql.respells && shape.key.contains(&column) {
                continue;
            }
            match bind(value, &shape.types[column], table.affinities[column]) {
                Ok(bound) => statement.raw_bind_parameter(at, &bound).map_err(fail)?,
                Err(reason) => {
                    return Ok(Err(format!("column {}: {reason}", shape.columns[column])));
                }
            }
            at += 1;
        }
        if live {
            self.bind_row_key(statement, at, slice, row)?;
        }
        Ok(Ok(Some(statement)))
    }

    /// Whether foreign keys forbid a row: it would take the referenced value away from children, or, where the row comes again after all others,
    /// its parent is missing.
    fn check_references(
        &self,
        slice: Slice<'_>,
        row: RowRef<'_>,
        live: bool,
    ) -> Result<(), WriteError> {
        let references = &self.tables[slice.table].references;
        let may_move = live && !references.moved.is_empty();
        let may_miss = slice.repeated && !references.missing_parent.is_empty();
        if !may_move && !may_miss {
            return Ok(());
        }
        let cells: Vec<ValueRef<'_>> = row.values().collect();
        if live {
            for (sql, child, columns) in &references.moved {
                let moves = self.is_true(sql, &|statement: &mut Statement<'_>| {
                    self.bind_row_key(statement, 1, slice, row)?;
                    let first = self.shapes[slice.table].key.len() + 1;
                    self.bind_cells(statement, slice.table, first, (&cells, columns))
                })?;
                if moves {
                    return Err(Refusal::new(format!(
                        "rows of table {child} still refer to its old value"
                    ))
                    .into());
                }
            }
        }
        if slice.repeated {
            for (index, key) in references.missing_parent.iter().enumerate() {
                if self.misses_parent(slice.table, key, &cells)? {
                    let parent = &key.parent;
                    let refusal = Refusal {
                        reason: format!("its parent in table {parent} is missing"),
                        obstacle: match key.within {
                            Some(_) => Obstacle::Parent(index),
                            None => Obstacle::Other,
                        },
                    };
                    return Err(refusal.into());
                }
            }
        }
        Ok(())
    }

    fn write_tracking(
        &self,
        statements: &mut Statements<'_>,
        slice: Slice<'_>,
        row: RowRef<'_>,
        entry: Option<&LocalEntry>,
        write: &Write,
    ) -> Result<(), WriteError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        if entry.is_none()
            && let Err(reason) = self.check_key(slice, row)
        {
            return Err(Refusal::new(reason).into());
        }
        let (outcome, apply) = (&write.outcome, self.applying()?);
        let tick = entry.map_or(apply.tick, |entry| {
            apply.tick.max(entry.local_tick.saturating_add(1))
        });
        let update = self.columns_of(slice, outcome.update)?;
        let create = self.columns_of(slice, outcome.create)?;
        let change = match entry {
            None => Change::InsertTracking,
            Some(entry) if entry.facts.create == outcome.create => Change::UpdateTracking,
            Some(_) => Change::ReplaceTracking,
        };
        let Some(statement) = statements.find(change).map_err(fail)? else {
            return Ok(());
        };
        let writer = outcome
            .writer
            .filter(|writer| *writer != outcome.update.replica)
            .map(|ReplicaKey(key)| key);
        statement
            .raw_bind_parameter(1, update.scope_local_id)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(2, update.scope_peer_key)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(3, update.scope_peer_timestamp)
            .map_err(fail)?;
        statement.raw_bind_parameter(4, tick).map_err(fail)?;
        statement
            .raw_bind_parameter(5, outcome.tombstone)
            .map_err(fail)?;
        statement.raw_bind_parameter(6, apply.now).map_err(fail)?;
        statement
            .raw_bind_parameter(7, outcome.time)
            .map_err(fail)?;
        statement.raw_bind_parameter(8, writer).map_err(fail)?;
        statement
            .raw_bind_parameter(9, create.scope_local_id)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(10, create.scope_peer_key)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(11, create.scope_peer_timestamp)
            .map_err(fail)?;
        statement.raw_bind_parameter(12, tick).map_err(fail)?;
        self.bind_row_key(statement, 13, slice, row)?;
        let Err(error) = statement.raw_execute() else {
            return Ok(());
        };
        let refused = match self.tracking_error(&error) {
            refused @ WriteError::Refused(_) => refused,
            stop => return Err(stop),
        };
        if outcome.base && !self.tables[slice.table].tracking_is_open {
            // Without triggers and indexes of others only the key itself can be in the way: of a batch that holds it twice.
            if entry.is_some() || slice.deleted {
                return Err(self.fail(&error).into());
            }
            if let Some(statement) = self.prepare_delete(statements, slice, row)? {
                statement.raw_execute().map_err(fail)?;
            }
        }
        Err(refused)
    }

    /// As [`write_error`](Self::write_error), of a tracking row: no other row of the slice is in its way.
    fn tracking_error(&self, error: &rusqlite::Error) -> WriteError {
        match self.write_error(error) {
            WriteError::Refused(Refusal { reason, .. }) => {
                Refusal::new(format!("its tracking row is refused: {reason}")).into()
            }
            stop => stop,
        }
    }

    fn columns_of(
        &self,
        slice: Slice<'_>,
        version: Version,
    ) -> Result<VersionColumns, ProviderError> {
        VersionColumns::through_scope(version, self.scope_local_id).map_err(|error| {
            ProviderError::malformed(
                format!("table {}", self.shapes[slice.table].global_name),
                error.to_string(),
            )
        })
    }

    /// Why the key of a row cannot be stored without loss.
    fn check_key(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<(), String> {
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        with_key(shape, slice, row, |key| {
            shape.key.iter().zip(key).try_for_each(|(&column, value)| {
                match bind(value, &shape.types[column], table.affinities[column]) {
                    Ok(_) => Ok(()),
                    Err(reason) => Err(format!("column {}: {reason}", shape.columns[column])),
                }
            })
        })
    }

    pub(super) fn bind_row_key(
        &self,
        statement: &mut Statement<'_>,
        first: usize,
        slice: Slice<'_>,
        row: RowRef<'_>,
    ) -> Result<(), ProviderError> {
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        with_key(shape, slice, row, |key| {
            bind_key(statement, first, key, shape, &table.affinities)
        })
    }

    /// The tick that the tracking row has now. Where the user has triggers of his own, a row of the slice may have changed since it was
    /// decided about.
    fn local_tick(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<Option<i64>, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let sql = &self.tables[slice.table].sql.tracking_row;
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        self.bind_row_key(&mut statement, 1, slice, row)?;
        let mut rows = statement.raw_query();
        let Some(found) = rows.next().map_err(fail)? else {
            return Ok(None);
        };
        let (tracking, _) = tracking_row(found, 0).map_err(fail)?;
        Ok(Some(tracking.local_update_peer_timestamp))
    }

    /// Where the user has triggers of his own: names the very row that is written, so that what they write elsewhere is tracked.
    pub(super) fn mark_row(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let sql = format!(
            "UPDATE {} SET applying_key = {}",
            ident(&self.names.tick),
            self.tables[slice.table].sql.key_text
        );
        let mut statement = self.db().prepare_cached(&sql).map_err(fail)?;
        self.bind_row_key(&mut statement, 1, slice, row)?;
        statement.raw_execute().map_err(fail)?;
        Ok(())
    }

    /// If the user's triggers put the very row back that was deleted, that is a change of this replica.
    fn note_return(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<(), WriteError> {
        if self.is_gone(slice, row)? {
            return Ok(());
        }
        self.change_locally(slice, row, false)
    }

    /// Makes the row a change of this replica, dead or live.
    fn change_locally(
        &self,
        slice: Slice<'_>,
        row: RowRef<'_>,
        dead: bool,
    ) -> Result<(), WriteError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let sql = &self.tables[slice.table].sql.local_change;
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        statement
            .raw_bind_parameter(1, self.applying()?.now)
            .map_err(fail)?;
        statement.raw_bind_parameter(2, dead).map_err(fail)?;
        self.bind_row_key(&mut statement, 3, slice, row)?;
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(error) => Err(self.tracking_error(&error)),
        }
    }

    /// If the user's triggers changed the very row that was written, that is a change of this replica.
    fn note_own_change(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<(), WriteError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let (shape, table) = (&self.shapes[slice.table], &self.tables[slice.table]);
        let mut stored = sync_provider::RowSet::new(shape.columns.len());
        let mut is_gone = true;
        {
            let mut statement = self
                .db()
                .prepare_cached(&table.sql.base_row)
                .map_err(fail)?;
            self.bind_row_key(&mut statement, 1, slice, row)?;
            let mut rows = statement.raw_query();
            if let Some(found) = rows.next().map_err(fail)? {
                is_gone = false;
                // What cannot be read is not what was written.
                let _ = push_cells(found, 0, &mut stored, shape);
            }
        }
        if !stored.is_empty() && same_content(shape, stored.row(0), row) {
            return Ok(());
        }
        self.change_locally(slice, row, is_gone)
    }
}

fn same_content(shape: &TableShape, a: RowRef<'_>, b: RowRef<'_>) -> bool {
    shape
        .types
        .iter()
        .zip(a.values().zip(b.values()))
        .all(|(ty, (a, b))| content_eq(ty, a, b))
}
