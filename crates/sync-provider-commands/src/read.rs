//! What commands that select return: rows with the versions that the scope sees.

use sync_decision::{RowFacts, TableShape};
use sync_knowledge::{ReplicaKey, Version};
use sync_metadata::{Value, ValueRef, fit};
use sync_provider::{ProviderError, RowSet};

use super::adapter::VERSIONS;
use super::connection::Cells;
use sync_relational::Needed;

/// A row as a command gave it.
#[derive(Clone, Debug)]
pub(super) struct ReadRow {
    pub(super) facts: RowFacts,
    /// The tracking row's own tick.
    pub(super) tick: i64,
    /// The key, one row, or why it cannot be read.
    pub(super) key: Result<RowSet, String>,
    /// All columns, or why one of them cannot be read. Those of a deletion mean nothing.
    pub(super) cells: Result<Vec<Value>, String>,
}

impl ReadRow {
    pub(super) fn of(shape: &TableShape, mut cells: Cells) -> Result<Self, ProviderError> {
        let versions = cells.split_off(shape.columns.len().min(cells.len()));
        let mut numbers = [0_i64; VERSIONS.len()];
        for ((number, cell), value) in numbers.iter_mut().zip(&versions).zip(VERSIONS) {
            *number = match cell {
                Ok(Value::Integer(found)) => *found,
                _ => {
                    return Err(ProviderError::refused(
                        format!("table {}", shape.global_name),
                        format!("a command returned a row without {}", value.name()),
                        "check the command that selects rows, and the tracking table",
                    ));
                }
            };
        }
        let [
            tombstone,
            tick,
            update_tick,
            update_key,
            create_tick,
            create_key,
        ] = numbers;
        let key: Result<Vec<Value>, String> = shape
            .key
            .iter()
            .map(|&column| cells[column].clone())
            .collect();
        Ok(ReadRow {
            facts: RowFacts {
                create: version(create_key, create_tick),
                update: version(update_key, update_tick),
                tombstone: tombstone != 0,
            },
            tick,
            key: key.map(|key| {
                let mut packed = RowSet::new(key.len());
                packed.push(key.iter().map(Value::as_ref));
                packed
            }),
            cells: cells.into_iter().collect(),
        })
    }

    /// Whether it can be sent although it is above the mark. One whose key cannot be read is not: it is claimed by nobody's name.
    pub(super) fn is_claimed(&self, needed: &mut Needed<'_>) -> bool {
        let key = self.key.as_ref();
        key.is_ok_and(|key| needed.is_claimed(self.facts, key.row(0).values()))
    }

    /// Whether it may be a tracked row that is gone: then all columns beside the key are NULL.
    pub(super) fn may_be_gone(&self, shape: &TableShape) -> bool {
        !self.facts.tombstone
            && self.cells.as_ref().is_ok_and(|cells| {
                let mut others = cells.iter().enumerate();
                others.all(|(column, cell)| shape.key.contains(&column) || *cell == Value::Null)
            })
    }
}

/// Neither a key nor a tick is ever negative; should one be, it counts as 0.
fn version(key: i64, tick: i64) -> Version {
    Version::new(
        ReplicaKey(u32::try_from(key).unwrap_or(0)),
        u64::try_from(tick).unwrap_or(0),
    )
}

/// A cell as its column holds it, and whether it had to be rounded for that.
pub(super) fn fitted<'v>(
    shape: &TableShape,
    column: usize,
    value: ValueRef<'v>,
) -> Result<(ValueRef<'v>, bool), String> {
    let fitted = fit(&shape.types[column], value);
    fitted
        .map(|fitted| (fitted.value, fitted.rounded))
        .map_err(|error| format!("column {}: {error}", shape.columns[column]))
}
