//! Triggers of the user's own, while a session applies rows.

use crate::support::{Db, session, settle, sync, upload};

/// A total on the parent row is kept by a trigger: at the destination that is a change of the destination, and it travels.
#[test]
fn a_total_is_a_local_change() {
    let schema = "CREATE TABLE account (id INTEGER PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0); \
                  CREATE TABLE booking (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, amount INTEGER NOT NULL)";
    let (a, b) = Db::pair(schema, "INSERT INTO account (id) VALUES (1), (2)");
    b.execute("CREATE TRIGGER sum AFTER INSERT ON booking BEGIN UPDATE account SET total = total + NEW.amount WHERE id = NEW.account; END");
    a.execute("INSERT INTO booking VALUES (1, 1, 10), (2, 1, 5), (3, 2, 7)");
    let report = upload(&a, &b);
    assert_eq!((report.up(), report.records.len()), ((3, 0), 0));
    assert_eq!(
        b.query("SELECT total FROM account ORDER BY id"),
        ["15", "7"]
    );
    let tracked = "SELECT id, update_scope_local_id IS NULL FROM account_tracking ORDER BY id";
    assert_eq!(b.query(tracked), ["1|1", "2|1"], "changes of b's own");
    let tracked = "SELECT count(*) FROM booking_tracking WHERE update_scope_local_id IS NULL";
    assert_eq!(b.query(tracked), ["0"], "what came stays what came");
    assert_eq!(sync(&a, &b).down(), (2, 0));
    assert_eq!(
        a.query("SELECT total FROM account ORDER BY id"),
        ["15", "7"]
    );
    settle(&a, &b);
}

/// A trigger that writes to another row of the same table.
#[test]
fn another_row_of_the_same_table() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, seen INTEGER DEFAULT 0)";
    let (a, b) = Db::pair(schema, "INSERT INTO t VALUES (0, 'log', 0)");
    b.execute("CREATE TRIGGER log AFTER INSERT ON t BEGIN UPDATE t SET seen = seen + 1 WHERE id = 0; INSERT OR IGNORE INTO t VALUES (-NEW.id, 'shadow', 0); END");
    a.execute("INSERT INTO t VALUES (1, 'x', 0), (2, 'y', 0)");
    upload(&a, &b);
    assert_eq!(
        b.query("SELECT id FROM t ORDER BY id"),
        ["-2", "-1", "0", "1", "2"]
    );
    b.assert_sound();
    settle(&a, &b);
    assert_eq!(
        a.query("SELECT id, seen FROM t WHERE id <= 0 ORDER BY id")
            .len(),
        3
    );
}

/// A trigger that changes the very row: the row came, and then it was changed here.
#[test]
fn the_very_row() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, stamp TEXT)";
    let (a, b) = Db::pair(schema, "INSERT INTO t VALUES (1, 'old', '')");
    b.execute(
        "CREATE TRIGGER stamp_i AFTER INSERT ON t BEGIN UPDATE t SET stamp = 'by b' WHERE id = NEW.id; END; \
         CREATE TRIGGER stamp_u AFTER UPDATE OF v ON t BEGIN UPDATE t SET stamp = 'by b' WHERE id = NEW.id; END",
    );
    a.execute("INSERT INTO t VALUES (2, 'new', ''); UPDATE t SET v = 'newer' WHERE id = 1");
    assert_eq!(upload(&a, &b).up(), (2, 0));
    assert_eq!(
        b.query("SELECT * FROM t ORDER BY id"),
        ["1|newer|by b", "2|new|by b"]
    );
    let report = sync(&a, &b);
    assert_eq!((report.down(), report.records.len()), ((2, 0), 0));
    assert_eq!(
        a.query("SELECT * FROM t ORDER BY id"),
        ["1|newer|by b", "2|new|by b"]
    );
    settle(&a, &b);
}

