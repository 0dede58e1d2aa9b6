//! Ctrl-C.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::{Place, Run, check_same_bytes};

/// Interrupts a call after a while in which it waits for a lock.
fn interrupted(place: &Place, call: &[&str]) -> Run {
    let child = place
        .command(call)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(800));
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    Run::from(child.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_command_says_so_and_changes_nothing() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer SET Name = 'Grace' WHERE Id = 1");
    let before = place.bytes();
    let holder = place.connect("b.db");
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for call in [
        &["sync", "a.db", "b.db", "--scope", "shop"][..],
        &["status", "b.db"],
        &["deprovision", "b.db", "--store"],
    ] {
        let run = interrupted(&place, call);
        assert_eq!(run.code, 130, "{call:?}: {run:?}");
        assert!(run.error_line().contains("cancelled"), "{run:?}");
        let run = interrupted(&place, &[call, &["--json"]].concat());
        assert_eq!(run.code, 130, "{call:?}: {run:?}");
        assert_eq!(run.document()["error"]["code"], 130, "{run:?}");
    }
    holder.execute_batch("ROLLBACK").unwrap();
    check_same_bytes(&before, &place.bytes(), &["all calls"]);
    place.ok(&["sync", "a.db", "b.db"]);
    assert_eq!(
        place.rows("b.db", "SELECT Name FROM Customer WHERE Id = 1"),
        ["Text(\"Grace\")"]
    );
}

/// The demonstration leaves no folder behind, wherever it is interrupted.
#[test]
fn an_interrupted_demonstration_leaves_nothing() {
    let place = Place::new();
    let temporary = place.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    for after in [100, 400, 1500] {
        let child = place
            .command(&["demo", "--rows", "10000000"])
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(after));
        let sent = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, 130, "after {after} ms: {run:?}");
        let left = std::fs::read_dir(&temporary).unwrap().count();
        assert_eq!(left, 0, "after {after} ms");
    }
}
