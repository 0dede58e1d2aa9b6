//! The destination's side of a direction: one transaction that takes batches in and ends with what they taught.

mod slice;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_knowledge::{ItemId, KeyMapping, Knowledge, ReplicaId};
use sync_provider::{
    ApplyHandler, BatchOutcome, ChangeBatch, ConflictPolicy, ConflictRecord, ErrorPolicy, Lesson,
    Next, Position, ProviderError, RowSet, Rules, Stamper, TableKeys, TableShape, is_alone, learn,
    settlement_replica, worth_storing,
};

use self::slice::Went;
use crate::aside::Aside;
use crate::caution::Caution;
use crate::failures::Failures;
use crate::meeting::{Meeting, source_key};
use crate::remember::{Remembered, forget, key_of_waiting};
use crate::row_key::RowKey;
use crate::store::{Attempt, Commit, Learned, Patience, Store, Waiting};
use crate::unanswered::Unanswered;

/// Who settles what the decisions leave open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settling {
    pub(crate) policy: ConflictPolicy,
    pub(crate) errors: ErrorPolicy,
    /// Rows that are stored are named in the outcomes.
    pub(crate) rehearsal: bool,
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
            let went = self.apply_changes(store, changes, repeats, &mut outcome, cancelled);
            if let Went::Undone(caution) = went.await? {
                return Ok(Step::Again(caution));
            }
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
        if self.rules.errors == ErrorPolicy::Abort && self.aside.failures() > 0 {
            return Err(self.refusal(store));
        }
        outcome.records.append(&mut self.failures.take());
        outcome.records.append(&mut self.nameless);
        self.finish(store, outcome).await
    }

    /// What ends a direction in which rows cannot be written: the first of them, where they are not too many to be told apart.
    fn refusal(&mut self, store: &dyn Store) -> ProviderError {
        let records = self.failures.take().into_iter();
        match records.chain(self.nameless.drain(..)).next() {
            Some(record) => record.into_error(),
            None => ProviderError::refused(
                format!("scope {}", store.scope().description.name),
                format!("{} rows cannot be written", self.aside.failures()),
                "let rows that cannot be written wait, and see why they do",
            ),
        }
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
