//! Rows of one session that block each other on a unique key.

use crate::support::{Db, assert_same, session, settle, upload};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)";

fn numbered(count: u32) -> String {
    format!(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i, 'u' || i, i FROM n"
    )
}

#[track_caller]
fn check(schema: &str, rows: &str, statements: &str) {
    for batch in [1 << 20, 60] {
        let (a, b) = Db::pair(schema, rows);
        a.execute(statements);
        let changes = a
            .tracked("t", "id")
            .iter()
            .filter(|line| !b.tracked("t", "id").contains(line))
            .count();
        let report = session(&a, &b).batch_bytes(batch).run();
        assert_eq!(report.up().1, 0, "{statements} in batches of {batch}");
        assert!(report.up().0 <= changes as u64);
        assert_same(&a, &b);
        settle(&a, &b);
    }
}

#[test]
fn swaps_and_rotations() {
    check(
        SCHEMA,
        &numbered(2),
        "UPDATE t SET u = 'tmp' WHERE id = 1; UPDATE t SET u = 'u1' WHERE id = 2; UPDATE t SET u = 'u2' WHERE id = 1",
    );
    check(
        SCHEMA,
        &numbered(5),
        "UPDATE t SET u = 'x' || (id % 5 + 1); UPDATE t SET u = replace(u, 'x', 'u')",
    );
    check(
        SCHEMA,
        &numbered(4),
        "UPDATE t SET u = 'x' || (CASE WHEN id % 2 THEN id + 1 ELSE id - 1 END); UPDATE t SET u = replace(u, 'x', 'u')",
    );
}

#[test]
fn columns_that_cannot_be_null() {
    for column in [
        "TEXT NOT NULL",
        "TEXT NOT NULL CHECK (length(u) <= 3)",
        "INTEGER NOT NULL",
        "REAL NOT NULL",
        "BLOB NOT NULL",
        "TEXT NOT NULL CHECK (u <> '')",
    ] {
        let schema = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u {column} UNIQUE, v)");
        let rows = "INSERT INTO t VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0)";
        check(
            &schema,
            rows,
            "UPDATE t SET u = 10 + id % 3 + 1; UPDATE t SET u = u - 10",
        );
    }
}

#[test]
fn chains() {
    check(
        SCHEMA,
        &numbered(300),
        "UPDATE t SET u = 'x' || (id + 1); UPDATE t SET u = replace(u, 'x', 'u')",
    );
    check(
        SCHEMA,
        &numbered(300),
        "UPDATE t SET u = 'x' || (id - 1); UPDATE t SET u = replace(u, 'x', 'u')",
    );
    check(
        SCHEMA,
        &numbered(3),
        "UPDATE t SET u = 'y' WHERE id = 1; INSERT INTO t VALUES (9, 'u1', 0); UPDATE t SET u = 'u2x' WHERE id = 2; INSERT INTO t VALUES (-1, 'u2', 0)",
    );
}

#[test]
fn values_of_deleted_rows() {
    check(
        SCHEMA,
        &numbered(3),
        "DELETE FROM t WHERE id = 3; UPDATE t SET u = 'u3' WHERE id = 1; INSERT INTO t VALUES (0, 'u1', 0)",
    );
    check(
        SCHEMA,
        &numbered(3),
        "INSERT OR REPLACE INTO t VALUES (7, 'u1', 0), (1, 'u2', 0)",
    );
}

#[test]
fn several_unique_keys() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INTEGER NOT NULL UNIQUE, w TEXT, UNIQUE (u, w))";
    let rows = "INSERT INTO t VALUES (1, 'a', 1, 'x'), (2, 'b', 2, 'x'), (3, 'c', 3, 'y')";
    check(
        schema,
        rows,
        "UPDATE t SET v = v + 10; UPDATE t SET v = 14 - v, u = u || '2'; UPDATE t SET u = CASE u WHEN 'a2' THEN 'c' WHEN 'b2' THEN 'a' ELSE 'b' END",
    );
}

