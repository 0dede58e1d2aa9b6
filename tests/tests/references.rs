//! Rows that refer to each other, in chains and in circles, unique values that change hands, keys that the database numbers itself, and what
//! cascades set off: over every pair of engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use sync_orchestrator::SyncDirectionOrder;
use sync_tests::support::engines::{Database, Engine, pairs};
use sync_tests::support::session::{Report, Session};

/// Two databases with these tables.
struct Pair<'a> {
    databases: [Database; 2],
    tables: &'a [&'a str],
}

impl<'a> Pair<'a> {
    /// `schema` gives what an engine is told, and the same in its own way to the destination.
    fn new(engines: [Engine; 2], schema: impl Fn(Engine) -> String, tables: &'a [&'a str]) -> Self {
        let make = |engine: Engine| engine.provisioned(&schema(engine), tables);
        Pair {
            databases: engines.map(make),
            tables,
        }
    }

    fn upload(&self, batch_bytes: u64) -> Report {
        let [a, b] = &self.databases;
        [a, b].iter().for_each(|db| db.settle(self.tables));
        Session::new(a.provider("s"), b.provider("s"))
            .direction(SyncDirectionOrder::Upload)
            .batch_bytes(batch_bytes)
            .run()
    }

    /// Uploads; everything arrives at once, and nothing is left to move in either direction.
    fn arrives(&self, case: &str, batch_bytes: u64) {
        let [a, b] = &self.databases;
        let engines = [a.engine(), b.engine()];
        let report = self.upload(batch_bytes);
        let failed = (report.upload().changes_failed, &report.records);
        assert_eq!(failed, (0, &Vec::new()), "{case}, {engines:?}");
        assert_eq!(
            a.rows(self.tables),
            b.rows(self.tables),
            "{case}, {engines:?}"
        );
        assert_eq!(b.waiting(), 0, "{case}, {engines:?}");
        [a, b].iter().for_each(|db| db.assert_sound(self.tables));
        [a, b].iter().for_each(|db| db.settle(self.tables));
        let again = Session::new(b.provider("s"), a.provider("s")).run();
        assert_eq!(again.moved(), 0, "{case}, {engines:?}: {again:?}");
    }
}

/// All rows in one batch, and each row in one of its own.
const BATCHES: [u64; 2] = [1 << 20, 1];

const CIRCLE: &[&str] = &["a", "b"];

/// Two tables that refer to each other; `b` may have to.
fn circle(engine: Engine, rule: &str) -> String {
    // A server knows no table before it is made.
    let (a, b) = engine.either(
        (" REFERENCES b (id)", ""),
        ("", "; ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id)"),
    );
    format!(
        "CREATE TABLE a (id int NOT NULL PRIMARY KEY, b int NULL{a}, v nvarchar(20) NULL); \
         CREATE TABLE b (id int NOT NULL PRIMARY KEY, a int {rule} REFERENCES a (id), v nvarchar(20) NULL CHECK (v <> 'refused')){b}"
    )
}

#[test]
fn rows_of_two_tables_refer_to_each_other() {
    for engines in pairs("circles of rows") {
        for rule in ["NULL", "NOT NULL"] {
            let pair = Pair::new(engines, |engine| circle(engine, rule), CIRCLE);
            let [a, _] = &pair.databases;
            for (round, batch_bytes) in BATCHES.into_iter().enumerate() {
                let at = 10 * (round + 1);
                let case = |what: &str| format!("{what}, {rule}, {batch_bytes} bytes");
                // A circle of two, one of four, and rows that hang on them.
                a.run(&format!(
                    "INSERT INTO a VALUES ({at}, NULL, 'one'), ({at} + 1, NULL, 'two'), ({at} + 2, NULL, 'three'), ({at} + 3, NULL, 'four'); \
                     INSERT INTO b VALUES ({at}, {at}, 'one'), ({at} + 1, {at} + 1, 'two'), ({at} + 2, {at} + 2, 'three'); \
                     UPDATE a SET b = {at} WHERE id IN ({at}, {at} + 3); UPDATE a SET b = {at} + 2 WHERE id = {at} + 1; \
                     UPDATE a SET b = {at} + 1 WHERE id = {at} + 2"
                ));
                pair.arrives(&case("new rows"), batch_bytes);
                // Rows that were there join a new one.
                a.run(&format!(
                    "INSERT INTO b VALUES ({at} + 3, {at} + 3, 'four'); UPDATE a SET b = {at} + 3 WHERE id = {at} + 3; \
                     UPDATE b SET a = {at} + 3 WHERE id = {at}"
                ));
                pair.arrives(&case("changed rows"), batch_bytes);
                // They go, all at once; what they referred to at last stays at the destination until then.
                a.run("UPDATE a SET b = NULL; DELETE FROM b; DELETE FROM a");
                pair.arrives(&case("deletions"), batch_bytes);
            }
        }
    }
}

