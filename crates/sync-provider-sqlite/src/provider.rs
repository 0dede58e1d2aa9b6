//! A SQLite database behind the provider contract.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, Call, Capability, ChangeBatch, ChangeBatchRequest,
    Ending, ProviderError, ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};
use sync_relational::{Owner, Sessions, Store};

use crate::store::SqliteStore;

/// One SQLite database in one scope.
///
/// Each session gets a connection of its own and a thread that owns it; the thread ends with the session. The file's journal mode is left as
/// it is.
#[derive(Debug)]
pub struct SqliteProvider {
    path: PathBuf,
    scope: Option<String>,
    busy_timeout: Duration,
    sessions: Sessions,
}

impl SqliteProvider {
    /// The database at `path` in the scope of this name. The file is opened when a session begins.
    pub fn new(path: impl AsRef<Path>, scope: impl Into<String>) -> Self {
        SqliteProvider {
            scope: Some(scope.into()),
            ..Self::with_only_scope(path)
        }
    }

    /// The database at `path` in the only scope that it has.
    pub fn with_only_scope(path: impl AsRef<Path>) -> Self {
        SqliteProvider {
            path: path.as_ref().to_path_buf(),
            scope: None,
            busy_timeout: crate::DEFAULT_BUSY_TIMEOUT,
            sessions: Sessions::new(),
        }
    }

    /// Sets how long a lock of somebody else is waited for.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Lets a handler decide about rows that meet a conflict or cannot be written here (`ApplyChangeFailed`, `ApplyMetadataFailed`).
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        SqliteProvider {
            sessions: self.sessions.with_handler(handler),
            ..self
        }
    }

    /// Opens the connection of one session, for a provider that puts something of its own between it and [`Sessions`].
    ///
    /// # Errors
    /// The file or the scope is missing, or its metadata cannot be used.
    pub fn open_store(&self) -> Result<Box<dyn Store>, ProviderError> {
        let store = SqliteStore::open(&self.path, self.scope.as_deref(), self.busy_timeout)?;
        Ok(Box::new(store))
    }

    /// The same over a copy of the file, which goes with the session: a rehearsal.
    fn open_copy(&self) -> Result<Box<dyn Store>, ProviderError> {
        let store = SqliteStore::open_copy(&self.path, self.scope.as_deref(), self.busy_timeout)?;
        Ok(Box::new(store))
    }
}

/// A thread of its own per session: SQLite blocks.
pub(crate) struct Thread;

impl Owner for Thread {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), ProviderError> {
        let failed = |error: std::io::Error| {
            ProviderError::database("session", error.to_string(), "free some memory or threads")
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(failed)?;
        let run = move || runtime.block_on(work);
        std::thread::Builder::new()
            .name("syncdb-sqlite".into())
            .spawn(run)
            .map_err(failed)?;
        Ok(())
    }
}

#[async_trait]
impl SyncProvider for SqliteProvider {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        let rehearsal = request.rehearsal;
        let open = async move {
            match rehearsal {
                true => self.open_copy(),
                false => self.open_store(),
            }
        };
        self.sessions
            .begin(&Thread, request, &[Capability::Rehearsal], open)
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
