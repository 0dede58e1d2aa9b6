//! What a rehearsal told: counted in full, listed up to a limit.

use std::collections::BTreeSet;

use sync_orchestrator::{SessionProgress, SyncStage};
use sync_provider::{ConflictRecord, ConflictType, Effect, RowEffect};

use crate::session::Listener;

/// Both directions.
#[derive(Debug)]
pub(super) struct Outlook {
    pub(super) upload: Told,
    pub(super) download: Told,
    uploading: bool,
    limit: usize,
}

/// What was told of one direction.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    /// Rows whose version alone is another one afterwards.
    pub(super) versions: u64,
    /// The first rows of the first three kinds.
    pub(super) rows: Vec<RowEffect>,
    /// The first conflicts, and rows that cannot be written.
    pub(super) conflicts: Vec<ConflictRecord>,
    /// How many more of these there are.
    pub(super) more_conflicts: u64,
    /// Of the listed ones those that are left for another session: table and key.
    left: BTreeSet<(String, String)>,
}

impl Told {
    /// Rows by which the tables would differ.
    pub(super) fn moved(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl Outlook {
    /// Lists no more than `limit` rows and `limit` conflicts of each direction.
    pub(super) fn new(limit: usize) -> Self {
        Outlook {
            upload: Told::default(),
            download: Told::default(),
            uploading: true,
            limit,
        }
    }

    fn told(&mut self) -> &mut Told {
        match self.uploading {
            true => &mut self.upload,
            false => &mut self.download,
        }
    }
}

impl Listener for Outlook {
    /// A direction that begins, or begins again, has told nothing yet.
    fn progress(&mut self, progress: &SessionProgress) {
        self.uploading = progress.uploading;
        if progress.stage == SyncStage::SelectingChanges {
            *self.told() = Told::default();
        }
    }

    fn row(&mut self, row: &RowEffect) {
        let limit = self.limit;
        let told = self.told();
        match row.effect {
            Effect::Insert => told.inserts += 1,
            Effect::Update => told.updates += 1,
            Effect::Delete => told.deletes += 1,
            Effect::Version => {
                told.versions += 1;
                return;
            }
        }
        if told.rows.len() < limit {
            told.rows.push(row.clone());
        }
    }

    fn conflict(&mut self, record: &ConflictRecord) {
        let other = match self.uploading {
            true => &self.download,
            false => &self.upload,
        };
        let left = left(record);
        if left.as_ref().is_some_and(|left| other.left.contains(left)) {
            return;
        }
        let limit = self.limit;
        let told = self.told();
        if told.conflicts.len() < limit {
            told.conflicts.push(record.clone());
            told.left.extend(left);
        } else {
            told.more_conflicts += 1;
        }
    }
}

/// Names a conflict that is left for another session: it is met in both directions, and once is enough to say so.
fn left(record: &ConflictRecord) -> Option<(String, String)> {
    let is_left = record.winner.is_none() && record.conflict != ConflictType::ErrorsOccurred;
    is_left.then(|| (record.table.clone(), format!("{:?}", record.key)))
}
