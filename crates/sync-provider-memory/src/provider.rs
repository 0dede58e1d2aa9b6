//! A memory replica behind the provider contract.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::apply::{Beside, Direction};
use crate::replica::MemoryReplica;
use sync_decision::Selection;
use sync_provider::{
    ApplyHandler, BatchKind, BatchOutcome, BeginSession, Call, Calls, ChangeBatch,
    ChangeBatchRequest, Ending, Next, ProviderError, ReplicaInfo, RowSet, SessionId,
    SyncBatchParameters, SyncProvider, TableChanges, Turn,
};

/// A [`MemoryReplica`] that takes part in sessions. Clones share the replica.
#[derive(Clone, Debug)]
pub struct MemoryProvider {
    replica: Arc<Mutex<MemoryReplica>>,
    sessions: Arc<Mutex<HashMap<SessionId, Session>>>,
    handler: Option<Arc<dyn ApplyHandler>>,
}

#[derive(Debug)]
struct Session {
    begin: BeginSession,
    /// The replica itself, or a copy that goes with the session.
    replica: Arc<Mutex<MemoryReplica>>,
    calls: Calls<Answer>,
    /// How many series of batches were asked for.
    series: u32,
    outgoing: Option<Outgoing>,
    incoming: Vec<ChangeBatch>,
}

/// What a call is answered with.
#[derive(Clone, Debug)]
enum Answer {
    Parameters(SyncBatchParameters),
    Batch(Arc<ChangeBatch>),
    Outcome(BatchOutcome),
    Nothing,
}

#[derive(Debug)]
struct Outgoing {
    snapshot: MemoryReplica,
    selection: Selection,
    batches: VecDeque<ChangeBatch>,
    series: u32,
    sequence: u32,
}

impl MemoryProvider {
    /// Takes a replica in.
    pub fn new(replica: MemoryReplica) -> Self {
        MemoryProvider {
            replica: Arc::new(Mutex::new(replica)),
            sessions: Arc::default(),
            handler: None,
        }
    }

    /// Lets a handler decide about rows that meet a conflict or cannot be written here.
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        let handler = Some(handler);
        MemoryProvider { handler, ..self }
    }

    /// The replica, for local writes and for a look at its rows.
    pub fn replica(&self) -> MutexGuard<'_, MemoryReplica> {
        lock(&self.replica)
    }

    /// Carries a call out, unless it was before.
    fn call(
        &self,
        call: Call,
        run: impl FnOnce(&mut Session) -> Result<Answer, ProviderError>,
    ) -> Result<Answer, ProviderError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&call.session);
        let session = session.ok_or_else(|| {
            ProviderError::malformed("session", "a call names a session that was not begun")
        })?;
        if let Turn::Repeated(answer) = session.calls.turn(call.number)? {
            return answer;
        }
        let answer = run(session);
        session.calls.answered(call.number, &answer);
        answer
    }
}

impl Session {
    fn next_batch(&mut self, request: ChangeBatchRequest) -> Result<ChangeBatch, ProviderError> {
        let bytes = self.begin.batch_bytes;
        match request {
            ChangeBatchRequest::First(parameters) => {
                let mut replica = lock(&self.replica);
                let selection = replica.select(parameters)?;
                let changes = replica.changes(&selection);
                self.series += 1;
                self.outgoing = Some(Outgoing {
                    snapshot: replica.clone(),
                    selection,
                    batches: split(changes, bytes),
                    series: self.series,
                    sequence: 0,
                });
            }
            ChangeBatchRequest::Rows(keys) => {
                let outgoing = self.outgoing.as_mut().ok_or_else(out_of_turn)?;
                let tables = outgoing.snapshot.rows_by_key(&outgoing.selection, &keys)?;
                self.series += 1;
                (outgoing.series, outgoing.sequence) = (self.series, 0);
                outgoing.batches = split(empty_batch(BatchKind::LastRepeats, tables), bytes);
            }
            _ => {}
        }
        self.outgoing.as_mut().ok_or_else(out_of_turn)?.next()
    }

    fn process(
        &mut self,
        batch: ChangeBatch,
        handler: Option<&dyn ApplyHandler>,
    ) -> Result<BatchOutcome, ProviderError> {
        let kind = batch.kind;
        if !kind.is_repeated() && batch.sequence == 0 {
            self.incoming.clear();
        }
        let follows = self.incoming.last().is_none_or(|last| {
            let next = (last.series, last.sequence + 1);
            batch.sequence == 0 || next == (batch.series, batch.sequence)
        });
        if !follows {
            return Err(out_of_turn());
        }
        self.incoming.push(batch);
        let mut replica = lock(&self.replica);
        match kind {
            BatchKind::Changes | BatchKind::Repeats => Ok(BatchOutcome::default()),
            BatchKind::Busy => Ok(BatchOutcome {
                next: Next::Restart,
                ..BatchOutcome::default()
            }),
            BatchKind::LastChanges if replica.waiting() > 0 => Ok(BatchOutcome {
                next: Next::Rows(replica.wanted()),
                ..BatchOutcome::default()
            }),
            BatchKind::LastChanges | BatchKind::LastRepeats => {
                let direction = Direction {
                    policy: self.begin.policy.clone(),
                    position: self.begin.position,
                };
                let beside = Beside {
                    handler,
                    errors: self.begin.errors,
                    rehearsal: self.begin.rehearsal,
                };
                replica.apply(&std::mem::take(&mut self.incoming), &direction, beside)
            }
        }
    }
}

