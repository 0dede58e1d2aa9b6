//! Rows that come again by key and refer to each other in a circle: each of them waits for the other.
//!
//! Those that want nobody else are written without a look at their parents; the commit looks at all foreign keys. One slice closes a circle;
//! its rows of other slices come once more, since these got through, and find their parents.

use rusqlite::Statement;
use sync_decision::TableShape;
use sync_metadata::ValueRef;
use sync_provider::ProviderError;
use sync_relational::{Circles, Link, LocalSlice, RowFailure, RowName, Slice, Write};

use crate::cells::bind;
use crate::ident::ident;
use crate::store::foreign_keys::MissingParent;
use crate::store::write_error::{Stop, or_stop};
use crate::store::{SqliteStore, Table};

/// The circles of a scope's tables.
pub(super) fn circles(tables: &[Table], shapes: &[TableShape]) -> Circles {
    let mut links = Vec::new();
    for (child, table) in tables.iter().enumerate() {
        for (number, key) in table.references.missing_parent.iter().enumerate() {
            let name = ident(&key.parent);
            let parent = tables
                .iter()
                .position(|own| own.sql.base.eq_ignore_ascii_case(&name));
            let Some(parent) = parent else { continue };
            let position = |name: &String| {
                let columns = &shapes[parent].columns;
                columns
                    .iter()
                    .position(|own| own.eq_ignore_ascii_case(name))
            };
            let to: Option<Vec<usize>> = key.to.iter().map(position).collect();
            links.extend(to.map(|to| Link {
                child,
                number,
                parent,
                from: key.from.clone(),
                to,
            }));
        }
    }
    Circles::of(links)
}

impl SqliteStore {
    /// Writes those of the rows that failed which, with rows of other slices, want nobody but each other; gives those that still fail.
    pub(super) fn write_circle(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
        failures: Vec<RowFailure>,
    ) -> Result<Vec<RowFailure>, Stop> {
        if !slice.together || !self.circles.have(slice.table) {
            return Ok(failures);
        }
        for failure in &failures {
            let missing = self.missing_parents(slice, failure.row)?;
            let name = self.row_name(slice, failure.row);
            let cells: Vec<ValueRef<'_>> = slice.rows.row(failure.row).values().collect();
            self.circles.refuse(&self.shapes, name, &cells, &missing);
        }
        let closed = self.circles.closed();
        // Left to the commit, like a row that comes for the first time.
        let trusted = Slice {
            repeated: false,
            ..slice
        };
        let mut left = Vec::new();
        for failure in failures {
            let name = self.row_name(slice, failure.row);
            let write = writes.iter().find(|write| write.row == failure.row);
            let Some(write) = write.filter(|_| closed.contains(&name)) else {
                left.push(failure);
                continue;
            };
            let written = {
                let mut statements = self.statements(slice.table);
                or_stop(self.write_row(&mut statements, trusted, local, write))?
            };
            if let Err(refusal) = written {
                left.push(refusal.of_row(failure.row));
            }
            self.circles.forget(&name);
        }
        Ok(left)
    }

    fn row_name(&self, slice: Slice<'_>, row: usize) -> RowName {
        let key = self.shapes[slice.table].key_of(slice.rows.row(row));
        (slice.table, key.row(0).as_bytes().to_vec())
    }

    /// The foreign keys of a row by which its parent is missing.
    fn missing_parents(&self, slice: Slice<'_>, row: usize) -> Result<Vec<usize>, ProviderError> {
        let cells: Vec<ValueRef<'_>> = slice.rows.row(row).values().collect();
        let keys = self.tables[slice.table].references.missing_parent.iter();
        let mut missing = Vec::new();
        for (number, key) in keys.enumerate() {
            if self.misses_parent(slice.table, key, &cells)? {
                missing.push(number);
            }
        }
        Ok(missing)
    }

    /// Whether the parent of a row by a foreign key of its table is missing, where the row refers to one and does not bring it along.
    pub(super) fn misses_parent(
        &self,
        table: usize,
        key: &MissingParent,
        cells: &[ValueRef<'_>],
    ) -> Result<bool, ProviderError> {
        let refers = key
            .from
            .iter()
            .all(|&column| cells[column] != ValueRef::Null);
        if !refers || key.is_its_own(cells) {
            return Ok(false);
        }
        self.is_true(&key.sql, &|statement: &mut Statement<'_>| {
            self.bind_cells(statement, table, 1, (cells, &key.from))
        })
    }

    /// Binds some cells of a row, one after the other.
    pub(super) fn bind_cells(
        &self,
        statement: &mut Statement<'_>,
        table: usize,
        first: usize,
        (cells, columns): (&[ValueRef<'_>], &[usize]),
    ) -> Result<(), ProviderError> {
        let (shape, table) = (&self.shapes[table], &self.tables[table]);
        for (offset, &column) in columns.iter().enumerate() {
            let bound = bind(
                cells[column],
                &shape.types[column],
                table.affinities[column],
            );
            // What cannot be stored is refused by name when the row is written.
            let Ok(bound) = bound else { continue };
            statement
                .raw_bind_parameter(first + offset, &bound)
                .map_err(|error| self.fail(&error))?;
        }
        Ok(())
    }
}
