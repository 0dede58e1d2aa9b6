//! Keys of rows that are kept in memory.

use std::cmp::Ordering;

use sync_decision::{NormalKey, TableShape};
use sync_provider::{RowRef, RowSet};

use crate::store::Slice;

/// The key of a row of some table, compared by its normal form and spelled as somebody spelled it.
#[derive(Clone, Debug)]
pub(crate) struct RowKey {
    normal: NormalKey,
    spelled: Vec<u8>,
}

impl RowKey {
    /// The key in its packed form, as [`RowRef::as_bytes`] gives it.
    pub(crate) fn of_packed(shape: &TableShape, spelled: Vec<u8>) -> Self {
        let mut key = RowSet::new(shape.key.len());
        key.push_encoded(&spelled);
        RowKey {
            normal: shape.normal_key(key.row(0).values()),
            spelled,
        }
    }

    /// The key of a row of a slice.
    pub(crate) fn of_row(shape: &TableShape, slice: Slice<'_>, cells: RowRef<'_>) -> Self {
        let spelled = if slice.deleted {
            cells.as_bytes().to_vec()
        } else {
            shape.key_of(cells).row(0).as_bytes().to_vec()
        };
        Self::of_packed(shape, spelled)
    }

    /// The packed form.
    pub(crate) fn spelled(&self) -> &[u8] {
        &self.spelled
    }
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for RowKey {}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.normal.cmp(&other.normal)
    }
}

/// A key of one integer, for tests.
#[cfg(test)]
pub(crate) fn number(number: i64) -> RowKey {
    let shape = tests::shape();
    let mut key = RowSet::new(1);
    key.push([sync_metadata::ValueRef::Integer(number)]);
    RowKey::of_packed(&shape, key.row(0).as_bytes().to_vec())
}

#[cfg(test)]
pub(crate) mod tests {
    use sync_metadata::KeyEquality;

    use super::*;

    /// A table with a key of one integer.
    pub(crate) fn shape() -> TableShape {
        TableShape {
            global_name: "[t]".into(),
            columns: vec!["id".into()],
            types: vec!["int".parse().unwrap()],
            key: vec![0],
            key_equality: vec![KeyEquality::Exact],
        }
    }
}
