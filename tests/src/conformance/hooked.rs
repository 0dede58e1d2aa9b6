//! A provider with something in between: a scenario sees each call before it is passed on, and can let it fail.

use std::sync::Arc;

use async_trait::async_trait;
use sync_provider::{
    BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};

/// What is called, before it is passed on.
#[derive(Debug)]
pub enum Seen<'a> {
    /// `begin_session`.
    Begin,
    /// `get_sync_batch_parameters`.
    Parameters,
    /// `get_change_batch`.
    Changes(&'a ChangeBatchRequest),
    /// `process_change_batch`.
    Process(&'a ChangeBatch),
}

type Hook = Box<dyn Fn(Seen<'_>) -> Result<(), ProviderError> + Send + Sync>;

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
        hook: impl Fn(Seen<'_>) -> Result<(), ProviderError> + Send + Sync + 'static,
    ) -> Arc<dyn SyncProvider> {
        let hook = Box::new(hook);
        Arc::new(Hooked { inner, hook })
    }
}

#[async_trait]
impl SyncProvider for Hooked {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        (self.hook)(Seen::Begin)?;
        self.inner.begin_session(request).await
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        (self.hook)(Seen::Parameters)?;
        self.inner.get_sync_batch_parameters(call).await
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        (self.hook)(Seen::Changes(&request))?;
        self.inner.get_change_batch(call, request).await
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.inner.end_enumeration(call).await
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        (self.hook)(Seen::Process(&batch))?;
        self.inner.process_change_batch(call, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.inner.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.inner.abandon(session);
    }
}
