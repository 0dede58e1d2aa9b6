//! A writer whose transaction is open while a session takes its mark: what it commits later arrives with the next session.

use std::sync::Mutex;

use rusqlite::Connection;

use crate::support::{Db, assert_same, session, settle, upload};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";

fn pair(mode: &str) -> (Db, Db) {
    let (a, b) = (Db::new(SCHEMA), Db::new(SCHEMA));
    assert_eq!(a.query(&format!("PRAGMA journal_mode = {mode}")), [mode]);
    (a, b)
}

fn begin(db: &Db, statements: &str) -> Connection {
    let writer = db.open();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.execute_batch(statements).unwrap();
    writer
}

#[test]
fn rows_committed_before_arrive_and_the_open_ones_later() {
    for mode in ["wal", "delete"] {
        let (a, b) = pair(mode);
        a.execute("INSERT INTO t VALUES (1, 'before'), (2, 'before')");
        upload(&a, &b);
        for round in 0..3 {
            a.execute(&format!("INSERT INTO t VALUES ({}, 'before the writer'); UPDATE t SET v = 'round {round}' WHERE id = 1", 10 + round));
            let writer = begin(
                &a,
                &format!(
                    "INSERT INTO t VALUES ({}, 'open'); UPDATE t SET v = 'open {round}' WHERE id = 2",
                    20 + round
                ),
            );
            let report = upload(&a, &b);
            assert_eq!(report.up(), (2, 0), "{mode}: what was committed arrives");
            assert_eq!(
                b.query("SELECT v FROM t WHERE id = 1"),
                [format!("round {round}")]
            );
            writer.execute_batch("COMMIT").unwrap();
            drop(writer);
            let report = upload(&a, &b);
            assert_eq!(
                report.up(),
                (2, 0),
                "{mode}: what was open arrives with the next session"
            );
            assert_same(&a, &b);
            assert_eq!(upload(&a, &b).moved(), 0);
        }
        settle(&a, &b);
    }
}

/// The writer updates a row that travels in the meantime with what it held before.
#[test]
fn an_open_update_of_a_row_that_travels() {
    for mode in ["wal", "delete"] {
        let (a, b) = pair(mode);
        upload(&a, &b);
        a.execute("INSERT INTO t VALUES (1, 'committed'), (2, 'committed'), (3, 'committed')");
        let writer = begin(
            &a,
            "UPDATE t SET v = 'open' WHERE id = 1; DELETE FROM t WHERE id = 2; UPDATE t SET id = 4 WHERE id = 3",
        );
        assert_eq!(upload(&a, &b).up(), (3, 0), "{mode}");
        assert_eq!(b.query("SELECT DISTINCT v FROM t"), ["committed"]);
        writer.execute_batch("COMMIT").unwrap();
        drop(writer);
        assert_eq!(upload(&a, &b).up(), (4, 0), "{mode}");
        assert_same(&a, &b);
        settle(&a, &b);
    }
}

/// Two sessions pass while the same writer stays open.
#[test]
fn a_writer_that_stays_open_for_long() {
    for mode in ["wal", "delete"] {
        let (a, b) = pair(mode);
        let c = Db::new(SCHEMA);
        a.execute("INSERT INTO t VALUES (1, 'x')");
        let writer = begin(&a, "INSERT INTO t VALUES (2, 'open')");
        for to in [&b, &c, &b, &c] {
            upload(&a, to);
            assert_eq!(to.query("SELECT id FROM t"), ["1"], "{mode}");
        }
        writer
            .execute_batch("INSERT INTO t VALUES (3, 'open'); COMMIT")
            .unwrap();
        drop(writer);
        // By way of another replica, which must not have learned more than it has.
        upload(&c, &b);
        assert_eq!(b.query("SELECT id FROM t"), ["1"]);
        upload(&a, &c);
        upload(&c, &b);
        assert_eq!(
            b.query("SELECT id FROM t ORDER BY id"),
            ["1", "2", "3"],
            "{mode}"
        );
        settle(&a, &b);
        settle(&a, &c);
    }
}