/// Another row has the value, and it is not part of the session: the row waits until that changes.
#[test]
fn a_row_outside_blocks() {
    let (a, b) = (Db::new(SCHEMA), Db::new(SCHEMA));
    a.execute("INSERT INTO t VALUES (1, 'x', 'a'), (2, 'y', 'a')");
    b.execute("INSERT INTO t VALUES (9, 'x', 'b')");
    assert_eq!(upload(&a, &b).up(), (1, 1));
    assert_eq!(b.query("SELECT * FROM t ORDER BY id"), ["2|y|a", "9|x|b"]);
    assert_eq!(
        b.query("SELECT reason LIKE '%UNIQUE%' FROM sync_waiting"),
        ["1"]
    );
    assert_eq!(upload(&a, &b).up(), (0, 1));
    b.execute("UPDATE t SET u = 'z' WHERE id = 9");
    assert_eq!(upload(&a, &b).up(), (1, 0));
    settle(&a, &b);
}

/// Rows that are blocked from outside do not take those along that could be settled together.
#[test]
fn blocked_rows_beside_swapped_ones() {
    let (a, b) = Db::pair(SCHEMA, &numbered(3));
    a.execute("UPDATE t SET u = 'x' WHERE id = 1; UPDATE t SET u = 'u1' WHERE id = 2; UPDATE t SET u = 'u2' WHERE id = 1; UPDATE t SET u = 'taken' WHERE id = 3");
    b.execute("INSERT INTO t VALUES (9, 'taken', 'b')");
    assert_eq!(upload(&a, &b).up(), (2, 1));
    assert_eq!(
        b.query("SELECT id, u FROM t ORDER BY id"),
        ["1|u2", "2|u1", "3|u3", "9|taken"]
    );
    a.execute("UPDATE t SET u = 'free' WHERE id = 3");
    settle(&a, &b);
}

/// A swap whose rows are in conflict: what the policy keeps must still fit.
#[test]
fn a_conflict_within_a_swap() {
    let (a, b) = Db::pair(SCHEMA, &numbered(2));
    a.execute("UPDATE t SET u = 'tmp' WHERE id = 1; UPDATE t SET u = 'u1' WHERE id = 2; UPDATE t SET u = 'u2' WHERE id = 1");
    b.execute("UPDATE t SET v = 'kept' WHERE id = 1");
    let report = upload(&a, &b);
    // Row 1 stays as it is at b, so row 2 cannot have its value.
    assert_eq!((report.up(), report.conflicts()), ((1, 1), 1));
    b.assert_sound();
    // The kept row cannot go to the other side as long as row 2 has its value there; the application decides.
    let report = crate::support::sync(&a, &b);
    assert_eq!((report.up().1, report.down().1), (1, 1));
    a.execute("UPDATE t SET u = 'u3' WHERE id = 2");
    settle(&a, &b);
}

/// Two values change places in rows that others refer to by another unique column: that column is left alone, or it would cascade.
#[test]
fn a_swap_beside_a_referenced_column() {
    for action in ["CASCADE", "SET NULL"] {
        let (a, b) = Db::pair(
            &format!(
                "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE, slot INT UNIQUE); \
                 CREATE TABLE c (id INTEGER PRIMARY KEY, pc TEXT REFERENCES p (code) ON UPDATE {action})"
            ),
            "INSERT INTO p VALUES (1, 'x', 1), (2, 'y', 2); INSERT INTO c VALUES (1, 'x'), (2, 'y')",
        );
        a.execute("UPDATE p SET slot = 9 WHERE id = 1; UPDATE p SET slot = 1 WHERE id = 2; UPDATE p SET slot = 2 WHERE id = 1");
        settle(&a, &b);
        assert_eq!(
            b.query("SELECT pc FROM c ORDER BY id"),
            ["x", "y"],
            "{action}"
        );
    }
}

/// A conflict clause in the table's declaration must not replace rows while others are applied.
#[test]
fn a_declaration_that_replaces() {
    let (a, b) = Db::pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE)",
        "",
    );
    a.execute("INSERT INTO t VALUES (1, 'x')");
    b.execute("INSERT INTO t VALUES (2, 'x')");
    let report = upload(&a, &b);
    assert_eq!(report.up(), (0, 1), "the row waits and replaces nothing");
    assert_eq!(b.query("SELECT * FROM t"), ["2|x"]);
    b.assert_sound();
}
