//! The destination's side of a direction: one transaction that takes batches in and ends with what they taught.

use std::collections::{BTreeMap, BTreeSet};

use sync_knowledge::{ItemId, KeyMapping, Knowledge, ReplicaId, ReplicaKey, Version};
use sync_metadata::table_id_range;
use sync_provider::{
    Arbiter, BatchKind, BatchOutcome, ChangeBatch, ColumnMap, ConflictPolicy, ConflictRecord,
    IncomingRow, Judge, Lesson, Next, Position, ProviderError, RowFacts, RowHead, RowRef, RowSet,
    Rules, Stamper, TableChanges, TableKeys, TableShape, Verdict, failure_record, is_alone,
    knowledge_from_outside, learn, settlement_replica, worth_storing,
};

use crate::aside::Aside;
use crate::item_id::{ids_are_unique, item_id_of_packed, write_item_id};
use crate::scope::own_knowledge;
use crate::store::{Commit, Learned, LocalSlice, Scope, ScopeState, Slice, Store, Waiting, Write};

/// Rows that are decided and written together.
const SLICE_ROWS: usize = 1000;
/// Bytes of rows that are decided and written together.
const SLICE_BYTES: usize = 1 << 20;
/// Rows that are learned one by one; those beyond that are sent again.
const MOST_BEYOND: usize = 10_000;

/// Rows that have to wait until the end of a direction, from one attempt to the next: (table, packed key) and why.
pub(crate) type Withheld = BTreeMap<(usize, Vec<u8>), String>;

/// A direction being applied.
#[derive(Debug)]
pub(crate) struct Applying {
    policy: ConflictPolicy,
    position: Position,
    /// Knowledge as the scope row holds it, re-keyed for the source's replicas.
    known: Knowledge,
    /// The same with this replica's settlement replica in its key map.
    known_and_own: Knowledge,
    made_with: Knowledge,
    forgotten: Option<Knowledge>,
    mapping: KeyMapping,
    settlement: ReplicaId,
    newcomer: bool,
    stamper: Stamper,
    lesson: Lesson,
    waiting: Vec<Waiting>,
    /// Waiting rows to ask for by key: (table, packed key). One that came and was decided in this direction is not asked for again.
    overdue: BTreeSet<(usize, Vec<u8>)>,
    withheld: Withheld,
    /// Rows to try again after all others, and rows for a later direction.
    aside: Aside,
    /// Rows that failed when they came again: records of those that will have failed for good if none of them comes once more.
    failures: Vec<ConflictRecord>,
    moved: u64,
    examined: u64,
    asked: bool,
}

/// What a batch led to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The direction goes on.
    Going(Box<Applying>, BatchOutcome),
    /// It is committed.
    Done(BatchOutcome),
    /// It was rolled back and starts again, holding these rows back.
    Again(Withheld),
}

impl Applying {
    pub(crate) async fn begin(
        store: &mut dyn Store,
        first: &ChangeBatch,
        policy: ConflictPolicy,
        position: Position,
        withheld: Withheld,
    ) -> Result<Self, ProviderError> {
        let state = store.begin_apply().await?;
        let (_, waiting) = store.state().await?;
        let Meeting {
            stored,
            known,
            made_with,
            mapping,
        } = Meeting::of(store.scope(), &state, &first.made_with)?;
        let newcomer = !state.was_source && is_alone(&stored);
        let settlement = settlement_replica(known.key_map().own());
        let mut known_and_own = known.clone();
        let key = known_and_own.find_or_add_replica(&settlement);
        let forgotten = match state.forgotten {
            Some(bytes) => Some(known_and_own.clone().map_remote_to_local(
                &Knowledge::from_bytes(&bytes).map_err(|error| {
                    ProviderError::malformed("forgotten knowledge", error.to_string())
                })?,
            )),
            None => None,
        };
        Ok(Applying {
            policy,
            position,
            stamper: Stamper::new(Rules::SOUND, key, &known, &made_with),
            known,
            known_and_own,
            made_with,
            forgotten,
            mapping,
            settlement,
            newcomer,
            lesson: Lesson::default(),
            overdue: waiting
                .iter()
                .map(|waiting| (waiting.table, waiting.key.clone()))
                .collect(),
            waiting,
            withheld,
            aside: Aside::default(),
            failures: Vec::new(),
            moved: 0,
            examined: 0,
            asked: false,
        })
    }

