//! The contract between an orchestrator and a database.

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::{BatchOutcome, ChangeBatch, ChangeBatchRequest, SyncBatchParameters};
use crate::call::Call;
use crate::error::ProviderError;
use crate::session::{BeginSession, ReplicaInfo, SessionId};

/// How a session ends for a provider.
#[derive(Copy, Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ending {
    /// All directions are done.
    Completed,
    /// The session failed or was cancelled; a direction under way is rolled back.
    Aborted,
}

/// One database in one scope, as an orchestrator sees it.
///
/// The verbs are those of Microsoft Sync Framework's `KnowledgeSyncProvider`. In one direction the orchestrator asks the destination for
/// [`get_sync_batch_parameters`](SyncProvider::get_sync_batch_parameters), then moves batches from the source's
/// [`get_change_batch`](SyncProvider::get_change_batch) to the destination's [`process_change_batch`](SyncProvider::process_change_batch)
/// until that answers [`Next::Committed`](crate::Next::Committed). All arguments and results are owned and serialisable: a provider may be
/// a proxy.
///
/// The calls of a session are numbered ([`Call`]), so that one whose answer was lost can be made again: a provider carries each out once, keeps its
/// answer until the next number comes, and refuses a number that leaves calls out. [`Calls`](crate::Calls) does that. Batches are shared
/// ([`Arc`]), so keeping one copies nothing.
///
/// A provider takes part in any number of sessions at the same time; dropping it, or ending a session as [`Ending::Aborted`] or with
/// [`abandon`](SyncProvider::abandon), leaves no transaction open.
#[async_trait]
pub trait SyncProvider: Send + Sync {
    /// Opens a session. The same request once more, for its answer may have been lost, is answered alike and opens nothing.
    ///
    /// # Errors
    /// The scope is missing, its metadata has a version that cannot be used, or the database fails.
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError>;

    /// As destination: what this replica knows, and the row ids that it will ask for by key.
    ///
    /// # Errors
    /// The session is unknown or the database fails.
    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError>;

    /// As source: the first or the next batch of changes that the destination does not know, or of rows that it asks for by key.
    ///
    /// # Errors
    /// The destination's knowledge does not decode, it is outdated, no enumeration is under way, a table is unknown, or the database fails.
    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError>;

    /// As source: lets go of the enumeration, for the direction starts again. The destination may wait for a writer that waits for readers
    /// of the source, and until it asks anew there is nothing to be read.
    ///
    /// # Errors
    /// The session is unknown or the database fails.
    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError>;

    /// As destination: applies a batch, which continues the series of the last one or begins the one that was asked for; any other is refused, for
    /// what is missing would be learned without being there. The first batch opens the apply transaction; the answer [`Next::Committed`](crate::Next::Committed)
    /// says that it is committed together with what the direction taught.
    /// A commit that fails is no error of this call but [`Next::InDoubt`](crate::Next::InDoubt): it may have come through.
    ///
    /// # Errors
    /// The batch is out of place or does not fit the scope, or the database fails; nothing of the direction stays then since its last
    /// [`Next::CommittedSoFar`](crate::Next::CommittedSoFar).
    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError>;

    /// Closes a session, at once and whatever call is awaited. A session that is unknown or ended already is ended. Ending it as aborted also stops a call that is still under way, between two slices.
    ///
    /// # Errors
    /// The database fails while it is let go.
    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError>;

    /// Called when the future of a session is dropped before the session was ended, by a time limit for example: lets go of the connection,
    /// undoing what is open. A session that is unknown or ended already is none of its business.
    ///
    /// It must not block; the undoing may come to its end afterwards. A provider that holds nothing open between calls need not do anything.
    fn abandon(&self, session: SessionId) {
        let _ = session;
    }
}
