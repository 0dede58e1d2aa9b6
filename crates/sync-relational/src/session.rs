//! One session at one provider: the calls of the contract, served in turn by whoever owns the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sync_provider::{
    ApplyHandler, BatchKind, BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, Next,
    ProviderError, SyncBatchParameters, TableKeys,
};
use tokio::sync::{mpsc, oneshot};

use crate::apply::{Applying, Settling, Step};
use crate::caution::Caution;
use crate::enumerate::Enumeration;
use crate::meeting::is_idle;
use crate::retries::Retries;
use crate::scope::own_knowledge;
use crate::store::{Attempt, ScopeState, Store, Waiting};
use crate::unanswered::Unanswered;

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
/// How long a pause goes on before somebody who wants the session to stop is heard.
const NAP: Duration = Duration::from_millis(100);

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
    handler: Option<Arc<dyn ApplyHandler>>,
    stop: StopFlag,
    mut calls: mpsc::Receiver<Call>,
) {
    let mut session = Session {
        begin,
        handler,
        stop,
        enumeration: None,
        applying: None,
        caution: Caution::default(),
        seen: None,
        busy: 0,
        retries: Retries::default(),
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
            Call::EndEnumeration(answer) => drop(answer.send(session.let_go(store).await)),
            Call::Process(batch, answer) => drop(answer.send(session.process(store, &batch).await)),
            Call::End(answer) => {
                drop(answer.send(session.end(store).await));
                return;
            }
        }
    }
    undo(store.as_mut()).await;
}

struct Session {
    begin: BeginSession,
    handler: Option<Arc<dyn ApplyHandler>>,
    stop: StopFlag,
    enumeration: Option<Enumeration>,
    applying: Option<Box<Applying>>,
    caution: Caution,
    /// The scope row as the direction to this replica found it.
    seen: Option<(ScopeState, Vec<Waiting>)>,
    busy: u32,
    retries: Retries,
}

impl Session {
    async fn parameters(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<SyncBatchParameters, ProviderError> {
        loop {
            match self.try_parameters(store).await {
                Err(error) if error.is_transient() => self.recover(store, error).await?,
                answer => return answer,
            }
        }
    }

    async fn try_parameters(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.close_enumeration(store).await?;
        let (state, waiting) = store.state().await?;
        let mut knowledge = own_knowledge(store.scope(), state.knowledge.as_deref())?;
        knowledge.set_local_tick(state.mark.max(knowledge.local_tick()));
        let remembered = waiting
            .iter()
            .map(|waiting| waiting.id.as_bytes().to_vec())
            .collect();
        self.seen = Some((state, waiting));
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
        let batch = self.try_changes(store, request).await;
        self.or_nothing(store, batch).await
    }

    async fn try_changes(
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
                undo(store).await;
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
        let batch = self.try_rows(store, keys).await;
        self.or_nothing(store, batch).await
    }

    async fn try_rows(
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
                Ok(ChangeBatch::nothing())
            }
        }
    }

    /// A batch, or that there is none now, over a fresh connection: the direction starts again.
    async fn or_nothing(
        &mut self,
        store: &mut dyn Store,
        batch: Result<ChangeBatch, ProviderError>,
    ) -> Result<ChangeBatch, ProviderError> {
        match batch {
            Err(error) if error.is_transient() => {
                self.recover(store, error).await?;
                Ok(ChangeBatch::nothing())
            }
            batch => batch,
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
        let error = match self.try_process(store, batch).await {
            Err(error) if error.is_transient() => match self.recover(store, error).await {
                Ok(()) => return Ok(restart()),
                Err(error) => error,
            },
            Err(error) => error,
            outcome => return outcome,
        };
        self.applying = None;
        undo(store).await;
        Err(error)
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
                if is_idle(store, batch, self.seen.take()).await? {
                    return Ok(BatchOutcome {
                        next: Next::Committed,
                        ..BatchOutcome::default()
                    });
                }
                let rules = Settling {
                    policy: self.begin.policy.clone(),
                    errors: self.begin.errors,
                    rehearsal: self.begin.rehearsal,
                    handler: self.handler.clone(),
                };
                let (position, caution) = (self.begin.position, self.caution.clone());
                match Applying::begin(store, batch, rules, position, caution).await? {
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
            Step::Done(outcome) => Ok(self.committed(outcome)),
            Step::Unanswered(commit) => match self.find(store, &commit).await {
                Ok(true) => Ok(self.committed(commit.outcome)),
                Ok(false) => Ok(restart()),
                Err(error) => {
                    undo(store).await;
                    Ok(commit.left_open(error))
                }
            },
            Step::Again(caution) => {
                self.caution = caution;
                Ok(restart())
            }
        }
    }

    /// Looks over a fresh connection whether a commit came through.
    async fn find(
        &mut self,
        store: &mut dyn Store,
        commit: &Unanswered,
    ) -> Result<bool, ProviderError> {
        let mut error = commit.error.clone();
        loop {
            self.recover(store, error).await?;
            match store.state().await {
                Ok((state, _)) => {
                    let came_through = commit.came_through(&state);
                    tracing::info!(?came_through, "a commit whose answer was lost");
                    return came_through.ok_or_else(|| commit.error.clone());
                }
                Err(another) => error = another,
            }
        }
    }

    /// A lost connection has let go of everything already.
    async fn let_go(&mut self, store: &mut dyn Store) -> Result<(), ProviderError> {
        match self.close_enumeration(store).await {
            Err(error) if error.is_transient() => self.recover(store, error).await,
            answer => answer,
        }
    }

    fn committed(&mut self, outcome: BatchOutcome) -> BatchOutcome {
        self.caution = Caution::default();
        self.busy = 0;
        self.retries = Retries::default();
        outcome
    }

    /// After a transient error: waits, and has a fresh connection made. What was under way is gone; the direction starts again, and what
    /// was learned before the error is in the scope row.
    async fn recover(
        &mut self,
        store: &mut dyn Store,
        mut error: ProviderError,
    ) -> Result<(), ProviderError> {
        self.enumeration = None;
        self.applying = None;
        loop {
            let pause = match error.is_transient() {
                true => self.retries.pause(),
                false => None,
            };
            let Some(pause) = pause else {
                return Err(error);
            };
            tracing::warn!(%error, ?pause, "trying again over a fresh connection");
            let mut left = pause;
            while !left.is_zero() {
                self.check_stop()?;
                store.wait(left.min(NAP)).await;
                left = left.saturating_sub(NAP);
            }
            match store.reconnect().await {
                Ok(()) => return Ok(()),
                Err(another) => error = another,
            }
        }
    }

    /// A connection that is lost by now holds nothing open, and what was committed stays.
    async fn end(&mut self, store: &mut dyn Store) -> Result<(), ProviderError> {
        match store.rollback().await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the connection was lost at the end of the session");
                Ok(())
            }
            answer => answer,
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

/// Undoes what is open, after an error that says more than one that undoing it meets.
async fn undo(store: &mut dyn Store) {
    if let Err(error) = store.rollback().await {
        tracing::warn!(%error, "a transaction could not be rolled back; it ends with its connection");
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
