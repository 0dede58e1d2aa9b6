//! A replica made like another one has its tables as they are, and says what it does not have.

use rusqlite::Connection;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, Provisioned, Provisioning, Tables, describe};

use crate::provisioning::choice;
use crate::support::{Db, SCOPE, query, settle};

/// A database whose scope holds `tables`, and one made like it.
fn copy(schema: &str, tables: Tables) -> (Db, Db, Provisioned) {
    let a = Db::plain(schema);
    Provisioning::new(SCOPE, tables).apply(&a.path()).unwrap();
    let b = Db::plain("");
    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    let done = Provisioning::new(SCOPE, Tables::Like(scope, template))
        .apply(&b.path())
        .unwrap();
    (a, b, done)
}

fn listed(names: &[&str]) -> Tables {
    Tables::Listed(names.iter().map(|name| choice(name, None)).collect())
}

/// The question has the same answer at both, which is not nothing; and nothing is said to be lost.
#[track_caller]
fn check(schema: &str, question: &str) {
    let (a, b, done) = copy(schema, Tables::All);
    let answer = a.query(question);
    assert!(!answer.is_empty(), "{question}");
    assert_eq!(b.query(question), answer, "{question}");
    let losses: Vec<&String> = (done.warnings.iter())
        .filter(|warning| warning.contains("taken over"))
        .collect();
    assert_eq!(losses, [""; 0]);
}

const COLUMNS: &str =
    "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo('t')";
const INDEXES: &str = "SELECT l.name, l.\"unique\", l.origin, l.partial, x.cid, x.name, x.\"desc\", x.coll FROM pragma_index_list('t') l, \
                       pragma_index_xinfo(l.name) x ORDER BY l.name, x.seqno";
const KEYS: &str = "SELECT * FROM pragma_foreign_key_list('t') ORDER BY id, seq";
const KIND: &str = "SELECT type, ncol, wr, strict FROM pragma_table_list('t')";
const STATEMENTS: &str =
    "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 't' AND type <> 'trigger' ORDER BY name";

#[test]
fn every_feature_of_a_table() {
    for (schema, question) in [
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v DECIMAL(10,2) NOT NULL, w)",
            COLUMNS,
        ),
        (
            "CREATE TABLE t (b INT NOT NULL, a TEXT NOT NULL, PRIMARY KEY (a DESC, b))",
            COLUMNS,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a DEFAULT 1, b DEFAULT 'it''s', c DEFAULT (1 + 2), d DEFAULT CURRENT_TIMESTAMP)",
            COLUMNS,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b AS (a * 2) STORED, c GENERATED ALWAYS AS (a + 1) VIRTUAL)",
            COLUMNS,
        ),
        (
            "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, v) WITHOUT ROWID",
            KIND,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w ANY) STRICT",
            KIND,
        ),
        (
            "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, v ANY) WITHOUT ROWID, STRICT",
            KIND,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
            "SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
            STATEMENTS,
        ),
        (
            "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, v TEXT COLLATE RTRIM UNIQUE, w COLLATE NOCASE)",
            INDEXES,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE)",
            STATEMENTS,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, CONSTRAINT both UNIQUE (a, b) ON CONFLICT IGNORE)",
            INDEXES,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), b, CONSTRAINT c CHECK (b <> 'x' OR a > 9))",
            STATEMENTS,
        ),
        // SQLite takes a name in double quotes that names nothing for a string.
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a CHECK (a <> \"abc\"), b DEFAULT \"abc\")",
            STATEMENTS,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE INDEX one ON t (a DESC, b COLLATE NOCASE)",
            INDEXES,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE UNIQUE INDEX one ON t (lower(a)); CREATE INDEX two ON t (a || ',' || b)",
            INDEXES,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE UNIQUE INDEX one ON t (a) WHERE b IS NOT NULL",
            STATEMENTS,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX \"odd \"\"name\" ON /* about it */ t (a)",
            INDEXES,
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE, \
             q REFERENCES p (u) ON UPDATE SET NULL ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED, r REFERENCES t (id) MATCH FULL)",
            KEYS,
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
            STATEMENTS,
        ),
        (
            "CREATE TABLE t -- what it is\n (id /* key */ INTEGER PRIMARY KEY, [a b] \"odd type\", `c` TEXT)",
            STATEMENTS,
        ),
        (
            "PRAGMA user_version = 7; PRAGMA application_id = 252006; CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "SELECT * FROM pragma_user_version, pragma_application_id",
        ),
    ] {
        check(schema, question);
        // Whatever is asked about: tables and indexes are the same text.
        check(schema, STATEMENTS);
        check(schema, COLUMNS);
    }
}

