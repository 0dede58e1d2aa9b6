//! Conflicts, a line of JSON each.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sync_metadata::Value;
use sync_provider::{ConflictRecord, ConflictSide, Winner};

use crate::exit::Failure;
use crate::json::typed;

/// One conflict. `local` is the row at the destination of the direction, `remote` the one that came in.
#[derive(Debug, Serialize)]
pub(crate) struct ConflictDocument<'a> {
    /// `upload` or `download`: which database was the destination.
    direction: &'static str,
    table: &'a str,
    key: Vec<serde_json::Value>,
    conflict: String,
    /// What the cells of both rows belong to.
    columns: &'a [String],
    local: Option<SideDocument>,
    remote: SideDocument,
    /// `local` or `remote`; null where the conflict was deferred.
    winner: Option<&'static str>,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct SideDocument {
    replica: String,
    tick: u64,
    deleted: bool,
    row: Option<Vec<serde_json::Value>>,
}

impl<'a> ConflictDocument<'a> {
    pub(crate) fn new(record: &'a ConflictRecord, uploading: bool) -> Self {
        ConflictDocument {
            direction: if uploading { "upload" } else { "download" },
            table: &record.table,
            key: cells(&record.key),
            conflict: format!("{:?}", record.conflict),
            columns: &record.columns,
            local: record.local.as_ref().map(side),
            remote: side(&record.remote),
            winner: record.winner.map(winner),
            reason: &record.reason,
        }
    }
}

fn side(side: &ConflictSide) -> SideDocument {
    SideDocument {
        replica: side.replica.to_string(),
        tick: side.tick,
        deleted: side.deleted,
        row: side.row.as_deref().map(cells),
    }
}

fn cells(cells: &[Value]) -> Vec<serde_json::Value> {
    cells.iter().map(typed).collect()
}

fn winner(winner: Winner) -> &'static str {
    match winner {
        Winner::Local => "local",
        Winner::Remote => "remote",
    }
}

/// The file that conflicts are written to. Clones write to the same one.
#[derive(Clone, Debug)]
pub(super) struct ConflictFile(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    shown: String,
    file: BufWriter<File>,
    uploading: bool,
    failed: Option<io::Error>,
}

impl ConflictFile {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let shown = format!("conflicts file {}", path.display());
        let file = File::create(path).map_err(|error| Failure::file(&shown, &error))?;
        Ok(ConflictFile(Arc::new(Mutex::new(State {
            shown,
            file: BufWriter::new(file),
            uploading: true,
            failed: None,
        }))))
    }

    /// Which direction the conflicts to come belong to.
    pub(super) fn direction(&self, uploading: bool) {
        self.with(|state| state.uploading = uploading);
    }

    /// Writes a conflict. An error is kept for [`finish`](Self::finish): the session goes on.
    pub(super) fn write(&self, record: &ConflictRecord) {
        self.with(|state| {
            if state.failed.is_some() {
                return;
            }
            let document = ConflictDocument::new(record, state.uploading);
            let written = serde_json::to_writer(&mut state.file, &document)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(state.file));
            state.failed = written.err();
        });
    }

    /// Says whether everything was written.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.with(|state| {
            let flushed = state.file.flush().err();
            match state.failed.take().or(flushed) {
                Some(error) => Err(Failure::file(&state.shown, &error)),
                None => Ok(()),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
