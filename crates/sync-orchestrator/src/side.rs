//! One of the two providers of a session, with its calls numbered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sync_provider::{
    BatchOutcome, Call, ChangeBatch, ChangeBatchRequest, ProviderError, SessionId,
    SyncBatchParameters, SyncProvider,
};

/// A provider in a session. Its calls follow each other, so their numbers do.
pub(crate) struct Side<'a> {
    provider: &'a dyn SyncProvider,
    session: SessionId,
    calls: AtomicU64,
}

impl<'a> Side<'a> {
    pub(crate) fn new(provider: &'a dyn SyncProvider, session: SessionId) -> Self {
        Side {
            provider,
            session,
            calls: AtomicU64::new(0),
        }
    }

    fn call(&self) -> Call {
        Call {
            session: self.session,
            number: self.calls.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }

    pub(crate) async fn parameters(&self) -> Result<SyncBatchParameters, ProviderError> {
        self.provider.get_sync_batch_parameters(self.call()).await
    }

    pub(crate) async fn batch(
        &self,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        self.provider.get_change_batch(self.call(), request).await
    }

    pub(crate) async fn end_enumeration(&self) -> Result<(), ProviderError> {
        self.provider.end_enumeration(self.call()).await
    }

    pub(crate) async fn process(
        &self,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        self.provider.process_change_batch(self.call(), batch).await
    }
}