/// What is rolled back never shows.
#[test]
fn a_writer_that_rolls_back() {
    for mode in ["wal", "delete"] {
        let (a, b) = pair(mode);
        a.execute("INSERT INTO t VALUES (1, 'x')");
        let writer = begin(
            &a,
            "INSERT INTO t VALUES (2, 'open'); UPDATE t SET v = 'open'",
        );
        upload(&a, &b);
        writer.execute_batch("ROLLBACK").unwrap();
        drop(writer);
        a.execute("INSERT INTO t VALUES (3, 'y')");
        upload(&a, &b);
        assert_eq!(b.query("SELECT * FROM t"), ["1|x", "3|y"], "{mode}");
        settle(&a, &b);
    }
}

/// The file's journal mode is its user's affair.
#[test]
fn the_journal_mode_is_left_alone() {
    for mode in ["wal", "delete", "truncate", "persist"] {
        let (a, b) = pair(mode);
        a.execute(&format!(
            "PRAGMA journal_mode = {mode}; INSERT INTO t VALUES (1, 'x')"
        ));
        b.execute("INSERT INTO t VALUES (2, 'y')");
        session(&a, &b).run();
        let expected = if mode == "wal" { "wal" } else { "delete" };
        assert_eq!(
            a.query("PRAGMA journal_mode"),
            [expected],
            "only WAL is a property of the file"
        );
        assert_same(&a, &b);
    }
}

/// While a writer kept the mark from moving, changes left this replica: it must not take others' rows for the ones it began with.
#[test]
fn a_source_is_noted_as_soon_as_it_can_be() {
    for mode in ["wal", "delete"] {
        let (a, b) = pair(mode);
        a.execute("INSERT INTO t VALUES (1, 'x')");
        b.execute("INSERT INTO t VALUES (2, 'y')");
        let writer = begin(&a, "INSERT INTO t VALUES (3, 'open')");
        // The upload meets the writer from its beginning to its end; the download is the first that need not.
        let writer = Mutex::new(Some(writer));
        let report = session(&a, &b)
            .on_progress(move |progress| {
                if progress.uploading {
                    return;
                }
                if let Some(writer) = writer.lock().unwrap().take() {
                    writer.execute_batch("COMMIT").unwrap();
                }
            })
            .run();
        assert_eq!((report.up(), report.down()), ((1, 0), (1, 0)), "{mode}");
        assert_eq!(
            a.query("SELECT was_source FROM sync_scope"),
            ["1"],
            "{mode}"
        );
        settle(&a, &b);
    }
}

/// Two keys whose row ids are the same text. A row above the mark is learned by its id alone, which here would claim the other row, too.
#[test]
fn rows_above_the_mark_that_share_an_id() {
    for mode in ["wal", "delete"] {
        let schema = "CREATE TABLE t (a TEXT NOT NULL, b TEXT NOT NULL, v, PRIMARY KEY (a, b))";
        let (a, b) = (Db::new(schema), Db::new(schema));
        for db in [&a, &b] {
            db.query(&format!("PRAGMA journal_mode = {mode}"));
        }
        a.execute("INSERT INTO t VALUES ('first', '', '')");
        upload(&a, &b);
        a.execute("INSERT INTO t VALUES ('x', 'y-z', 'seen')");
        let writer = begin(&a, "INSERT INTO t VALUES ('x-y', 'z', 'open')");
        for _ in 0..2 {
            assert_eq!(upload(&a, &b).up().1, 0);
            assert_eq!(b.query("SELECT v FROM t WHERE a LIKE 'x%'"), ["seen"]);
        }
        writer.execute_batch("COMMIT").unwrap();
        drop(writer);
        upload(&a, &b);
        assert_eq!(
            b.query("SELECT v FROM t WHERE a LIKE 'x%' ORDER BY v"),
            ["open", "seen"],
            "{mode}"
        );
        settle(&a, &b);
    }
}
