//! A row whose tracking row cannot be written is refused like any other: its base row stays as it was, and it waits.

use crate::support::{Db, settle, upload};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, kept DEFAULT 'kept')";

/// `obstacle` is what makes tracking rows of row 2 fail, `way_out` takes it away.
#[track_caller]
fn check(obstacle: &str, way_out: &str) {
    let rows = "INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')";
    for change in [rows, "UPDATE t SET v = v || '!'", "DELETE FROM t"] {
        let a = Db::new(SCHEMA);
        let b = Db::new(SCHEMA);
        if change != rows {
            a.execute(rows);
            upload(&a, &b);
        }
        let before = b.query("SELECT * FROM t WHERE id = 2");
        b.execute(obstacle);
        a.execute(change);
        for applied in [2, 0] {
            assert_eq!(upload(&a, &b).up(), (applied, 1), "{obstacle}: {change}");
            assert_eq!(b.query("SELECT * FROM t WHERE id = 2"), before, "{change}");
            assert_eq!((b.waiting(), b.ranges()), (1, 3), "{change}");
        }
        b.execute(way_out);
        settle(&a, &b);
    }
}

#[test]
fn triggers_on_the_tracking_table() {
    check(
        "CREATE TRIGGER i BEFORE INSERT ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END; \
         CREATE TRIGGER u AFTER UPDATE ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER i; DROP TRIGGER u",
    );
    check(
        "CREATE TABLE log (n INTEGER PRIMARY KEY); INSERT INTO log VALUES (2); \
         CREATE TRIGGER i AFTER INSERT ON t_tracking WHEN NEW.id = 2 BEGIN INSERT INTO log VALUES (NEW.id); END; \
         CREATE TRIGGER u AFTER UPDATE ON t_tracking WHEN NEW.id = 2 BEGIN INSERT INTO log VALUES (NEW.id); END",
        "DROP TRIGGER i; DROP TRIGGER u; DROP TABLE log",
    );
    // The user's own trigger makes a change of this replica out of the row, and only that is refused.
    check(
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET kept = 'x' WHERE id = NEW.id; END; \
         CREATE TRIGGER u AFTER UPDATE ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(FAIL, 'no'); END; \
         CREATE TRIGGER i AFTER INSERT ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(FAIL, 'no'); END",
        "DROP TRIGGER x; DROP TRIGGER u; DROP TRIGGER i",
    );
    check(
        "CREATE TRIGGER x AFTER INSERT ON t WHEN NEW.id = 2 BEGIN UPDATE t SET kept = 'x' WHERE id = NEW.id; END; \
         CREATE TRIGGER u AFTER UPDATE ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER x; DROP TRIGGER u",
    );
    // A trigger of the user's on the table itself as well.
    check(
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; \
         CREATE TRIGGER i BEFORE INSERT ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END; \
         CREATE TRIGGER u BEFORE UPDATE ON t_tracking WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER x; DROP TRIGGER i; DROP TRIGGER u",
    );
}

#[test]
fn unique_indexes_over_the_tracking_table() {
    let a = Db::new(SCHEMA);
    let b = Db::new(SCHEMA);
    b.execute("CREATE UNIQUE INDEX i ON t_tracking (1) WHERE id IN (2, 3)");
    a.execute("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    assert_eq!(upload(&a, &b).up(), (2, 1));
    assert_eq!(b.number("SELECT count(*) FROM t"), 2);
    assert_eq!(b.waiting(), 1);
    b.execute("DROP INDEX i");
    settle(&a, &b);
}
