//! The session.

use std::sync::Arc;
use std::time::Duration;

use sync_decision::{check_compatible, check_peer_not_outdated};
use sync_provider::{
    BeginSession, Capability, ConflictPolicy, ConflictRecord, Ending, ErrorPolicy, Position,
    ProviderError, ReplicaInfo, RowEffect, SessionId, SyncProvider,
};
use uuid::Uuid;

use crate::cancel::Cancellation;
use crate::clock;
use crate::direction::Direction;
use crate::progress::SessionProgress;
use crate::side::Side;
use crate::statistics::{DirectionStatistics, SyncOperationStatistics};

/// Which directions a session has, and in which order (`SyncDirectionOrder`).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyncDirectionOrder {
    /// Local to remote, then remote to local.
    #[default]
    UploadAndDownload,
    /// Remote to local, then local to remote.
    DownloadAndUpload,
    /// Local to remote only.
    Upload,
    /// Remote to local only.
    Download,
}

impl SyncDirectionOrder {
    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            SyncDirectionOrder::UploadAndDownload => "upload-and-download",
            SyncDirectionOrder::DownloadAndUpload => "download-and-upload",
            SyncDirectionOrder::Upload => "upload",
            SyncDirectionOrder::Download => "download",
        }
    }

    /// The directions in order; `true` is the upload.
    fn steps(self) -> &'static [bool] {
        match self {
            SyncDirectionOrder::UploadAndDownload => &[true, false],
            SyncDirectionOrder::DownloadAndUpload => &[false, true],
            SyncDirectionOrder::Upload => &[true],
            SyncDirectionOrder::Download => &[false],
        }
    }
}

/// A session that did not get to its end, with what was completed before: an upload that committed stays committed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SyncFailure {
    /// What went wrong.
    #[source]
    pub error: ProviderError,
    /// The directions that were completed.
    pub completed: SyncOperationStatistics,
}

type ProgressListener = Box<dyn Fn(&SessionProgress) + Send + Sync>;
type ConflictListener = Box<dyn Fn(&ConflictRecord) + Send + Sync>;
type RowListener = Box<dyn Fn(&RowEffect) + Send + Sync>;

/// Runs sessions between two providers (`SyncOrchestrator`).
pub struct SyncOrchestrator {
    local: Arc<dyn SyncProvider>,
    remote: Arc<dyn SyncProvider>,
    direction: SyncDirectionOrder,
    policy: ConflictPolicy,
    errors: ErrorPolicy,
    batch_bytes: u64,
    lease: Option<Duration>,
    cancellation: Cancellation,
    on_progress: Option<ProgressListener>,
    on_conflict: Option<ConflictListener>,
    on_row: Option<RowListener>,
}

/// Abandons a session at its providers when dropped, unless it was ended.
struct Unended<'a> {
    providers: [&'a dyn SyncProvider; 2],
    session: SessionId,
}

impl Unended<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unended<'_> {
    fn drop(&mut self) {
        for provider in self.providers {
            provider.abandon(self.session);
        }
    }
}

