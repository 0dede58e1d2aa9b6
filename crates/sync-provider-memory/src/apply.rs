//! The destination's side of a memory replica: one direction is one change of the value, or none.

use std::collections::BTreeSet;

use sync_knowledge::{ItemId, Knowledge, ReplicaKey, Version};
use sync_metadata::{Value, ValueRef, table_id_range};

use crate::replica::{MemoryReplica, MemoryRow, RowKey};
use sync_decision::{
    Arbiter, IncomingRow, Outcome, Verdict, failure_record, row_effect, settlement_replica,
    table_of_unsent, unsent_record, untrusted_head, untrusted_knowledge, untrusted_version,
};
use sync_decision::{
    ColumnMap, Judge, LearnedDelta, RowFacts, SettlementClock, is_alone, learn, worth_storing,
};
use sync_provider::{
    ApplyHandler, BatchOutcome, ChangeBatch, ConflictRecord, ConflictType, Next, ProviderError,
    RowHead, Unsent, UnsentRows,
};
use sync_provider::{ConflictPolicy, ErrorPolicy, Position, RowRef, RowSet};

/// How a direction settles conflicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The policy.
    pub policy: ConflictPolicy,
    /// Where the destination stands.
    pub position: Position,
}

/// Who decides besides the policy.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Beside<'a> {
    pub(super) handler: Option<&'a dyn ApplyHandler>,
    pub(super) errors: ErrorPolicy,
    /// Rows that are stored are named in the outcome.
    pub(super) rehearsal: bool,
}

/// A row of a batch, its columns in the order of the replica's own.
#[derive(Copy, Clone, Debug)]
struct Incoming<'a> {
    table: usize,
    deleted: bool,
    cells: RowRef<'a>,
}

