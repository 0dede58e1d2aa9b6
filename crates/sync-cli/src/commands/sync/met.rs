//! The conflicts of a session: the first of them to be shown, all of them in a file where one is wanted.

use sync_orchestrator::SessionProgress;
use sync_provider::ConflictRecord;

use super::file::ConflictFile;
use crate::session::{ConflictDocument, Listener, Parties, one_line};

#[derive(Debug)]
pub(super) struct Met {
    parties: Parties,
    pub(super) file: Option<ConflictFile>,
    pub(super) lines: Vec<String>,
    /// Which direction the conflicts to come belong to.
    uploading: bool,
}

impl Met {
    /// More are shown by the file alone.
    const MOST: usize = 10;

    pub(super) fn new(parties: Parties, file: Option<ConflictFile>) -> Self {
        Met {
            parties,
            file,
            lines: Vec::new(),
            uploading: true,
        }
    }
}

impl Listener for Met {
    fn progress(&mut self, progress: &SessionProgress) {
        self.uploading = progress.uploading;
    }

    fn conflict(&mut self, record: &ConflictRecord) {
        if self.lines.len() < Self::MOST {
            let line = one_line(record, &self.parties, self.uploading);
            self.lines.push(line);
        }
        if let Some(file) = &mut self.file {
            file.write(&ConflictDocument::new(record, self.uploading));
        }
    }
}
