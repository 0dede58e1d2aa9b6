//! `cargo xtask mutants`: one comparison of each operation of the knowledge algebra is broken, and some law has to notice.
//!
//! The laws are only worth what they notice. cargo-mutants changes the code and runs the tests; which mutants it makes, and what each
//! operation is, stands here as data; which law noticed is read from the tests' own output.

mod decisions;
mod operations;
mod outcome;
mod rules;
#[cfg(test)]
mod sources;
mod table;

use std::fs;
use std::process::Stdio;

use clap::Args;

use crate::cargo;
use crate::error::Error;
use crate::workspace;
use operations::{OPERATIONS, Pick};
use outcome::{Effort, Mutant};
use table::Tally;

/// The version that this was written for; others probably do.
const CARGO_MUTANTS: &str = "27.1.0";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Every comparison and every condition of the crate instead of one for each operation: takes hours.
    #[arg(long)]
    all: bool,
    /// Only the operations, or with --all the functions, whose name contains this. Can be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// How many mutants are built and tested at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Print the table as Markdown, as docs/knowledge-proof.md and docs/decision-proof.md have it.
    #[arg(long)]
    markdown: bool,
    /// The rules of the decisions instead of the algebra: each is broken, and the fast tests are run up to the first program of tests that
    /// notices, or with --all every one.
    #[arg(long)]
    decisions: bool,
}

/// Breaks, tests, and prints a table.
///
/// # Errors
/// If cargo-mutants is not there, an operation has nothing to break, or a mutant survives.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    if options.decisions {
        return decisions::run(&options.filter, options.all, options.markdown);
    }
    ensure_installed()?;
    let workspace = workspace::load()?;
    let folder = workspace.target.join("mutants");
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;

    let possible = outcome::possible(&workspace.root)?;
    let picks = if options.all {
        operations::all(&possible)
    } else {
        operations::one_each(&possible)?
    };
    let picks: Vec<Pick> = picks
        .into_iter()
        .filter(|pick| {
            let filter = &options.filter;
            filter.is_empty() || filter.iter().any(|text| pick.matches(text))
        })
        .collect();
    let mut mutants: Vec<&Mutant> = picks.iter().map(|pick| &pick.mutant).collect();
    mutants.sort();
    mutants.dedup();
    if mutants.is_empty() {
        return Err(Error::NoMutants);
    }
    println!(
        "mutants: {} to break, for {} of {} operations",
        mutants.len(),
        picks.len(),
        OPERATIONS.len()
    );
    let effort = Effort {
        jobs: options.jobs,
        every_law: !options.all,
    };
    let fates = outcome::of(&workspace.root, &folder, &mutants, effort)?;
    let rows = table::rows(&picks, &fates);
    print!(
        "{}",
        if options.markdown {
            table::markdown(&rows)
        } else {
            table::plain(&rows)
        }
    );
    let tally = Tally::of(&rows);
    println!("mutants: {tally}");
    tally.judge()
}

fn ensure_installed() -> Result<(), Error> {
    let mut command = cargo::command();
    command.args(["mutants", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Error::NoCargoMutants {
            version: CARGO_MUTANTS,
        }),
    }
}
