//! Foreign keys are enforced while rows are applied, whatever order they come in, and nothing is lost silently.

use sync_orchestrator::SyncDirectionOrder::Upload;
use sync_provider::ConflictPolicy;

use crate::support::{Db, assert_same, session, settle, sync, upload};

const TREE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t, v)";

#[test]
fn a_table_that_refers_to_itself() {
    // Children come before their parents in key order.
    let (a, b) = Db::pair(
        TREE,
        "INSERT INTO t VALUES (1, 2, ''), (2, 3, ''), (3, NULL, ''), (4, 4, '')",
    );
    a.execute(
        "INSERT INTO t VALUES (10, 11, ''), (11, 1, ''); UPDATE t SET parent = 10 WHERE id = 4",
    );
    b.execute("INSERT INTO t VALUES (20, 20, ''), (21, 20, '')");
    settle(&a, &b);
    a.execute("DELETE FROM t WHERE id IN (1, 2, 3, 10, 11, 4)");
    b.execute("DELETE FROM t WHERE id IN (20, 21)");
    settle(&a, &b);
    assert_eq!(b.number("SELECT count(*) FROM t"), 0);
}

#[test]
fn a_long_chain_in_reverse() {
    let chain = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                 SELECT i, CASE WHEN i < 2000 THEN i + 1 END, 'row ' || i FROM n";
    for batch in [2_000, 1 << 20] {
        let (a, b) = (Db::new(&format!("{TREE}; {chain}")), Db::new(TREE));
        let report = session(&a, &b).batch_bytes(batch).run();
        assert_eq!(report.up(), (2000, 0));
        assert_same(&a, &b);
        a.execute("DELETE FROM t");
        let report = session(&a, &b).batch_bytes(batch).run();
        assert_eq!(report.up(), (2000, 0));
        assert_same(&a, &b);
    }
}

#[test]
fn tables_that_refer_to_each_other() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a)";
    let (a, b) = Db::pair(
        schema,
        "INSERT INTO a VALUES (1, 1), (2, NULL); INSERT INTO b VALUES (1, 1), (2, 1)",
    );
    a.execute("INSERT INTO a VALUES (3, 3); INSERT INTO b VALUES (3, 3)");
    b.execute("UPDATE a SET b = 2 WHERE id = 2");
    settle(&a, &b);
    a.execute("UPDATE a SET b = NULL WHERE id = 3; DELETE FROM b WHERE id = 3; DELETE FROM a WHERE id = 3");
    assert_eq!(a.query("SELECT id FROM a ORDER BY id"), ["1", "2"]);
    b.execute("UPDATE a SET b = NULL WHERE id = 3");
    sync(&a, &b);
    settle(&a, &b);
}

/// Rows that refer to each other and are deleted together.
/// Rows that an earlier session could not write come again by key. Then each row of a cycle waits for the other.
#[test]
fn a_cycle_that_waited() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    b.execute("CREATE TRIGGER refuse BEFORE INSERT ON a BEGIN SELECT RAISE(ABORT, 'not yet'); END");
    a.execute("INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)");
    assert_eq!(upload(&a, &b).up(), (0, 2));
    b.execute("DROP TRIGGER refuse");
    assert_eq!(upload(&a, &b).up(), (2, 0));
    assert_same(&a, &b);
}

/// As a cycle, for a chain in the wrong order within one table.
#[test]
fn a_chain_that_waited() {
    let (a, b) = (Db::new(TREE), Db::new(TREE));
    b.execute("CREATE TRIGGER refuse BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'not yet'); END");
    a.execute(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
         SELECT i, CASE WHEN i < 300 THEN i + 1 END, '' FROM n",
    );
    assert_eq!(upload(&a, &b).up(), (0, 300));
    b.execute("DROP TRIGGER refuse");
    assert_eq!(upload(&a, &b).up(), (300, 0));
    assert_same(&a, &b);
}

