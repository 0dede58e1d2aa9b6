//! Writing a slice: which commands a row takes, and in what order.
//!
//! What the session decided is stored, so each write is guarded by what the decision saw: a row goes through only while its tracking row has the
//! tick that was read. Rows whose tick is at or below the session's mark can be written together, since any later change has a tick above
//! it; the others, and those that were refused together, one by one.

use std::collections::BTreeSet;

use sync_metadata::{ValueRef, VersionColumns};
use sync_provider::{ProviderError, RowSet};

use super::connection::{BulkCall, CallError, CallFailure, CommandConnection, Program, Step};
use super::read::fitted;
use super::store::fitted_cells;
use super::{CommandRole, CommandStore, SessionValue, SyncAdapter};
use crate::store::{LocalEntry, LocalSlice, RowFailure, Slice, Write};

/// How often rows that were refused are tried again while others get through: a parent may have come meanwhile.
const MOST_ROUNDS: usize = 8;

/// What becomes of a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Delete,
    /// As `Delete`, with a creation version that is not the one stored.
    DeleteAnew,
    Update,
    UpdateAnew,
    /// A row whose key was never seen.
    Insert,
    /// A row whose tracking row is there.
    Reinsert,
    /// Only the version.
    Version,
    VersionAnew,
}

impl Work {
    const ALL: [Work; 8] = [
        Work::Delete,
        Work::DeleteAnew,
        Work::Update,
        Work::UpdateAnew,
        Work::Insert,
        Work::Reinsert,
        Work::Version,
        Work::VersionAnew,
    ];

    fn of(write: &Write, entry: Option<&LocalEntry>, deleted: bool) -> Self {
        let live = entry.is_some_and(|entry| entry.cells.is_some());
        let anew = entry.is_none_or(|entry| entry.facts.create != write.outcome.create);
        match (write.outcome.base, deleted, live) {
            (true, true, true) if anew => Work::DeleteAnew,
            (true, true, true) => Work::Delete,
            (true, false, true) if anew => Work::UpdateAnew,
            (true, false, true) => Work::Update,
            (true, false, false) if entry.is_none() => Work::Insert,
            (true, false, false) => Work::Reinsert,
            _ if anew => Work::VersionAnew,
            _ => Work::Version,
        }
    }

    /// One row. A version is updated, and inserted where there was none to update: Sync Framework's fall-back.
    fn program(self, adapter: &SyncAdapter) -> Program<'_> {
        use CommandRole as C;
        let only = |role| Step {
            command: adapter.command(role),
            otherwise: None,
        };
        let update_version = Step {
            command: adapter.command(C::UpdateMetadata),
            otherwise: Some(adapter.command(C::InsertMetadata)),
        };
        // Updating leaves the creation version; inserting writes both.
        let both_versions = only(C::InsertMetadata);
        let steps = match self {
            Work::Delete => vec![only(C::Delete), update_version],
            Work::DeleteAnew => vec![only(C::Delete), both_versions],
            Work::Update => vec![only(C::Update), update_version],
            Work::UpdateAnew => vec![only(C::Update), both_versions],
            Work::Insert => vec![only(C::Insert), both_versions],
            // A row is inserted only where nothing is tracked.
            Work::Reinsert => vec![only(C::DeleteMetadata), only(C::Insert), both_versions],
            Work::Version => vec![update_version],
            Work::VersionAnew => vec![both_versions],
        };
        Program { steps }
    }
}

/// A row on its way in.
struct Planned {
    /// In its slice.
    row: usize,
    work: Work,
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
        let named = |error| name_row(error, |row| planned.get(row).map(|planned| planned.row));
        let mut left: Vec<usize> = match slice.apart {
            true => (0..planned.len()).collect(),
            false => self
                .write_together(slice.table, &planned, &arguments)
                .await
                .map_err(named)?,
        };
        let mut round = 0;
        while !left.is_empty() {
            let failed = self
                .write_each(slice.table, &planned, &arguments, &left)
                .await
                .map_err(named)?;
            let refused: Vec<usize> = failed
                .iter()
                .filter(|failure| failure.reason.is_some())
                .map(|failure| failure.row)
                .collect();
            round += 1;
            let again = failed.len() < left.len() && !refused.is_empty() && round < MOST_ROUNDS;
            let over = |failure: &&CallFailure| !again || failure.reason.is_none();
            failures.extend(
                failed
                    .iter()
                    .filter(over)
                    .map(|failure| failure_of(failure, &planned)),
            );
            left = if again { refused } else { Vec::new() };
        }
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
        let work = Work::of(write, entry, slice.deleted);
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
        let columns = |version| {
            VersionColumns::through_scope(version, self.scope_local_id).map_err(|error| {
                ProviderError::malformed(format!("table {}", shape.global_name), error.to_string())
            })
        };
        let (update, create) = (
            columns(write.outcome.update)?,
            columns(write.outcome.create)?,
        );
        // What was rounded to fit is a change made here, so that the others get what is stored.
        let scope = update.scope_local_id.filter(|_| !rounded);
        let tick = entry.map(|entry| entry.local_tick);
        let only_version = matches!(work, Work::Version | Work::VersionAnew);
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
                (SessionValue::ScopeLocalId, small(scope)),
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
        let of = |works: &[Work]| -> Vec<usize> {
            let rows = all.clone();
            rows.filter(|&row| planned[row].together && works.contains(&planned[row].work))
                .collect()
        };
        // Updates first: they may free a value that an insert wants.
        let groups = [
            (&bulk.delete, of(&[Work::Delete])),
            (&bulk.update, of(&[Work::Update])),
            (&bulk.insert, of(&[Work::Insert, Work::Reinsert])),
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
        let programs = Work::ALL.map(|work| work.program(adapter));
        let mut some = adapter.signature().arguments();
        rows.iter()
            .for_each(|&row| some.push_row(arguments.row(row)));
        let program_of: Vec<usize> = rows.iter().map(|&row| planned[row].work as usize).collect();
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
}

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
    let row = &planned[failure.row];
    let wrote_row = failure.step > 0 && row.work != Work::Reinsert;
    let reason = failure.reason.clone().unwrap_or_else(|| {
        match wrote_row {
            true => "its version could not be written",
            false => "it was changed here meanwhile",
        }
        .to_owned()
    });
    RowFailure {
        row: row.row,
        reason,
        metadata: wrote_row,
    }
}
