//! Where the demonstration's databases are.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::context::Temporary;
use crate::exit::Failure;

/// The folder; a temporary one goes with this value unless it is kept.
#[derive(Debug)]
pub(super) enum Folder {
    Temporary(TempDir),
    Named(PathBuf),
}

impl Folder {
    /// A folder of this name, which must be empty or new; without a name a temporary one.
    pub(super) fn open(name: Option<&Path>, temporary: &Temporary) -> Result<Self, Failure> {
        let Some(path) = name else {
            let folder = tempfile::Builder::new().prefix("syncdb-demo-").tempdir();
            let folder = folder.map_err(|error| Failure::file("temporary folder", &error))?;
            temporary.set(folder.path());
            return Ok(Folder::Temporary(folder));
        };
        let shown = path.display().to_string();
        let refused =
            |reason: &str| Failure::refused(&shown, reason, "name an empty or new folder");
        if path.exists() && !path.is_dir() {
            return Err(refused("it is no folder"));
        }
        fs::create_dir_all(path).map_err(|error| Failure::file(&shown, &error))?;
        let mut entries = fs::read_dir(path).map_err(|error| Failure::file(&shown, &error))?;
        if entries.next().is_some() {
            return Err(refused("the folder is not empty"));
        }
        Ok(Folder::Named(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Folder::Temporary(folder) => folder.path(),
            Folder::Named(path) => path,
        }
    }

    /// Ends the folder, or keeps it and says where it is.
    pub(super) fn close(self, keep: bool) -> Option<PathBuf> {
        match self {
            Folder::Named(path) => Some(path),
            Folder::Temporary(folder) if keep => Some(folder.keep()),
            Folder::Temporary(_) => None,
        }
    }
}