#[test]
fn a_cycle_that_is_deleted() {
    for (schema, rows) in [
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, other INTEGER REFERENCES t)",
            "INSERT INTO t VALUES (1, 2), (2, 3), (3, 1), (4, 1), (9, NULL)",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, other INTEGER REFERENCES u ON DELETE CASCADE); \
             CREATE TABLE u (id INTEGER PRIMARY KEY, other INTEGER REFERENCES t ON DELETE CASCADE)",
            "INSERT INTO t VALUES (1, 1), (2, 1), (9, NULL); INSERT INTO u VALUES (1, 1), (2, 2)",
        ),
    ] {
        let (a, b) = Db::pair(schema, rows);
        a.execute("DELETE FROM t WHERE id <> 9");
        if schema.contains("TABLE u") {
            a.execute("DELETE FROM u");
        }
        assert_eq!(upload(&a, &b).up().1, 0, "{schema}");
        settle(&a, &b);
        assert_eq!(b.query("SELECT id FROM t"), ["9"]);
    }
}

/// A cycle stays as a whole while a row outside the scope refers to one of its rows: SQLite would take that along.
#[test]
fn a_cycle_that_a_row_outside_refers_to() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a)";
    let (a, b) = Db::pair(
        schema,
        "INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)",
    );
    b.execute(
        "CREATE TABLE outside (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a ON DELETE CASCADE); \
         INSERT INTO outside VALUES (1, 1)",
    );
    a.execute("UPDATE a SET b = NULL; DELETE FROM b; DELETE FROM a");
    assert_eq!(upload(&a, &b).up(), (0, 2));
    assert_eq!(b.query("SELECT * FROM outside"), ["1|1"]);
    b.execute("DELETE FROM outside");
    assert_eq!(upload(&a, &b).up(), (2, 0));
    assert_same(&a, &b);
}

#[test]
fn child_tables_that_come_first() {
    // In the order of the scope the child stands before its parent.
    let make = || {
        let db = Db::plain(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, v); CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES parent)",
        );
        let choice = |name| crate::provisioning::choice(name, None);
        let tables = sync_provider_sqlite::Tables::Listed(vec![choice("child"), choice("parent")]);
        sync_provider_sqlite::Provisioning::new("s", tables)
            .apply(&db.path())
            .unwrap();
        db
    };
    let (a, b) = (make(), make());
    a.execute("INSERT INTO parent VALUES (1, 'x'), (2, 'y'); INSERT INTO child VALUES (1, 1), (2, 2), (3, 1)");
    assert_eq!(session(&a, &b).batch_bytes(1).run().up(), (5, 0));
    assert_same(&a, &b);
    a.execute("DELETE FROM child WHERE p = 1; DELETE FROM parent WHERE id = 1");
    assert_eq!(session(&a, &b).batch_bytes(1).run().up(), (3, 0));
    settle(&a, &b);
}

const FAMILY: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY, v TEXT CHECK (v <> 'refused')); \
                      CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent, v)";

/// A parent that the destination refuses keeps its children out, and them alone; they come when it can.
#[test]
fn a_missing_parent_heals() {
    let loose = FAMILY.replace(" CHECK (v <> 'refused')", "");
    let (a, b) = (Db::new(&loose), Db::new(FAMILY));
    a.execute("INSERT INTO parent VALUES (1, 'refused'), (2, 'fine'); INSERT INTO child VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 1, 'z'), (4, NULL, '')");
    for round in 0..2 {
        let report = upload(&a, &b);
        assert_eq!(
            report.up(),
            (if round == 0 { 3 } else { 0 }, 3),
            "round {round}"
        );
        assert_eq!(b.query("SELECT id FROM child ORDER BY id"), ["2", "4"]);
        assert_eq!(b.waiting(), 3);
        b.assert_sound();
    }
    let reasons = b.query(
        "SELECT table_name, reason LIKE '%parent%' FROM sync_waiting WHERE table_name = '[child]'",
    );
    assert_eq!(reasons, ["[child]|1", "[child]|1"]);
    a.execute("UPDATE parent SET v = 'better' WHERE id = 1");
    assert_eq!(upload(&a, &b).up(), (3, 0));
    settle(&a, &b);
}

