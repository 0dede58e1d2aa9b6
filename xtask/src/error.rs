//! Why a command of the project stops.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why a command of the project stops. Each message names the object and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start `{command}`: {source}")]
    Start {
        command: String,
        source: std::io::Error,
    },
    #[error("`{command}` ended with {status}")]
    Ended { command: String, status: ExitStatus },
    #[error("cannot use `{}`: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read the output of `cargo metadata`: {0}")]
    Metadata(#[from] serde_json::Error),
    #[error(
        "{found} rule(s) of the layers broken; the table of layers is xtask/src/layers/rules.rs"
    )]
    Layers { found: usize },
    #[error("no consumer crate in `{}`", .0.display())]
    NoConsumers(PathBuf),
}

impl Error {
    /// For `map_err`: ties an I/O error to the path it is about.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}
