//! Which rows wait for a later direction, and which wait no longer.

use std::collections::BTreeSet;

use sync_decision::TableShape;
use sync_knowledge::ItemId;
use sync_metadata::table_id_range;

use crate::aside::Aside;
use crate::row_key::RowKey;
use crate::store::Waiting;
use sync_decision::item_id_of_packed;

/// What a direction leaves for a later one.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// Rows to remember; those that nobody can name have one entry per table, under the table's first id.
    pub(crate) rows: Vec<Waiting>,
    /// Row ids that stay unknown.
    pub(crate) rejected: Vec<ItemId>,
    /// The id ranges of tables that stay unknown as a whole.
    pub(crate) ranges: Vec<(ItemId, Option<ItemId>)>,
}

impl Remembered {
    pub(crate) fn of(aside: &Aside, shapes: &[TableShape]) -> Self {
        let mut rows = Vec::new();
        let mut without_id = BTreeSet::new();
        let deferred = aside.deferred();
        let deferred = deferred.map(|(table, key)| (table, key, "conflict deferred"));
        let failed = aside.failed();
        let failed = failed.map(|(table, key, row)| (table, key, row.reason.as_str()));
        let all = failed.chain(deferred);
        for (table, key, reason) in all.filter(|(table, ..)| !aside.is_beyond(*table)) {
            let Some(id) = item_id_of_packed(&shapes[table], key.spelled()) else {
                without_id.insert(table);
                continue;
            };
            rows.push(Waiting {
                id,
                table,
                key: key.spelled().to_vec(),
                reason: reason.to_owned(),
            });
        }
        let rejected = rows.iter().map(|waiting| waiting.id.clone()).collect();
        rows.extend(aside.undecodable().map(|(table, reason)| Waiting {
            id: table_id_range(&shapes[table].global_name).0,
            table,
            key: Vec::new(),
            reason: reason.to_owned(),
        }));
        let unlearned = aside.unlearned().chain(without_id);
        let range = |table: usize| table_id_range(&shapes[table].global_name);
        Remembered {
            rows,
            rejected,
            ranges: unlearned
                .map(range)
                .map(|(from, to)| (from, Some(to)))
                .collect(),
        }
    }
}

/// The entries to take out: of rows that wait no longer, and of those that are remembered anew, as they are spelled now.
pub(crate) fn forget(
    before: &[Waiting],
    now: &[Waiting],
    shapes: &[TableShape],
    waits: impl Fn(&ItemId) -> bool,
) -> Vec<(ItemId, Vec<u8>)> {
    let key = |waiting: &Waiting| (waiting.table, key_of_waiting(shapes, waiting));
    let again: BTreeSet<(usize, RowKey)> = now.iter().map(key).collect();
    let is_over = |waiting: &&Waiting| !waits(&waiting.id) || again.contains(&key(waiting));
    (before.iter().filter(is_over))
        .map(|waiting| (waiting.id.clone(), waiting.key.clone()))
        .collect()
}

/// The rows that are not remembered for the same reason already.
pub(crate) fn not_yet(before: &[Waiting], mut now: Vec<Waiting>) -> Vec<Waiting> {
    let known: BTreeSet<_> = before.iter().map(told).collect();
    now.retain(|waiting| !known.contains(&told(waiting)));
    now
}

/// All that is stored of a row that waits.
fn told(waiting: &Waiting) -> (&ItemId, usize, &[u8], &str) {
    let Waiting {
        id,
        table,
        key,
        reason,
    } = waiting;
    (id, *table, key, reason)
}

/// The key of a row that waits.
pub(crate) fn key_of_waiting(shapes: &[TableShape], waiting: &Waiting) -> RowKey {
    RowKey::of_packed(&shapes[waiting.table], waiting.key.clone())
}