/// Each level of the family waits for the one above.
#[test]
fn descendants_of_a_missing_parent_wait_too() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t, v TEXT CHECK (v <> 'refused'))";
    let (a, b) = (
        Db::new(&schema.replace(" CHECK (v <> 'refused')", "")),
        Db::new(schema),
    );
    a.execute("INSERT INTO t VALUES (9, NULL, 'refused'), (5, 9, ''), (4, 5, ''), (3, 4, ''), (2, NULL, ''), (1, 2, '')");
    assert_eq!(upload(&a, &b).up(), (2, 4));
    assert_eq!(upload(&a, &b).up(), (0, 4));
    a.execute("UPDATE t SET v = 'fine' WHERE id = 9");
    assert_eq!(upload(&a, &b).up(), (4, 0));
    settle(&a, &b);
}

/// The parent lost a conflict: it is deleted here, and stays so.
#[test]
fn the_parent_lost_a_conflict() {
    let (a, b) = Db::pair(FAMILY, "INSERT INTO parent VALUES (1, 'x')");
    a.execute("UPDATE parent SET v = 'y'; INSERT INTO child VALUES (1, 1, '')");
    b.execute("DELETE FROM parent");
    let report = session(&a, &b)
        .direction(Upload)
        .policy(ConflictPolicy::DestinationWins)
        .run();
    assert_eq!((report.up(), report.conflicts()), ((1, 1), 1));
    assert_eq!((b.dump(), b.waiting()), (vec![], 1));
    // At the other side the deletion would take the child away: it waits.
    let report = sync(&a, &b);
    assert_eq!((report.up(), report.down()), ((0, 1), (0, 1)));
    a.assert_sound();
    assert_eq!(a.query("SELECT count(*) FROM child"), ["1"]);
    // The application repairs it.
    a.execute("UPDATE child SET p = NULL");
    sync(&a, &b);
    settle(&a, &b);
    assert_eq!(b.query("SELECT * FROM child"), ["1|NULL|"]);
}

/// A delete that would cascade to a live child which the source does not know is a failure, not a silent loss.
#[test]
fn a_cascade_takes_no_live_child_along() {
    for action in [
        "CASCADE",
        "SET NULL",
        "SET DEFAULT",
        "RESTRICT",
        "NO ACTION",
    ] {
        let schema = format!(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, v); CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent ON DELETE {action}, v)"
        );
        let (a, b) = Db::pair(
            &schema,
            "INSERT INTO parent VALUES (1, ''), (2, ''); INSERT INTO child VALUES (1, 1, ''), (2, 2, '')",
        );
        a.execute("DELETE FROM child; DELETE FROM parent");
        b.execute("INSERT INTO child VALUES (3, 1, 'unknown at the other side')");
        let report = upload(&a, &b);
        assert_eq!(report.up(), (3, 1), "{action}");
        assert_eq!(b.query("SELECT id, p FROM child"), ["3|1"], "{action}");
        assert_eq!(b.query("SELECT id FROM parent"), ["1"], "{action}");
        b.assert_sound();
        b.execute("UPDATE child SET p = NULL");
        assert_eq!(upload(&a, &b).up(), (1, 0), "{action}");
        settle(&a, &b);
    }
}

/// With foreign keys on, the source's own cascades are changes like any other.
#[test]
fn cascades_of_the_application_travel() {
    let schema = "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE); \
                  CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent ON DELETE CASCADE, \
                  code TEXT REFERENCES parent (code) ON UPDATE CASCADE ON DELETE CASCADE)";
    let (a, b) = Db::pair(
        schema,
        "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO child VALUES (1, 1, 'b'), (2, 3, 'c'), (3, 2, 'a')",
    );
    a.execute("PRAGMA foreign_keys = ON; UPDATE parent SET code = 'new' WHERE id = 2; DELETE FROM parent WHERE id = 3");
    let report = sync(&a, &b);
    assert_eq!((report.up(), report.records.len()), ((4, 0), 0));
    assert_eq!(
        b.query("SELECT * FROM child ORDER BY id"),
        ["1|1|new", "3|2|a"]
    );
    settle(&a, &b);
}

