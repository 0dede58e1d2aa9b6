//! What storing an outcome does to its table.

use sync_provider::{Effect, RowEffect, RowRef};

use crate::table_shape::TableShape;
use crate::verdict::Outcome;

impl Outcome {
    /// What storing it does to the table, where there is a live row or none.
    pub fn effect(&self, live: bool) -> Effect {
        match (self.base, self.tombstone, live) {
            (false, ..) | (true, true, false) => Effect::Version,
            (true, true, true) => Effect::Delete,
            (true, false, true) => Effect::Update,
            (true, false, false) => Effect::Insert,
        }
    }
}

/// What storing a row did: `cells` are its key where it is a deletion, all of it otherwise.
pub fn row_effect(
    table: &TableShape,
    deleted: bool,
    cells: RowRef<'_>,
    effect: Effect,
) -> RowEffect {
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
            assert_eq!(outcome.effect(live), expected, "{base} {tombstone} {live}");
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
