//! One session at one provider: the calls of the contract, served in turn by whoever owns the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sync_provider::{
    BatchKind, BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, Next, ProviderError,
    SyncBatchParameters, TableKeys,
};
use tokio::sync::{mpsc, oneshot};

use crate::apply::{Applying, Step};
use crate::caution::Caution;
use crate::enumerate::Enumeration;
use crate::meeting::is_idle;
use crate::scope::own_knowledge;
use crate::store::{Attempt, Store};

type Answer<T> = oneshot::Sender<Result<T, ProviderError>>;

/// A call of the contract on its way to the owner of the connection.
#[derive(Debug)]
pub(crate) enum Call {
    Parameters(Answer<SyncBatchParameters>),
    Changes(ChangeBatchRequest, Answer<ChangeBatch>),
    Rows(Vec<TableKeys>, Answer<ChangeBatch>),
    EndEnumeration(Answer<()>),
    Process(Box<ChangeBatch>, Answer<BatchOutcome>),
    End(Answer<()>),
}

/// How often a direction starts again because another writer is in the way.
const MOST_BUSY: u32 = 15;

/// Set from outside; polled between slices.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks the session to stop at the next slice.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves the calls of one session until it ends or its caller is gone; whatever transaction is open then is undone.
pub(crate) async fn serve(
    mut store: Box<dyn Store>,
    begin: BeginSession,
    stop: StopFlag,
    mut calls: mpsc::Receiver<Call>,
) {
    let mut session = Session {
        begin,
        stop,
        enumeration: None,
        applying: None,
        caution: Caution::default(),
        busy: 0,
    };
    while let Some(call) = calls.recv().await {
        let store = store.as_mut();
        // An answer that nobody waits for any more is dropped.
        match call {
            Call::Parameters(answer) => drop(answer.send(session.parameters(store).await)),
            Call::Changes(request, answer) => {
                drop(answer.send(session.changes(store, request).await))
            }
            Call::Rows(keys, answer) => drop(answer.send(session.rows(store, keys).await)),
            Call::EndEnumeration(answer) => {
                drop(answer.send(session.close_enumeration(store).await))
            }
            Call::Process(batch, answer) => drop(answer.send(session.process(store, &batch).await)),
            Call::End(answer) => {
                drop(answer.send(store.rollback().await));
                return;
            }
        }
    }
    if let Err(error) = store.rollback().await {
        tracing::warn!(%error, "an abandoned session could not be rolled back");
    }
}

struct Session {
    begin: BeginSession,
    stop: StopFlag,
    enumeration: Option<Enumeration>,
    applying: Option<Box<Applying>>,
    caution: Caution,
    busy: u32,
}

impl Session {
    async fn parameters(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.close_enumeration(store).await?;
        let (state, waiting) = store.state().await?;
        let mut knowledge = own_knowledge(store.scope(), state.knowledge.as_deref())?;
        knowledge.set_local_tick(state.mark.max(knowledge.local_tick()));
        let remembered = waiting
            .into_iter()
            .map(|waiting| waiting.id.as_bytes().to_vec())
            .collect();
        Ok(SyncBatchParameters {
            knowledge: knowledge.to_bytes(),
            remembered,
        })
    }

    async fn changes(
        &mut self,
        store: &mut dyn Store,
        request: ChangeBatchRequest,
    ) -> Result<ChangeBatch, ProviderError> {
        self.check_stop()?;
        if let ChangeBatchRequest::First(parameters) = request {
            self.close_enumeration(store).await?;
            let begun = Enumeration::begin(store, parameters, self.begin.batch_bytes).await;
            if begun.is_err() {
                // The snapshot may be open already, and a refused session must not hold it.
                store.rollback().await?;
            }
            self.enumeration = Some(begun?);
        }
        let enumeration = self.enumeration.as_mut().ok_or_else(out_of_turn)?;
        let batch = enumeration.next_batch(store).await?;
        self.unless_busy(batch)
    }

    async fn rows(
        &mut self,
        store: &mut dyn Store,
        keys: Vec<TableKeys>,
    ) -> Result<ChangeBatch, ProviderError> {
        self.check_stop()?;
        let enumeration = self.enumeration.as_mut().ok_or_else(out_of_turn)?;
        let batch = enumeration.rows_by_key(store, keys).await?;
        self.unless_busy(batch)
    }

    /// A batch, or that there is none now; the error that says why where that was the case too often.
    fn unless_busy(&mut self, batch: Attempt<ChangeBatch>) -> Result<ChangeBatch, ProviderError> {
        match batch {
            Attempt::Done(batch) => Ok(batch),
            Attempt::Busy(error) => {
                self.is_busy(error)?;
                let enumeration = self.enumeration.as_mut().ok_or_else(out_of_turn)?;
                Ok(enumeration.empty_batch(BatchKind::Busy))
            }
        }
    }

    fn is_busy(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        if self.busy == MOST_BUSY {
            return Err(error);
        }
        self.busy += 1;
        Ok(())
    }

    async fn process(
        &mut self,
        store: &mut dyn Store,
        batch: &ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        match self.try_process(store, batch).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                self.applying = None;
                store.rollback().await?;
                Err(error)
            }
        }
    }

    async fn try_process(
        &mut self,
        store: &mut dyn Store,
        batch: &ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        self.check_stop()?;
        if batch.kind == BatchKind::Busy {
            self.applying = None;
            store.rollback().await?;
            return Ok(restart());
        }
        let applying = match self.applying.take() {
            Some(applying) if batch.sequence > 0 => applying,
            None if batch.sequence == 0 && !batch.kind.is_repeated() => {
                self.close_enumeration(store).await?;
                if is_idle(store, batch).await? {
                    return Ok(BatchOutcome {
                        next: Next::Committed,
                        ..BatchOutcome::default()
                    });
                }
                let (policy, position) = (self.begin.policy.clone(), self.begin.position);
                match Applying::begin(store, batch, policy, position, self.caution.clone()).await? {
                    Attempt::Done(applying) => applying,
                    Attempt::Busy(error) if batch.kind.more_follow() => {
                        self.is_busy(error)?;
                        return Ok(restart());
                    }
                    Attempt::Busy(error) => return Err(error),
                }
            }
            _ => return Err(out_of_turn()),
        };
        let stop = self.stop.clone();
        match applying
            .process(store, batch, &|| stop.is_stopped())
            .await?
        {
            Step::Going(applying, outcome) => {
                self.applying = Some(applying);
                Ok(outcome)
            }
            Step::Done(outcome) => {
                self.caution = Caution::default();
                self.busy = 0;
                Ok(outcome)
            }
            Step::Again(caution) => {
                self.caution = caution;
                Ok(restart())
            }
        }
    }

    async fn close_enumeration(&mut self, store: &mut dyn Store) -> Result<(), ProviderError> {
        match self.enumeration.take() {
            Some(_) => store.end_enumeration().await,
            None => Ok(()),
        }
    }

    fn check_stop(&self) -> Result<(), ProviderError> {
        if self.stop.is_stopped() {
            Err(ProviderError::Cancelled)
        } else {
            Ok(())
        }
    }
}

fn restart() -> BatchOutcome {
    BatchOutcome {
        next: Next::Restart,
        ..BatchOutcome::default()
    }
}

fn out_of_turn() -> ProviderError {
    ProviderError::malformed(
        "session",
        "a call came out of turn: batches are numbered from 0 and follow each other",
    )
}
