//! Two SQLite files in one scope, and sessions between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sync_orchestrator::{SyncDirectionOrder, SyncOperationStatistics, SyncOrchestrator};
use sync_provider::ConflictPolicy;
use sync_provider_sqlite::{
    DEFAULT_BUSY_TIMEOUT, Provisioning, SqliteProvider, TableChoice, Tables, describe,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::sample::{self, Keys};
use crate::{Result, floor};

const SCOPE: &str = "bench";

/// A filled source, and a destination that is provisioned and empty whenever it is asked for.
#[derive(Debug)]
pub struct Pair {
    folder: TempDir,
    runtime: Runtime,
    keys: Keys,
}

impl Pair {
    /// Creates and provisions a source with `rows` rows, and an empty destination.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn new(keys: Keys, rows: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let pair = Pair {
            folder,
            runtime,
            keys,
        };
        sample::create_filled(&pair.source(), keys, rows)?;
        let choice = TableChoice {
            table: "Customer".into(),
            global_name: None,
            columns: None,
        };
        Provisioning::new(SCOPE, Tables::Listed(vec![choice])).apply(&pair.source())?;
        let (scope, templates) = describe(&pair.source(), None, DEFAULT_BUSY_TIMEOUT)?;
        Provisioning::new(SCOPE, Tables::Like(scope, templates)).apply(&pair.file("empty.db"))?;
        copy(&pair.source(), &pair.file("filled.db"))?;
        Ok(pair)
    }

    /// The key of the table.
    pub fn keys(&self) -> Keys {
        self.keys
    }

    /// The filled database.
    pub fn source(&self) -> PathBuf {
        self.file("source.db")
    }

    /// The other database.
    pub fn destination(&self) -> PathBuf {
        self.file("destination.db")
    }

    /// Makes the destination new: provisioned and without rows.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn empty_destination(&self) -> Result<()> {
        copy(&self.file("empty.db"), &self.destination())
    }

    /// Makes both as they were at first: who met a destination before would take a new one of its name for that.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn renew(&self) -> Result<()> {
        copy(&self.file("filled.db"), &self.source())?;
        self.empty_destination()
    }

    /// As [`empty_destination`](Self::empty_destination), without the triggers: what work by hand would start from.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bare_destination(&self) -> Result<()> {
        self.empty_destination()?;
        floor::drop_triggers(&rusqlite::Connection::open(self.destination())?)
    }

    /// Runs a session from the source to the destination and, unless `one_way`, back.
    ///
    /// # Errors
    /// The session fails.
    pub fn synchronize(&self, one_way: bool) -> Result<SyncOperationStatistics> {
        self.runtime
            .block_on(session(&self.source(), &self.destination(), one_way))
    }

    /// The same under a policy, with somebody who hears of conflicts.
    ///
    /// # Errors
    /// The session fails.
    pub fn synchronize_under(&self, policy: ConflictPolicy) -> Result<SyncOperationStatistics> {
        let session = orchestrator(&self.source(), &self.destination())
            .policy(policy)
            .on_conflict(|record| {
                std::hint::black_box(record);
            });
        Ok(self.runtime.block_on(session.synchronize())?)
    }

    /// Changes `count` rows of the source, spread over `rows`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn change(&self, count: u64, rows: u64, round: u64) -> Result<()> {
        self.change_in(&self.source(), count, rows, round)
    }

    /// The same in one of the files.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn change_in(&self, file: &Path, count: u64, rows: u64, round: u64) -> Result<()> {
        let mut db = rusqlite::Connection::open(file)?;
        let transaction = db.transaction()?;
        {
            let mut update =
                transaction.prepare("UPDATE Customer SET balance = ?2 WHERE id = ?1")?;
            for number in 0..count {
                sample::bind_key(&mut update, self.keys, number * (rows / count))?;
                // Beyond what the sample holds, so that each round is a change.
                update.raw_bind_parameter(2, 10_000_000 + round.cast_signed())?;
                update.raw_execute()?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Runs a session both ways between two files, from a process that did not make them.
///
/// # Errors
/// The session fails.
pub fn synchronize_files(source: &Path, destination: &Path) -> Result<SyncOperationStatistics> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(session(source, destination, false))
}

async fn session(
    source: &Path,
    destination: &Path,
    one_way: bool,
) -> Result<SyncOperationStatistics> {
    let direction = if one_way {
        SyncDirectionOrder::Upload
    } else {
        SyncDirectionOrder::UploadAndDownload
    };
    Ok(orchestrator(source, destination)
        .direction(direction)
        .synchronize()
        .await?)
}

/// Both ways, unless it is told otherwise.
fn orchestrator(source: &Path, destination: &Path) -> SyncOrchestrator {
    let [local, remote] =
        [source, destination].map(|path| Arc::new(SqliteProvider::new(path, SCOPE)));
    SyncOrchestrator::new(local, remote).direction(SyncDirectionOrder::UploadAndDownload)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)?;
    // Otherwise the first commit that is measured would wait for these pages.
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}
