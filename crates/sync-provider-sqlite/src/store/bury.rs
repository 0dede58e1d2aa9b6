//! Deletions that hold each other back: rows that refer to each other in a circle and are all to go.
//!
//! A deletion is refused while other rows refer to the row, because SQLite would take them along or the commit would fail. Where all
//! these rows are to be deleted as well, nothing is lost: they go together. That is looked for when deletions come again at the end of
//! a direction, since by then every deletion that stands alone is done.

use std::collections::BTreeSet;

use rusqlite::ErrorCode;
use sync_provider::{ProviderError, RowRef, RowSet};
use sync_relational::{LocalSlice, RowFailure, Slice, Write};

use crate::ident::{bound, join};
use crate::store::SqliteStore;
use crate::store::readable::push_key;
use crate::store::scan::bind_key;
use crate::store::write_error::{Stop, or_stop};

/// A row by its table and its packed key, as it is stored here.
pub(super) type RowKey = (usize, Vec<u8>);

/// The packed key of a row that is there; `None` where it cannot be read.
type ReadKey = Option<Vec<u8>>;

impl SqliteStore {
    /// Takes note of refused deletions that other rows hold back and, where they come again, carries out those that only hold back each
    /// other. What is left of `failures` is refused for good.
    pub(super) fn bury_together(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
        failures: Vec<RowFailure>,
    ) -> Result<Vec<RowFailure>, Stop> {
        for failure in &failures {
            if let Some(Some(key)) = self.stored_key(slice, slice.rows.row(failure.row))?
                && let Some(apply) = &mut self.apply
            {
                apply.held_back.insert((slice.table, key));
            }
        }
        if !slice.repeated {
            return Ok(failures);
        }
        let doomed = self.closed_circle()?;
        if doomed.is_empty() {
            return Ok(failures);
        }
        let marked = self.applying()?.marked;
        self.execute("SAVEPOINT sync_bury")?;
        let left = match self.delete_all(&doomed)? {
            true => self.write_tombstones(slice, local, writes, &failures)?,
            false => None,
        };
        if let Some(left) = left {
            self.execute("RELEASE sync_bury")?;
            if let Some(apply) = &mut self.apply {
                apply.held_back.retain(|row| !doomed.contains(row));
            }
            return Ok(left);
        }
        self.execute("ROLLBACK TO sync_bury; RELEASE sync_bury")?;
        if let Some(apply) = &mut self.apply {
            // What `applying` names was rolled back with the rest.
            apply.marked = marked;
        }
        Ok(failures)
    }

    /// Writes the rows of a slice that failed once more, after others were deleted. Gives those that still fail; `None` where one of them is
    /// deleted by now, which must not stay so without its tombstone.
    fn write_tombstones(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
        failures: &[RowFailure],
    ) -> Result<Option<Vec<RowFailure>>, Stop> {
        self.mark_table(slice.table)?;
        let mut statements = self.statements(slice.table);
        let mut left = Vec::new();
        for RowFailure { row, .. } in failures {
            let Some(write) = writes.iter().find(|write| write.row == *row) else {
                continue;
            };
            let written = self.write_row(&mut statements, slice, local, write);
            if let Err(refusal) = or_stop(written)? {
                if self.is_gone(slice, slice.rows.row(*row))? {
                    return Ok(None);
                }
                left.push(refusal.of_row(*row));
            }
        }
        Ok(Some(left))
    }

    /// Whether the base row of a row of a slice is not there.
    pub(super) fn is_gone(&self, slice: Slice<'_>, row: RowRef<'_>) -> Result<bool, ProviderError> {
        Ok(self.stored_key(slice, row)?.is_none())
    }

