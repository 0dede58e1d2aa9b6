//! As source: the changes of all tables kept aside and read in pages, and rows by key.

use std::collections::BTreeSet;

use sync_decision::TableShape;
use sync_knowledge::Tick;
use sync_metadata::{Value, ValueRef};
use sync_provider::{ProviderError, RowSet};

use super::connection::{CommandConnection, Query};
use super::read::{ReadRow, fitted};
use super::store::MOST_KEYS;
use super::{CommandStore, SessionValue};
use sync_relational::FetchSizer;
use sync_relational::Needed;
use sync_relational::{Cursor, Fetch, Fetched, Page, Scan};

impl<C: CommandConnection> CommandStore<C> {
    /// Selects the changes of all tables above their floors, and says which tables have any.
    pub(super) async fn keep(&mut self, floors: &[Tick]) -> Result<Vec<usize>, ProviderError> {
        let arguments: Vec<RowSet> = self
            .adapters
            .iter()
            .zip(floors)
            .map(|(adapter, floor)| {
                let floor = i64::try_from(*floor).unwrap_or(i64::MAX);
                let mut values = self.session_values().to_vec();
                values.push((SessionValue::MinTimestamp, ValueRef::Integer(floor)));
                // No replica has this key: rows are told apart by what the destination knows, not by who brought them.
                values.push((SessionValue::UpdatePeerKey, ValueRef::Integer(-1)));
                let mut arguments = adapter.signature().arguments();
                adapter.signature().push(&mut arguments, [], &values);
                arguments
            })
            .collect();
        let mut queries: Vec<(usize, Query<'_>)> = Vec::new();
        for (table, (arguments, adapter)) in arguments.iter().zip(&self.adapters).enumerate() {
            let query = Query {
                command: adapter.selecting_changes()?,
                signature: adapter.signature(),
                arguments,
                result: &adapter.result,
            };
            queries.push((table, query));
        }
        let kept = self
            .connection
            .keep(&queries)
            .await?
            .into_iter()
            .enumerate();
        Ok(kept
            .filter(|(_, rows)| *rows > 0)
            .map(|(table, _)| table)
            .collect())
    }

    pub(super) async fn scan_page(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let shape = self.shapes[scan.table].clone();
        let mut needed = Needed::new(scan.selection, &shape);
        let mut filling = Filling::new(&shape, scan.deleted);
        let mut fetch_sizer = FetchSizer::new(&shape);
        let mut after = scan.after.map_or(0, |cursor| cursor.tick);
        let (mut refused, mut full) = (None, false);
        let mark = self.mark;
        loop {
            let (rows, bytes) = (filling.page.rows.len(), filling.page.bytes());
            let room = scan.budget.saturating_sub(bytes);
            let asked = fetch_sizer.rows(room, FetchSizer::MOST_ROWS);
            let mut seen = 0;
            self.connection
                .kept(scan.table, scan.deleted, after, asked, &mut |nr, cells| {
                    seen += 1;
                    if full || refused.is_some() {
                        return;
                    }
                    after = nr;
                    filling.page.examined += 1;
                    match ReadRow::of(&shape, cells) {
                        Ok(row) if row.tick > mark && !row.is_claimed(&mut needed) => {}
                        Ok(row) => {
                            filling.take(row, &mut needed);
                        }
                        Err(error) => refused = Some(error),
                    }
                    full = filling.page.bytes() >= scan.budget;
                })
                .await?;
            fetch_sizer.came(filling.page.rows.len() - rows, filling.page.bytes() - bytes);
            if full || refused.is_some() || seen < asked {
                break;
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        let mut page = self.without_gone(scan.table, filling).await?;
        page.next = full.then(|| Cursor {
            tick: after,
            key: RowSet::new(0),
        });
        Ok(page)
    }

    /// The page without those rows that are tracked and gone.
    async fn without_gone(
        &mut self,
        table: usize,
        filling: Filling<'_>,
    ) -> Result<Page, ProviderError> {
        let (places, keys): (Vec<usize>, Vec<RowSet>) = filling.suspects.into_iter().unzip();
        let gone = self.gone(table, &keys).await?;
        let gone = places.into_iter().zip(gone).filter(|(_, gone)| *gone);
        let gone: BTreeSet<usize> = gone.map(|(place, _)| place).collect();
        let mut page = filling.page;
        if gone.is_empty() {
            return Ok(page);
        }
        let (heads, rows) = (std::mem::take(&mut page.heads), page.rows);
        page.rows = RowSet::new(rows.width());
        for (place, (head, row)) in heads.into_iter().zip(rows.iter()).enumerate() {
            if gone.contains(&place) {
                page.orphans += 1;
            } else {
                page.heads.push(head);
                page.rows.push_row(row);
            }
        }
        Ok(page)
    }

    pub(super) async fn fetch_rows(&mut self, fetch: Fetch<'_>) -> Result<Fetched, ProviderError> {
        let shape = self.shapes[fetch.table].clone();
        let mut needed = Needed::new(fetch.selection, &shape);
        let (mut deleted, mut live) = (Filling::new(&shape, true), Filling::new(&shape, false));
        let mut fetch_sizer = FetchSizer::new(&shape);
        let mut end = fetch.first;
        let mut full = false;
        while end < fetch.keys.len() && !full {
            let before = (live.page.rows.len(), deleted.bytes() + live.bytes());
            let room = fetch.budget.saturating_sub(before.1);
            let first = end;
            end = end
                .saturating_add(fetch_sizer.rows(room, MOST_KEYS))
                .min(fetch.keys.len());
            let mut keys = Vec::new();
            for number in first..end {
                let cells = fetch.keys.row(number).values().zip(&shape.key);
                let cells: Result<Vec<_>, _> = cells
                    .map(|(value, &column)| fitted(&shape, column, value).map(|(value, _)| value))
                    .collect();
                // A key that its column cannot hold is not there.
                keys.extend(cells.ok().map(|cells| (number, cells)));
            }
            for (number, row) in self.select_rows(fetch.table, &keys).await? {
                let bytes = deleted.bytes() + live.bytes();
                let tombstone = row.facts.tombstone;
                let filling = match tombstone {
                    true => &mut deleted,
                    false => &mut live,
                };
                let came = filling.take(row, &mut needed);
                let now = deleted.bytes() + live.bytes();
                full = now >= fetch.budget;
                if full {
                    // A row that is too much by itself goes alone; otherwise the next batch begins with it.
                    let too_many = came && now > fetch.budget && bytes > 0;
                    if too_many {
                        match tombstone {
                            true => deleted.pop(),
                            false => live.pop(),
                        }
                    }
                    end = number + usize::from(!too_many);
                    break;
                }
            }
            let now = deleted.bytes() + live.bytes();
            fetch_sizer.came(
                live.page.rows.len().saturating_sub(before.0),
                now.saturating_sub(before.1),
            );
        }
        Ok(Fetched {
            deleted: deleted.page,
            live: self.without_gone(fetch.table, live).await?,
            end,
        })
    }
}

/// A page that is being filled, and which of its rows may be gone.
struct Filling<'a> {
    shape: &'a TableShape,
    deleted: bool,
    page: Page,
    /// Place in the page, and key.
    suspects: Vec<(usize, RowSet)>,
}

impl<'a> Filling<'a> {
    fn new(shape: &'a TableShape, deleted: bool) -> Self {
        let width = if deleted {
            shape.key.len()
        } else {
            shape.columns.len()
        };
        Filling {
            shape,
            deleted,
            page: Page::new(width),
            suspects: Vec::new(),
        }
    }

    fn bytes(&self) -> usize {
        self.page.bytes()
    }

    /// Says whether the row is in the page now.
    fn take(&mut self, row: ReadRow, needed: &mut Needed<'_>) -> bool {
        let (shape, page) = (self.shape, &mut self.page);
        let may_be_gone = row.may_be_gone(shape);
        let key = match row.key {
            Ok(key) => key,
            Err(reason) => {
                if needed.is_undecodable(row.facts) {
                    page.push_undecodable(shape, row.facts, || reason);
                }
                return false;
            }
        };
        if !needed.is(row.facts, key.row(0).values()) {
            return false;
        }
        if self.deleted {
            page.rows.push_row(key.row(0));
        } else {
            match row.cells {
                Ok(cells) => page.rows.push(cells.iter().map(Value::as_ref)),
                Err(reason) => {
                    page.push_unsent(shape, key, row.facts, reason);
                    return false;
                }
            }
            if may_be_gone {
                self.suspects.push((page.heads.len(), key));
            }
        }
        page.push_head(row.facts, (None, None));
        true
    }

    /// Takes the last row out again.
    fn pop(&mut self) {
        self.page.pop();
        self.suspects
            .retain(|(place, _)| *place < self.page.heads.len());
    }
}