/// A circle of which one row is refused at the destination waits as a whole, and heals when it can; other rows are not held up.
#[test]
fn a_circle_that_is_refused_waits_and_heals() {
    for engines in pairs("circles that wait") {
        for (rule, mend_at) in [("NULL", 0), ("NULL", 1), ("NOT NULL", 0), ("NOT NULL", 1)] {
            let pair = Pair::new(engines, |engine| circle(engine, rule), CIRCLE);
            let [a, b] = &pair.databases;
            let case = format!("{engines:?}, {rule}, mended at {mend_at}");
            // The source takes what the destination refuses.
            b.run(b.engine().either(
                "CREATE TRIGGER no BEFORE INSERT ON b WHEN NEW.v = 'never' BEGIN SELECT RAISE(ABORT, 'no'); END",
                "ALTER TABLE b ADD CONSTRAINT no CHECK (v <> 'never')",
            ));
            a.run(
                "INSERT INTO a VALUES (1, NULL, 'one'), (2, NULL, 'two'), (3, NULL, 'alone'); INSERT INTO b VALUES (1, 1, 'never'), (2, 2, 'two'), \
                 (3, 3, 'three'); UPDATE a SET b = 1 WHERE id = 1; UPDATE a SET b = 2 WHERE id = 2",
            );
            for _ in 0..2 {
                let report = pair.upload(1 << 20);
                assert_eq!(
                    report.upload().changes_failed,
                    2,
                    "{case}: {:?}",
                    report.records
                );
                assert_eq!(b.lines("SELECT id FROM a"), ["2", "3"], "{case}");
                assert_eq!(b.lines("SELECT id FROM b"), ["2", "3"], "{case}");
                assert_eq!(b.waiting(), 2, "{case}");
            }
            match mend_at {
                0 => a.run("UPDATE b SET v = 'fine' WHERE v = 'never'"),
                _ => b.run(
                    b.engine()
                        .either("DROP TRIGGER no", "ALTER TABLE b DROP CONSTRAINT no"),
                ),
            }
            pair.arrives(&case, 1 << 20);
        }
    }
}

/// A table that refers to itself: trees whose rows come in any order, circles, and rows that are their own parents.
#[test]
fn rows_of_a_table_refer_to_each_other() {
    for engines in pairs("self-references") {
        let schema = |_| {
            "CREATE TABLE t (id int NOT NULL PRIMARY KEY, parent int NULL REFERENCES t (id), v nvarchar(20) NULL)".to_owned()
        };
        let pair = Pair::new(engines, schema, &["t"]);
        let [a, _] = &pair.databases;
        for (round, batch_bytes) in BATCHES.into_iter().enumerate() {
            let case = |what: &str| format!("{what}, {batch_bytes} bytes");
            let at = 100 * (round + 1);
            // A tree whose upper rows have the greater keys, so that children come first.
            a.run(&format!(
                "INSERT INTO t VALUES ({at} + 9, NULL, 'top'), ({at} + 8, {at} + 9, ''), ({at} + 5, {at} + 9, ''), ({at} + 7, {at} + 8, ''), \
                 ({at} + 6, {at} + 8, ''), ({at} + 1, {at} + 5, ''), ({at}, {at} + 1, '')"
            ));
            a.run(&format!("UPDATE t SET v = 'again' WHERE id = {at} + 9"));
            pair.arrives(&case("a tree"), batch_bytes);
            a.run(&format!(
                "INSERT INTO t VALUES ({at} + 20, {at} + 20, 'its own'), ({at} + 21, NULL, ''), ({at} + 22, {at} + 21, ''), ({at} + 23, {at} + 22, ''); \
                 UPDATE t SET parent = {at} + 23 WHERE id = {at} + 21; UPDATE t SET parent = {at} + 23 WHERE id = {at} + 7"
            ));
            pair.arrives(&case("a circle"), batch_bytes);
            a.run(&format!(
                "UPDATE t SET parent = NULL WHERE id >= {at}; DELETE FROM t WHERE id >= {at}"
            ));
            pair.arrives(&case("deletions"), batch_bytes);
        }
    }
}

/// Rows that exchange their values of a unique column, in a ring as well; and a value that goes from a row that is deleted to a new one.
#[test]
fn unique_values_change_hands() {
    for engines in pairs("unique values") {
        let schema = |_| {
            "CREATE TABLE t (id int NOT NULL PRIMARY KEY, u nvarchar(20) NOT NULL UNIQUE)"
                .to_owned()
        };
        let pair = Pair::new(engines, schema, &["t"]);
        let [a, b] = &pair.databases;
        a.run("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')");
        pair.arrives("new rows", 1 << 20);
        a.run("DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (5, 'four')");
        pair.arrives("a value of a deleted row", 1 << 20);
        a.run("UPDATE t SET u = 'five' WHERE id = 5; INSERT INTO t VALUES (6, 'four')");
        pair.arrives("a value of a changed row", 1 << 20);
        if !b.exchanges("unique values change hands") {
            continue;
        }
        a.run("UPDATE t SET u = 'x' WHERE id = 1; UPDATE t SET u = 'one' WHERE id = 2; UPDATE t SET u = 'two' WHERE id = 1");
        pair.arrives("two values", 1 << 20);
        a.run("UPDATE t SET u = 'x' WHERE id = 1; UPDATE t SET u = 'two' WHERE id = 3; UPDATE t SET u = 'three' WHERE id = 2; \
             UPDATE t SET u = 'one' WHERE id = 1",
        );
        pair.arrives("a ring", 1 << 20);
    }
}

