//! A memory replica behind the provider contract.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::apply::{Beside, Direction};
use crate::replica::MemoryReplica;
use sync_decision::Selection;
use sync_provider::{
    ApplyHandler, BatchKind, BatchOutcome, ChangeBatch, ChangeBatchRequest, Ending, Next,
    ProviderError, SyncBatchParameters, SyncProvider, TableChanges, TableKeys,
};
use sync_provider::{BeginSession, ReplicaInfo, RowSet, SessionId};

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
    outgoing: Option<Outgoing>,
    incoming: Vec<ChangeBatch>,
}

#[derive(Debug)]
struct Outgoing {
    snapshot: MemoryReplica,
    selection: Selection,
    batches: VecDeque<ChangeBatch>,
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

    fn with_session<T>(
        &self,
        id: SessionId,
        run: impl FnOnce(&mut Session) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&id);
        run(session.ok_or_else(|| {
            ProviderError::malformed("session", "a call names a session that was not begun")
        })?)
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
            ReplicaInfo {
                replica: replica.id().clone(),
                description: replica.description().clone(),
                attributes: true,
            }
        };
        let session = Session {
            begin: request.clone(),
            replica,
            outgoing: None,
            incoming: Vec::new(),
        };
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request.session, session);
        Ok(info)
    }

    async fn get_sync_batch_parameters(
        &self,
        session: SessionId,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.with_session(session, |state| Ok(lock(&state.replica).parameters()))
    }

    async fn get_change_batch(
        &self,
        session: SessionId,
        request: ChangeBatchRequest,
    ) -> Result<ChangeBatch, ProviderError> {
        self.with_session(session, |state| {
            if let ChangeBatchRequest::First(parameters) = request {
                let mut replica = lock(&state.replica);
                let selection = replica.select(parameters)?;
                let changes = replica.changes(&selection);
                let batches = split(changes, state.begin.batch_bytes);
                state.outgoing = Some(Outgoing {
                    snapshot: replica.clone(),
                    selection,
                    batches,
                    sequence: 0,
                });
            }
            state.outgoing.as_mut().ok_or_else(out_of_turn)?.next()
        })
    }

    async fn rows_by_key(
        &self,
        session: SessionId,
        keys: Vec<TableKeys>,
    ) -> Result<ChangeBatch, ProviderError> {
        self.with_session(session, |state| {
            let outgoing = state.outgoing.as_mut().ok_or_else(out_of_turn)?;
            let tables = outgoing.snapshot.rows_by_key(&outgoing.selection, &keys)?;
            let whole = empty_batch(BatchKind::LastRepeats, tables);
            outgoing.batches = split(whole, state.begin.batch_bytes);
            outgoing.next()
        })
    }

    async fn process_change_batch(
        &self,
        session: SessionId,
        batch: ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        self.with_session(session, |state| {
            let kind = batch.kind;
            if batch.sequence == 0 {
                state.incoming.clear();
            }
            state.incoming.push(batch);
            let mut replica = lock(&state.replica);
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
                        policy: state.begin.policy.clone(),
                        position: state.begin.position,
                    };
                    let beside = Beside {
                        handler: self.handler.as_deref(),
                        errors: state.begin.errors,
                        rehearsal: state.begin.rehearsal,
                    };
                    replica.apply(&std::mem::take(&mut state.incoming), &direction, beside)
                }
            }
        })
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
        batch.sequence = self.sequence;
        self.sequence += 1;
        Ok(batch)
    }
}

fn empty_batch(kind: BatchKind, tables: Vec<TableChanges>) -> ChangeBatch {
    ChangeBatch {
        sequence: 0,
        kind,
        made_with: Vec::new(),
        forgotten: Vec::new(),
        tables,
        examined: 0,
        orphans: Vec::new(),
        unsent: Vec::new(),
    }
}

/// Cuts one batch into several of at most `bytes` each; a row that is larger is alone in one.
fn split(whole: ChangeBatch, bytes: u64) -> VecDeque<ChangeBatch> {
    let last = whole.kind;
    let kind = match last.is_repeated() {
        true => BatchKind::Repeats,
        false => BatchKind::Changes,
    };
    let mut batches = VecDeque::from([ChangeBatch {
        tables: Vec::new(),
        kind,
        ..whole.clone()
    }]);
    let mut size = 0;
    for changes in whole.tables {
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
