//! Keys that SQLite compares, converts or orders in its own way.

use crate::support::{Db, settle, sync};

#[track_caller]
fn check(schema: &str, rows: &str, others: &str) {
    let (a, b) = Db::pair(schema, rows);
    b.execute(others);
    settle(&a, &b);
    let c = a.like();
    settle(&a, &c);
    let table = a.query("SELECT * FROM t");
    a.execute("DELETE FROM t");
    settle(&b, &a);
    settle(&b, &c);
    assert!(!table.is_empty());
    assert_eq!(c.number("SELECT count(*) FROM t"), 0);
}

#[test]
fn keys() {
    check(
        "CREATE TABLE t (id REAL NOT NULL PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, 'a'), (-0.5, 'b'), (1e300, 'c')",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id NUMERIC NOT NULL PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1.0, 'a'), ('2', 'b'), ('x', 'c'), (0.1, 'd')",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id BLOB NOT NULL PRIMARY KEY, v)",
        "INSERT INTO t VALUES (x'', 'a'), (x'00', 'b'), (x'0001ff', 'c')",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id NOT NULL PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, 'a'), ('1', 'b'), (x'31', 'c'), (1.5, 'd')",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id TEXT NOT NULL COLLATE RTRIM PRIMARY KEY, v)",
        "INSERT INTO t VALUES ('a', 1), ('b  ', 2)",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, v)",
        "INSERT INTO t VALUES ('a', 1), ('B', 2)",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id DATETIME NOT NULL PRIMARY KEY, v)",
        "INSERT INTO t VALUES ('2024-01-01 10:00:00', 1), ('2024-01-01T10:00:00.5', 2)",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (id BOOLEAN NOT NULL, k DECIMAL(5,2) NOT NULL, v, PRIMARY KEY (k, id))",
        "INSERT INTO t VALUES (1, 1.5, 'a'), (0, 2, 'b')",
        "UPDATE t SET v = 'z'",
    );
    check(
        "CREATE TABLE t (a, id INTEGER PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, -9223372036854775808, 'a'), (0, 9223372036854775807, 'b')",
        "UPDATE t SET v = 'z'",
    );
}

/// Two spellings of one key meet: one row, and a conflict rather than an error.
#[test]
fn spellings_of_one_key() {
    let schema = "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, v)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    a.execute("INSERT INTO t VALUES ('key', 'a')");
    b.execute("INSERT INTO t VALUES ('KEY', 'b')");
    let report = sync(&a, &b);
    assert_eq!(report.records.len(), 1);
    settle(&a, &b);
}

/// GUIDs are compared without regard to case by everybody but SQLite.
#[test]
fn guids_of_any_case() {
    let schema = "CREATE TABLE t (id UNIQUEIDENTIFIER NOT NULL PRIMARY KEY, v)";
    let (a, b) = Db::pair(
        schema,
        "INSERT INTO t VALUES ('01234567-89AB-4DEF-8123-456789ABCDEF', 'upper'), ('11234567-89ab-4def-8123-456789abcdef', 'lower')",
    );
    b.execute("UPDATE t SET v = v || '!'");
    settle(&a, &b);
}

/// Rows whose ids coincide for the knowledge are rows of their own: one that fails takes no other along for ever.
#[test]
fn coinciding_row_ids() {
    let schema = "CREATE TABLE t (a TEXT NOT NULL, b TEXT NOT NULL, v, PRIMARY KEY (a, b))";
    let (a, b) = (Db::new(schema), Db::new(schema));
    b.execute("CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END");
    a.execute("INSERT INTO t VALUES ('a-b', 'c', 'bad'), ('a', 'b-c', 'good')");
    assert_eq!(sync(&a, &b).up(), (1, 1));
    a.execute("UPDATE t SET v = 'better' WHERE b = 'b-c'");
    sync(&a, &b);
    assert_eq!(b.query("SELECT v FROM t"), ["better"]);
    b.execute("DROP TRIGGER no");
    settle(&a, &b);
}

/// A key longer than a row id may be travels like any other, failing rows beside it or not.
#[test]
fn very_long_keys() {
    let schema = "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, v)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    b.execute("CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END");
    a.execute("INSERT INTO t VALUES (printf('%.6000c', 'x'), 'long'), (printf('%.6001c', 'x'), 'longer'), ('short', 'bad')");
    assert_eq!(sync(&a, &b).up(), (2, 1));
    a.execute("UPDATE t SET v = 'changed' WHERE length(id) = 6000");
    assert_eq!(sync(&a, &b).up(), (1, 1));
    b.execute("DROP TRIGGER no");
    settle(&a, &b);
    a.execute("DELETE FROM t");
    settle(&a, &b);
}
