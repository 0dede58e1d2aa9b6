//! The conformance suite in the ordinary run, without a server; `cargo xtask test-matrix` runs all pairs of providers and shows them as a table.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use sync_provider_commands::ChangeTrackingModel::{Coupled, Decoupled};
use sync_tests::conformance::{Commands, Engine, Memory, Problem, SCENARIOS, Sqlite, Wired, run};

fn check(local: &dyn Engine, remote: &dyn Engine) {
    let failed: Vec<String> = SCENARIOS
        .iter()
        .map(|scenario| run(local, remote, scenario))
        .filter_map(|finding| match finding.problem {
            Some(Problem::Failed(reason)) => {
                Some(format!("{}: {}: {reason}", finding.pair, finding.scenario))
            }
            _ => None,
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Named so that the matrix, which runs each of these pairs itself, can leave them out here.
mod conformance_pairs {
    use super::*;

    #[test]
    fn memory_with_memory() {
        check(&Memory, &Memory);
    }

    #[test]
    fn memory_with_sqlite() {
        check(&Memory, &Sqlite);
    }

    #[test]
    fn sqlite_with_memory() {
        check(&Sqlite, &Memory);
    }

    #[test]
    fn sqlite_with_sqlite() {
        check(&Sqlite, &Sqlite);
    }

    #[test]
    fn memory_with_commands() {
        check(&Memory, &Commands(Decoupled));
    }

    #[test]
    fn commands_with_sqlite() {
        check(&Commands(Decoupled), &Sqlite);
    }

    #[test]
    fn sqlite_with_commands() {
        check(&Sqlite, &Commands(Decoupled));
    }

    #[test]
    fn coupled_commands_with_sqlite() {
        check(&Commands(Coupled), &Sqlite);
    }

    #[test]
    fn wired_with_sqlite() {
        check(&Wired(Sqlite), &Sqlite);
    }

    #[test]
    fn sqlite_with_wired() {
        check(&Sqlite, &Wired(Sqlite));
    }

    #[test]
    fn memory_with_wired() {
        check(&Memory, &Wired(Sqlite));
    }

    #[test]
    fn wired_with_memory() {
        check(&Wired(Sqlite), &Memory);
    }

    #[test]
    fn wired_memory_with_memory() {
        check(&Wired(Memory), &Memory);
    }

    #[test]
    fn sqlite_with_coupled_commands() {
        check(&Sqlite, &Commands(Coupled));
    }
}

#[test]
fn scenarios_have_names_of_their_own() {
    let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SCENARIOS.len());
}
