//! The destination's side of a memory replica: one direction is one change of the value, or none.

use sync_knowledge::{Knowledge, ReplicaKey, Version};

use crate::batch::{BatchOutcome, ChangeBatch, Next, RowHead};
use crate::columns::ColumnMap;
use crate::decide::{Judge, RowFacts, Stamper};
use crate::error::ProviderError;
use crate::learn::{Lesson, is_alone, learn, worth_storing};
use crate::memory::replica::{MemoryReplica, MemoryRow, RowKey};
use crate::policy::ConflictPolicy;
use crate::row_set::{RowRef, RowSet};
use crate::session::Position;
use crate::settlement::settlement_replica;
use crate::verdict::{Arbiter, IncomingRow, Outcome, Verdict, failure_record};

/// How a direction settles conflicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The policy.
    pub policy: ConflictPolicy,
    /// Where the destination stands.
    pub position: Position,
}

impl MemoryReplica {
    /// Applies the batches of one direction and learns what they teach.
    pub(super) fn apply(
        &mut self,
        batches: &[ChangeBatch],
        direction: &Direction,
    ) -> Result<BatchOutcome, ProviderError> {
        let Some(first) = batches.first() else {
            return Ok(BatchOutcome::default());
        };
        let remote = Knowledge::from_bytes(&first.made_with)
            .map_err(|error| ProviderError::malformed("made-with knowledge", error.to_string()))?;
        let mut known = self.knowledge.clone();
        let newcomer = !self.was_source && is_alone(&known);
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
        let mut lesson = Lesson::default();
        let stamper = Stamper::new(self.rules, settlement, &known, &made_with);
        let forgotten = self.forgotten.clone();
        let judge = Judge {
            known: &known_and_own,
            made_with: &made_with,
            forgotten: forgotten.as_ref(),
            newcomer,
            rules: self.rules,
        };
        let mut arbiter = Arbiter {
            judge,
            policy: &direction.policy,
            position: direction.position,
            stamper,
        };
        for changes in batches.iter().flat_map(|batch| &batch.tables) {
            let (table, columns) = ColumnMap::of(&next.shapes, changes)?;
            let mut row = RowSet::new(columns.width());
            for (head, cells) in changes.heads.iter().zip(changes.rows.iter()) {
                row.clear();
                columns.push(cells, &mut row);
                let cells = row.row(0);
                let local = |key: ReplicaKey| mapping.key(key).unwrap_or(ReplicaKey::LOCAL);
                let version = |version: Version| Version::new(local(version.replica), version.tick);
                let head = RowHead {
                    create: version(head.create),
                    update: version(head.update),
                    time: head.time,
                    writer: head.writer.map(local),
                };
                next.apply_row(
                    table,
                    changes.deleted,
                    head,
                    cells,
                    &mut arbiter,
                    &mut lesson,
                    &mut outcome,
                );
            }
        }
        if lesson.settlement.is_some() {
            known.find_or_add_replica(&settlement_id);
        }
        let mut learned = learn(&known, &made_with, &lesson);
        let own = next.knowledge.local_tick();
        if own > learned.local_tick() {
            learned.set_local_tick(own);
        }
        let source = mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL);
        let examined: u64 = batches.iter().map(|batch| batch.examined).sum();
        if worth_storing(&self.knowledge, &learned, source, outcome.offered, examined) {
            next.waiting
                .retain(|id, _| learned.ranges().any(|range| range.lower_bound == id));
            next.knowledge = learned;
        }
        *self = next;
        Ok(outcome)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one row with everything that the direction holds; a struct would only be unpacked here"
    )]
    fn apply_row(
        &mut self,
        table: usize,
        deleted: bool,
        head: RowHead,
        cells: RowRef<'_>,
        arbiter: &mut Arbiter<'_>,
        lesson: &mut Lesson,
        outcome: &mut BatchOutcome,
    ) {
        let shapes = self.shapes.clone();
        let shape = &shapes[table];
        let mut key_row = if deleted {
            RowSet::new(shape.key.len())
        } else {
            shape.key_of(cells)
        };
        if deleted {
            key_row.push_row(cells);
        }
        let id = self.row_id(table, key_row.row(0));
        let key: RowKey = (table, key_row.row(0).as_bytes().to_vec());
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
        if verdict != Verdict::NotNeeded {
            outcome.offered += 1;
        }
        match verdict {
            Verdict::NotNeeded => {}
            Verdict::Keep => outcome.applied += 1,
            Verdict::Write(..) if self.rejecting.contains(&key) => {
                outcome.failed += 1;
                outcome.deferred += 1;
                let (known, local) = (arbiter.judge.known, present.as_ref());
                let local = local.map(MemoryRow::local);
                let record = failure_record(known, shape, local, remote, "the row is refused");
                outcome.records.push(record);
                lesson.rejected.push(id.clone());
                self.waiting.insert(id, key);
            }
            Verdict::Write(write, record) => {
                outcome.applied += 1;
                outcome.conflicts += u64::from(record.is_some());
                outcome.records.extend(record.map(|record| *record));
                lesson.stored(arbiter.stamper.replica(), write.update);
                self.store(key, write, cells, present);
            }
            Verdict::Defer(record) => {
                outcome.conflicts += 1;
                outcome.deferred += 1;
                outcome.records.push(*record);
                lesson.rejected.push(id.clone());
                self.waiting.insert(id, key);
            }
        }
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
