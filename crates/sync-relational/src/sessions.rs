//! The sessions that a provider takes part in, and the hand-over of calls to the owner of each connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, Ending,
    ProviderError, ReplicaInfo, SessionId, SyncBatchParameters, TableKeys,
};
use tokio::sync::{mpsc, oneshot};

use crate::session::{Call, StopFlag, serve};
use crate::store::Store;

/// Where the calls of a session run.
pub trait Owner: Send + Sync {
    /// Runs `work` to its end, off the caller's thread if the engine blocks.
    fn spawn(
        &self,
        work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Result<(), ProviderError>;
}

/// The sessions of one provider. A relational provider opens a [`Store`] and leaves the rest of the contract to this.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<HashMap<SessionId, Handle>>,
    handler: Option<Arc<dyn ApplyHandler>>,
}

#[derive(Clone, Debug)]
struct Handle {
    calls: mpsc::Sender<Call>,
    stop: StopFlag,
}

impl Sessions {
    /// No session yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a handler that decides about rows that meet a conflict or cannot be written.
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        let handler = Some(handler);
        Sessions { handler, ..self }
    }

    /// Takes a store into a session, served by `owner`.
    ///
    /// # Errors
    /// The owner cannot run it.
    pub fn begin(
        &self,
        owner: &dyn Owner,
        store: Box<dyn Store>,
        begin: BeginSession,
    ) -> Result<ReplicaInfo, ProviderError> {
        let scope = store.scope();
        let info = ReplicaInfo {
            replica: scope.replica.clone(),
            description: scope.description.clone(),
            attributes: scope.attributes,
        };
        let (calls, receiver) = mpsc::channel(1);
        let stop = StopFlag::default();
        let session = begin.session;
        let served = serve(store, begin, self.handler.clone(), stop.clone(), receiver);
        owner.spawn(Box::pin(served))?;
        self.open().insert(session, Handle { calls, stop });
        Ok(info)
    }

    /// See [`SyncProvider::get_sync_batch_parameters`](sync_provider::SyncProvider::get_sync_batch_parameters).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn get_sync_batch_parameters(
        &self,
        session: SessionId,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.call(session, Call::Parameters).await
    }

    /// See [`SyncProvider::get_change_batch`](sync_provider::SyncProvider::get_change_batch).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn get_change_batch(
        &self,
        session: SessionId,
        request: ChangeBatchRequest,
    ) -> Result<ChangeBatch, ProviderError> {
        self.call(session, |answer| Call::Changes(request, answer))
            .await
    }

    /// See [`SyncProvider::rows_by_key`](sync_provider::SyncProvider::rows_by_key).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn rows_by_key(
        &self,
        session: SessionId,
        keys: Vec<TableKeys>,
    ) -> Result<ChangeBatch, ProviderError> {
        self.call(session, |answer| Call::Rows(keys, answer)).await
    }

    /// See [`SyncProvider::end_enumeration`](sync_provider::SyncProvider::end_enumeration).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn end_enumeration(&self, session: SessionId) -> Result<(), ProviderError> {
        self.call(session, Call::EndEnumeration).await
    }

    /// See [`SyncProvider::process_change_batch`](sync_provider::SyncProvider::process_change_batch).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn process_change_batch(
        &self,
        session: SessionId,
        batch: ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        self.call(session, |answer| Call::Process(Box::new(batch), answer))
            .await
    }

    /// See [`SyncProvider::end_session`](sync_provider::SyncProvider::end_session). A session that was never begun is ended already.
    ///
    /// # Errors
    /// The store fails while it is let go.
    pub async fn end_session(
        &self,
        session: SessionId,
        ending: Ending,
    ) -> Result<(), ProviderError> {
        let Some(handle) = self.open().remove(&session) else {
            return Ok(());
        };
        if ending == Ending::Aborted {
            handle.stop.stop();
        }
        ask(&handle, Call::End).await
    }

    /// See [`SyncProvider::abandon`](sync_provider::SyncProvider::abandon): the owner finds its caller gone and undoes what is open.
    pub fn abandon(&self, session: SessionId) {
        if let Some(handle) = self.open().remove(&session) {
            handle.stop.stop();
        }
    }

    async fn call<T>(
        &self,
        session: SessionId,
        call: impl FnOnce(oneshot::Sender<Result<T, ProviderError>>) -> Call,
    ) -> Result<T, ProviderError> {
        let handle = self.open().get(&session).cloned();
        let handle = handle.ok_or_else(|| {
            ProviderError::malformed("session", "a call names a session that was not begun")
        })?;
        ask(&handle, call).await
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Handle>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask<T>(
    handle: &Handle,
    call: impl FnOnce(oneshot::Sender<Result<T, ProviderError>>) -> Call,
) -> Result<T, ProviderError> {
    let gone = || {
        ProviderError::database(
            "session",
            "the connection of the session is gone",
            "run it again",
        )
    };
    let (answer, waiting) = oneshot::channel();
    handle.calls.send(call(answer)).await.map_err(|_| gone())?;
    waiting.await.map_err(|_| gone())?
}
