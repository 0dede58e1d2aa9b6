//! Rows that OR REPLACE deletes because they collide on another unique index: SQLite fires no delete trigger for them.

use crate::support::{Db, settle, sync};

#[track_caller]
fn check(schema: &str, rows: &str, statement: &str, dead: &[&str]) {
    for recursive in ["OFF", "ON"] {
        let (a, b) = Db::pair(schema, rows);
        a.execute(&format!(
            "PRAGMA recursive_triggers = {recursive}; {statement}"
        ));
        let found =
            a.query("SELECT id FROM t_tracking WHERE sync_row_is_tombstone = 1 ORDER BY id");
        assert_eq!(found, dead, "{statement}, recursive triggers {recursive}");
        assert_eq!(
            a.query("SELECT id FROM t_tracking WHERE sync_row_is_tombstone = 0 ORDER BY id"),
            a.query("SELECT id FROM t ORDER BY id")
        );
        sync(&a, &b);
        settle(&a, &b);
    }
}

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INTEGER, w TEXT)";
const ROWS: &str = "INSERT INTO t VALUES (1, 'a', 10, 'x'), (2, 'b', 20, 'y'), (3, 'c', 30, 'z')";

#[test]
fn insert_or_replace() {
    check(
        SCHEMA,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (4, 'a', 1, '')",
        &["1"],
    );
    check(
        SCHEMA,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (2, 'a', 1, '')",
        &["1"],
    );
    check(
        SCHEMA,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (1, 'a', 1, '')",
        &[],
    );
    check(
        SCHEMA,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (4, NULL, 1, '')",
        &[],
    );
    check(
        SCHEMA,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (4, 'a', 1, ''), (5, 'b', 1, ''), (6, 'a', 1, '')",
        &["1", "2", "4"],
    );
    check(
        SCHEMA,
        ROWS,
        "REPLACE INTO t SELECT id + 10, u, v, w FROM t",
        &["1", "2", "3"],
    );
}

#[test]
fn update_or_replace() {
    check(
        SCHEMA,
        ROWS,
        "UPDATE OR REPLACE t SET u = 'a' WHERE id = 2",
        &["1"],
    );
    check(
        SCHEMA,
        ROWS,
        "UPDATE OR REPLACE t SET u = 'same'",
        &["1", "2"],
    );
    check(
        SCHEMA,
        ROWS,
        "UPDATE OR REPLACE t SET id = 9, u = 'a' WHERE id = 2",
        &["1", "2"],
    );
    check(
        SCHEMA,
        ROWS,
        "UPDATE OR REPLACE t SET id = 1 WHERE id = 2",
        &["2"],
    );
}

#[test]
fn other_resolutions_leave_no_trace() {
    check(
        SCHEMA,
        ROWS,
        "INSERT OR IGNORE INTO t VALUES (4, 'a', 1, '')",
        &[],
    );
    check(
        SCHEMA,
        ROWS,
        "UPDATE OR IGNORE t SET u = 'a' WHERE id = 2",
        &[],
    );
    check(
        SCHEMA,
        ROWS,
        "INSERT INTO t VALUES (4, 'a', 1, '') ON CONFLICT (u) DO UPDATE SET v = 99",
        &[],
    );
    // A failed statement takes its notes back; a later one that replaces nothing must not find them.
    check(
        SCHEMA,
        ROWS,
        "INSERT OR IGNORE INTO t VALUES (4, 'a', 1, ''); DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'a2', 1, '')",
        &[],
    );
}

#[test]
fn a_note_that_was_left_buries_nobody_later() {
    // The row collides, is ignored, and is deleted and re-inserted as an application does.
    check(
        SCHEMA,
        ROWS,
        "INSERT OR IGNORE INTO t VALUES (4, 'a', 1, ''); UPDATE t SET v = 0 WHERE id = 2; UPDATE t SET v = 5 WHERE id = 1",
        &[],
    );
}

