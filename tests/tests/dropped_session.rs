//! The future of a session is dropped while the destination's transaction is open: what it wrote is undone, and the database can be written at
//! once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider::{
    BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};
use sync_provider_mssql::{
    ConnectionFactory, DirectConnections, MssqlError, MssqlProvider, TdsClient,
};
use sync_tests::support::engines::{Database, engines};
use sync_tests::support::session::Session;

/// A source whose second batch never comes.
struct Stalling(Arc<dyn SyncProvider>);

#[async_trait]
impl SyncProvider for Stalling {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        self.0.begin_session(request).await
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.0.get_sync_batch_parameters(call).await
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        match request {
            ChangeBatchRequest::Next => std::future::pending().await,
            request => self.0.get_change_batch(call, request).await,
        }
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.0.end_enumeration(call).await
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        self.0.process_change_batch(call, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.0.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.0.abandon(session);
    }
}

/// Writes the first row as somebody else would, and takes it back; says whether a transaction that has it open was in the way.
fn is_held(db: &Database) -> bool {
    let write = "INSERT INTO t VALUES (1, 'somebody else'); ROLLBACK";
    let begin = db
        .engine()
        .either("BEGIN IMMEDIATE", "SET LOCK_TIMEOUT 20; BEGIN TRANSACTION");
    let refused = match db.path() {
        // A file says so at once.
        Some(path) => {
            let own = rusqlite::Connection::open(path).unwrap();
            own.busy_timeout(Duration::ZERO).unwrap();
            own.execute_batch(&format!("{begin}; {write}"))
                .err()
                .map(|error| error.to_string())
        }
        None => db.try_run(&format!("{begin}; {write}")).err(),
    };
    refused.is_some()
}

/// Counts the connections that are made.
#[derive(Debug)]
struct Counting {
    inner: DirectConnections,
    made: AtomicUsize,
}

#[async_trait]
impl ConnectionFactory for Counting {
    fn server(&self) -> String {
        self.inner.server()
    }

    async fn connect(&self) -> Result<TdsClient, MssqlError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.inner.connect().await
    }
}

#[test]
fn what_it_wrote_is_undone_at_once() {
    for engine in engines("dropped session") {
        let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v NVARCHAR(20))";
        let [a, b] = [engine, engine].map(|engine| engine.provisioned(schema, &["t"]));
        a.run("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        a.settle(&["t"]);
        let connections = b.on_server().map(|server| {
            Arc::new(Counting {
                inner: server.connections().clone(),
                made: AtomicUsize::new(0),
            })
        });
        let destination: Arc<dyn SyncProvider> = match &connections {
            Some(counting) => {
                let counting: Arc<dyn ConnectionFactory> = Arc::clone(counting) as _;
                Arc::new(MssqlProvider::with_connections(counting, Some("s")))
            }
            None => b.provider("s"),
        };
        let source = Arc::new(Stalling(a.provider("s")));
        let orchestrator = SyncOrchestrator::new(source, Arc::clone(&destination))
            .direction(SyncDirectionOrder::Upload)
            .batch_bytes(1);
        let until_held = async {
            while !is_held(&b) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let dropping = async {
            tokio::select! {
                ended = orchestrator.synchronize() => panic!("a session that stalls came to its end: {ended:?}"),
                () = until_held => {}
            }
            // Both providers are still there: it is the session that let go.
            let mut looks = 0;
            while is_held(&b) {
                looks += 1;
                assert!(looks < 100, "{engine:?}: somebody holds the row still");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(dropping);
        assert_eq!(b.rows(&["t", "t_tracking"]), [""; 0], "{engine:?}");
        b.assert_sound(&["t"]);
        drop(orchestrator);
        let next = Session::new(a.provider("s"), Arc::clone(&destination)).run();
        assert_eq!(next.upload().changes_applied, 3);
        assert_eq!(a.rows(&["t"]), b.rows(&["t"]), "{engine:?}");
        // A connection that was dropped in the middle is of no use to anybody: the next session made its own.
        if let Some(connections) = connections {
            assert_eq!(connections.made.load(Ordering::SeqCst), 2);
        }
    }
}
