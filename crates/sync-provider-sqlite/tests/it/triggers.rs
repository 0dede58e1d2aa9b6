//! What an application's statements leave in the tracking table.

use crate::support::{Db, sync};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE, n); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)";

/// Runs statements and says which rows got a version and how they are: `1 live`.
#[track_caller]
fn check(schema: &str, statements: &str, expected: &[&str]) {
    let db = Db::new(schema);
    assert_eq!(touched(&db, statements), expected, "{statements}");
}

fn touched(db: &Db, statements: &str) -> Vec<String> {
    let before = db.tracked("t", "id");
    db.execute(statements);
    db.assert_sound();
    assert_eq!(
        db.query("SELECT id FROM t_tracking WHERE sync_row_is_tombstone = 0 ORDER BY id"),
        db.query("SELECT id FROM t ORDER BY id"),
        "{statements}: live tracking rows are those of the table"
    );
    let mut lines = Vec::new();
    for after in db
        .tracked("t", "id")
        .iter()
        .filter(|after| !before.contains(after))
    {
        let (id, rest) = after.split_once('|').unwrap();
        let (tick, how) = rest.split_once('|').unwrap();
        let earlier = before
            .iter()
            .find_map(|line| line.strip_prefix(&format!("{id}|"))?.split('|').next());
        let earlier: i64 = earlier.map_or(0, |tick| tick.parse().unwrap());
        assert!(
            tick.parse::<i64>().unwrap() > earlier,
            "{statements}: ticks of a row rise"
        );
        lines.push(format!("{id} {how}"));
    }
    lines
}

#[test]
fn plain_statements() {
    check(SCHEMA, "INSERT INTO t VALUES (3, 'c', 3)", &["3 live"]);
    check(SCHEMA, "UPDATE t SET v = 'x' WHERE id = 1", &["1 live"]);
    check(SCHEMA, "DELETE FROM t WHERE id = 1", &["1 dead"]);
    check(
        SCHEMA,
        "INSERT INTO t SELECT id + 10, v, n FROM t",
        &["11 live", "12 live"],
    );
    check(SCHEMA, "UPDATE t SET n = n + 1", &["1 live", "2 live"]);
    check(SCHEMA, "DELETE FROM t", &["1 dead", "2 dead"]);
    check(SCHEMA, "INSERT INTO t (v) VALUES ('auto')", &["3 live"]);
}

#[test]
fn an_update_of_nothing_makes_no_version() {
    check(SCHEMA, "UPDATE t SET v = v, n = n, id = id", &[]);
    check(SCHEMA, "UPDATE t SET v = 'a' WHERE id = 1", &[]);
    check(SCHEMA, "UPDATE t SET n = NULL WHERE id = 9", &[]);
    // What SQLite stores differently is a change, whatever a comparison says.
    check(SCHEMA, "UPDATE t SET v = 'A' WHERE id = 1", &["1 live"]);
    check(SCHEMA, "UPDATE t SET n = NULL WHERE id = 1", &["1 live"]);
    check(SCHEMA, "UPDATE t SET n = '1' WHERE id = 1", &["1 live"]);
    check(SCHEMA, "UPDATE t SET n = x'31' WHERE id = 1", &["1 live"]);
}

#[test]
fn a_change_of_class_alone() {
    check(SCHEMA, "UPDATE t SET n = 1.0 WHERE id = 1", &[]);
}

#[test]
fn a_changed_key_is_a_delete_and_an_insert() {
    check(
        SCHEMA,
        "UPDATE t SET id = 5 WHERE id = 1",
        &["1 dead", "5 live"],
    );
    check(
        SCHEMA,
        "UPDATE t SET id = 5, v = 'x' WHERE id = 1",
        &["1 dead", "5 live"],
    );
    check(
        SCHEMA,
        "UPDATE t SET id = id + 10",
        &["1 dead", "2 dead", "11 live", "12 live"],
    );
    // A key that moves onto another's old place.
    check(
        SCHEMA,
        "UPDATE t SET id = -id; UPDATE t SET id = 1 WHERE id = -2",
        &["-2 dead", "-1 live", "1 live", "2 dead"],
    );
}

#[test]
fn a_key_changed_under_another_name() {
    for name in ["rowid", "oid", "_rowid_"] {
        check(
            SCHEMA,
            &format!("UPDATE t SET {name} = 5 WHERE id = 1"),
            &["1 dead", "5 live"],
        );
        check(
            SCHEMA,
            &format!("UPDATE t SET {name} = 5, v = 'x' WHERE id = 1"),
            &["1 dead", "5 live"],
        );
    }
}

/// A change that cannot be stamped is refused, also where the statement forgives failed constraints.
#[test]
fn nothing_is_written_untracked() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b')";
    let db = Db::new(schema);
    db.execute("DELETE FROM sync_tick");
    let state = || (db.query("SELECT * FROM t"), db.tracked("t", "id"));
    let before = state();
    for statement in [
        "INSERT INTO t VALUES (3, 'c')",
        "INSERT OR IGNORE INTO t VALUES (3, 'c')",
        "INSERT OR REPLACE INTO t VALUES (3, 'a')",
        "INSERT INTO t VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET u = excluded.u",
        "UPDATE t SET u = 'x' WHERE id = 1",
        "UPDATE OR IGNORE t SET u = 'x' WHERE id = 1",
        "UPDATE OR REPLACE t SET u = 'b' WHERE id = 1",
        "UPDATE OR IGNORE t SET id = 9 WHERE id = 1",
        "DELETE FROM t WHERE id = 1",
    ] {
        let refused = db.open().execute_batch(statement);
        assert_eq!(state(), before, "{statement}");
        let error = refused.expect_err(statement).to_string();
        assert!(error.contains("sync_tick"), "{statement}: {error}");
    }
}

