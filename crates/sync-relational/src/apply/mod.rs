//! The destination's side of a direction: one transaction that takes batches in and ends with what they taught.

mod slice;
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_decision::{
    LearnedDelta, Rules, SettlementClock, TableShape, is_alone, learn, settlement_replica,
    worth_storing,
};
use sync_knowledge::{ItemId, KeyMapping, Knowledge, ReplicaId};
use sync_provider::{
    ApplyHandler, BatchOutcome, ChangeBatch, ConflictPolicy, ConflictRecord, ErrorPolicy, Next,
    Position, ProviderError, RowSet, TableKeys,
};

use self::slice::{Undone, Went};
use self::trials::Trials;
use crate::aside::Aside;
use crate::caution::{Ban, Caution, Row, undoing};
use crate::failures::Failures;
use crate::in_doubt::InDoubtCommit;
use crate::knowledge_pair::{KnowledgePair, source_key};
use crate::remember::{Remembered, forget, key_of_waiting, not_yet};
use crate::row_key::RowKey;
use crate::store::{Attempt, Commit, Learned, Patience, Store, Waiting};

/// How many rows that undo the transaction by themselves a rehearsal tells apart in all; then the rest of the table is taken for such rows, since each
/// costs a rehearsal the whole direction.
const MOST_REHEARSED: usize = 256;

/// Why a row waits that is to be tried by itself.
const SUSPECT: &str =
    "rows that it was written together with undid the transaction; it is to be written by itself";

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
    /// The source's made-with knowledge as it came.
    sent_with: Vec<u8>,
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
    pristine: bool,
    clock: SettlementClock,
    delta: LearnedDelta,
    waiting: Vec<Waiting>,
    /// Rows that wait from earlier sessions: (table, key).
    waited: BTreeSet<(usize, RowKey)>,
    /// Waiting rows to ask for: (table, key). One that came and was decided in this direction is not asked for again.
    overdue: BTreeSet<(usize, RowKey)>,
    caution: Caution,
    /// Where the other rows are committed: those that may undo the transaction they are written in.
    trials: Option<Trials>,
    transaction: Transaction,
    /// Rows to try again after all others, and rows for a later direction.
    aside: Aside,
    /// Rows that failed when they came again: records of those that will have failed for good if none of them comes once more.
    failures: Failures,
    /// Records of rows that cannot come again, since their keys cannot be read.
    undecodable: Vec<ConflictRecord>,
    moved: u64,
    examined: u64,
    asked: bool,
    /// A row went through that was asked for, since the last time that rows were.
    progress: bool,
}

