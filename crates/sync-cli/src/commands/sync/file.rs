//! The file of conflicts, a line of JSON each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::session::ConflictDocument;

/// The file that conflicts are written to.
#[derive(Debug)]
pub(super) struct ConflictFile {
    shown: String,
    file: New,
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
        Ok(ConflictFile {
            shown,
            file,
            failed: None,
        })
    }

    /// Writes a conflict. An error is kept for [`finish`](Self::finish): the session goes on.
    pub(super) fn write(&mut self, document: &ConflictDocument<'_>) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.file.file, document)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(self.file.file));
        self.failed = written.err();
    }

    /// Says whether everything was written. A file that was made for the session stays from now on, empty or not.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.file.created = false;
        self.flush()
    }

    /// Says whether everything was written so far.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.file.file.flush().err();
        match self.failed.take().or(flushed) {
            Some(error) => Err(Failure::file(&self.shown, &error)),
            None => Ok(()),
        }
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
