//! The future of a session is dropped while the destination's transaction is open: the file can be written at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider::{
    BatchOutcome, BeginSession, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider, TableKeys,
};
use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};
use sync_tests::support::dump::{assert_sound, open, user_rows};
use sync_tests::support::scratch;
use sync_tests::support::session::Session;

/// A source whose second batch never comes.
struct Stalling(SqliteProvider);

#[async_trait]
impl SyncProvider for Stalling {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        self.0.begin_session(request).await
    }

    async fn get_sync_batch_parameters(
        &self,
        session: SessionId,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.0.get_sync_batch_parameters(session).await
    }

    async fn get_change_batch(
        &self,
        session: SessionId,
        request: ChangeBatchRequest,
    ) -> Result<ChangeBatch, ProviderError> {
        match request {
            ChangeBatchRequest::First(_) => self.0.get_change_batch(session, request).await,
            ChangeBatchRequest::Next => std::future::pending().await,
        }
    }

    async fn rows_by_key(
        &self,
        session: SessionId,
        keys: Vec<TableKeys>,
    ) -> Result<ChangeBatch, ProviderError> {
        self.0.rows_by_key(session, keys).await
    }

    async fn end_enumeration(&self, session: SessionId) -> Result<(), ProviderError> {
        self.0.end_enumeration(session).await
    }

    async fn process_change_batch(
        &self,
        session: SessionId,
        batch: ChangeBatch,
    ) -> Result<BatchOutcome, ProviderError> {
        self.0.process_change_batch(session, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.0.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.0.abandon(session);
    }
}

/// Takes the write lock within `patience` and lets it go.
fn lock(path: &Path, patience: Duration) -> bool {
    let db = open(path);
    db.busy_timeout(patience).unwrap();
    db.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
}

#[tokio::test]
async fn the_file_can_be_written_at_once() {
    let folder = scratch::folder();
    let [a, b] = ["a.db", "b.db"].map(|name| folder.path().join(name));
    for path in [&a, &b] {
        open(path)
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
            .unwrap();
        Provisioning::new("s", Tables::All).apply(path).unwrap();
    }
    open(&a)
        .execute_batch("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
        .unwrap();
    let destination: Arc<dyn SyncProvider> = Arc::new(SqliteProvider::new(&b, "s"));
    let source = Arc::new(Stalling(SqliteProvider::new(&a, "s")));
    let orchestrator = SyncOrchestrator::new(source, Arc::clone(&destination))
        .direction(SyncDirectionOrder::Upload)
        .batch_bytes(1);
    let until_locked = async {
        while lock(&b, Duration::ZERO) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = orchestrator.synchronize() => panic!("a session that stalls came to its end: {ended:?}"),
        () = until_locked => {}
    }
    // Both providers are still there: it is the session that let go.
    assert!(lock(&b, Duration::from_secs(5)));
    assert_eq!(user_rows(&b), [""; 0]);
    assert_sound(&b);
    drop(orchestrator);
    let whole: Arc<dyn SyncProvider> = Arc::new(SqliteProvider::new(&a, "s"));
    let next = std::thread::spawn(|| Session::new(whole, destination).run());
    assert_eq!(next.join().unwrap().upload().changes_applied, 3);
}