#[async_trait]
impl SyncProvider for MemoryProvider {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        let replica = match request.rehearsal {
            true => Arc::new(Mutex::new(self.replica().clone())),
            false => Arc::clone(&self.replica),
        };
        let info = {
            let replica = lock(&replica);
            request.check(&replica.description().name)?;
            replica.info()
        };
        let session = Session {
            begin: request.clone(),
            replica,
            calls: Calls::default(),
            series: 0,
            outgoing: None,
            incoming: Vec::new(),
        };
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(request.session)
            .or_insert(session);
        Ok(info)
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        let answer = self.call(call, |state| {
            Ok(Answer::Parameters(lock(&state.replica).parameters()))
        });
        match answer? {
            Answer::Parameters(parameters) => Ok(parameters),
            _ => Err(out_of_turn()),
        }
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        let answer = self.call(call, |state| {
            let batch = state.next_batch(request)?;
            Ok(Answer::Batch(Arc::new(batch)))
        });
        match answer? {
            Answer::Batch(batch) => Ok(batch),
            _ => Err(out_of_turn()),
        }
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.call(call, |_| Ok(Answer::Nothing)).map(drop)
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        let handler = self.handler.as_deref();
        let answer = self.call(call, |state| {
            let outcome = state.process(ChangeBatch::clone(&batch), handler)?;
            Ok(Answer::Outcome(outcome))
        });
        match answer? {
            Answer::Outcome(outcome) => Ok(outcome),
            _ => Err(out_of_turn()),
        }
    }

    async fn end_session(&self, session: SessionId, _ending: Ending) -> Result<(), ProviderError> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&session);
        Ok(())
    }
}

fn lock(replica: &Mutex<MemoryReplica>) -> MutexGuard<'_, MemoryReplica> {
    replica.lock().unwrap_or_else(PoisonError::into_inner)
}

fn out_of_turn() -> ProviderError {
    ProviderError::malformed(
        "session",
        "a batch was asked for before the enumeration began or after it ended",
    )
}

impl Outgoing {
    fn next(&mut self) -> Result<ChangeBatch, ProviderError> {
        let mut batch = self.batches.pop_front().ok_or_else(out_of_turn)?;
        (batch.series, batch.sequence) = (self.series, self.sequence);
        self.sequence += 1;
        Ok(batch)
    }
}

fn empty_batch(kind: BatchKind, tables: Vec<TableChanges>) -> ChangeBatch {
    let mut batch = ChangeBatch::new(kind);
    batch.tables = tables;
    batch
}

/// Cuts one batch into several of at most `bytes` each; a row that is larger is alone in one.
fn split(mut whole: ChangeBatch, bytes: u64) -> VecDeque<ChangeBatch> {
    let last = whole.kind;
    let kind = match last.is_repeated() {
        true => BatchKind::Repeats,
        false => BatchKind::Changes,
    };
    let tables = std::mem::take(&mut whole.tables);
    whole.kind = kind;
    let mut batches = VecDeque::from([whole]);
    let mut size = 0;
    for changes in tables {
        for (head, row) in changes.heads.iter().zip(changes.rows.iter()) {
            let row_bytes = row.as_bytes().len() as u64;
            if size > 0 && size + row_bytes > bytes {
                batches.push_back(empty_batch(kind, Vec::new()));
                size = 0;
            }
            size += row_bytes;
            let Some(batch) = batches.back_mut() else {
                continue;
            };
            if batch
                .tables
                .last()
                .is_none_or(|last| last.table != changes.table || last.deleted != changes.deleted)
            {
                let rows = RowSet::new(changes.columns.len());
                batch.tables.push(TableChanges {
                    heads: Vec::new(),
                    rows,
                    ..header(&changes)
                });
            }
            if let Some(last) = batch.tables.last_mut() {
                last.heads.push(*head);
                last.rows.push_row(row);
            }
        }
    }
    if let Some(batch) = batches.back_mut() {
        batch.kind = last;
    }
    batches
}

fn header(changes: &TableChanges) -> TableChanges {
    TableChanges {
        table: changes.table.clone(),
        columns: changes.columns.clone(),
        deleted: changes.deleted,
        heads: Vec::new(),
        rows: RowSet::new(changes.columns.len()),
    }
}
