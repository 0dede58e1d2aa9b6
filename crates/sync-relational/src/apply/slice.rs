//! Rows that come together: decided, written, and what became of each noted.

use std::collections::BTreeMap;

use sync_decision::{
    Arbiter, ColumnMap, IncomingRow, Judge, LocalRow, RowFacts, Rules, TableShape, Verdict,
    failure_record, row_effect, table_of_unsent, unsent_record, untrusted_head, untrusted_version,
};
use sync_knowledge::{ItemId, Version};
use sync_provider::{
    BatchOutcome, ConflictRecord, ConflictType, ProviderError, RowHead, RowRef, RowSet,
    TableChanges, Unsent, UnsentRows,
};

use super::{Applying, Stance};
use crate::aside::Failed;
use crate::forced::{Apart, Forced, ask, write_apart};
use crate::knowledge_pair::source_key;
use crate::row_key::RowKey;
use crate::store::{LocalSlice, RowFailure, Slice, Store, Write, Written};
use sync_decision::{ids_are_unique, write_item_id};

/// Rows that are decided and written together.
const SLICE_ROWS: usize = 1000;
/// Bytes of rows that are decided and written together.
const SLICE_BYTES: usize = 1 << 20;
/// Rows that are learned one by one; those beyond that are sent again.
const MOST_BEYOND: usize = 10_000;

/// Why a row waits that did not stay as it was.
const CHANGED: &str = "it was changed at the source while the session ran";

