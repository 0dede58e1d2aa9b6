//! Writing tracking rows.

use sync_knowledge::{ReplicaKey, Version};
use sync_metadata::VersionColumns;
use sync_provider::{ProviderError, RowRef};
use sync_relational::{LocalEntry, Write};

use crate::cells::bind;
use crate::store::apply::row::RowWriter;
use crate::store::apply::statements::Change;
use crate::store::apply::write_error::{Refusal, WriteError, write_error};
use crate::store::keys::with_key;
use crate::store::open_scope::OpenScope;

impl RowWriter<'_> {
    pub(super) fn write_tracking(
        &mut self,
        row: RowRef<'_>,
        entry: Option<&LocalEntry>,
        write: &Write,
    ) -> Result<(), WriteError> {
        let scope = self.scope;
        let fail = |error: rusqlite::Error| scope.fail(&error);
        if entry.is_none()
            && let Err(reason) = self.check_key(row)
        {
            return Err(Refusal::new(reason).into());
        }
        let (outcome, stamp) = (&write.outcome, self.stamp);
        let tick = entry.map_or(stamp.tick, |entry| {
            stamp.tick.max(entry.local_tick.saturating_add(1))
        });
        let update = self.columns_of(outcome.update)?;
        let create = self.columns_of(outcome.create)?;
        let change = match entry {
            None => Change::InsertTracking,
            Some(entry) if entry.facts.create == outcome.create => Change::UpdateTracking,
            Some(_) => Change::ReplaceTracking,
        };
        let Some(statement) = self.statements.find(change).map_err(fail)? else {
            return Ok(());
        };
        let writer = outcome
            .writer
            .filter(|writer| *writer != outcome.update.replica)
            .map(|ReplicaKey(key)| key);
        statement
            .raw_bind_parameter(1, update.scope_local_id)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(2, update.scope_peer_key)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(3, update.scope_peer_timestamp)
            .map_err(fail)?;
        statement.raw_bind_parameter(4, tick).map_err(fail)?;
        statement
            .raw_bind_parameter(5, outcome.tombstone)
            .map_err(fail)?;
        statement.raw_bind_parameter(6, stamp.now).map_err(fail)?;
        statement
            .raw_bind_parameter(7, outcome.time)
            .map_err(fail)?;
        statement.raw_bind_parameter(8, writer).map_err(fail)?;
        statement
            .raw_bind_parameter(9, create.scope_local_id)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(10, create.scope_peer_key)
            .map_err(fail)?;
        statement
            .raw_bind_parameter(11, create.scope_peer_timestamp)
            .map_err(fail)?;
        statement.raw_bind_parameter(12, tick).map_err(fail)?;
        self.scope.bind_row_key(statement, 13, self.slice, row)?;
        let Err(error) = statement.raw_execute() else {
            return Ok(());
        };
        let refused = match tracking_error(self.scope, &error) {
            refused @ WriteError::Refused(_) => refused,
            stop => return Err(stop),
        };
        if outcome.base && !self.table.tracking_is_open {
            // Without triggers and indexes of others only the key itself can be in the way: of a batch that holds it twice.
            if entry.is_some() || self.slice.deleted {
                return Err(self.scope.fail(&error).into());
            }
            if let Some(statement) = self.prepare_delete(row)? {
                statement.raw_execute().map_err(fail)?;
            }
        }
        Err(refused)
    }

    fn columns_of(&self, version: Version) -> Result<VersionColumns, ProviderError> {
        VersionColumns::through_scope(version, self.scope.tables.scope_local_id).map_err(|error| {
            ProviderError::malformed(
                format!("table {}", self.shape.global_name),
                error.to_string(),
            )
        })
    }

    /// Why the key of a row cannot be stored without loss.
    fn check_key(&self, row: RowRef<'_>) -> Result<(), String> {
        let (shape, table) = (self.shape, self.table);
        with_key(shape, self.slice, row, |key| {
            shape.key.iter().zip(key).try_for_each(|(&column, value)| {
                match bind(value, &shape.types[column], table.affinities[column]) {
                    Ok(_) => Ok(()),
                    Err(reason) => Err(format!("column {}: {reason}", shape.columns[column])),
                }
            })
        })
    }
}

/// As [`write_error`], of a tracking row: no other row of the slice is in its way.
pub(super) fn tracking_error(scope: OpenScope<'_>, error: &rusqlite::Error) -> WriteError {
    match write_error(scope, error) {
        WriteError::Refused(Refusal { reason, .. }) => {
            Refusal::new(format!("its tracking row is refused: {reason}")).into()
        }
        stop => stop,
    }
}