#[test]
fn several_indexes() {
    let schema =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INTEGER, w TEXT, UNIQUE (v, w))";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'a', 20, 'y')",
        &["1", "2"],
    );
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'a', 20, 'x')",
        &["1"],
    );
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'q', 20, 'x')",
        &[],
    );
    check(
        schema,
        ROWS,
        "UPDATE OR REPLACE t SET u = 'a', v = 20, w = 'y' WHERE id = 3",
        &["1", "2"],
    );
}

#[test]
fn partial_indexes() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, v INTEGER, w TEXT); CREATE UNIQUE INDEX part ON t (u) WHERE v > 15";
    let rows = "INSERT INTO t VALUES (1, 'a', 10, 'x'), (2, 'b', 20, 'y'), (3, 'a', 30, 'z')";
    check(
        schema,
        rows,
        "INSERT OR REPLACE INTO t VALUES (9, 'a', 99, '')",
        &["3"],
    );
    check(
        schema,
        rows,
        "INSERT OR REPLACE INTO t VALUES (9, 'a', 1, '')",
        &[],
    );
    check(
        schema,
        rows,
        "UPDATE OR REPLACE t SET v = 40 WHERE id = 1",
        &["3"],
    );
}

#[test]
fn indexes_over_expressions() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, v INTEGER, w TEXT); CREATE UNIQUE INDEX expr ON t (lower(u), v / 10)";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'A', 11, '')",
        &["1"],
    );
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'A', 99, '')",
        &[],
    );
    check(
        schema,
        ROWS,
        "UPDATE OR REPLACE t SET u = 'B', v = 25 WHERE id = 3",
        &["2"],
    );
}

#[test]
fn indexes_over_expressions_of_generated_columns() {
    for kind in ["STORED", "VIRTUAL"] {
        let schema = format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, v INTEGER, w TEXT, g AS (upper(u)) {kind}); \
             CREATE UNIQUE INDEX expr ON t (g || 'x')"
        );
        let rows = "INSERT INTO t (id, u, v, w) VALUES (1, 'a', 10, 'x'), (2, 'b', 20, 'y'), (3, 'c', 30, 'z')";
        check(
            &schema,
            rows,
            "INSERT OR REPLACE INTO t (id, u) VALUES (9, 'A')",
            &["1"],
        );
        check(
            &schema,
            rows,
            "UPDATE OR REPLACE t SET u = 'B' WHERE id = 3",
            &["2"],
        );
        // Rows that collide with none are not noted: a failed insert leaves what was.
        let db = Db::new(&format!("{schema}; {rows}"));
        db.execute(
            "CREATE TABLE noted (n); CREATE TRIGGER see AFTER INSERT ON t_tracking_replaced BEGIN INSERT INTO noted VALUES (NEW.id); END;
             INSERT INTO t (id, u) VALUES (9, 'q'); UPDATE t SET u = 'r' WHERE id = 9; INSERT OR IGNORE INTO t (id, u) VALUES (10, 'B')",
        );
        assert_eq!(db.query("SELECT n FROM noted"), ["2"], "{kind}");
    }
}

#[test]
fn collations() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT COLLATE NOCASE UNIQUE, v INTEGER, w TEXT); CREATE UNIQUE INDEX other ON t (w COLLATE RTRIM)";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'A', 1, 'y  ')",
        &["1", "2"],
    );
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT COLLATE NOCASE, v INTEGER, w TEXT); CREATE UNIQUE INDEX other ON t (u COLLATE BINARY)";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (9, 'A', 1, 'y')",
        &[],
    );
}

#[test]
fn keys_of_other_kinds() {
    let schema = "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, u TEXT UNIQUE, v INTEGER, w TEXT) WITHOUT ROWID";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES ('4', 'a', 1, '')",
        &["1"],
    );
    let schema = "CREATE TABLE t (id INTEGER NOT NULL, u TEXT UNIQUE, v INTEGER NOT NULL, w TEXT, PRIMARY KEY (v, id))";
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (1, 'b', 10, '')",
        &["2"],
    );
    check(
        schema,
        ROWS,
        "INSERT OR REPLACE INTO t VALUES (1, 'a', 11, '')",
        &["1"],
    );
}