impl Applying {
    pub(super) async fn apply_changes(
        &mut self,
        store: &mut dyn Store,
        changes: &TableChanges,
        repeats: bool,
        outcome: &mut BatchOutcome,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Went, ProviderError> {
        let (table, columns) = ColumnMap::of(store.shapes(), changes)?;
        let mut slice_rows = RowSet::new(columns.width());
        let mut start = 0;
        while start < changes.heads.len() {
            if cancelled() {
                return Err(ProviderError::Cancelled);
            }
            slice_rows.clear();
            let mut end = start;
            while end < changes.heads.len()
                && end - start < SLICE_ROWS
                && slice_rows.bytes() < SLICE_BYTES
            {
                columns.push(changes.rows.row(end), &mut slice_rows);
                end += 1;
            }
            let mut slice = Slice {
                table,
                deleted: changes.deleted,
                repeated: repeats,
                together: self.caution.withholds_none(),
                guarded: repeats || self.caution.guarded(),
                apart: false,
                rows: &slice_rows,
            };
            slice.apart = self.writes_suspects(store.shapes(), slice);
            let heads = &changes.heads[start..end];
            if let undone @ Went::Undone(_) = self.apply_slice(store, slice, heads, outcome).await?
            {
                return Ok(undone);
            }
            start = end;
        }
        Ok(Went::On)
    }

    /// Whether rows of a slice that are written may undo the transaction.
    fn writes_suspects(&self, shapes: &[TableShape], slice: Slice<'_>) -> bool {
        if self.trials.is_some() || !self.in_one_transaction() || self.caution.suspects_none() {
            return self.trials.is_some();
        }
        let key = |cells| RowKey::of_row(&shapes[slice.table], slice, cells);
        let mut rows = slice.rows.iter();
        rows.any(|cells| self.caution.suspects(&(slice.table, key(cells))))
    }

    /// Now that rows written last undid the transaction: one of them, or any of those that were written together.
    fn undone(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        row: Option<usize>,
        together: impl Iterator<Item = usize>,
        reason: String,
    ) -> Undone {
        self.took(shape, slice, row.map_or(slice.rows.len(), |row| row + 1));
        let key = |row: usize| RowKey::of_row(shape, slice, slice.rows.row(row));
        let rows = match row {
            Some(row) => vec![key(row)],
            None => together.map(key).collect(),
        };
        Undone {
            table: slice.table,
            rows,
            reason,
            apart: slice.apart,
            forced: false,
        }
    }

    /// The first rows of a slice came, and were written or refused.
    fn took(&mut self, shape: &TableShape, slice: Slice<'_>, rows: usize) {
        let Some(trials) = &mut self.trials else {
            return;
        };
        for cells in slice.rows.iter().take(rows) {
            trials.came((slice.table, RowKey::of_row(shape, slice, cells)));
        }
    }

    async fn apply_slice(
        &mut self,
        store: &mut dyn Store,
        slice: Slice<'_>,
        heads: &[RowHead],
        outcome: &mut BatchOutcome,
    ) -> Result<Went, ProviderError> {
        let local = store.local_rows(slice).await?;
        let shape = store.shapes()[slice.table].clone();
        self.strike_overdue(&shape, slice);
        let enumerated = self.enumerated(&shape, slice, heads);
        let plan = self.decide(&shape, slice, (heads, &enumerated), &local, outcome)?;
        let failures = match store.write(slice, &local, &plan.writes).await? {
            Written::AllBut(failures) => failures,
            Written::Undone { row, reason } => {
                let together = plan.writes.iter().map(|write| write.row);
                let undone = self.undone(&shape, slice, row, together, reason);
                return Ok(Went::Undone(undone));
            }
        };
        let mut failed: BTreeMap<usize, RowFailure> = failures
            .into_iter()
            .map(|failure| (failure.row, failure))
            .collect();
        let (mut records, mut writes) = (plan.records, plan.writes);
        for (write, reason) in plan.banned {
            let (row, metadata) = (write.row, false);
            failed.insert(
                row,
                RowFailure {
                    row,
                    reason,
                    metadata,
                },
            );
            writes.push(write);
        }
        let mut forced = self.ask_handler(&shape, slice, heads, &local, &writes, &mut failed)?;
        for one in &forced {
            failed.remove(&one.write.row);
            writes.retain(|write| write.row != one.write.row);
        }
        forced.extend(plan.merged);
        match write_apart(store, slice, &local, &forced).await? {
            Apart::AllBut(mut failures) => failed.append(&mut failures),
            Apart::Undone { row, reason } => {
                let together = forced.iter().map(|one| one.write.row);
                let undone = self.undone(&shape, slice, row, together, reason);
                return Ok(Went::Undone(Undone {
                    forced: true,
                    ..undone
                }));
            }
        }
        for Forced { write, record, .. } in forced {
            writes.push(write);
            records.insert(write.row, record);
        }
        for write in &writes {
            match failed.remove(&write.row) {
                None => {
                    outcome.offered += 1;
                    outcome.applied += 1;
                    if self.rules.rehearsal {
                        let live = local.row(write.row);
                        let live = live.is_some_and(|local| !local.facts.tombstone);
                        let effect = write.outcome.effect(live);
                        let cells = slice.rows.row(write.row);
                        let row = row_effect(&shape, slice.deleted, cells, effect);
                        outcome.rows.push(row);
                    }
                    if let Some(record) = records.remove(&write.row) {
                        outcome.conflicts +=
                            u64::from(record.conflict != ConflictType::ErrorsOccurred);
                        outcome.records.push(record);
                    }
                    self.delta
                        .stored(self.clock.replica(), write.outcome.update);
                    self.note_beyond(&shape, slice, heads, write)?;
                }
                Some(failure) => {
                    let cells = slice.rows.row(write.row);
                    if slice.repeated {
                        let record = self.record_of(&shape, slice, heads, &local, &failure)?;
                        self.failures.push(record);
                    }
                    let row = Failed {
                        reason: failure.reason,
                        enumerated: enumerated[write.row],
                    };
                    self.aside
                        .fail(slice.table, || RowKey::of_row(&shape, slice, cells), row);
                }
            }
        }
        self.took(&shape, slice, slice.rows.len());
        Ok(Went::On)
    }

    /// Asks the handler about rows that failed when they came again, behind all others; gives those that it wants written all the same.
    fn ask_handler(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        heads: &[RowHead],
        local: &LocalSlice,
        writes: &[Write],
        failed: &mut BTreeMap<usize, RowFailure>,
    ) -> Result<Vec<Forced>, ProviderError> {
        let mut forced = Vec::new();
        let Some(handler) = self.rules.handler.clone().filter(|_| slice.repeated) else {
            return Ok(forced);
        };
        for write in writes {
            let Some(failure) = failed.get_mut(&write.row) else {
                continue;
            };
            let record = self.record_of(shape, slice, heads, local, failure)?;
            let (head, cells) = (&heads[write.row], slice.rows.row(write.row));
            let Some(remote) = self.incoming(slice, head, cells)? else {
                continue;
            };
            let asked = ask(
                &*handler,
                shape,
                &remote,
                *write,
                record,
                &mut self.clock,
                failure,
            );
            forced.extend(asked);
        }
        Ok(forced)
    }

    /// The record of a row that could not be written.
    fn record_of(
        &self,
        shape: &TableShape,
        slice: Slice<'_>,
        heads: &[RowHead],
        local: &LocalSlice,
        failure: &RowFailure,
    ) -> Result<ConflictRecord, ProviderError> {
        let (head, cells) = (&heads[failure.row], slice.rows.row(failure.row));
        let remote = self
            .incoming(slice, head, cells)?
            .unwrap_or_else(|| self.unknown(slice, head, cells));
        let (known, here) = (&self.known_and_own, local.row(failure.row));
        Ok(failure_record(known, shape, here, remote, &failure.reason))
    }

    /// The versions that the rows of a slice were enumerated with: now, or before they were asked for by key.
    fn enumerated(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        heads: &[RowHead],
    ) -> Vec<Option<Version>> {
        let rows = heads.iter().zip(slice.rows.iter());
        rows.map(|(head, cells)| match slice.repeated {
            true => self
                .aside
                .came(slice.table, RowKey::of_row(shape, slice, cells)),
            false => self.mapping.version(head.update),
        })
        .collect()
    }

    /// The pure part of a slice.
    fn decide(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        (heads, enumerated): (&[RowHead], &[Option<Version>]),
        local: &LocalSlice,
        outcome: &mut BatchOutcome,
    ) -> Result<Plan, ProviderError> {
        let mut plan = Plan::default();
        let judge = Judge {
            known: &self.known_and_own,
            made_with: &self.made_with,
            forgotten: self.forgotten.as_ref(),
            pristine: self.pristine,
            rules: Rules::SOUND,
        };
        let mut arbiter = Arbiter {
            judge,
            policy: &self.rules.policy,
            position: self.position,
            clock: self.clock,
            handler: self.rules.handler.as_deref(),
        };
        let mut id = Vec::new();
        let mut held_back = Vec::new();
        let mut failures = Vec::new();
        let unreadable: BTreeMap<usize, &str> = (local.unreadable.iter())
            .map(|failure| (failure.row, failure.reason.as_str()))
            .collect();
        for (row, head) in heads.iter().enumerate() {
            let cells = slice.rows.row(row);
            if !judge.ignores_ids() {
                id.clear();
                write_id(&mut id, shape, slice, cells);
            }
            let incoming = self.incoming(slice, head, cells)?;
            let here = local.row(row);
            let as_enumerated = |update: Version| {
                !slice.repeated || judge.is_as_enumerated(&id, update, enumerated[row])
            };
            let remote = match incoming {
                Some(known) if as_enumerated(known.facts.update) => known,
                changed if slice.repeated => {
                    let remote = changed.unwrap_or_else(|| self.unknown(slice, head, cells));
                    let known = &self.known_and_own;
                    failures.push(failure_record(known, shape, here, remote, CHANGED));
                    held_back.push((row, CHANGED.to_owned()));
                    continue;
                }
                _ => return Err(unknown_key(head)),
            };
            if let Some(reason) = unreadable.get(&row) {
                let is_here = |local: LocalRow<'_>| local.facts.update == remote.facts.update;
                if !judge.knows(&id, remote.facts.update) && !here.is_some_and(is_here) {
                    if slice.repeated {
                        let known = &self.known_and_own;
                        failures.push(failure_record(known, shape, here, remote, reason));
                    }
                    held_back.push((row, (*reason).to_owned()));
                }
                continue;
            }
            let verdict = arbiter.verdict(shape, &id, here, remote, || remote.facts.update);
            match verdict {
                Verdict::NotNeeded => {}
                Verdict::Keep(record) => {
                    outcome.offered += 1;
                    outcome.applied += 1;
                    outcome.conflicts += u64::from(record.is_some());
                    outcome.records.extend(record.map(|record| *record));
                }
                Verdict::Write(..) | Verdict::Merge(..) => {
                    let stance = match self.caution.is_needed() {
                        true => self.stance(
                            &(slice.table, RowKey::of_row(shape, slice, cells)),
                            slice.repeated,
                        ),
                        false => Stance::Write,
                    };
                    match (stance, verdict) {
                        (Stance::Write, Verdict::Write(outcome, record)) => {
                            plan.writes.push(Write { row, outcome });
                            plan.records.extend(record.map(|record| (row, *record)));
                        }
                        (Stance::Write, Verdict::Merge(outcome, edited, record)) => {
                            plan.merged.push(Forced {
                                write: Write { row, outcome },
                                edited: Some(edited),
                                record: *record,
                            })
                        }
                        (Stance::Banned(ban), Verdict::Write(outcome, record)) if !ban.is_final => {
                            plan.banned
                                .push((Write { row, outcome }, ban.reason.clone()));
                            plan.records.extend(record.map(|record| (row, *record)));
                        }
                        (Stance::Banned(ban), _) => {
                            let known = &self.known_and_own;
                            failures.push(failure_record(known, shape, here, remote, &ban.reason));
                            held_back.push((row, ban.reason.clone()));
                        }
                        (Stance::Later(reason), _) => held_back.push((row, reason.to_owned())),
                        (Stance::Write, _) => {}
                    }
                }
                Verdict::Defer(record) => {
                    let key = RowKey::of_row(shape, slice, cells);
                    let waited = self.waited.contains(&(slice.table, key.clone()));
                    if self.aside.defer(slice.table, || key) {
                        outcome.offered += 1;
                        outcome.conflicts += 1;
                        outcome.deferred += 1;
                        outcome.repeated += u64::from(waited);
                        outcome.records.push(*record);
                    }
                }
                Verdict::Again(reason) => {
                    if slice.repeated {
                        let known = &self.known_and_own;
                        failures.push(failure_record(known, shape, here, remote, &reason));
                    }
                    held_back.push((row, reason));
                }
            }
        }
        self.clock = arbiter.clock;
        self.failures.append(failures);
        for (row, reason) in held_back {
            let key = || RowKey::of_row(shape, slice, slice.rows.row(row));
            let enumerated = enumerated[row];
            let failed = Failed { reason, enumerated };
            self.aside.fail(slice.table, key, failed);
        }
        Ok(plan)
    }

    /// A row of a slice in this replica's key map; `None` if it names a replica that the made-with knowledge does not.
    fn incoming<'r>(
        &self,
        slice: Slice<'_>,
        head: &RowHead,
        cells: RowRef<'r>,
    ) -> Result<Option<IncomingRow<'r>>, ProviderError> {
        let head = untrusted_head(&self.mapping, head)?;
        Ok(head.map(|head| IncomingRow {
            facts: RowFacts {
                create: head.create,
                update: head.update,
                tombstone: slice.deleted,
            },
            time: head.time,
            writer: head.writer,
            cells,
        }))
    }

    /// The same for a record, where its versions cannot be told.
    fn unknown<'r>(&self, slice: Slice<'_>, head: &RowHead, cells: RowRef<'r>) -> IncomingRow<'r> {
        IncomingRow {
            facts: RowFacts::untold(source_key(&self.mapping), slice.deleted),
            time: head.time,
            writer: None,
            cells,
        }
    }

    /// Waiting rows that come by themselves need not be asked for: decided twice, a conflict would be settled and recorded twice.
    fn strike_overdue(&mut self, shape: &TableShape, slice: Slice<'_>) {
        for cells in slice.rows.iter() {
            if self.overdue.is_empty() {
                return;
            }
            self.overdue
                .remove(&(slice.table, RowKey::of_row(shape, slice, cells)));
        }
    }

    /// Rows that the source cannot send are left aside like rows that cannot be written.
    pub(super) fn leave_unsent(
        &mut self,
        shapes: &[TableShape],
        unsent: &Unsent,
        repeated: bool,
    ) -> Result<(), ProviderError> {
        let table = table_of_unsent(unsent, shapes)?;
        let enumerated = untrusted_version(&self.mapping, unsent.version)?;
        let untold = || RowFacts::untold(source_key(&self.mapping), false).update;
        let (known, version) = (&self.known_and_own, enumerated.unwrap_or_else(untold));
        let record = unsent_record(known, &shapes[table], unsent, version);
        match &unsent.rows {
            UnsentRows::One(key) => {
                let key = RowKey::of_packed(&shapes[table], key.row(0).as_bytes().to_vec());
                self.overdue.remove(&(table, key.clone()));
                let enumerated = match repeated {
                    true => {
                        self.failures.push(record);
                        self.aside.came(table, key.clone())
                    }
                    false => enumerated,
                };
                let reason = unsent.reason.clone();
                let failed = Failed { reason, enumerated };
                self.aside.fail(table, || key, failed);
            }
            UnsentRows::UndecodableKeys(rows) => {
                self.undecodable.push(record);
                self.aside.fail_undecodable(table, *rows, &unsent.reason);
            }
        }
        Ok(())
    }

    /// Remembers a row that is stored under a version above the mark of its source: the made-with knowledge does not claim it.
    fn note_beyond(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        heads: &[RowHead],
        write: &Write,
    ) -> Result<(), ProviderError> {
        let own = self.mapping.version(heads[write.row].update) == Some(write.outcome.update);
        if !own
            || self.made_with.contains_uniform(write.outcome.update) == Some(true)
            || self.delta.beyond.len() >= MOST_BEYOND
            || !ids_are_unique(shape)
        {
            return Ok(());
        }
        let mut id = Vec::new();
        if !write_id(&mut id, shape, slice, slice.rows.row(write.row)) {
            return Ok(());
        }
        let id = ItemId::from_bytes(&id);
        if !self.made_with.contains(id.as_bytes(), write.outcome.update) {
            self.delta.beyond.insert(id, write.outcome.update);
        }
        Ok(())
    }
}

