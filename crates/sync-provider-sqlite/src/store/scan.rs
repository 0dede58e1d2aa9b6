//! Enumeration: tracking rows above a tick, or all of them, page by page.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Row, Statement};
use sync_decision::{RowFacts, TableShape};
use sync_metadata::{TrackingRow, ValueRef};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{Attributes, Cursor, Needed, Page, Scan};

use crate::cells::{Bound, bind};
use crate::store::SqliteStore;
use crate::store::readable::{self, Unreadable, push_cells, push_key};
use crate::store::sql::TRACKING_WIDTH;
use crate::types::Affinity;

impl SqliteStore {
    pub(super) fn scan_page(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let everything = scan.selection.is_first() && scan.floor == 0 && !scan.deleted;
        // A part goes on as it began.
        let in_key_order = match &scan.after {
            Some(cursor) => cursor.tick == 0,
            None => everything && self.first_is_needed(&scan)?,
        };
        if in_key_order {
            self.scan_all(scan)
        } else {
            self.scan_above(scan)
        }
    }

    /// Whether the destination needs the first row of a table. If so it most likely needs them all, and the order of keys is the order in
    /// which rows lie on both sides; if not, the table most likely came from there, and no base row need be looked at.
    fn first_is_needed(&self, scan: &Scan<'_>) -> Result<bool, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let shape = &self.shapes[scan.table];
        let sql = &self.tables[scan.table].sql.all[0];
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.raw_query();
        let Some(row) = rows.next().map_err(fail)? else {
            return Ok(true);
        };
        let tracking = update_columns(row, shape.key.len()).map_err(fail)?;
        let mut needed = Needed::new(scan.selection, shape);
        Ok(needs(&mut needed, shape, self.lens.facts(&tracking), row))
    }

    /// The rows above a tick, in the order of ticks. Live rows are looked up one by one.
    fn scan_above(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let table = &self.tables[scan.table];
        let shape = &self.shapes[scan.table];
        let keys = shape.key.len();
        let sql = &table.sql.above[usize::from(scan.deleted)][usize::from(scan.after.is_some())];
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        let mut base = self
            .db()
            .prepare_cached(&table.sql.base_row)
            .map_err(fail)?;
        match &scan.after {
            None => statement
                .raw_bind_parameter(1, i64::try_from(scan.floor).unwrap_or(i64::MAX))
                .map_err(fail)?,
            Some(cursor) => {
                statement.raw_bind_parameter(1, cursor.tick).map_err(fail)?;
                let key = cursor.key.row(0).values();
                bind_own_key(&mut statement, 2, key, shape)?;
            }
        }
        if scan.deleted {
            let tombstone =
                |row: &Row<'_>, rows: &mut RowSet| Ok(Taken::from(push_key(row, 0, rows, shape)));
            return self.walk(&scan, &mut statement, Order::Ticks, tombstone);
        }
        self.walk(&scan, &mut statement, Order::Ticks, |row, rows| {
            for key in 0..keys {
                let cell = ToSqlOutput::Borrowed(row.get_ref(key).map_err(fail)?);
                base.raw_bind_parameter(key + 1, cell).map_err(fail)?;
            }
            let mut found = base.raw_query();
            let Some(cells) = found.next().map_err(fail)? else {
                return Ok(Taken::Nothing);
            };
            Ok(Taken::from(push_cells(cells, 0, rows, shape)))
        })
    }

    /// All live rows, in the order of keys.
    fn scan_all(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let table = &self.tables[scan.table];
        let shape = &self.shapes[scan.table];
        let (cells, width) = (shape.key.len() + TRACKING_WIDTH, shape.columns.len());
        let mut statement = self
            .db()
            .prepare_cached(&table.sql.all[usize::from(scan.after.is_some())])
            .map_err(fail)?;
        if let Some(cursor) = &scan.after {
            let key = cursor.key.row(0).values();
            bind_own_key(&mut statement, 1, key, shape)?;
        }
        self.walk(&scan, &mut statement, Order::Keys, |row, rows| {
            match row.get(cells + width).map_err(fail)? {
                true => Ok(Taken::from(push_cells(row, cells, rows, shape))),
                false => Ok(Taken::Nothing),
            }
        })
    }

    /// Fills a page from the rows of a bound statement, whose first columns are the key and the tracking row. `take` packs the cells of a row
    /// that is needed.
    fn walk(
        &self,
        scan: &Scan<'_>,
        statement: &mut Statement<'_>,
        order: Order,
        mut take: impl FnMut(&Row<'_>, &mut RowSet) -> Result<Taken, ProviderError>,
    ) -> Result<Page, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let shape = &self.shapes[scan.table];
        let keys = shape.key.len();
        let mut page = Page::new(if scan.deleted {
            keys
        } else {
            shape.columns.len()
        });
        let mut needed = Needed::new(scan.selection, shape);
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fail)? {
            page.examined += 1;
            // A row that is not needed is not read further than it takes to know that.
            let mut tracking = update_columns(row, keys).map_err(fail)?;
            if needs(&mut needed, shape, self.lens.facts(&tracking), row) {
                let attributes = other_columns(&mut tracking, row, keys).map_err(fail)?;
                let facts = self.lens.facts(&tracking);
                match take(row, &mut page.rows)? {
                    Taken::Row => page.push_head(facts, self.lens.written(&tracking, attributes)),
                    Taken::Nothing => page.orphans += 1,
                    Taken::Unreadable(cell) => leave_out(&mut page, shape, row, facts, cell),
                }
            }
            if page.bytes() >= scan.budget || page.examined >= MOST_EXAMINED {
                let tick = match order {
                    Order::Ticks => tracking.local_update_peer_timestamp,
                    Order::Keys => 0,
                };
                page.next = cursor(tick, row, shape);
                if page.next.is_some() {
                    break;
                }
            }
        }
        Ok(page)
    }
}