/// Keys that the database numbers come with the numbers that they were given elsewhere, and numbering goes on.
#[test]
fn numbered_keys_keep_their_numbers() {
    for engines in pairs("identity") {
        let schema = |engine: Engine| {
            let id = engine.either(
                "INTEGER PRIMARY KEY AUTOINCREMENT",
                "int IDENTITY(1, 1) NOT NULL PRIMARY KEY",
            );
            format!("CREATE TABLE t (id {id}, v nvarchar(20) NOT NULL)")
        };
        let pair = Pair::new(engines, schema, &["t"]);
        let [a, b] = &pair.databases;
        a.run("INSERT INTO t (v) VALUES ('one'), ('two'), ('three'); DELETE FROM t WHERE v = 'two'; INSERT INTO t (v) VALUES ('four')");
        pair.arrives("numbers with a gap", 1 << 20);
        a.run("UPDATE t SET v = 'changed' WHERE id = 3");
        pair.arrives("a change", 1 << 20);
        // The database goes on behind the greatest number that a session brought.
        b.run("INSERT INTO t (v) VALUES ('here')");
        assert_eq!(
            b.lines("SELECT id FROM t WHERE v = 'here'"),
            ["5"],
            "{engines:?}"
        );
    }
}

/// What a cascade does is a change of the replica where it happens, whoever set it off: it is tracked, and travels.
#[test]
fn cascades_are_changes_of_their_replica() {
    for engines in pairs("cascades") {
        // The rows refer to each other at one side only.
        let schema = |reference| {
            format!(
                "CREATE TABLE p (id int NOT NULL PRIMARY KEY, code nvarchar(20) NOT NULL UNIQUE); \
                 CREATE TABLE c (id int NOT NULL PRIMARY KEY, code nvarchar(20) NULL{reference})"
            )
        };
        let tables = &["p", "c"];
        let cascades = " REFERENCES p (code) ON UPDATE CASCADE ON DELETE CASCADE";
        let [a, b] = [(engines[0], ""), (engines[1], cascades)]
            .map(|(engine, reference)| engine.provisioned(&schema(reference), tables));
        let pair = Pair {
            databases: [a, b],
            tables,
        };
        let [a, b] = &pair.databases;
        a.run("INSERT INTO p VALUES (1, 'one'), (2, 'two'), (3, 'three'); INSERT INTO c VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        pair.arrives("rows", 1 << 20);
        // What the destination changed by itself since then.
        let own = || {
            b.lines("SELECT id, sync_row_is_tombstone FROM c_tracking WHERE update_scope_local_id IS NULL")
        };
        assert_eq!(own(), [""; 0], "{engines:?}");
        let goes_back = |case: &str, moved: u64| {
            [a, b].iter().for_each(|db| db.settle(tables));
            let report = Session::new(b.provider("s"), a.provider("s"))
                .direction(SyncDirectionOrder::Upload)
                .run();
            let applied = report.upload().changes_applied;
            assert_eq!(applied, moved, "{case}, {engines:?}: {:?}", report.records);
            assert_eq!(a.rows(tables), b.rows(tables), "{case}, {engines:?}");
        };
        // An application's change.
        b.run("UPDATE p SET code = 'deux' WHERE id = 2");
        assert_eq!(own(), ["2 | 0"], "{engines:?}");
        goes_back("an application's update", 2);
        // A session's.
        a.run("UPDATE p SET code = 'uno' WHERE id = 1");
        let report = pair.upload(1 << 20);
        match b.engine() {
            Engine::SqlServer => {
                assert_eq!(report.records, [], "{engines:?}");
                assert_eq!(own(), ["1 | 0", "2 | 0"], "{engines:?}");
                goes_back("a session's update", 1);
            }
            // The parent waits until nobody refers to its old value.
            Engine::Sqlite => {
                let reason = &report.records[0].reason;
                assert_eq!(reason, "rows of table c still refer to its old value");
                assert_eq!(own(), ["2 | 0"], "{engines:?}");
                b.run("UPDATE c SET code = NULL WHERE id = 1");
                pair.upload(1 << 20);
                goes_back("a session's update", 1);
            }
        }
        assert_eq!(b.lines("SELECT code FROM p WHERE id = 1"), ["'uno'"]);
        // An application's deletion.
        b.run("DELETE FROM p WHERE id = 2");
        assert_eq!(own(), ["1 | 0", "2 | 1"], "{engines:?}");
        goes_back("an application's deletion", 2);
        // A session's takes nobody along who was not asked for: the parent waits until its children are gone.
        a.run("DELETE FROM p WHERE id = 3");
        let report = pair.upload(1 << 20);
        assert_eq!(report.upload().changes_failed, 1, "{engines:?}");
        assert_eq!(
            b.lines("SELECT id FROM c WHERE id = 3"),
            ["3"],
            "{engines:?}"
        );
        a.run("DELETE FROM c WHERE id = 3");
        pair.arrives("a session's deletion", 1 << 20);
    }
}