/// What became of rows.
#[derive(Debug)]
pub(super) enum Went {
    /// The direction goes on.
    On,
    /// They undid its transaction.
    Undone(Undone),
}

/// A transaction was undone by rows that were written in it.
#[derive(Debug)]
pub(super) struct Undone {
    pub(super) table: usize,
    /// The row; where nobody knows which it was, those that it may have been.
    pub(super) rows: Vec<RowKey>,
    /// The error, in the database's words.
    pub(super) reason: String,
    /// Rows were written one by one.
    pub(super) apart: bool,
    /// The handler wanted it written.
    pub(super) forced: bool,
}

/// What is to be written of a slice, and the conflicts settled by it.
#[derive(Debug, Default)]
struct Plan {
    writes: Vec<Write>,
    records: BTreeMap<usize, ConflictRecord>,
    /// Rows that the handler made in the place of incoming ones.
    merged: Vec<Forced>,
    /// Rows that are not written because they undid the transaction, and why: they failed.
    banned: Vec<(Write, String)>,
}

/// As [`write_item_id`], of a row of a slice.
fn write_id(id: &mut Vec<u8>, shape: &TableShape, slice: Slice<'_>, cells: RowRef<'_>) -> bool {
    if slice.deleted {
        write_item_id(id, shape, cells.values())
    } else {
        write_item_id(id, shape, shape.key_of(cells).row(0).values())
    }
}

fn unknown_key(head: &RowHead) -> ProviderError {
    ProviderError::malformed(
        "change batch",
        format!("a replica key of a row is not in the made-with knowledge: {head:?}"),
    )
}
