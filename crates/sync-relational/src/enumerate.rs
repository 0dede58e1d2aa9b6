//! The source's side of a direction: batches of changes out of one snapshot, then rows that are asked for by key.
//!
//! Deletions come first, from the last table to the first, then rows from the first table to the last, so that parents come before
//! children and go after them.
//!
//! A batch holds as many rows as fit into its size; a row that is larger travels alone. The snapshot is let go of with the last changes,
//! before the destination commits: a writer at the source that waits for its readers must not have to wait for a writer elsewhere.

use std::collections::VecDeque;

use sync_decision::{Selection, check_held, check_not_outdated};
use sync_knowledge::{Knowledge, Tick};
use sync_provider::{
    BatchKind, ChangeBatch, ProviderError, RowHead, RowSet, SyncBatchParameters, TableChanges,
    TableKeys, UnsentRows,
};

use crate::scope::own_knowledge;
use crate::store::{Attempt, Begun, Cursor, Fetch, Page, Scan, ScopeState, Store};

/// An enumeration under way.
#[derive(Debug)]
pub(crate) struct Enumeration {
    selection: Selection,
    /// Per table the tick above which it is looked at.
    floors: Vec<Tick>,
    /// Knowledge and forgotten knowledge, until the first batch has taken them along.
    first: Option<(Vec<u8>, Vec<u8>)>,
    parts: std::vec::IntoIter<Part>,
    current: Option<(Part, Option<Cursor>)>,
    /// A row that did not fit into the last batch.
    left_over: Option<LeftOver>,
    /// Keys that were asked for and not looked up yet: per table, and from which of them on.
    wanted: VecDeque<(usize, RowSet, usize)>,
    series: u32,
    sequence: u32,
    batch_bytes: usize,
}

/// The live rows or the tombstones of a table.
#[derive(Copy, Clone, Debug)]
struct Part {
    table: usize,
    deleted: bool,
}

#[derive(Debug)]
struct LeftOver {
    part: Part,
    head: RowHead,
    row: RowSet,
}

impl Enumeration {
    pub(crate) async fn begin(
        store: &mut dyn Store,
        seen: Option<ScopeState>,
        parameters: SyncBatchParameters,
        series: u32,
        batch_bytes: u64,
    ) -> Result<Self, ProviderError> {
        // Taking the mark may write: damage, here and in what the destination sent, is noticed before that.
        let state = match seen {
            Some(state) => state,
            None => store.state().await?.0,
        };
        let select = |knowledge: &Knowledge, remembered| {
            Selection::new(knowledge, &parameters.knowledge, remembered)
        };
        let knowledge = own_knowledge(store.scope(), state.knowledge.as_deref())?;
        let selection = select(&knowledge, parameters.remembered.clone())?;
        let floors: Vec<_> = (store.shapes().iter())
            .map(|shape| selection.floor(&shape.global_name))
            .collect();
        let Begun { state, changed } = store.begin_enumeration(&floors).await?;
        let mut knowledge = own_knowledge(store.scope(), state.knowledge.as_deref())?;
        knowledge.set_local_tick(state.mark);
        let forgotten = state.forgotten.unwrap_or_default();
        let selection = select(&knowledge, parameters.remembered)?;
        check_not_outdated(
            &store.scope().description.name,
            &selection,
            decode_forgotten(&knowledge, &forgotten)?.as_ref(),
        )?;
        let part = |deleted| move |&table: &usize| Part { table, deleted };
        let parts: Vec<_> = (changed.iter().rev())
            .map(part(true))
            .chain(changed.iter().map(part(false)))
            .collect();
        Ok(Enumeration {
            selection,
            floors,
            first: Some((knowledge.to_bytes(), forgotten)),
            parts: parts.into_iter(),
            current: None,
            left_over: None,
            wanted: VecDeque::new(),
            series,
            sequence: 0,
            batch_bytes: usize::try_from(batch_bytes).unwrap_or(usize::MAX),
        })
    }

