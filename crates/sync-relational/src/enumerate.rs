//! The source's side of a direction: batches of changes out of one snapshot.
//!
//! Deletions come first, from the last table to the first, then rows from the first table to the last, so that parents come before
//! children and go after them.

use sync_knowledge::Knowledge;
use sync_provider::{
    BatchKind, ChangeBatch, ProviderError, Selection, SyncBatchParameters, TableChanges, TableKeys,
    check_not_outdated,
};

use crate::scope::own_knowledge;
use crate::store::{Cursor, Page, Scan, Store};

/// An enumeration under way.
#[derive(Debug)]
pub(crate) struct Enumeration {
    selection: Selection,
    /// Knowledge and forgotten knowledge, until the first batch has taken them along.
    first: Option<(Vec<u8>, Vec<u8>)>,
    parts: std::vec::IntoIter<(usize, bool)>,
    current: Option<(usize, bool, Option<Cursor>)>,
    sequence: u32,
    batch_bytes: usize,
}

impl Enumeration {
    pub(crate) async fn begin(
        store: &mut dyn Store,
        parameters: SyncBatchParameters,
        batch_bytes: u64,
    ) -> Result<Self, ProviderError> {
        // Taking the mark may write: damage is noticed before that.
        let (state, _) = store.state().await?;
        own_knowledge(store.scope(), state.knowledge.as_deref())?;
        let state = store.begin_enumeration().await?;
        let mut knowledge = own_knowledge(store.scope(), state.knowledge.as_deref())?;
        knowledge.set_local_tick(state.mark);
        let forgotten = state.forgotten.unwrap_or_default();
        let selection = Selection::new(&knowledge, &parameters.knowledge, parameters.remembered)?;
        check_not_outdated(
            &store.scope().description.name,
            &selection,
            decode_forgotten(&knowledge, &forgotten)?.as_ref(),
        )?;
        let tables = store.shapes().len();
        let parts: Vec<_> = (0..tables)
            .rev()
            .map(|table| (table, true))
            .chain((0..tables).map(|table| (table, false)))
            .collect();
        Ok(Enumeration {
            selection,
            first: Some((knowledge.to_bytes(), forgotten)),
            parts: parts.into_iter(),
            current: None,
            sequence: 0,
            batch_bytes: usize::try_from(batch_bytes).unwrap_or(usize::MAX),
        })
    }

    pub(crate) async fn next_batch(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<ChangeBatch, ProviderError> {
        let mut batch = self.empty_batch(BatchKind::LastChanges);
        let mut left = self.batch_bytes;
        loop {
            if self.current.is_none() {
                self.current = self
                    .parts
                    .next()
                    .map(|(table, deleted)| (table, deleted, None));
            }
            let Some((table, deleted, after)) = self.current.take() else {
                return Ok(batch);
            };
            if left == 0 {
                self.current = Some((table, deleted, after));
                batch.kind = BatchKind::Changes;
                return Ok(batch);
            }
            let floor = self.selection.floor(&store.shapes()[table].global_name);
            let scan = Scan {
                table,
                deleted,
                floor,
                after,
                selection: &self.selection,
                budget: left,
            };
            let page = store.scan(scan).await?;
            left = left.saturating_sub(page.rows.bytes());
            if let Some(cursor) = page.next.clone() {
                self.current = Some((table, deleted, Some(cursor)));
                left = 0;
            }
            push_page(&mut batch, store, table, deleted, page);
        }
    }

    pub(crate) async fn rows_by_key(
        &mut self,
        store: &mut dyn Store,
        keys: &[TableKeys],
    ) -> Result<ChangeBatch, ProviderError> {
        let mut batch = self.empty_batch(BatchKind::Repeats);
        for wanted in keys {
            let shape = store
                .shapes()
                .iter()
                .position(|shape| shape.global_name.eq_ignore_ascii_case(&wanted.table));
            let table = shape.ok_or_else(|| {
                ProviderError::malformed(
                    format!("table {}", wanted.table),
                    "rows of a table outside the scope were asked for",
                )
            })?;
            let key = store.shapes()[table].key_columns();
            let same = key.len() == wanted.columns.len()
                && key
                    .iter()
                    .zip(&wanted.columns)
                    .all(|(own, other)| own.eq_ignore_ascii_case(other));
            if !same || wanted.keys.width() != key.len() {
                return Err(ProviderError::malformed(
                    format!("table {}", wanted.table),
                    "rows were asked for by other columns than the key",
                ));
            }
            let [deleted, live] = store.fetch(table, &wanted.keys, &self.selection).await?;
            push_page(&mut batch, store, table, true, deleted);
            push_page(&mut batch, store, table, false, live);
        }
        // Deletions before rows, as in an enumeration.
        batch.tables.sort_by_key(|changes| !changes.deleted);
        Ok(batch)
    }

    fn empty_batch(&mut self, kind: BatchKind) -> ChangeBatch {
        let (made_with, forgotten) = self.first.take().unwrap_or_default();
        self.sequence += 1;
        ChangeBatch {
            sequence: self.sequence - 1,
            kind,
            made_with,
            forgotten,
            tables: Vec::new(),
            examined: 0,
            orphans: Vec::new(),
        }
    }
}

fn push_page(batch: &mut ChangeBatch, store: &dyn Store, table: usize, deleted: bool, page: Page) {
    let shape = &store.shapes()[table];
    batch.examined += page.examined;
    if page.orphans > 0 {
        tracing::warn!(table = %shape.global_name, rows = page.orphans, "tracked rows without a base row are skipped");
        batch
            .orphans
            .push((shape.global_name.clone(), page.orphans));
    }
    if !page.heads.is_empty() {
        let columns = if deleted {
            shape.key_columns()
        } else {
            shape.columns.clone()
        };
        let table = shape.global_name.clone();
        batch.tables.push(TableChanges {
            table,
            columns,
            deleted,
            heads: page.heads,
            rows: page.rows,
        });
    }
}

fn decode_forgotten(own: &Knowledge, bytes: &[u8]) -> Result<Option<Knowledge>, ProviderError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let forgotten = Knowledge::from_bytes(bytes)
        .map_err(|error| ProviderError::malformed("forgotten knowledge", error.to_string()))?;
    Ok(Some(own.clone().map_remote_to_local(&forgotten)))
}
