//! Enumeration: tracking rows above a tick, or all of them, page by page.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Row, Statement};
use sync_decision::{RowFacts, TableShape};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{Cursor, Needed, Page, Scan};

use crate::store::enumeration::Snapshot;
use crate::store::keys::bind_own_key;
use crate::store::readable::{self, Unreadable, push_cells, push_key};
use crate::store::sql::table::TRACKING_WIDTH;
use crate::store::tracking_row::{other_columns, update_columns};

impl Snapshot<'_> {
    pub(in crate::store) fn scan_page(&self, scan: Scan<'_>) -> Result<Page, ProviderError> {
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
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let shape = self.scope.shape(scan.table);
        let sql = &self.scope.table(scan.table).sql.all[0];
        let mut statement = self.scope.db().prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.raw_query();
        let Some(row) = rows.next().map_err(fail)? else {
            return Ok(true);
        };
        let tracking = update_columns(row, shape.key.len()).map_err(fail)?;
        let mut needed = Needed::new(scan.selection, shape);
        Ok(needs(
            &mut needed,
            shape,
            self.scope.tables.view.facts(&tracking),
            row,
        ))
    }

    /// The rows above a tick, in the order of ticks. Live rows are looked up one by one.
    fn scan_above(&self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let table = self.scope.table(scan.table);
        let shape = self.scope.shape(scan.table);
        let keys = shape.key.len();
        let sql = &table.sql.above[usize::from(scan.deleted)][usize::from(scan.after.is_some())];
        let mut statement = self.scope.db().prepare_cached(sql).map_err(fail)?;
        let mut base = self
            .scope
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
    fn scan_all(&self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let table = self.scope.table(scan.table);
        let shape = self.scope.shape(scan.table);
        let (cells, width) = (shape.key.len() + TRACKING_WIDTH, shape.columns.len());
        let mut statement = self
            .scope
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
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let shape = self.scope.shape(scan.table);
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
            if needs(
                &mut needed,
                shape,
                self.scope.tables.view.facts(&tracking),
                row,
            ) {
                let attributes = other_columns(&mut tracking, row, keys).map_err(fail)?;
                let facts = self.scope.tables.view.facts(&tracking);
                match take(row, &mut page.rows)? {
                    Taken::Row => {
                        page.push_head(facts, self.scope.tables.view.written(&tracking, attributes))
                    }
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
        Err(_) => needed.is_undecodable(facts),
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
            page.push_undecodable(shape, facts, || unreadable.reason_with_key(shape, row, 0));
        }
    }
}

/// Where to go on behind a row; `None` behind one whose key cannot be read, so that the page has to take in the next as well.
fn cursor(tick: i64, row: &Row<'_>, shape: &TableShape) -> Option<Cursor> {
    let mut key = RowSet::new(shape.key.len());
    push_key(row, 0, &mut key, shape).ok()?;
    Some(Cursor { tick, key })
}