/// How far the direction's transactions are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Transaction {
    /// One is open.
    Open,
    /// The last one is committed or undone; what comes next opens one for rows by themselves.
    Next,
    /// All is committed, and the direction is to start once more for rows that there was no room for.
    Over,
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
    /// The commit failed, or its answer was lost.
    InDoubt(InDoubtCommit),
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
        let sent_with = first.made_with.clone();
        Self::open(store, sent_with, patience, rules, position, caution).await
    }

    async fn open(
        store: &mut dyn Store,
        sent_with: Vec<u8>,
        patience: Patience,
        rules: Settling,
        position: Position,
        caution: Caution,
    ) -> Result<Attempt<Box<Self>>, ProviderError> {
        let state = match store.begin_apply(patience).await? {
            Attempt::Done(state) => state,
            Attempt::Busy(error) => return Ok(Attempt::Busy(error)),
        };
        let (_, waiting) = store.state().await?;
        let KnowledgePair {
            stored,
            known,
            made_with,
            mapping,
        } = KnowledgePair::of(store.scope(), &state, &sent_with)?;
        let pristine = !state.was_source && is_alone(&stored);
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
            sent_with,
            clock: SettlementClock::new(Rules::SOUND, key, &known, &made_with),
            stored: state.knowledge,
            known,
            known_and_own,
            made_with,
            forgotten,
            mapping,
            settlement,
            pristine,
            delta: LearnedDelta::default(),
            overdue: waited.clone(),
            waited,
            waiting,
            caution,
            trials: None,
            transaction: Transaction::Open,
            aside: Aside::default(),
            failures: Failures::default(),
            undecodable: Vec::new(),
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
        self = match self.transaction {
            Transaction::Open => self,
            Transaction::Next => match self.open_again(store).await? {
                Ok(opened) => opened,
                Err(caution) => return Ok(Step::Again(caution)),
            },
            Transaction::Over => return Ok(Step::Again(self.caution)),
        };
        let mut outcome = BatchOutcome::default();
        self.examined = self.examined.saturating_add(batch.examined);
        let repeats = batch.kind.is_repeated();
        for changes in &batch.tables {
            let went = self.apply_changes(store, changes, repeats, &mut outcome, cancelled);
            if let Went::Undone(undone) = went.await? {
                return self.without(store.shapes(), undone);
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
        outcome.records.append(&mut self.undecodable);
        self.finish(store, outcome).await
    }

    /// The transaction for rows by themselves. None is opened where somebody else has taught the scope something since the last commit: then the keys of
    /// replicas may be others than those that rows are remembered with.
    async fn open_again(
        self: Box<Self>,
        store: &mut dyn Store,
    ) -> Result<Result<Box<Self>, Caution>, ProviderError> {
        let (rules, caution) = (self.rules, self.caution);
        let attempt = Self::open(
            store,
            self.sent_with,
            Patience::Full,
            rules,
            self.position,
            caution,
        );
        let opened = match attempt.await? {
            Attempt::Done(opened) => opened,
            Attempt::Busy(error) => return Err(error),
        };
        if opened.stored != self.stored {
            store.rollback().await?;
            return Ok(Err(opened.caution));
        }
        Ok(Ok(Box::new(Applying {
            pristine: self.pristine,
            waited: self.waited,
            overdue: BTreeSet::new(),
            trials: self.trials,
            aside: self.aside,
            asked: true,
            ..*opened
        })))
    }

    /// How the direction goes on without rows that undid its transaction.
    fn without(
        mut self: Box<Self>,
        shapes: &[TableShape],
        undone: Undone,
    ) -> Result<Step, ProviderError> {
        let Undone {
            table,
            rows,
            reason,
            apart,
            forced,
        } = undone;
        if !apart {
            self.caution.suspect(table, rows);
            return Ok(Step::Again(self.caution));
        }
        let rows: Vec<Row> = rows.into_iter().map(|key| (table, key)).collect();
        for row in &rows {
            self.caution.ban(row.clone(), &reason, forced);
        }
        let Some(trials) = &mut self.trials else {
            if self.caution.banned() > MOST_REHEARSED {
                self.caution.give_up(table, &reason);
            }
            return Ok(Step::Again(self.caution));
        };
        trials.undone(&rows, &undoing(&reason));
        self.aside.all_came();
        for ((table, key), row) in trials.rows() {
            self.aside.put_back(*table, key.clone(), row.clone());
        }
        self.failures.take();
        self.transaction = Transaction::Next;
        let outcome = BatchOutcome {
            next: Next::UndoneSince(self.wanted(shapes)),
            ..BatchOutcome::default()
        };
        Ok(Step::Going(self, outcome))
    }

    /// Whether there is one transaction only, in which rows that may undo it are written by themselves: in a rehearsal nothing is committed, and where a
    /// failure ends the session nothing may be committed before it is known that there is none.
    fn in_one_transaction(&self) -> bool {
        self.rules.rehearsal || self.rules.errors == ErrorPolicy::Abort
    }

    /// What is to be done with a row that is to be written.
    fn stance(&self, row: &Row, repeated: bool) -> Stance<'_> {
        let reason = self.caution.withholds(row).filter(|_| !repeated);
        if let Some(reason) = reason {
            return Stance::Later(reason);
        }
        let only_one = self.in_one_transaction();
        match (&self.trials, self.caution.bans(row)) {
            (Some(trials), Some(ban)) if trials.is_telling() => Stance::Banned(ban),
            (Some(_), _) => Stance::Write,
            (None, None) if only_one || !self.caution.suspects(row) => Stance::Write,
            (None, None) => Stance::Later(SUSPECT),
            (None, Some(ban)) if only_one && repeated => Stance::Banned(ban),
            (None, Some(ban)) if only_one || ban.told => Stance::Later(&ban.reason),
            (None, Some(_)) => Stance::Later(SUSPECT),
        }
    }

    /// What ends a direction in which rows cannot be written: the first of them, where they are not too many to be told apart.
    fn refusal(&mut self, store: &dyn Store) -> ProviderError {
        let records = self.failures.take().into_iter();
        match records.chain(self.undecodable.drain(..)).next() {
            Some(record) => record.into_error(),
            None => ProviderError::refused(
                format!("scope {}", store.scope().description.name),
                format!("{} rows cannot be written", self.aside.failures()),
                "let rows that cannot be written wait, and see why they do",
            ),
        }
    }

    fn wants_rows(&self) -> bool {
        let mut failed = self.aside.failed();
        let failed = failed.any(|(table, key, _)| self.comes_again(&(table, key.clone())));
        let first = !self.asked && (failed || !self.overdue.is_empty());
        first || self.progress && failed
    }

    /// Whether a row that failed is tried again in this transaction.
    fn comes_again(&self, row: &Row) -> bool {
        match &self.trials {
            Some(trials) => trials.now().contains_key(row),
            None => self.in_one_transaction() || !self.caution.suspects(row),
        }
    }

    fn wanted(&mut self, shapes: &[TableShape]) -> Vec<TableKeys> {
        let mut aside = std::mem::take(&mut self.aside);
        let failed = aside.expect_failed(|row| self.comes_again(row));
        let overdue = self
            .overdue
            .iter()
            .filter(|_| !self.asked)
            .map(|(table, key)| (*table, key));
        let keys: BTreeSet<(usize, &RowKey)> = failed.chain(overdue).collect();
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
        self.aside = aside;
        wanted.into_values().collect()
    }

    async fn finish(
        mut self: Box<Self>,
        store: &mut dyn Store,
        mut outcome: BatchOutcome,
    ) -> Result<Step, ProviderError> {
        let wrote = self.moved > 0;
        self.moved += self.aside.failures();
        let shapes = store.shapes().to_vec();
        let Remembered {
            rows: remember,
            rejected,
            ranges,
        } = Remembered::of(&self.aside, &shapes);
        let remember = not_yet(&self.waiting, remember);
        self.delta.rejected = rejected;
        self.delta.rejected_ranges.extend(ranges);
        if self.delta.settlement.is_some() {
            self.known.find_or_add_replica(&self.settlement);
        }
        let learned = learn(&self.known, &self.made_with, &self.delta);
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
        let commit = match store.commit(&changes).await {
            Err(error) => {
                let before = self.stored.take();
                let taught = changes.knowledge.filter(|now| before.as_ref() != Some(now));
                // Rows that were to be tried by themselves are left to the next session.
                self.count_failed(&mut outcome);
                return Ok(Step::InDoubt(InDoubtCommit {
                    outcome,
                    before,
                    taught,
                    error,
                }));
            }
            Ok(commit) => commit,
        };
        match commit {
            Commit::Done => {
                self.stored = changes.knowledge.or(self.stored);
                if self.has_trials(wrote) {
                    self.transaction = Transaction::Next;
                    outcome.next = Next::CommittedSoFar(self.wanted(&shapes));
                    return Ok(Step::Going(self, outcome));
                }
                if self.has_more_suspects() {
                    self.transaction = Transaction::Over;
                    outcome.next = Next::CommittedSoFar(Vec::new());
                    return Ok(Step::Going(self, outcome));
                }
                self.count_failed(&mut outcome);
                Ok(Step::Done(outcome))
            }
            // The database answered, so nothing is in doubt.
            Commit::Superseded(error) => Err(error),
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

    /// Whether rows are left for a transaction of their own, now that this one is committed.
    fn has_trials(&mut self, wrote: bool) -> bool {
        if let Some(trials) = &mut self.trials {
            if trials.is_telling() {
                trials.now().keys().for_each(|row| self.caution.tell(row));
            }
            return trials.committed(wrote);
        }
        if self.in_one_transaction() || self.caution.suspects_none() {
            return false;
        }
        let failed = self.aside.failed();
        let rows = failed.map(|(table, key, row)| ((table, key.clone()), row.clone()));
        let told = |row: &Row| self.caution.bans(row).is_some_and(|ban| ban.told);
        self.trials = Trials::of(rows.filter(|(row, _)| self.caution.suspects(row) && !told(row)));
        self.trials.is_some()
    }

    /// Whether suspects were tried with success and there are more than are set aside in one attempt of the direction.
    fn has_more_suspects(&self) -> bool {
        let wrote = self.trials.as_ref().is_some_and(Trials::wrote);
        wrote && self.aside.beyond().next().is_some()
    }

    /// The direction ends with its rows that failed.
    fn count_failed(&self, outcome: &mut BatchOutcome) {
        let failed = self.aside.failures();
        outcome.offered += failed;
        outcome.failed += failed;
        outcome.deferred += failed;
        outcome.repeated += self
            .aside
            .failed()
            .filter(|(table, key, _)| self.waited.contains(&(*table, (*key).clone())))
            .count() as u64;
        outcome.next = Next::Committed;
    }
}

/// What is to be done with a row that is to be written.
enum Stance<'a> {
    Write,
    /// It is left for the end, or for a transaction of its own, and why.
    Later(&'a str),
    /// It undid the transaction by itself, and only the handler can have it written.
    Banned(&'a Ban),
}
