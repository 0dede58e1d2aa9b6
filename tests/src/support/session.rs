//! Sessions, run to their end on the test's own thread.

use std::sync::{Arc, Mutex};

use sync_orchestrator::{
    Cancellation, DirectionStatistics, SessionProgress, SyncDirectionOrder, SyncFailure,
    SyncOperationStatistics, SyncOrchestrator,
};
use sync_provider::{
    ConflictPolicy, ConflictRecord, ConflictType, ErrorPolicy, ProviderError, RowEffect,
    SyncProvider,
};

/// A session to be run.
pub struct Session {
    orchestrator: SyncOrchestrator,
    records: Arc<Mutex<Vec<ConflictRecord>>>,
}

/// What a session that got to its end did.
#[derive(Debug)]
pub struct Report {
    /// Its statistics.
    pub statistics: SyncOperationStatistics,
    /// The conflicts it met, in order.
    pub records: Vec<ConflictRecord>,
}

/// What a session did that may have been refused on its way.
#[derive(Debug)]
pub struct Attempt {
    /// Its statistics, of the directions that were completed.
    pub statistics: SyncOperationStatistics,
    /// The conflicts of these, in order.
    pub records: Vec<ConflictRecord>,
    /// What ended it.
    pub error: Option<ProviderError>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.orchestrator.fmt(f)
    }
}

impl Session {
    /// A session between these two, upload first.
    pub fn new(local: Arc<dyn SyncProvider>, remote: Arc<dyn SyncProvider>) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&records);
        let orchestrator = SyncOrchestrator::new(local, remote)
            .on_conflict(move |record| heard.lock().unwrap().push(record.clone()));
        Session {
            orchestrator,
            records,
        }
    }

    /// Sets the directions.
    pub fn direction(mut self, direction: SyncDirectionOrder) -> Self {
        self.orchestrator = self.orchestrator.direction(direction);
        self
    }

    /// Sets the policy.
    pub fn policy(mut self, policy: ConflictPolicy) -> Self {
        self.orchestrator = self.orchestrator.policy(policy);
        self
    }

    /// Sets what rows lead to that cannot be written.
    pub fn errors(mut self, errors: ErrorPolicy) -> Self {
        self.orchestrator = self.orchestrator.errors(errors);
        self
    }

    /// Sets the bytes per batch.
    pub fn batch_bytes(mut self, bytes: u64) -> Self {
        self.orchestrator = self.orchestrator.batch_bytes(bytes);
        self
    }

    /// Lets the session be cancelled.
    pub fn cancellation(mut self, cancellation: &Cancellation) -> Self {
        self.orchestrator = self.orchestrator.cancellation(cancellation);
        self
    }

    /// Listens to its progress.
    pub fn on_progress(
        mut self,
        listen: impl Fn(&SessionProgress) + Send + Sync + 'static,
    ) -> Self {
        self.orchestrator = self.orchestrator.on_progress(listen);
        self
    }

    /// Runs it as far as it gets.
    pub fn attempt(self) -> Attempt {
        self.run_or_rehearse(false)
    }

    /// Rehearses it as far as it gets; with the rows that would be stored, in order.
    pub fn rehearse(mut self) -> (Attempt, Vec<RowEffect>) {
        let rows = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&rows);
        self.orchestrator = self
            .orchestrator
            .on_row(move |row| heard.lock().unwrap().push(row.clone()));
        let attempt = self.run_or_rehearse(true);
        let rows = std::mem::take(&mut *rows.lock().unwrap());
        (attempt, rows)
    }

    fn run_or_rehearse(self, rehearsal: bool) -> Attempt {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let result = match rehearsal {
            true => runtime.block_on(self.orchestrator.rehearse()),
            false => runtime.block_on(self.orchestrator.synchronize()),
        };
        let (statistics, error) = match result {
            Ok(statistics) => (statistics, None),
            Err(failure) => (failure.completed, Some(failure.error)),
        };
        Attempt {
            statistics,
            records: std::mem::take(&mut *self.records.lock().unwrap()),
            error,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// As [`SyncOrchestrator::synchronize`].
    pub fn try_run(self) -> Result<Report, Box<SyncFailure>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let statistics = runtime.block_on(self.orchestrator.synchronize())?;
        let report = Report {
            statistics,
            records: std::mem::take(&mut *self.records.lock().unwrap()),
        };
        for direction in report.directions() {
            check_sums(&direction);
        }
        check_records(&report);
        Ok(report)
    }

    /// Runs it and expects it to get to its end.
    pub fn run(self) -> Report {
        self.try_run().expect("the session gets to its end")
    }
}

impl Report {
    /// The upload.
    pub fn upload(&self) -> DirectionStatistics {
        self.statistics.upload.expect("there was an upload")
    }

    /// The download.
    pub fn download(&self) -> DirectionStatistics {
        self.statistics.download.expect("there was a download")
    }

    /// The directions that ran.
    pub fn directions(&self) -> impl Iterator<Item = DirectionStatistics> {
        let Report { statistics, .. } = self;
        [statistics.upload, statistics.download]
            .into_iter()
            .flatten()
    }

    /// Rows that the destinations did not know.
    pub fn moved(&self) -> u64 {
        self.directions().map(|one| one.changes_total).sum()
    }

    /// Rows that failed or were left for the next session.
    pub fn left(&self) -> u64 {
        self.directions()
            .map(|one| one.changes_failed.max(one.deferred))
            .sum()
    }
}

/// Every conflict and every row that failed has its record, save where more failed than is remembered by key.
fn check_records(report: &Report) {
    let failed: u64 = report.directions().map(|one| one.changes_failed).sum();
    let conflicts: u64 = report.directions().map(|one| one.conflicts).sum();
    let errors = report.records.iter();
    let (errors, others): (Vec<_>, Vec<_>) =
        errors.partition(|record| record.conflict == ConflictType::ErrorsOccurred);
    // A row that a handler got through after all has its record, too.
    let errors = errors
        .iter()
        .filter(|record| record.winner.is_none())
        .count() as u64;
    let others = others.len() as u64;
    assert_eq!(others, conflicts, "{:?}", report.records);
    assert!(
        errors == failed || failed > 10_000,
        "{failed} rows failed: {:?}",
        report.records
    );
}

/// Every row that was offered is applied, failed, or left by the policy; failed rows are among those left.
fn check_sums(one: &DirectionStatistics) {
    let left_by_policy = one
        .deferred
        .checked_sub(one.changes_failed)
        .unwrap_or_else(|| panic!("failed rows are left for the next session: {one:?}"));
    assert_eq!(
        one.changes_total,
        one.changes_applied + one.changes_failed + left_by_policy,
        "the statistics do not add up: {one:?}"
    );
    assert!(one.batches >= 1, "{one:?}");
}
