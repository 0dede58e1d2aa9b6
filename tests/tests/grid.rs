//! The conflict grid in the ordinary run: every cell in every run between the providers that need no server. With one, the scenario "conflict grid" of
//! the conformance suite has every cell, and each policy in each direction from either side.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it went through"
)]

use std::collections::BTreeSet;

use sync_tests::conformance::grid::{Effort, Kind, ONLY, Run, Tally, World, run};
use sync_tests::conformance::{Engine, Memory, Sqlite};

fn check(a: &dyn Engine, b: &dyn Engine) -> Tally {
    let tally = run([a, b], Effort::Every);
    eprintln!(
        "{} with {}: {} sessions, {} rows",
        a.name(),
        b.name(),
        tally.runs,
        tally.cells
    );
    tally
}

/// Six of the seven conflict types: what cannot be written is shown by the scenarios "a failing row heals" and "a handler hears of failing rows".
/// Two deletions are settled without a word.
#[test]
fn memory_with_memory() {
    let kinds = check(&Memory, &Memory).kinds;
    if std::env::var(ONLY).is_ok() {
        return;
    }
    let told = [
        (Kind::UpdateUpdate, true),
        (Kind::UpdateDelete, true),
        (Kind::DeleteUpdate, true),
        (Kind::InsertInsert, true),
        (Kind::CleanedDeleteUpdate, true),
    ];
    let silent = [
        (Kind::UpdateUpdate, false),
        (Kind::InsertInsert, false),
        (Kind::DeleteDelete, false),
    ];
    let expected: BTreeSet<(Kind, bool)> = told.into_iter().chain(silent).collect();
    assert_eq!(kinds, expected);
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
fn cells_and_runs_have_names_of_their_own() {
    let cells = World::ALL.into_iter().flat_map(World::cells);
    let names: Vec<String> = cells.map(|cell| cell.to_string()).collect();
    let runs: Vec<String> = Run::all().iter().map(Run::to_string).collect();
    for names in [names, runs] {
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
