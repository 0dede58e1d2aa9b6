//! Writing the rows of a slice, and those once more that others were in the way of.

use sync_relational::{LocalSlice, RowFailure, Slice, Write};

use crate::store::apply::ApplyTransaction;
use crate::store::apply::foreign_key_cycles::{delete, insert};
use crate::store::apply::orphans::Orphans;
use crate::store::apply::row::RowWriter;
use crate::store::apply::write_error::{Obstacle, Stop, or_stop};
use crate::store::open_scope::OpenScope;

/// Writes rows of a slice in their order; gives those that are refused.
pub(super) fn write_all(
    transaction: &mut ApplyTransaction,
    scope: OpenScope<'_>,
    slice: Slice<'_>,
    local: &LocalSlice,
    writes: &[Write],
) -> Result<Vec<RowFailure>, Stop> {
    transaction.applied_table.set(scope, slice.table)?;
    let stamp = transaction.stamp;
    let mut writer = RowWriter::new(scope, slice, local, stamp);
    let mut failures = Vec::new();
    let mut blocked = Vec::new();
    let keys = &writer.table.references.missing_parent;
    let mut orphans = Orphans::new(slice, keys);
    let mut next = Vec::new();
    for write in writes {
        next.push(*write);
        while let Some(write) = next.pop() {
            let Err(refusal) = or_stop(writer.write(&write))? else {
                next.extend(orphans.children_of(&write));
                continue;
            };
            match refusal.obstacle {
                Obstacle::Unique => blocked.push((write, refusal.reason)),
                Obstacle::Parent(key) => orphans.wait(write, key, refusal.reason),
                Obstacle::Other => failures.push(refusal.of_row(write.row)),
            }
        }
    }
    failures.extend(orphans.left());
    if !blocked.is_empty() {
        failures.extend(writer.swap_unique_values(blocked)?);
    }
    if failures.is_empty() {
        return Ok(failures);
    }
    if slice.deleted {
        let held_back = &mut transaction.held_back;
        let applied_table = &mut transaction.applied_table;
        return delete::delete_cycle(held_back, applied_table, writer, writes, failures);
    }
    if slice.repeated {
        return insert::write_cycle(&mut transaction.cycles, writer, writes, failures);
    }
    Ok(failures)
}