/// What cannot be had is named, and the copy can be used: nothing refers to what is not there.
#[track_caller]
fn check_loss(schema: &str, tables: Tables, named: &[&str], question: &str, answer: &[&str]) {
    let (a, b, done) = copy(schema, tables);
    let losses: Vec<&String> = (done.warnings.iter())
        .filter(|warning| warning.contains("taken over"))
        .collect();
    assert_eq!(losses.len(), 1, "{schema}: {:?}", done.warnings);
    assert!(
        named.iter().all(|name| losses[0].contains(name)),
        "{losses:?}"
    );
    assert_eq!(b.query(question), answer, "{question}");
    a.assert_sound();
    b.assert_sound();
}

#[test]
fn what_is_not_taken_over_is_named() {
    let check = check_loss;
    let t = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), b)";
    let checks =
        "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%CHECK (a > 0)%' AND name = 't'";
    check(
        &format!("{t}; CREATE TRIGGER mine AFTER INSERT ON t BEGIN SELECT 1; END"),
        Tables::All,
        &["trigger mine of table t"],
        checks,
        &["1"],
    );
    check(
        &format!("{t}; CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT 1"),
        Tables::All,
        &["views", "v, w"],
        checks,
        &["1"],
    );
    check(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), p REFERENCES p ON DELETE CASCADE NOT NULL)",
        listed(&["t"]),
        &["foreign key (p) of table t", "p is not in the scope"],
        "SELECT (SELECT count(*) FROM pragma_foreign_key_list('t')), group_concat(\"notnull\") FROM pragma_table_info('t')",
        &["0|0,0,1"],
    );
    check(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), p, u REFERENCES t, \
         CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id))",
        listed(&["t"]),
        &["foreign key (p) of table t"],
        "SELECT \"table\" FROM pragma_foreign_key_list('t')",
        &["t"],
    );
    let two = |columns: &[&str]| Tables::Listed(vec![choice("t", Some(columns))]);
    check(
        &format!("{t}; CREATE INDEX over ON t (b, a)"),
        two(&["a"]),
        &["index over of table t", "no such column: b"],
        checks,
        &["1"],
    );
    check(
        &format!("{t}; CREATE INDEX over ON t (a) WHERE \"b\" > 0"),
        two(&["a"]),
        &["index over of table t"],
        checks,
        &["1"],
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), b, c AS (b + 1), d AS (a + 1))",
        two(&["a"]),
        &["generated column c of table t", "column b"],
        "SELECT name FROM pragma_table_xinfo('t')",
        &["id", "a", "d"],
    );
    check(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b, CHECK (a <> b))",
        two(&["a"]),
        &["table t is made of what is known of its columns"],
        "SELECT \"unique\" FROM pragma_index_list('t')",
        &["1"],
    );
}

/// The other database's programs have a collation and a function that are not known here.
#[test]
fn what_only_an_application_has() {
    let a = Db::plain("");
    let app = a.open();
    app.create_collation("odd", |a: &str, b: &str| b.cmp(a))
        .unwrap();
    app.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE odd, b INT CHECK (b > 0)); CREATE INDEX by_b ON t (b);
         CREATE INDEX by_a ON t (a)",
    )
    .unwrap();
    Provisioning::new(SCOPE, Tables::All)
        .apply(&a.path())
        .unwrap();
    let b = Db::plain("");
    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    let done = Provisioning::new(SCOPE, Tables::Like(scope, template))
        .apply(&b.path())
        .unwrap();
    assert_eq!(done.warnings.len(), 1, "{:?}", done.warnings);
    assert!(done.warnings[0].contains("collation odd in table t"));
    assert_eq!(
        b.query("SELECT name FROM pragma_index_list('t') ORDER BY 1"),
        ["by_a", "by_b"]
    );
    app.execute("INSERT INTO t VALUES (1, 'x', 1)", []).unwrap();
    assert!(
        b.open()
            .execute("INSERT INTO t VALUES (1, 'x', 0)", [])
            .is_err(),
        "the CHECK is there"
    );
}

