//! The keys by which rows are looked up.

use rusqlite::Statement;
use sync_decision::TableShape;
use sync_metadata::ValueRef;
use sync_provider::{ProviderError, RowRef};
use sync_relational::Slice;

use crate::cells::{Bound, bind};
use crate::types::Affinity;

/// Gives the key cells of a row of a slice.
pub(super) fn with_key<T>(
    shape: &TableShape,
    slice: Slice<'_>,
    row: RowRef<'_>,
    take: impl FnOnce(&mut dyn Iterator<Item = ValueRef<'_>>) -> T,
) -> T {
    if slice.deleted {
        return take(&mut row.values());
    }
    if let [only] = shape.key[..] {
        return take(&mut row.values().skip(only).take(1));
    }
    let cells: Vec<ValueRef<'_>> = row.values().collect();
    take(&mut shape.key.iter().map(|&column| cells[column]))
}

/// Binds the cells of a key by which a row is looked up, which came from this database or from another one.
///
/// A value that the column cannot store has no row here: it is bound as NULL, which equals nothing. SQLite itself would convert it as it
/// compares, and find the row of another key. What cannot be stored is refused by name when it is written.
pub(super) fn bind_key<'v>(
    statement: &mut Statement<'_>,
    first: usize,
    key: impl Iterator<Item = ValueRef<'v>>,
    shape: &TableShape,
    affinities: &[Affinity],
) -> Result<(), ProviderError> {
    for (offset, (value, &column)) in key.zip(&shape.key).enumerate() {
        let bound = bind(value, &shape.types[column], affinities[column]).unwrap_or(Bound::Null);
        bind_cell(statement, first + offset, &bound, shape, column)?;
    }
    Ok(())
}

/// Binds the cells of a key that was read in this very database, as they are: to go on behind it.
pub(super) fn bind_own_key<'v>(
    statement: &mut Statement<'_>,
    first: usize,
    key: impl Iterator<Item = ValueRef<'v>>,
    shape: &TableShape,
) -> Result<(), ProviderError> {
    for (offset, (value, &column)) in key.zip(&shape.key).enumerate() {
        // No column of this affinity converts anything.
        let bound = bind(value, &shape.types[column], Affinity::Blob).unwrap_or(Bound::Null);
        bind_cell(statement, first + offset, &bound, shape, column)?;
    }
    Ok(())
}

fn bind_cell(
    statement: &mut Statement<'_>,
    index: usize,
    bound: &Bound<'_>,
    shape: &TableShape,
    column: usize,
) -> Result<(), ProviderError> {
    statement.raw_bind_parameter(index, bound).map_err(|error| {
        let object = format!(
            "key column {} of table {}",
            shape.columns[column], shape.global_name
        );
        ProviderError::malformed(object, error.to_string())
    })
}