    /// The key of the base row as it is spelled here, where there is that row.
    fn stored_key(
        &self,
        slice: Slice<'_>,
        row: RowRef<'_>,
    ) -> Result<Option<ReadKey>, ProviderError> {
        let table = &self.tables[slice.table];
        let sql = format!(
            "SELECT {} FROM {} t WHERE {}",
            join(&table.sql.keys, ", ", |name| format!(
                "t.{}",
                crate::ident::ident(name)
            )),
            table.sql.base,
            bound(&table.sql.keys, "t", 1)
        );
        let keys = self.keys(slice.table, &sql, |statement| {
            self.bind_row_key(statement, 1, slice, row)
        })?;
        Ok(keys.into_iter().next())
    }

    /// The rows held back to which only such rows refer.
    fn closed_circle(&self) -> Result<BTreeSet<RowKey>, ProviderError> {
        let mut circle = self.applying()?.held_back.clone();
        let mut children = Vec::new();
        for row in &circle {
            children.push((row.clone(), self.children_of(row)?));
        }
        loop {
            let before = circle.len();
            for (row, children) in &children {
                let all_go = children
                    .as_ref()
                    .is_some_and(|children| children.iter().all(|child| circle.contains(child)));
                if !all_go {
                    circle.remove(row);
                }
            }
            if circle.len() == before {
                return Ok(circle);
            }
        }
    }

    /// The rows that refer to a row; `None` where one of them is in a table outside the scope, or its key cannot be read.
    fn children_of(&self, row: &RowKey) -> Result<Option<Vec<RowKey>>, ProviderError> {
        let (table, shape) = (&self.tables[row.0], &self.shapes[row.0]);
        let mut key = RowSet::new(shape.key.len());
        key.push_encoded(&row.1);
        let bind = |statement: &mut rusqlite::Statement<'_>| {
            bind_key(statement, 1, key.row(0).values(), shape, &table.affinities)
        };
        for (sql, child) in &table.references.children {
            let child = crate::ident::ident(child);
            if !self
                .tables
                .iter()
                .any(|own| own.sql.base.eq_ignore_ascii_case(&child))
                && self.is_true(sql, &bind)?
            {
                return Ok(None);
            }
        }
        let mut found = Vec::new();
        for (child, sql) in self.child_key_queries(row.0) {
            for key in self.keys(child, &sql, bind)? {
                // A row whose key cannot be read is not among those that are to go.
                let Some(key) = key else {
                    return Ok(None);
                };
                found.push((child, key));
            }
        }
        Ok(Some(found))
    }

    /// The keys of a table's rows that a query finds.
    fn keys(
        &self,
        table: usize,
        sql: &str,
        bind: impl Fn(&mut rusqlite::Statement<'_>) -> Result<(), ProviderError>,
    ) -> Result<Vec<ReadKey>, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let shape = &self.shapes[table];
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        bind(&mut statement)?;
        let mut rows = statement.raw_query();
        let mut keys = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let mut key = RowSet::new(shape.key.len());
            let read = push_key(row, 0, &mut key, shape);
            keys.push(read.is_ok().then(|| key.row(0).as_bytes().to_vec()));
        }
        Ok(keys)
    }

    /// Deletes base rows until one is refused; says whether none was.
    fn delete_all(&mut self, doomed: &BTreeSet<RowKey>) -> Result<bool, ProviderError> {
        for (table, key) in doomed {
            self.mark_table(*table)?;
            let mut row = RowSet::new(self.shapes[*table].key.len());
            row.push_encoded(key);
            let slice = Slice {
                table: *table,
                deleted: true,
                repeated: true,
                together: false,
                guarded: false,
                apart: false,
                rows: &row,
            };
            let deleted = {
                let mut statement = self
                    .db()
                    .prepare_cached(&self.tables[*table].sql.delete_base)
                    .map_err(|error| self.fail(&error))?;
                self.bind_row_key(&mut statement, 1, slice, row.row(0))?;
                statement.raw_execute()
            };
            let refused = match deleted {
                Ok(_) => !self.is_gone(slice, row.row(0))?,
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
                        && !self.db().is_autocommit() =>
                {
                    true
                }
                Err(error) => return Err(self.fail(&error)),
            };
            if refused {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