    /// The next batch of what is left: rows that were asked for, or else changes.
    pub(crate) async fn next_batch(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<Attempt<ChangeBatch>, ProviderError> {
        if !self.wanted.is_empty() {
            return self.next_repeats(store).await;
        }
        let batch = self.next_changes(store).await?;
        if batch.kind == BatchKind::LastChanges {
            store.end_enumeration().await?;
        }
        Ok(Attempt::Done(batch))
    }

    /// Takes keys in and gives the first batch of their rows.
    pub(crate) async fn rows_by_key(
        &mut self,
        store: &mut dyn Store,
        series: u32,
        keys: Vec<TableKeys>,
    ) -> Result<Attempt<ChangeBatch>, ProviderError> {
        let bytes = keys.iter().map(|keys| keys.keys.bytes() as u64).sum();
        check_held("keys of rows that were asked for", bytes)?;
        (self.series, self.sequence) = (series, 0);
        self.wanted.clear();
        for wanted in keys {
            let table = table_of(store, &wanted)?;
            self.wanted.push_back((table, wanted.keys, 0));
        }
        self.next_repeats(store).await
    }

    async fn next_changes(&mut self, store: &mut dyn Store) -> Result<ChangeBatch, ProviderError> {
        let mut batch = self.empty_batch(BatchKind::LastChanges);
        let mut left = self.batch_bytes;
        if let Some(LeftOver { part, head, row }) = self.left_over.take() {
            left = left.saturating_sub(row.bytes());
            let mut page = Page::new(row.width());
            page.heads.push(head);
            page.rows = row;
            push_page(&mut batch, store, part, page);
        }
        loop {
            if self.current.is_none() {
                self.current = self.parts.next().map(|part| (part, None));
            }
            let Some((part, after)) = self.current.take() else {
                return Ok(batch);
            };
            if left == 0 {
                self.current = Some((part, after));
                batch.kind = BatchKind::Changes;
                return Ok(batch);
            }
            let scan = Scan {
                table: part.table,
                deleted: part.deleted,
                floor: self.floors[part.table],
                after,
                selection: &self.selection,
                budget: left,
            };
            let mut page = store.scan(scan).await?;
            if page.rows.bytes() > left && (page.heads.len() > 1 || !batch.tables.is_empty()) {
                self.left_over = take_last(&mut page, part);
            }
            left = left.saturating_sub(page.bytes());
            if let Some(cursor) = page.next.take() {
                self.current = Some((part, Some(cursor)));
                left = 0;
            }
            push_page(&mut batch, store, part, page);
        }
    }

    async fn next_repeats(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<Attempt<ChangeBatch>, ProviderError> {
        let mut batch = self.empty_batch(BatchKind::LastRepeats);
        let mut left = self.batch_bytes;
        while let Some((table, keys, first)) = self.wanted.pop_front() {
            let fetch = Fetch {
                table,
                keys: &keys,
                first,
                selection: &self.selection,
                budget: left,
            };
            let found = match store.fetch(fetch).await? {
                Attempt::Done(found) => found,
                Attempt::Busy(error) => {
                    self.sequence = batch.sequence;
                    return Ok(Attempt::Busy(error));
                }
            };
            let bytes = found.deleted.bytes() + found.live.bytes();
            if bytes > left && !batch.tables.is_empty() {
                // A single row that is larger than what is left: it is looked up again for the next batch.
                self.wanted.push_front((table, keys, first));
                batch.kind = BatchKind::Repeats;
                break;
            }
            left = left.saturating_sub(bytes);
            let part = |deleted| Part { table, deleted };
            push_page(&mut batch, store, part(true), found.deleted);
            push_page(&mut batch, store, part(false), found.live);
            if found.end < keys.len() {
                self.wanted.push_front((table, keys, found.end));
                batch.kind = BatchKind::Repeats;
                break;
            }
        }
        // Deletions before rows, as in an enumeration.
        batch.tables.sort_by_key(|changes| !changes.deleted);
        Ok(Attempt::Done(batch))
    }

    fn empty_batch(&mut self, kind: BatchKind) -> ChangeBatch {
        let (made_with, forgotten) = self.first.take().unwrap_or_default();
        self.sequence += 1;
        let mut batch = ChangeBatch::new(kind);
        (batch.series, batch.sequence) = (self.series, self.sequence - 1);
        (batch.made_with, batch.forgotten) = (made_with, forgotten);
        batch
    }
}

/// The table that keys are of, where they are by the columns of its key.
fn table_of(store: &dyn Store, wanted: &TableKeys) -> Result<usize, ProviderError> {
    let object = || format!("table {}", wanted.table);
    let shape = store
        .shapes()
        .iter()
        .position(|shape| shape.global_name.eq_ignore_ascii_case(&wanted.table));
    let table = shape.ok_or_else(|| {
        ProviderError::malformed(object(), "rows of a table outside the scope were asked for")
    })?;
    let key = store.shapes()[table].key_columns();
    let same = key.len() == wanted.columns.len()
        && key
            .iter()
            .zip(&wanted.columns)
            .all(|(own, other)| own.eq_ignore_ascii_case(other));
    if !same || wanted.keys.width() != key.len() {
        return Err(ProviderError::malformed(
            object(),
            "rows were asked for by other columns than the key",
        ));
    }
    Ok(table)
}

/// Takes the last row of a page away for the next batch.
fn take_last(page: &mut Page, part: Part) -> Option<LeftOver> {
    let head = *page.heads.last()?;
    let mut row = RowSet::new(page.rows.width());
    row.push_row(page.rows.row(page.rows.len().checked_sub(1)?));
    page.pop();
    Some(LeftOver { part, head, row })
}

fn push_page(batch: &mut ChangeBatch, store: &dyn Store, part: Part, page: Page) {
    let shape = &store.shapes()[part.table];
    batch.examined += page.examined;
    if let Some(first) = page.unsent.first() {
        let key: Option<Vec<_>> = match &first.rows {
            UnsentRows::One(key) => Some(key.row(0).values().collect()),
            UnsentRows::UndecodableKeys(_) => None,
        };
        let entries = page.unsent.len();
        tracing::warn!(table = %shape.global_name, entries, first_key = ?key, reason = %first.reason, "rows cannot be read and are not sent");
    }
    batch.unsent.extend(page.unsent);
    if page.orphans > 0 {
        tracing::warn!(table = %shape.global_name, rows = page.orphans, "tracked rows without a base row are skipped");
        batch
            .orphans
            .push((shape.global_name.clone(), page.orphans));
    }
    if page.heads.is_empty() {
        return;
    }
    let table = shape.global_name.clone();
    let same = |last: &&mut TableChanges| last.table == table && last.deleted == part.deleted;
    if let Some(last) = batch.tables.last_mut().filter(same) {
        last.heads.extend(page.heads);
        page.rows.iter().for_each(|row| last.rows.push_row(row));
        return;
    }
    let columns = if part.deleted {
        shape.key_columns()
    } else {
        shape.columns.clone()
    };
    batch.tables.push(TableChanges {
        table,
        columns,
        deleted: part.deleted,
        heads: page.heads,
        rows: page.rows,
    });
}

fn decode_forgotten(own: &Knowledge, bytes: &[u8]) -> Result<Option<Knowledge>, ProviderError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let forgotten = Knowledge::from_bytes(bytes)
        .map_err(|error| ProviderError::malformed("forgotten knowledge", error.to_string()))?;
    Ok(Some(own.clone().map_remote_to_local(&forgotten)))
}
