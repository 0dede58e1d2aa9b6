//! What every command is given.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sync_orchestrator::Cancellation;
use tokio::runtime::Handle;

/// What every command is given, whatever it does.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Whether the report is a document on standard output.
    pub(crate) json: bool,
    /// Set by Ctrl-C.
    pub(crate) cancellation: Cancellation,
    pub(crate) runtime: Handle,
    pub(crate) temporary: Temporary,
}

/// The folder that a command has made for the time that it runs. A command that is left behind cannot remove it itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Temporary(Arc<Mutex<Option<PathBuf>>>);

impl Temporary {
    /// From now on the folder goes if the command is left behind.
    pub(crate) fn set(&self, folder: &Path) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
    }

    /// Removes the folder for a command that may still be writing to it.
    pub(crate) fn remove(&self) {
        const TRIES: usize = 20;
        let folder = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(folder) = folder else { return };
        // A file that comes while the others go is found the next time.
        for _ in 0..TRIES {
            if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
                return;
            }
        }
    }
}