/// What a tracking row led to.
enum Taken {
    /// The row is packed.
    Row,
    /// There is no base row.
    Nothing,
    /// The row cannot be read.
    Unreadable(Unreadable),
}

impl From<Result<(), Unreadable>> for Taken {
    fn from(pushed: Result<(), Unreadable>) -> Self {
        match pushed {
            Ok(()) => Taken::Row,
            Err(unreadable) => Taken::Unreadable(unreadable),
        }
    }
}

/// The order of a scan. A cursor tells them apart by its tick: ticks start at 1.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Order {
    Ticks,
    Keys,
}

/// A page ends after so many tracking rows even if none of them is needed, so that a cancelled session stops soon.
const MOST_EXAMINED: u64 = 100_000;

fn needs<'a>(needed: &mut Needed<'a>, shape: &TableShape, facts: RowFacts, row: &Row<'_>) -> bool {
    if needed.ignores_ids() {
        return needed.is(facts, std::iter::empty());
    }
    match readable::key(row, 0, shape) {
        Ok(key) => needed.is(facts, key.into_iter()),
        Err(_) => needed.is_nameless(facts),
    }
}

/// Notes a row that is needed and cannot be read; its key is in the first columns of `row`.
fn leave_out(
    page: &mut Page,
    shape: &TableShape,
    row: &Row<'_>,
    facts: RowFacts,
    unreadable: Unreadable,
) {
    let mut key = RowSet::new(shape.key.len());
    match push_key(row, 0, &mut key, shape) {
        Ok(()) => page.push_unsent(shape, key, facts, unreadable.reason(shape)),
        Err(unreadable) => {
            page.push_nameless(shape, facts, || unreadable.reason_with_key(shape, row, 0));
        }
    }
}

/// Where to go on behind a row; `None` behind one whose key cannot be read, so that the page has to take in the next as well.
fn cursor(tick: i64, row: &Row<'_>, shape: &TableShape) -> Option<Cursor> {
    let mut key = RowSet::new(shape.key.len());
    push_key(row, 0, &mut key, shape).ok()?;
    Some(Cursor { tick, key })
}

/// Binds the cells of a key by which a row is looked up, which came from this database or from another one.
///
/// A value that the column cannot store has no row here: it is bound as NULL, which equals nothing. SQLite itself would convert it as it
/// compares, and find the row of another key. What cannot be stored is refused by name when it is written.
pub(super) fn bind_key<'v>(
    statement: &mut Statement<'_>,
    first: usize,
    key: impl Iterator<Item = ValueRef<'v>>,
    shape: &TableShape,
    affinities: &[Affinity],
) -> Result<(), ProviderError> {
    for (offset, (value, &column)) in key.zip(&shape.key).enumerate() {
        let bound = bind(value, &shape.types[column], affinities[column]).unwrap_or(Bound::Null);
        bind_cell(statement, first + offset, &bound, shape, column)?;
    }
    Ok(())
}

/// Binds the cells of a key that was read in this very database, as they are: to go on behind it.
fn bind_own_key<'v>(
    statement: &mut Statement<'_>,
    first: usize,
    key: impl Iterator<Item = ValueRef<'v>>,
    shape: &TableShape,
) -> Result<(), ProviderError> {
    for (offset, (value, &column)) in key.zip(&shape.key).enumerate() {
        // No column of this affinity converts anything.
        let bound = bind(value, &shape.types[column], Affinity::Blob).unwrap_or(Bound::Null);
        bind_cell(statement, first + offset, &bound, shape, column)?;
    }
    Ok(())
}

fn bind_cell(
    statement: &mut Statement<'_>,
    index: usize,
    bound: &Bound<'_>,
    shape: &TableShape,
    column: usize,
) -> Result<(), ProviderError> {
    statement.raw_bind_parameter(index, bound).map_err(|error| {
        let object = format!(
            "key column {} of table {}",
            shape.columns[column], shape.global_name
        );
        ProviderError::malformed(object, error.to_string())
    })
}

/// The tracking row in the columns from `at` on.
pub(super) fn tracking_row(
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<(TrackingRow, Attributes)> {
    let mut tracking = update_columns(row, at)?;
    let attributes = other_columns(&mut tracking, row, at)?;
    Ok((tracking, attributes))
}

/// The columns that the version of the last update is made of.
fn update_columns(row: &Row<'_>, at: usize) -> rusqlite::Result<TrackingRow> {
    Ok(TrackingRow {
        update_scope_local_id: row.get(at)?,
        scope_update_peer_key: row.get(at + 1)?,
        scope_update_peer_timestamp: row.get(at + 2)?,
        local_update_peer_key: row.get(at + 3)?,
        local_update_peer_timestamp: row.get(at + 4)?,
        restore_timestamp: row.get(at + 11)?,
        ..TrackingRow::default()
    })
}

/// The rest of a tracking row.
fn other_columns(
    tracking: &mut TrackingRow,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Attributes> {
    tracking.create_scope_local_id = row.get(at + 5)?;
    tracking.scope_create_peer_key = row.get(at + 6)?;
    tracking.scope_create_peer_timestamp = row.get(at + 7)?;
    tracking.local_create_peer_key = row.get(at + 8)?;
    tracking.local_create_peer_timestamp = row.get(at + 9)?;
    tracking.tombstone = row.get(at + 10)?;
    tracking.last_change = row.get(at + 12)?;
    Ok(Attributes {
        write_time: row.get(at + 13)?,
        writer: row.get(at + 14)?,
    })
}
