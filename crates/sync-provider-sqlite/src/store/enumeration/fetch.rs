//! Rows by key, for a destination that asks for them.

use sync_provider::{ProviderError, RowSet};
use sync_relational::{Fetch, Fetched, Needed, Page};

use crate::store::enumeration::Snapshot;
use crate::store::keys::bind_key;
use crate::store::readable::push_cells;
use crate::store::tracking_row::tracking_row;

impl Snapshot<'_> {
    pub(in crate::store) fn look_up(&self, fetch: &Fetch<'_>) -> Result<Fetched, ProviderError> {
        let fail = |error: rusqlite::Error| self.scope.fail(&error);
        let (shape, own) = (self.scope.shape(fetch.table), self.scope.table(fetch.table));
        let mut found = Fetched {
            deleted: Page::new(shape.key.len()),
            live: Page::new(shape.columns.len()),
            end: fetch.keys.len(),
        };
        let mut needed = Needed::new(fetch.selection, shape);
        let mut statement = self
            .scope
            .db()
            .prepare_cached(&own.sql.tracking_row)
            .map_err(fail)?;
        let mut base = self
            .scope
            .db()
            .prepare_cached(&own.sql.base_row)
            .map_err(fail)?;
        for (index, key) in fetch.keys.iter().enumerate().skip(fetch.first) {
            bind_key(&mut statement, 1, key.values(), shape, &own.affinities)?;
            let mut rows = statement.raw_query();
            let Some(row) = rows.next().map_err(fail)? else {
                continue;
            };
            let (tracking, attributes) = tracking_row(row, 0).map_err(fail)?;
            let facts = self.scope.tables.view.facts(&tracking);
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
            page.push_head(facts, self.scope.tables.view.written(&tracking, attributes));
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
