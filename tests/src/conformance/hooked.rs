//! A provider with something in between: a scenario sees each call before it is passed on, and can let it fail.

use std::sync::Arc;

use async_trait::async_trait;
use sync_provider::{
    BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider, TableKeys,
};

/// A call of the contract, before it is passed on.
#[derive(Debug)]
pub enum Call<'a> {
    /// `begin_session`.
    Begin,
    /// `get_sync_batch_parameters`.
    Parameters,
    /// `get_change_batch`.
    Changes,
    /// `rows_by_key`.
    Rows(&'a [TableKeys]),
    /// `process_change_batch`.
    Process(&'a ChangeBatch),
}

type Hook = Box<dyn Fn(Call<'_>) -> Result<(), ProviderError> + Send + Sync>;

/// The provider with the hook.
pub struct Hooked {
    inner: Arc<dyn SyncProvider>,
    hook: Hook,
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooked").finish_non_exhaustive()
    }
}

impl Hooked {
    /// Calls `hook` before each call of `inner`; an error is the call's answer.
    pub fn wrap(
        inner: Arc<dyn SyncProvider>,
        hook: impl Fn(Call<'_>) -> Result<(), ProviderError> + Send + Sync + 'static,
    ) -> Arc<dyn SyncProvider> {
        let hook = Box::new(hook);
        Arc::new(Hooked { inner, hook })
    }
}

#[async_trait]
impl SyncProvider for Hooked {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        (self.hook)(Call::Begin)?;
        self.inner.begin_session(request).await
    }

    async fn get_sync_batch_parameters(
        &self,
        session: SessionId,
    ) -> Result<SyncBatchParameters, ProviderError> {
        (self.hook)(Call::Parameters)?;
        self.inner.get_sync_batch_parameters(session).await
    }

    async fn get_change_batch(
        &self,
        session: SessionId,
        request: ChangeBatchRequest,
    ) -> Result<ChangeBatch, ProviderError> {
        (self.hook)(Call::Changes)?;
        self.inner.get_change_batch(session, request).await
    }

    async fn rows_by_key(
        &self,
        session: SessionId,
        keys: Vec<TableKeys>,
    ) -> Result<ChangeBatch, ProviderError> {
        (self.hook)(Call::Rows(&keys))?;
        self.inner.rows_by_key(session, keys).await
    }

    async fn end_enumeration(&self, session: SessionId) -> Result<(), ProviderError> {
        self.inner.end_enumeration(session).await
    }

    async fn process_change_batch(
        &self,
        session: SessionId,
        batch: ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        (self.hook)(Call::Process(&batch))?;
        self.inner.process_change_batch(session, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.inner.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.inner.abandon(session);
    }
}
