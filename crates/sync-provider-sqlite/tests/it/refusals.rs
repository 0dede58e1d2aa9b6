//! What provisioning refuses, by name; nothing of it stays.

use sync_provider_sqlite::{Provisioning, SqliteError, TableChoice, Tables};

use crate::provisioning::choice;
use crate::support::{Db, SCOPE};

#[track_caller]
fn check(schema: &str, tables: Tables, named: &[&str]) {
    let db = Db::plain(schema);
    let before = std::fs::read(db.path()).unwrap();
    let error = Provisioning::new(SCOPE, tables)
        .apply(&db.path())
        .expect_err("it is refused");
    let text = error.to_string();
    assert!(matches!(error, SqliteError::Refused { .. }), "{error:?}");
    assert!(named.iter().all(|name| text.contains(name)), "{text}");
    assert!(
        !text.contains('\n') && text.contains(';'),
        "one line with a way out: {text}"
    );
    assert!(
        before == std::fs::read(db.path()).unwrap(),
        "nothing is changed: {text}"
    );
}

fn listed(table: &str) -> Tables {
    Tables::Listed(vec![choice(table, None)])
}

#[test]
fn keys() {
    check(
        "CREATE TABLE t (a, b)",
        listed("t"),
        &["table t", "no primary key"],
    );
    check(
        "CREATE TABLE t (a, b)",
        Tables::All,
        &["table t", "no primary key"],
    );
    check(
        "CREATE TABLE t (a TEXT PRIMARY KEY)",
        listed("t"),
        &["column a of table t", "NULL"],
    );
    check(
        "CREATE TABLE t (a TEXT NOT NULL, b INT, PRIMARY KEY (a, b))",
        listed("t"),
        &["column b of table t", "NULL"],
    );
    // Such a key looks like an alias of the rowid and is none.
    check(
        "CREATE TABLE t (a INT PRIMARY KEY, b)",
        listed("t"),
        &["column a of table t", "NULL"],
    );
    check(
        "CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b)",
        listed("t"),
        &["column a of table t", "NULL"],
    );
}

#[test]
fn names() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, g AS (v))";
    check(schema, listed("missing"), &["table missing"]);
    check(schema, listed(""), &["table"]);
    check(schema, listed("[t"), &["table [t"]);
    check(
        schema,
        Tables::Listed(vec![choice("t", Some(&["v", "nothing"]))]),
        &["column nothing of table t"],
    );
    check(
        schema,
        Tables::Listed(vec![choice("t", Some(&["g"]))]),
        &["column g of table t"],
    );
    check(
        schema,
        Tables::Listed(vec![choice("t", None), choice("T", None)]),
        &["scope s", "t"],
    );
    let twice = TableChoice {
        global_name: Some("[t]".to_owned()),
        ..choice("u", None)
    };
    let two = format!("{schema}; CREATE TABLE u (id INTEGER PRIMARY KEY)");
    check(
        &two,
        Tables::Listed(vec![choice("t", None), twice]),
        &["scope s", "t"],
    );
    check(schema, Tables::Listed(Vec::new()), &["scope s"]);
    check(
        "CREATE VIEW v AS SELECT 1 AS id",
        listed("v"),
        &["table v", "is a view"],
    );
    check("", Tables::All, &["it has no tables"]);
    // The names of its triggers could be written into the configuration, and not be read again.
    let long = "t".repeat(120);
    check(
        &format!("CREATE TABLE {long} (id INTEGER PRIMARY KEY)"),
        listed(&long),
        &["scope s", "_trigger", "128 characters", "shorter name"],
    );
}

#[test]
fn names_that_are_taken() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    for taken in [
        "t_tracking",
        "scope_info",
        "SCOPE_CONFIG",
        "schema_info",
        "sync_tick",
        "sync_scope",
        "sync_waiting",
    ] {
        check(
            &format!("{table}; CREATE TABLE {taken} (x INTEGER PRIMARY KEY)"),
            listed("t"),
            &[&taken.to_lowercase()],
        );
    }
    check(
        &format!("{table}; CREATE VIEW t_tracking AS SELECT 1"),
        listed("t"),
        &["t_tracking"],
    );
    check(
        &format!("{table}; CREATE TRIGGER t_insert_trigger AFTER INSERT ON t BEGIN SELECT 1; END"),
        listed("t"),
        &["t_insert_trigger"],
    );
}

#[test]
fn a_scope_that_exists() {
    let db = Db::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY, v)",
    );
    let before = std::fs::read(db.path()).unwrap();
    let error = Provisioning::new(SCOPE, listed("u"))
        .apply(&db.path())
        .expect_err("it exists");
    assert!(error.to_string().contains("scope s"), "{error}");
    for name in ["", &"x".repeat(101)] {
        assert!(
            Provisioning::new(name, listed("u"))
                .apply(&db.path())
                .is_err()
        );
    }
    assert!(before == std::fs::read(db.path()).unwrap());
}

#[test]
fn a_failure_in_the_middle_leaves_nothing() {
    // The second table's tracking table cannot be made, after the first one's was.
    let db = Db::plain(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id INTEGER PRIMARY KEY, sync_row_is_tombstone); \
        CREATE TABLE c (sync_row_is_tombstone INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (sync_row_is_tombstone, id))",
    );
    let before = std::fs::read(db.path()).unwrap();
    let error = Provisioning::new(SCOPE, Tables::All)
        .apply(&db.path())
        .expect_err("a key column has the name of a tracking column");
    assert!(
        error.to_string().contains("sync_row_is_tombstone"),
        "{error}"
    );
    assert!(before == std::fs::read(db.path()).unwrap());
}

#[test]
fn files() {
    let db = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let missing = db.path().with_file_name("missing.db");
    let error = Provisioning::new(SCOPE, Tables::All)
        .apply(&missing)
        .expect_err("there is no such file");
    assert!(matches!(error, SqliteError::Missing { .. }), "{error:?}");
    assert!(!missing.exists());
    let text = db.path().with_file_name("text.db");
    std::fs::write(
        &text,
        "certainly not a database, and long enough to look like one ".repeat(40),
    )
    .unwrap();
    let error = Provisioning::new(SCOPE, Tables::All)
        .apply(&text)
        .expect_err("it is no database");
    assert!(
        matches!(error, SqliteError::NotADatabase { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("text.db"));
}
