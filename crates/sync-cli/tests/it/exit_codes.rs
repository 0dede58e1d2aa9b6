//! The table of exit codes of the manual, as data: each command in each of the ways that it can end.

use std::collections::BTreeSet;

use super::support::{Place, SHOP};

/// What the folder of a command holds: `a.db` and `b.db` in step in scope `shop`, `plain.db` with the same tables and not provisioned, and what is
/// done to them.
fn check(change: [&str; 2], calls: &[&str], code: i32) {
    let place = Place::with_two_shops();
    place.sql("plain.db", SHOP);
    place.sql("a.db", change[0]);
    place.sql("b.db", change[1]);
    for call in calls {
        let arguments: Vec<&str> = call.split_whitespace().collect();
        let run = place.run(&arguments);
        assert_eq!(run.code, code, "{call}: {run:?}");
        assert_eq!(
            run.stderr.contains("error: "),
            ![0, 1].contains(&code),
            "{call}: {run:?}"
        );
    }
}

const NOTHING: [&str; 2] = ["SELECT 1", "SELECT 1"];
const UPDATE: &str = "UPDATE Customer SET Name = 'a' WHERE Id = 1";

#[test]
fn done() {
    check(
        NOTHING,
        &[
            "sync a.db b.db",
            "status a.db",
            "status plain.db",
            "verify a.db b.db",
            "provision plain.db --scope shop --all-tables --script",
            "provision plain.db --scope shop --all-tables",
            "provision new.db --like a.db",
            "sync a.db newer.db --provision",
            "deprovision b.db --scope shop --script",
            "deprovision b.db --scope shop",
            "deprovision a.db --store",
            "demo --rows 20",
            "--help",
            "--version",
            "help sync",
        ],
        0,
    );
    let other = "UPDATE Customer SET Name = 'b' WHERE Id = 1";
    check([UPDATE, other], &["sync a.db b.db", "verify a.db b.db"], 0);
}

#[test]
fn done_but_something_is_left() {
    check([UPDATE, "SELECT 1"], &["verify a.db b.db"], 1);
    let taken = "INSERT INTO Customer VALUES (7, 'taken', 0, NULL)";
    check(
        ["DROP TRIGGER Customer_insert_trigger", "SELECT 1"],
        &["status a.db"],
        1,
    );
    let refused = "CREATE TRIGGER no BEFORE INSERT ON Customer WHEN NEW.Id = 7 BEGIN SELECT RAISE(ABORT, 'no'); END";
    check([taken, refused], &["sync a.db b.db"], 1);
    check(
        [UPDATE, "UPDATE Customer SET Name = 'b' WHERE Id = 1"],
        &["sync a.db b.db --conflict defer"],
        1,
    );
}

#[test]
fn wrong_usage() {
    check(
        NOTHING,
        &[
            "",
            "frobnicate",
            "status",
            "status a.db b.db",
            "status oracle://host/db",
            "sync a.db",
            "sync a.db b.db --conflict nobody",
            "sync a.db b.db --batch-size 0",
            "provision plain.db --all-tables",
            "provision plain.db --scope s",
            "provision plain.db --scope s --table Customer --columns Customer",
            "deprovision a.db",
            "knowledge show xyz",
            "knowledge convert 00",
            "sync mssql://host/db a.db",
            // There is no password for it.
            "sync a.db mssql://sa@host/db",
        ],
        2,
    );
}

#[test]
fn refused() {
    check(
        NOTHING,
        &[
            "status a.db --scope other",
            "sync a.db b.db --scope other",
            "sync a.db plain.db",
            "sync a.db a.db",
            "verify a.db plain.db",
            "provision a.db --scope shop --all-tables",
            "provision plain.db --scope s --table Customer --object-schema dbo",
            "provision plain.db --scope s --table Nobody",
            "provision new.db --like plain.db",
            "deprovision plain.db --store",
            "deprovision a.db --scope other",
            "sync plain.db new.db --scope shop --provision",
        ],
        3,
    );
    check(
        ["DROP TRIGGER Customer_insert_trigger", "SELECT 1"],
        &["sync a.db b.db"],
        3,
    );
}

#[test]
fn a_database_or_file_failed() {
    check(
        NOTHING,
        &[
            "status missing.db",
            "status .",
            "sync a.db missing.db",
            "sync missing.db a.db",
            // What is missing counts before what the other one holds.
            "sync plain.db missing.db",
            "sync plain.db missing.db --scope shop",
            "sync plain.db .",
            "verify plain.db missing.db",
            "provision missing.db --scope s --all-tables",
            "provision new.db --like missing.db",
            "provision nowhere/new.db --like a.db",
            "provision . --like a.db",
            "deprovision missing.db --store",
            "sync a.db b.db --conflicts nowhere/met.jsonl",
            "knowledge show @missing",
        ],
        4,
    );
}

/// The manual, the help and this table know the same codes; 130 is looked at where commands are cancelled.
#[test]
fn the_manual_has_the_same_codes() {
    let manual = include_str!("../../../../docs/cli.md");
    let chapter = manual.split("## Exit codes").nth(1).unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let first = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse().ok();
    let codes: BTreeSet<i32> = chapter.lines().filter_map(first).collect();
    assert_eq!(codes, BTreeSet::from([0, 1, 2, 3, 4, 130]));
    let help = Place::new().ok(&["--help"]);
    let help = help.split("Exit codes: ").nth(1).unwrap();
    for code in codes {
        assert!(help.contains(&format!("{code} ")), "{code} in {help}");
    }
}
