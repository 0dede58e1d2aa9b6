//! `cargo xtask test-matrix`: every test of the project, then every pair of providers.

mod conformance;
mod ordinary;
mod table;
mod tally;

use std::env;
use std::process::ExitCode;

use clap::Args;

use crate::error::Error;
use crate::workspace;
use tally::Tally;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave out the ordinary tests.
    #[arg(long)]
    only_conformance: bool,
    /// Only the tests whose name, and the conformance results whose pair or scenario, contain this text.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Names the SQL Server to test with, or several of them, with spaces in between: the pairs of providers are then shared out among them.
const SERVERS: &str = "SYNC_TEST_MSSQL";

/// Runs it all. The last line printed is `N passed, N failed, N skipped`, summed over everything, whatever happens.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut tally = Tally::default();
    if let Err(error) = run_into(&mut tally, options) {
        eprintln!("error: {error}");
        tally.fail(format!("the run itself: {error}"));
    }
    print!("{}", tally.reasons());
    println!("{}", tally.line());
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_into(tally: &mut Tally, options: &Options) -> Result<(), Error> {
    let workspace = workspace::load()?;
    let filter = options.filter.as_deref();
    let servers = env::var(SERVERS).unwrap_or_default();
    let servers: Vec<String> = servers.split_whitespace().map(str::to_owned).collect();
    if !options.only_conformance {
        ordinary::run(&workspace, servers.first(), filter, tally)?;
    }
    let results = conformance::run(&servers, filter, tally)?;
    println!("\n{}", table::render(&results));
    Ok(())
}
