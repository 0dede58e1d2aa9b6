//! Many sessions in both directions over one pair of files at the same moment: each reads what others write, and none gives up. No clock is
//! needed to see that they do not wait for each other in a circle: whoever does runs into the busy time-out, and its session fails.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_sqlite::SqliteProvider;

use crate::support::{Db, settle};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";

fn insert(db: &Db, from: i64, rows: i64, bytes: usize) {
    db.execute(&format!(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {from} + {rows} - 1) \
         SELECT i, hex(zeroblob({})) FROM n",
        bytes / 2
    ));
}

/// Both ways, so that each session is a source and a destination on both files.
fn synchronize(local: &Db, remote: &Db, batch_bytes: u64, patience: Duration) {
    let provider = |db: &Db| Arc::new(SqliteProvider::new(db.path(), "s").busy_timeout(patience));
    let session = SyncOrchestrator::new(provider(local), provider(remote)).batch_bytes(batch_bytes);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let done = runtime.block_on(session.synchronize());
    done.expect("nobody gives up");
}

fn pair(mode: &str) -> [Arc<Db>; 2] {
    let both = [Db::new(SCHEMA), Db::new(SCHEMA)];
    for db in &both {
        db.query(&format!("PRAGMA journal_mode = {mode}"));
    }
    both.map(Arc::new)
}

/// Runs `sessions` threads, every other one the other way round, each `rounds` times: some rows of its own, then a session.
fn check(sessions: i64, rounds: i64, rows: i64, bytes: usize, batch_bytes: u64) {
    for mode in MODES {
        for waiting in [false, true] {
            run(mode, waiting, (sessions, rounds, rows), bytes, batch_bytes);
        }
    }
}

/// With `waiting` some rows of each side wait at the other one, so that all sessions ask for rows by key.
fn run(mode: &str, waiting: bool, counts: (i64, i64, i64), bytes: usize, batch_bytes: u64) {
    let (sessions, rounds, rows) = counts;
    let both = pair(mode);
    if waiting {
        for db in &both {
            db.execute(
                "CREATE TRIGGER wait BEFORE INSERT ON t WHEN NEW.id % 10 = 9 AND EXISTS (SELECT 1 FROM sync_tick WHERE applying IS NOT NULL) \
                 BEGIN SELECT RAISE(ABORT, 'not yet'); END",
            );
        }
    }
    let threads: Vec<_> = (0..sessions)
        .map(|number| {
            let [a, b] = both.clone();
            let (local, remote) = if number % 2 == 0 { (a, b) } else { (b, a) };
            thread::spawn(move || {
                for round in 0..rounds {
                    insert(&local, (number * rounds + round) * rows, rows, bytes);
                    synchronize(&local, &remote, batch_bytes, Duration::from_secs(5));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect(mode);
    }
    let [a, b] = &both;
    if waiting {
        assert!(a.waiting() > 0 && b.waiting() > 0, "{mode}");
        for db in &both {
            db.execute("DROP TRIGGER wait");
        }
    }
    settle(a, b);
    assert_eq!(a.number("SELECT count(*) FROM t"), sessions * rounds * rows);
}

const MODES: [&str; 2] = ["delete", "wal"];

#[test]
fn two_that_fit_into_a_batch() {
    check(2, 8, 10, 20, 1 << 20);
}

#[test]
fn two_with_many_batches() {
    check(2, 4, 50, 200, 1000);
}

#[test]
fn many_with_many_batches() {
    check(8, 2, 30, 200, 1000);
}

/// More than SQLite's cache holds, so that pages are written to the file before the commit.
#[test]
fn two_with_more_than_the_cache_holds() {
    check(2, 2, 600, 10_000, 200_000);
}

/// A session that holds a snapshot does not wait long for the write lock of somebody who may wait for that snapshot.
#[test]
fn a_writer_who_waits_for_readers() {
    for mode in MODES {
        let [a, b] = pair(mode);
        insert(&a, 0, 50, 200);
        insert(&b, 1000, 50, 200);
        let holder = b.open();
        holder
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (-1, 'application')")
            .unwrap();
        let session = {
            let [a, b] = [Arc::clone(&a), Arc::clone(&b)];
            thread::spawn(move || synchronize(&a, &b, 1000, Duration::from_secs(20)))
        };
        // An application at the source waits for its readers no longer than the session's patience.
        for id in 0..10 {
            a.execute(&format!("UPDATE t SET v = 'changed' WHERE id = {id}"));
            thread::sleep(Duration::from_millis(20));
        }
        holder.execute_batch("COMMIT").unwrap();
        session.join().expect(mode);
        settle(&a, &b);
    }
}
