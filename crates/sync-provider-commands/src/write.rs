//! Writing a slice: which commands a row takes, and in what order.
//!
//! What the session decided is stored, so each write is guarded by what the decision saw: a row goes through only while its tracking row has the
//! tick that was read. Rows whose tick is at or below the session's mark can be written together, since any later change has a tick above
//! it; the others, and those that were refused together, one by one.
//!
//! A command that wrote nothing is looked into, as Sync Framework does it: the row is selected once more. Where it is not what was decided upon,
//! it comes again and is decided anew, as a conflict for example. Where it is, its table and its metadata tell different things, and the command that
//! the metadata ask for is tried; or a constraint keeps the row out.

use std::collections::BTreeSet;

use sync_metadata::{ValueRef, VersionColumns};
use sync_provider::{ProviderError, RowSet};

use super::connection::{BulkCall, CallError, CallFailure, CommandConnection, Program};
use super::program::{Base, Metadata, Work};
use super::read::fitted;
use super::store::fitted_cells;
use super::{CommandStore, SessionValue};
use sync_relational::{LocalSlice, RowFailure, Slice, Write};

/// How often rows that were refused are tried again while others get through: a parent may have come meanwhile.
const MOST_ROUNDS: usize = 8;

/// A row on its way in.
#[derive(Debug)]
struct Planned {
    /// In its slice.
    row: usize,
    work: Work,
    /// The tick of the metadata that were decided upon.
    tick: Option<i64>,
    /// Whether the commands for many rows may take it.
    together: bool,
}

