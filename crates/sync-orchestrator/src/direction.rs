//! One direction: batches from a source to a destination, until what they teach is committed.

use std::sync::Arc;

use sync_provider::{
    BatchKind, BatchOutcome, ChangeBatch, ChangeBatchRequest, ConflictRecord, Next, ProviderError,
    RowEffect,
};

use crate::cancel::Cancellation;
use crate::conflict_log::ConflictLog;
use crate::progress::{SessionProgress, SyncStage};
use crate::side::Side;
use crate::statistics::DirectionStatistics;

/// A source, a destination, and who listens.
pub(crate) struct Direction<'a> {
    pub(crate) uploading: bool,
    pub(crate) source: &'a Side<'a>,
    pub(crate) destination: &'a Side<'a>,
    pub(crate) cancellation: &'a Cancellation,
    pub(crate) on_progress: Option<&'a (dyn Fn(&SessionProgress) + Send + Sync)>,
    pub(crate) on_conflict: Option<&'a (dyn Fn(&ConflictRecord) + Send + Sync)>,
    pub(crate) on_row: Option<&'a (dyn Fn(&RowEffect) + Send + Sync)>,
}

/// How often a direction may start again before something must be wrong. A destination may have to a few times, for each of many tables.
const MOST_RESTARTS: u32 = 1_024;

impl Direction<'_> {
    pub(crate) async fn run(&self) -> Result<DirectionStatistics, ProviderError> {
        let mut restarts = 0;
        let mut kept = DirectionStatistics::default();
        loop {
            if let Some(statistics) = self.attempt(&mut kept).await? {
                return Ok(statistics);
            }
            restarts += 1;
            if restarts > MOST_RESTARTS {
                return Err(ProviderError::malformed(
                    "destination",
                    format!("it asked for the direction to start again {restarts} times"),
                ));
            }
        }
    }

    /// `None` when the destination asks for the direction to start again. `kept` counts what it has committed.
    async fn attempt(
        &self,
        kept: &mut DirectionStatistics,
    ) -> Result<Option<DirectionStatistics>, ProviderError> {
        let mut statistics = *kept;
        // Conflicts of an attempt that is rolled back have not happened, so they wait for the commit.
        let mut conflicts = ConflictLog::default();
        let parameters = self.destination.parameters().await?;
        self.report(SyncStage::SelectingChanges, Vec::new(), statistics);
        let mut batch = self
            .source
            .batch(ChangeBatchRequest::First(parameters))
            .await?;
        self.report(SyncStage::ApplyingChanges, Vec::new(), statistics);
        loop {
            statistics.count_batch(&batch);
            let tables = batch
                .tables
                .iter()
                .map(|changes| changes.table.clone())
                .collect();
            // Providers that never wait give the session's own watch no turn.
            if self.cancellation.is_cancelled() {
                return Err(ProviderError::Cancelled);
            }
            let (mut outcome, following) = self.step(batch).await?;
            if following
                .as_ref()
                .is_some_and(|batch| batch.kind == BatchKind::LastChanges)
            {
                self.report(SyncStage::ChangesSelected, Vec::new(), statistics);
            }
            statistics.count_outcome(&outcome);
            if let Some(listen) = self.on_row {
                outcome.rows.iter().for_each(listen);
            }
            if self.on_conflict.is_some() {
                conflicts.add(std::mem::take(&mut outcome.records))?;
            }
            batch = match (outcome.next, following) {
                (Next::Committed, _) => {
                    if let Some(listen) = self.on_conflict {
                        conflicts.show(&|record| listen(record))?;
                    }
                    self.report(SyncStage::ChangesApplied, tables, statistics);
                    return Ok(Some(statistics));
                }
                (Next::InDoubt(error), _) => {
                    if let Some(listen) = self.on_conflict {
                        conflicts.show(&|record| listen(record))?;
                    }
                    return Err(error);
                }
                (Next::Restart, _) => {
                    self.source.end_enumeration().await?;
                    self.report(SyncStage::Restarting, Vec::new(), statistics);
                    return Ok(None);
                }
                (Next::Rows(keys), None) => {
                    self.source.batch(ChangeBatchRequest::Rows(keys)).await?
                }
                (Next::CommittedSoFar(keys), None) => {
                    *kept = statistics;
                    let conflicts = std::mem::take(&mut conflicts);
                    if let Some(listen) = self.on_conflict {
                        conflicts.show(&|record| listen(record))?;
                    }
                    self.source.batch(ChangeBatchRequest::Rows(keys)).await?
                }
                // Batches that were still to come of what was asked for before are not wanted any more.
                (Next::UndoneSince(keys), _) => {
                    statistics = *kept;
                    conflicts = ConflictLog::default();
                    self.source.batch(ChangeBatchRequest::Rows(keys)).await?
                }
                (Next::Rows(_) | Next::CommittedSoFar(_), Some(_)) => {
                    return Err(ProviderError::malformed(
                        "destination",
                        "it asked for rows by key before the last batch",
                    ));
                }
                (Next::Changes, Some(following)) => following,
                (Next::Changes, None) => {
                    return Err(ProviderError::malformed(
                        "destination",
                        "it asked for changes after the last batch",
                    ));
                }
            };
            self.report(SyncStage::BatchApplied, tables, statistics);
        }
    }

    /// Applies a batch and, unless it is the last one, enumerates the next at the same time.
    async fn step(
        &self,
        batch: Arc<ChangeBatch>,
    ) -> Result<(BatchOutcome, Option<Arc<ChangeBatch>>), ProviderError> {
        if !batch.kind.more_follow() {
            return Ok((self.destination.process(batch).await?, None));
        }
        let (outcome, following) = tokio::try_join!(
            self.destination.process(batch),
            self.source.batch(ChangeBatchRequest::Next),
        )?;
        Ok((outcome, Some(following)))
    }

    fn report(&self, stage: SyncStage, tables: Vec<String>, statistics: DirectionStatistics) {
        tracing::debug!(
            ?stage,
            uploading = self.uploading,
            changes = statistics.changes_total,
            "direction"
        );
        if let Some(listen) = self.on_progress {
            listen(&SessionProgress {
                uploading: self.uploading,
                stage,
                tables,
                statistics,
            });
        }
    }
}
