//! A session of two replicas in one call.

use crate::batch::BatchOutcome;
use crate::error::ProviderError;
use crate::memory::apply::{Beside, Direction};
use crate::memory::replica::MemoryReplica;

/// One direction between two replicas: what `source` has and `destination` does not know is applied there.
///
/// # Errors
/// As for the calls of [`crate::SyncProvider`].
pub fn transfer(
    source: &mut MemoryReplica,
    destination: &mut MemoryReplica,
    direction: &Direction,
) -> Result<BatchOutcome, ProviderError> {
    let (parameters, wanted) = (destination.parameters(), destination.wanted());
    let selection = source.select(parameters)?;
    let mut changes = source.changes(&selection);
    changes
        .tables
        .extend(source.rows_by_key(&selection, &wanted)?);
    destination.apply(&[changes], direction, Beside::default())
}
