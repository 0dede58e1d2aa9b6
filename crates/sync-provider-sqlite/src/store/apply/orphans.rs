//! Rows of one slice that come before their parents in the same table.
//!
//! Rows that come again by key are refused while their parent is missing. In a table that refers to itself the parent may follow in the same
//! slice; the row is tried again as soon as it is there. So a chain of any order goes through at once, and each row is tried once per parent.

use std::collections::HashMap;

use sync_metadata::ValueRef;
use sync_relational::{RowFailure, Slice, Write};

use crate::store::sql::references::MissingParent;

/// The rows that wait for a parent.
pub(super) struct Orphans<'a> {
    slice: Slice<'a>,
    keys: &'a [MissingParent],
    /// The rows that wait for each, and why.
    waiting: HashMap<Parent, Vec<(Write, String)>>,
}

/// A parent that is missing: by which foreign key, and the packed referenced cells.
type Parent = (usize, Vec<u8>);

impl<'a> Orphans<'a> {
    pub(super) fn new(slice: Slice<'a>, keys: &'a [MissingParent]) -> Self {
        Orphans {
            slice,
            keys,
            waiting: HashMap::new(),
        }
    }

    /// Lets a row wait whose parent by foreign key `key` is missing.
    pub(super) fn wait(&mut self, write: Write, key: usize, reason: String) {
        let referenced = self.referenced(&write, key, &self.keys[key].from);
        let waiting = self.waiting.entry((key, referenced)).or_default();
        waiting.push((write, reason));
    }

    /// The rows that waited for one that is written now.
    pub(super) fn children_of(&mut self, write: &Write) -> Vec<Write> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut children = Vec::new();
        for (index, key) in self.keys.iter().enumerate() {
            let Some(to) = &key.within else { continue };
            let referenced = self.referenced(write, index, to);
            let found = self.waiting.remove(&(index, referenced));
            children.extend(found.into_iter().flatten().map(|(write, _)| write));
        }
        children
    }

    /// The rows whose parents did not come.
    pub(super) fn left(self) -> impl Iterator<Item = RowFailure> {
        let waiting = self.waiting.into_values().flatten();
        waiting.map(|(write, reason)| RowFailure {
            row: write.row,
            reason,
            metadata: false,
        })
    }

    fn referenced(&self, write: &Write, key: usize, columns: &[usize]) -> Vec<u8> {
        let cells: Vec<ValueRef<'_>> = self.slice.rows.row(write.row).values().collect();
        self.keys[key].referenced(&cells, columns)
    }
}
