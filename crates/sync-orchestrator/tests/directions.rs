//! What a destination may ask for while a direction runs, from a source and a destination that follow a script: what the source is asked, what is
//! counted, and which conflicts are told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sync_knowledge::ReplicaId;
use sync_metadata::{
    ColumnDescription, ScopeDescription, TableDescription, TableName, Value, ValueRef,
};
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider::{
    BatchKind, BatchOutcome, BeginSession, Call, Calls, ChangeBatch, ChangeBatchRequest,
    ConflictRecord, ConflictSide, ConflictType, Ending, Next, ProviderError, ReplicaInfo, RowSet,
    SessionId, SyncBatchParameters, SyncProvider, TableKeys, Winner,
};

/// What a destination answers a batch with: so many rows applied, conflicts of these keys, and what it wants next.
struct Answer(u64, &'static [i64], Wants);

#[derive(Copy, Clone)]
enum Wants {
    Changes,
    Rows(&'static [i64]),
    CommittedSoFar(&'static [i64]),
    UndoneSince(&'static [i64]),
    Restart,
    Committed,
    InDoubt,
    /// The database fails.
    Nothing,
}

/// What is to come of it.
struct Expected {
    /// What the source was asked for.
    asked: &'static str,
    /// Keys of the conflicts that were told, in this order.
    told: &'static [i64],
    /// Rows applied, conflicts and batches of the direction; `None` where it ends with an error.
    counted: Option<(u64, u64, u64)>,
}

/// A source with so many batches of changes, which gives rows by key two by two.
struct Source {
    batches: u32,
    state: Mutex<Sending>,
}

#[derive(Default)]
struct Sending {
    left: u32,
    asked: Vec<String>,
    repeats: bool,
    calls: Calls<()>,
}

struct Destination(Mutex<VecDeque<Answer>>);

fn check(batches: u32, answers: impl IntoIterator<Item = Answer>, expected: &Expected) {
    let source = Arc::new(Source {
        batches,
        state: Mutex::default(),
    });
    let destination = Arc::new(Destination(Mutex::new(answers.into_iter().collect())));
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let remote: Arc<dyn SyncProvider> = Arc::clone(&source) as _;
    let local: Arc<dyn SyncProvider> = Arc::clone(&destination) as _;
    let orchestrator = SyncOrchestrator::new(local, remote)
        .direction(SyncDirectionOrder::Download)
        .on_conflict(move |record| match record.key[..] {
            [Value::Integer(key)] => heard.lock().unwrap().push(key),
            _ => panic!("{record:?}"),
        });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let done = runtime.unwrap().block_on(orchestrator.synchronize());
    let asked = source.state.lock().unwrap().asked.join(", ");
    assert_eq!(asked, expected.asked);
    assert_eq!(*told.lock().unwrap(), expected.told, "{asked}");
    let counted = done.ok().and_then(|done| done.download);
    let counted =
        counted.map(|counted| (counted.changes_applied, counted.conflicts, counted.batches));
    assert_eq!(counted, expected.counted, "{asked}");
    assert!(destination.0.lock().unwrap().is_empty(), "{asked}");
}

fn info(replica: u128) -> ReplicaInfo {
    let key = ColumnDescription::key("id", "bigint".parse().unwrap());
    let name = TableName::parse("t").unwrap();
    let table = TableDescription::new(name, "[t]", vec![key]).unwrap();
    ReplicaInfo::new(
        ReplicaId::from_uuid(uuid::Uuid::from_u128(replica)),
        ScopeDescription::new("s", vec![table]).unwrap(),
        Vec::new(),
    )
}

fn batch(kind: BatchKind) -> ChangeBatch {
    ChangeBatch::new(kind)
}

fn failure() -> ProviderError {
    ProviderError::database("t", "it is a script", "none")
}

fn keys(keys: &[i64]) -> Vec<TableKeys> {
    let mut rows = RowSet::new(1);
    for key in keys {
        rows.push([ValueRef::Integer(*key)]);
    }
    vec![TableKeys {
        table: "[t]".into(),
        columns: vec!["id".into()],
        keys: rows,
    }]
}

fn conflict(key: i64) -> ConflictRecord {
    ConflictRecord {
        table: "[t]".into(),
        columns: vec!["id".into()],
        key: vec![Value::Integer(key)],
        conflict: ConflictType::LocalUpdateRemoteUpdate,
        local: None,
        remote: ConflictSide {
            replica: info(2).replica,
            tick: 1,
            deleted: false,
            row: None,
        },
        winner: Some(Winner::Remote),
        reason: "a script".into(),
    }
}

#[async_trait]
impl SyncProvider for Source {
    async fn begin_session(&self, _: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        Ok(info(2))
    }

    async fn get_sync_batch_parameters(
        &self,
        _: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        panic!("it is never a destination")
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        let mut state = self.state.lock().unwrap();
        state
            .calls
            .turn(call.number)
            .expect("the calls are numbered");
        state.calls.answered(call.number, &Ok(()));
        match request {
            ChangeBatchRequest::First(_) => {
                state.asked.push("first".into());
                (state.left, state.repeats) = (self.batches, false);
            }
            ChangeBatchRequest::Rows(keys) => {
                let keys = keys.iter().flat_map(|keys| keys.keys.iter());
                let keys = keys.map(|row| match row.values().next() {
                    Some(ValueRef::Integer(key)) => key.to_string(),
                    other => panic!("{other:?}"),
                });
                let keys: Vec<String> = keys.collect();
                state.asked.push(format!("rows {}", keys.join(" ")));
                state.repeats = true;
                state.left = u32::try_from(keys.len().div_ceil(2)).unwrap().max(1);
            }
            ChangeBatchRequest::Next => state.asked.push("next".into()),
            other => panic!("{other:?}"),
        }
        state.left -= 1;
        Ok(Arc::new(batch(match (state.repeats, state.left) {
            (false, 0) => BatchKind::LastChanges,
            (false, _) => BatchKind::Changes,
            (true, 0) => BatchKind::LastRepeats,
            (true, _) => BatchKind::Repeats,
        })))
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        let mut state = self.state.lock().unwrap();
        state
            .calls
            .turn(call.number)
            .expect("the calls are numbered");
        state.calls.answered(call.number, &Ok(()));
        state.asked.push("end".into());
        Ok(())
    }

    async fn process_change_batch(
        &self,
        _: Call,
        _: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        panic!("it is never a destination")
    }

    async fn end_session(&self, _: SessionId, _: Ending) -> Result<(), ProviderError> {
        Ok(())
    }
}

#[async_trait]
impl SyncProvider for Destination {
    async fn begin_session(&self, _: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        Ok(info(1))
    }

    async fn get_sync_batch_parameters(
        &self,
        _: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        Ok(SyncBatchParameters {
            knowledge: Vec::new(),
            remembered: Vec::new(),
        })
    }

    async fn get_change_batch(
        &self,
        _: Call,
        _: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        panic!("it is never a source")
    }

    async fn end_enumeration(&self, _: Call) -> Result<(), ProviderError> {
        panic!("it is never a source")
    }

    async fn process_change_batch(
        &self,
        _: Call,
        _: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        let Answer(applied, conflicts, wants) = self.0.lock().unwrap().pop_front().unwrap();
        Ok(BatchOutcome {
            offered: applied,
            applied,
            conflicts: conflicts.len() as u64,
            records: conflicts.iter().map(|key| conflict(*key)).collect(),
            next: match wants {
                Wants::Changes => Next::Changes,
                Wants::Rows(wanted) => Next::Rows(keys(wanted)),
                Wants::CommittedSoFar(wanted) => Next::CommittedSoFar(keys(wanted)),
                Wants::UndoneSince(wanted) => Next::UndoneSince(keys(wanted)),
                Wants::Restart => Next::Restart,
                Wants::Committed => Next::Committed,
                Wants::InDoubt => Next::InDoubt(failure()),
                Wants::Nothing => return Err(failure()),
            },
            ..BatchOutcome::default()
        })
    }

    async fn end_session(&self, _: SessionId, _: Ending) -> Result<(), ProviderError> {
        Ok(())
    }
}

use Wants::{Changes, Committed, CommittedSoFar, InDoubt, Nothing, Restart, Rows, UndoneSince};

#[test]
fn batches_and_rows_that_are_asked_for_are_one_direction() {
    let answers = [
        Answer(3, &[1], Changes),
        Answer(2, &[2], Rows(&[7, 8, 9])),
        Answer(1, &[], Changes),
        Answer(1, &[3], Committed),
    ];
    let expected = Expected {
        asked: "first, next, rows 7 8 9, next",
        told: &[1, 2, 3],
        counted: Some((7, 3, 4)),
    };
    check(2, answers, &expected);
}

#[test]
fn a_direction_that_starts_again_has_not_happened_before() {
    let answers = [
        Answer(3, &[1], Changes),
        Answer(2, &[2], Restart),
        Answer(3, &[1], Changes),
        Answer(1, &[4], Committed),
    ];
    let expected = Expected {
        asked: "first, next, end, first, next",
        told: &[1, 4],
        counted: Some((4, 2, 2)),
    };
    check(2, answers, &expected);
}

#[test]
fn what_is_committed_so_far_stays_whatever_comes_of_the_rows_behind_it() {
    let first = || [Answer(3, &[1], CommittedSoFar(&[7, 8, 9]))];
    let asked = "first, rows 7 8 9, next";
    // They go through.
    let rest = [Answer(1, &[2], Changes), Answer(1, &[3], Committed)];
    let expected = Expected {
        asked,
        told: &[1, 2, 3],
        counted: Some((5, 3, 3)),
    };
    check(1, first().into_iter().chain(rest), &expected);
    // The database fails: nobody counts, but the conflicts of what is committed were told.
    let rest = [Answer(1, &[2], Changes), Answer(0, &[], Nothing)];
    let expected = Expected {
        asked,
        told: &[1],
        counted: None,
    };
    check(1, first().into_iter().chain(rest), &expected);
    // All starts again, and only what is new is told.
    let rest = [
        Answer(1, &[2], Changes),
        Answer(1, &[3], Restart),
        Answer(1, &[4], Committed),
    ];
    let expected = Expected {
        asked: "first, rows 7 8 9, next, end, first",
        told: &[1, 4],
        counted: Some((4, 2, 2)),
    };
    check(1, first().into_iter().chain(rest), &expected);
}

#[test]
fn what_is_undone_since_is_neither_counted_nor_told() {
    let answers = [
        Answer(3, &[1], CommittedSoFar(&[5, 6, 7])),
        // The second batch of these rows is on its way already, and of no use.
        Answer(1, &[2], UndoneSince(&[5, 6])),
        Answer(2, &[2], CommittedSoFar(&[7])),
        Answer(0, &[7], UndoneSince(&[7])),
        Answer(0, &[], Committed),
    ];
    let expected = Expected {
        asked: "first, rows 5 6 7, next, rows 5 6, rows 7, rows 7",
        told: &[1, 2],
        counted: Some((5, 2, 3)),
    };
    check(1, answers, &expected);
}

#[test]
fn the_conflicts_of_a_commit_that_may_have_come_through_are_told() {
    for (wants, told) in [(InDoubt, &[1, 2][..]), (Nothing, &[])] {
        let answers = [Answer(3, &[1], Changes), Answer(2, &[2], wants)];
        let expected = Expected {
            asked: "first, next",
            told,
            counted: None,
        };
        check(2, answers, &expected);
    }
}

#[test]
fn who_asks_for_what_cannot_be_is_refused() {
    for (batches, wants, asked) in [
        (1, Changes, "first"),
        (2, Rows(&[1]), "first, next"),
        (2, CommittedSoFar(&[1]), "first, next"),
    ] {
        let expected = Expected {
            asked,
            told: &[],
            counted: None,
        };
        check(batches, [Answer(1, &[1], wants)], &expected);
    }
}