    pub(crate) async fn process(
        mut self: Box<Self>,
        store: &mut dyn Store,
        batch: &ChangeBatch,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Step, ProviderError> {
        let mut outcome = BatchOutcome::default();
        self.examined += batch.examined;
        let repeats = batch.kind == BatchKind::Repeats;
        if repeats {
            self.aside.try_again();
            self.failures.clear();
        }
        for changes in &batch.tables {
            self.apply_changes(store, changes, repeats, &mut outcome, cancelled)
                .await?;
        }
        self.moved += outcome.offered;
        if batch.kind == BatchKind::Changes {
            return Ok(Step::Going(self, outcome));
        }
        // Rows that fail are tried again as long as another one made progress.
        if self.wants_rows(repeats && outcome.applied > 0) {
            outcome.next = Next::Rows(self.wanted(store.shapes()));
            self.asked = true;
            return Ok(Step::Going(self, outcome));
        }
        outcome.records.append(&mut self.failures);
        self.finish(store, outcome).await
    }

    /// `progress` says that a row went through which was asked for before.
    fn wants_rows(&self, progress: bool) -> bool {
        let failed = self.aside.failed().next().is_some();
        let first = !self.asked && (failed || !self.overdue.is_empty());
        first || progress && failed
    }

    fn wanted(&self, shapes: &[TableShape]) -> Vec<TableKeys> {
        let overdue = self
            .overdue
            .iter()
            .filter(|_| !self.asked)
            .map(|(table, key)| (*table, key));
        let failed = self.aside.failed().map(|(table, key, _)| (table, key));
        let keys: BTreeSet<(usize, &Vec<u8>)> = failed.chain(overdue).collect();
        let mut wanted: BTreeMap<usize, TableKeys> = BTreeMap::new();
        for (table, key) in keys {
            let shape = &shapes[table];
            let entry = wanted.entry(table).or_insert_with(|| TableKeys {
                table: shape.global_name.clone(),
                columns: shape.key_columns(),
                keys: RowSet::new(shape.key.len()),
            });
            entry.keys.push_encoded(key);
        }
        wanted.into_values().collect()
    }

    async fn apply_changes(
        &mut self,
        store: &mut dyn Store,
        changes: &TableChanges,
        repeats: bool,
        outcome: &mut BatchOutcome,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), ProviderError> {
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
            let slice = Slice {
                table,
                deleted: changes.deleted,
                repeated: repeats,
                rows: &slice_rows,
            };
            self.apply_slice(store, slice, &changes.heads[start..end], outcome)
                .await?;
            start = end;
        }
        Ok(())
    }

    async fn apply_slice(
        &mut self,
        store: &mut dyn Store,
        slice: Slice<'_>,
        heads: &[RowHead],
        outcome: &mut BatchOutcome,
    ) -> Result<(), ProviderError> {
        let local = store.local_rows(slice).await?;
        let shape = store.shapes()[slice.table].clone();
        self.strike_overdue(&shape, slice);
        let plan = self.decide(&shape, slice, heads, &local, outcome)?;
        let failures = store.write(slice, &local, &plan.writes).await?;
        let failed: BTreeMap<usize, String> = failures
            .into_iter()
            .map(|failure| (failure.row, failure.reason))
            .collect();
        let mut records = plan.records;
        for write in &plan.writes {
            match failed.get(&write.row) {
                None => {
                    outcome.offered += 1;
                    outcome.applied += 1;
                    if let Some(record) = records.remove(&write.row) {
                        outcome.conflicts += 1;
                        outcome.records.push(record);
                    }
                    self.lesson
                        .stored(self.stamper.replica(), write.outcome.update);
                    self.note_beyond(&shape, slice, heads, write)?;
                }
                Some(reason) => {
                    if slice.repeated {
                        let (row, cells) = (write.row, slice.rows.row(write.row));
                        let remote = self.incoming(slice, &heads[row], cells)?;
                        let (known, here) = (&self.known_and_own, local.row(row));
                        let record = failure_record(known, &shape, here, remote, reason);
                        self.failures.push(record);
                    }
                    let key = || packed_key(&shape, slice, slice.rows.row(write.row));
                    self.aside.fail(slice.table, key, reason.clone());
                }
            }
        }
        Ok(())
    }

