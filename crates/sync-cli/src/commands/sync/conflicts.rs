//! Conflicts, a line of JSON each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sync_metadata::Value;
use sync_provider::{ConflictRecord, ConflictSide, Winner};

use crate::database::Database;
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

/// Whether a file is empty or begins as ours do. What is no regular file, a pipe for example, holds nothing.
fn holds_lines_of_json(path: &Path) -> io::Result<bool> {
    let mut first = [0];
    if !path.metadata()?.is_file() || File::open(path)?.read(&mut first)? == 0 {
        return Ok(true);
    }
    Ok(first == *b"{")
}

/// The file that conflicts are written to. Clones write to the same one.
#[derive(Clone, Debug)]
pub(super) struct ConflictFile(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    shown: String,
    file: New,
    uploading: bool,
    failed: Option<io::Error>,
}

/// A file that goes again if it was made for a session that came to nothing.
#[derive(Debug)]
struct New {
    path: PathBuf,
    file: BufWriter<File>,
    /// By us, and nothing says yet that it is to stay.
    created: bool,
}

impl Drop for New {
    fn drop(&mut self) {
        let empty =
            self.file.buffer().is_empty() && self.path.metadata().is_ok_and(|file| file.len() == 0);
        if self.created && empty {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl ConflictFile {
    /// Opens the file, to write behind what it holds. A file that holds anything but conflicts is refused, and so is one of the databases.
    pub(super) fn open(path: &Path, databases: [Option<&Path>; 2]) -> Result<Self, Failure> {
        let shown = format!("conflicts file {}", path.display());
        let failed = |error: io::Error| Failure::file(&shown, &error);
        let append = || OpenOptions::new().append(true).clone();
        let (file, created) = match append().create_new(true).open(path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (append().open(path).map_err(failed)?, false)
            }
            Err(error) => return Err(failed(error)),
        };
        let file = New {
            path: path.to_owned(),
            file: BufWriter::new(file),
            created,
        };
        let own = path.canonicalize().map_err(failed)?;
        let is_own = |database: &Path| database.canonicalize().is_ok_and(|found| found == own);
        if databases.into_iter().flatten().any(is_own)
            || !holds_lines_of_json(path).map_err(failed)?
        {
            return Err(Failure::refused(
                shown,
                "it is there already and holds something else than conflicts",
                "name another file",
            ));
        }
        Ok(ConflictFile(Arc::new(Mutex::new(State {
            shown,
            file,
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
            let written = serde_json::to_writer(&mut state.file.file, &document)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(state.file.file));
            state.failed = written.err();
        });
    }

    /// Says whether everything was written. A file that was made for the session stays from now on, empty or not.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.with(|state| state.file.created = false);
        self.flush()
    }

    /// Says whether everything was written so far.
    pub(super) fn flush(&self) -> Result<(), Failure> {
        self.with(|state| {
            let flushed = state.file.file.flush().err();
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

/// The first conflicts of a session, to be shown.
#[derive(Debug)]
pub(super) struct Met {
    parties: Parties,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    uploading: bool,
    lines: Vec<String>,
}

impl Met {
    /// More are shown by the file alone.
    const MOST: usize = 10;

    pub(super) fn new(parties: Parties) -> Self {
        Met {
            parties,
            shown: Mutex::default(),
        }
    }

    /// Which direction the conflicts to come belong to.
    pub(super) fn direction(&self, uploading: bool) {
        self.shown().uploading = uploading;
    }

    pub(super) fn add(&self, record: &ConflictRecord) {
        let mut shown = self.shown();
        if shown.lines.len() < Self::MOST {
            let line = one_line(record, &self.parties, shown.uploading);
            shown.lines.push(line);
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.shown().lines.clone()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the two databases of a session. A conflict's own words, local and remote, go by its direction, and would be taken for theirs.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    local: String,
    remote: String,
}

impl Parties {
    pub(crate) fn of([local, remote]: [&dyn Database; 2]) -> Self {
        Parties {
            local: local.name(),
            remote: remote.name(),
        }
    }

    /// Whose row won, in a direction.
    fn winner(&self, winner: Winner, uploading: bool) -> &str {
        match (winner, uploading) {
            (Winner::Local, true) | (Winner::Remote, false) => &self.remote,
            (Winner::Local, false) | (Winner::Remote, true) => &self.local,
        }
    }
}

/// `[Customer] 1: LocalUpdateRemoteUpdate, b.db wins (destination-wins)`
pub(crate) fn one_line(record: &ConflictRecord, parties: &Parties, uploading: bool) -> String {
    let key: Vec<String> = cells(&record.key).iter().map(ToString::to_string).collect();
    let end = match record.winner {
        Some(side) => format!(
            "{} wins ({})",
            parties.winner(side, uploading),
            record.reason
        ),
        None => record.reason.clone(),
    };
    format!(
        "{} {}: {:?}, {end}",
        record.table,
        key.join(", "),
        record.conflict
    )
}