#[test]
fn reinsertion_keeps_the_creation_version() {
    let db = Db::new(SCHEMA);
    let create = "SELECT local_create_peer_timestamp FROM t_tracking WHERE id = 1";
    let before = db.number(create);
    assert_eq!(touched(&db, "DELETE FROM t WHERE id = 1"), ["1 dead"]);
    assert_eq!(
        touched(&db, "INSERT INTO t VALUES (1, 'again', 0)"),
        ["1 live"]
    );
    assert_eq!(
        touched(
            &db,
            "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'again', 0)"
        ),
        ["1 live"]
    );
    assert_eq!(db.number(create), before);
}

#[test]
fn upserts() {
    check(
        SCHEMA,
        "INSERT INTO t VALUES (1, 'x', 9) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
        &["1 live"],
    );
    check(
        SCHEMA,
        "INSERT INTO t VALUES (1, 'x', 9), (3, 'y', 9) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
        &["1 live", "3 live"],
    );
    check(
        SCHEMA,
        "INSERT INTO t VALUES (1, 'x', 9) ON CONFLICT DO NOTHING",
        &[],
    );
    check(
        SCHEMA,
        "INSERT OR IGNORE INTO t VALUES (1, 'x', 9), (3, 'y', 9)",
        &["3 live"],
    );
    check(
        SCHEMA,
        "INSERT OR REPLACE INTO t VALUES (1, 'x', 9)",
        &["1 live"],
    );
    check(
        SCHEMA,
        "REPLACE INTO t VALUES (1, 'x', 9), (3, 'y', 9)",
        &["1 live", "3 live"],
    );
}

#[test]
fn what_is_rolled_back_leaves_nothing() {
    check(
        SCHEMA,
        "BEGIN; DELETE FROM t; INSERT INTO t VALUES (1, 'z', 0); ROLLBACK",
        &[],
    );
    check(
        SCHEMA,
        "BEGIN; SAVEPOINT x; DELETE FROM t; ROLLBACK TO x; UPDATE t SET n = 0 WHERE id = 2; COMMIT",
        &["2 live"],
    );
}

#[test]
fn versions_rise_within_one_transaction_and_across_sessions() {
    let db = Db::new(SCHEMA);
    let other = db.like();
    let mut last = 0;
    for round in 0..4 {
        for statement in [
            "UPDATE t SET n = 'x' WHERE id = 1",
            "UPDATE t SET n = 'y' WHERE id = 1",
            "DELETE FROM t WHERE id = 1",
            "INSERT INTO t VALUES (1, 'a', 1)",
        ] {
            db.execute(statement);
            let tick = db.number("SELECT local_update_peer_timestamp FROM t_tracking WHERE id = 1");
            assert!(
                tick > last,
                "round {round}: {statement}: {tick} after {last}"
            );
            last = tick;
        }
        sync(&db, &other);
    }
}

#[test]
fn recursive_triggers_change_nothing() {
    for statements in [
        "INSERT OR REPLACE INTO t VALUES (1, 'x', 9)",
        "UPDATE t SET id = 5 WHERE id = 1",
        "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'again', 0)",
    ] {
        let (plain, recursive) = (Db::new(SCHEMA), Db::new(SCHEMA));
        plain.execute(statements);
        recursive.execute(&format!("PRAGMA recursive_triggers = ON; {statements}"));
        let tombs = "SELECT id, sync_row_is_tombstone FROM t_tracking ORDER BY id";
        assert_eq!(plain.query(tombs), recursive.query(tombs), "{statements}");
        recursive.assert_sound();
    }
}

#[test]
fn a_table_of_keys_alone() {
    let schema = "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('a'), ('b')";
    check(schema, "UPDATE t SET id = id", &[]);
    check(
        schema,
        "UPDATE t SET id = 'c' WHERE id = 'a'",
        &["a dead", "c live"],
    );
    check(
        schema,
        "UPDATE t SET id = 'A' WHERE id = 'a'",
        &["A live", "a dead"],
    );
    let (a, b) = Db::pair(
        "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO t VALUES ('a'), ('b')",
    );
    a.execute("DELETE FROM t WHERE id = 'a'");
    b.execute("INSERT INTO t VALUES ('c')");
    crate::support::settle(&a, &b);
    assert_eq!(a.query("SELECT id FROM t ORDER BY id"), ["b", "c"]);
}

/// A key that differs in case only is the same key there: the row keeps its place and changes its spelling.
#[test]
fn the_case_of_a_key_without_case() {
    let schema = "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, v)";
    let (a, b) = Db::pair(schema, "INSERT INTO t VALUES ('key', 1)");
    a.execute("UPDATE t SET id = 'KEY'");
    let report = sync(&a, &b);
    assert_eq!(report.records.len(), 0);
    crate::support::settle(&a, &b);
    assert_eq!(b.query("SELECT * FROM t"), ["KEY|1"]);
}