    /// The pure part of a slice.
    fn decide(
        &mut self,
        shape: &TableShape,
        slice: Slice<'_>,
        heads: &[RowHead],
        local: &LocalSlice,
        outcome: &mut BatchOutcome,
    ) -> Result<Plan, ProviderError> {
        let mut plan = Plan::default();
        let judge = Judge {
            known: &self.known_and_own,
            made_with: &self.made_with,
            forgotten: self.forgotten.as_ref(),
            newcomer: self.newcomer,
            rules: Rules::SOUND,
        };
        let mut arbiter = Arbiter {
            judge,
            policy: &self.policy,
            position: self.position,
            stamper: self.stamper,
        };
        let mut id = Vec::new();
        let mut held_back = Vec::new();
        for (row, head) in heads.iter().enumerate() {
            let cells = slice.rows.row(row);
            if !judge.ignores_ids() {
                id.clear();
                write_id(&mut id, shape, slice, cells);
            }
            let remote = self.incoming(slice, head, cells)?;
            let verdict =
                arbiter.verdict(shape, &id, local.row(row), remote, || remote.facts.update);
            match verdict {
                Verdict::NotNeeded => {}
                Verdict::Keep => {
                    outcome.offered += 1;
                    outcome.applied += 1;
                }
                Verdict::Write(write, record) => {
                    if !slice.repeated && !self.withheld.is_empty() {
                        let key = packed_key(shape, slice, cells);
                        if let Some(reason) = self.withheld.get(&(slice.table, key)) {
                            held_back.push((row, reason.clone()));
                            continue;
                        }
                    }
                    plan.writes.push(Write {
                        row,
                        outcome: write,
                    });
                    if let Some(record) = record {
                        plan.records.insert(row, *record);
                    }
                }
                Verdict::Defer(record) => {
                    let key = || packed_key(shape, slice, cells);
                    if self.aside.defer(slice.table, key) {
                        outcome.offered += 1;
                        outcome.conflicts += 1;
                        outcome.deferred += 1;
                        outcome.records.push(*record);
                    }
                }
            }
        }
        self.stamper = arbiter.stamper;
        for (row, reason) in held_back {
            let key = || packed_key(shape, slice, slice.rows.row(row));
            self.aside.fail(slice.table, key, reason);
        }
        Ok(plan)
    }

    /// A row of a slice in this replica's key map.
    fn incoming<'r>(
        &self,
        slice: Slice<'_>,
        head: &RowHead,
        cells: RowRef<'r>,
    ) -> Result<IncomingRow<'r>, ProviderError> {
        let version = |version: Version| {
            self.mapping
                .version(version)
                .ok_or_else(|| unknown_key(version.replica))
        };
        let writer = head
            .writer
            .map(|key| self.mapping.key(key).ok_or_else(|| unknown_key(key)))
            .transpose()?;
        Ok(IncomingRow {
            facts: RowFacts {
                create: version(head.create)?,
                update: version(head.update)?,
                tombstone: slice.deleted,
            },
            time: head.time,
            writer,
            cells,
        })
    }

    /// Waiting rows that come by themselves need not be asked for: decided twice, a conflict would be settled and recorded twice.
    fn strike_overdue(&mut self, shape: &TableShape, slice: Slice<'_>) {
        for cells in slice.rows.iter() {
            if self.overdue.is_empty() {
                return;
            }
            self.overdue
                .remove(&(slice.table, packed_key(shape, slice, cells)));
        }
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
            || self.lesson.beyond.len() >= MOST_BEYOND
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
            self.lesson.beyond.insert(id, write.outcome.update);
        }
        Ok(())
    }

    async fn finish(
        mut self: Box<Self>,
        store: &mut dyn Store,
        mut outcome: BatchOutcome,
    ) -> Result<Step, ProviderError> {
        let failed = self.aside.failures();
        outcome.offered += failed;
        outcome.failed += failed;
        outcome.deferred += failed;
        self.moved += failed;
        let shapes = store.shapes().to_vec();
        let mut remember = Vec::new();
        let mut without_id = BTreeSet::new();
        let deferred = self.aside.deferred();
        let deferred = deferred.map(|(table, key)| (table, key, "conflict deferred"));
        for (table, key, reason) in self.aside.failed().chain(deferred) {
            let Some(id) = item_id_of_packed(&shapes[table], key) else {
                without_id.insert(table);
                continue;
            };
            remember.push(Waiting {
                id,
                table,
                key: key.clone(),
                reason: reason.to_owned(),
            });
        }
        for table in self.aside.unlearned().chain(without_id) {
            let (from, to) = table_id_range(&shapes[table].global_name);
            self.lesson.rejected_ranges.push((from, Some(to)));
        }
        self.lesson.rejected = remember.iter().map(|waiting| waiting.id.clone()).collect();
        if self.lesson.settlement.is_some() {
            self.known.find_or_add_replica(&self.settlement);
        }
        let learned = learn(&self.known, &self.made_with, &self.lesson);
        let source = source_key(&self.mapping);
        let store_it = worth_storing(&self.known, &learned, source, self.moved, self.examined);
        // A row waits as long as its id is an exception in the knowledge.
        let exceptions: BTreeSet<&ItemId> =
            learned.ranges().map(|range| range.lower_bound).collect();
        let forget = self
            .waiting
            .iter()
            .map(|waiting| &waiting.id)
            .filter(|id| store_it && !exceptions.contains(id))
            .cloned()
            .collect();
        let changes = Learned {
            knowledge: store_it.then(|| learned.to_bytes()),
            remember,
            forget,
        };
        match store.commit(&changes).await? {
            Commit::Done => {
                outcome.next = Next::Committed;
                Ok(Step::Done(outcome))
            }
            Commit::Offenders(rows) => {
                let mut withheld = self.withheld;
                let before = withheld.len();
                withheld.extend(
                    rows.into_iter()
                        .map(|(table, key, reason)| ((table, key), reason)),
                );
                if withheld.len() == before {
                    return Err(ProviderError::database(
                        format!("scope {}", store.scope().description.name),
                        "the commit breaks a constraint that no row of the session accounts for",
                        "check the foreign keys of the database",
                    ));
                }
                Ok(Step::Again(withheld))
            }
        }
    }
}

