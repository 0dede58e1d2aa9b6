//! A SQL Server database behind the provider contract.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, Call, Capability, ChangeBatch, ChangeBatchRequest,
    Ending, ProviderError, ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};
use sync_relational::{Owner, Retries, Sessions, Store};

use crate::connection::{ConnectionFactory, DirectConnections};
use crate::procedures;
use crate::settings::{DEFAULT_LOCK_TIMEOUT, Settings};
use crate::store::{MssqlStore, Options};

/// One SQL Server database in one scope.
///
/// Each session gets a connection of its own, which is closed when the session ends. Sessions run on the runtime of their caller.
#[derive(Debug)]
pub struct MssqlProvider {
    connections: Arc<dyn ConnectionFactory>,
    scope: Option<String>,
    execution: Execution,
    options: Options,
    round_trips: Arc<AtomicU64>,
    sessions: Sessions,
}

/// How a provider reads and writes rows.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Execution {
    /// With statements of its own over the tables and tracking tables, a slice of rows at a time.
    #[default]
    Slices,
    /// With the procedures that the scope's configuration names, as Sync Framework's provider does. What they were changed to do is done; what
    /// they cannot do is told in `docs/sql-server.md`.
    Procedures,
}

impl MssqlProvider {
    /// The database in the scope of this name, or in the only scope that it has. It is connected to when a session begins.
    pub fn new(settings: Settings, scope: Option<&str>) -> Self {
        Self::with_connections(Arc::new(DirectConnections::new(settings)), scope)
    }

    /// As [`new`](Self::new), over connections that the caller makes.
    pub fn with_connections(connections: Arc<dyn ConnectionFactory>, scope: Option<&str>) -> Self {
        MssqlProvider {
            connections,
            scope: scope.map(str::to_owned),
            execution: Execution::default(),
            options: Options {
                lock_timeout: DEFAULT_LOCK_TIMEOUT,
                snapshot: true,
                rehearsal: false,
            },
            round_trips: Arc::default(),
            sessions: Sessions::new(),
        }
    }

    /// With another way to read and write rows.
    #[must_use]
    pub fn with_execution(self, execution: Execution) -> Self {
        MssqlProvider { execution, ..self }
    }

    /// How long a session waits for the locks of others, [`DEFAULT_LOCK_TIMEOUT`] unless this says otherwise. Less than a millisecond is
    /// none at all.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// Requests that ended sessions have sent to the server and had answered, logging in not counted. Latency is what a session costs in practice.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Reads as in a database that does not allow SNAPSHOT isolation, be it that its version store has no room.
    pub fn without_snapshot(mut self) -> Self {
        self.options.snapshot = false;
        self
    }

    /// Lets a handler decide about rows that meet a conflict or cannot be written here (`ApplyChangeFailed`, `ApplyMetadataFailed`).
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        MssqlProvider {
            sessions: self.sessions.with_handler(handler),
            ..self
        }
    }

    /// Opens the connection of one session, for a provider that puts something of its own between it and [`Sessions`]. A server that is too
    /// busy for the moment, or loses the connection, is asked again.
    ///
    /// # Errors
    /// The server cannot be reached, the scope is missing, or its metadata cannot be used.
    pub async fn open_store(&self) -> Result<Box<dyn Store>, ProviderError> {
        self.open(self.options).await
    }

    async fn open(&self, options: Options) -> Result<Box<dyn Store>, ProviderError> {
        again_while_transient(|| self.try_to_open(options)).await
    }

    async fn try_to_open(&self, options: Options) -> Result<Box<dyn Store>, ProviderError> {
        let (connections, scope) = (Arc::clone(&self.connections), self.scope.as_deref());
        let counter = &self.round_trips;
        Ok(match self.execution {
            Execution::Slices => {
                let store = MssqlStore::open(connections, scope, options).await?;
                Box::new(store.counting(counter))
            }
            // Their transaction ends with its direction.
            Execution::Procedures if options.rehearsal => {
                return Err(ProviderError::refused(
                    "session",
                    "a provider that goes through procedures cannot rehearse one",
                    "rehearse it with Execution::Slices",
                ));
            }
            Execution::Procedures => {
                let counter = Arc::clone(counter);
                Box::new(procedures::open(connections, scope, options, counter).await?)
            }
        })
    }
}

/// Opens something over a connection, and tries again after pauses where the server is too busy for the moment or the connection is lost.
pub(crate) async fn again_while_transient<T, F>(open: impl Fn() -> F) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
{
    let mut retries = Retries::default();
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let pause = error.is_transient().then(|| retries.pause()).flatten();
        let Some(pause) = pause else {
            return Err(error);
        };
        tracing::warn!(%error, ?pause, "trying again over a fresh connection");
        tokio::time::sleep(pause).await;
    }
}

/// A task per session: the connection waits on a socket.
pub(crate) struct Task;

impl Owner for Task {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), ProviderError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
            ProviderError::database(
                "session",
                error.to_string(),
                "call it within a tokio runtime",
            )
        })?;
        runtime.spawn(work);
        Ok(())
    }
}

#[async_trait]
impl SyncProvider for MssqlProvider {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        let options = Options {
            rehearsal: request.rehearsal,
            ..self.options
        };
        let capabilities: &[Capability] = match self.execution {
            Execution::Slices => &[Capability::Rehearsal],
            Execution::Procedures => &[],
        };
        self.sessions
            .begin(&Task, request, capabilities, self.open(options))
            .await
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.sessions.get_sync_batch_parameters(call).await
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        self.sessions.get_change_batch(call, request).await
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.sessions.end_enumeration(call).await
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        self.sessions.process_change_batch(call, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.sessions.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.sessions.abandon(session);
    }
}