/// A trigger that deletes what came: a deletion of this replica, which travels.
#[test]
fn a_trigger_that_deletes_the_row() {
    let (a, b) = Db::pair("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "");
    b.execute("CREATE TRIGGER no AFTER INSERT ON t WHEN NEW.v = 'unwanted' BEGIN DELETE FROM t WHERE id = NEW.id; END");
    a.execute("INSERT INTO t VALUES (1, 'fine'), (2, 'unwanted')");
    upload(&a, &b);
    assert_eq!(b.query("SELECT id FROM t"), ["1"]);
    settle(&a, &b);
    assert_eq!(a.query("SELECT id FROM t"), ["1"]);
}

#[test]
fn raise_is_a_failed_row() {
    for raise in [
        "RAISE(ABORT, 'not this one')",
        "RAISE(FAIL, 'not this one')",
    ] {
        let (a, b) = Db::pair(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
            "INSERT INTO t VALUES (1, 'x')",
        );
        b.execute(&format!(
            "CREATE TRIGGER no_i BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT {raise}; END; \
             CREATE TRIGGER no_d BEFORE DELETE ON t BEGIN SELECT {raise}; END"
        ));
        a.execute("INSERT INTO t VALUES (2, 'bad'), (3, 'good'); DELETE FROM t WHERE id = 1");
        assert_eq!(upload(&a, &b).up(), (1, 2), "{raise}");
        assert_eq!(b.query("SELECT id FROM t ORDER BY id"), ["1", "3"]);
        assert_eq!(
            b.query("SELECT DISTINCT reason LIKE '%not this one%' FROM sync_waiting"),
            ["1"]
        );
        b.execute("DROP TRIGGER no_i; DROP TRIGGER no_d");
        settle(&a, &b);
    }
}

/// RAISE(IGNORE) leaves a row out without a word; what is not stored must not be claimed.
#[test]
fn raise_ignore_is_no_silent_loss() {
    let (a, b) = Db::pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, 'x'), (5, 'y')",
    );
    b.execute(
        "CREATE TRIGGER no_i BEFORE INSERT ON t WHEN NEW.id = 2 BEGIN SELECT RAISE(IGNORE); END; \
         CREATE TRIGGER no_u BEFORE UPDATE ON t WHEN NEW.id = 5 BEGIN SELECT RAISE(IGNORE); END; \
         CREATE TRIGGER no_d BEFORE DELETE ON t BEGIN SELECT RAISE(IGNORE); END",
    );
    a.execute("INSERT INTO t VALUES (2, 'ignored'), (3, 'good'); DELETE FROM t WHERE id = 1; UPDATE t SET v = 'z' WHERE id = 5");
    assert_eq!(upload(&a, &b).up(), (1, 3));
    assert_eq!(b.query("SELECT id FROM t ORDER BY id"), ["1", "3", "5"]);
    assert_eq!(
        b.query("SELECT id FROM t_tracking WHERE sync_row_is_tombstone = 0 ORDER BY id"),
        ["1", "3", "5"],
        "the tracking tells of the rows that are there"
    );
    b.execute("DROP TRIGGER no_i; DROP TRIGGER no_u; DROP TRIGGER no_d");
    settle(&a, &b);
}

/// The key in the order of its columns is not the key in the order of PRIMARY KEY.
#[test]
fn composite_keys_in_another_order() {
    for rowid in ["", " WITHOUT ROWID"] {
        let schema = format!(
            "CREATE TABLE t (id INTEGER NOT NULL, k TEXT NOT NULL, v, n DEFAULT 0, PRIMARY KEY (k, id)){rowid}"
        );
        let (a, b) = Db::pair(
            &schema,
            "INSERT INTO t VALUES (1, 'a', 'old', 0), (2, 'b', 'old', 0)",
        );
        b.execute(
            "CREATE TRIGGER i AFTER INSERT ON t BEGIN UPDATE t SET n = n + 1 WHERE id = 1; END; \
             CREATE TRIGGER d AFTER DELETE ON t BEGIN UPDATE t SET n = n + 1 WHERE id = 1; END",
        );
        a.execute("INSERT INTO t VALUES (3, 'c', 'new', 0), (1, 'z', 'new', 0); DELETE FROM t WHERE id = 2");
        assert_eq!(upload(&a, &b).up(), (3, 0));
        let own = "SELECT k, id FROM t_tracking WHERE update_scope_local_id IS NULL";
        assert_eq!(
            b.query(own),
            ["a|1", "z|1"],
            "what the triggers wrote, and nothing else"
        );
        settle(&a, &b);
    }
}

/// Rows that swap a unique value pass through values of nobody: a user's trigger may see them, the other side must not.
#[test]
fn a_log_of_a_swap() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT NOT NULL UNIQUE); CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT)";
    let (a, b) = Db::pair(schema, "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    b.execute(
        "CREATE TRIGGER log AFTER UPDATE ON t BEGIN INSERT INTO log (line) VALUES (NEW.u); END",
    );
    a.execute("UPDATE t SET u = 'tmp' WHERE id = 1; UPDATE t SET u = 'a' WHERE id = 2; UPDATE t SET u = 'b' WHERE id = 1");
    assert_eq!(upload(&a, &b).up(), (2, 0));
    assert_eq!(b.query("SELECT u FROM t ORDER BY id"), ["b", "a"]);
    let own = "SELECT count(*) FROM t_tracking WHERE update_scope_local_id IS NULL";
    assert_eq!(
        b.query(own),
        ["0"],
        "no row of the swap is a change of b's own"
    );
    settle(&a, &b);
}

/// A trigger that puts the very row back which a session deletes: the row is a change of that replica.
#[test]
fn a_row_that_comes_back() {
    let (a, b) = Db::pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO t VALUES (1, 'x')",
    );
    b.execute(
        "CREATE TRIGGER keep AFTER DELETE ON t BEGIN INSERT INTO t VALUES (OLD.id, 'kept'); END",
    );
    a.execute("DELETE FROM t");
    upload(&a, &b);
    assert_eq!(b.query("SELECT * FROM t"), ["1|kept"]);
    settle(&a, &b);
    assert_eq!(a.query("SELECT * FROM t"), ["1|kept"]);
}

