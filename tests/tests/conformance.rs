//! The conformance suite in the ordinary run; `cargo xtask test-matrix` shows it as a table.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::sync::{Mutex, PoisonError};

use sync_tests::conformance::{Engine, Memory, Mssql, Problem, SCENARIOS, Sqlite, run};

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

/// With SQL Server as the first and as the second, one after the other.
fn check_mssql(test: &str, other: Option<&dyn Engine>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mssql) = Mssql::new(test) else {
        return;
    };
    match other {
        Some(other) => {
            check(&mssql, other);
            check(other, &mssql);
        }
        None => check(&mssql, &mssql),
    }
}

#[test]
fn mssql_with_memory() {
    check_mssql("mssql_with_memory", Some(&Memory));
}

#[test]
fn mssql_with_sqlite() {
    check_mssql("mssql_with_sqlite", Some(&Sqlite));
}

#[test]
fn mssql_with_mssql() {
    check_mssql("mssql_with_mssql", None);
}

/// One way round with another engine, and with slices: each scenario costs many sessions.
#[test]
fn procedures_with_sqlite_and_slices() {
    let test = "procedures_with_sqlite_and_slices";
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (Some(procedures), Some(slices)) = (Mssql::with_procedures(test), Mssql::new(test)) else {
        return;
    };
    check(&Sqlite, &procedures);
    check(&procedures, &slices);
}

#[test]
fn scenarios_have_names_of_their_own() {
    let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SCENARIOS.len());
}
