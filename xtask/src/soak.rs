//! `cargo xtask soak`: random communities over real databases.
//!
//! The program is one of the crate `sync-tests`, in the profile that its tests are built in. `.ci/run` calls it as it is built with them: by itself it
//! has fewer features of its dependencies, which are built once more then.

use clap::Args;

use crate::cargo;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For how long; a seed under way is carried out to its end.
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// The first seed; by default another one every time.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds, if the time is not over before.
    #[arg(long)]
    count: Option<u64>,
}

/// # Errors
/// If a seed breaks a law, or the program cannot be built.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let mut command = cargo::command();
    command.args([
        "run",
        "--quiet",
        "--package",
        "sync-tests",
        "--bin",
        "soak",
        "--",
    ]);
    command.args(["--seconds", &options.minutes.saturating_mul(60).to_string()]);
    for (name, value) in [("--seed", options.seed), ("--count", options.count)] {
        if let Some(value) = value {
            command.args([name, &value.to_string()]);
        }
    }
    cargo::run(&mut command)
}
