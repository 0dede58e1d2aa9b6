//! The conformance suite: what every provider must do, whichever provider stands at the other end.
//!
//! An [`Engine`] makes replicas of a neutral schema; a scenario is a function over two of them, local and remote. Scenarios look
//! at rows, versions and knowledge through [`TestReplica::state`], which reads them back past the code under test.

mod commands;
mod engine;
pub mod grid;
pub mod hooked;
mod memory;
mod mssql;
mod neutral;
mod on_server;
mod scenarios;
mod sqlite;
mod state;
mod wired;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use commands::{Commands, ServerCommands};
pub use engine::{Ability, Engine, Lacking, Layout, TestReplica};
pub use hooked::{Hooked, Seen};
pub use memory::Memory;
pub use mssql::{Making, Mssql};
pub use neutral::{TABLES, TableSpec};
pub use scenarios::{SCENARIOS, Scenario, Verdict};
pub use sqlite::Sqlite;
pub use state::{Entry, State};
use sync_provider_commands::ChangeTrackingModel;
use sync_provider_mssql::Execution;
pub use wired::{Line, Wired};

/// What makes the replicas of a provider, or why nothing can here.
pub type Available = Result<Box<dyn Engine>, String>;

/// The providers there are, by name.
pub fn engines() -> Vec<(&'static str, Available)> {
    let of_server = |making| -> Available {
        match Mssql::new("conformance", making) {
            Some(engine) => Ok(Box::new(engine)),
            None => Err(NO_SERVER.to_owned()),
        }
    };
    let of_commands = |model| -> Available {
        match ServerCommands::new("conformance", model) {
            Some(engine) => Ok(Box::new(engine)),
            None => Err(NO_SERVER.to_owned()),
        }
    };
    vec![
        ("memory", Ok(Box::new(Memory))),
        ("sqlite", Ok(Box::new(Sqlite))),
        ("wired", Ok(Box::new(Wired(Sqlite)))),
        (
            "commands",
            Ok(Box::new(Commands(ChangeTrackingModel::Decoupled))),
        ),
        (
            "commands (coupled)",
            Ok(Box::new(Commands(ChangeTrackingModel::Coupled))),
        ),
        ("mssql", of_server(Making::Ours)),
        ("msf", of_server(Making::Msf(Execution::Slices))),
        (
            "msf (procedures)",
            of_server(Making::Msf(Execution::Procedures)),
        ),
        (
            "commands (mssql)",
            of_commands(ChangeTrackingModel::Decoupled),
        ),
        (
            "commands (mssql, coupled)",
            of_commands(ChangeTrackingModel::Coupled),
        ),
    ]
}

/// The ordered pairs of providers that are tried. Two databases as Sync Framework provisioned them, with commands that somebody wrote, or behind a bad
/// line differ in nothing that one of them and another provider would not show.
pub fn pairs<E>(engines: &[(&'static str, E)]) -> Vec<[usize; 2]> {
    let special = ["msf", "commands", "wired"];
    let is_special = |engine: usize| {
        let name = engines[engine].0;
        special.iter().any(|special| name.starts_with(special))
    };
    let all = 0..engines.len();
    let all = all.clone().flat_map(|a| all.clone().map(move |b| [a, b]));
    all.filter(|&[a, b]| !(is_special(a) && is_special(b)))
        .collect()
}

/// Why tests that need a server cannot run.
pub const NO_SERVER: &str = "SYNC_TEST_MSSQL names no server";

/// One scenario over one ordered pair of providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The providers, local first.
    pub pair: String,
    /// The scenario's name.
    pub scenario: &'static str,
    /// `None` when it passed; otherwise how it failed or why it was skipped.
    pub problem: Option<Problem>,
}

/// Why a scenario did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It failed.
    Failed(String),
    /// It does not apply to the pair.
    Skipped(String),
}

/// Names an ordered pair.
pub fn pair_name(local: &str, remote: &str) -> String {
    format!("{local} → {remote}")
}

/// Runs one scenario over one pair.
pub fn run(local: &dyn Engine, remote: &dyn Engine, scenario: &Scenario) -> Finding {
    let result = catch_unwind(AssertUnwindSafe(|| (scenario.run)(local, remote)));
    let problem = match result {
        Ok(Verdict::Passed) => None,
        Ok(Verdict::Skipped(reason)) => Some(Problem::Skipped(reason)),
        Err(panic) if panic.is::<Lacking>() => {
            let lacking = panic.downcast_ref::<Lacking>();
            lacking.map(|Lacking(reason)| Problem::Skipped(reason.clone()))
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Problem::Failed(
                text.unwrap_or_else(|| "it panicked".to_owned()),
            ))
        }
    };
    Finding {
        pair: pair_name(local.name(), remote.name()),
        scenario: scenario.name,
        problem,
    }
}
