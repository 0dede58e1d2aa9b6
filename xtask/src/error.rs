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
    #[error("{failed} fuzz target(s) failed; each input and how to try it again stands above")]
    Fuzz { failed: usize },
    #[error("no fuzz target is called `{0}`; `cargo run --package sync-fuzz -- list` names them")]
    NoFuzzTarget(String),
    #[error("libFuzzer is not used: {0}")]
    NoLibFuzzer(String),
    #[error(
        "cargo-mutants is not installed, and only this command needs it: `cargo install --locked cargo-mutants --version {version}`"
    )]
    NoCargoMutants { version: &'static str },
    #[error("cannot read the output of cargo-mutants: {0}")]
    MutantsOutput(#[source] serde_json::Error),
    #[error("no operation's name contains the filter's text")]
    NoMutants,
    #[error(
        "operation `{operation}` has no comparison to break: name the functions that compare in xtask/src/mutants/operations.rs"
    )]
    NothingToBreak { operation: &'static str },
    #[error(
        "{survived} mutant(s) survived, {not_built} could not be built and {not_run} were not run; each stands above: add the law that notices it, or break something else in xtask/src/mutants/operations.rs and say in docs/knowledge-proof.md why this one changes nothing"
    )]
    Survivors {
        survived: usize,
        not_built: usize,
        not_run: usize,
    },
    #[error("the tests fail, though nothing is broken; run `cargo test` first")]
    TestsFail,
    #[error(
        "{survived} broken rule(s) survived and {not_built} could not be built; each stands above: add the test that notices it, or mend xtask/src/mutants/rules.rs"
    )]
    RulesSurvive { survived: usize, not_built: usize },
    #[error(
        "{found} piece(s) of work take more instructions than committed; if that is meant, `cargo xtask bench instructions --update` and say why in the commit"
    )]
    Instructions { found: usize },
    #[error("`{}` has a line that is no count: {line}", path.display())]
    Counts { path: PathBuf, line: String },
    #[error("callgrind gave no count: {0}")]
    NoCount(String),
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