impl std::fmt::Debug for SyncOrchestrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncOrchestrator")
            .field("direction", &self.direction)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl SyncOrchestrator {
    /// Rows per batch, in bytes, unless [`batch_bytes`](Self::batch_bytes) says otherwise.
    pub const DEFAULT_BATCH_BYTES: u64 = 1024 * 1024;

    /// A session between these two: upload, then download, and the destination wins conflicts.
    pub fn new(local: Arc<dyn SyncProvider>, remote: Arc<dyn SyncProvider>) -> Self {
        SyncOrchestrator {
            local,
            remote,
            direction: SyncDirectionOrder::default(),
            policy: ConflictPolicy::default(),
            errors: ErrorPolicy::default(),
            batch_bytes: Self::DEFAULT_BATCH_BYTES,
            lease: None,
            cancellation: Cancellation::new(),
            on_progress: None,
            on_conflict: None,
            on_row: None,
        }
    }

    /// Sets the directions.
    pub fn direction(mut self, direction: SyncDirectionOrder) -> Self {
        self.direction = direction;
        self
    }

    /// Sets how conflicts are settled.
    pub fn policy(mut self, policy: ConflictPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets what rows lead to that cannot be written.
    pub fn errors(mut self, errors: ErrorPolicy) -> Self {
        self.errors = errors;
        self
    }

    /// Sets about how many bytes of rows a batch may hold; at least 1. A row larger than that travels alone.
    pub fn batch_bytes(mut self, bytes: u64) -> Self {
        self.batch_bytes = bytes.max(1);
        self
    }

    /// Lets a provider that is not called for so long let the session go by itself, undoing what is open; for one behind a line that may break. Longer than
    /// the other side needs for a batch, waiting for locks included.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Lets `cancellation` cancel the session.
    pub fn cancellation(mut self, cancellation: &Cancellation) -> Self {
        self.cancellation = cancellation.clone();
        self
    }

    /// Calls `listen` as the session goes on (`SessionProgress`).
    pub fn on_progress(
        mut self,
        listen: impl Fn(&SessionProgress) + Send + Sync + 'static,
    ) -> Self {
        self.on_progress = Some(Box::new(listen));
        self
    }

    /// Calls `listen` with every conflict of a direction once that is committed.
    pub fn on_conflict(mut self, listen: impl Fn(&ConflictRecord) + Send + Sync + 'static) -> Self {
        self.on_conflict = Some(Box::new(listen));
        self
    }

    /// Calls `listen` in a [`rehearsal`](Self::rehearse) with every row that would be stored. When a direction starts again
    /// ([`SyncStage::Restarting`](crate::SyncStage::Restarting)), what was told of it has not happened.
    pub fn on_row(mut self, listen: impl Fn(&RowEffect) + Send + Sync + 'static) -> Self {
        self.on_row = Some(Box::new(listen));
        self
    }

    /// Runs a session that leaves nothing behind: what [`synchronize`](Self::synchronize) would do now, told in the same way. The second direction
    /// goes as if the first one had been committed.
    ///
    /// # Errors
    /// As [`synchronize`](Self::synchronize), and where a provider cannot rehearse.
    pub async fn rehearse(&self) -> Result<SyncOperationStatistics, SyncFailure> {
        self.session(true).await
    }

    /// Runs a session.
    ///
    /// # Errors
    /// [`SyncFailure`] says what went wrong and which direction was completed before. The direction under way leaves no trace, unless some of its rows
    /// had to be tried in transactions of their own ([`Next::CommittedSoFar`](sync_provider::Next::CommittedSoFar)): then the others stay, and those wait.
    ///
    /// The same holds when the future is dropped, by a time limit for example, except that nobody says then whether a commit under way
    /// came through; a [`Cancellation`] tells.
    pub async fn synchronize(&self) -> Result<SyncOperationStatistics, SyncFailure> {
        self.session(false).await
    }

    async fn session(&self, rehearsal: bool) -> Result<SyncOperationStatistics, SyncFailure> {
        let now = clock::now();
        let mut statistics = SyncOperationStatistics {
            scope: String::new(),
            started: now,
            finished: now,
            upload: None,
            download: None,
        };
        let session = SessionId(Uuid::new_v4());
        let unended = Unended {
            providers: [self.local.as_ref(), self.remote.as_ref()],
            session,
        };
        let result = self
            .run_or_cancel(session, rehearsal, &mut statistics)
            .await;
        let ending = if result.is_ok() {
            Ending::Completed
        } else {
            Ending::Aborted
        };
        let ended = self.end(session, ending).await;
        unended.disarm();
        statistics.finished = clock::now();
        match result.and(ended) {
            Ok(()) => Ok(statistics),
            Err(error) => Err(SyncFailure {
                error,
                completed: statistics,
            }),
        }
    }

    /// Runs the directions. When the session is cancelled, a call under way comes to its end first, which ending the session makes soon:
    /// whether it committed must not stay unknown.
    async fn run_or_cancel(
        &self,
        session: SessionId,
        rehearsal: bool,
        statistics: &mut SyncOperationStatistics,
    ) -> Result<(), ProviderError> {
        let mut run = std::pin::pin!(self.run(session, rehearsal, statistics));
        tokio::select! {
            biased;
            () = self.cancellation.cancelled() => {}
            result = &mut run => return result,
        }
        let (ended, result) = tokio::join!(self.end(session, Ending::Aborted), run);
        // Calls that find the session ended fail for that reason alone.
        result.map_err(|_| ProviderError::Cancelled).and(ended)
    }

    async fn end(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        let (local, remote) = tokio::join!(
            self.local.end_session(session, ending),
            self.remote.end_session(session, ending),
        );
        local.and(remote)
    }

    async fn run(
        &self,
        session: SessionId,
        rehearsal: bool,
        statistics: &mut SyncOperationStatistics,
    ) -> Result<(), ProviderError> {
        if self.cancellation.is_cancelled() {
            return Err(ProviderError::Cancelled);
        }
        let begin = |position| {
            let mut begin = BeginSession::new(session, position);
            begin.policy = self.policy.clone();
            begin.errors = self.errors;
            begin.batch_bytes = self.batch_bytes;
            begin.rehearsal = rehearsal;
            begin.lease = self.lease;
            begin
        };
        let local = self.local.begin_session(begin(Position::Local)).await?;
        let remote = self.remote.begin_session(begin(Position::Remote)).await?;
        statistics.scope.clone_from(&local.description.name);
        self.check(&local, &remote)?;
        let sides = [&self.local, &self.remote].map(|side| Side::new(side.as_ref(), session));
        for &uploading in self.direction.steps() {
            let done = self.one_direction(&sides, uploading).await?;
            *(if uploading {
                &mut statistics.upload
            } else {
                &mut statistics.download
            }) = Some(done);
        }
        Ok(())
    }

    async fn one_direction(
        &self,
        [local, remote]: &[Side<'_>; 2],
        uploading: bool,
    ) -> Result<DirectionStatistics, ProviderError> {
        let (source, destination) = match uploading {
            true => (local, remote),
            false => (remote, local),
        };
        let direction = Direction {
            uploading,
            source,
            destination,
            cancellation: &self.cancellation,
            on_progress: self.on_progress.as_deref(),
            on_conflict: self.on_conflict.as_deref(),
            on_row: self.on_row.as_deref(),
        };
        direction.run().await
    }

    fn check(&self, local: &ReplicaInfo, remote: &ReplicaInfo) -> Result<(), ProviderError> {
        let object = || format!("scope {}", local.description.name);
        if local.replica == remote.replica {
            return Err(ProviderError::refused(
                object(),
                format!(
                    "both sides are replica {}: they are one database, or one is a plain copy of the other",
                    local.replica
                ),
                "synchronise two different databases; provision a copy as a replica of its own",
            ));
        }
        if self.policy.needs_attributes()
            && ![local, remote]
                .iter()
                .all(|side| side.can(Capability::RowAttributes))
        {
            return Err(ProviderError::refused(
                object(),
                format!(
                    "policy {} needs the time and the writer of each row, which tables provisioned by Microsoft's provider lack",
                    self.policy.name()
                ),
                "choose another policy",
            ));
        }
        check_compatible(&local.description, &remote.description)?;
        // In both directions before any row moves: an outdated peer is no reason for half a session.
        for &uploading in self.direction.steps() {
            let (source, destination) = match uploading {
                true => (local, remote),
                false => (remote, local),
            };
            check_peer_not_outdated(source, destination)?;
        }
        Ok(())
    }
}
