//! One session at one provider: the calls of the contract, served in turn by whoever owns the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sync_provider::{
    ApplyHandler, BatchKind, BatchOutcome, BeginSession, Calls, Capability, ChangeBatch,
    ChangeBatchRequest, ContractVersion, Next, ProviderError, ReplicaInfo, SyncBatchParameters,
    Turn,
};
use tokio::sync::{mpsc, oneshot};

use crate::apply::{Applying, Settling, Step};
use crate::caution::Caution;
use crate::enumerate::Enumeration;
use crate::in_doubt::InDoubtCommit;
use crate::knowledge_pair::is_idle;
use crate::place::{Coming, Place};
use crate::retries::Retries;
use crate::scope::own_knowledge;
use crate::store::{Attempt, ScopeState, Store, Waiting};

/// A call of the contract on its way to the owner of the connection.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) asked: Asked,
    pub(crate) answer: oneshot::Sender<Result<Answer, ProviderError>>,
}

/// What is asked of a session.
#[derive(Debug)]
pub(crate) enum Asked {
    /// What the replica says of itself, when the session begins.
    Begin,
    /// A call by its number.
    Call(u64, Verb),
    /// The end of the session.
    End,
}

/// The numbered calls.
#[derive(Debug)]
pub(crate) enum Verb {
    Parameters,
    Changes(ChangeBatchRequest),
    EndEnumeration,
    Process(Arc<ChangeBatch>),
}

/// What a call is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Info(Box<ReplicaInfo>),
    Parameters(SyncBatchParameters),
    Batch(Arc<ChangeBatch>),
    Outcome(BatchOutcome),
    Nothing,
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
    capabilities: &'static [Capability],
    handler: Option<Arc<dyn ApplyHandler>>,
    stop: StopFlag,
    mut requests: mpsc::Receiver<Request>,
) {
    let lease = begin.lease;
    let mut session = Session {
        begin,
        capabilities,
        calls: Calls::default(),
        series: 0,
        place: Place::START,
        handler,
        stop,
        enumeration: None,
        applying: None,
        caution: Caution::default(),
        seen: None,
        busy: 0,
        retries: Retries::default(),
    };
    while let Some(Request { asked, answer }) = next_request(&mut requests, lease).await {
        let store = store.as_mut();
        let (done, over) = match asked {
            Asked::Begin => (session.info(store).await, false),
            Asked::Call(number, verb) => (session.call(store, number, verb).await, false),
            Asked::End => (session.end(store).await.map(|()| Answer::Nothing), true),
        };
        // An answer that nobody waits for any more is dropped.
        drop(answer.send(done));
        if over {
            return;
        }
    }
    undo(store.as_mut()).await;
}

/// The next request; `None` when the caller is gone, or has not called for longer than its lease.
async fn next_request(
    requests: &mut mpsc::Receiver<Request>,
    lease: Option<Duration>,
) -> Option<Request> {
    let Some(lease) = lease else {
        return requests.recv().await;
    };
    let next = tokio::time::timeout(lease, requests.recv()).await;
    next.unwrap_or_else(|_| {
        tracing::warn!(?lease, "a session is let go, for nobody has called");
        None
    })
}

struct Session {
    begin: BeginSession,
    /// What the provider can do, whatever the scope.
    capabilities: &'static [Capability],
    calls: Calls<Answer>,
    /// How many series of batches were asked for.
    series: u32,
    place: Place,
    handler: Option<Arc<dyn ApplyHandler>>,
    stop: StopFlag,
    enumeration: Option<Enumeration>,
    applying: Option<Box<Applying>>,
    caution: Caution,
    /// The scope row as the session or the direction to this replica found it.
    seen: Option<(ScopeState, Vec<Waiting>)>,
    busy: u32,
    retries: Retries,
}