/// A user's trigger may look at the counter, as the documentation recommends; it is the user's all the same.
#[test]
fn a_trigger_that_mentions_the_counter() {
    let (a, b) = Db::pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO t VALUES (1, 'x'), (99, 'y')",
    );
    b.execute(
        "CREATE TRIGGER touch AFTER UPDATE ON t WHEN NEW.id = 1 AND EXISTS (SELECT 1 FROM sync_tick) \
         BEGIN UPDATE t SET v = 'touched' WHERE id = 99; END",
    );
    a.execute("UPDATE t SET v = 'z' WHERE id = 1");
    upload(&a, &b);
    settle(&a, &b);
    assert_eq!(a.query("SELECT v FROM t ORDER BY id"), ["z", "touched"]);
}

/// What triggers write breaks a foreign key at the commit, where no row of the session accounts for it. Only the row waits that fired them.
#[test]
fn a_trigger_that_breaks_a_foreign_key() {
    let guilty = [
        (
            "a child",
            "AFTER INSERT ON t WHEN NEW.v = 'bad' BEGIN INSERT INTO child VALUES (NEW.id, 99); END",
        ),
        (
            "a child with another key each time",
            "AFTER INSERT ON t WHEN NEW.v = 'bad' BEGIN INSERT INTO child VALUES (abs(random() % 1000000000), 99); END",
        ),
        (
            "a child that loses its parent",
            "AFTER INSERT ON t WHEN NEW.v = 'bad' BEGIN UPDATE child SET p = 99 WHERE id = 1; END",
        ),
        (
            "a parent that goes",
            "BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN DELETE FROM parent WHERE id = 2; END",
        ),
    ];
    for deferred in ["", " DEFERRABLE INITIALLY DEFERRED"] {
        for rowid in ["", " WITHOUT ROWID"] {
            for (name, trigger) in &guilty {
                for child in ["child", "outside"] {
                    let schema = format!(
                        "CREATE TABLE parent (id INTEGER PRIMARY KEY, v); \
                         CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent{deferred}){rowid}; \
                         CREATE TABLE t (id INTEGER PRIMARY KEY, v)"
                    );
                    let (a, b) = Db::pair(
                        &schema,
                        "INSERT INTO parent VALUES (1, ''), (2, ''); INSERT INTO child VALUES (1, 1), (2, 2)",
                    );
                    b.execute(&format!(
                        "CREATE TABLE outside (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent{deferred}){rowid}; \
                         INSERT INTO outside VALUES (1, 1), (2, 2); CREATE TRIGGER guilty {}",
                        trigger.replace("child", child)
                    ));
                    let context = format!("{name} in {child}{rowid}{deferred}");
                    check_guilty(&a, &b, &context);
                }
            }
        }
    }
}

/// Row 3 of `t` fires the trigger and waits; rows without number arrive, children before parents among them.
fn check_guilty(a: &Db, b: &Db, context: &str) {
    a.execute(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) \
         SELECT i, CASE WHEN i = 3 THEN 'bad' ELSE 'good' END FROM n; \
         INSERT INTO child VALUES (30, 30); INSERT INTO parent VALUES (30, '')",
    );
    for round in 0..2 {
        let report = upload(a, b);
        let expected = if round == 0 { (41, 1) } else { (0, 1) };
        assert_eq!(report.up(), expected, "{context}");
        b.assert_sound();
        assert_eq!(
            b.query("SELECT count(*), sum(id = 3) FROM t"),
            ["39|0"],
            "{context}"
        );
        let reason = "SELECT table_name, reason LIKE '%trigger%without its parent in table parent%' FROM sync_waiting";
        assert_eq!(b.query(reason), ["[t]|1"], "{context}");
    }
    b.execute("DROP TRIGGER guilty; DROP TABLE outside");
    settle(a, b);
}

/// Parents that fire triggers of their own, and children that came before them: what waits for its parent is nobody's fault.
#[test]
fn a_guilty_parent_and_its_innocent_siblings() {
    let schema = "CREATE TABLE parent (id INTEGER PRIMARY KEY, up INTEGER REFERENCES parent, v); \
                  CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES parent)";
    let (a, b) = Db::pair(schema, "");
    b.execute(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent); \
         CREATE TRIGGER log AFTER INSERT ON parent BEGIN INSERT INTO log (p) VALUES (CASE NEW.v WHEN 'bad' THEN -1 ELSE NEW.id END); END",
    );
    a.execute(
        "INSERT INTO parent WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
         SELECT i, CASE WHEN i < 300 THEN i + 1 END, CASE WHEN i = 290 THEN 'bad' END FROM n; \
         INSERT INTO child SELECT id, id FROM parent",
    );
    // Those below the guilty one wait with it: 1 to 289 refer to it one by one, and each has a child.
    assert_eq!(session(&a, &b).batch_bytes(2_000).run().up(), (20, 580));
    b.assert_sound();
    assert_eq!(b.query("SELECT min(id), count(*) FROM parent"), ["291|10"]);
    assert_eq!(b.number("SELECT count(*) FROM log"), 10);
    b.execute("DROP TRIGGER log; DROP TABLE log");
    settle(&a, &b);
}
