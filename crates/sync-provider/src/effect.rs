//! What storing a row does to its table.

use serde::{Deserialize, Serialize};
use sync_metadata::Value;

use crate::row_set::RowRef;
use crate::table_shape::TableShape;
use crate::verdict::Outcome;

/// What storing a row does to its table.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A row comes to be.
    Insert,
    /// A row changes.
    Update,
    /// A row goes.
    Delete,
    /// The table stays as it is; only the row's version is another one. So it is with content that is there already, and with a conflict that
    /// the row at the destination won.
    Version,
}

impl Effect {
    /// Of storing an outcome where there is a live row, or none.
    pub fn of(live: bool, outcome: &Outcome) -> Self {
        match (outcome.base, outcome.tombstone, live) {
            (false, ..) | (true, true, false) => Effect::Version,
            (true, true, true) => Effect::Delete,
            (true, false, true) => Effect::Update,
            (true, false, false) => Effect::Insert,
        }
    }
}

/// A row that was stored, and what that did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowEffect {
    /// Global name of the table.
    pub table: String,
    /// The key of the row.
    pub key: Vec<Value>,
    /// What storing it did.
    pub effect: Effect,
}

impl RowEffect {
    /// Of a row that came: `cells` are its key where it is a deletion, all of it otherwise.
    pub fn new(table: &TableShape, deleted: bool, cells: RowRef<'_>, effect: Effect) -> Self {
        let owned = |cells: RowRef<'_>| cells.values().map(|cell| cell.to_owned()).collect();
        RowEffect {
            table: table.global_name.clone(),
            key: match deleted {
                true => owned(cells),
                false => owned(table.key_of(cells).row(0)),
            },
            effect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_knowledge::{ReplicaKey, Version};

    #[test]
    fn of_every_outcome() {
        let version = Version::new(ReplicaKey(0), 1);
        let check = |base, tombstone, live, expected| {
            let outcome = Outcome {
                base,
                tombstone,
                create: version,
                update: version,
                time: None,
                writer: None,
            };
            assert_eq!(
                Effect::of(live, &outcome),
                expected,
                "{base} {tombstone} {live}"
            );
        };
        check(true, false, false, Effect::Insert);
        check(true, false, true, Effect::Update);
        check(true, true, true, Effect::Delete);
        check(true, true, false, Effect::Version);
        for (tombstone, live) in [(true, true), (true, false), (false, true), (false, false)] {
            check(false, tombstone, live, Effect::Version);
        }
    }
}
