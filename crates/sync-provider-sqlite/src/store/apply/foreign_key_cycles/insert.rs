//! Inserts: rows that come again by key and refer to each other in a cycle: each of them waits for the other.
//!
//! Those that want nobody else are written without a look at their parents; the commit looks at all foreign keys. One slice closes a cycle;
//! its rows of other slices come once more, since these got through, and find their parents.

use sync_metadata::ValueRef;
use sync_provider::ProviderError;
use sync_relational::{Circles, RowFailure, RowName, Slice, Write};

use crate::store::apply::row::RowWriter;
use crate::store::apply::write_error::{Stop, or_stop};
use crate::store::open_scope::OpenScope;

/// Writes those of the rows that failed which, with rows of other slices, want nobody but each other; gives those that still fail. The writer is for
/// this alone.
pub(in crate::store::apply) fn write_cycle(
    cycles: &mut Circles,
    mut trusting: RowWriter<'_>,
    writes: &[Write],
    failures: Vec<RowFailure>,
) -> Result<Vec<RowFailure>, Stop> {
    let (scope, slice) = (trusting.scope, trusting.slice);
    if !slice.together || !cycles.have(slice.table) {
        return Ok(failures);
    }
    for failure in &failures {
        let missing = missing_parents(scope, slice, failure.row)?;
        let name = row_name(scope, slice, failure.row);
        let cells: Vec<ValueRef<'_>> = slice.rows.row(failure.row).values().collect();
        cycles.refuse(&scope.tables.shapes, name, &cells, &missing);
    }
    let closed = cycles.closed();
    // Left to the commit, like a row that comes for the first time.
    trusting.slice.repeated = false;
    let mut left = Vec::new();
    for failure in failures {
        let name = row_name(scope, slice, failure.row);
        let write = writes.iter().find(|write| write.row == failure.row);
        let Some(write) = write.filter(|_| closed.contains(&name)) else {
            left.push(failure);
            continue;
        };
        if let Err(refusal) = or_stop(trusting.write(write))? {
            left.push(refusal.of_row(failure.row));
        }
        cycles.forget(&name);
    }
    Ok(left)
}

fn row_name(scope: OpenScope<'_>, slice: Slice<'_>, row: usize) -> RowName {
    let key = scope.shape(slice.table).key_of(slice.rows.row(row));
    (slice.table, key.row(0).as_bytes().to_vec())
}

/// The foreign keys of a row by which its parent is missing.
fn missing_parents(
    scope: OpenScope<'_>,
    slice: Slice<'_>,
    row: usize,
) -> Result<Vec<usize>, ProviderError> {
    let cells: Vec<ValueRef<'_>> = slice.rows.row(row).values().collect();
    let keys = scope.table(slice.table).references.missing_parent.iter();
    let mut missing = Vec::new();
    for (number, key) in keys.enumerate() {
        if scope.misses_parent(slice.table, key, &cells)? {
            missing.push(number);
        }
    }
    Ok(missing)
}
