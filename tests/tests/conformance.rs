//! The conformance suite in the ordinary run; `cargo xtask test-matrix` shows it as a table.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::sync::{Mutex, PoisonError};

use sync_provider_mssql::Execution;
use sync_tests::conformance::{Engine, Making, Memory, Mssql, Problem, SCENARIOS, Sqlite, run};

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

/// A server may keep one clock for all its databases, and a transaction under way in one of them then holds the marks of all others back.
static ALONE: Mutex<()> = Mutex::new(());

/// With a database of SQL Server as the first and as the second, one after the other.
fn check_mssql(test: &str, making: Making, others: &[&dyn Engine]) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mssql) = Mssql::new(test, making) else {
        return;
    };
    for &other in others {
        check(&mssql, other);
        check(other, &mssql);
    }
}

#[test]
fn mssql_with_memory() {
    check_mssql("mssql_with_memory", Making::Ours, &[&Memory]);
}

#[test]
fn mssql_with_sqlite() {
    check_mssql("mssql_with_sqlite", Making::Ours, &[&Sqlite]);
}

#[test]
fn mssql_with_mssql() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mssql) = Mssql::new("mssql_with_mssql", Making::Ours) else {
        return;
    };
    check(&mssql, &mssql);
}

#[test]
fn msf_with_sqlite() {
    let making = Making::Msf(Execution::Slices);
    check_mssql("msf_with_sqlite", making, &[&Sqlite]);
}

#[test]
fn msf_procedures_with_sqlite() {
    let making = Making::Msf(Execution::Procedures);
    check_mssql("msf_procedures_with_sqlite", making, &[&Sqlite]);
}

#[test]
fn scenarios_have_names_of_their_own() {
    let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SCENARIOS.len());
}