/// Tables have the names here that their global names give them, in whatever refers to them.
#[test]
fn tables_that_are_called_otherwise_here() {
    let mut tables = vec![choice("p", None), choice("t", None)];
    // They even change places.
    tables[0].global_name = Some("[t]".to_owned());
    tables[1].global_name = Some("[p]".to_owned());
    let schema = "CREATE TABLE p (id INTEGER PRIMARY KEY, a CHECK (p.a > 0)); CREATE INDEX i ON p (a);
                  CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES p (id) ON DELETE CASCADE, CHECK (t.id < 100))";
    let (a, b, done) = copy(schema, Tables::Listed(tables));
    assert_eq!(done.warnings, [""; 0]);
    assert_eq!(
        b.query("SELECT \"table\", on_delete FROM pragma_foreign_key_list('p')"),
        ["t|CASCADE"]
    );
    assert_eq!(
        b.query("SELECT tbl_name FROM sqlite_schema WHERE name = 'i'"),
        ["t"]
    );
    a.execute("INSERT INTO p VALUES (1, 5); INSERT INTO t VALUES (7, 1)");
    crate::support::sync(&a, &b);
    assert_eq!(
        b.query("SELECT p.id, up, a FROM p JOIN t ON t.id = up"),
        ["7|1|5"]
    );
    assert!(
        b.open()
            .execute("INSERT INTO p (id) VALUES (100)", [])
            .is_err()
    );
    assert!(b.open().execute("INSERT INTO t VALUES (2, 0)", []).is_err());
}

/// The schema table of a file that nobody vouches for can hold any text. Nothing of it is run but what makes a table or an index.
#[test]
fn hostile_statements() {
    let mut tried = 0;
    let folder = Db::plain("");
    let stolen = folder.path().with_file_name("stolen.db");
    let attach = format!("ATTACH '{}' AS s", stolen.display());
    for hostile in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); DROP TABLE t",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v) STRICT; PRAGMA writable_schema = 1",
        "CREATE TABLE t AS WITH RECURSIVE n (id, v) AS (SELECT 1, 1 UNION ALL SELECT id + 1, 1 FROM n) SELECT * FROM n",
        "CREATE TEMP TABLE t (id INTEGER PRIMARY KEY, v)",
        "CREATE TABLE other (id INTEGER PRIMARY KEY, v)",
        "DELETE FROM t",
        "VACUUM INTO 'stolen.db'",
        &attach,
        "",
    ] {
        // As the other database's connection sees it, before it would be read from the file.
        let a =
            Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'x')");
        a.open()
            .execute_batch(&format!(
                "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '{}' WHERE name = 't'; PRAGMA writable_schema = OFF",
                hostile.replace('\'', "''")
            ))
            .unwrap();
        let Ok((scope, template)) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT) else {
            // SQLite does not open such a file.
            continue;
        };
        tried += 1;
        let b =
            Db::plain("CREATE TABLE mine (id INTEGER PRIMARY KEY); INSERT INTO mine VALUES (1)");
        let done = Provisioning::new(SCOPE, Tables::Like(scope, template)).apply(&b.path());
        if done.is_ok() {
            assert_eq!(
                b.query("SELECT name FROM pragma_table_info('t')"),
                ["id", "v"],
                "{hostile}"
            );
        }
        assert_eq!(b.query("SELECT * FROM mine"), ["1"], "{hostile}");
        assert!(!stolen.exists(), "{hostile}");
        assert_eq!(b.query("PRAGMA integrity_check"), ["ok"]);
    }
    assert!(tried > 0, "SQLite itself keeps all of them away");
}

#[test]
fn a_script_of_statements_with_comments() {
    let a =
        Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE INDEX i ON t (v) -- ends here");
    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    let missing = a.path().with_file_name("new.db");
    let script = Provisioning::new(SCOPE, Tables::Like(scope, template))
        .script(&missing)
        .unwrap();
    assert!(!missing.exists());
    let b = Connection::open(&missing).unwrap();
    b.execute_batch(&script.join(";\n")).unwrap();
    assert_eq!(
        query(
            &b,
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('t', 'i', 't_insert_trigger')"
        ),
        ["3"]
    );
}

/// The prefix of the other side's metadata comes along: its tables may be named like metadata without one.
#[test]
fn a_prefix_comes_along() {
    let a = Db::plain(
        "CREATE TABLE scope_info (id INTEGER PRIMARY KEY, v); INSERT INTO scope_info VALUES (1, 'x')",
    );
    let mut provisioning = Provisioning::new(SCOPE, Tables::All);
    provisioning.object_prefix = Some("pre".to_owned());
    provisioning.apply(&a.path()).unwrap();
    let b = a.like();
    crate::support::sync(&a, &b);
    assert_eq!(b.query("SELECT * FROM scope_info"), ["1|x"]);
    assert_eq!(b.number("SELECT count(*) FROM pre_scope_info"), 1);

    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    let mut provisioning = Provisioning::new(SCOPE, Tables::Like(scope, template));
    provisioning.object_prefix = None;
    let c = a.path().with_file_name("c.db");
    let error = provisioning
        .apply(&c)
        .expect_err("the names meet")
        .to_string();
    assert!(
        error.contains("table scope_info: its name is taken"),
        "{error}"
    );
    assert!(!c.exists(), "what was created is gone again");
}

