//! As source: the changes of all tables kept aside and read in pages, and rows by key.

use sync_knowledge::Tick;
use sync_metadata::{Value, ValueRef};
use sync_provider::{ProviderError, RowSet, TableShape};

use super::connection::{CommandConnection, Query};
use super::read::{ReadRow, fitted};
use super::{CommandRole, CommandStore, SessionValue};
use crate::page::Needed;
use crate::store::{Cursor, Fetch, Fetched, Page, Scan};

/// Keys that are looked up together.
const MOST_KEYS: usize = 1_000;

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
        let queries: Vec<(usize, Query<'_>)> = arguments
            .iter()
            .zip(&self.adapters)
            .zip(&self.results)
            .map(|((arguments, adapter), result)| Query {
                command: adapter.command(CommandRole::SelectIncrementalChanges),
                signature: adapter.signature(),
                arguments,
                result,
            })
            .enumerate()
            .collect();
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
        let mut refused = None;
        let mut last = None;
        let mark = self.mark;
        self.connection
            .kept(
                scan.table,
                scan.deleted,
                scan.after.map_or(0, |cursor| cursor.tick),
                &mut |nr, cells| {
                    filling.page.examined += 1;
                    match ReadRow::of(&shape, cells) {
                        // Nobody could claim to know what was changed here above the mark. What came through the scope is claimed already.
                        Ok(row) if row.is_local() && row.tick > mark => {}
                        Ok(row) => filling.take(row, &mut needed),
                        Err(error) => refused = Some(error),
                    }
                    let go_on = refused.is_none() && filling.page.bytes() < scan.budget;
                    if !go_on {
                        last = Some(nr);
                    }
                    go_on
                },
            )
            .await?;
        if let Some(error) = refused {
            return Err(error);
        }
        let mut page = self.without_gone(scan.table, filling).await?;
        page.next = last.map(|tick| Cursor {
            tick,
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
        let mut page = filling.page;
        if !gone.contains(&true) {
            return Ok(page);
        }
        let (heads, rows) = (std::mem::take(&mut page.heads), page.rows);
        page.rows = RowSet::new(rows.width());
        for (place, (head, row)) in heads.into_iter().zip(rows.iter()).enumerate() {
            let suspect = places.iter().position(|suspect| *suspect == place);
            if suspect.is_some_and(|suspect| gone[suspect]) {
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
        let end = fetch.keys.len().min(fetch.first + MOST_KEYS);
        let mut keys = Vec::new();
        for number in fetch.first..end {
            let cells = fetch.keys.row(number).values().zip(&shape.key);
            let cells: Result<Vec<_>, _> = cells
                .map(|(value, &column)| fitted(&shape, column, value).map(|(value, _)| value))
                .collect();
            // A key that its column cannot hold is not there.
            keys.extend(cells.ok().map(|cells| (number, cells)));
        }
        let found = self.select_rows(fetch.table, &keys).await?;
        let mut needed = Needed::new(fetch.selection, &shape);
        let (mut deleted, mut live) = (Filling::new(&shape, true), Filling::new(&shape, false));
        let mut looked_up = end;
        for (number, row) in found {
            if deleted.page.bytes() + live.page.bytes() >= fetch.budget && number > fetch.first {
                looked_up = number;
                break;
            }
            let filling = if row.facts.tombstone {
                &mut deleted
            } else {
                &mut live
            };
            filling.take(row, &mut needed);
        }
        Ok(Fetched {
            deleted: deleted.page,
            live: self.without_gone(fetch.table, live).await?,
            end: looked_up,
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

    fn take(&mut self, row: ReadRow, needed: &mut Needed<'_>) {
        let (shape, page) = (self.shape, &mut self.page);
        let may_be_gone = row.may_be_gone(shape);
        let key = match row.key {
            Ok(key) => key,
            Err(reason) => {
                if needed.is_nameless(row.facts) {
                    page.push_nameless(shape, row.facts, || reason);
                }
                return;
            }
        };
        if !needed.is(row.facts, key.row(0).values()) {
            return;
        }
        if self.deleted {
            page.rows.push_row(key.row(0));
        } else {
            match row.cells {
                Ok(cells) => page.rows.push(cells.iter().map(Value::as_ref)),
                Err(reason) => {
                    page.push_unsent(shape, key, row.facts, reason);
                    return;
                }
            }
            if may_be_gone {
                self.suspects.push((page.heads.len(), key));
            }
        }
        page.push_head(row.facts, (None, None));
    }
}
