//! `sync-orchestrator` on its own: a session needs no database crate, only two providers, here ones that refuse.

use std::sync::Arc;

use async_trait::async_trait;
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider::{
    BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};

/// A provider whose database is never there.
struct Absent;

fn absent<T>() -> Result<T, ProviderError> {
    Err(ProviderError::refused(
        "database",
        "it is not there",
        "bring it back",
    ))
}

#[async_trait]
impl SyncProvider for Absent {
    async fn begin_session(&self, _: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        absent()
    }

    async fn get_sync_batch_parameters(
        &self,
        _: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        absent()
    }

    async fn get_change_batch(
        &self,
        _: Call,
        _: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        absent()
    }

    async fn end_enumeration(&self, _: Call) -> Result<(), ProviderError> {
        absent()
    }

    async fn process_change_batch(
        &self,
        _: Call,
        _: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        absent()
    }

    async fn end_session(&self, _: SessionId, _: Ending) -> Result<(), ProviderError> {
        Ok(())
    }
}

fn main() {
    let session = SyncOrchestrator::new(Arc::new(Absent), Arc::new(Absent))
        .direction(SyncDirectionOrder::Download);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let failure = runtime
        .block_on(session.synchronize())
        .expect_err("nobody is there");
    assert!(failure.completed.download.is_none());
    println!("orchestrator: {failure}");
}
