//! The destination's side of a direction: one transaction that takes batches in and ends with what they taught.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_knowledge::{ItemId, KeyMapping, Knowledge, ReplicaId, Version};
use sync_provider::{
    ApplyHandler, Arbiter, BatchOutcome, ChangeBatch, ColumnMap, ConflictPolicy, ConflictRecord,
    ConflictType, ErrorPolicy, IncomingRow, Judge, Lesson, LocalRow, Next, Position, ProviderError,
    RowFacts, RowHead, RowRef, RowSet, Rules, Stamper, TableChanges, TableKeys, TableShape, Unsent,
    UnsentRows, Verdict, failure_record, head_from_outside, is_alone, learn, settlement_replica,
    unsent_record, version_from_outside, worth_storing,
};

use crate::aside::{Aside, Failed};
use crate::caution::Caution;
use crate::failures::Failures;
use crate::forced::{Forced, ask, write_apart};
use crate::item_id::{ids_are_unique, write_item_id};
use crate::meeting::{Meeting, source_key};
use crate::remember::{Remembered, forget, key_of_waiting};
use crate::row_key::RowKey;
use crate::store::{
    Attempt, Commit, Learned, LocalSlice, Patience, RowFailure, Slice, Store, Waiting, Write,
};
use crate::unanswered::Unanswered;

/// Rows that are decided and written together.
const SLICE_ROWS: usize = 1000;
/// Bytes of rows that are decided and written together.
const SLICE_BYTES: usize = 1 << 20;
/// Rows that are learned one by one; those beyond that are sent again.
const MOST_BEYOND: usize = 10_000;

/// Why a row waits that did not stay as it was.
const CHANGED: &str = "it was changed at the source while the session ran";

/// Who settles what the decisions leave open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settling {
    pub(crate) policy: ConflictPolicy,
    pub(crate) errors: ErrorPolicy,
    pub(crate) handler: Option<Arc<dyn ApplyHandler>>,
}

/// A direction being applied.
#[derive(Debug)]
pub(crate) struct Applying {
    rules: Settling,
    position: Position,
    /// The scope row's knowledge as it is stored.
    stored: Option<Vec<u8>>,
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
    /// Rows that wait from earlier sessions: (table, key).
    waited: BTreeSet<(usize, RowKey)>,
    /// Waiting rows to ask for: (table, key). One that came and was decided in this direction is not asked for again.
    overdue: BTreeSet<(usize, RowKey)>,
    caution: Caution,
    /// Rows to try again after all others, and rows for a later direction.
    aside: Aside,
    /// Rows that failed when they came again: records of those that will have failed for good if none of them comes once more.
    failures: Failures,
    /// Records of rows that cannot come again, since their keys cannot be read.
    nameless: Vec<ConflictRecord>,
    moved: u64,
    examined: u64,
    asked: bool,
    /// A row went through that was asked for, since the last time that rows were.
    progress: bool,
}

/// What a batch led to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The direction goes on.
    Going(Box<Applying>, BatchOutcome),
    /// It is committed.
    Done(BatchOutcome),
    /// It was rolled back and starts again, more carefully.
    Again(Caution),
    /// The answer to the commit was lost.
    Unanswered(Unanswered),
}

impl Applying {
    pub(crate) async fn begin(
        store: &mut dyn Store,
        first: &ChangeBatch,
        rules: Settling,
        position: Position,
        caution: Caution,
    ) -> Result<Attempt<Box<Self>>, ProviderError> {
        // While more changes are to come, the source holds a snapshot, and the other writer may wait for that.
        let patience = match first.kind.more_follow() {
            true => Patience::Part,
            false => Patience::Full,
        };
        let state = match store.begin_apply(patience).await? {
            Attempt::Done(state) => state,
            Attempt::Busy(error) => return Ok(Attempt::Busy(error)),
        };
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
        let waited: BTreeSet<(usize, RowKey)> = waiting
            .iter()
            .filter(|waiting| !waiting.key.is_empty())
            .map(|waiting| (waiting.table, key_of_waiting(store.shapes(), waiting)))
            .collect();
        Ok(Attempt::Done(Box::new(Applying {
            rules,
            position,
            stamper: Stamper::new(Rules::SOUND, key, &known, &made_with),
            stored: state.knowledge,
            known,
            known_and_own,
            made_with,
            forgotten,
            mapping,
            settlement,
            newcomer,
            lesson: Lesson::default(),
            overdue: waited.clone(),
            waited,
            waiting,
            caution,
            aside: Aside::default(),
            failures: Failures::default(),
            nameless: Vec::new(),
            moved: 0,
            examined: 0,
            asked: false,
            progress: false,
        })))
    }

