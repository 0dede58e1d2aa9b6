//! The project's own commands: `cargo xtask layers`, `test-matrix`, `fuzz`, `soak`, `mutants`, `bench`, `package`, `consumers`.
//!
//! They are a crate rather than scripts so that they run alike on every platform and need nothing but cargo.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command of the project speaks on its standard streams"
)]

mod bench;
mod cargo;
mod consumers;
mod error;
mod fuzz;
mod layers;
mod mutants;
mod package;
mod soak;
mod test_matrix;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that every crate depends only on the layers below it.
    Layers,
    /// Run every test, then the conformance suite over each ordered pair of providers, and print one table.
    TestMatrix(test_matrix::Options),
    /// Package every published crate, build each from its package alone, then build the consumers.
    Package(package::Options),
    /// Try inputs that nobody thought of on everything that reads bytes from outside, and on the algebra of knowledge.
    Fuzz(fuzz::Options),
    /// Random communities over real databases: chaos, then calm, with the laws of communities checked at every step.
    Soak(soak::Options),
    /// Break one comparison of each operation of the knowledge algebra, and show which law notices.
    Mutants(mutants::Options),
    /// Build and run the small crates outside the workspace that use ours as anybody would.
    Consumers,
    /// Measure, and compare instruction counts with those committed.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Layers => layers::run(),
        Command::TestMatrix(options) => return test_matrix::run(&options),
        Command::Package(options) => package::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Consumers => consumers::run(),
        Command::Bench(bench) => bench::run(&bench),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
