//! The n-th call to a database fails, for n = 1, 2, … until a session passes. After each failure both databases are sound and
//! hold what they held before or what a whole direction made of it, and the next session converges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sync_orchestrator::SyncDirectionOrder;
use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};
use sync_tests::support::dump::{assert_sound, open, query, user_rows};
use sync_tests::support::faulty::{Countdown, FaultyProvider, When};
use sync_tests::support::scratch;
use sync_tests::support::session::Session;

const SCHEMA: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL, u TEXT UNIQUE); \
    CREATE TABLE child (id INTEGER NOT NULL, k TEXT NOT NULL, p INTEGER REFERENCES parent, PRIMARY KEY (k, id)) WITHOUT ROWID;";

/// Two databases in which everything happens at once: rows both ways, conflicts, deletes, a swap, a missing parent, a failing row.
fn prepare(folder: &Path) -> [PathBuf; 2] {
    let paths = ["a.db", "b.db"].map(|name| folder.join(name));
    for path in &paths {
        open(path).execute_batch(SCHEMA).unwrap();
        Provisioning::new("s", Tables::All).apply(path).unwrap();
    }
    let [a, b] = paths.each_ref().map(|path| open(path));
    a.execute_batch(
        "INSERT INTO parent VALUES (1, 'one', 'u1'), (2, 'two', 'u2'), (3, 'three', 'u3'), (4, 'four', NULL); \
         INSERT INTO child VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL)",
    )
    .unwrap();
    session(&paths).run();
    a.execute_batch(
        "UPDATE parent SET u = 'x' WHERE id = 1; UPDATE parent SET u = 'u1' WHERE id = 2; UPDATE parent SET u = 'u2' WHERE id = 1; \
         UPDATE parent SET name = 'a' WHERE id = 3; DELETE FROM child WHERE id = 1; INSERT INTO child VALUES (9, 'refused', 1), (10, 'new', 4)",
    )
    .unwrap();
    b.execute_batch(
        "UPDATE parent SET name = 'b' WHERE id = 3; DELETE FROM parent WHERE id = 4; INSERT INTO parent VALUES (5, 'five', 'u5'); \
         INSERT INTO child VALUES (5, 'back', 5); CREATE TRIGGER no BEFORE INSERT ON child WHEN NEW.k = 'refused' BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .unwrap();
    paths
}

fn session(paths: &[PathBuf; 2]) -> Session {
    let [a, b] = paths
        .each_ref()
        .map(|path| Arc::new(SqliteProvider::new(path, "s")));
    Session::new(a, b)
}

/// Rows and versions, without what a source notes when its changes leave it.
fn held(path: &Path) -> Vec<String> {
    let mut held = user_rows(path);
    for table in [
        "parent_tracking",
        "child_tracking",
        "sync_waiting",
        "scope_info",
    ] {
        held.extend(query(path, &format!("SELECT * FROM {table} ORDER BY 1, 2")));
    }
    held
}

fn check(direction: SyncDirectionOrder, faulty_side: usize, when: When) {
    let folder = scratch::folder();
    let prepared = prepare(folder.path());
    let images = prepared.each_ref().map(|path| fs::read(path).unwrap());
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    let paths = ["a.db", "b.db"].map(|name| work.join(name));
    // What each side may hold after a failure: what it held before, or what the whole session makes of it.
    let restore = || (0..2).for_each(|side| fs::write(&paths[side], &images[side]).unwrap());
    restore();
    let before = paths.each_ref().map(|path| user_rows(path));
    session(&paths).direction(direction).batch_bytes(100).run();
    let after = paths.each_ref().map(|path| user_rows(path));
    for n in 1..500 {
        restore();
        let held_before = paths.each_ref().map(|path| held(path));
        let countdown = Countdown::new(n, when);
        let provider = |side: usize| -> Arc<dyn sync_provider::SyncProvider> {
            match side == faulty_side {
                true => Arc::new(FaultyProvider::new(&paths[side], "s", &countdown)),
                false => Arc::new(SqliteProvider::new(&paths[side], "s")),
            }
        };
        let result = Session::new(provider(0), provider(1))
            .direction(direction)
            .batch_bytes(100)
            .try_run();
        let failed = countdown.has_failed();
        assert_eq!(
            result.is_err(),
            failed,
            "call {n} {when:?} at side {faulty_side}: {result:?}"
        );
        for side in 0..2 {
            let path = &paths[side];
            assert_sound(path);
            assert_eq!(
                query(path, "SELECT applying, applying_key FROM sync_tick"),
                ["NULL | NULL"]
            );
            let now = user_rows(path);
            let whole = now == before[side] || now == after[side];
            assert!(
                whole,
                "call {n} {when:?} at side {faulty_side} left half a direction at side {side}: {now:#?}"
            );
            if now == before[side] && result.is_err() && when == When::Before {
                let completed = result.as_ref().err().map(|failure| &failure.completed);
                let untouched =
                    completed.is_some_and(|done| done.upload.is_none() && done.download.is_none());
                assert!(
                    !untouched || held(path) == held_before[side],
                    "call {n} left something at side {side}"
                );
            }
        }
        converge(&paths);
        if !failed {
            assert!(n > 8, "a session makes {n} calls");
            return;
        }
    }
    panic!("the session does not come to its end");
}

/// A connection that is lost at the n-th call costs nothing but time: the session comes to its end all the same, with what it would have told
/// otherwise, conflicts included.
fn check_passing(faulty_side: usize, when: When) {
    let folder = scratch::folder();
    let prepared = prepare(folder.path());
    let images = prepared.each_ref().map(|path| fs::read(path).unwrap());
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    let paths = ["a.db", "b.db"].map(|name| work.join(name));
    let run = |countdown: &Countdown| {
        (0..2).for_each(|side| fs::write(&paths[side], &images[side]).unwrap());
        let provider = |side: usize| -> Arc<dyn sync_provider::SyncProvider> {
            match side == faulty_side {
                true => Arc::new(FaultyProvider::new(&paths[side], "s", countdown)),
                false => Arc::new(SqliteProvider::new(&paths[side], "s")),
            }
        };
        let outcome = Session::new(provider(0), provider(1))
            .batch_bytes(100)
            .try_run();
        (outcome, paths.each_ref().map(|path| user_rows(path)))
    };
    let (undisturbed, after) = run(&Countdown::never());
    let undisturbed = undisturbed.unwrap();
    for n in 1..500 {
        let countdown = Countdown::new(n, when).passing();
        let (outcome, now) = run(&countdown);
        // The first call opens the database: that one is the provider's to try again.
        if n > 1 {
            let outcome = outcome.unwrap_or_else(|failure| panic!("call {n} {when:?}: {failure}"));
            assert_eq!(now, after, "call {n} {when:?} at side {faulty_side}");
            assert_eq!(outcome.records, undisturbed.records, "call {n} {when:?}");
            assert_eq!(outcome.moved(), undisturbed.moved(), "call {n} {when:?}");
            paths.iter().for_each(|path| assert_sound(path));
        }
        if !countdown.has_failed() {
            assert!(n > 20, "a session makes {n} calls");
            converge(&paths);
            return;
        }
    }
    panic!("the session does not come to its end");
}

#[test]
fn lost_connections_are_made_anew() {
    for side in 0..2 {
        check_passing(side, When::Before);
        check_passing(side, When::After);
    }
}

/// What the failing row needs is mended, and the two become equal and quiet.
fn converge(paths: &[PathBuf; 2]) {
    open(&paths[1]).execute_batch("DROP TRIGGER no").unwrap();
    // The orphan whose parent was deleted at the other side is the application's to settle.
    for path in paths {
        open(path)
            .execute_batch("UPDATE child SET p = NULL WHERE id = 10")
            .unwrap();
    }
    let quiet = (0..6).any(|_| session(paths).run().moved() == 0);
    assert!(quiet, "the two do not become quiet");
    let [a, b] = paths.each_ref().map(|path| user_rows(path));
    assert_eq!(a, b);
    for path in paths {
        assert_sound(path);
        assert_eq!(query(path, "SELECT count(*) FROM sync_waiting"), ["0"]);
    }
}

#[test]
fn at_the_destination() {
    check(SyncDirectionOrder::Upload, 1, When::Before);
    check(SyncDirectionOrder::Upload, 1, When::After);
}

#[test]
fn at_the_source() {
    check(SyncDirectionOrder::Upload, 0, When::Before);
    check(SyncDirectionOrder::Upload, 0, When::After);
}

#[test]
fn both_ways_at_the_local_side() {
    check(SyncDirectionOrder::UploadAndDownload, 0, When::Before);
    check(SyncDirectionOrder::UploadAndDownload, 0, When::After);
}

#[test]
fn both_ways_at_the_remote_side() {
    check(SyncDirectionOrder::UploadAndDownload, 1, When::Before);
    check(SyncDirectionOrder::UploadAndDownload, 1, When::After);
}
