//! Rows by key, for a destination that asks for them.

use sync_provider::{ProviderError, RowSet};
use sync_relational::{Attempt, Fetch, Fetched, Needed, Page, Patience};

use crate::locks::is_busy;
use crate::store::SqliteStore;
use crate::store::readable::push_cells;
use crate::store::scan::{bind_key, tracking_row};

impl SqliteStore {
    /// In the snapshot that is open or, where none is, in one that ends with the call.
    pub(super) fn fetch_rows(
        &mut self,
        fetch: &Fetch<'_>,
    ) -> Result<Attempt<Fetched>, ProviderError> {
        if !self.db().is_autocommit() {
            return self.look_up(fetch).map(Attempt::Done);
        }
        let found = match self.locks.snapshot(self.db(), Patience::Part) {
            Ok(()) => self.look_up(fetch).map(Attempt::Done),
            Err(error) if is_busy(&error) => Ok(Attempt::Busy(self.fail(&error))),
            Err(error) => Err(self.fail(&error)),
        };
        self.undo()?;
        found
    }

    fn look_up(&self, fetch: &Fetch<'_>) -> Result<Fetched, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let (shape, own) = (&self.shapes[fetch.table], &self.tables[fetch.table]);
        let mut found = Fetched {
            deleted: Page::new(shape.key.len()),
            live: Page::new(shape.columns.len()),
            end: fetch.keys.len(),
        };
        let mut needed = Needed::new(fetch.selection, shape);
        let mut statement = self
            .db()
            .prepare_cached(&own.sql.tracking_row)
            .map_err(fail)?;
        let mut base = self.db().prepare_cached(&own.sql.base_row).map_err(fail)?;
        for (index, key) in fetch.keys.iter().enumerate().skip(fetch.first) {
            bind_key(&mut statement, 1, key.values(), shape, &own.affinities)?;
            let mut rows = statement.raw_query();
            let Some(row) = rows.next().map_err(fail)? else {
                continue;
            };
            let (tracking, attributes) = tracking_row(row, 0).map_err(fail)?;
            let facts = self.lens.facts(&tracking);
            if !needed.is(facts, key.values()) {
                continue;
            }
            let before = found.deleted.bytes() + found.live.bytes();
            let page = if tracking.tombstone {
                found.deleted.rows.push_row(key);
                &mut found.deleted
            } else {
                bind_key(&mut base, 1, key.values(), shape, &own.affinities)?;
                let mut cells = base.raw_query();
                let Some(cells) = cells.next().map_err(fail)? else {
                    found.live.orphans += 1;
                    continue;
                };
                if let Err(unreadable) = push_cells(cells, 0, &mut found.live.rows, shape) {
                    let mut own = RowSet::new(shape.key.len());
                    own.push_row(key);
                    let reason = unreadable.reason(shape);
                    found.live.push_unsent(shape, own, facts, reason);
                    if found.deleted.bytes() + found.live.bytes() >= fetch.budget {
                        found.end = index + 1;
                        break;
                    }
                    continue;
                }
                &mut found.live
            };
            page.push_head(facts, self.lens.written(&tracking, attributes));
            let bytes = found.deleted.bytes() + found.live.bytes();
            if bytes >= fetch.budget {
                let too_many = bytes > fetch.budget && before > 0;
                if too_many {
                    // The next batch begins with this row.
                    match tracking.tombstone {
                        true => found.deleted.pop(),
                        false => found.live.pop(),
                    }
                }
                found.end = index + usize::from(!too_many);
                break;
            }
        }
        Ok(found)
    }
}