impl Session {
    /// What the replica says of itself. The scope row is read for it, and serves the first direction as well.
    async fn info(&mut self, store: &mut dyn Store) -> Result<Answer, ProviderError> {
        let (state, waiting) = loop {
            match store.state().await {
                Err(error) if error.is_transient() => self.recover(store, error).await?,
                state => break state?,
            }
        };
        let knowledge = match &state.knowledge {
            Some(bytes) => bytes.clone(),
            None => own_knowledge(store.scope(), None)?.to_bytes(),
        };
        let scope = store.scope();
        let (replica, description) = (scope.replica.clone(), scope.description.clone());
        let mut info = ReplicaInfo::new(replica, description, knowledge);
        info.contract = self.begin.contract.min(ContractVersion::CURRENT);
        info.tick = state.mark;
        info.forgotten = state.forgotten.clone().unwrap_or_default();
        info.capabilities.extend(self.capabilities);
        if scope.attributes {
            info.capabilities.insert(Capability::RowAttributes);
        }
        self.seen = Some((state, waiting));
        Ok(Answer::Info(Box::new(info)))
    }

    /// Carries a call out, unless it was before: then it is answered as it was then.
    async fn call(
        &mut self,
        store: &mut dyn Store,
        number: u64,
        verb: Verb,
    ) -> Result<Answer, ProviderError> {
        if let Turn::Repeated(answer) = self.calls.turn(number)? {
            return answer;
        }
        let answer = match verb {
            Verb::Parameters => self.parameters(store).await.map(Answer::Parameters),
            Verb::Changes(request) => {
                let batch = self.changes(store, request).await;
                batch.map(|batch| Answer::Batch(Arc::new(batch)))
            }
            Verb::EndEnumeration => self.let_go(store).await.map(|()| Answer::Nothing),
            Verb::Process(batch) => self.process(store, &batch).await.map(Answer::Outcome),
        };
        self.calls.answered(number, &answer);
        answer
    }

    async fn parameters(
        &mut self,
        store: &mut dyn Store,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.place.next = Coming::FirstChanges;
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
        let (state, waiting) = match self.seen.take() {
            Some(seen) => seen,
            None => store.state().await?,
        };
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
        let series = self.series + 1;
        let batch = match request {
            ChangeBatchRequest::First(parameters) => {
                self.series = series;
                self.close_enumeration(store).await?;
                let seen = self.seen.take().map(|(state, _)| state);
                let bytes = self.begin.batch_bytes;
                let begun = Enumeration::begin(store, seen, parameters, series, bytes).await;
                if begun.is_err() {
                    // The snapshot may be open already, and a refused session must not hold it.
                    undo(store).await;
                }
                self.enumeration.insert(begun?).next_batch(store).await?
            }
            ChangeBatchRequest::Rows(keys) => {
                let enumeration = self.enumeration.as_mut().ok_or_else(out_of_turn)?;
                self.series = series;
                enumeration.rows_by_key(store, series, keys).await?
            }
            ChangeBatchRequest::Next => {
                let enumeration = self.enumeration.as_mut().ok_or_else(out_of_turn)?;
                enumeration.next_batch(store).await?
            }
            _ => {
                return Err(ProviderError::malformed(
                    "session",
                    "something was asked for that this version does not know",
                ));
            }
        };
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
        let outcome = match self.place.is_followed_by(batch) {
            true => self.process_next(store, batch).await,
            false => {
                self.applying = None;
                undo(store).await;
                Err(self.place.refusal(batch))
            }
        };
        let answer = outcome.as_ref().ok().map(|outcome| &outcome.next);
        self.place = self.place.after(batch, answer);
        outcome
    }

    async fn process_next(
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
            Some(applying) if self.place.next != Coming::FirstChanges => applying,
            None if self.place.next == Coming::FirstChanges => {
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
            Step::InDoubt(commit) => match self.find(store, &commit).await {
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
        commit: &InDoubtCommit,
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
        self.seen = None;
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
        "a call came out of turn: a direction begins with its first batch",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller that does not come back holds nothing for ever; one without a lease is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_by_itself() {
        let (requests, mut waiting) = mpsc::channel(1);
        let lease = Some(Duration::from_secs(60));
        assert!(next_request(&mut waiting, lease).await.is_none());
        let (answer, _answered) = oneshot::channel();
        let asked = Asked::End;
        requests.send(Request { asked, answer }).await.unwrap();
        assert!(next_request(&mut waiting, lease).await.is_some());
        drop(requests);
        assert!(next_request(&mut waiting, None).await.is_none());
    }
}