impl<C: CommandConnection> CommandStore<C> {
    pub(super) async fn write_slice(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Vec<RowFailure>, CallError> {
        let mut failures = Vec::new();
        let (mut planned, mut arguments) = (
            Vec::new(),
            self.adapters[slice.table].signature().arguments(),
        );
        for write in writes {
            match self.plan(slice, local, write, &mut arguments)? {
                Ok(row) => planned.push(row),
                Err(reason) => failures.push(RowFailure {
                    row: write.row,
                    reason,
                    metadata: false,
                }),
            }
        }
        let rows: Vec<usize> = planned.iter().map(|planned| planned.row).collect();
        let named = |error| name_row(error, |row| rows.get(row).copied());
        let mut left: Vec<usize> = match slice.apart {
            true => (0..planned.len()).collect(),
            false => self
                .write_together(slice.table, &planned, &arguments)
                .await
                .map_err(named)?,
        };
        let mut round = 0;
        let mut silent = Vec::new();
        while !left.is_empty() {
            let failed = self
                .write_each(slice.table, &planned, &arguments, &left)
                .await
                .map_err(named)?;
            let tried = left.len();
            let (refused, nothing): (Vec<_>, Vec<_>) = failed
                .into_iter()
                .partition(|failure| failure.reason.is_some());
            round += 1;
            let came_through = refused.len() + nothing.len() < tried;
            let again = came_through && !refused.is_empty() && round < MOST_ROUNDS;
            silent.extend(nothing);
            left = match again {
                true => refused.iter().map(|failure| failure.row).collect(),
                false => {
                    let refused = refused.iter();
                    failures.extend(refused.map(|failure| failure_of(failure, &planned)));
                    Vec::new()
                }
            };
        }
        failures.extend(
            self.write_instead(slice.table, &mut planned, &arguments, silent)
                .await
                .map_err(named)?,
        );
        Ok(failures)
    }

    /// Adds the arguments of a row; its place in `planned` is their number.
    fn plan(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        write: &Write,
        arguments: &mut RowSet,
    ) -> Result<Result<Planned, String>, ProviderError> {
        let shape = &self.shapes[slice.table];
        let signature = self.adapters[slice.table].signature();
        let entry = local.entries.get(write.row).and_then(Option::as_ref);
        let row = slice.rows.row(write.row);
        let cells = match fitted_cells(shape, slice.deleted, row.values()) {
            Ok(cells) => cells,
            Err(reason) => return Ok(Err(reason)),
        };
        let writes_cells = write.outcome.base && !slice.deleted;
        let rounded = writes_cells
            && row.values().enumerate().any(|(column, value)| {
                fitted(shape, column, value).is_ok_and(|(_, rounded)| rounded)
            });
        let work = Work::of(write, entry, slice.deleted, rounded);
        let columns = |version| {
            VersionColumns::through_scope(version, self.scope_local_id.unwrap_or(0)).map_err(
                |error| {
                    ProviderError::malformed(
                        format!("table {}", shape.global_name),
                        error.to_string(),
                    )
                },
            )
        };
        let (update, create) = (
            columns(write.outcome.update)?,
            columns(write.outcome.create)?,
        );
        let tick = entry.map(|entry| entry.local_tick);
        let only_version = work.base == Base::Keep;
        let whole = |number: Option<i64>| number.map_or(ValueRef::Null, ValueRef::Integer);
        let small = |number: Option<i32>| whole(number.map(i64::from));
        signature.push(
            arguments,
            cells.into_iter().enumerate(),
            &[
                (
                    SessionValue::MinTimestamp,
                    ValueRef::Integer(tick.unwrap_or(self.mark)),
                ),
                (SessionValue::ScopeLocalId, small(update.scope_local_id)),
                (SessionValue::ForceWrite, ValueRef::Integer(0)),
                // Once its row is written, the tracking row has another tick. One that was not there has none.
                (
                    SessionValue::CheckConcurrency,
                    ValueRef::Integer(only_version.into()),
                ),
                (
                    SessionValue::RowTimestamp,
                    ValueRef::Integer(tick.unwrap_or(0)),
                ),
                (
                    SessionValue::RowIsTombstone,
                    ValueRef::Integer(write.outcome.tombstone.into()),
                ),
                (SessionValue::CreatePeerKey, small(create.scope_peer_key)),
                (
                    SessionValue::CreatePeerTimestamp,
                    whole(create.scope_peer_timestamp),
                ),
                (SessionValue::UpdatePeerKey, small(update.scope_peer_key)),
                (
                    SessionValue::UpdatePeerTimestamp,
                    whole(update.scope_peer_timestamp),
                ),
            ],
        );
        Ok(Ok(Planned {
            row: write.row,
            work,
            tick,
            together: !rounded && tick.is_none_or(|tick| tick <= self.mark),
        }))
    }

    /// Writes those rows together that can be, and gives back the others.
    async fn write_together(
        &mut self,
        table: usize,
        planned: &[Planned],
        arguments: &RowSet,
    ) -> Result<Vec<usize>, CallError> {
        let all = 0..planned.len();
        let adapter = &self.adapters[table];
        let Some(bulk) = &adapter.bulk else {
            return Ok(all.collect());
        };
        // Deleting and updating many leaves creation versions; inserting writes both.
        let of = |bases: &[Base], metadata: Metadata| -> Vec<usize> {
            let fits = |work: Work| bases.contains(&work.base) && work.metadata == metadata;
            let rows = all.clone();
            rows.filter(|&row| planned[row].together && fits(planned[row].work))
                .collect()
        };
        // Updates first: they may free a value that an insert wants.
        let groups = [
            (&bulk.delete, of(&[Base::Delete], Metadata::Version)),
            (&bulk.update, of(&[Base::Update], Metadata::Version)),
            (
                &bulk.insert,
                of(&[Base::Insert, Base::Reinsert], Metadata::Anew),
            ),
        ];
        let calls = groups.iter().filter(|(_, rows)| !rows.is_empty());
        let calls: Vec<BulkCall<'_>> = calls
            .map(|(command, rows)| BulkCall { command, rows })
            .collect();
        if calls.is_empty() {
            return Ok(all.collect());
        }
        let mark = ValueRef::Integer(self.mark);
        let signature = adapter.signature();
        let mut marked = signature.arguments();
        for row in arguments.iter() {
            let mut cells: Vec<ValueRef<'_>> = row.values().collect();
            cells[signature.place(SessionValue::MinTimestamp)] = mark;
            marked.push(cells);
        }
        let failed = self
            .connection
            .run_bulk(table, signature, &marked, &calls)
            .await?;
        let failed: BTreeSet<usize> = failed.iter().map(|failure| failure.row).collect();
        let tried: BTreeSet<usize> = calls.iter().flat_map(|call| call.rows).copied().collect();
        Ok(all
            .filter(|row| failed.contains(row) || !tried.contains(row))
            .collect())
    }

    /// Writes rows one by one; the failures name places in `planned`.
    async fn write_each(
        &mut self,
        table: usize,
        planned: &[Planned],
        arguments: &RowSet,
        rows: &[usize],
    ) -> Result<Vec<CallFailure>, CallError> {
        let adapter = &self.adapters[table];
        let writing = adapter.writing()?;
        let programs: Vec<Program<'_>> = Work::all()
            .map(|work| work.program(writing, self.tracking))
            .collect();
        let mut some = adapter.signature().arguments();
        rows.iter()
            .for_each(|&row| some.push_row(arguments.row(row)));
        let program_of: Vec<usize> = rows.iter().map(|&row| planned[row].work.number()).collect();
        let failures = self
            .connection
            .run(
                Some(table),
                adapter.signature(),
                &some,
                &programs,
                &program_of,
            )
            .await
            .map_err(|error| name_row(error, |row| rows.get(row).copied()))?;
        let named = failures.into_iter().filter_map(|failure| {
            let row = *rows.get(failure.row)?;
            Some(CallFailure { row, ..failure })
        });
        Ok(named.collect())
    }

    /// Looks at rows for which a command wrote nothing, and does what Sync Framework does then; gives those that are not written after all.
    async fn write_instead(
        &mut self,
        table: usize,
        planned: &mut [Planned],
        arguments: &RowSet,
        silent: Vec<CallFailure>,
    ) -> Result<Vec<RowFailure>, CallError> {
        let (looked_at, final_ones): (Vec<_>, Vec<_>) = silent.into_iter().partition(|failure| {
            let work = planned[failure.row].work;
            work.base != Base::Keep && !work.failed_at_metadata(failure)
        });
        let mut failures: Vec<RowFailure> = final_ones
            .iter()
            .map(|failure| failure_of(failure, planned))
            .collect();
        if looked_at.is_empty() {
            return Ok(failures);
        }
        let here = self.ticks_of(table, arguments, &looked_at).await?;
        let mut again = Vec::new();
        for (failure, here) in looked_at.iter().zip(here) {
            let Planned { work, tick, .. } = planned[failure.row];
            match work.instead() {
                _ if here != tick => failures.push(failure_of(failure, planned)),
                Some(instead) => {
                    planned[failure.row].work = instead;
                    again.push(failure.row);
                }
                None => failures.push(RowFailure {
                    row: planned[failure.row].row,
                    reason: CONSTRAINT.to_owned(),
                    metadata: false,
                }),
            }
        }
        if !again.is_empty() {
            let failed = self.write_each(table, planned, arguments, &again).await?;
            failures.extend(failed.iter().map(|failure| failure_of(failure, planned)));
        }
        Ok(failures)
    }

    /// The ticks of the metadata that are there now under the keys of rows, in their order.
    async fn ticks_of(
        &mut self,
        table: usize,
        arguments: &RowSet,
        rows: &[CallFailure],
    ) -> Result<Vec<Option<i64>>, ProviderError> {
        let key = self.shapes[table].key.clone();
        let keys = rows.iter().enumerate().map(|(number, failure)| {
            let cells: Vec<ValueRef<'_>> = arguments.row(failure.row).values().collect();
            (number, key.iter().map(|&column| cells[column]).collect())
        });
        let keys: Vec<(usize, Vec<ValueRef<'_>>)> = keys.collect();
        let mut ticks = vec![None; rows.len()];
        for (number, row) in self.select_rows(table, &keys).await? {
            ticks[number] = Some(row.tick);
        }
        Ok(ticks)
    }
}

/// Why a row is not there that nothing is known of and that was not inserted (`InsertCommand` with a row count of 0, `SelectRowCommand` without a row).
const CONSTRAINT: &str =
    "its command wrote no row and there is none to be in conflict with: a constraint keeps it out";

/// The row that undid the transaction, under another number.
fn name_row(error: CallError, number: impl Fn(usize) -> Option<usize>) -> CallError {
    match error {
        CallError::Undone { row, reason } => CallError::Undone {
            row: row.and_then(number),
            reason,
        },
        failed => failed,
    }
}

fn failure_of(failure: &CallFailure, planned: &[Planned]) -> RowFailure {
    let Planned { row, work, .. } = planned[failure.row];
    let metadata = work.failed_at_metadata(failure);
    let reason = failure.reason.clone().unwrap_or_else(|| {
        match metadata {
            true => "its version could not be written",
            false => "it was changed here meanwhile",
        }
        .to_owned()
    });
    RowFailure {
        row,
        reason,
        metadata,
    }
}
