//! Writing rows of a slice one by one: the base row, then its tracking row, each once.

use rusqlite::Statement;
use sync_decision::TableShape;
use sync_metadata::ValueRef;
use sync_provider::{ProviderError, RowRef};
use sync_relational::{LocalEntry, LocalSlice, Slice, Write};

use crate::cells::bind;
use crate::store::apply::savepoint::Savepoint;
use crate::store::apply::statements::{Change, Statements};
use crate::store::apply::stored_keys::stored_key;
use crate::store::apply::write_error::{Obstacle, Refusal, WriteError, write_error};
use crate::store::open_scope::OpenScope;
use crate::store::table::Table;

/// What the rows of a transaction are stamped with.
#[derive(Copy, Clone, Debug)]
pub(in crate::store) struct Stamp {
    pub(in crate::store) tick: i64,
    /// The time of the session, as the tracking tables keep it.
    pub(in crate::store) now: i64,
}

/// Writes rows of one slice.
pub(super) struct RowWriter<'a> {
    pub(super) scope: OpenScope<'a>,
    pub(super) slice: Slice<'a>,
    pub(super) local: &'a LocalSlice,
    pub(super) stamp: Stamp,
    pub(super) table: &'a Table,
    pub(super) shape: &'a TableShape,
    pub(super) statements: Statements<'a>,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(
        scope: OpenScope<'a>,
        slice: Slice<'a>,
        local: &'a LocalSlice,
        stamp: Stamp,
    ) -> Self {
        let table = scope.table(slice.table);
        RowWriter {
            scope,
            slice,
            local,
            stamp,
            table,
            shape: scope.shape(slice.table),
            statements: Statements::new(scope.db(), &table.sql),
        }
    }

    /// Writes a row, or leaves nothing of it.
    pub(super) fn write(&mut self, write: &Write) -> Result<(), WriteError> {
        let scope = self.scope;
        if !self.table.tracking_is_open {
            let written = self.write_both(write);
            return written.map_err(|error| error.at_row(write.row));
        }
        let savepoint = Savepoint::open(scope.db()).map_err(|error| scope.fail(&error))?;
        match self.write_both(write) {
            Ok(()) => savepoint.release().map_err(|error| scope.fail(&error))?,
            Err(WriteError::Refused(refusal)) => {
                savepoint.undo().map_err(|error| scope.fail(&error))?;
                return Err(refusal.into());
            }
            Err(stop) => return Err(stop.at_row(write.row)),
        }
        Ok(())
    }

    /// The base row, then the tracking row. Where that one is refused the base row is written already.
    fn write_both(&mut self, write: &Write) -> Result<(), WriteError> {
        let table = self.table;
        let row = self.slice.rows.row(write.row);
        let entry = self.local.entries.get(write.row).copied().flatten();
        let expected = entry.map(|entry| entry.local_tick);
        if table.user_triggers && self.local_tick(row)? != expected {
            return Err(Refusal::new("a trigger has changed the row meanwhile").into());
        }
        if write.outcome.base {
            if table.user_triggers {
                self.mark_row(row)?;
            }
            self.write_base(row, entry.as_ref())?;
        }
        self.write_tracking(row, entry.as_ref(), write)?;
        if write.outcome.base && table.user_triggers {
            return match self.slice.deleted {
                true => self.note_return(row),
                false => self.note_own_change(row),
            };
        }
        Ok(())
    }

    fn write_base(
        &mut self,
        row: RowRef<'_>,
        entry: Option<&LocalEntry>,
    ) -> Result<(), WriteError> {
        let live = entry.is_some_and(|entry| entry.cells.is_some());
        let statement = match (self.slice.deleted, live) {
            (true, false) => return Ok(()),
            (true, true) => {
                if let Some(child) = self.child_of(row)? {
                    return Err(
                        Refusal::new(format!("rows of table {child} still refer to it")).into(),
                    );
                }
                self.prepare_delete(row)?
            }
            (false, live) => {
                self.check_references(row, live)?;
                match self.prepare_upsert(row, live)? {
                    Ok(statement) => statement,
                    Err(reason) => return Err(Refusal::new(reason).into()),
                }
            }
        };
        let Some(statement) = statement else {
            return Ok(());
        };
        match statement.raw_execute() {
            Ok(0) if self.slice.deleted && self.is_gone(row)? => Ok(()),
            // Only RAISE(IGNORE) leaves a row out without an error.
            Ok(0) => Err(Refusal::new("a trigger of the table leaves it out").into()),
            Ok(_) => Ok(()),
            Err(error) => Err(write_error(self.scope, &error)),
        }
    }

    pub(super) fn prepare_delete(
        &mut self,
        row: RowRef<'_>,
    ) -> Result<Option<&mut Statement<'a>>, ProviderError> {
        let found = self.statements.find(Change::DeleteBase);
        let Some(statement) = found.map_err(|error| self.scope.fail(&error))? else {
            return Ok(None);
        };
        self.scope.bind_row_key(statement, 1, self.slice, row)?;
        Ok(Some(statement))
    }

    /// `None` where the table has nothing beside its key to update; an inner error where a value cannot be stored without loss.
    fn prepare_upsert(
        &mut self,
        row: RowRef<'_>,
        live: bool,
    ) -> Result<Result<Option<&mut Statement<'a>>, String>, ProviderError> {
        let (table, shape) = (self.table, self.shape);
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let change = if live {
            Change::UpdateBase
        } else {
            Change::InsertBase
        };
        let Some(statement) = self.statements.find(change).map_err(fail)? else {
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
            self.scope.bind_row_key(statement, at, self.slice, row)?;
        }
        Ok(Ok(Some(statement)))
    }

    /// Whether foreign keys forbid a row: it would take the referenced value away from children, or, where the row comes again after all others,
    /// its parent is missing.
    fn check_references(&self, row: RowRef<'_>, live: bool) -> Result<(), WriteError> {
        let references = &self.table.references;
        let may_move = live && !references.moved.is_empty();
        let may_miss = self.slice.repeated && !references.missing_parent.is_empty();
        if !may_move && !may_miss {
            return Ok(());
        }
        let cells: Vec<ValueRef<'_>> = row.values().collect();
        if live {
            for (sql, child, columns) in &references.moved {
                let moves = self.scope.is_true(sql, |statement: &mut Statement<'_>| {
                    self.scope.bind_row_key(statement, 1, self.slice, row)?;
                    let first = self.shape.key.len() + 1;
                    self.scope
                        .bind_cells(statement, self.slice.table, first, (&cells, columns))
                })?;
                if moves {
                    return Err(Refusal::new(format!(
                        "rows of table {child} still refer to its old value"
                    ))
                    .into());
                }
            }
        }
        if self.slice.repeated {
            for (index, key) in references.missing_parent.iter().enumerate() {
                if self.scope.misses_parent(self.slice.table, key, &cells)? {
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

    /// Whether deleting a row would take children with it or leave them behind; the name of their table.
    fn child_of(&self, row: RowRef<'_>) -> Result<Option<&'a str>, ProviderError> {
        for (sql, child) in &self.table.references.children {
            let bind = |statement: &mut Statement<'_>| {
                self.scope.bind_row_key(statement, 1, self.slice, row)
            };
            if self.scope.is_true(sql, bind)? {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    /// Whether the base row of a row of the slice is not there.
    pub(super) fn is_gone(&self, row: RowRef<'_>) -> Result<bool, ProviderError> {
        Ok(stored_key(self.scope, self.slice, row)?.is_none())
    }
}
