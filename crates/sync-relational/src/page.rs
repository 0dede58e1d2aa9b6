//! Filling a page from tracking rows: the same rules for every engine.

use sync_decision::{RowFacts, Selection, TableShape};
use sync_knowledge::ReplicaKey;
use sync_metadata::{TrackingRow, ValueRef, table_id_range};
use sync_provider::{RowHead, RowSet, Unsent, UnsentRows};

use crate::store::Page;
use sync_decision::write_item_id;

/// Which columns a scope looks at in a tracking row: its own id and how often the database was restored.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ScopeView {
    /// `scope_local_id`.
    pub scope_local_id: i32,
    /// `scope_restore_count`.
    pub restore_count: i32,
}

/// The columns of ours that follow Microsoft's in a tracking row.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `sync_write_time`: when a change that came through a scope was written, microseconds UTC.
    pub write_time: Option<i64>,
    /// `sync_writer`: who wrote it, where that is not the replica of its version; a key of the scope it came through.
    pub writer: Option<i32>,
}

impl ScopeView {
    /// A tracking row as the decision sees it.
    pub fn facts(self, tracking: &TrackingRow) -> RowFacts {
        RowFacts {
            create: tracking.create_version(self.scope_local_id, self.restore_count),
            update: tracking.update_version(self.scope_local_id, self.restore_count),
            tombstone: tracking.tombstone,
        }
    }

    /// When and by whom the row was written. A local change was written here, at `last_change_datetime`; what came through another scope
    /// counts as written here too, at the time it brought.
    pub fn written(
        self,
        tracking: &TrackingRow,
        attributes: Attributes,
    ) -> (Option<i64>, Option<ReplicaKey>) {
        match tracking.update_scope_local_id {
            None => (tracking.last_change, Some(ReplicaKey::LOCAL)),
            Some(scope) if scope == self.scope_local_id => {
                let writer = attributes
                    .writer
                    .or(tracking.scope_update_peer_key)
                    .and_then(|key| u32::try_from(key).ok());
                (attributes.write_time, writer.map(ReplicaKey))
            }
            Some(_) => (attributes.write_time, Some(ReplicaKey::LOCAL)),
        }
    }
}

/// Tells which rows a destination needs, building row ids only where they matter and in one buffer.
#[derive(Debug)]
pub struct Needed<'a> {
    selection: &'a Selection,
    shape: &'a TableShape,
    id: Vec<u8>,
}

impl<'a> Needed<'a> {
    /// For the rows of one table.
    pub fn new(selection: &'a Selection, shape: &'a TableShape) -> Self {
        Needed {
            selection,
            shape,
            id: Vec::new(),
        }
    }

    /// Whether keys are without influence, so that a caller need not give them.
    pub fn ignores_ids(&self) -> bool {
        self.selection.ignores_ids()
    }

    /// Whether the destination may need a row in this state whose key cannot be read. It has no id of its own; as for keys that are too long,
    /// the first id of the table stands for it.
    pub fn is_undecodable(&self, facts: RowFacts) -> bool {
        let (first, _) = table_id_range(&self.shape.global_name);
        self.selection.needs(first.as_bytes(), facts.update)
    }

    /// Whether a row with this key in this state can be sent although its tracking row is above the mark.
    ///
    /// See [`Selection::claims`].
    pub fn is_claimed<'v>(
        &mut self,
        facts: RowFacts,
        key: impl Iterator<Item = ValueRef<'v>>,
    ) -> bool {
        write_item_id(&mut self.id, self.shape, key);
        self.selection.claims(&self.id, facts.update)
    }

    /// Whether the destination needs a row with this key in this state.
    pub fn is<'v>(&mut self, facts: RowFacts, key: impl Iterator<Item = ValueRef<'v>>) -> bool {
        if !self.selection.ignores_ids() {
            write_item_id(&mut self.id, self.shape, key);
        }
        self.selection.needs(&self.id, facts.update)
    }
}

impl Page {
    /// Takes the last row away again, head and cells.
    pub fn pop(&mut self) {
        self.heads.pop();
        self.rows.pop();
    }

    /// Bytes that the page takes: its rows, and what it says of those it cannot send.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.unsent_bytes
    }

    /// Adds a row with this key that is needed and cannot be read.
    pub fn push_unsent(
        &mut self,
        shape: &TableShape,
        key: RowSet,
        facts: RowFacts,
        reason: String,
    ) {
        self.unsent_bytes += key.bytes() + reason.len();
        self.unsent.push(Unsent {
            table: shape.global_name.clone(),
            rows: UnsentRows::One(key),
            version: facts.update,
            reason,
        });
    }

    /// Adds a row whose very key cannot be read. Such rows of a page are counted together, under the reason of the first.
    pub fn push_undecodable(
        &mut self,
        shape: &TableShape,
        facts: RowFacts,
        reason: impl FnOnce() -> String,
    ) {
        if let Some(Unsent {
            rows: UnsentRows::UndecodableKeys(rows),
            ..
        }) = self.unsent.first_mut()
        {
            *rows = rows.saturating_add(1);
            return;
        }
        self.unsent.insert(
            0,
            Unsent {
                table: shape.global_name.clone(),
                rows: UnsentRows::UndecodableKeys(1),
                version: facts.update,
                reason: reason(),
            },
        );
    }

    /// Adds the head of a row; its cells follow in `rows`.
    pub fn push_head(&mut self, facts: RowFacts, written: (Option<i64>, Option<ReplicaKey>)) {
        self.heads.push(RowHead {
            create: facts.create,
            update: facts.update,
            time: written.0,
            writer: written.1,
        });
    }
}