impl MemoryReplica {
    /// Applies the batches of one direction and learns what they teach.
    pub(super) fn apply(
        &mut self,
        batches: &[ChangeBatch],
        direction: &Direction,
        beside: Beside<'_>,
    ) -> Result<BatchOutcome, ProviderError> {
        let Some(first) = batches.first() else {
            return Ok(BatchOutcome::default());
        };
        let remote = untrusted_knowledge(
            "made-with knowledge of the batch",
            &self.knowledge,
            &first.made_with,
        )?;
        let mut known = self.knowledge.clone();
        let pristine = !self.was_source && is_alone(&known);
        let mapping = known.mapping_from(remote.key_map());
        let made_with = known.map_remote_to_local(&remote);
        // Only a settlement that is issued brings its replica into the key map for good.
        let mut known_and_own = known.clone();
        let settlement_id = settlement_replica(known.key_map().own());
        let settlement = known_and_own.find_or_add_replica(&settlement_id);
        // The answers go into a copy; the value changes at the end or not at all.
        let mut next = self.clone();
        let mut outcome = BatchOutcome {
            next: Next::Committed,
            ..BatchOutcome::default()
        };
        let mut delta = LearnedDelta::default();
        let clock = SettlementClock::new(self.rules, settlement, &known, &made_with);
        let forgotten = self.forgotten.clone();
        let judge = Judge {
            known: &known_and_own,
            made_with: &made_with,
            forgotten: forgotten.as_ref(),
            pristine,
            rules: self.rules,
        };
        let mut arbiter = Arbiter {
            judge,
            policy: &direction.policy,
            position: direction.position,
            clock,
            handler: beside.handler,
        };
        // Waiting rows that came: decided twice, a conflict would be settled and told twice.
        let mut came: BTreeSet<ItemId> = BTreeSet::new();
        let tables = batches.iter().flat_map(|batch| {
            let repeated = batch.kind.is_repeated();
            batch.tables.iter().map(move |changes| (repeated, changes))
        });
        for (repeated, changes) in tables {
            let (table, columns) = ColumnMap::of(&next.shapes, changes)?;
            let mut row = RowSet::new(columns.width());
            for (head, cells) in changes.heads.iter().zip(changes.rows.iter()) {
                row.clear();
                columns.push(cells, &mut row);
                spell_guids(&mut row);
                let row = Incoming {
                    table,
                    deleted: changes.deleted,
                    cells: row.row(0),
                };
                let id = next.id_of(row);
                if self.waiting.contains_key(&id) && !came.insert(id.clone()) {
                    continue;
                }
                let head = untrusted_head(&mapping, head)?;
                let as_enumerated = |head: &RowHead| {
                    !repeated || judge.is_as_enumerated(id.as_bytes(), head.update, None)
                };
                match head {
                    Some(head) if as_enumerated(&head) => {
                        let rehearsal = beside.rehearsal;
                        next.apply_row(
                            row,
                            head,
                            rehearsal,
                            &mut arbiter,
                            &mut delta,
                            &mut outcome,
                        );
                    }
                    // It changed meanwhile and goes on waiting.
                    changed if repeated => {
                        let source = mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL);
                        let record = next.changed_record(judge.known, row, changed, source);
                        outcome.offered += 1;
                        outcome.failed += 1;
                        outcome.deferred += 1;
                        outcome.records.push(record);
                        delta.rejected.push(id);
                    }
                    _ => return Err(unknown_key(&changes.table)),
                }
            }
        }
        for unsent in batches.iter().flat_map(|batch| &batch.unsent) {
            let version = untrusted_version(&mapping, unsent.version)?;
            if let Some(table) = next.leave_unsent(unsent, &mut delta, &mut outcome)? {
                let source = mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL);
                let version = version.unwrap_or(RowFacts::untold(source, false).update);
                let record = unsent_record(&known_and_own, &next.shapes[table], unsent, version);
                outcome.records.push(record);
            }
        }
        if delta.settlement.is_some() {
            known.find_or_add_replica(&settlement_id);
        }
        let mut learned = learn(&known, &made_with, &delta);
        let own = next.knowledge.local_tick();
        if own > learned.local_tick() {
            learned.set_local_tick(own);
        }
        let source = mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL);
        let examined = batches.iter().map(|batch| batch.examined);
        let examined = examined.fold(0, u64::saturating_add);
        if worth_storing(&self.knowledge, &learned, source, outcome.offered, examined) {
            next.waiting
                .retain(|id, _| learned.ranges().any(|range| range.lower_bound == id));
            next.knowledge = learned;
        }
        let mut failed = outcome
            .records
            .iter()
            .filter(|record| record.conflict == ConflictType::ErrorsOccurred);
        if let (ErrorPolicy::Abort, Some(failed)) = (beside.errors, failed.next()) {
            return Err(failed.clone().into_error());
        }
        *self = next;
        Ok(outcome)
    }

    fn id_of(&self, row: Incoming<'_>) -> ItemId {
        self.row_id(row.table, self.key_row(row).row(0))
    }

    fn key_row(&self, row: Incoming<'_>) -> RowSet {
        let shape = &self.shapes[row.table];
        if !row.deleted {
            return shape.key_of(row.cells);
        }
        let mut key = RowSet::new(shape.key.len());
        key.push_row(row.cells);
        key
    }

    /// The record of a row that changed between the made-with knowledge and the time when it was asked for.
    fn changed_record(
        &self,
        known: &Knowledge,
        row: Incoming<'_>,
        head: Option<RowHead>,
        source: ReplicaKey,
    ) -> ConflictRecord {
        let facts = head.map_or(RowFacts::untold(source, row.deleted), |head| RowFacts {
            create: head.create,
            update: head.update,
            tombstone: row.deleted,
        });
        let remote = IncomingRow {
            facts,
            time: head.and_then(|head| head.time),
            writer: head.and_then(|head| head.writer),
            cells: row.cells,
        };
        let key: RowKey = (row.table, self.key_row(row).row(0).as_bytes().to_vec());
        let local = self.rows.get(&key).map(MemoryRow::local);
        let reason = "it was changed at the source while the session ran";
        failure_record(known, &self.shapes[row.table], local, remote, reason)
    }

    fn apply_row(
        &mut self,
        row: Incoming<'_>,
        head: RowHead,
        rehearsal: bool,
        arbiter: &mut Arbiter<'_>,
        delta: &mut LearnedDelta,
        outcome: &mut BatchOutcome,
    ) {
        let shapes = self.shapes.clone();
        let shape = &shapes[row.table];
        let id = self.id_of(row);
        let key: RowKey = (row.table, self.key_row(row).row(0).as_bytes().to_vec());
        let (deleted, cells) = (row.deleted, row.cells);
        let facts = RowFacts {
            create: head.create,
            update: head.update,
            tombstone: deleted,
        };
        let remote = IncomingRow {
            facts,
            time: head.time,
            writer: head.writer,
            cells,
        };
        let present = self.rows.get(&key).cloned();
        let mut local_tick = self.knowledge.local_tick();
        let verdict = arbiter.verdict(
            shape,
            id.as_bytes(),
            present.as_ref().map(MemoryRow::local),
            remote,
            || {
                local_tick += 1;
                Version::new(ReplicaKey::LOCAL, local_tick)
            },
        );
        if local_tick > self.knowledge.local_tick() {
            self.knowledge.set_local_tick(local_tick);
        }
        let tell = |outcome: &mut BatchOutcome, deleted, cells, effect| {
            if rehearsal {
                let row = row_effect(shape, deleted, cells, effect);
                outcome.rows.push(row);
            }
        };
        if verdict != Verdict::NotNeeded {
            outcome.offered += 1;
        }
        match verdict {
            Verdict::NotNeeded => {}
            Verdict::Keep(record) => {
                outcome.applied += 1;
                outcome.conflicts += u64::from(record.is_some());
                outcome.records.extend(record.map(|record| *record));
            }
            Verdict::Write(..) | Verdict::Merge(..) if self.rejecting.contains(&key) => {
                let (known, local) = (arbiter.judge.known, present.as_ref());
                let local = local.map(MemoryRow::local);
                let record = failure_record(known, shape, local, remote, "the row is refused");
                // Whatever is answered, the row is refused by its key.
                if let Some(handler) = arbiter.handler {
                    handler.apply_change_failed(&record);
                }
                self.leave(id, key, record, delta, outcome);
            }
            Verdict::Write(write, record) => {
                outcome.applied += 1;
                let live = present.as_ref().is_some_and(|row| !row.facts.tombstone);
                tell(outcome, deleted, cells, write.effect(live));
                outcome.conflicts += u64::from(record.is_some());
                outcome.records.extend(record.map(|record| *record));
                delta.stored(arbiter.clock.replica(), write.update);
                self.store(key, write, cells, present);
            }
            Verdict::Merge(write, row, record) => {
                outcome.applied += 1;
                let live = present.as_ref().is_some_and(|row| !row.facts.tombstone);
                tell(outcome, deleted, cells, write.effect(live));
                outcome.conflicts += 1;
                outcome.records.push(*record);
                delta.stored(arbiter.clock.replica(), write.update);
                let mut edited = RowSet::new(row.len());
                edited.push(row.iter().map(Value::as_ref));
                spell_guids(&mut edited);
                self.store(key, write, edited.row(0), present);
            }
            // A direction is one call here: there is no later in it.
            Verdict::Again(reason) => {
                let (known, local) = (arbiter.judge.known, present.as_ref());
                let local = local.map(MemoryRow::local);
                let record = failure_record(known, shape, local, remote, &reason);
                self.leave(id, key, record, delta, outcome);
            }
            Verdict::Defer(record) => {
                outcome.conflicts += 1;
                outcome.deferred += 1;
                outcome.repeated += u64::from(self.waiting.contains_key(&id));
                outcome.records.push(*record);
                delta.rejected.push(id.clone());
                self.waiting.insert(id, key);
            }
        }
    }

    /// Leaves a row that could not be written for the next session.
    fn leave(
        &mut self,
        id: ItemId,
        key: RowKey,
        record: ConflictRecord,
        delta: &mut LearnedDelta,
        outcome: &mut BatchOutcome,
    ) {
        outcome.failed += 1;
        outcome.deferred += 1;
        outcome.repeated += u64::from(self.waiting.contains_key(&id));
        outcome.records.push(record);
        delta.rejected.push(id.clone());
        self.waiting.insert(id, key);
    }

    /// Rows that the source cannot send stay unknown. Gives their table unless they were met before.
    fn leave_unsent(
        &mut self,
        unsent: &Unsent,
        delta: &mut LearnedDelta,
        outcome: &mut BatchOutcome,
    ) -> Result<Option<usize>, ProviderError> {
        let table = table_of_unsent(unsent, &self.shapes)?;
        let rows = match &unsent.rows {
            UnsentRows::One(key) => {
                let id = self.row_id(table, key.row(0));
                if delta.rejected.contains(&id) {
                    return Ok(None);
                }
                delta.rejected.push(id.clone());
                let key = key.row(0).as_bytes().to_vec();
                self.waiting.insert(id, (table, key));
                1
            }
            UnsentRows::UndecodableKeys(rows) => {
                let (from, to) = table_id_range(&self.shapes[table].global_name);
                delta.rejected_ranges.push((from, Some(to)));
                u64::from(*rows)
            }
        };
        outcome.offered += rows;
        outcome.failed += rows;
        outcome.deferred += rows;
        Ok(Some(table))
    }

    fn store(
        &mut self,
        key: RowKey,
        write: Outcome,
        cells: RowRef<'_>,
        present: Option<MemoryRow>,
    ) {
        let facts = RowFacts {
            create: write.create,
            update: write.update,
            tombstone: write.tombstone,
        };
        let mut stored = present.map_or_else(
            || RowSet::new(self.shapes[key.0].columns.len()),
            |row| row.cells,
        );
        if write.base {
            stored.clear();
            if !write.tombstone {
                stored = RowSet::new(self.shapes[key.0].columns.len());
                stored.push_row(cells);
            }
        }
        self.rows.insert(
            key,
            MemoryRow {
                facts,
                time: write.time,
                writer: write.writer,
                cells: stored,
            },
        );
    }
}

/// Keys are told apart by their bytes here, so a GUID has one spelling: its text.
fn spell_guids(row: &mut RowSet) {
    let is_guid = |cell: ValueRef<'_>| matches!(cell, ValueRef::Guid(_));
    if !row.row(0).values().any(is_guid) {
        return;
    }
    let cells: Vec<Value> = (row.row(0).values())
        .map(|cell| match cell {
            ValueRef::Guid(guid) => Value::Text(guid.to_string()),
            other => other.to_owned(),
        })
        .collect();
    row.clear();
    row.push(cells.iter().map(Value::as_ref));
}

fn unknown_key(table: &str) -> ProviderError {
    ProviderError::malformed(
        format!("table {table}"),
        "a replica key of a row is not in the made-with knowledge",
    )
}