    pub(crate) async fn process(
        mut self: Box<Self>,
        store: &mut dyn Store,
        batch: &ChangeBatch,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Step, ProviderError> {
        let mut outcome = BatchOutcome::default();
        self.examined = self.examined.saturating_add(batch.examined);
        let repeats = batch.kind.is_repeated();
        for changes in &batch.tables {
            self.apply_changes(store, changes, repeats, &mut outcome, cancelled)
                .await?;
        }
        for unsent in &batch.unsent {
            self.leave_unsent(store.shapes(), unsent, repeats)?;
        }
        self.moved += outcome.offered;
        self.progress |= repeats && outcome.applied > 0;
        if batch.kind.more_follow() {
            return Ok(Step::Going(self, outcome));
        }
        self.aside.all_came();
        // Rows that fail are tried again as long as another one made progress, or will.
        self.progress |= store.takes_another_round();
        if self.wants_rows() {
            outcome.next = Next::Rows(self.wanted(store.shapes()));
            self.asked = true;
            self.progress = false;
            self.failures.take();
            return Ok(Step::Going(self, outcome));
        }
        if self.rules.errors == ErrorPolicy::Abort
            && let Some(first) = self
                .failures
                .take()
                .into_iter()
                .chain(self.nameless.drain(..))
                .next()
        {
            return Err(first.into_error());
        }
        outcome.records.append(&mut self.failures.take());
        outcome.records.append(&mut self.nameless);
        self.finish(store, outcome).await
    }

    fn wants_rows(&self) -> bool {
        let failed = self.aside.failed().next().is_some();
        let first = !self.asked && (failed || !self.overdue.is_empty());
        first || self.progress && failed
    }

    fn wanted(&mut self, shapes: &[TableShape]) -> Vec<TableKeys> {
        let overdue = self
            .overdue
            .iter()
            .filter(|_| !self.asked)
            .map(|(table, key)| (*table, key));
        let keys: BTreeSet<(usize, &RowKey)> = self.aside.expect_failed().chain(overdue).collect();
        let mut wanted: BTreeMap<usize, TableKeys> = BTreeMap::new();
        for (table, key) in keys {
            let shape = &shapes[table];
            let entry = wanted.entry(table).or_insert_with(|| TableKeys {
                table: shape.global_name.clone(),
                columns: shape.key_columns(),
                keys: RowSet::new(shape.key.len()),
            });
            entry.keys.push_encoded(key.spelled());
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
                together: self.caution.withholds_none(),
                guarded: repeats || self.caution.guarded(),
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
        let enumerated = self.enumerated(&shape, slice, heads);
        let plan = self.decide(&shape, slice, (heads, &enumerated), &local, outcome)?;
        let failures = store.write(slice, &local, &plan.writes).await?;
        let mut failed: BTreeMap<usize, RowFailure> = failures
            .into_iter()
            .map(|failure| (failure.row, failure))
            .collect();
        let (mut records, mut writes) = (plan.records, plan.writes);
        let mut forced = self.ask_handler(&shape, slice, heads, &local, &writes, &mut failed)?;
        for one in &forced {
            failed.remove(&one.write.row);
            writes.retain(|write| write.row != one.write.row);
        }
        forced.extend(plan.merged);
        failed.append(&mut write_apart(store, slice, &local, &forced).await?);
        for Forced { write, record, .. } in forced {
            writes.push(write);
            records.insert(write.row, record);
        }
        for write in &writes {
            match failed.remove(&write.row) {
                None => {
                    outcome.offered += 1;
                    outcome.applied += 1;
                    if let Some(record) = records.remove(&write.row) {
                        outcome.conflicts +=
                            u64::from(record.conflict != ConflictType::ErrorsOccurred);
                        outcome.records.push(record);
                    }
                    self.lesson
                        .stored(self.stamper.replica(), write.outcome.update);
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
        Ok(())
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
                &mut self.stamper,
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
            newcomer: self.newcomer,
            rules: Rules::SOUND,
        };
        let mut arbiter = Arbiter {
            judge,
            policy: &self.rules.policy,
            position: self.position,
            stamper: self.stamper,
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
                    if !slice.repeated && !self.caution.withholds_none() {
                        let key = RowKey::of_row(shape, slice, cells);
                        if let Some(reason) = self.caution.withholds(slice.table, key) {
                            held_back.push((row, reason.to_owned()));
                            continue;
                        }
                    }
                    match verdict {
                        Verdict::Write(outcome, record) => {
                            plan.writes.push(Write { row, outcome });
                            plan.records.extend(record.map(|record| (row, *record)));
                        }
                        Verdict::Merge(outcome, edited, record) => plan.merged.push(Forced {
                            write: Write { row, outcome },
                            edited: Some(edited),
                            record: *record,
                        }),
                        _ => {}
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
        self.stamper = arbiter.stamper;
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
        let head = head_from_outside(&self.mapping, head)?;
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
    fn leave_unsent(
        &mut self,
        shapes: &[TableShape],
        unsent: &Unsent,
        repeated: bool,
    ) -> Result<(), ProviderError> {
        let table = unsent.table_index(shapes)?;
        let enumerated = version_from_outside(&self.mapping, unsent.version)?;
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
            UnsentRows::Nameless(rows) => {
                self.nameless.push(record);
                self.aside.fail_nameless(table, *rows, &unsent.reason);
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
        outcome.repeated += self
            .aside
            .failed()
            .filter(|(table, key, _)| self.waited.contains(&(*table, (*key).clone())))
            .count() as u64;
        self.moved += failed;
        let shapes = store.shapes().to_vec();
        let Remembered {
            rows: remember,
            rejected,
            ranges,
        } = Remembered::of(&self.aside, &shapes);
        self.lesson.rejected = rejected;
        self.lesson.rejected_ranges.extend(ranges);
        if self.lesson.settlement.is_some() {
            self.known.find_or_add_replica(&self.settlement);
        }
        let learned = learn(&self.known, &self.made_with, &self.lesson);
        let source = source_key(&self.mapping);
        let store_it = worth_storing(&self.known, &learned, source, self.moved, self.examined);
        // A row waits as long as its id is an exception in the knowledge.
        let exceptions: BTreeSet<&ItemId> =
            learned.ranges().map(|range| range.lower_bound).collect();
        let waits = |id: &ItemId| !store_it || exceptions.contains(id);
        let forget = forget(&self.waiting, &remember, &shapes, waits);
        let changes = Learned {
            knowledge: store_it.then(|| learned.to_bytes()),
            remember,
            forget,
        };
        outcome.next = Next::Committed;
        let commit = match store.commit(&changes).await {
            Err(error) if error.is_transient() => {
                let before = self.stored.as_ref();
                let taught = changes.knowledge.filter(|now| before != Some(now));
                return Ok(Step::Unanswered(Unanswered {
                    outcome,
                    taught,
                    error,
                }));
            }
            answer => answer?,
        };
        match commit {
            Commit::Done => Ok(Step::Done(outcome)),
            Commit::Broken(breach) => {
                let findings = breach.findings.clone();
                match self.caution.after(breach, &shapes) {
                    Some(caution) => Ok(Step::Again(caution)),
                    None => Err(ProviderError::database(
                        format!("scope {}", store.scope().description.name),
                        format!(
                            "the commit breaks a constraint that no row of the session accounts for{findings}"
                        ),
                        "check the foreign keys of the database and what its triggers write",
                    )),
                }
            }
        }
    }
}

/// What is to be written of a slice, and the conflicts settled by it.
#[derive(Debug, Default)]
struct Plan {
    writes: Vec<Write>,
    records: BTreeMap<usize, ConflictRecord>,
    /// Rows that the handler made in the place of incoming ones.
    merged: Vec<Forced>,
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
