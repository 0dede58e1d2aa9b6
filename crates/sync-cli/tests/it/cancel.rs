//! Ctrl-C.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::support::{Place, Run, check_same_bytes};

/// A call that heeds Ctrl-C, which it says itself.
fn begun(call: &mut Command) -> (Child, BufReader<impl std::io::Read + use<>>) {
    let mut child = call
        .env("RUST_LOG", "syncdb=debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("Ctrl-C is heeded"), "{line}");
    (child, stderr)
}

fn interrupt(child: Child, mut stderr: impl std::io::Read) -> Run {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let mut output = child.wait_with_output().unwrap();
    stderr.read_to_end(&mut output.stderr).unwrap();
    Run::from(output)
}

/// Interrupts a call that cannot end by itself, since it needs a lock.
fn interrupted(place: &Place, call: &[&str]) -> Run {
    let (child, stderr) = begun(&mut place.command(call));
    interrupt(child, stderr)
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
    fs::create_dir(&temporary).unwrap();
    // As soon as there is a folder, a database, some of its rows.
    for (entries, bytes) in [(1, 0), (2, 0), (2, 1 << 20)] {
        let mut call = place.command(&["demo", "--rows", "10000000"]);
        let (mut child, stderr) = begun(call.env("TMPDIR", &temporary));
        loop {
            let (found_entries, found_bytes) = held(&temporary);
            if found_entries >= entries && found_bytes >= bytes {
                break;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?} before {entries} entries");
            std::thread::yield_now();
        }
        let run = interrupt(child, stderr);
        assert_eq!(run.code, 130, "at {entries} entries: {run:?}");
        assert_eq!(held(&temporary), (0, 0), "at {entries} entries");
    }
}

/// How many files and folders a folder holds, at every depth, and their bytes. What goes meanwhile does not count.
fn held(folder: &Path) -> (usize, u64) {
    let (mut entries, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        entries += 1;
        match entry.metadata() {
            Ok(found) if found.is_file() => bytes += found.len(),
            _ => {
                let (more_entries, more_bytes) = held(&entry.path());
                entries += more_entries;
                bytes += more_bytes;
            }
        }
    }
    (entries, bytes)
}