/// Whether a direction that consists of this batch alone has nothing to apply and nothing to teach that is worth a write: then no lock is taken.
pub(crate) async fn is_idle(
    store: &mut dyn Store,
    batch: &ChangeBatch,
) -> Result<bool, ProviderError> {
    if batch.kind != BatchKind::LastChanges || !batch.tables.is_empty() {
        return Ok(false);
    }
    let (state, waiting) = store.state().await?;
    let meeting = Meeting::of(store.scope(), &state, &batch.made_with)?;
    let learned = learn(&meeting.known, &meeting.made_with, &Lesson::default());
    let source = source_key(&meeting.mapping);
    Ok(waiting.is_empty() && !worth_storing(&meeting.known, &learned, source, 0, batch.examined))
}

/// The knowledge of both sides over the destination's key map.
struct Meeting {
    /// As the scope row holds it.
    stored: Knowledge,
    /// With everything made here, and with the source's replicas in its key map.
    known: Knowledge,
    made_with: Knowledge,
    mapping: KeyMapping,
}

impl Meeting {
    fn of(scope: &Scope, state: &ScopeState, made_with: &[u8]) -> Result<Self, ProviderError> {
        let remote = knowledge_from_outside("made-with knowledge of the batch", made_with)?;
        let stored = own_knowledge(scope, state.knowledge.as_deref())?;
        let mut known = stored.clone();
        known.set_local_tick(state.mark.max(stored.local_tick()));
        let mapping = known.mapping_from(remote.key_map());
        let made_with = known.map_remote_to_local(&remote);
        Ok(Meeting {
            stored,
            known,
            made_with,
            mapping,
        })
    }
}

fn source_key(mapping: &KeyMapping) -> ReplicaKey {
    mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL)
}

/// What is to be written of a slice, and the conflicts settled by it.
#[derive(Debug, Default)]
struct Plan {
    writes: Vec<Write>,
    records: BTreeMap<usize, ConflictRecord>,
}

fn packed_key(shape: &TableShape, slice: Slice<'_>, cells: RowRef<'_>) -> Vec<u8> {
    if slice.deleted {
        cells.as_bytes().to_vec()
    } else {
        shape.key_of(cells).row(0).as_bytes().to_vec()
    }
}

/// As [`write_item_id`], of a row of a slice.
fn write_id(id: &mut Vec<u8>, shape: &TableShape, slice: Slice<'_>, cells: RowRef<'_>) -> bool {
    if slice.deleted {
        write_item_id(id, shape, cells.values())
    } else {
        write_item_id(id, shape, shape.key_of(cells).row(0).values())
    }
}

fn unknown_key(key: ReplicaKey) -> ProviderError {
    ProviderError::malformed(
        "change batch",
        format!(
            "replica key {} of a row is not in the made-with knowledge",
            key.0
        ),
    )
}