/// Two referenced values change places, and their children with them. SQLite would cascade each step to the other's children, so the
/// parents wait, and say so, until their values differ from each other's old ones.
#[test]
fn referenced_values_that_swap() {
    let schema = "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE); \
                  CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent (code) ON UPDATE CASCADE)";
    let (a, b) = Db::pair(
        schema,
        "INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1, 'b'), (2, 'a')",
    );
    let swap = |via: [&str; 3]| {
        a.execute(&format!(
            "PRAGMA foreign_keys = ON; UPDATE parent SET code = '{}' WHERE id = 1; \
             UPDATE parent SET code = '{}' WHERE id = 2; UPDATE parent SET code = '{}' WHERE id = 1",
            via[0], via[1], via[2]
        ));
    };
    swap(["tmp", "a", "b"]);
    let report = upload(&a, &b);
    assert_eq!(report.up(), (2, 2), "the children arrive, the parents wait");
    assert_eq!(b.query("SELECT * FROM parent ORDER BY id"), ["1|a", "2|b"]);
    b.assert_sound();
    swap(["c", "d", "e"]);
    settle(&a, &b);
    assert_eq!(b.query("SELECT code FROM child ORDER BY id"), ["d", "e"]);
}

/// A key that children refer to moves: ON UPDATE CASCADE must not move children that the source did not move.
#[test]
fn an_update_that_would_cascade_to_an_unknown_child_waits() {
    let schema = "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE); \
                  CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent (code) ON UPDATE CASCADE)";
    let (a, b) = Db::pair(schema, "INSERT INTO parent VALUES (1, 'a')");
    a.execute("UPDATE parent SET code = 'b'");
    b.execute("INSERT INTO child VALUES (7, 'a')");
    let report = upload(&a, &b);
    assert_eq!(report.up(), (0, 1));
    assert_eq!(b.query("SELECT * FROM child"), ["7|a"]);
    b.assert_sound();
    b.execute("UPDATE child SET code = NULL");
    settle(&a, &b);
}

#[test]
fn parents_and_children_swap_in_one_session() {
    let (a, b) = Db::pair(
        FAMILY,
        "INSERT INTO parent VALUES (1, 'x'), (2, 'y'); INSERT INTO child VALUES (1, 1, ''), (2, 2, '')",
    );
    a.execute("UPDATE child SET p = 3 - p; DELETE FROM parent WHERE id = 1; INSERT INTO parent VALUES (1, 'again'), (3, 'new'); UPDATE child SET p = 3 WHERE id = 1; DELETE FROM parent WHERE id = 2");
    let report = session(&a, &b).batch_bytes(1).run();
    assert_eq!((report.up().1, report.records.len()), (0, 0));
    settle(&a, &b);
}

/// A foreign key to a table outside the scope holds as well.
#[test]
fn a_parent_outside_the_scope() {
    let make = || {
        let db = Db::plain(
            "CREATE TABLE local (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES local, v)",
        );
        let tables =
            sync_provider_sqlite::Tables::Listed(vec![crate::provisioning::choice("t", None)]);
        sync_provider_sqlite::Provisioning::new("s", tables)
            .apply(&db.path())
            .unwrap();
        db
    };
    let (a, b) = (make(), make());
    a.execute("INSERT INTO local VALUES (1), (2); INSERT INTO t VALUES (1, 1, ''), (2, 2, ''), (3, NULL, '')");
    b.execute("INSERT INTO local VALUES (2)");
    assert_eq!(upload(&a, &b).up(), (2, 1));
    b.assert_sound();
    b.execute("INSERT INTO local VALUES (1)");
    settle(&a, &b);
}
