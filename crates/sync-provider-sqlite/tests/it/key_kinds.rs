//! Keys that SQLite compares, converts or orders in its own way.

use sync_metadata::{KeyEquality, ValueRef};
use sync_provider::ProviderError;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, SqliteReader};
use sync_relational::{DifferenceKind, ReplicaReader as _};

use crate::support::{Db, SCOPE, settle, sync};

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

/// What SQLite takes for one key is one key in memory, too, and nothing else is.
#[test]
fn normal_keys_are_equal_where_sqlite_says_so() {
    let texts = [
        "", " ", "a", "A", "a ", "A  ", "\u{e4}", "\u{c4}", "\u{212a}", "k", "K", "a\0b", "a\0C",
        "A\0\0", "a\0bc", "\0", "\0\0", "a\t", "a\t ", "@", "`", "[", "{", "\0A", "\0\u{e4}",
        "\0\u{e5}",
    ];
    let numbers = [
        ValueRef::Integer(0),
        ValueRef::Integer(1),
        ValueRef::Integer(i64::MAX),
        ValueRef::Integer((1 << 53) + 1),
        ValueRef::Real(0.0),
        ValueRef::Real(-0.0),
        ValueRef::Real(1.0),
        ValueRef::Real(1.5),
        ValueRef::Real((1i64 << 53) as f64),
        ValueRef::Real(i64::MAX as f64),
        ValueRef::Blob(b"a"),
        ValueRef::Blob(b"A"),
    ];
    let values: Vec<ValueRef<'_>> = texts
        .iter()
        .map(|text| ValueRef::Text(text))
        .chain(numbers)
        .collect();
    for equality in [KeyEquality::Exact, KeyEquality::NoCase, KeyEquality::RTrim] {
        let collation = equality.name();
        let db = Db::new(&format!(
            "CREATE TABLE t (id NOT NULL COLLATE {collation} PRIMARY KEY) WITHOUT ROWID"
        ));
        let reader = SqliteReader::open(&db.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
        let shape = &reader.shapes()[0];
        let db = db.open();
        let sql = format!("SELECT ?1 = ?2 COLLATE {collation}");
        for &one in &values {
            for &other in &values {
                let same: bool = db
                    .query_row(&sql, [bound(one), bound(other)], |row| row.get(0))
                    .unwrap();
                assert_eq!(
                    shape.normal_key([one]) == shape.normal_key([other]),
                    same,
                    "{collation}: {one:?} and {other:?}"
                );
            }
        }
    }
}

fn bound(value: ValueRef<'_>) -> rusqlite::types::Value {
    match value {
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => text.to_owned().into(),
        ValueRef::Blob(bytes) => bytes.to_owned().into(),
        other => panic!("{other:?} is not in the test"),
    }
}

/// To `verify`, too, two spellings are one row.
#[test]
fn spellings_that_differ_are_one_difference() {
    let table = |row: &str| {
        Db::new(&format!(
            "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES {row}"
        ))
    };
    let (a, b) = (table("('abc')"), table("('ABC')"));
    assert_eq!(differences(&a, &b), [DifferenceKind::Different]);
}

/// Two rows of one side could be one at the other: the sides do not go together, and say so before anything is changed.
#[test]
fn sides_that_compare_keys_differently() {
    let table = |collation: &str| {
        Db::new(&format!(
            "CREATE TABLE t (n INTEGER NOT NULL, id TEXT NOT NULL COLLATE {collation}, v, PRIMARY KEY (id, n)); \
             INSERT INTO t VALUES (1, 'abc', 1)"
        ))
    };
    let names = ["BINARY", "NOCASE", "RTRIM"];
    for (left, right) in names.iter().flat_map(|l| names.map(|r| (*l, r))) {
        let (a, b) = (table(left), table(right));
        let files = || [&a, &b].map(|db| std::fs::read(db.path()).unwrap());
        let before = files();
        let ended = crate::support::session(&a, &b).try_run();
        assert_eq!(ended.is_ok(), left == right, "{left} {right}");
        if let Err(failure) = ended {
            let text = failure.error.to_string();
            let named = ["column id of table [t]", left, right, "; declare"];
            assert!(named.iter().all(|name| text.contains(name)), "{text}");
            assert!(matches!(failure.error, ProviderError::Refused { .. }));
            assert!(files() == before, "{left} {right}: nothing is changed");
        }
    }
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

/// What `verify` finds between two databases.
fn differences(a: &Db, b: &Db) -> Vec<DifferenceKind> {
    let open = |db: &Db| SqliteReader::open(&db.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    let (mut a, mut b) = (open(a), open(b));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let found = runtime.block_on(sync_relational::verify(&mut a, &mut b));
    let mut differences = found.unwrap().tables.remove(0).differences;
    differences.sort_by_key(|difference| format!("{:?}", difference.key));
    differences
        .iter()
        .map(|difference| difference.kind)
        .collect()
}

/// Keys that mean the same and are two to SQLite are two rows, in a session and to `verify`.
#[test]
fn keys_of_one_meaning() {
    let check = |declared: &str, keys: &[&str]| {
        let schema = format!("CREATE TABLE t (k {declared} NOT NULL PRIMARY KEY, v)");
        let rows: Vec<String> = (keys.iter().enumerate())
            .map(|(n, key)| format!("({key}, {n})"))
            .collect();
        let rows = format!("INSERT INTO t VALUES {}", rows.join(", "));
        let (a, b) = (Db::new(&format!("{schema};{rows}")), Db::new(&schema));
        let all = |kind| vec![kind; keys.len()];
        assert_eq!(
            differences(&a, &b),
            all(DifferenceKind::MissingInB),
            "{declared}"
        );
        assert_eq!(
            differences(&b, &a),
            all(DifferenceKind::MissingInA),
            "{declared}"
        );
        settle(&a, &b);
        assert_eq!(a.number("SELECT count(*) FROM t"), keys.len() as i64);
        assert_eq!(differences(&a, &b), [], "{declared}");
        for key in keys {
            b.execute(&format!("UPDATE t SET v = 'new' WHERE k = {key}"));
            assert_eq!(
                differences(&a, &b),
                [DifferenceKind::Different],
                "{declared} {key}"
            );
            settle(&a, &b);
            assert_eq!(differences(&a, &b), [], "{declared} {key}");
        }
        a.execute(&format!("DELETE FROM t WHERE k = {}", keys[0]));
        assert_eq!(
            differences(&a, &b),
            [DifferenceKind::DeletedInA],
            "{declared}"
        );
        settle(&a, &b);
        assert_eq!(differences(&a, &b), [], "{declared}");
    };
    let upper = "'2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E'";
    let lower = "'2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e'";
    let bytes = "x'6084492de95fc3419ddcb4eee3aa7c8e'";
    check("datetime", &["'2020-01-01'", "'2020-01-01 00:00:00'"]);
    check("uniqueidentifier", &[upper, lower, bytes]);
    check("decimal text(20,2)", &["'1.5'", "'1.50'"]);
    check("boolean", &["'true'", "1"]);
    check("date", &["'2020-01-01'", "'2020-01-01 '"]);
}

/// Keys of one type that the sides store differently: sessions go on, and what one side cannot store is one row's failure there.
#[test]
fn keys_that_one_side_keeps_as_text() {
    let table = |declared: &str| {
        Db::new(&format!(
            "CREATE TABLE t (k {declared} NOT NULL PRIMARY KEY, v)"
        ))
    };
    let check = |numeric: &str, text: &str, good: &[&str], bad: &[&str]| {
        let (a, b) = (table(numeric), table(text));
        let insert = |db: &Db, key: &str| db.execute(&format!("INSERT INTO t VALUES ({key}, 0)"));
        good.iter().for_each(|key| insert(&a, key));
        sync(&a, &b);
        for turn in 1..4 {
            let (here, there) = if turn == 2 { (&a, &b) } else { (&b, &a) };
            here.execute(&format!("UPDATE t SET v = {turn}"));
            let report = sync(&a, &b);
            assert_eq!(report.up().1 + report.down().1, 0, "{numeric} {turn}");
            let count = format!("SELECT count(*) FROM t WHERE v = {turn}");
            assert_eq!(there.number(&count), good.len() as i64, "{numeric} {turn}");
            assert_eq!(differences(&a, &b), [], "{numeric} {turn}");
        }
        let rows = a.query("SELECT * FROM t");
        // Its tombstone cannot be stored either, and waits.
        for (waiting, key) in (0..).zip(bad) {
            insert(&b, key);
            assert_eq!(sync(&a, &b).down(), (0, waiting + 1), "{numeric} {key}");
            assert_eq!(
                a.query("SELECT * FROM t"),
                rows,
                "{key} takes no other row's place"
            );
            let found = differences(&a, &b);
            assert!(found.contains(&DifferenceKind::MissingInA), "{found:?}");
            b.execute(&format!("DELETE FROM t WHERE k = {key}"));
            sync(&a, &b);
            assert_eq!(
                a.query("SELECT * FROM t"),
                rows,
                "{key} takes no other row along"
            );
        }
        b.execute("DELETE FROM t");
        sync(&a, &b);
        assert_eq!(a.number("SELECT count(*) FROM t"), 0);
    };
    let decimals = ["1.1", "-2", "0.25", "1000"];
    check(
        "decimal(5,2)",
        "decimal text(5,2)",
        &decimals,
        &["'1.1'", "'01.10'"],
    );
    let moments = ["'2020-01-01'", "'2020-01-01 10:20:30'"];
    check("datetime", "datetime text", &moments, &["'2020'", "'1e3'"]);
}
