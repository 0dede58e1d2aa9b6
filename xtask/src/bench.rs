//! `cargo xtask bench`: measuring, and the gate of instruction counts.

mod counts;
mod instructions;

use std::process::Command;

use clap::{Args, Subcommand};

use crate::cargo;
use crate::error::Error;
use crate::workspace::{self, Workspace};

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Measure `sync-knowledge` beside its rivals and the bound and print the tables with ratios; then count instructions.
    Knowledge(Options),
    /// Measure first synchronisations into and out of SQL Server beside the plain driver and print the tables with ratios. Needs the server
    /// that `SYNC_TEST_MSSQL` names; without one it says so and succeeds.
    SqlServer(SqlServer),
    /// Count the instructions of the watched pieces of work and compare them with those committed. Needs valgrind on Linux;
    /// where the counts cannot be compared it says so and succeeds.
    Instructions(instructions::Options),
}

/// How thoroughly.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Take few and short turns and leave criterion out: for trying.
    #[arg(long)]
    short: bool,
}

/// How much.
#[derive(Debug, Args)]
pub(crate) struct SqlServer {
    /// Rows of the table.
    #[arg(long, default_value_t = 20_000)]
    rows: u32,
    /// Turns that count.
    #[arg(long, default_value_t = 3)]
    turns: u32,
}

/// # Errors
/// If something cannot be built or run, or a piece of work takes more instructions than committed.
pub(crate) fn run(bench: &Bench) -> Result<(), Error> {
    let workspace = workspace::load()?;
    match bench {
        Bench::Knowledge(options) => knowledge(&workspace, options),
        Bench::SqlServer(options) => sql_server(&workspace, options),
        Bench::Instructions(options) => instructions::run(&workspace, options),
    }
}

fn knowledge(workspace: &Workspace, options: &Options) -> Result<(), Error> {
    if !options.short {
        // Criterion keeps its own record from run to run; the tables come last, where they are seen.
        cargo::run(&mut ours(workspace, "bench"))?;
        cargo::run(&mut rivals(workspace, "bench"))?;
    }
    let effort = options.short.then_some("--short");
    println!("\n== sync-knowledge and its rivals");
    cargo::run(
        rivals(workspace, "run")
            .args(["--release", "--bin", "compare", "--"])
            .args(effort),
    )?;
    println!("\n== Exceptions and bytes");
    cargo::run(
        ours(workspace, "run")
            .args(["--release", "--bin", "knowledge-table", "--"])
            .args(effort),
    )?;
    println!("\n== Instructions");
    instructions::run(workspace, &instructions::Options::default())
}

fn sql_server(workspace: &Workspace, options: &SqlServer) -> Result<(), Error> {
    let mut command = cargo::command();
    command.current_dir(&workspace.root);
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "sync-sql-server-benches",
        "--",
    ]);
    cargo::run(command.args([options.rows, options.turns].map(|number| number.to_string())))
}

fn ours(workspace: &Workspace, action: &str) -> Command {
    let mut command = cargo::command();
    command.current_dir(&workspace.root);
    command.args([action, "--quiet", "--package", "sync-knowledge-benches"]);
    command
}

/// The rivals are in a workspace of their own, with a lock file of its own; only the target folder is shared.
fn rivals(workspace: &Workspace, action: &str) -> Command {
    let manifest = workspace.root.join("benches/compare/Cargo.toml");
    let mut command = cargo::command();
    command
        .args([action, "--quiet", "--locked", "--manifest-path"])
        .arg(manifest);
    command.arg("--target-dir").arg(&workspace.target);
    command
}
