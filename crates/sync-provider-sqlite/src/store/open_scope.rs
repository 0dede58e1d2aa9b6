//! A scope's tables together with the database they are in: what runs a statement.

use rusqlite::{Connection, Statement};
use sync_decision::TableShape;
use sync_metadata::ValueRef;
use sync_provider::{ProviderError, RowRef};
use sync_relational::{ScopeState, Slice};

use crate::cells::bind;
use crate::connection::Database;
use crate::error::SqliteError;
use crate::store::keys::{bind_key, with_key};
use crate::store::scope_tables::ScopeTables;
use crate::store::sql::references::MissingParent;
use crate::store::table::Table;

/// The connection and the tables, lent to whoever reads or writes.
#[derive(Copy, Clone, Debug)]
pub(super) struct OpenScope<'a> {
    pub(super) database: &'a Database,
    pub(super) tables: &'a ScopeTables,
}

/// The scope row.
#[derive(Debug)]
pub(super) struct ScopeRow {
    pub(super) state: ScopeState,
    /// How often knowledge was stored.
    pub(super) timestamp: i64,
}

impl<'a> OpenScope<'a> {
    pub(super) fn db(self) -> &'a Connection {
        &self.database.connection
    }

    pub(super) fn table(self, index: usize) -> &'a Table {
        &self.tables.tables[index]
    }

    pub(super) fn shape(self, index: usize) -> &'a TableShape {
        &self.tables.shapes[index]
    }

    pub(super) fn fail(self, error: &rusqlite::Error) -> ProviderError {
        SqliteError::at(&self.database.path, error).into()
    }

    pub(super) fn execute(self, sql: &str) -> Result<(), ProviderError> {
        let done = self.db().execute_batch(sql);
        done.map_err(|error| self.fail(&error))
    }

    pub(super) fn row(self) -> rusqlite::Result<ScopeRow> {
        self.db().prepare_cached(&self.tables.sql.row)?.query_row(
            [self.tables.scope_local_id],
            |row| {
                let tick: i64 = row.get(2)?;
                Ok(ScopeRow {
                    state: ScopeState {
                        knowledge: row.get(0)?,
                        forgotten: row.get(1)?,
                        // As destination: everything made here up to now. As source `take_mark` says more.
                        mark: u64::try_from(tick).unwrap_or(0),
                        was_source: row.get(3)?,
                    },
                    timestamp: row.get(4)?,
                })
            },
        )
    }

    /// What a statement answers that gives one truth value.
    pub(super) fn is_true(
        self,
        sql: &str,
        bind: impl Fn(&mut Statement<'_>) -> Result<(), ProviderError>,
    ) -> Result<bool, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        bind(&mut statement)?;
        let mut rows = statement.raw_query();
        match rows.next().map_err(fail)? {
            Some(row) => row.get(0).map_err(fail),
            None => Ok(false),
        }
    }

    /// Binds the key of a row of a slice.
    pub(super) fn bind_row_key(
        self,
        statement: &mut Statement<'_>,
        first: usize,
        slice: Slice<'_>,
        row: RowRef<'_>,
    ) -> Result<(), ProviderError> {
        let (shape, table) = (self.shape(slice.table), self.table(slice.table));
        with_key(shape, slice, row, |key| {
            bind_key(statement, first, key, shape, &table.affinities)
        })
    }

    /// Binds some cells of a row, one after the other.
    pub(super) fn bind_cells(
        self,
        statement: &mut Statement<'_>,
        table: usize,
        first: usize,
        (cells, columns): (&[ValueRef<'_>], &[usize]),
    ) -> Result<(), ProviderError> {
        let (shape, table) = (self.shape(table), self.table(table));
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

    /// Whether the parent of a row by a foreign key of its table is missing, where the row refers to one and does not bring it along.
    pub(super) fn misses_parent(
        self,
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
        self.is_true(&key.sql, |statement: &mut Statement<'_>| {
            self.bind_cells(statement, table, 1, (cells, &key.from))
        })
    }
}
