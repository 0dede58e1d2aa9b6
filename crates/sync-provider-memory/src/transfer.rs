//! A session of two replicas in one call.

use crate::apply::{Beside, Direction};
use crate::replica::MemoryReplica;
use sync_provider::{BatchOutcome, ProviderError};

/// One direction between two replicas: what `source` has and `destination` does not know is applied there.
///
/// # Errors
/// As for the calls of [`sync_provider`].
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
