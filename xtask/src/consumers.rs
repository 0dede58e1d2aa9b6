//! `cargo xtask consumers`: crates outside the workspace that use ours as anybody would.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo;
use crate::error::Error;
use crate::workspace::{self, Workspace};

/// Builds and runs every crate under `tests/consumers`.
///
/// # Errors
/// If there is none, or one does not build or does not succeed.
pub(crate) fn run() -> Result<(), Error> {
    build_and_run_all(&workspace::load()?)
}

/// As [`run`], for a caller who knows the workspace already.
pub(crate) fn build_and_run_all(workspace: &Workspace) -> Result<(), Error> {
    let folder = workspace.root.join("tests").join("consumers");
    let consumers = consumers_in(&folder)?;
    if consumers.is_empty() {
        return Err(Error::NoConsumers(folder));
    }
    for consumer in &consumers {
        build_and_run(workspace, consumer)?;
    }
    println!("consumers: {} built and run", consumers.len());
    Ok(())
}

fn consumers_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut consumers = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        if path.join("Cargo.toml").is_file() {
            consumers.push(path);
        }
    }
    consumers.sort();
    Ok(consumers)
}

fn build_and_run(workspace: &Workspace, consumer: &Path) -> Result<(), Error> {
    // A consumer has no lock file of its own: it starts from ours, from which cargo strikes what it does not use. So it
    // is built with the tested versions, and from the same artefacts as everything else.
    let ours = workspace.root.join("Cargo.lock");
    fs::copy(&ours, consumer.join("Cargo.lock")).map_err(Error::file(&ours))?;

    let mut command = cargo::command();
    command.args(["run", "--quiet", "--manifest-path"]);
    command.arg(consumer.join("Cargo.toml"));
    command.arg("--target-dir").arg(&workspace.target);
    cargo::run(&mut command)
}
