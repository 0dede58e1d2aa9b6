//! Wrong usage, help, and readers that go away.

use std::process::Stdio;

use super::support::{Place, Run, check_failure};

#[test]
fn wrong_usage() {
    let place = Place::with_two_shops();
    let check = |call: &[&str], part| check_failure(&place, call, 2, part);
    check(&["frobnicate"], "unrecognized subcommand 'frobnicate'");
    check(&["status"], "<DB>");
    check(&["status", "a.db", "--frob"], "'--frob'");
    check(&["sync", "a.db"], "<REMOTE>");
    check(
        &["sync", "a.db", "b.db", "--direction", "sideways"],
        "sideways",
    );
    check(
        &["sync", "a.db", "b.db", "--conflict", "nobody-wins"],
        "nobody-wins",
    );
    check(
        &["sync", "a.db", "b.db", "--conflict", "priority"],
        "--priority",
    );
    check(
        &[
            "sync",
            "a.db",
            "b.db",
            "--conflict",
            "priority",
            "--priority",
            "7",
        ],
        "'7'",
    );
    check(
        &[
            "sync",
            "a.db",
            "b.db",
            "--priority",
            "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e",
        ],
        "--priority",
    );
    check(&["sync", "a.db", "b.db", "--batch-size", "0"], "'0'");
    check(&["provision", "a.db", "--scope", "s"], "--table");
    check(&["provision", "a.db", "--table", "Customer"], "--scope");
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--table",
            "Customer",
            "--all-tables",
        ],
        "--all-tables",
    );
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--all-tables",
            "--like",
            "b.db",
        ],
        "cannot be used with",
    );
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--table",
            "Customer",
            "--columns",
            "Purchase=x",
        ],
        "no table of that name",
    );
    check(
        &["provision", "a.db", "--scope", "s", "--table", "=x"],
        "a name is empty",
    );
    check(&["deprovision", "a.db"], "--store");
    check(
        &["deprovision", "a.db", "--scope", "shop", "--store"],
        "cannot be used with",
    );
    check(&["demo", "--rows", "0"], "'0'");
    check(&["knowledge", "convert", "00"], "--to");
}

#[test]
fn nothing_at_all_is_wrong_usage_too() {
    let run = Place::new().run(&[]);
    assert_eq!(run.code, 2);
    assert!(run.error_line().contains("no command is given"), "{run:?}");
    assert!(run.stderr.contains("Usage: syncdb"), "{run:?}");
}

#[test]
fn help_and_version() {
    let place = Place::new();
    assert!(place.ok(&["--version"]).starts_with("syncdb 0."));
    let help = place.ok(&["--help"]);
    for command in [
        "demo",
        "provision",
        "sync",
        "status",
        "verify",
        "deprovision",
        "knowledge",
    ] {
        assert!(help.contains(command), "{help}");
        assert!(place.ok(&[command, "--help"]).contains("Usage: syncdb"));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_two_shops();
    for call in [
        &["status", "a.db"][..],
        &["status", "a.db", "--json"],
        &["verify", "a.db", "b.db"],
        &["--help"],
        &["demo", "--rows", "20"],
    ] {
        let mut child = place
            .command(call)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{call:?}");
    }
}

#[test]
fn names_from_databases_do_not_reach_the_terminal_raw() {
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE \"a\u{202e}b\" (id INTEGER PRIMARY KEY); INSERT INTO \"a\u{202e}b\" VALUES (1)");
    let out = place.ok(&["provision", "a.db", "--scope", "s\u{202e}t", "--all-tables"]);
    assert!(!out.contains('\u{202e}'), "{out:?}");
    let out = place.ok(&["status", "a.db"]);
    assert!(
        !out.contains('\u{202e}') && out.contains("\\u{202e}"),
        "{out:?}"
    );
    assert_eq!(
        place.json(&["status", "a.db"], 0)["scopes"][0]["name"],
        "s\u{202e}t"
    );
}