#[test]
fn names_that_are_taken_here() {
    let a = Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE INDEX i ON t (v)");
    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    for (taken, named) in [
        ("CREATE VIEW t AS SELECT 1", "table t: its name is taken"),
        (
            "CREATE TABLE i (x)",
            "index i of table t: its name is taken",
        ),
        ("CREATE TABLE T_tracking (x)", "object t_tracking"),
    ] {
        let b = Db::plain(taken);
        let before = std::fs::read(b.path()).unwrap();
        let provisioning = Provisioning::new(SCOPE, Tables::Like(scope.clone(), template.clone()));
        let error = provisioning.apply(&b.path()).expect_err(taken).to_string();
        assert!(error.contains(named), "{error}");
        assert!(before == std::fs::read(b.path()).unwrap());
    }
}

/// A table that is here already stays as it is.
#[test]
fn tables_that_are_here() {
    let a = Db::new(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a CHECK (a > 0)); CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES p); CREATE INDEX i ON p (a)",
    );
    let b = Db::plain("CREATE TABLE p (id INTEGER PRIMARY KEY, a, own)");
    let (scope, template) = describe(&a.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
    Provisioning::new(SCOPE, Tables::Like(scope, template))
        .apply(&b.path())
        .unwrap();
    assert_eq!(
        b.query("SELECT \"table\" FROM pragma_foreign_key_list('t')"),
        ["p"]
    );
    assert_eq!(
        b.query("SELECT count(*) FROM pragma_index_list('p')"),
        ["0"]
    );
    a.execute("INSERT INTO p VALUES (1, 5); INSERT INTO t VALUES (7, 1)");
    crate::support::sync(&a, &b);
    assert_eq!(b.query("SELECT * FROM p"), ["1|5|NULL"]);
}

#[test]
fn copies_of_copies() {
    let a = Db::new(
        "CREATE TABLE p (id TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, n INT CHECK (n > 0), twice AS (n * 2)) WITHOUT ROWID;
         CREATE TABLE t (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON DELETE CASCADE, u TEXT, CHECK (u <> 'x')) STRICT;
         CREATE UNIQUE INDEX i ON t (lower(u)) WHERE p IS NOT NULL;
         INSERT INTO p VALUES ('P', 3); INSERT INTO t VALUES (1, 'p', 'U')",
    );
    let b = a.like();
    let c = b.like();
    let all = "SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'index') ORDER BY name";
    assert_eq!(a.query(all), b.query(all));
    assert_eq!(a.query(all), c.query(all));
    settle(&a, &b);
    settle(&b, &c);
    c.execute("PRAGMA foreign_keys = ON; INSERT INTO p VALUES ('Q', 1); INSERT INTO t VALUES (2, 'q', 'V'); DELETE FROM p WHERE id = 'P'");
    settle(&c, &b);
    settle(&b, &a);
}

/// Children may come before their parents in a scope, and refer to each other.
#[test]
fn tables_in_any_order() {
    let schema = "CREATE TABLE a (id INTEGER PRIMARY KEY, b REFERENCES b ON DELETE CASCADE, CHECK (id > 0));
                  CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a DEFERRABLE INITIALLY DEFERRED, gone REFERENCES gone, CHECK (id > 0))";
    for order in [["a", "b"], ["b", "a"]] {
        let (a, b, done) = copy(schema, listed(&order));
        assert_eq!(done.warnings.len(), 1, "{:?}", done.warnings);
        assert!(done.warnings[0].contains("foreign key (gone) of table b"));
        let question = "SELECT name, sql FROM sqlite_schema WHERE name = 'a'";
        assert_eq!(a.query(question), b.query(question));
        assert_eq!(
            b.query("SELECT \"table\" FROM pragma_foreign_key_list('b')"),
            ["a"]
        );
        assert_eq!(b.number("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%CHECK (id > 0)%' AND name IN ('a', 'b')"), 2);
    }
}
