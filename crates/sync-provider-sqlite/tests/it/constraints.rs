//! Rows that a constraint of the destination refuses, and what becomes of them.

use crate::support::{Db, settle, sync, upload};

#[track_caller]
fn check(strict: &str, loose: &str, bad: &str, good: &str) {
    let (a, b) = (Db::new(loose), Db::new(strict));
    a.execute(&format!(
        "INSERT INTO t VALUES (1, 'fine'), (2, {bad}), (3, 'fine')"
    ));
    for applied in [2, 0] {
        assert_eq!(upload(&a, &b).up(), (applied, 1), "{strict}");
        assert_eq!(b.query("SELECT id FROM t ORDER BY id"), ["1", "3"]);
        assert_eq!((b.waiting(), b.ranges()), (1, 3), "{strict}");
    }
    assert_ne!(b.query("SELECT reason FROM sync_waiting"), [""]);
    a.execute(&format!("UPDATE t SET v = {good} WHERE id = 2"));
    assert_eq!(upload(&a, &b).up(), (1, 0), "{strict}");
    settle(&a, &b);
    // An update that is refused leaves the row as it was.
    a.execute(&format!("UPDATE t SET v = {bad} WHERE id = 1"));
    assert_eq!(upload(&a, &b).up(), (0, 1), "{strict}");
    assert_eq!(b.query("SELECT v FROM t WHERE id = 1"), ["fine"]);
    a.execute("DELETE FROM t WHERE id = 1");
    settle(&a, &b);
}

#[test]
fn check_and_not_null() {
    let loose = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v <> 'bad'))",
        loose,
        "'bad'",
        "'better'",
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v NOT NULL)",
        loose,
        "NULL",
        "'better'",
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT",
        loose,
        "x'00'",
        "'better'",
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v, CHECK (v <> 'bad')) WITHOUT ROWID",
        loose,
        "'bad'",
        "'better'",
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE UNIQUE INDEX i ON t (1) WHERE v = 'bad'; CREATE TRIGGER x BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END; CREATE TRIGGER y BEFORE UPDATE ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END",
        loose,
        "'bad'",
        "'better'",
    );
}

/// The constraint goes away at the destination: the row comes without being written again at its source.
#[test]
fn the_destination_heals() {
    let (a, b) = (
        Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"),
        Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"),
    );
    b.execute("CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.id % 10 = 0 BEGIN SELECT RAISE(ABORT, 'not yet'); END");
    a.execute("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i, 'x' FROM n");
    assert_eq!(sync(&a, &b).up(), (90, 10));
    assert_eq!(
        b.query("SELECT DISTINCT reason LIKE '%not yet%' FROM sync_waiting"),
        ["1"]
    );
    // Deleted at the source while it waits: nothing is left to wait for.
    a.execute("DELETE FROM t WHERE id = 50");
    assert_eq!(sync(&a, &b).up(), (1, 9));
    b.execute("DROP TRIGGER no");
    assert_eq!(sync(&a, &b).up(), (9, 0));
    settle(&a, &b);
}

/// A failing row that reaches the destination by another way stops waiting.
#[test]
fn a_row_that_heals_by_another_way() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    let (a, b, c) = (Db::new(schema), Db::new(schema), Db::new(schema));
    b.execute("CREATE TRIGGER no BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no'); END");
    a.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    assert_eq!(sync(&a, &b).up(), (0, 2));
    sync(&a, &c);
    b.execute("DROP TRIGGER no");
    assert_eq!(sync(&c, &b).up(), (2, 0));
    assert_eq!((b.waiting(), b.ranges()), (0, 1));
    settle(&a, &b);
    settle(&a, &c);
}

/// A value that the destination's column would turn into another one waits, rather than be stored changed.
#[test]
fn values_that_a_column_would_change() {
    for (declared, value) in [
        ("INTEGER", "'007'"),
        ("NUMERIC", "'12345678901234567890.123'"),
        ("REAL", "'1e5'"),
        ("REAL", "9007199254740993"),
        ("TEXT", "x'00'"),
    ] {
        let (a, b) = (
            Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v)"),
            Db::new(&format!(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})"
            )),
        );
        a.execute(&format!(
            "INSERT INTO t VALUES (1, {value}), (2, 5), (3, NULL), (4, 'plain text')"
        ));
        upload(&a, &b);
        let sql = "SELECT v, typeof(v) FROM t WHERE id = 1";
        let stored = b.query(sql);
        assert!(
            stored.is_empty() || stored == a.query(sql),
            "{value} in {declared} became {stored:?}"
        );
    }
}
